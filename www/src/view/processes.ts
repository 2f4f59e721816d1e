/** The process tree with what each process used, beside its limits, and the thread of its acts through the log. */

import { attribute, fill, h, List, say, toggle, unique, type Row } from '../dom';
import type { Process } from '../kernel';
import type { Session } from '../session';
import { bytes, count, counted, duration, plain } from '../format';
import { amount, level, limitOf, millions, named, share, worst } from '../limits';
import { confirm } from './dialog';
import { drawThread, watchThreads } from './thread';
import { icons } from './icons';

/** So many processes are listed. */
const LISTED = 100;

/** So many threads are drawn in one frame. */
const THREADS = 16;

interface Line {
  key: string;
  name: string;
  depth: number;
  last: boolean;
  process: Process | null;
  /** Whether it is that of the limits of the process above. */
  limits: boolean;
}

/** The columns that show how much of a limit is used, by the meter of that. */
const METERS = ['acts', 'fuel', 'memory'];

export class ProcessesView {
  readonly element: HTMLElement;
  private readonly list: List<Line>;
  private readonly watch = watchThreads(() => this.session.changed());
  private readonly threads = new Map<string, { canvas: HTMLCanvasElement; pid: number | null }>();
  private readonly more = h('p', { class: 'muted processes-more', hidden: true });
  /** Whose limits are shown, by key, and the id of where. */
  private readonly shown = new Map<string, string>();
  /** What the lines were made of, that they are made once for each news of the processes. */
  private drawn: { run: Session['run']; summary: Session['summary']; lines: Line[] } = { run: null, summary: null, lines: [] };

