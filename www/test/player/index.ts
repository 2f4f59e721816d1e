/**
 * For the development of the page alone: plays a recorded run of the native kernel through the package's interface.
 *
 * It decides nothing: events, counts and texts are those of the recording, at a pace that can be looked at. It is no
 * kernel and never part of the page that is shipped; `build.mjs` puts it in the package's place only in test/dist.
 * `window.player` is how tests choose the recording and break things.
 */

type Listener = (told: any) => void;

interface Recording {
  environment: string;
  processes: any[];
  verdicts: Record<string, number>;
  checkpoint: { root: string; size: number; note: string };
  events: any[];
  check: any;
  report: Record<string, string>;
}

interface Control {
  recording: string;
  /** Milliseconds for the whole run. */
  pace: number;
  bootFails: { code: string; message: string } | null;
  verifyFails: string | null;
  ok: boolean;
  /** What the browser kept of earlier runs. */
  folders: { folder: { name: string } }[];
  /** What the person says when the browser asks for one, and what it was asked for. */
  leave: string;
  asked: string[];
  /** Who is near the limit of its memory, and who has used up that of a message's time. */
  near: string;
  over: string;
  live: Kernel | null;
}

const control: Control = ((globalThis as any).player ??= { recording: 'dev', pace: 1500, bootFails: null, verifyFails: null, ok: true, folders: [], leave: 'granted', asked: [], near: '', over: '', live: null });

/** How long a question waits. */
const WAIT_MS = 30_000;
const fail = (code: string, message: string) => Object.assign(new Error(message), { code });
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function load(name: string): Promise<Recording> {
  const response = await fetch(new URL(`./record/${name}.json.gz`, import.meta.url));
  const unzipped = response.body!.pipeThrough(new DecompressionStream('gzip'));
  return new Response(unzipped).json();
}

const VALUE = 'what was kept:\n<b>a line</b> and another one';
const KEY = 'weft/0123456789abcdef+01234567+AXjfs/19Ndyw39SNZSJbfQ6zNT29BiB0BmWc71Mpw9p0';

/** Holds what a receipt's own text says: `by` whom it is signed, and whether it was `changed`. */
export async function verifyEvidence(text: string, { key }: { key?: string }) {
  await wait(50);
  let file: any = {};
  try {
    file = JSON.parse(text);
  } catch {
    throw fail('invalid', 'it is no evidence: expected value at line 1 column 1');
  }
  if (!key || (file.by ?? KEY) !== key) throw fail('key_untrusted', 'it does not hold: the checkpoint is not to be trusted: no signature of the key');
  if (file.changed) throw fail('forked', 'it does not hold: event 53 is not the one of the signed log of 114 events');
  const signed = { origin: key.split('+')[0], key, size: 114, root: 'Wufkvjvgmxb4asK2eY9dY8n/Fnq1BRVeSlNXLrP88+o=' };
  if (file.path) return { ...signed, evidence: 'node', path: file.path, node: { version: 3, owner: 4, labels: ['private'], earlier: [], kind: '', holder: null, value: '5f'.repeat(32) }, seq: 66 };
  return {
    ...signed, evidence: 'receipt', action: file.action, body: false, detail: null,
    intended: 'courier (process 4) of repo-audit wanted to `connect` /net/exfil.example.com:443, with a body of 21 bytes',
    decided: ['refused as denied: agent courier holds no right `connect /net/exfil.example.com:443`'], outcome: 'nothing was done',
    events: [{ seq: 53, time: '2026-11-28T01:29:26.473Z', action: file.action, kind: 'refused', content: null, unreadable: null }],
  };
}

export const App = {
  async fetch(url: URL) {
    const manifest = await (await fetch(new URL('weft.toml', url))).text();
    return { manifest, files: {} };
  },
};

export class Kernel {
  private listeners = new Map<string, Listener[]>();
  private played: any[] = [];
  private started = false;
  private before = 0;
  private killed = new Map<number, string>();
  private questions = new Map<number, (allow: boolean) => void>();
  private written = false;
  private rest: any[] = [];
  private gone = false;

