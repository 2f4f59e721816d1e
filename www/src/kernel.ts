/**
 * The kernel as the page sees it: the package's class, with the shapes of what it answers written down.
 *
 * Everything that comes from the kernel goes through here once, so that views can trust its shape. What it says is
 * still text of strangers (names of files, reasons, logs of agents) and only `format.plain` may put it on the screen.
 */

import { App, Kernel, verifyEvidence } from 'weft-kernel';
import type { AppFiles, KeptFolder, MountSource } from 'weft-kernel';

export { App };
export type { AppFiles, KeptFolder, MountSource };

export type Environment = 'dev' | 'staging' | 'prod';
export type Decision = 'permit' | 'warn' | 'escalate' | 'deny';
export const DIMENSIONS = ['risk', 'fairness', 'privacy', 'novelty', 'security'] as const;
export type Effect = Record<(typeof DIMENSIONS)[number], number>;

export interface Profile {
  host: string;
  programs: string[];
  net: boolean;
  mounts: boolean;
  durability: 'disk' | 'memory';
  atomic_commits: boolean;
  parallelism: number;
  suspension: 'anywhere' | 'next_act';
  key_custody: string;
  missing: [string, string][];
  persisted: boolean | null;
}

export interface Problem { line: number; key: string; text: string; hint: string | null }
export interface CheckedAgent { name: string; role: string; use: string[]; grant: string[]; optional: string[] }
export interface CheckedMount { name: string; mode: 'read' | 'write'; labels: string[]; clearance: string[] }
export interface Ask { right: string; agents: string[]; optional: boolean; given: boolean }
export interface Check {
  app: string;
  version: string;
  description: string;
  agents: CheckedAgent[];
  mounts: CheckedMount[];
  asks: Ask[];
  problems: Problem[];
}

export interface Limit { meter: string; of: string; used: number; limit: number }

export interface Process {
  pid: number;
  parent: number;
  name: string;
  app: string | null;
  role: string;
  state: string;
  exit: string;
  detail: string;
  messages: number;
  acts: number;
  refused: number;
  cpu: number;
  fuel: number;
  memory: number;
  sent: number;
  toolCalls: number;
  stored: number;
  wall: number;
  limits: Limit[];
}
export const COUNTS = ['permitted', 'warned', 'escalated', 'denied', 'refused', 'exhausted', 'dead_letters'] as const;
export type Verdicts = Record<(typeof COUNTS)[number], number>;
export interface Summary { processes: Process[]; verdicts: Verdicts; environment: string }

export interface Reason { code: string; weight: Decision; text: string; rule?: string }
/** What a decision was made upon, in the form in which `weft rules explain` prints it. */
export interface Explanation {
  decision: Decision;
  reasons: Reason[];
  process: number;
  agent: string;
  app: string | null;
  verb: string;
  resource: string;
  grant: string | null;
  missing: { right: string; flag: string } | null;
  labels: string[];
  clearance: string[];
  blocked: string[];
  effect: Effect;
  contributions: { source: string; effect: Effect }[];
  score: number;
  threshold: number;
  warnAt: number | null;
  environment: string;
}

export interface Event { seq: number; time: string; action: number; kind: string; content: any; unreadable: string | null }

export type Notice =
  | { kind: 'phase'; name: string; micros: number }
  | { kind: 'running'; pid: number; name: string }
  | { kind: 'exited'; pid: number; name: string; reason: string; normal: boolean }
  | { kind: 'suspended'; pid: number; name: string; reason: string }
  | { kind: 'resumed'; pid: number; name: string }
  | { kind: 'restarting'; name: string; waitMs: number }
  | { kind: 'limit_near'; pid: number; name: string; meter: string; used: number; limit: number }
  | { kind: 'verdict'; action: number; name: string; what: string; verb: string; resource: string; reason: string }
  | { kind: 'log'; pid: number; name: string; level: string; text: string }
  | { kind: 'ended'; app: string; ok: boolean; reason: string };

export interface Question {
  action: number;
  name: string;
  verb: string;
  resource: string;
  explanation: Explanation | null;
  /** How long it waits for an answer, in milliseconds. */
  wait: number;
}

