/** The log: filtered by process, verb and decision, each event with all that it holds; verified on demand. */

import { attribute, fill, h, List, say, toggle, type Row } from '../dom';
import { explanationOf } from '../kernel';
import { KEPT, placeOf, Search, type Entry, type Filter, type Log } from '../log';
import type { Session } from '../session';
import { pause, slice } from '../slices';
import { clock, count, counted, duration, plain } from '../format';
import { figure, reasons, road } from './verdict';
import { chooseEvidence } from './evidence';
import { save, saveEvents } from './save';
import { icons } from './icons';

const PAGE = 100;

/** A row of the table: an event, or all that it holds, below it. */
interface Line {
  entry: Entry;
  detail: boolean;
}

export class LogView {
  readonly element: HTMLElement;
  private readonly heading = h('h1', { tabindex: -1 }, 'The log');
  private readonly size = h('span', { class: 'muted' });
  private readonly process = select('Process');
  private readonly verb = select('Verb');
  private readonly decision = select('Decision');
  private readonly text = h('input', { type: 'search', class: 'input', placeholder: 'any text', 'aria-label': 'Text', spellcheck: 'false', autocomplete: 'off' });
  private readonly body = h('tbody');
  private readonly list = new List<Line>(this.body, ({ entry, detail }) => `${entry.seq} ${detail}`, (line) => (line.detail ? this.detail(line) : this.row(line)));
  private readonly nothing = h('p', { class: 'muted nothing-found', hidden: true });
  private readonly found = h('p', { class: 'muted', role: 'status' });
  private readonly older = h('button', { type: 'button', class: 'button', on: { click: () => this.turn(1) } }, 'Older');
  private readonly newer = h('button', { type: 'button', class: 'button', on: { click: () => this.turn(-1) } }, 'Newer');
  private readonly seal = h('section', { class: 'seal', 'aria-labelledby': 'seal-title' });
  private filter: Filter = { pid: null, verb: '', decision: '', text: '' };
  /** What the filter lets through, as far as it was looked for. */
  private search: { log: Log; filter: Filter; found: Search } | null = null;
  private looking = false;
  /** The event that is to be opened when it is found. */
  private wanted: Entry | null = null;
  /** The log that is drawn. */
  private of: Log | null = null;
  /** Pages are counted from the newest. While it is 0 the table follows the log. */
  private page = 0;
  private until = Number.MAX_SAFE_INTEGER;
  private drawn = '';
  private options = '';
  private open = new Set<number>();

  constructor(private readonly session: Session) {
    this.decision.input.append(...[['', 'any'], ['permit', 'permitted'], ['warn', 'warned'], ['escalate', 'asked'], ['deny', 'refused']].map(([value, name]) => h('option', { value }, name)));
    const changed = () => {
      this.filter = {
        pid: this.process.input.value === '' ? null : Number(this.process.input.value),
        verb: this.verb.input.value,
        decision: this.decision.input.value,
        text: this.text.value.trim().toLowerCase(),
      };
      this.wanted = null;
      this.follow();
    };
    for (const { input } of [this.process, this.verb, this.decision]) input.addEventListener('change', changed);
    this.text.addEventListener('input', changed);
    const scroller = h('div', { class: 'log-scroll', tabindex: 0, role: 'region', 'aria-label': 'Events' },
      h('table', { class: 'grid log-table' },
        h('thead', null, h('tr', null, ['event', 'time', 'kind', 'who', 'what happened'].map((name, i) => h('th', { scope: 'col', class: `l-${i}` }, name)), h('th', { scope: 'col', class: 'l-5 num' }, 'score'))),
        this.body), this.nothing);
    this.body.addEventListener('keydown', (event) => this.move(event));
    this.element = h('div', { class: 'log' },
      h('div', { class: 'log-head' }, h('div', null, this.heading, this.size), this.seal),
      h('div', { class: 'filters', role: 'search', 'aria-label': 'Filter the log' }, this.process.element, this.verb.element, this.decision.element,
        h('label', { class: 'field is-text' }, h('span', null, 'Text'), this.text)),
      h('div', { class: 'panel log-panel' }, scroller, h('div', { class: 'log-foot' }, this.found, h('div', { class: 'log-pages' }, this.newer, this.older))));
  }

