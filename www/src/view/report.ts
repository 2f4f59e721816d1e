/** The report, drawn of what `report.json` holds: every text in it is text. What it was made into for people elsewhere can be saved. */

import { fill, h, type Child } from '../dom';
import type { Contents, Package, Report } from '../report';
import type { Session } from '../session';
import { unopened } from '../folder';
import { bytes, count, counted, plain } from '../format';
import { save } from './save';
import { icons } from './icons';
import { address, sentence } from './verdict';

const ROWS = 100;

export class ReportView {
  readonly element = h('div', { class: 'report' });
  private shown: Report | null | undefined = undefined;

  constructor(private readonly session: Session, private readonly open: { run(): void; log(action: number): void }) {}

  focus(): void {
    this.element.querySelector<HTMLElement>('h1')?.focus();
  }

  update(): void {
    const { report } = this.session;
    if (report === this.shown) return;
    this.shown = report;
    if (!report) {
      fill(this.element, h('div', { class: 'nothing' }, h('h1', { tabindex: -1 }, 'No report yet'),
        h('p', { class: 'muted' }, 'The reporter writes it when every agent has spoken.'),
        h('button', { type: 'button', class: 'button', on: { click: () => this.open.run() } }, 'To the run')));
      return;
    }
    const files = h('div', { class: 'report-files' },
      report.markdown ? h('button', { type: 'button', class: 'button', on: { click: () => save('report.md', report.markdown!, 'text/markdown') } }, icons.down(), 'report.md') : null,
      report.json ? h('button', { type: 'button', class: 'button', on: { click: () => save('report.json', report.json!, 'application/json') } }, icons.down(), 'report.json') : null);
    const head = h('div', { class: 'report-head' }, h('h1', { tabindex: -1 }, 'Repository audit'), this.session.run ? null : h('span', { class: 'muted report-of' }, 'of an earlier run'), files);
    if (!report.contents) {
      const text = report.markdown ? new TextDecoder().decode(report.markdown) : '';
      fill(this.element, head, h('p', { class: 'muted' }, 'report.json is not in a form that this page knows. This is report.md as it stands.'),
        h('pre', { class: 'raw', tabindex: 0 }, text.split('\n').map((line) => `${plain(line, 2000)}\n`)));
      return;
    }
    fill(this.element, head, this.body(report.contents));
  }

  private body(contents: Contents): Child[] {
    const { scanned, secrets, hygiene, languages, packages } = contents;
    const lines = languages.reduce((sum, one) => sum + one.lines, 0);
    const dependencies = packages.reduce((sum, one) => sum + one.dependencies.length, 0);
    const figure = (n: Child, what: string, state = '') => h('div', { class: `figure-cell ${state}` }, h('dd', null, n), h('dt', null, what));
    const folder = this.session.run?.folder;
    return [
      folder?.closed.length ? h('div', { class: 'note is-warn' }, h('h2', null, icons.warn(), 'Not all of the folder was audited'), h('p', null, unopened(folder))) : null,
      contents.complete ? null : h('div', { class: 'note is-warn' }, h('h2', null, icons.warn(), 'This audit is not complete'),
        h('ul', null, contents.problems.map((problem) => h('li', null, plain(problem, 400))))),
      h('dl', { class: 'figures' },
        figure(count(secrets.found), secrets.found === 1 ? 'secret' : 'secrets', secrets.found ? 'is-bad' : ''),
        figure(count(hygiene.found), 'to tidy', hygiene.found ? 'is-warn' : ''),
        figure(count(contents.refusals.length), contents.refusals.length === 1 ? 'refused act' : 'refused acts', contents.refusals.length ? 'is-refused' : ''),
        scanned ? figure(count(scanned.files), `files, ${bytes(scanned.bytes)}`) : null,
        figure(count(lines), 'lines of text'),
        figure(count(dependencies), `dependencies in ${counted(packages.length, 'manifest')}`)),
      section('Secrets', secrets.findings.length ? 'Revoke each of these where it was issued; deleting it from the file is not enough.' : '',
        secrets.findings.length ? table(['where', 'what', 'excerpt'], secrets.findings, (one) => [place(one.path, one.line), plain(one.kind, 64), h('code', { class: 'excerpt' }, plain(one.excerpt, 300))]) : none('None found.'),
        unlisted(secrets.unlisted)),
      section('What agents were refused', '', contents.refusals.length ? contents.refusals.map((refusal) => h('div', { class: 'note is-refused' },
        h('p', null, h('b', null, plain(refusal.agent, 64)), ` was given ${counted(refusal.findings, 'finding')} and tried to ${plain(refusal.verb, 32)} `, address(refusal.resource, 200), '.'),
        h('p', null, h('b', null, plain(refusal.code, 32)), ': ', sentence(refusal.reason)),
        refusal.action !== null ? h('p', null, h('button', { type: 'button', class: 'link', on: { click: () => this.open.log(refusal.action!) } }, `act ${count(refusal.action)} in the log`)) : null)) : none('Nothing.'),
        contents.publisher ? h('p', { class: 'muted' }, published(contents.publisher)) : null),
      section('Things to tidy', '', hygiene.findings.length ? table(['where', 'what', 'detail'], hygiene.findings, (one) => [place(one.path, one.line), plain(one.kind, 64), plain(one.detail, 300)]) : none('Nothing found.'),
        unlisted(hygiene.unlisted)),
      h('div', { class: 'report-pair' },
        section('Languages', '', languages.length ? languageTable(contents, lines) : none('None.')),
        section('Licences', '', contents.licences.length ? table(['licence', 'headers', 'found in'], contents.licences, (one) => [plain(one.name, 100), count(one.headers), paths([...one.texts, ...one.manifests])]) : none('None recognised.'))),
      section('Dependencies', '', packages.length ? table(['manifest', 'package', 'dependencies'], packages, (one) => [place(one.path, null), plain(`${one.name} ${one.version}`.trim(), 120), needs(one)]) : none('No manifest found.')),
    ];
  }
}

