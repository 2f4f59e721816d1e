/** What happens, as it happens: lives, lines that agents logged, warnings, refusals with all that led to them. */

import { h, List, say } from '../dom';
import type { Talk } from '../log';
import type { FeedItem, Session } from '../session';
import { explanationOf } from '../kernel';
import { clock, count, counted, plain } from '../format';
import { address, figure, reasons, road } from './verdict';
import { icons } from './icons';

const SHOWN = [
  ['all', 'All'],
  ['acts', 'Acts'],
  ['verdicts', 'Refusals'],
  ['agents', 'Agents'],
] as const;

/** So many items are drawn at once, the rest in the next frame. */
const AT_ONCE = 5;

export class FeedView {
  readonly element: HTMLElement;
  private readonly items = h('ol', { class: 'feed-items' });
  private readonly scroller: HTMLElement;
  private readonly empty = h('p', { class: 'muted feed-empty' }, 'Nothing has happened yet.');
  private readonly latest: HTMLButtonElement;
  private first = 0;
  private last = 0;
  private sticks = true;

  constructor(private readonly session: Session, private readonly open: { report(): void; log(action: number): void }) {
    const choices = SHOWN.map(([value, text]) => {
      const input = h('input', { class: 'segment-input', type: 'radio', name: 'feed-filter', value, checked: value === 'all', on: { change: () => this.show(value) } });
      return h('label', null, input, h('span', { class: 'segment' }, text));
    });
    this.scroller = h('div', { class: 'feed-scroll', tabindex: 0, role: 'region', 'aria-labelledby': 'feed-title', on: { scroll: () => this.scrolled() } }, this.empty, this.items);
    this.latest = h('button', { type: 'button', class: 'feed-latest', hidden: true, on: { click: () => this.toEnd() } }, icons.down(), 'Latest');
    this.element = h('section', { class: 'panel feed' },
      h('div', { class: 'panel-head' }, h('h2', { id: 'feed-title' }, 'Activity'),
        h('fieldset', { class: 'segments' }, h('legend', { class: 'sr' }, 'Show'), choices)),
      h('div', { class: 'feed-body' }, this.scroller, this.latest));
  }

  update(): void {
    const { feed } = this.session;
    const from = feed[0]?.id ?? 0;
    const to = feed.at(-1)?.id ?? 0;
    if (from !== this.first && (feed.length === 0 || from > this.last || this.first === 0 || from < this.first)) {
      this.items.replaceChildren();
      this.last = 0;
      this.sticks = true;
    }
    this.first = from;
    if (to > this.last) {
      const added = feed.filter((item) => item.id > this.last).slice(0, AT_ONCE);
      this.last = added.at(-1)!.id;
      if (this.last < to) this.session.changed();
      for (const item of added) this.items.append(item.kind === 'life' ? this.life(item) : this.item(item));
      // Old ones leave at the top, a hundred at once, and only where nobody is reading them.
      if (this.sticks) while (this.items.childElementCount > feed.length + 100) this.items.firstElementChild!.remove();
      if (this.sticks) this.settle();
      else this.latest.hidden = false;
    }
    this.empty.hidden = feed.length > 0;
    const life = this.lives;
    if (life && life.names !== life.item.names.length) {
      life.names = life.item.names.length;
      say(life.text, lives(life.item));
      if (this.sticks) this.settle();
    }
  }

  private show(filter: (typeof SHOWN)[number][0]): void {
    this.items.dataset.show = filter;
    this.toEnd();
  }