  private constructor(private readonly record: Recording, readonly environment: string) {
    control.live = this;
  }

  static async boot({ environment = 'dev' }: { storage: string; environment?: string }): Promise<Kernel> {
    if (control.bootFails) throw fail(control.bootFails.code, control.bootFails.message);
    const record = await load(control.recording);
    const kernel = new Kernel(record, environment);
    const first = record.events.findIndex((event) => event.kind === 'consent') - 3;
    kernel.played = record.events.slice(0, first);
    kernel.rest = record.events.slice(first);
    return kernel;
  }

  profile() {
    return {
      host: 'web', programs: ['wasm'], net: true, mounts: true, durability: 'disk', atomic_commits: true, parallelism: 8, suspension: 'next_act', key_custody: 'non_extractable', persisted: true,
      missing: [
        ['containers', 'a tab has no container runtime: run the program as a wasm component, or reach it by /net'],
        ['raw sockets', 'a tab has no TCP: /net is fetch, so the other side has to allow this page (CORS)'],
        ['links of folders', 'a folder that is handed to a tab shows files and folders only'],
      ],
    };
  }

  async check(app: { manifest: string }, given: { allow?: string[]; mounts?: string[] } = {}) {
    const { app: about, agents, asks } = this.record.check;
    const rights = (name: string, key: string) => {
      const block = app.manifest.split('[[agent]]').find((part) => part.includes(`\nname = "${name}"\n`)) ?? '';
      const list = new RegExp(`\\n${key} = \\[([^\\]]*)\\]`).exec(block)?.[1] ?? '';
      return [...list.matchAll(/"([^"]+)"/g)].map((match) => match[1]!);
    };
    for (const right of given.allow ?? []) {
      if (!/^[a-z]+ \/[a-z]+\/[^\s]+$/.test(right) || /\/net\/[^*:]+$/.test(right)) throw fail('invalid', `\`${right}\` is not a right: an endpoint is written as host:port`);
    }
    const covers = (ask: any) => {
      const mount = /\/fs\/([^/]+)/.exec(ask.right)?.[1];
      if (mount) return (given.mounts ?? []).includes(mount);
      return (given.allow ?? []).some((right) => right.startsWith(ask.right.replace('**', '')));
    };
    const merged = new Map<string, any>();
    for (const ask of asks) {
      const at = merged.get(ask.right);
      if (at) at.agents.push(ask.agent);
      else merged.set(ask.right, { right: ask.right, agents: [ask.agent], optional: ask.optional, given: covers(ask) });
    }
    return {
      app: about.name, version: about.version, description: about.description,
      agents: agents.map((agent: any) => ({ name: agent.name, role: agent.role, use: rights(agent.name, 'use'), grant: [], optional: rights(agent.name, 'optional') })),
      mounts: [{ name: 'repo', mode: 'read', labels: [], clearance: [] }, { name: 'out', mode: 'write', labels: [], clearance: ['secret'] }],
      asks: [...merged.values()],
      problems: [],
    };
  }

  async install() { await wait(60); }

  async start() {
    this.started = true;
    this.written = false;
    if (this.rest.length === 0) this.again();
    void this.play();
  }

  async stop() {
    this.rest = [];
    this.tell('ended', { app: 'repo-audit', ok: true, reason: 'stopped' });
  }

  owner = true;
  async mount() {}
  async folders() {
    const requestPermission = async ({ mode }: { mode: string }) => (control.asked.push(mode), control.leave);
    return control.folders.map((one) => ({ ...one, folder: { ...one.folder, requestPermission } }));
  }

