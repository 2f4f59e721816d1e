/**
 * What the application asks for, and what the person gives: folders, rights that it cannot start without, and optional
 * ones, each in full or narrowed. Nothing is given by this dialog but what it lists.
 */

import { fill, h, unique, type Child } from '../dom';
import { Failure, type Ask, type Check, type CheckedMount, type Environment } from '../kernel';
import { unopened, type Folder } from '../folder';
import type { Session } from '../session';
import { bytes, counted, list, plain } from '../format';
import { dialog } from './dialog';
import { address, labels } from './verdict';
import { icons } from './icons';

type Out = 'opfs' | FileSystemDirectoryHandle;

/** Whether a right to connect is the last word: what connecting alone scores lies over the threshold of prod only. */
const AGAIN: Record<Environment, string> = {
  dev: 'In dev you are not asked again: what scores too high is refused.',
  staging: 'In staging you are asked again only if labels that it carries make it score too high.',
  prod: 'In prod you are asked again when it connects.',
};

export function consent(session: Session, folder: Folder): void {
  const check = session.check;
  if (!check) return;
  if (check.problems.length > 0) return problems(check);
  const title = ['What ', h('b', null, plain(check.app, 64)), ' ', h('span', { class: 'muted' }, plain(check.version, 32)), ' asks for'];
  const { body, foot, close } = dialog(title, { class: 'consent' });
  let out: Out = 'opfs';
  const optional = check.asks.filter((ask) => ask.optional).map((ask) => new Optional(ask, session));
  const required = check.asks.filter((ask) => !ask.optional && !ofMount(ask.right, check));
  const problem = h('p', { class: 'form-error', role: 'alert' });
  const give = h('button', { type: 'submit', class: 'button is-primary', form: 'consent-form' }, 'Give this and run');

  const form = h('form', { id: 'consent-form', novalidate: true, on: { submit: (event) => { event.preventDefault(); void accept(); } } },
    h('p', { class: 'lead' }, plain(check.description, 300), '. It gets what is listed here, for this run, and nothing else.'),
    section('Folders', check.mounts.map((mount) => mountRow(mount, check, folder, (chosen) => { out = chosen; }))),
    required.length ? section('Rights that it cannot start without', required.map(requiredRow)) : null,
    section('Rights that it can do without', optional.length ? optional.map((one) => one.element)
      : [h('p', { class: 'muted' }, 'It asks for none.')]),
    h('details', { class: 'more' }, h('summary', null, `Every right of each of its ${check.agents.length} agents`), everyRight(check)),
    problem);
  body.append(form);
  foot.append(h('button', { type: 'button', class: 'button', on: { click: close } }, 'Cancel'), give);

  async function accept(): Promise<void> {
    const chosen = optional.filter((one) => one.on);
    if (!chosen.every((one) => one.complete())) return;
    const allow = [...required.map((ask) => ask.right), ...chosen.map((one) => one.right)];
    give.disabled = true;
    try {
      const answer = await session.consider(allow, check!.mounts.map((mount) => mount.name));
      const lacking = answer.asks.filter((ask) => !ask.optional && !ask.given);
      const idle = chosen.filter((one) => answer.asks.some((ask) => ask.right === one.ask.right && !ask.given));
      if (lacking.length) throw new Failure('missing_rights', `Still missing: ${list(lacking.map((ask) => ask.right))}.`);
      if (idle.length) return idle[0]!.say('This lies outside of what is asked for, so it would give nothing.');
    } catch (error) {
      const { message } = Failure.of(error);
      if (chosen.length === 1) chosen[0]!.say(message);
      else fill(problem, plain(message, 400));
      return;
    } finally {
      give.disabled = false;
    }
    close();
    void session.begin(folder, allow, out);
  }
}

/** What is wrong with the application, as a compiler would say it. */
function problems(check: Check): void {
  const { body, foot, close } = dialog(['weft.toml of ', h('b', null, plain(check.app || 'the application', 64)), ' has ', check.problems.length === 1 ? 'a problem' : 'problems'], {});
  body.append(h('ul', { class: 'reasons' }, check.problems.map((one) => h('li', { class: 'is-deny' },
    h('code', null, `weft.toml:${one.line}${one.key ? ` ${plain(one.key, 80)}` : ''}`), ' ', plain(one.text, 400), one.hint ? h('span', { class: 'muted' }, ` ${plain(one.hint, 300)}`) : null))));
  foot.append(h('button', { type: 'button', class: 'button', on: { click: close } }, 'Close'));
}

function section(title: string, rows: Child[]): HTMLElement {
  return h('section', { class: 'consent-section' }, h('h3', null, title), h('div', { class: 'consent-rows' }, rows));
}

/** Whether binding a mount of the application gives this right. */
function ofMount(right: string, check: Check): boolean {
  const mount = /^\S+ \/fs\/([^/]+)/.exec(right)?.[1];
  return check.mounts.some((one) => one.name === mount);
}

function who(right: string, check: Check): string {
  return list(check.asks.filter((ask) => ask.right.includes(` /fs/${right}/`)).flatMap((ask) => ask.agents).filter((name, i, all) => all.indexOf(name) === i));
}