  focus(): void {
    this.heading.focus();
  }

  /** Shows the events of one act, the refusal among them opened. */
  showAction(action: number): void {
    this.anew();
    const entry = this.session.log.entries.findLast((one) => one.event.action === action && one.decision !== null);
    this.filter = { pid: null, verb: '', decision: entry?.decision ?? '', text: '' };
    this.decision.input.value = entry?.decision ?? '';
    this.process.input.value = this.verb.input.value = this.text.value = '';
    if (entry) this.open = new Set([entry.seq]);
    this.wanted = entry ?? null;
    this.drawn = '';
    this.follow();
  }

  update(): void {
    const { log } = this.session;
    say(this.size, `${counted(log.size, 'event')}${log.dropped ? `; the first ${count(log.dropped)} are not listed, for more than ${count(KEPT)} were read` : ''}`);
    this.drawSeal();
    this.fillOptions();
    this.draw();
  }

  private follow(): void {
    this.page = 0;
    this.until = Number.MAX_SAFE_INTEGER;
    this.draw();
  }

  /** Nothing of another log stays. */
  private anew(): void {
    if (this.of === this.session.log) return;
    this.of = this.session.log;
    this.list.show([]);
    this.open.clear();
    this.wanted = null;
    this.drawn = '';
  }

  private turn(by: number): void {
    this.wanted = null;
    // Pages stand still while the log grows: they are counted below the event that was the newest then.
    if (this.page === 0 && by > 0) this.until = this.session.log.next;
    this.page = Math.max(0, this.page + by);
    if (this.page === 0) this.until = Number.MAX_SAFE_INTEGER;
    this.draw();
    this.element.querySelector('.log-scroll')!.scrollTop = 0;
  }

  /** What the filter lets through, or null while that is still looked for: it is drawn then. */
  private matching(): readonly Entry[] | null {
    const { log } = this.session;
    if (this.search?.log !== log || this.search.filter !== this.filter) this.search = { log, filter: this.filter, found: new Search(log, this.filter) };
    const { found } = this.search;
    if (found.look(slice())) return found.entries;
    if (!this.looking) {
      this.looking = true;
      void pause().then(() => {
        this.looking = false;
        this.draw();
      });
    }
    return null;
  }

  private draw(): void {
    this.anew();
    if (!this.element.isConnected || this.element.closest('[hidden]')) {
      this.wanted = null;
      return;
    }
    const state = () => `${JSON.stringify(this.filter)} ${this.page} ${this.page === 0 ? this.session.log.version : ''}`;
    if (state() === this.drawn) return;
    const all = this.matching();
    if (!all) return say(this.found, 'Searching');
    const size = this.until === Number.MAX_SAFE_INTEGER ? all.length : placeOf(all, this.until);
    if (this.wanted) this.page = Math.max(0, Math.floor((size - 1 - placeOf(all, this.wanted.seq)) / PAGE));
    const end = size - this.page * PAGE;
    const shown = all.slice(Math.max(0, end - PAGE), Math.max(0, end)).reverse();
    const lines = shown.flatMap((entry) => (this.open.has(entry.seq) ? [false, true] : [false]).map((detail) => ({ entry, detail })));
    const whole = this.list.show(lines);
    this.nothing.hidden = shown.length > 0;
    say(this.nothing, this.session.logReady ? 'No event is so.' : 'Reading the log.');
    // One of the buttons is reached by Tab: that which has the focus, else the first.
    const buttons = [...this.body.querySelectorAll<HTMLButtonElement>('.event-open')];
    const reached = buttons.find((button) => button === document.activeElement) ?? buttons[0];
    for (const button of buttons) attribute(button, 'tabindex', button === reached ? '0' : '-1');
    const last = Math.max(1, Math.ceil(size / PAGE));
    say(this.found, size === this.session.log.entries.length ? `Newest first, page ${this.page + 1} of ${count(last)}` : `${counted(size, 'event')} of ${count(this.session.log.entries.length)}, page ${this.page + 1} of ${count(last)}`);
    this.newer.disabled = this.page === 0;
    this.older.disabled = this.page + 1 >= last;
    if (!whole) return this.session.changed();
    this.drawn = state();
    if (!this.wanted) return;
    const row = this.body.querySelector<HTMLElement>(`[data-seq="${this.wanted.seq}"] button`);
    this.wanted = null;
    row?.focus();
    row?.scrollIntoView({ block: 'nearest' });
  }