  on(event: string, listener: Listener) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
    
  }

  async summary() {
    if (this.crowd) return this.crowd;
    const of = (pid: number) => this.played.filter((event) => (event.content?.facts?.pid ?? event.content?.pid) === pid && event.seq >= this.before);
    const acts = this.acts();
    const processes = this.record.processes.filter((process) => process.pid === 1 || this.runs(process)).map((process) => {
      const share = Math.min(1, of(process.pid).length / Math.max(1, this.record.events.filter((event) => (event.content?.facts?.pid ?? event.content?.pid) === process.pid).length));
      const over = this.played.some((event) => event.kind === 'exited' && event.content.pid === process.pid && event.seq >= this.before);
      const killed = this.killed.get(process.pid);
      return {
        ...process,
        state: process.pid === 1 ? 'running' : killed || over ? 'exited' : 'running',
        exit: killed ? 'killed' : over ? process.exit : '',
        detail: killed ?? '',
        messages: Math.round(process.messages * share),
        acts: acts.get(process.pid) ?? 0,
        refused: of(process.pid).filter((event) => event.kind === 'refused').length,
        memory: process.memory,
        sent: 0, tool_calls: 0, stored: 0, cpu: 4e6, wall: 3e9,
        limits: this.limits(process),
      };
    });
    const count = (decision: string) => this.played.filter((event) => event.content?.verdict?.decision === decision && event.kind !== 'intent').length;
    const permitted = [...acts.values()].reduce((sum, n) => sum + n, 0);
    const denied = this.played.filter((event) => event.kind === 'refused').length;
    return { processes, verdicts: { permitted, warned: count('warn'), escalated: this.played.filter((event) => event.kind === 'escalated').length, denied, refused: denied, exhausted: 0, dead_letters: 0 }, environment: this.environment };
  }

  /** As the manifest of repo-audit sets them. */
  private limits({ pid, name, app, memory }: any) {
    if (pid === 2) return [{ meter: 'memory', of: 'account', used: 512 << 20, limit: 1 << 30 }];
    if (!app) return [];
    const most = name === control.near ? Math.ceil(memory / 0.9) : 32 << 20;
    return [
      { meter: 'memory', of: 'instance', used: memory, limit: most },
      { meter: 'handle', of: 'message', used: name === control.over ? 60e9 : 4e6, limit: 60e9 },
    ];
  }

  async processes() { return (await this.summary()).processes; }

  async kill(pid: number, reason = 'by process 1') {
    this.killed.set(pid, reason);
    const process = this.record.processes.find((one) => one.pid === pid);
    this.notice('exited', { pid, name: process.name, exit: 'killed', detail: reason });
  }

  async answer(action: number, allow: boolean) { this.questions.get(action)?.(allow); }
  async act(): Promise<Uint8Array> { throw fail('unsupported', 'the player acts for nobody'); }

  async readFile(_mount: string, path: string) {
    if (!this.written) throw fail('not_found', `${path} does not exist`);
    return new TextEncoder().encode(this.record.report[path]!);
  }

  async shutdown() { this.gone = true; this.rest = []; }

  readonly chain = {
    head: async () => ({ size: this.played.length, root: this.record.checkpoint.root }),
    // Like a worker's, the answer is a task of its own.
    events: async ({ from = 0, limit = 500 }: { from?: number; limit?: number } = {}) => {
      await wait(0);
      return { events: this.played.slice(from, from + limit), size: this.played.length };
    },
    verify: async () => {
      await wait(120);
      return control.verifyFails ? { ok: false, size: this.played.length, root: '', problem: { code: 'tampered', text: control.verifyFails, hint: '', seq: null } } : { ok: true, size: this.played.length, root: this.record.checkpoint.root };
    },
    checkpoint: async () => this.record.checkpoint.note,
    key: async () => KEY,
  };

  async receipt(action: number) {
    await wait(20);
    if (!this.played.some((event) => event.action === action)) throw fail('not_found', `the log of ${this.played.length} events tells of no act ${action}`);
    return JSON.stringify({ evidence: 'receipt', version: 1, action, events: [], checkpoint: this.record.checkpoint.note });
  }

  /** A tree of two levels; no recording has one. */
  readonly tree = {
    list: async (path = '/tree') => {
      await wait(20);
      const node = (value: string, labels: string[]) => ({ version: 3, owner: 4, labels, earlier: [], kind: 'note', holder: null, value });
      const child = (name: string, text: string, parent: boolean, labels: string[] = []) => ({ name, node: text ? node('5f'.repeat(32), labels) : null, bytes: text ? text.length : null, parent });
      const below: Record<string, any[]> = {
        '/tree': [child('app', '', true), child('notes', VALUE, true, ['private', 'untrusted'])],
        '/tree/app': [],
        '/tree/notes': [child('<img src=x onerror=alert(1)>', VALUE, false), ...Array.from({ length: 12 }, (_, i) => child(`note-${i}`, VALUE, false))],
      };
      return { children: below[path] ?? [], next: null };
    },
    get: async () => new TextEncoder().encode(VALUE),
    prove: async (path: string) => JSON.stringify({ path, node: null, inclusion: [], checkpoint: this.record.checkpoint.note }),
  };

  /** What `summary` answers from then on. */
  private crowd: any = null;

  /** So many events, addresses and processes as no recording has, all at once: `ready` makes them, the function that it answers shows them. */
  async ready({ events, addresses, processes }: { events: number; addresses: number; processes: number }) {
    const summary = await this.summary();
    const agent = { ...this.record.processes.find((process) => process.name === 'walker'), state: 'running', exit: '', detail: '' };
    const opened = this.record.events.find((event) => event.kind === 'route_opened' && event.content.facts.name === 'walker');
    const observed = this.record.events.find((event) => event.kind === 'observed' && event.content.facts.name === 'walker');
    const seq = this.played.length;
    const more: any[] = [];
    for (let i = 0; i < events; i += 1) {
      const template = i % Math.ceil(events / addresses) === 0 ? opened : observed;
      const resource = template === opened ? `/topic/repo-audit.t${i}` : `/fs/repo/src/file-${i}.rs`;
      const facts = { ...template.content.facts, pid: agent.pid, resource };
      more.push({ ...template, seq: seq + i, action: 200_000 + i, time: new Date().toISOString(), content: { ...template.content, facts } });
      if (i % 1_000 === 0) await wait(0);
    }
    const crowd = Array.from({ length: processes }, (_, i) => ({ ...agent, pid: 10_000 + i, parent: i % 50 ? 10_000 + i - (i % 50) : agent.pid, name: `child-${i}` }));
    return () => {
      this.rest = [];
      // Something may have been played meanwhile.
      const later = this.played.length - seq;
      for (const event of more) event.seq += later;
      this.played = [...this.played, ...more];
      this.crowd = { ...summary, processes: [...summary.processes, ...crowd] };
    };
  }

  stopped(reason: string) { this.rest = []; this.gone = true; this.tell('stopped', { reason }); }
  crash(message: string) { this.rest = []; this.tell('crashed', { code: 'crashed', message }); }
  own(owner: boolean) { this.owner = owner; this.tell('owner', { owner }); }
  near(name: string, meter: string, used: number, limit: number) { this.notice('limit_near', { pid: 9, name, meter, used, limit }); }
  flood(n: number) {
    for (let i = 0; i < n; i += 1) this.notice('verdict', { action: 90_000 + i, name: 'courier', what: 'denied', verb: 'connect', resource: `/net/h${i}.example.com:443`, reason: 'no right' });
  }

  /** So many reads of the walker's that were permitted and that a device could not do. */
  undone(n: number) {
    const observed = this.played.findLast((event) => event.kind === 'observed' && event.content.facts.name === 'walker');
    for (let i = 0; i < n; i += 1) {
      const [action, time] = [80_000 + i, new Date().toISOString()];
      const facts = { ...observed.content.facts, verb: 'read', resource: `/fs/repo/closed-${i}.txt` };
      this.played.push({ ...observed, seq: this.played.length, time, action, content: { ...observed.content, facts } });
      this.played.push({ seq: this.played.length, time, action, kind: 'outcome', content: { result: 'failed', reason: 'reading it failed: it may not be read', bytes: 0, note: '' } });
    }
  }

  private tell(event: string, told: any) { for (const listener of this.listeners.get(event) ?? []) listener(told); }
  private notice(name: string, body: any) { this.tell('notice', { kind: name, ...body }); }

  private acts(): Map<number, number> {
    const acts = new Map<number, number>();
    const routes = new Map<number, number>();
    for (const { seq, kind, action, content } of this.played) {
      if (seq < this.before) continue;
      const pid = content?.facts?.pid;
      if (kind === 'intent' || kind === 'observed') acts.set(pid, (acts.get(pid) ?? 0) + 1);
      if (kind === 'route_opened') routes.set(action, pid);
      if (kind === 'route_counted' && routes.has(action)) acts.set(routes.get(action)!, (acts.get(routes.get(action)!) ?? 0) + content.more);
    }
    return acts;
  }

  private runs(process: any): boolean {
    return this.started && (process.pid === 2 || this.played.some((event) => event.kind === 'outcome' && event.content.note === String(process.pid) && event.seq >= this.before));
  }

  /** The same run once more, further down the log. */
  private again() {
    const first = this.record.events.findIndex((event) => event.kind === 'consent') - 3;
    this.before = this.played.length;
    this.rest = this.record.events.slice(first);
    this.killed.clear();
  }

  private async play() {
    const pause = control.pace / Math.max(1, this.rest.length);
    const names = new Map(this.record.processes.map((process) => [String(process.pid), process.name]));
    while (this.rest.length > 0 && !this.gone) {
      await wait(pause);
      const next = this.rest.shift();
      if (!next) break;
      const event = { ...next, seq: this.played.length, time: new Date().toISOString() };
      if (event.kind === 'shutdown') continue;
      const { content, kind, action } = event;
      this.played.push(event);
      const facts = content?.facts;
      if (kind === 'outcome' && names.has(content.note) && content.note !== '1') this.notice('running', { pid: Number(content.note), name: names.get(content.note) });
      if (kind === 'refused') this.notice('verdict', { action, name: facts?.name ?? '', what: content.code, verb: facts?.verb ?? '', resource: facts?.resource ?? '', reason: content.reason });
      if (kind === 'refused' && facts) this.notice('log', { pid: facts.pid, name: facts.name, level: 'warn', text: `connecting to ${facts.resource}: ${content.code}: ${content.reason}` });
      if (kind === 'exited' && event.seq > 0) this.notice('exited', { pid: content.pid, name: content.name, exit: content.reason, detail: content.detail });
      if (kind === 'outcome' && this.played.some((one) => one.action === action && one.content?.facts?.resource === '/fs/out/report.md')) {
        this.written = true;
        this.notice('log', { pid: 3, name: 'reporter', level: 'info', text: 'wrote /fs/out/report.md and /fs/out/report.json' });
      }
      if (kind === 'escalated') await this.ask(event);
      if (kind === 'app_ended') this.tell('ended', { app: content.app, ok: control.ok && content.ok, reason: control.ok ? content.reason : 'agent walker trapped: unreachable' });
    }
  }

  private async ask({ action, content: { facts, verdict } }: any) {
    const { base, novelty, labels } = facts.contributions;
    const none = { risk: 0, fairness: 0, privacy: 0, novelty: 0, security: 0 };
    const detail = {
      decision: verdict.decision, reasons: verdict.reasons, process: facts.pid, agent: facts.name, app: facts.app, verb: facts.verb, resource: facts.resource, grant: facts.grant,
      missing_grant: null, labels: facts.labels, clearance: facts.clearance, blocked: facts.blocked, effect: facts.effect,
      contributions: [{ source: 'base', effect: base }, { source: 'novelty', effect: { ...none, novelty } }, ...labels.map((label: string) => ({ source: `label ${label}`, effect: { ...none, privacy: 9000 } }))],
      score: verdict.score, threshold: verdict.threshold, warn_at: Math.ceil(verdict.threshold * 0.6), environment: facts.environment.name,
    };
    this.notice('verdict', { action, name: facts.name, what: 'escalated', verb: facts.verb, resource: facts.resource, reason: verdict.reasons[0].text });
    this.tell('ask', { action, name: facts.name, verb: facts.verb, resource: facts.resource, detail, wait_ms: WAIT_MS });
    await new Promise<boolean>((resolve) => this.questions.set(action, resolve));
  }
}