function mountRow(mount: CheckedMount, check: Check, folder: Folder, choose: (out: Out) => void): HTMLElement {
  const reads = mount.mode === 'read';
  const verbs = check.asks.filter((ask) => ask.right.includes(` /fs/${mount.name}/`)).map((ask) => ask.right.split(' ')[0]!);
  const agents = who(mount.name, check);
  const size = folder.files === null ? '' : ` ${counted(folder.files, 'file')}, ${bytes(folder.bytes ?? 0)}`;
  return h('div', { class: 'consent-row' },
    h('div', { class: 'consent-what' }, h('code', null, `/fs/${plain(mount.name, 64)}`), h('span', { class: `tag ${reads ? '' : 'is-write'}` }, reads ? 'read only' : 'read and write')),
    h('div', { class: 'consent-how' },
      reads ? h('p', null, icons.folder(), h('bdi', null, h('b', null, plain(folder.name, 120))), h('span', { class: 'muted' }, size)) : outChoice(choose),
      h('p', { class: 'muted' }, agents ? `${agents}: ${list([...new Set(verbs)])}. ` : 'No agent uses it. ',
        reads ? 'Never written to.' : null,
        reads && folder.partial ? ' The browser shows a page no files whose names hold characters such as < > : " | ? *; drop the folder to have all of them.' : null,
        reads && folder.closed.length ? h('span', { class: 'is-closed' }, ` ${unopened(folder)}`) : null,
        mount.clearance.length ? [' Cleared for ', labels(mount.clearance)] : null,
        mount.labels.length ? [' What is read carries ', labels(mount.labels)] : null)));
}

function outChoice(choose: (out: Out) => void): HTMLElement {
  const name = unique('out');
  const said = h('span', { class: 'muted' });
  const input = (value: string, checked: boolean) => h('input', { type: 'radio', name, value, checked });
  const here = input('opfs', true);
  const own = input('folder', false);
  own.addEventListener('change', async () => {
    try {
      const handle = await window.showDirectoryPicker({ id: 'weft-out', mode: 'readwrite' });
      choose(handle);
      said.textContent = `: ${plain(handle.name, 80)}`;
    } catch {
      here.checked = true;
      choose('opfs');
    }
  });
  here.addEventListener('change', () => { choose('opfs'); said.textContent = ''; });
  return h('fieldset', { class: 'choice' }, h('legend', { class: 'sr' }, 'Where it writes'),
    h('label', null, here, 'this browser\u2019s private storage'),
    'showDirectoryPicker' in window ? h('label', null, own, 'a folder of yours', said) : null);
}

function requiredRow(ask: Ask): HTMLElement {
  return h('div', { class: 'consent-row' },
    h('div', { class: 'consent-what' }, address(ask.right, 300)),
    h('div', { class: 'consent-how' }, h('p', null, plain(list(ask.agents), 200))));
}

/** One optional right: off until it is given, and best given for one place. */
class Optional {
  readonly element: HTMLElement;
  private readonly box: HTMLInputElement;
  private readonly input: HTMLInputElement;
  private readonly error: HTMLElement;
  private readonly stem: string;

  constructor(readonly ask: Ask, session: Session) {
    const [verb = '', pattern = ''] = ask.right.split(' ');
    const net = pattern.startsWith('/net/');
    const open = pattern.endsWith('**');
    this.stem = open ? `${verb} ${pattern.slice(0, -2)}` : ask.right;
    const [note, error] = [unique('note'), unique('error')];
    this.box = h('input', { type: 'checkbox' });
    this.input = h('input', {
      type: 'text', class: 'input', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', disabled: true,
      value: net ? '' : open ? '**' : '', placeholder: net ? 'host:port' : '',
      'aria-label': net ? 'Host and port' : 'Which part of it', 'aria-describedby': `${note} ${error}`,
    });
    this.error = h('p', { class: 'form-error', id: error, role: 'alert' });
    this.box.addEventListener('change', () => {
      this.input.disabled = !this.box.checked;
      this.say('');
      if (this.box.checked) this.input.focus();
    });
    this.input.addEventListener('input', () => this.say(''));
    const hint = net
      ? session.profile?.net === false
        ? 'This host has no network, so it would be refused as unsupported.'
        : `A tab reaches out by fetch: the other side has to allow this page (CORS). ${AGAIN[session.environment]}`
      : 'In full, or narrowed to a part.';
    this.element = h('div', { class: 'consent-row' },
      h('div', { class: 'consent-what' }, h('label', { class: 'check' }, this.box, h('span', null, 'Give ', address(ask.right, 300)))),
      h('div', { class: 'consent-how' },
        h('p', null, plain(list(ask.agents), 200), h('span', { class: 'muted' }, ' starts without it too.')),
        open ? h('div', { class: 'narrow' }, h('code', { 'aria-hidden': 'true' }, plain(this.stem, 200)), this.input) : null,
        h('p', { class: 'muted', id: note }, hint),
        this.error));
  }

  get on(): boolean {
    return this.box.checked;
  }

  get right(): string {
    return this.stem === this.ask.right ? this.ask.right : `${this.stem}${this.input.value.trim()}`;
  }

  complete(): boolean {
    if (this.stem === this.ask.right || this.input.value.trim()) return true;
    this.say('Say where to, as host:port. ** is everywhere.');
    return false;
  }

  say(error: string): void {
    fill(this.error, plain(error, 400));
    if (error) this.input.setAttribute('aria-invalid', 'true');
    else this.input.removeAttribute('aria-invalid');
    if (error) this.input.focus();
  }
}

function everyRight(check: Check): HTMLElement {
  return h('dl', { class: 'rights' }, check.agents.map((agent) => [
    h('dt', null, plain(agent.name, 64)),
    h('dd', null, [...agent.use, ...agent.grant.map((right) => `grant ${right}`)].map((right) => address(right, 200)),
      agent.optional.map((right) => address(`${right} (optional)`, 220, 'is-optional'))),
  ]));
}
