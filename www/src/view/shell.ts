/** What stands around every view: tabs, the line of state below, announcements, the failure that ends it all. */

import { attribute, fill, h, say, toggle } from '../dom';
import { Failure } from '../kernel';
import type { Session } from '../session';
import { count, plain } from '../format';
import { save, saveEvents } from './save';
import { icons, mark } from './icons';
import { themeSwitch } from './theme';

export const TABS = ['run', 'report', 'log', 'tree', 'host'] as const;
export type TabName = (typeof TABS)[number];
const NAMES: Record<TabName, string> = { run: 'Run', report: 'Report', log: 'Log', tree: 'Tree', host: 'Host' };

export class Shell {
  current: TabName = 'run';
  private readonly tabs = new Map<TabName, HTMLButtonElement>();
  private readonly badges = new Map<TabName, HTMLElement>();
  readonly panels = new Map<TabName, HTMLElement>();
  private readonly status = { dot: h('span', { class: 'dot', 'aria-hidden': 'true' }), kernel: h('span'), storage: h('span'), size: h('span'), seal: h('span'), environment: h('span') };
  private readonly environment = document.createTextNode('');
  private readonly toast = h('div', { class: 'toast', hidden: true });

  constructor(private readonly session: Session, private readonly shown: (tab: TabName) => void) {
    const list = h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Views', on: { keydown: (event) => this.move(event) } });
    const main = h('main', { id: 'main' });
    for (const name of TABS) {
      const badge = h('span', { class: 'badge', 'data-n': '0' });
      const tab = h('button', { type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': `panel-${name}`, class: 'tab', on: { click: () => this.show(name) } }, NAMES[name], badge);
      const panel = h('div', { role: 'tabpanel', id: `panel-${name}`, 'aria-labelledby': `tab-${name}`, class: `view view-${name}` });
      this.tabs.set(name, tab);
      this.badges.set(name, badge);
      this.panels.set(name, panel);
      list.append(tab);
      main.append(panel);
    }
    const polite = h('div', { class: 'sr', role: 'status', 'aria-live': 'polite' });
    const urgent = h('div', { class: 'sr', role: 'alert', 'aria-live': 'assertive' });
    session.onAnnounce((text, how) => this.announce(plain(text, 300), how === 'quiet' ? polite : urgent, how === 'shown'));
    const { dot, kernel, storage, size, seal, environment } = this.status;
    document.body.replaceChildren(
      h('a', { class: 'skip', href: '#main' }, 'Skip to the content'),
      h('header', { class: 'top' }, h('div', { class: 'brand' }, mark(), h('span', null, 'weft')), list, themeSwitch(() => session.changed())),
      main,
      h('footer', { class: 'status', 'aria-label': 'State of the kernel' },
        h('span', { class: 'status-kernel' }, dot, kernel), storage, size, seal, h('span', { class: 'status-space' }), environment),
      h('div', { class: 'drop-veil', 'aria-hidden': 'true' }, h('p', null, icons.folder(), 'Drop the folder or the receipt anywhere')),
      this.toast, polite, urgent);
    storage.className = 'status-storage';
    size.className = 'status-size';
    seal.className = 'status-seal';
    environment.className = 'status-environment';
    environment.append(h('span', null, 'environment '), this.environment);
    this.mark();
  }

  show(name: TabName): void {
    this.current = name;
    this.mark();
    this.shown(name);
  }

  update(): void {
    const { session } = this;
    const { stage, profile, owner, log, verified, report, refusals } = session;
    const { dot, kernel, storage, size, seal } = this.status;
    attribute(dot, 'data-state', stage === 'failed' ? 'failed' : stage === 'booting' ? 'waits' : 'lives');
    const attached = owner !== null && !owner.owner;
    say(kernel, stage === 'failed' ? gone(session) : stage === 'booting' ? 'kernel boots' : attached ? 'attached to another tab\u2019s kernel' : 'kernel runs in this tab');
    say(storage, !profile ? '' : profile.durability === 'memory' ? 'in memory only' : profile.persisted ? 'kept in this browser' : 'stored in this browser');
    toggle(storage, 'is-warn', profile?.durability === 'memory');
    say(size, log.size ? `${count(log.size)} events` : '');
    say(seal, verified ? (verified.ok ? 'verified' : 'does not verify') : '');
    attribute(seal, 'data-state', verified ? (verified.ok ? 'ok' : 'bad') : null);
    say(this.environment, session.summary?.environment || session.environment);
    this.badge('run', session.stage === 'running' || session.stage === 'ended' ? refusals : 0, refusals === 1 ? 'refusal' : 'refusals');
    this.badge('report', report?.contents?.secrets.found ?? 0, 'secrets');
    this.tabs.get('run')!.dataset.live = String(stage === 'running');
    document.title = title(session);
  }

  private badge(name: TabName, n: number, what: string): void {
    const badge = this.badges.get(name)!;
    if (badge.dataset.n === String(n)) return;
    badge.dataset.n = String(n);
    fill(badge, n > 0 ? [n > 999 ? '999+' : count(n), h('span', { class: 'sr' }, ` ${what}`)] : null);
  }

  private mark(): void {
    for (const name of TABS) {
      const on = name === this.current;
      attribute(this.tabs.get(name)!, 'aria-selected', String(on));
      attribute(this.tabs.get(name)!, 'tabindex', on ? '0' : '-1');
      attribute(this.panels.get(name)!, 'hidden', on ? null : '');
      // Its box is there still.
      attribute(this.panels.get(name)!, 'aria-hidden', on ? null : 'true');
    }
  }

  private move(event: KeyboardEvent): void {
    const at = TABS.indexOf(this.current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const name = TABS[(to + TABS.length) % TABS.length]!;
    this.show(name);
    this.tabs.get(name)!.focus();
  }

  private timer = 0;
  private announce(text: string, region: HTMLElement, shown: boolean): void {
    // The same words twice are only read twice if the region was empty in between.
    region.textContent = '';
    setTimeout(() => { region.textContent = text; }, 30);
    if (!shown) return;
    clearTimeout(this.timer);
    fill(this.toast, h('p', null, text), h('button', { type: 'button', class: 'icon-button', 'aria-label': 'Dismiss', on: { click: () => { this.toast.hidden = true; } } }, icons.close()));
    this.toast.hidden = false;
    this.timer = window.setTimeout(() => { this.toast.hidden = true; }, 8_000);
  }
}

/** Why there is no kernel. */
function gone({ crashed, failure }: Session): string {
  if (failure?.code === 'conflict') return 'kernel runs in another environment';
  if (crashed) return 'kernel crashed';
  return failure?.code === 'stopped' ? 'kernel was shut down' : 'kernel did not boot';
}

function title({ stage, run, questions }: Session): string {
  if (questions.length) return `(${questions.length}) ${plain(questions[0]!.name, 32)} asks \u2013 weft`;
  if (stage === 'running' && run) return `${plain(run.app, 32)} runs \u2013 weft`;
  if (stage === 'ended' && run) return `${plain(run.app, 32)} ${run.ended?.ok ? 'is done' : 'failed'} \u2013 weft`;
  return 'weft';
}

const ADVICE: Record<string, string> = {
  storage: 'The browser refused the storage that the log needs, or has no room left. Free some space, or leave a private window, and try again. Nothing that was recorded is lost.',
  unsupported: 'This browser lacks something that the kernel cannot do without. A current Chromium, Firefox or Safari may have it.',
  crashed: 'Nothing runs any more, and nothing that was acknowledged is lost. Save what was recorded if you want to look into it, then boot again.',
  stopped: 'Nothing runs any more, and all that was recorded is stored. Start it again to go on from there.',
  boot: 'Either a part of the kernel could not be loaded, or it does not go on with a log that it cannot trust: the line above says which. Nothing that was recorded was changed.',
  conflict: 'Another tab took the kernel over in another environment. What was recorded is in its log; boot again to be attached to it.',
};

/** In the place of everything else, when there is no kernel. */
export class FailureView {
  private readonly heading = h('h1', { tabindex: -1 });
  private readonly code = h('p', { class: 'failure-code' });
  private readonly text = h('p', { class: 'failure-text' });
  private readonly advice = h('p', { class: 'muted' });
  private readonly again = h('button', { type: 'button', class: 'button is-primary', on: { click: () => location.reload() } });
  private readonly export = h('button', { type: 'button', class: 'button', on: { click: () => void saveEvents(this.session.log.entries) } }, icons.down(), 'Save what was read of the log');
  private readonly database = h('button', { type: 'button', class: 'button', on: { click: () => void this.saveAll() } }, icons.down(), 'Save all that was recorded');
  readonly element = h('div', { class: 'failure' }, this.code, this.heading, this.text, this.advice,
    h('div', { class: 'zone-actions' }, this.again, this.database, this.export));

  constructor(private readonly session: Session) {}

  focus(): void {
    this.heading.focus();
  }

  update(): void {
    const { failure, crashed, log } = this.session;
    if (!failure) return;
    const stopped = failure.code === 'stopped';
    say(this.heading, failure.code === 'conflict' ? 'The kernel runs in another environment' : crashed ? 'The kernel crashed' : stopped ? 'The kernel was shut down' : 'The kernel did not boot');
    say(this.again, stopped ? 'Start it again' : 'Boot again');
    say(this.code, plain(failure.code, 32));
    say(this.text, plain(failure.message, 600));
    say(this.advice, ADVICE[failure.code] ?? '');
    this.export.hidden = log.entries.length === 0;
    this.database.hidden = failure.recorded === null || this.session.profile?.durability !== 'disk';
  }

  /** The database, which `weft chain verify` reads on a machine. */
  private async saveAll(): Promise<void> {
    try {
      const recorded = await this.session.failure?.recorded?.();
      if (recorded) save('weft.redb', new Uint8Array(await recorded.arrayBuffer()), 'application/octet-stream');
    } catch (error) {
      say(this.advice, plain(Failure.of(error).message, 600));
    }
  }
}
