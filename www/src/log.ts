/**
 * The log of the kernel as the page has read it so far: entries that can be filtered, who they are about, and the
 * routes that messages take. Mirrors what `weft chain show` says of each event.
 *
 * An event that only names an act (an outcome, a count, an answer) is about the act that it follows.
 */

import type { Decision, Event } from './kernel';
import { bytes, count, counted, duration } from './format';

/** So many events are kept here; of a longer log the earliest are dropped from the list, never from the log. */
export const KEPT = 50_000;

export interface Entry {
  event: Event;
  seq: number;
  pid: number | null;
  name: string;
  verb: string;
  resource: string;
  /** null where nothing was decided. */
  decision: Decision | null;
  score: number | null;
  /** One line that says what happened. */
  what: string;
  /** The application that ended or was consented to. */
  app: string;
}

/** Verbs by which one process says something to another. */
export const TALKS = new Set(['send', 'publish', 'call']);

/** What a process says to one address, on however many routes. */
export interface Talk extends Act {
  id: number;
  messages: number;
}

/** So many of these are listed, the newest; and so many routes are counted that may still be open. */
const TALKS_KEPT = 1_000;
const ROUTES_KEPT = 65_536;
/** Of so many processes it is known what they are called and what they said: of those that were heard of last. */
const PROCESSES_KEPT = 16_384;
/** So many words that agents took for verbs are listed beside those that are. */
const WORDS_KEPT = 64;

interface Act { pid: number; name: string; verb: string; resource: string }

export class Log {
  entries: Entry[] = [];
  /** Who says how much to whom, in the order in which that began. */
  readonly talks = new Map<string, Talk>();
  /** What each process has said in all since it was kept here, also to addresses that are not listed any more. */
  readonly said = new Map<number, { addresses: number; messages: number }>();
  /** How many events the kernel has; `next` is how many of them were read. */
  size = 0;
  next = 0;
  dropped = 0;
  /** Grows with every change, so that views know whether to look. */
  version = 0;
  /** The verbs that were met, and the processes. */
  readonly verbs = new Set<string>();
  readonly names = new Map<number, string>();
  private readonly acts = new Map<number, Act>();
  /** Those that observe, apart: by far the most, and only what could not be done is followed by an outcome. */
  private readonly looks = new Map<number, Act>();
  private readonly routes = new Map<number, { talk: Talk; told: number; messages: number }>();
  private readonly refusals = new Map<number, Entry>();

  /** Leaves out the first `n` events of a long log. */
  skip(n: number): void {
    if (n <= 0 || this.next > 0) return;
    this.next = this.dropped = n;
  }

  add(events: readonly Event[]): Entry[] {
    const added = events.filter((event) => event.seq >= this.next).map((event) => this.entry(event));
    if (added.length === 0) return added;
    this.entries.push(...added);
    this.next = added.at(-1)!.seq + 1;
    this.size = Math.max(this.size, this.next);
    const over = this.entries.length - KEPT;
    if (over > 0) {
      for (const entry of this.entries.splice(0, over)) {
        if (this.refusals.get(entry.event.action) === entry) this.refusals.delete(entry.event.action);
      }
      this.dropped += over;
    }
    this.version += 1;
    return added;
  }

  /** The event that tells of a refusal, if it was read already and is kept. */
  refusal(action: number): Entry | undefined {
    return this.refusals.get(action);
  }

  private entry(event: Event): Entry {
    const content = event.content ?? {};
    const act = this.actOf(event, content);
    const verdict = content.verdict ?? null;
    const entry: Entry = {
      event,
      seq: event.seq,
      pid: act?.pid ?? null,
      name: act?.name ?? '',
      verb: act?.verb ?? '',
      resource: act?.resource ?? '',
      decision: verdict ? verdict.decision : event.kind === 'refused' || event.kind === 'folded' ? 'deny' : null,
      score: verdict ? verdict.score : null,
      what: '',
      app: typeof content.app === 'string' ? content.app : '',
    };
    if (event.kind === 'refused' && content.code === 'pending') entry.decision = 'escalate';
    entry.what = what(event, content, act);
    if (act && act.pid && act.name) renew(this.names, act.pid, act.name);
    // What was asked and does not parse begins with any word.
    if (act?.verb && (content.facts || this.verbs.size < WORDS_KEPT)) this.verbs.add(act.verb);
    if (event.kind === 'refused') this.refusals.set(event.action, entry);
    this.follow(event, content, act);
    return entry;
  }