  private row({ entry }: Line): Row<Line> {
    const flip = () => {
      if (!this.open.delete(entry.seq)) this.open.add(entry.seq);
      this.drawn = '';
      this.draw();
    };
    const button = h('button', { type: 'button', class: 'event-open', 'aria-controls': detailOf(entry), on: { click: flip } }, icons.chevron(), count(entry.seq));
    const element = h('tr', { class: `event ${entry.decision ? `is-${entry.decision}` : ''}`, 'data-seq': entry.seq, on: { click: (event) => { if (!(event.target as Element).closest('button')) flip(); } } },
      h('td', { class: 'l-0' }, button),
      h('td', { class: 'l-1' }, h('time', { datetime: entry.event.time, title: entry.event.time }, clock(entry.event.time))),
      h('td', { class: 'l-2' }, h('span', { class: 'kind' }, plain(entry.event.kind, 32).replaceAll('_', ' '))),
      h('td', { class: 'l-3' }, entry.name ? plain(entry.name, 64) : entry.pid === 0 ? 'kernel' : '', entry.pid ? h('span', { class: 'muted' }, ` ${entry.pid}`) : null),
      h('td', { class: 'l-4' }, h('bdi', null, plain(entry.what, 240))),
      h('td', { class: 'l-5 num' }, entry.score === null ? '' : count(entry.score)));
    return {
      element,
      update: () => {
        const open = this.open.has(entry.seq);
        attribute(button, 'aria-expanded', String(open));
        toggle(element, 'is-open', open);
      },
    };
  }

  private detail({ entry }: Line): Row<Line> {
    return { element: h('tr', { class: 'event-detail', id: detailOf(entry) }, h('td', { colspan: 6 }, details(entry, () => this.receipt(entry.event.action)))), update() {} };
  }

  /** Up and down go from event to event; Tab leaves the table. */
  private move(event: KeyboardEvent): void {
    const buttons = [...this.body.querySelectorAll<HTMLButtonElement>('.event-open')];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const target = buttons[Math.min(buttons.length - 1, Math.max(0, to))]!;
    buttons[at]!.tabIndex = -1;
    target.tabIndex = 0;
    target.focus();
  }

  private fillOptions(): void {
    const { names, verbs } = this.session.log;
    const state = `${names.size} ${verbs.size} ${this.session.log.next === 0}`;
    if (state === this.options) return;
    this.options = state;
    const refill = (input: HTMLSelectElement, options: [string, string][]) => {
      const { value } = input;
      fill(input, h('option', { value: '' }, 'any'), options.map(([key, name]) => h('option', { value: key }, name)));
      input.value = options.some(([key]) => key === value) ? value : '';
    };
    refill(this.process.input, [...names].sort(([a], [b]) => b - a).slice(0, 500).map(([pid, name]) => [String(pid), `${plain(name, 48)} (${pid})`]));
    refill(this.verb.input, [...verbs].sort().map((verb) => [verb, plain(verb, 48)]));
  }

