/**
 * What the page knows and does: one kernel, one application at a time, and everything that was told about it.
 *
 * Views read this and call its methods; it knows no view. Whatever changes here ends in `changed`, after which views
 * are drawn at most once per frame.
 */

import { App, Failure, Host } from './kernel';
import type { AppFiles, Check, Decision, Environment, KeptFolder, Notice, Owner, Profile, Question, Summary, Verdicts, Verified } from './kernel';
import type { Folder } from './folder';
import { KEPT, Log, placeOf, TALKS, type Entry } from './log';
import { readReport, type Report } from './report';
import { duration } from './format';
import { amount, named } from './limits';
import { inSlices } from './slices';

export type Stage = 'booting' | 'failed' | 'start' | 'running' | 'ended';

export interface Run {
  app: string;
  version: string;
  /** null where the run was found when the page was opened. */
  folder: Folder | null;
  environment: Environment;
  /** Agents that the manifest names, so that each has its row before it runs. */
  agents: string[];
  given: string[];
  startedAt: number;
  endedAt: number | null;
  /** The log's size before it. */
  since: number;
  pidsFrom: number;
  ended: { ok: boolean; reason: string } | null;
}

/** Read out when there is a pause, at once, or at once and shown too, for no view shows it. */
export type Announcement = 'quiet' | 'urgent' | 'shown';

export interface Asked extends Question { deadline: number }

export type FeedItem =
  | { id: number; at: number; kind: 'log' | 'warned' | 'answer' | 'near'; who: string; text: string; level: string }
  | { id: number; at: number; kind: 'act'; who: string; verb: string; resource: string; outward: boolean; decision: Decision; score: number; text: string }
  | { id: number; at: number; kind: 'undone'; who: string; verb: string; resource: string; what: string; text: string }
  | { id: number; at: number; kind: 'life'; level: string; what: string; names: string[]; text: string }
  | { id: number; at: number; kind: 'refusal'; who: string; what: string; asked: string; reason: string; action: number;
      entry: Entry | null; full: boolean; text: string }
  | { id: number; at: number; kind: 'end'; ok: boolean; text: string };
type Without<T> = T extends unknown ? Omit<T, 'id' | 'at'> : never;

const FEED = 600;
const CARDS = 20;
const PAGE = 500;
/** What the kernel calls the person. */
const OPERATOR = 'operator';
const LIVE_MS = 200;
const IDLE_MS = 2_000;
/** So long a refusal waits for the event that tells all of it: a card does not grow once it is shown. */
const PATIENCE_MS = 500;

export class Session {
  stage: Stage = 'booting';
  failure: Failure | null = null;
  crashed = false;
  host: Host | null = null;
  profile: Profile | null = null;
  app: AppFiles | null = null;
  /** What the application asks for when nothing is given: what the first view shows. */
  check: Check | null = null;
  environment: Environment;
  run: Run | null = null;
  summary: Summary | null = null;
  /** What the gate had said before the run. */
  base: Verdicts | null = null;
  log = new Log();
  logReady = false;
  feed: FeedItem[] = [];
  questions: Asked[] = [];
  owner: Owner | null = null;
  verified: (Verified & { at: number; took: number }) | null = null;
  verifying = false;
  report: Report | null = null;
  /** The folder of the person's that the last run was given, where the browser keeps it. */
  kept: KeptFolder | null = null;
  /** The refused acts that were shown. */
  private told = new Set<number>();
  busy = '';
  /** How many acts of the run were permitted and could not be done. */
  failures = 0;
  private reportBefore: Uint8Array | null = null;
  private ids = 0;
  private listeners: (() => void)[] = [];
  private drawing = false;
  private syncing: Promise<void> | null = null;
  private again = false;
  private timer = 0;
  private tellPerson: (text: string, how: Announcement) => void = () => {};

  constructor(environment: Environment) {
    this.environment = environment;
  }