  private actOf(event: Event, content: any): Act | null {
    switch (event.kind) {
      case 'intent':
      case 'observed':
      case 'route_opened':
      case 'escalated':
        return this.keep(event, decided(content.facts));
      case 'refused': {
        if (content.facts) return this.keep(event, decided(content.facts));
        const [verb = '', ...rest] = String(content.asked ?? '').split(' ');
        const pid = Number(content.pid) || 0;
        return this.keep(event, { pid, name: this.names.get(pid) ?? '', verb, resource: rest.join(' ') });
      }
      case 'outcome':
      case 'route_counted':
      case 'folded':
      case 'answered':
        return this.acts.get(event.action) ?? this.looks.get(event.action) ?? null;
      case 'exited':
      case 'attached':
        return { pid: Number(content.pid) || 0, name: String(content.name ?? ''), verb: '', resource: '' };
      case 'suspended': {
        const pid = Number(content.pid) || 0;
        return { pid, name: this.names.get(pid) ?? '', verb: '', resource: '' };
      }
      default:
        return null;
    }
  }

  private keep(event: Event, act: Act): Act {
    const [kept, most] = event.kind === 'observed' ? [this.looks, 16_384] : [this.acts, 65_536];
    kept.set(event.action, act);
    // Acts that ended are not forgotten one by one: a bound is enough.
    forget(kept, most);
    return act;
  }

  private follow(event: Event, content: any, act: Act | null): void {
    if (event.kind === 'route_opened' && act && TALKS.has(act.verb)) {
      const route = { talk: this.talk(event.action, act), told: 0, messages: 0 };
      this.routes.set(event.action, route);
      forget(this.routes, ROUTES_KEPT);
      this.count(route);
    } else if (event.kind === 'route_counted') {
      const route = this.routes.get(event.action);
      if (!route) return;
      route.told += Number(content.more) || 0;
      this.count(route);
      if (content.closed) this.routes.delete(event.action);
    }
  }

  private talk(id: number, act: Act): Talk {
    const key = `${act.pid} ${act.verb} ${act.resource}`;
    let talk = this.talks.get(key);
    if (talk) return talk;
    this.talks.set(key, (talk = { id, messages: 0, ...act }));
    forget(this.talks, TALKS_KEPT);
    this.sum(act.pid).addresses += 1;
    return talk;
  }

  private count(route: { talk: Talk; told: number; messages: number }): void {
    // The act that opened the route is counted with those after it.
    const more = Math.max(1, route.told) - route.messages;
    route.messages += more;
    route.talk.messages += more;
    this.sum(route.talk.pid).messages += more;
  }

  private sum(pid: number): { addresses: number; messages: number } {
    const said = this.said.get(pid) ?? { addresses: 0, messages: 0 };
    renew(this.said, pid, said);
    return said;
  }
}

/** Keeps `value` of a process that was heard of now. */
function renew<T>(map: Map<number, T>, pid: number, value: T): void {
  map.delete(pid);
  map.set(pid, value);
  forget(map, PROCESSES_KEPT);
}

/** Drops the oldest quarter of what is more than `most`: one at a time would go through all that went before, each time. */
function forget(map: Map<unknown, unknown>, most: number): void {
  if (map.size <= most) return;
  let drop = most >> 2;
  for (const key of map.keys()) {
    if (drop-- === 0) return;
    map.delete(key);
  }
}

function decided(facts: any): Act {
  return {
    pid: Number(facts?.pid) || 0,
    name: String(facts?.name ?? ''),
    verb: String(facts?.verb ?? ''),
    resource: String(facts?.resource ?? ''),
  };
}

const KINDS: Record<string, string> = {
  intent: 'intends to',
  observed: 'observed',
  route_opened: 'opened the route',
  escalated: 'asked for',
};