  private sealed: unknown = null;
  private drawSeal(): void {
    const { verified, verifying, log } = this.session;
    const grown = verified?.ok ? log.size - verified.size : 0;
    const state = JSON.stringify([verified, verifying, grown > 0, this.saving, this.session.stage === 'failed']);
    if (state === this.sealed) return;
    this.sealed = state;
    const had = this.seal.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.name : null;
    const verify = h('button', { type: 'button', class: 'button is-primary', 'data-name': 'verify', disabled: !this.session.host, 'aria-disabled': verifying ? 'true' : null, on: { click: () => void this.session.verify() } }, icons.seal(), verifying ? 'Verifying' : verified ? 'Verify again' : 'Verify');
    const note = h('button', { type: 'button', class: 'button', 'data-name': 'note', disabled: !this.session.host, on: { click: () => void this.checkpoint() } }, icons.down(), 'Checkpoint');
    const all = h('button', { type: 'button', class: 'button', 'data-name': 'all', 'aria-disabled': this.saving ? 'true' : null, on: { click: () => void this.export() } }, icons.down(), 'Events');
    const file = h('button', { type: 'button', class: 'button', 'data-name': 'file', on: { click: () => chooseEvidence(this.session) } }, icons.file(), 'Check a receipt');
    attribute(this.seal, 'data-state', verified ? (verified.ok ? 'ok' : 'bad') : 'none');
    const title = verified ? (verified.ok ? `${counted(verified.size, 'event')} verify` : 'The log does not verify') : 'Not verified since this page was opened';
    fill(this.seal,
      h('div', { class: 'seal-said' },
        h('p', { class: 'seal-title', id: 'seal-title' }, verified ? (verified.ok ? icons.check() : icons.close()) : icons.seal(), title),
        verified ? verified.ok
          ? h('p', { class: 'muted' }, 'root ', h('code', null, plain(verified.root, 64)), `, in ${duration(verified.took)}${grown > 0 ? '; it has grown since' : ''}`)
          : h('p', null, plain(verified.problem ?? 'It does not say why.', 400))
          : h('p', { class: 'muted' }, 'Every event hashes the one before; the root is signed. A checkpoint kept elsewhere also finds a log that was rolled back.')),
      h('div', { class: 'seal-actions' }, verify, note, all, file));
    if (had) this.seal.querySelector<HTMLElement>(`[data-name="${had}"]:not([disabled])`)?.focus();
  }

  private async checkpoint(): Promise<void> {
    const note = await this.session.checkpoint();
    if (note) save('checkpoint.txt', note, 'text/plain');
  }

  private async receipt(action: number): Promise<void> {
    const receipt = await this.session.receipt(action);
    if (receipt !== null) save(`receipt-${action}.json`, receipt, 'application/json');
  }

  private saving = false;
  private async export(): Promise<void> {
    if (this.saving) return;
    this.saving = true;
    this.drawSeal();
    await saveEvents(this.session.log.entries).finally(() => {
      this.saving = false;
      this.drawSeal();
    });
  }
}

function select(name: string): { element: HTMLElement; input: HTMLSelectElement } {
  const input = h('select', { class: 'input' });
  return { element: h('label', { class: 'field' }, h('span', null, name), input), input };
}

const detailOf = (entry: Entry): string => `event-${entry.seq}`;

function details(entry: Entry, receipt: () => void): HTMLElement {
  const { event } = entry;
  const explanation = explanationOf(event);
  const code = event.kind === 'refused' ? String(event.content?.code ?? '') : '';
  const json = JSON.stringify(event, null, 2).split('\n').map((line) => `${plain(line, 4000)}\n`);
  return h('div', { class: 'event-body' },
    explanation ? [road(explanation, code), explanation.reasons.length ? reasons(explanation, '') : null, figure(explanation, event.action)] : null,
    event.action > 0 ? h('p', { class: 'event-receipt' }, h('button', { type: 'button', class: 'button', on: { click: receipt } }, icons.down(), `Receipt of act ${count(event.action)}`)) : null,
    h('details', { open: !explanation }, h('summary', null, 'As it stands in the log'), h('pre', { class: 'raw', tabindex: 0 }, json)));
}