export interface Verified { ok: boolean; size: number; root: string; problem: string | null }
export interface Owner { owner: boolean }

export interface TreeNode { version: number; owner: number; labels: string[]; kind: string; value: string | null }
export interface TreeChild { name: string; node: TreeNode | null; bytes: number | null; parent: boolean }

/** What a file of evidence says that holds, and the state of the log that was signed. */
export type Proof = { origin: string; key: string; size: number; root: string } & (
  | { evidence: 'receipt'; action: number; intended: string; decided: string[]; outcome: string; body: boolean; events: Event[] }
  | { evidence: 'inclusion'; event: Event }
  | { evidence: 'consistency'; old: { size: number; root: string } }
  | { evidence: 'node'; path: string; node: TreeNode | null; seq: number }
);

/** What went wrong, with the code that names it and a sentence for a person. */
export class Failure extends Error {
  /** After a crash: the database as it was recorded. */
  recorded: (() => Promise<Blob>) | null = null;

  constructor(readonly code: string, message: string) {
    super(message);
    this.name = 'Failure';
  }

  static of(error: unknown): Failure {
    if (error instanceof Failure) return error;
    const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
    return new Failure(typeof code === 'string' ? code : 'failed', typeof message === 'string' && message ? message : 'It failed and did not say why.');
  }
}

const record = (value: unknown): Record<string, any> =>
  typeof value === 'object' && value !== null ? (value as Record<string, any>) : {};
const text = (value: unknown): string => (typeof value === 'string' ? value : value == null ? '' : String(value));
const number = (value: unknown): number => {
  const n = Number(value);
  return Number.isFinite(n) ? n : 0;
};
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : []);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Checks a file of evidence against the key of a log. It needs no kernel. */
export async function verify(file: string, key: string): Promise<Proof> {
  const said = record(await verifyEvidence(file, { key }).catch((error) => {
    throw Failure.of(error);
  }));
  const signed = { origin: text(said.origin), key: text(said.key), size: number(said.size), root: text(said.root) };
  switch (said.evidence) {
    case 'receipt':
      return {
        ...signed, evidence: said.evidence, action: number(said.action), intended: text(said.intended), decided: texts(said.decided), outcome: text(said.outcome),
        body: said.body === true, events: list(said.events).map(record).map(asEvent),
      };
    case 'inclusion':
      return { ...signed, evidence: said.evidence, event: asEvent(record(said.event)) };
    case 'consistency':
      return { ...signed, evidence: said.evidence, old: { size: number(record(said.old).size), root: text(record(said.old).root) } };
    case 'node':
      return { ...signed, evidence: said.evidence, path: text(said.path), node: asNode(said.node), seq: number(said.seq) };
    default:
      throw new Failure('invalid', 'The file is evidence of something that this page does not know.');
  }
}

const asEvent = (event: Record<string, any>): Event => ({
  seq: number(event.seq),
  time: text(event.time),
  action: number(event.action),
  kind: text(event.kind),
  content: event.content ?? null,
  unreadable: event.unreadable ? text(event.unreadable) : null,
});

function asNode(value: unknown): TreeNode | null {
  if (!value) return null;
  const node = record(value);
  return { version: number(node.version), owner: number(node.owner), labels: texts(node.labels), kind: text(node.kind), value: node.value ? text(node.value) : null };
}

/** The page's hold on one kernel. */
export class Host {
  private constructor(private readonly kernel: Kernel) {}

  /** Boots the kernel in this environment, or attaches to that of another tab, whatever that runs in. */
  static async boot(environment: Environment): Promise<Host> {
    try {
      return new Host(await Kernel.boot({ storage: 'opfs', environment }).catch((error) => {
        if (!record(record(error).more).environment) throw error;
        return Kernel.boot({ storage: 'opfs' });
      }));
    } catch (error) {
      throw Failure.of(error);
    }
  }

  /** How strict the verdicts of the kernel are that runs. */
  get environment(): Environment {
    return this.kernel.environment;
  }