  get refusals(): number {
    return this.told.size;
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  onAnnounce(announce: (text: string, how: Announcement) => void): void {
    this.tellPerson = announce;
  }

  private announce(text: string, how: Announcement = 'quiet'): void {
    this.tellPerson(text, how);
  }

  changed(): void {
    if (this.drawing) return;
    this.drawing = true;
    const draw = () => {
      if (!this.drawing) return;
      this.drawing = false;
      for (const listener of this.listeners) listener();
    };
    // A tab in the background is given no frames, and its title still counts.
    if (document.hidden) setTimeout(draw, 250);
    else requestAnimationFrame(draw);
  }

  async boot(): Promise<void> {
    this.stage = 'booting';
    this.failure = null;
    this.changed();
    try {
      const app = App.fetch(new URL('./apps/repo-audit/', import.meta.url));
      const host = await Host.boot(this.environment);
      this.host = host;
      // That of another tab, where that has the kernel.
      this.environment = host.environment;
      this.profile = host.profile();
      this.owner = { owner: host.owner };
      this.listen(host);
      this.app = await app;
      this.check = await host.check(this.app, [], []);
      this.summary = await host.summary();
      if (this.living().length === 0) {
        this.stage = 'start';
        this.changed();
      }
      await this.sync();
      this.logReady = true;
      this.resume();
      await this.reopen();
      await this.loadReport();
      this.tick();
    } catch (error) {
      // What ended meanwhile has said why.
      if (!this.over) this.fail(Failure.of(error));
    }
    this.changed();
  }

  /** Nothing can be asked of the kernel any more. */
  private get over(): boolean {
    return this.stage === 'failed';
  }

  /** Another environment is another boot of the same kernel, on the same log. */
  async switchTo(environment: Environment): Promise<void> {
    if (environment === this.environment || !this.host?.owner) return;
    const host = this.host;
    this.environment = environment;
    this.host = null;
    clearTimeout(this.timer);
    this.stage = 'booting';
    this.changed();
    await host.shutdown(`the operator changes the environment to ${environment}`).catch(() => undefined);
    this.log = new Log();
    this.logReady = false;
    this.run = null;
    this.verified = null;
    this.feed = [];
    await this.boot();
  }

  /** What the application would lack and get if it were given this. */
  consider(allow: string[], mounts: string[]): Promise<Check> {
    if (!this.host || !this.app) return Promise.reject(new Failure('boot', 'The kernel does not run.'));
    return this.host.check(this.app, allow, mounts);
  }

  async begin(folder: Folder, allow: string[], out: 'opfs' | FileSystemDirectoryHandle): Promise<void> {
    const { host, app, check } = this;
    if (!host || !app || !check) return;
    this.run = {
      app: check.app,
      version: check.version,
      folder,
      environment: this.environment,
      agents: check.agents.map((agent) => agent.name),
      given: allow,
      startedAt: performance.now(),
      endedAt: null,
      since: this.log.size,
      pidsFrom: 1 + Math.max(0, ...(this.summary?.processes ?? []).map((process) => process.pid)),
      ended: null,
    };
    this.base = this.summary?.verdicts ?? null;
    this.stage = 'running';
    this.feed = [];
    this.questions = [];
    this.reportBefore = this.report?.json ?? null;
    this.report = null;
    this.told.clear();
    this.failures = 0;
    this.busy = 'Installing';
    this.changed();
    try {
      const mounts = Object.fromEntries(
        check.mounts.map((mount) => [mount.name, mount.mode === 'read' ? folder.source : out]));
      await host.install(app, allow, mounts);
      this.busy = 'Starting';
      this.changed();
      await host.start(check.app);
      this.busy = '';
    } catch (error) {
      this.busy = '';
      const { message } = Failure.of(error);
      this.finish(false, message);
    }
    this.tick();
  }

  async stop(): Promise<void> {
    if (!this.host || !this.run) return;
    this.busy = 'Stopping';
    this.changed();
    try {
      await this.host.stop(this.run.app);
    } catch (error) {
      this.announce(Failure.of(error).message, 'shown');
    }
    this.busy = '';
    this.tick();
  }

  async kill(pid: number, name: string): Promise<void> {
    try {
      await this.host?.kill(pid);
      this.announce(`${name} was killed.`);
    } catch (error) {
      this.announce(`${name} could not be killed: ${Failure.of(error).message}`, 'shown');
    }
    this.tick();
  }

  answer(question: Asked, allow: boolean): void {
    this.questions = this.questions.filter((one) => one !== question);
    const asked = `${question.verb} ${question.resource}`;
    this.push({ kind: 'answer', who: question.name, level: allow ? 'yes' : 'no', text: allow ? `You allowed ${asked}, once` : `You refused ${asked}` });
    void this.host?.answer(question.action, allow).catch((error) => this.announce(Failure.of(error).message, 'shown'));
    this.changed();
  }

  async verify(): Promise<void> {
    if (!this.host || this.verifying) return;
    this.verifying = true;
    this.changed();
    const from = performance.now();
    try {
      const verified = await this.host.verify();
      this.verified = { ...verified, at: Date.now(), took: performance.now() - from };
      this.announce(verified.ok ? 'The log verifies.' : `The log does not verify: ${verified.problem ?? ''}`, verified.ok ? 'quiet' : 'urgent');
    } catch (error) {
      const { message } = Failure.of(error);
      this.verified = { ok: false, size: this.log.size, root: '', problem: message, at: Date.now(), took: performance.now() - from };
      this.announce(`The log could not be verified: ${message}`, 'urgent');
    }
    this.verifying = false;
    this.changed();
  }

  async checkpoint(): Promise<string | null> {
    try {
      const note = (await this.host?.checkpoint()) ?? null;
      if (note) this.announce('The checkpoint is saved. Keep it where whoever has this browser cannot write.');
      return note;
    } catch (error) {
      this.announce(`There is no checkpoint: ${Failure.of(error).message}`, 'shown');
      return null;
    }
  }

  /** The receipt of an act, as a file. */
  async receipt(action: number): Promise<string | null> {
    return this.made(this.host?.receipt(action), `The receipt of act ${action} is saved.`, 'There is no receipt');
  }

  /** The proof of what a node of the tree is, as a file. */
  async proof(path: string): Promise<string | null> {
    return this.made(this.host?.proof(path), `The proof of ${path} is saved.`, 'There is no proof');
  }

  private async made(file: Promise<string> | undefined, saved: string, none: string): Promise<string | null> {
    try {
      const made = (await file) ?? null;
      if (made !== null) this.announce(saved);
      return made;
    } catch (error) {
      this.announce(`${none}: ${Failure.of(error).message}`, 'shown');
      return null;
    }
  }

  /** The key that signs the log of this tab, where a kernel runs. */
  async key(): Promise<string | null> {
    return (await this.host?.key().catch(() => null)) || null;
  }

  /** Back to the first view, to audit another folder. */
  reset(): void {
    if (this.stage !== 'ended') return;
    this.stage = 'start';
    this.run = null;
    this.changed();
    void this.reopen();
  }

  private listen(host: Host): void {
    const current = (f: () => void) => {
      if (this.host === host) f();
    };
    host.onNotice((notice) => current(() => this.notice(notice)));
    host.onAsk((question) => current(() => this.ask(question)));
    host.onEnded((ended) => current(() => this.ended(ended)));
    host.onOwner((owner) => current(() => this.owned(owner)));
    host.onStopped((reason) => current(() => this.fail(new Failure('stopped', `Another tab shut it down${reason ? `: ${reason}` : ''}.`))));
    host.onCrashed((failure) => current(() => {
      this.crashed = true;
      this.fail(failure);
    }));
  }

  private fail(failure: Failure): void {
    this.failure = failure;
    this.stage = 'failed';
    this.host = null;
    this.questions = [];
    clearTimeout(this.timer);
    this.announce(failure.message, 'urgent');
    this.changed();
  }

  /** What runs already when the page is opened: after a reload, or because another tab started it. */
  private resume(): void {
    if (this.stage === 'running' || this.stage === 'ended' || this.over) return;
    this.stage = 'start';
    const living = this.living();
    if (living.length === 0 || !this.check) return;
    const app = living[0]!.app!;
    const begun = this.log.entries.findLast((entry) => entry.verb === 'start' && entry.resource === `/app/${app}` && entry.event.kind === 'intent');
    const ago = begun ? Math.max(0, Date.now() - Date.parse(begun.event.time)) : 0;
    this.run = {
      app,
      version: app === this.check.app ? this.check.version : '',
      folder: null,
      environment: this.environment,
      agents: app === this.check.app ? this.check.agents.map((agent) => agent.name) : [],
      given: [],
      startedAt: performance.now() - ago,
      endedAt: null,
      since: begun?.seq ?? this.log.next,
      pidsFrom: Math.min(...living.map((process) => process.pid)),
      ended: null,
    };
    this.stage = 'running';
    this.base = null;
    this.feed = [];
    this.told.clear();
    this.failures = 0;
    const { entries } = this.log;
    void inSlices(entries.slice(placeOf(entries, this.run.since)), (entry) => this.acted(entry));
  }

  private living() {
    return (this.summary?.processes ?? []).filter((process) => process.app && process.state !== 'exited');
  }

  private push(item: Without<FeedItem>): void {
    this.ids += 1;
    this.feed.push({ ...item, id: this.ids, at: Date.now() } as FeedItem);
    if (this.feed.length > FEED) this.feed.splice(0, this.feed.length - FEED);
    this.changed();
  }

  private notice(notice: Notice): void {
    switch (notice.kind) {
      case 'running':
        this.life('', 'started', `${notice.name} ${notice.pid}`);
        if (this.stage === 'start') void Promise.allSettled([this.refresh(), this.sync()]).then(() => this.resume());
        break;
      case 'exited':
        // The sessions of the person come and go with what is asked of the kernel.
        if (notice.normal && notice.name === OPERATOR) break;
        this.life(notice.normal ? '' : 'bad', notice.reason ? `ended: ${notice.reason}` : 'ended', `${notice.name} ${notice.pid}`);
        if (!notice.normal) this.announce(`${notice.name} ended: ${notice.reason}`);
        break;
      case 'suspended':
        this.life('bad', notice.reason ? `is suspended: ${notice.reason}` : 'is suspended', `${notice.name} ${notice.pid}`);
        this.announce(`${notice.name} is suspended`);
        break;
      case 'resumed':
        this.life('', 'goes on', `${notice.name} ${notice.pid}`);
        break;
      case 'restarting':
        this.life('', notice.waitMs ? `is started again after ${notice.waitMs} ms` : 'is started again', notice.name);
        break;
      case 'limit_near':
        this.near(notice);
        break;
      case 'log':
        this.push({ kind: 'log', who: notice.name, level: notice.level, text: notice.text });
        break;
      case 'verdict':
        this.verdict(notice);
        break;
      case 'ended':
        this.ended(notice);
        break;
      case 'phase':
        break;
    }
  }

  /** What the agents do that others can notice: the first message on each route, and every outward act. */
  private acted(entry: Entry): void {
    const { event, seq, pid, name, verb, resource, decision, score, app } = entry;
    const { run } = this;
    if (event.kind === 'answered') this.questions = this.questions.filter((question) => question.action !== event.action);
    if (!run || this.stage !== 'running' || seq < run.since) return;
    // The log knows of every end, also where the notice went to another tab.
    if (event.kind === 'app_ended' && app === run.app) this.finish(event.content?.ok === true, String(event.content?.reason ?? ''));
    if (event.kind === 'boot') this.finish(false, 'the tab that ran it was closed before it ended');
    if (pid === null || pid < run.pidsFrom) return;
    if (event.kind === 'refused') {
      const { code, asked, reason } = event.content ?? {};
      this.refused({ who: name, what: String(code), asked: String(asked), reason: String(reason), action: event.action }, entry);
      return;
    }
    if (event.kind === 'outcome') {
      this.outcome(entry);
      return;
    }
    if (event.content?.facts?.app !== run.app) return;
    const talks = event.kind === 'route_opened' && TALKS.has(verb);
    const outward = event.kind === 'intent' && name !== run.app;
    if ((talks || outward) && decision) this.push({ kind: 'act', who: name, verb, resource, outward, decision, score: score ?? 0, text: '' });
  }

  /** What was permitted and could not be done is no refusal, unless only the device knew that it is not granted. */
  private outcome(entry: Entry): void {
    const { event, name, verb, resource } = entry;
    const [what, reason] = [String(event.content?.result), String(event.content?.reason ?? '')];
    if (what === 'done') return;
    if (what === 'denied') {
      this.refused({ who: name, what, asked: `${verb} ${resource}`, reason, action: event.action }, entry);
      return;
    }
    this.failures += 1;
    if (this.failures <= CARDS) this.push({ kind: 'undone', who: name, verb, resource, what, text: reason });
    else if (this.failures === CARDS + 1) this.push({ kind: 'log', who: '', level: 'warn', text: 'More could not be done. The log tells of each.' });
    else this.changed();
  }

  /** Lives that begin or end alike, one after the other, are one line. */
  private life(level: string, what: string, name: string): void {
    const last = this.feed.at(-1);
    if (last?.kind === 'life' && last.what === what && last.level === level && last.names.length < 24) {
      last.names.push(name);
      this.changed();
    } else {
      this.push({ kind: 'life', level, what, names: [name], text: '' });
    }
  }

  /** Whoever has nearly used up a limit is told of once: the kernel sees to that. */
  private near({ name, meter, used, limit }: Extract<Notice, { kind: 'limit_near' }>): void {
    const of = meter === 'handle' ? 'message' : '';
    const text = `has used ${Math.floor((100 * used) / limit)} % of its limit: ${amount(meter, used)} of ${amount(meter, limit)}, ${named({ meter, of })}`;
    this.push({ kind: 'near', who: name, level: 'warn', text });
    this.announce(`${name} ${text}`);
  }

  private verdict(notice: Extract<Notice, { kind: 'verdict' }>): void {
    const asked = `${notice.verb} ${notice.resource}`;
    if (notice.what === 'escalated') return;
    if (notice.what === 'warned' || notice.what === 'permitted') {
      this.push({ kind: 'warned', who: notice.name, level: 'warn', text: `${asked}${notice.reason ? `: ${notice.reason}` : ''}` });
      return;
    }
    this.questions = this.questions.filter((question) => question.action !== notice.action);
    if (this.told.has(notice.action)) return;
    if (this.told.size < CARDS) this.announce(`Refused: ${notice.name}, ${asked}. ${notice.reason}`);
    // The log tells all of it, a moment later. An equal refusal after the first is only counted there.
    const refused = { who: notice.name, what: notice.what, asked, reason: notice.reason, action: notice.action };
    void this.sync().catch(() => undefined);
    setTimeout(() => this.refused(refused, null), PATIENCE_MS);
  }

  private refused(refused: { who: string; what: string; asked: string; reason: string; action: number }, entry: Entry | null): void {
    if (this.told.has(refused.action)) return;
    this.told.add(refused.action);
    this.push({ kind: 'refusal', ...refused, entry, full: this.told.size <= CARDS, text: '' });
  }

  private ask(question: Question): void {
    this.questions.push({ ...question, deadline: performance.now() + question.wait });
    this.changed();
  }

  /** An answer that nobody gave in time is a no; the kernel knows by itself. */
  expire(): void {
    const now = performance.now();
    const open = this.questions.filter((question) => question.deadline > now);
    if (open.length !== this.questions.length) {
      this.questions = open;
      this.changed();
    }
  }

  private ended(ended: { app: string; ok: boolean; reason: string }): void {
    if (this.run?.app === ended.app && !this.run.ended) this.finish(ended.ok, ended.reason);
  }

  private finish(ok: boolean, reason: string): void {
    const { run } = this;
    if (!run || run.ended) return;
    run.ended = { ok, reason };
    run.endedAt = performance.now();
    this.questions = [];
    void this.evidenceOfEnd().then(() => {
      if (this.over) return;
      this.stage = 'ended';
      const took = duration(run.endedAt! - run.startedAt);
      this.push({ kind: 'end', ok, text: ok ? `${run.app} is done after ${took}` : `${run.app} failed after ${took}: ${reason}` });
      this.announce(ok ? `${run.app} is done. The report can be read.` : `${run.app} failed: ${reason}`, ok ? 'quiet' : 'urgent');
      this.changed();
    });
  }

  private async evidenceOfEnd(): Promise<void> {
    await this.refresh();
    await this.sync().catch(() => undefined);
    await this.loadReport();
    // A refusal may still wait for its event.
    await new Promise((resolve) => setTimeout(resolve, 60));
  }

  /** What earlier runs were given and wrote: a folder of the person's that waits for a word of his stays as it is. */
  private async reopen(): Promise<void> {
    const { host } = this;
    const folders = await host?.folders().catch(() => []) ?? [];
    const of = (mode: string) => this.check?.mounts.find((one) => one.mode === mode)?.name;
    this.kept = folders.find(({ name }) => name === of('read')) ?? null;
    const out = of('write');
    if (host?.owner && out && !folders.some(({ name }) => name === out)) await host.mount(out, 'opfs').catch(() => undefined);
    this.changed();
  }

  private async loadReport(): Promise<void> {
    const mount = this.check?.mounts.find((one) => one.mode === 'write');
    if (!this.host || !mount) return;
    const report = await readReport(this.host, mount.name);
    // What a run that failed has left untouched is the report of another one.
    const stale = this.run?.ended?.ok === false && same(report?.json ?? null, this.reportBefore);
    this.report = stale ? null : report;
  }

  private owned(owner: Owner): void {
    const before = this.owner;
    this.owner = owner;
    if (owner.owner) void this.reopen();
    if (before && !before.owner && owner.owner) this.announce('The other tab is gone. The kernel goes on in this one.', 'shown');
    this.changed();
  }

  private tick(): void {
    clearTimeout(this.timer);
    if (!this.host || this.stage === 'failed') return;
    const live = this.stage === 'running';
    void Promise.allSettled([this.refresh(), live || !document.hidden ? this.sync() : null]).then(() => {
      this.changed();
      clearTimeout(this.timer);
      if (this.stage !== 'failed') this.timer = window.setTimeout(() => this.tick(), this.stage === 'running' ? LIVE_MS : IDLE_MS);
    });
  }

  private async refresh(): Promise<void> {
    const { host } = this;
    if (!host) return;
    const summary = await host.summary().catch(() => null);
    if (summary && this.host === host) this.summary = summary;
    // A person may answer late whether the browser is to keep what is stored.
    this.profile = host.profile();
  }

  /** Reads what the log has gained. Calls that come meanwhile wait for one more reading. */
  private sync(): Promise<void> {
    if (this.syncing) {
      this.again = true;
      return this.syncing;
    }
    this.syncing = this.read().finally(() => {
      this.syncing = null;
    });
    return this.syncing;
  }

  private async read(): Promise<void> {
    do {
      this.again = false;
      for (;;) {
        const { host, log } = this;
        if (!host) return;
        if (log.next === 0) log.skip((await host.events(0, 1)).size - KEPT);
        const page = await host.events(log.next, PAGE);
        if (this.log !== log) return;
        log.size = Math.max(log.size, page.size);
        const added = log.add(page.events);
        if (added.length === 0) break;
        added.forEach((entry) => this.acted(entry));
        this.changed();
        if (log.next >= log.size) break;
      }
    } while (this.again);
  }
}

function same(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a !== null && b !== null && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