function what(event: Event, content: any, act: Act | null): string {
  const ofAct = act?.verb ? `${act.verb} ${act.resource}` : `act ${event.action}`;
  const after = (text: string) => (text ? `: ${text}` : '');
  if (event.unreadable) return `cannot be read: ${event.unreadable}`;
  switch (event.kind) {
    case 'boot':
      return `weft ${content.version} on ${content.host}, ${content.environment}${content.repair ? `; ${content.repair}` : ''}${
        content.unsigned ? `; ${counted(content.unsigned, 'event')} before it had no signature` : ''}`;
    case 'phase':
      return `${content.name} took ${duration(Number(content.micros) / 1000)}`;
    case 'intent':
    case 'observed':
    case 'route_opened':
    case 'escalated':
      return `${KINDS[event.kind]} ${ofAct}`;
    case 'outcome':
      return `${ofAct}: ${content.result}${
        content.note ? ` (${content.note})` : ''}${after(content.reason)}`;
    case 'refused':
      return `${content.asked}: ${content.code}${after(content.reason)}`;
    case 'folded':
      return `${ofAct}: refused ${times(content.more)} more`;
    case 'route_counted':
      return content.closed && !content.more ? `closed the route ${ofAct}` : `${ofAct}: ${times(content.more)}${content.closed ? ', closed' : ''}`;
    case 'exited':
      return `ended: ${content.reason}${after(content.detail)}; ${counted(content.messages, 'message')}, ${counted(
        content.acts, 'act')}, ${count(content.refused)} refused${content.lost ? `, ${count(content.lost)} lost` : ''}`;
    case 'answered':
      return !content.allow && content.by === NOBODY ? `${ofAct}: nobody answered` : `${ofAct}: ${content.allow ? 'allowed' : 'not allowed'} by ${content.by}`;
    case 'consent':
      return `${content.app} ${content.version} was given ${joined(content.given)}; mounts ${joined(content.mounts)}`;
    case 'shutdown':
      return `the kernel stops${after(content.reason)}`;
    case 'attached':
      return `a session of role ${content.role} was opened`;
    case 'app_ended':
      return `${content.app} ${content.ok ? 'ended well' : 'failed'}${after(content.reason)}`;
    case 'failing':
      return `${content.app} has failed and stops${after(content.reason)}`;
    case 'dead_letter':
      return `from ${content.sender} to ${content.target}: ${content.reason}, ${bytes(Number(content.bytes) || 0)}`;
    case 'suspended':
      return `was suspended${after(content.reason)}`;
    case 'restarting':
      return `${content.agent} ${content.reason}, and is started again after ${count(Math.round(Number(content.wait) / 1e6))} ms${
        Array.isArray(content.others) && content.others.length ? `, and with it ${joined(content.others)}` : ''}`;
    case 'limit_near':
      return `${content.name} has used ${Math.floor((100 * Number(content.used)) / Number(content.limit))} % of its ${content.meter}`;
    case 'limit_raised':
      return `${content.name} has ${count(Number(content.by))} ${content.meter} more: ${count(Number(content.limit))}`;
    case 'root':
      return `the root of the tree is ${content.tree}`;
    case 'rights':
      return `${content.lost ? 'lost' : 'was given'} the rights ${joined(content.use_)}; to hand on, ${joined(content.grant)}`;
    case 'unfit':
      return `an event of kind ${content.kind} is not here: ${content.reason}`;
    default:
      return event.kind;
  }
}

/** Whom the kernel names where nobody answered. */
const NOBODY = 'nobody';

const times = (n: unknown): string => (Number(n) === 1 ? 'once' : `${count(Number(n) || 0)} times`);
const joined = (items: unknown): string => (Array.isArray(items) && items.length ? items.join(', ') : 'nothing');

export interface Filter { pid: number | null; verb: string; decision: string; text: string }

/** The place of the first entry whose number is not below `seq`. */
export function placeOf(entries: readonly Entry[], seq: number): number {
  let [from, to] = [0, entries.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (entries[middle]!.seq < seq) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** What a filter lets through: found bit by bit, and added to as the log grows. */
export class Search {
  private found: Entry[] = [];
  private next = 0;
  private readonly all: boolean;

  constructor(private readonly log: Log, private readonly filter: Filter) {
    this.all = filter.pid === null && !filter.verb && !filter.decision && !filter.text;
  }

  /** All that was found so far, the oldest first. */
  get entries(): readonly Entry[] {
    return this.all ? this.log.entries : this.found;
  }

  /** Goes on until nothing is left, which it answers, or the slice is over. */
  look(over: () => boolean): boolean {
    if (this.all) return true;
    const { entries } = this.log;
    this.found.splice(0, placeOf(this.found, entries[0]?.seq ?? 0));
    for (let i = placeOf(entries, this.next); i < entries.length; i += 1) {
      const entry = entries[i]!;
      if (matches(entry, this.filter)) this.found.push(entry);
      this.next = entry.seq + 1;
      if (i % 64 === 0 && over()) return this.next >= this.log.next;
    }
    return true;
  }
}

function matches(entry: Entry, filter: Filter): boolean {
  if (filter.pid !== null && entry.pid !== filter.pid) return false;
  if (filter.verb && entry.verb !== filter.verb) return false;
  if (filter.decision && entry.decision !== filter.decision) return false;
  if (filter.text && !`${entry.event.kind} ${entry.name} ${entry.what}`.toLowerCase().includes(filter.text)) return false;
  return true;
}
