/** The process tree with what each process used, and the thread of its acts through the log. */

import { attribute, h, List, say, toggle, type Row } from '../dom';
import type { Process } from '../kernel';
import type { Session } from '../session';
import { bytes, count, counted, plain } from '../format';
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
  most: number;
}

export class ProcessesView {
  readonly element: HTMLElement;
  private readonly list: List<Line>;
  private readonly watch = watchThreads(() => this.session.changed());
  private readonly threads = new Map<string, { canvas: HTMLCanvasElement; pid: number | null }>();
  private readonly more = h('p', { class: 'muted processes-more', hidden: true });
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
          head('acts', 'c-acts num', 'Acts that passed the gate'), head('refused', 'c-refused num', 'Acts that were refused'),
          head('fuel', 'c-fuel num', 'What its instructions have cost, in millions of units: the same on every host'),
          head('memory', 'c-memory num', 'The highest memory of an instance'),
          head('acts in the log', 'c-thread', 'Each bar is a stretch of the log; taller is more acts'),
          h('th', { scope: 'col', role: 'columnheader', class: 'c-kill' }, h('span', { class: 'sr' }, 'kill')))),
        body), this.more);
    this.list = new List(body, (line) => line.key, (line) => this.row(line));
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
    const most = mine.reduce((most, { memory }) => Math.max(most, memory), 1);
    const root = mine.find((process) => process.name === run.app) ?? null;
    const sessions = all.filter((process) => process.app === null && process.role === 'user');
    const operator = sessions.find((process) => process.pid === root?.parent) ?? sessions.findLast((process) => process.state !== 'exited') ?? null;
    const lines: Line[] = [
      { key: 'operator', name: operator?.name ?? 'operator', depth: 0, last: true, process: operator, most },
      { key: 'app', name: run.app, depth: 1, last: true, process: root, most },
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
        lines.push({ ...next, last: false, most });
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
    return lines;
  }

  private row(first: Line): Row<Line> {
    const cell = (name: string, ...children: (Node | string)[]) => h('td', { role: 'cell', class: name }, children);
    const [messages, acts, refused, fuel, memory] = ['messages', 'acts', 'refused', 'fuel', 'memory'].map((name) => h('td', { role: 'cell', class: `c-${name} num`, 'data-unit': name === 'memory' ? '' : name }));
    const pid = h('span', { class: 'pid' });
    const dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
    const word = h('span');
    const state = cell('c-state', dot, word);
    const name = h('th', { scope: 'row', role: 'rowheader', class: 'c-name' });
    const canvas = h('canvas', { class: 'thread', 'aria-hidden': 'true' });
    const bar = h('span', { class: 'meter', 'aria-hidden': 'true' });
    const figure = h('span');
    memory!.append(bar, figure);
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
    const named = { name: '', depth: -1, last: false };
    return { element, update: (line) => {
      now = line;
      const { process } = line;
      if (named.name !== line.name || named.depth !== line.depth || named.last !== line.last) {
        Object.assign(named, { name: line.name, depth: line.depth, last: line.last });
        const branch = line.depth ? h('span', { class: `branch ${line.last ? 'is-last' : ''}`, 'aria-hidden': 'true' }) : '';
        name.replaceChildren(branch, h('span', { class: 'name' }, plain(line.name, 64)), ' ', pid, h('span', { class: 'sr' }, `, level ${line.depth + 1}`));
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
      say(acts!, process ? count(process.acts) : '');
      say(refused!, process ? count(process.refused) : '');
      toggle(refused!, 'is-bad', (process?.refused ?? 0) > 0);
      say(fuel!, process?.fuel ? `${(process.fuel / 1e6).toFixed(1)} M` : '');
      const memoryUsed = process?.memory ?? 0;
      say(figure, memoryUsed ? bytes(memoryUsed) : '');
      bar.style.setProperty('--share', `${(memoryUsed / line.most) * 100}%`);
      const mortal = !!process && process.state !== 'exited' && line.key !== 'operator';
      kill.hidden = !mortal;
    } };
  }
}

const FINE = new Set(['normal', 'shutdown', '']);