  profile(): Profile {
    const profile = record(this.kernel.profile());
    return {
      host: text(profile.host),
      programs: texts(profile.programs),
      net: profile.net === true,
      mounts: profile.mounts === true,
      durability: profile.durability === 'disk' ? 'disk' : 'memory',
      atomic_commits: profile.atomic_commits === true,
      parallelism: number(profile.parallelism),
      suspension: profile.suspension === 'anywhere' ? 'anywhere' : 'next_act',
      key_custody: text(profile.key_custody),
      missing: list(profile.missing).map((pair) => [text(list(pair)[0]), text(list(pair)[1])]),
      persisted: typeof profile.persisted === 'boolean' ? profile.persisted : null,
    };
  }

  async check(app: AppFiles, allow: string[], mounts: string[]): Promise<Check> {
    const check = record(await this.call(this.kernel.check(app, { allow, mounts })));
    return {
      app: text(check.app),
      version: text(check.version),
      description: text(check.description),
      agents: list(check.agents).map(record).map((agent) => ({
        name: text(agent.name),
        role: text(agent.role),
        use: texts(agent.use),
        grant: texts(agent.grant),
        optional: texts(agent.optional),
      })),
      mounts: list(check.mounts).map(record).map((mount) => ({
        name: text(mount.name),
        mode: mount.mode === 'write' ? 'write' : 'read',
        labels: texts(mount.labels),
        clearance: texts(mount.clearance),
      })),
      asks: list(check.asks).map(record).map((ask) => ({
        right: text(ask.right),
        agents: texts(ask.agents),
        optional: ask.optional === true,
        given: ask.given === true,
      })),
      problems: list(check.problems).map(record).map((problem) => ({
        line: number(problem.line),
        key: text(problem.key),
        text: text(problem.text),
        hint: problem.hint ? text(problem.hint) : null,
      })),
    };
  }

  async install(app: AppFiles, allow: string[], mounts: Record<string, MountSource>): Promise<void> {
    // The one thing that needs the browser's private storage here and not in the kernel's worker, which does without.
    if (Object.values(mounts).includes('opfs')) await navigator.storage.getDirectory().catch(() => {
      throw new Failure('storage', 'This browser gives the page no private storage, so there is no place for what the application writes: leave the private window, or give it a folder of yours.');
    });
    return this.call(this.kernel.install(app, { allow, mounts }));
  }

  folders = (): Promise<KeptFolder[]> => this.call(this.kernel.folders());
  mount = (name: string, source: MountSource): Promise<void> => this.call(this.kernel.mount(name, source));
  start = (app: string): Promise<unknown> => this.call(this.kernel.start(app));
  stop = (app: string): Promise<unknown> => this.call(this.kernel.stop(app));
  kill = (pid: number): Promise<unknown> => this.call(this.kernel.kill(pid));
  answer = (action: number, allow: boolean): Promise<unknown> => this.call(this.kernel.answer(action, allow));
  readFile = (mount: string, path: string): Promise<Uint8Array> => this.call(this.kernel.readFile(mount, path));
  shutdown = (reason: string): Promise<unknown> => this.call(this.kernel.shutdown(reason));

  async summary(): Promise<Summary> {
    const summary = record(await this.call(this.kernel.summary()));
    const verdicts = record(summary.verdicts);
    return {
      processes: list(summary.processes).map(process),
      verdicts: Object.fromEntries(COUNTS.map((name) => [name, number(verdicts[name])])) as Verdicts,
      environment: text(summary.environment),
    };
  }

  async events(from: number, limit: number): Promise<{ events: Event[]; size: number }> {
    const page = record(await this.call(this.kernel.chain.events({ from, limit })));
    const events = list(page.events).map(record).filter((event) => 'seq' in event);
    return {
      size: number(page.size),
      events: events.map(asEvent),
    };
  }

  async verify(): Promise<Verified> {
    const answer = record(await this.call(this.kernel.chain.verify()));
    const problem = record(answer.problem);
    const found = [text(problem.text), text(problem.hint)].filter(Boolean).join('. ');
    return {
      ok: answer.ok === true,
      size: number(answer.size),
      root: text(answer.root),
      problem: found ? `${found}${problem.code ? ` (${text(problem.code)})` : ''}` : null,
    };
  }

  async checkpoint(): Promise<string> {
    return text(await this.call(this.kernel.chain.checkpoint()));
  }