  private scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.sticks = scrollHeight - scrollTop - clientHeight < 24;
    if (this.sticks) this.latest.hidden = true;
  }

  /** To the end once the frame is drawn: asking for heights in between would lay everything out twice. */
  private settling = 0;
  private settle(): void {
    clearTimeout(this.settling);
    this.settling = window.setTimeout(() => this.toEnd(), 0);
  }

  private toEnd(): void {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.sticks = true;
    this.latest.hidden = true;
  }

  /** The line of lives that may still grow. */
  private lives: { item: Life; text: HTMLElement; names: number } | null = null;

  private life(item: Life): HTMLElement {
    const text = h('span', { class: 'feed-text' }, lives(item));
    this.lives = { item, text, names: item.names.length };
    return h('li', { class: `feed-item is-life ${item.level ? 'is-bad' : ''}`, 'data-kind': 'agents' }, stamp(item),
      h('span', { class: 'feed-who' }, item.what.split(':')[0]!), text);
  }

  private item(item: Exclude<FeedItem, Life>): HTMLElement {
    const time = stamp(item);
    if (item.kind === 'refusal') return item.full ? this.refusal(item, time) : h('li', { class: 'feed-item is-refusal', 'data-kind': 'verdicts' }, time,
      h('span', { class: 'feed-who' }, plain(item.who, 64)), h('span', { class: 'feed-text' }, h('b', null, `${plain(item.what, 32)} `), plain(item.asked, 200)));
    if (item.kind === 'end') {
      return h('li', { class: `feed-item is-end ${item.ok ? 'is-ok' : 'is-failed'}`, 'data-kind': 'all' }, time,
        h('span', { class: 'feed-text' }, item.ok ? icons.check() : icons.close(), h('b', null, plain(item.text, 600)),
          item.ok && this.session.report ? h('button', { type: 'button', class: 'button', on: { click: () => this.open.report() } }, icons.file(), 'Read the report') : null));
    }
    if (item.kind === 'act') {
      return h('li', { class: `feed-item is-act is-${item.decision}`, 'data-kind': 'acts', 'data-acts': true }, time,
        h('span', { class: 'feed-who' }, plain(item.who, 64)),
        h('span', { class: 'feed-text' }, h('span', { class: 'verb' }, plain(item.verb, 32)), ' ', address(item.resource, 240)),
        h('span', { class: 'feed-score', title: `score ${item.score}: ${item.decision}` }, h('span', { class: 'sr' }, `${item.decision}, score `), count(item.score)));
    }
    if (item.kind === 'undone') {
      return h('li', { class: 'feed-item is-undone', 'data-kind': 'acts', 'data-acts': true }, time,
        h('span', { class: 'feed-who' }, plain(item.who, 64)),
        h('span', { class: 'feed-text' }, h('b', null, plain(item.what, 32).replace('_', ' ')), ' ', h('span', { class: 'verb' }, plain(item.verb, 32)), ' ', address(item.resource, 240),
          item.text ? [': ', plain(item.text, 400)] : null));
    }
    const verdict = item.kind === 'warned' || item.kind === 'answer';
    return h('li', { class: `feed-item is-${item.kind} ${item.level ? `is-${item.level === 'error' || item.level === 'bad' ? 'bad' : item.level}` : ''}`, 'data-kind': verdict ? 'verdicts' : 'agents', 'data-acts': verdict },
      time, h('span', { class: 'feed-who' }, plain(item.who, 64)),
      h('span', { class: 'feed-text' }, item.kind === 'warned' || item.kind === 'near' ? [icons.warn(), h('span', { class: 'sr' }, 'Warning: ')] : null, plain(item.text, 700)));
  }

  private refusal(item: Extract<FeedItem, { kind: 'refusal' }>, time: HTMLElement): HTMLElement {
    const explanation = item.entry ? explanationOf(item.entry.event) : null;
    const [verb = '', ...resource] = item.asked.split(' ');
    const log = item.entry
      ? h('button', { type: 'button', class: 'link', on: { click: () => this.open.log(item.action) } }, `event ${item.entry.seq}`) : null;
    return h('li', { class: 'feed-item is-refusal is-card', 'data-kind': 'verdicts', 'data-acts': true, id: `refusal-${item.action}` },
      h('article', { class: 'refusal', 'aria-label': `Refused: ${plain(item.who, 64)}, ${plain(item.asked, 200)}` },
        h('header', null,
          h('span', { class: 'stamp' }, icons.close(), item.what === 'denied' ? 'refused' : plain(item.what, 32).replace('_', ' ')),
          time),
        h('p', { class: 'refusal-what' }, h('b', null, plain(item.who, 64)), ` ${plain(verb, 32)} `, address(resource.join(' '), 300)),
        road(explanation, item.what),
        reasons(explanation, item.reason),
        explanation ? figure(explanation, item.action, log ? [h('dt', null, ''), h('dd', null, log)] : null) : null));
  }
}

type Life = Extract<FeedItem, { kind: 'life' }>;

const lives = ({ what, names }: Life): string => `${plain(names.join(', '), 1200)}${what.includes(': ') ? ` (${plain(what.slice(what.indexOf(': ') + 2), 400)})` : ''}`;

const stamp = ({ at }: FeedItem): HTMLElement => h('time', { class: 'feed-time', datetime: new Date(at).toISOString() }, clock(at));

/** So many addresses are listed. */
const LISTED = 100;

/** Who talks to whom, and how often: one row for each address that a process says something to. */
export class RoutesView {
  readonly element: HTMLElement;
  private readonly list: List<Talk>;
  private readonly more = h('p', { class: 'muted routes-more', hidden: true });
  private readonly total = h('span', { class: 'muted' });

  constructor(private readonly session: Session) {
    const body = h('tbody');
    this.element = h('section', { class: 'panel routes' },
      h('div', { class: 'panel-head' }, h('h2', { id: 'routes-title' }, 'Messages'), this.total),
      h('div', { class: 'routes-scroll', tabindex: 0, role: 'region', 'aria-labelledby': 'routes-title' },
        h('table', { class: 'grid' },
          h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'from'), h('th', { scope: 'col' }, 'to'), h('th', { scope: 'col', class: 'num' }, 'times'))),
          body),
        this.more));
    this.list = new List(body, (talk) => talk.id, (talk) => {
      const times = h('td', { class: 'num' });
      const element = h('tr', null, h('th', { scope: 'row' }, plain(talk.name, 64)),
        h('td', { class: 'c-to' }, h('span', { class: 'verb' }, plain(talk.verb, 32)), ' ', address(talk.resource, 120)), times);
      return { element, update: ({ messages }) => say(times, count(messages)) };
    });
  }

  update(): void {
    const { run, log } = this.session;
    const from = run ? run.pidsFrom : Number.MAX_SAFE_INTEGER;
    const shown: Talk[] = [];
    for (const talk of log.talks.values()) {
      if (shown.length === LISTED) break;
      if (talk.pid >= from) shown.push(talk);
    }
    let [addresses, messages] = [0, 0];
    for (const [pid, said] of log.said) {
      if (pid < from) continue;
      addresses += said.addresses;
      messages += said.messages;
    }
    if (!this.list.show(shown)) this.session.changed();
    const rest = addresses - shown.length;
    this.more.hidden = rest <= 0;
    say(this.more, rest > 0 ? `and to ${counted(rest, 'other address', 'other addresses')}: the log has them all` : '');
    say(this.total, addresses ? `${counted(messages, 'message')} on ${counted(addresses, 'route')}` : 'none yet');
  }
}