  constructor(private readonly session: Session) {
    const head = (text: string, name: string, hint = '') => h('th', { scope: 'col', role: 'columnheader', class: name, title: hint || null }, text);
    const body = h('tbody', { role: 'rowgroup' });
    this.element = h('section', { class: 'panel processes', 'aria-labelledby': 'processes-title' },
      h('div', { class: 'panel-head' }, h('h2', { id: 'processes-title' }, 'Processes')),
      h('table', { class: 'grid', role: 'table', 'aria-labelledby': 'processes-title' },
        h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
          head('process', 'c-name'), head('state', 'c-state'), head('messages', 'c-messages num', 'Envelopes handed to it'),
          head('acts', 'c-acts num', 'Acts that passed the gate; the bar is how much of a limit is used'), head('refused', 'c-refused num', 'Acts that were refused'),
          head('fuel', 'c-fuel num', 'What its instructions have cost, in millions of units: the same on every host; the bar is how much of a limit is used'),
          head('memory', 'c-memory num', 'The highest memory of an instance; the bar is how much of its limit that is'),
          head('in the log', 'c-thread', 'Its acts: each bar is a stretch of the log; taller is more acts'),
          h('th', { scope: 'col', role: 'columnheader', class: 'c-kill' }, h('span', { class: 'sr' }, 'kill')))),
        body), this.more);
    this.list = new List(body, (line) => line.key, (line) => (line.limits ? this.limits(line) : this.row(line)));
  }

  update(): void {
    const { run, summary, log } = this.session;
    if (run !== this.drawn.run || summary !== this.drawn.summary) this.drawn = { run, summary, lines: this.lines() };
    const all = this.drawn.lines;
    const lines = all.slice(0, LISTED);
    if (!this.list.show(lines)) this.session.changed();
    const rest = all.length - lines.length;
    this.more.hidden = rest === 0;
    say(this.more, rest ? `and ${counted(rest, 'other process', 'other processes')}` : '');
    const shown = new Set(lines.map(({ key }) => key));
    for (const key of this.threads.keys()) if (!shown.has(key)) this.threads.delete(key);
    let room = THREADS;
    for (const [key, thread] of [...this.threads]) {
      if (!drawThread(thread.canvas, log, thread.pid, run?.since ?? 0)) continue;
      // Whoever was drawn comes last, so that each has its turn while the log grows.
      this.threads.delete(key);
      this.threads.set(key, thread);
      room -= 1;
      if (room > 0) continue;
      this.session.changed();
      break;
    }
  }

  /** The operator, the application and its agents. Agents have their row before they run, so that nothing moves. */
  private lines(): Line[] {
    const { run, summary } = this.session;
    if (!run) return [];
    const all = summary?.processes ?? [];
    const mine = all.filter((process) => process.app === run.app && process.pid >= run.pidsFrom);
    const root = mine.find((process) => process.name === run.app) ?? null;
    const sessions = all.filter((process) => process.app === null && process.role === 'user');
    const operator = sessions.find((process) => process.pid === root?.parent) ?? sessions.findLast((process) => process.state !== 'exited') ?? null;
    const lines: Line[] = [
      { key: 'operator', name: operator?.name ?? 'operator', depth: 0, last: true, process: operator, limits: false },
      { key: 'app', name: run.app, depth: 1, last: true, process: root, limits: false },
    ];
    const children = new Map<number, Process[]>();
    const first = new Map<string, Process>();
    for (const process of mine) {
      const siblings = children.get(process.parent);
      if (siblings) siblings.push(process);
      else children.set(process.parent, [process]);
      if (process !== root && !first.has(process.name)) first.set(process.name, process);
    }
    const listed = new Set<number>(root ? [root.pid] : []);
    const add = (key: string, name: string, depth: number, process: Process | null) => {
      // Each with all below it, without going deeper and deeper: chains of processes may be long.
      const open = [{ key, name, depth, process }];
      for (let next = open.pop(); next; next = open.pop()) {
        const { process, depth } = next;
        lines.push({ ...next, last: false, limits: false });
        if (!process) continue;
        listed.add(process.pid);
        for (const child of children.get(process.pid)?.toReversed() ?? []) {
          if (!listed.has(child.pid)) open.push({ key: `pid-${child.pid}`, name: child.name, depth: depth + 1, process: child });
        }
      }
    };
    for (const name of run.agents) add(`agent-${name}`, name, 2, first.get(name) ?? null);
    for (const process of mine) if (!listed.has(process.pid)) add(`pid-${process.pid}`, process.name, 2, process);
    // From below: whether a line of this depth follows before one that lies less deep.
    const follows: boolean[] = [];
    for (const line of lines.toReversed()) {
      line.last = !follows[line.depth];
      follows.length = line.depth;
      follows[line.depth] = true;
    }
    return lines.flatMap((line) => (line.process && this.shown.has(line.key) ? [line, { ...line, key: `${line.key} limits`, limits: true }] : [line]));
  }

  /** Shows the limits of the process of this line, or hides them. */
  private toggle(key: string): boolean {
    const shows = !this.shown.delete(key);
    if (shows) this.shown.set(key, unique('limits'));
    this.drawn.summary = null;
    this.session.changed();
    return shows;
  }

  /** What a process has used, and each of its limits. */
  private limits(first: Line): Row<Line> {
    const used = h('p', { class: 'limits-used muted' });
    const list = h('ul', { class: 'limits' });
    const element = h('tr', { role: 'row', class: 'limits-row', id: this.shown.get(first.key.slice(0, -' limits'.length)) }, h('td', { role: 'cell', colspan: 9 }, used, list));
    const cells: { name: HTMLElement; figure: HTMLElement; bar: HTMLElement; element: HTMLElement }[] = [];
    return { element, update: ({ name, process }) => {
      const { limits, cpu, sent, toolCalls, stored, wall } = process!;
      attribute(list, 'aria-label', `Limits of ${plain(name, 64)}`);
      say(used, `Ran for ${duration(cpu / 1e6)} of ${duration(wall / 1e6)}; ${counted(sent, 'message')} sent, ${counted(toolCalls, 'call')} of tools, ${bytes(Math.max(0, stored))} stored.${limits.length ? '' : ' It has no limit of its own.'}`);
      while (cells.length < limits.length) {
        const [name, figure, bar] = [h('span', { class: 'limit-name' }), h('span', { class: 'limit-figure' }), h('span', { class: 'limit-bar', 'aria-hidden': 'true' })];
        const element = h('li', { class: 'limit' }, name, figure, bar);
        cells.push({ name, figure, bar, element });
        list.append(element);
      }
      for (const cell of cells.splice(limits.length)) cell.element.remove();
      list.hidden = limits.length === 0;
      for (const [i, limit] of limits.entries()) {
        const { name, figure, bar, element } = cells[i]!;
        const at = level(limit);
        say(name, named(limit));
        say(figure, `${amount(limit.meter, limit.used)} of ${amount(limit.meter, limit.limit)}${at === 'over' ? ', used up' : at === 'near' ? ', nearly used up' : ''}`);
        bar.style.setProperty('--share', `${share(limit) * 100}%`);
        attribute(element, 'data-level', at);
      }
    } };
  }

  private row(first: Line): Row<Line> {
    const cell = (name: string, ...children: (Node | string)[]) => h('td', { role: 'cell', class: name }, children);
    const [messages, acts, refused, fuel, memory] = ['messages', 'acts', 'refused', 'fuel', 'memory'].map((name) => h('td', { role: 'cell', class: `c-${name} num`, 'data-unit': name === 'memory' ? '' : name }));
    const pid = h('span', { class: 'pid' });
    const [nearWords, called] = [h('span', { class: 'sr' }), h('span')];
    const near = h('span', { class: 'near', hidden: true }, icons.warn());
    const dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
    const word = h('span');
    const state = cell('c-state', dot, near, word, nearWords);
    const name = h('th', { scope: 'row', role: 'rowheader', class: 'c-name' });
    const canvas = h('canvas', { class: 'thread', 'aria-hidden': 'true' });
    const figures = new Map(METERS.map((meter, i) => {
      const [bar, figure] = [h('span', { class: 'meter', 'aria-hidden': 'true' }), h('span')];
      [acts, fuel, memory][i]!.append(bar, figure);
      return [meter, { bar, figure }];
    }));
    const more = h('button', { type: 'button', class: 'name', 'aria-expanded': 'false', on: { click: () => expand() } }, called);
    const kill = h('button', { type: 'button', class: 'icon-button', on: { click: () => ask() } }, icons.close());
    const killCell = cell('c-kill', kill);
    const element = h('tr', { role: 'row' }, name, state, messages!, acts!, refused!, fuel!, memory!, cell('c-thread', canvas), killCell);
    this.threads.set(first.key, { canvas, pid: null });
    this.watch(canvas);
    let now = first;
    const ask = () => {
      const process = now.process;
      if (!process) return;
      const what = now.key === 'app' ? 'It ends with all of its agents, and the run with it.'
        : 'It ends now, with all that it started, and is not asked. The others go on; the report says whose word is missing.';
      confirm(`Kill ${plain(now.name, 64)}?`, `Process ${process.pid}. ${what}`, 'Kill', () => void this.session.kill(process.pid, now.name));
    };
    const expand = () => {
      if (!now.process) return;
      const shows = this.toggle(first.key);
      attribute(more, 'aria-expanded', String(shows));
      attribute(more, 'aria-controls', this.shown.get(first.key) ?? null);
    };
    const drawn = { name: '', depth: -1, last: false };
    return { element, update: (line) => {
      now = line;
      const { process } = line;
      if (drawn.name !== line.name || drawn.depth !== line.depth || drawn.last !== line.last) {
        Object.assign(drawn, { name: line.name, depth: line.depth, last: line.last });
        const branch = line.depth ? h('span', { class: `branch ${line.last ? 'is-last' : ''}`, 'aria-hidden': 'true' }) : '';
        say(called, plain(line.name, 64));
        fill(name, branch, more, ' ', pid, h('span', { class: 'sr' }, `, level ${line.depth + 1}`));
        more.title = `What ${plain(line.name, 64)} has used, and its limits`;
        name.style.setProperty('--depth', String(line.depth));
        kill.setAttribute('aria-label', `Kill ${plain(line.name, 64)}`);
        kill.title = `Kill ${plain(line.name, 64)}`;
      }
      this.threads.get(first.key)!.pid = process?.pid ?? null;
      const life = process ? (process.state === 'exited' ? process.exit || 'ended' : process.state) : 'not started';
      attribute(element, 'data-state', process ? (process.state !== 'exited' ? 'lives' : FINE.has(process.exit) ? 'ended' : 'failed') : 'waits');
      say(word, life);
      attribute(state, 'title', process?.detail ? plain(process.detail, 300) : null);
      say(pid, process ? String(process.pid) : '\u00a0');
      say(messages!, process ? count(process.messages) : '');
      say(refused!, process ? count(process.refused) : '');
      toggle(refused!, 'is-bad', (process?.refused ?? 0) > 0);
      attribute(more, 'aria-disabled', process ? null : 'true');
      const texts = [process ? count(process.acts) : '', process?.fuel ? millions(process.fuel) : '', process?.memory ? bytes(process.memory) : ''];
      for (const [i, meter] of METERS.entries()) {
        const { bar, figure } = figures.get(meter)!;
        const limit = process && limitOf(process, meter);
        say(figure, texts[i]!);
        bar.style.setProperty('--share', `${limit ? share(limit) * 100 : 0}%`);
        attribute(bar, 'data-level', level(limit));
      }
      const at = process && worst(process);
      near.hidden = !at;
      attribute(near, 'data-level', at);
      say(nearWords, at === 'over' ? ', has used up a limit' : at ? ', is near a limit' : '');
      const mortal = !!process && process.state !== 'exited' && line.key !== 'operator';
      kill.hidden = !mortal;
    } };
  }
}

const FINE = new Set(['normal', 'shutdown', '']);