  key = (): Promise<string> => this.call(this.kernel.chain.key());
  receipt = (action: number): Promise<string> => this.call(this.kernel.receipt(action));
  value = (path: string): Promise<Uint8Array> => this.call(this.kernel.tree.get(path));
  proof = (path: string): Promise<string> => this.call(this.kernel.tree.prove(path));

  async children(path: string, cursor: string | null): Promise<{ children: TreeChild[]; next: string | null }> {
    const page = record(await this.call(this.kernel.tree.list(path, cursor ?? undefined)));
    const children = list(page.children).map(record).map((child) => ({
      name: text(child.name), node: asNode(child.node), bytes: child.bytes == null ? null : number(child.bytes), parent: child.parent === true,
    }));
    return { children, next: page.next == null ? null : text(page.next) };
  }

  onNotice(listener: (notice: Notice) => void): void {
    this.kernel.on('notice', (told) => {
      const notice = asNotice(told);
      if (notice) listener(notice);
    });
  }

  onAsk(listener: (question: Question) => void): void {
    this.kernel.on('ask', (told) => {
      const ask = record(told);
      listener({
        action: number(ask.action),
        name: text(ask.name),
        verb: text(ask.verb),
        resource: text(ask.resource),
        explanation: asExplanation(ask.detail),
        wait: number(ask.wait_ms),
      });
    });
  }

  onEnded(listener: (ended: { app: string; ok: boolean; reason: string }) => void): void {
    this.kernel.on('ended', (told) => {
      const ended = record(told);
      listener({ app: text(ended.app), ok: ended.ok === true, reason: text(ended.reason) });
    });
  }

  /** Whether this tab has the kernel, or is attached to another that has. */
  get owner(): boolean {
    return this.kernel.owner;
  }

  onOwner(listener: (owner: Owner) => void): void {
    this.kernel.on('owner', (told) => listener({ owner: record(told).owner === true }));
  }

  onStopped(listener: (reason: string) => void): void {
    this.kernel.on('stopped', (told) => listener(text(record(told).reason)));
  }

  onCrashed(listener: (failure: Failure) => void): void {
    this.kernel.on('crashed', (told) => {
      const failure = Failure.of(told);
      if ('export' in told) failure.recorded = () => this.call((told as { export(): Promise<Blob> }).export());
      listener(failure);
    });
  }

  private async call<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw Failure.of(error);
    }
  }
}

function process(value: unknown): Process {
  const row = record(value);
  return {
    pid: number(row.pid),
    parent: number(row.parent),
    name: text(row.name),
    app: row.app ? text(row.app) : null,
    role: text(row.role),
    state: text(row.state),
    exit: text(row.exit),
    detail: text(row.detail),
    messages: number(row.messages),
    acts: number(row.acts),
    refused: number(row.refused),
    cpu: number(row.cpu),
    fuel: number(row.fuel),
    memory: number(row.memory),
    sent: number(row.sent),
    toolCalls: number(row.tool_calls),
    stored: number(row.stored),
    wall: number(row.wall),
    limits: list(row.limits).map(record).map((limit) => ({ meter: text(limit.meter), of: text(limit.of), used: number(limit.used), limit: number(limit.limit) })),
  };
}

/** A notice names by `kind` what happened; one of a kind that this page does not know says nothing to it. */
export function asNotice(told: unknown): Notice | null {
  const body = record(told);
  const kind = text(body.kind);
  switch (kind) {
    case 'phase':
      return { kind, name: text(body.name), micros: number(body.micros) };
    case 'running':
      return { kind, pid: number(body.pid), name: text(body.name) };
    case 'exited': {
      const [word, detail] = [text(body.exit), text(body.detail)];
      return { kind, pid: number(body.pid), name: text(body.name), reason: detail ? `${word}: ${detail}` : word, normal: NORMAL.has(word) };
    }
    case 'suspended':
      return { kind, pid: number(body.pid), name: text(body.name), reason: text(body.reason) };
    case 'resumed':
      return { kind, pid: number(body.pid), name: text(body.name) };
    case 'restarting':
      return { kind, name: text(body.name), waitMs: number(body.wait_ms) };
    case 'limit_near':
      return { kind, pid: number(body.pid), name: text(body.name), meter: text(body.meter), used: number(body.used), limit: number(body.limit) };
    case 'verdict':
      return {
        kind,
        action: number(body.action),
        name: text(body.name),
        what: text(body.what),
        verb: text(body.verb),
        resource: text(body.resource),
        reason: text(body.reason),
      };
    case 'log':
      return { kind, pid: number(body.pid), name: text(body.name), level: text(body.level).toLowerCase(), text: text(body.text) };
    case 'ended':
      return { kind, app: text(body.app), ok: body.ok === true, reason: text(body.reason) };
    default:
      return null;
  }
}