function section(title: string, lead: string, ...children: Child[]): HTMLElement {
  return h('section', { class: 'report-section' }, h('h2', null, title), lead ? h('p', { class: 'muted' }, lead) : null, children);
}

const none = (text: string): HTMLElement => h('p', { class: 'muted' }, text);
const unlisted = (n: number): Child => (n ? h('p', { class: 'muted' }, `${count(n)} more were counted, but not kept.`) : null);

/** A path is kept apart from what surrounds it, whichever way its letters run. */
function place(path: string, line: number | null): HTMLElement {
  return h('code', { class: 'path' }, h('bdi', null, plain(path, 400)), line === null ? null : h('span', { class: 'muted' }, `:${line}`));
}

function paths(all: string[]): Child {
  const shown = all.slice(0, 3).map((path, i) => [i ? ', ' : '', place(path, null)]);
  return all.length > 3 ? [shown, ` and ${all.length - 3} more`] : shown;
}

function table<T>(names: string[], all: T[], row: (one: T) => Child[]): HTMLElement {
  const body = h('tbody');
  const numeric = new Set(['headers', 'files', 'lines', 'size']);
  let shown = 0;
  const more = h('button', { type: 'button', class: 'button', on: { click: () => show() } });
  const show = () => {
    const page = all.slice(shown, shown + ROWS);
    shown += page.length;
    body.append(...page.map((one) => h('tr', null, row(one).map((cell, i) => h('td', { class: numeric.has(names[i]!) ? 'num' : null, 'data-name': names[i] }, cell)))));
    more.hidden = shown >= all.length;
    more.textContent = `Show ${count(Math.min(ROWS, all.length - shown))} more of ${count(all.length - shown)}`;
  };
  show();
  const head = h('thead', null, h('tr', null, names.map((name) => h('th', { scope: 'col', 'data-name': name, class: numeric.has(name) ? 'num' : null }, name))));
  return h('div', { class: 'table-wrap' }, h('table', { class: 'grid is-roomy' }, head, body), more);
}

function languageTable(contents: Contents, lines: number): HTMLElement {
  const all = contents.binary.files ? [...contents.languages, contents.binary] : contents.languages;
  return table(['language', 'files', 'lines', 'size'], all, (one) => {
    const bar = h('span', { class: 'share', 'aria-hidden': 'true' });
    bar.style.setProperty('--share', `${lines ? (one.lines / lines) * 100 : 0}%`);
    return [h('span', { class: 'language' }, plain(one.name, 64), bar), count(one.files), count(one.lines), bytes(one.bytes)];
  });
}

function needs(one: Package): Child {
  if (one.problem) return `could not be read: ${plain(one.problem, 200)}`;
  if (one.dependencies.length === 0) return h('span', { class: 'muted' }, 'none');
  const shown = one.dependencies.slice(0, 12).map((d) => plain(`${d.name} ${d.requirement}`.trim(), 100)).join(', ');
  return one.dependencies.length > 12 ? `${shown} and ${one.dependencies.length - 12} more` : shown;
}

function published({ endpoint, status, problem }: NonNullable<Contents['publisher']>): string {
  if (!endpoint && !problem) return 'The publisher was given no right to connect, so it posted nothing.';
  if (status !== null) {
    const [to, taken] = [plain(endpoint ?? '', 200), status >= 200 && status < 300];
    return `The publisher ${taken ? 'posted' : 'sent'} the totals, without findings, to ${to}${taken ? ` (HTTP status ${status})` : `, which did not take them (HTTP status ${status})`}.`;
  }
  return `The publisher could not post the totals${endpoint ? ` to ${plain(endpoint, 200)}` : ''}: ${plain(problem ?? 'no response', 300)}.`;
}
