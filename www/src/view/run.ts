/** The view of a run: its state in one strip, its processes and messages beside what happens. */

import { attribute, h, say } from '../dom';
import { COUNTS } from '../kernel';
import type { Session } from '../session';
import { bytes, count, counted, duration, plain } from '../format';
import { confirm } from './dialog';
import { FeedView, RoutesView } from './feed';
import { ProcessesView } from './processes';
import { icons } from './icons';

const NAMES: Record<(typeof COUNTS)[number], string> = {
  permitted: 'permitted', warned: 'warned', escalated: 'asked', denied: 'denied', refused: 'refused', exhausted: 'over budget', dead_letters: 'dead letters',
};
/** A denial is a refusal too; the strip counts it once. */
const STRIP = ['permitted', 'warned', 'escalated', 'refused', 'dead_letters'] as const;

export class RunView {
  readonly element: HTMLElement;
  private readonly heading = h('h1', { class: 'run-title', tabindex: -1 });
  private readonly about = h('p', { class: 'run-about' });
  private readonly state = h('span', { class: 'run-state' });
  private readonly elapsed = h('dd', { class: 'num' });
  private readonly failed = h('dd', { class: 'num' });
  private readonly counts = new Map(STRIP.map((name) => [name, h('dd', { class: 'num' })]));
  private readonly actions: { stop: HTMLButtonElement; report: HTMLButtonElement; again: HTMLButtonElement };
  private readonly parts: { update(): void }[];

  constructor(private readonly session: Session, open: { report(): void; log(action: number): void }) {
    const [processes, routes, feed] = [new ProcessesView(session), new RoutesView(session), new FeedView(session, open)];
    this.parts = [processes, routes, feed];
    const button = (text: string, name: string, click: () => void, ...drawing: Node[]) =>
      h('button', { type: 'button', class: `button ${name}`, on: { click } }, drawing, text);
    this.actions = {
      stop: button('Stop', '', () => confirm(`Stop ${plain(session.run?.app ?? '', 64)}?`, 'Its agents end in order. What they have not written by then is not written.', 'Stop', () => void session.stop()), icons.stop()),
      report: button('Report', 'is-primary', () => open.report(), icons.file()),
      again: button('Another folder', '', () => session.reset(), icons.folder()),
    };
    const cell = (name: string, what: string, value: HTMLElement) => h('div', { class: `strip-cell is-${name}` }, h('dt', null, what), value);
    const cells = STRIP.map((name) => cell(name, NAMES[name], this.counts.get(name)!));
    cells.splice(STRIP.indexOf('dead_letters'), 0, cell('failed', 'failed', this.failed));
    this.element = h('div', { class: 'run' },
      h('section', { class: 'strip', 'aria-label': 'The run' },
        h('div', { class: 'strip-what' }, h('div', { class: 'strip-title' }, this.heading, this.state), this.about),
        h('dl', { class: 'strip-counts' }, cell('elapsed', 'elapsed', this.elapsed), cells),
        h('div', { class: 'strip-actions' }, this.actions.stop, this.actions.report, this.actions.again)),
      processes.element, feed.element, routes.element);
    setInterval(() => this.clock(), 100);
  }

  focus(): void {
    this.heading.focus();
  }

  update(): void {
    const { run, stage, summary, busy } = this.session;
    if (!run) return;
    say(this.heading, plain(run.app, 64));
    const ended = stage === 'ended' ? run.ended : null;
    say(this.state, ended ? (ended.ok ? 'done' : 'failed') : busy ? busy.toLowerCase() : 'running');
    attribute(this.state, 'data-state', ended ? (ended.ok ? 'done' : 'failed') : 'running');
    const { folder } = run;
    const size = folder && folder.files !== null ? `, ${counted(folder.files, 'file')}, ${bytes(folder.bytes ?? 0)}` : '';
    const closed = folder?.closed.length ? `, ${count(folder.closed.length)} not opened` : '';
    const where = folder ? `on ${plain(folder.name, 80)}${size}${closed}` : 'begun before this page was opened';
    say(this.about, `${where} in ${summary?.environment || run.environment}`);
    const base = this.session.base;
    const show = (cell: HTMLElement, n: number) => {
      say(cell, count(n));
      attribute(cell.parentElement!, 'data-some', n > 0 ? '' : null);
    };
    for (const name of STRIP) show(this.counts.get(name)!, Math.max(0, (summary?.verdicts[name] ?? 0) - (base?.[name] ?? 0)));
    // What was permitted and could not be done: the gate does not count it, the log tells of it.
    show(this.failed, this.session.failures);
    this.actions.stop.hidden = stage !== 'running';
    this.actions.stop.disabled = busy !== '';
    this.actions.report.hidden = !(stage === 'ended' && this.session.report);
    this.actions.again.hidden = stage !== 'ended';
    this.clock();
    for (const part of this.parts) part.update();
  }

  private clock(): void {
    const { run } = this.session;
    if (run && this.element.isConnected) say(this.elapsed, run.folder || run.endedAt ? duration((run.endedAt ?? performance.now()) - run.startedAt) : '\u2013');
  }
}