const NORMAL = new Set(['normal', 'shutdown', '']);

/** The explanation that comes with a question. */
function asExplanation(value: unknown): Explanation | null {
  const from = record(value);
  if (!('effect' in from)) return null;
  const missing = record(from.missing_grant);
  return {
    ...decided(from),
    process: number(from.process),
    agent: text(from.agent),
    missing: missing.right ? { right: text(missing.right), flag: text(missing.flag) } : null,
    environment: text(from.environment),
    decision: decision(from.decision),
    reasons: reasons(from.reasons),
    score: number(from.score),
    threshold: number(from.threshold),
    warnAt: from.warn_at == null ? null : number(from.warn_at),
  };
}

/** The same from an event, whose content holds `facts` and `verdict` as they were decided. */
export function explanationOf(event: Event): Explanation | null {
  const { facts: known, verdict: said } = record(event.content);
  if (!known) return null;
  const facts = record(known);
  const verdict = record(said);
  const environment = record(facts.environment);
  const right = `${text(facts.verb)} ${text(facts.resource)}`;
  const lacks = reasons(verdict.reasons).some((reason) => reason.code === 'no_grant');
  const threshold = number(verdict.threshold);
  return {
    ...decided(facts),
    process: number(facts.pid),
    agent: text(facts.name),
    missing: lacks ? { right, flag: `--allow "${right}"` } : null,
    environment: text(environment.name),
    decision: decision(verdict.decision),
    reasons: reasons(verdict.reasons),
    score: number(verdict.score),
    threshold,
    // As the kernel has it: 60 % of the threshold, rounded up.
    warnAt: threshold ? Math.ceil((threshold * 60) / 100) : null,
  };
}

function decided(from: Record<string, any>) {
  return {
    app: from.app ? text(from.app) : null,
    verb: text(from.verb),
    resource: text(from.resource),
    grant: from.grant ? text(from.grant) : null,
    labels: texts(from.labels),
    clearance: texts(from.clearance),
    blocked: texts(from.blocked),
    effect: effect(from.effect),
    contributions: contributions(from.contributions),
  };
}

/** In an explanation they are listed; with the facts stand the inputs that they are made of. */
function contributions(value: unknown): Explanation['contributions'] {
  const listed = Array.isArray(value) ? value.map(record) : inputs(record(value));
  const all = listed.map((one) => ({ source: text(one.source), effect: effect(one.effect) }));
  return all.filter((one) => DIMENSIONS.some((name) => one.effect[name] > 0));
}

function inputs(from: Record<string, any>): Record<string, any>[] {
  const label = (name: string) =>
    ({ source: `label ${name}`, effect: name === 'untrusted' ? { security: 6000 } : { privacy: 9000 } });
  return [
    { source: 'base', effect: from.base },
    { source: 'novelty', effect: { novelty: from.novelty } },
    ...texts(from.labels).map(label),
    ...(from.declared ? [{ source: 'declared', effect: from.declared }] : []),
  ];
}

function effect(value: unknown): Effect {
  const from = record(value);
  return Object.fromEntries(DIMENSIONS.map((name) => [name, number(from[name])])) as Effect;
}

function decision(value: unknown): Decision {
  const word = text(value);
  return word === 'permit' || word === 'warn' || word === 'escalate' ? word : 'deny';
}

function reasons(value: unknown): Reason[] {
  return list(value).map(record).map((reason) => ({
    code: text(reason.code),
    weight: decision(reason.weight),
    text: text(reason.text),
    rule: reason.rule ? text(reason.rule) : undefined,
  }));
}
