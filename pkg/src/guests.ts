/**
 * Guest workers, as the kernel's worker holds them. The Rust side (`platform-web/src/sandbox`) decides what is started, for how
 * long it may run and what becomes of it; here are the workers, and what their code is made from.
 */

import { keep, recall } from './glue-cache.js';
import type { FromGuest, GuestUsage, Program, ToGuest } from './guest-protocol.js';
import type { Made } from './transpiler-protocol.js';
import { Late, LIMITS, Transpilers, type TranspilerLimits, type TranspilerParts } from './transpilers.js';

/** Where the package's parts lie, and its WebAssembly, compiled. */
export interface GuestParts extends TranspilerParts {
  guestWorker: string;
}

/** How much is made ready. */
export interface GuestLimits extends TranspilerLimits {
  /** How many bytes of components are ready, or wait for it, that were only looked at so far. */
  foreseen: number;
}

const MOST_FORESEEN = 256 << 20;
/** The most guest workers at once, those that are being ended among them. */
const MOST_WORKERS = 256;
/** So many more, for those that take the place of another of the same process. */
const SPARED_WORKERS = 32;

/** What a guest tells: implemented in Rust. */
export interface GuestEvents {
  running(): void;
  started(ran: number, memory: bigint, fuel: bigint): void;
  act(verb: string, resource: string, body: Uint8Array, ran: number, memory: bigint, fuel: bigint): void;
  log(level: number, text: string, ran: number, memory: bigint, fuel: bigint): void;
  handled(body: Uint8Array, ran: number, memory: bigint, fuel: bigint): void;
  failed(error: string, ran: number, memory: bigint, fuel: bigint): void;
  fault(kind: string, reason: string, ran: number, memory: bigint, fuel: bigint): void;
  free(): void;
}

/** A component that is ready, or is being made so. */
interface Ready {
  program: Promise<Program>;
  /** Of the component, in bytes. */
  size: number;
  /** Whether it belongs to an application that is installed; else somebody only looked at one. */
  wanted: boolean;
  /** What it was made into, until it is kept. */
  made: Promise<Made> | undefined;
}

/** Makes components ready and starts workers for them. */
export class Guests {
  readonly #parts: GuestParts;
  readonly #keep: boolean;
  readonly #foreseen: number;
  readonly #transpilers: Transpilers;
  readonly #ready = new Map<string, Ready>();
  readonly #ending = new Set<Promise<void>>();
  #alive = 0;

  /** `keep`: whether what was made ready is kept in the browser's cache. */
  constructor(parts: GuestParts, keep: boolean, { foreseen = MOST_FORESEEN, ...limits }: Partial<GuestLimits> = {}) {
    this.#parts = parts;
    this.#keep = keep;
    this.#foreseen = foreseen;
    this.#transpilers = new Transpilers(parts, { ...LIMITS, ...limits });
  }

  /** Whether a component, of an application that is installed, can be started without its bytes. Waits for one that is being made ready. */
  async known(hash: string): Promise<boolean> {
    await this.#recall(hash);
    this.installed(hash);
    await this.#ready.get(hash)?.program.catch(() => {});
    return this.#ready.has(hash);
  }

  /** Makes a component of an application that is installed ready, once however many ask. Rejects with one sentence. */
  async make(hash: string, component: Uint8Array): Promise<void> {
    if (!this.#ready.has(hash)) this.#make(hash, component, true);
    this.installed(hash);
    await this.#ready.get(hash)!.program;
  }

  /**
   * Makes a component ready that may be wanted soon, behind all that is wanted now. What does not work out is told when it is. Its bytes
   * are copied if they are wanted.
   */
  async foresee(hash: string, component: Uint8Array): Promise<void> {
    await this.#recall(hash);
    if (this.#ready.has(hash) || component.length > this.#foreseen) return;
    this.#forget(component.length);
    this.#make(hash, component.slice(), false);
  }

  /** A component belongs to an application that is installed: it goes before others, and is kept. Whether it was foreseen. */
  installed(hash: string): boolean {
    const ready = this.#ready.get(hash);
    if (!ready) return false;
    ready.wanted = true;
    if (this.#keep) void ready.made?.then((made) => keep(hash, made)).catch(() => {});
    ready.made = undefined;
    return true;
  }

  /** Looks for it in the cache. */
  async #recall(hash: string): Promise<void> {
    if (this.#ready.has(hash) || !this.#keep) return;
    const made = await recall(hash);
    // What was kept and does not compile is damaged, and made ready again.
    const program = made && (await compile(made).catch(() => undefined));
    if (program && !this.#ready.has(hash)) this.#ready.set(hash, { program: Promise.resolve(program), size: 0, wanted: true, made: undefined });
  }

  #make(hash: string, component: Uint8Array, wanted: boolean): void {
    const ready: Ready = { size: component.length, wanted, made: undefined, program: undefined! };
    const here = () => this.#ready.get(hash) === ready;
    ready.made = this.#transpilers.make(component, () => (ready.wanted ? 'now' : here() ? 'later' : 'never'));
    ready.program = ready.made.then(compile);
    this.#ready.set(hash, ready);
    ready.program.catch((error: unknown) => {
      ready.made = undefined;
      // What the transpiler hangs on has had its time; all else is looked at once more if it is asked for once more.
      if (here() && !(error instanceof Late)) this.#ready.delete(hash);
    });
  }

  /** Makes room for one more that is only looked at, of `size` bytes: the first goes first. */
  #forget(size: number): void {
    const foreseen = [...this.#ready].filter(([, { wanted }]) => !wanted);
    size += foreseen.reduce((sum, [, ready]) => sum + ready.size, 0);
    for (const [hash, ready] of foreseen) {
      if (size <= this.#foreseen) return;
      size -= ready.size;
      this.#ready.delete(hash);
    }
  }

  /** Starts a worker for a component that is ready. All that becomes of it is told to `events`, which it frees at the end. */
  start(
    hash: string,
    memory: bigint,
    fuel: bigint,
    seed: Uint8Array,
    lock: string,
    again: boolean,
    events: GuestEvents,
  ): GuestWorker | undefined {
    if (this.#alive >= MOST_WORKERS + (again ? SPARED_WORKERS : 0)) return undefined;
    this.#alive++;
    const ended = (end: Promise<void>) => {
      this.#ending.add(end);
      void end.finally(() => {
        this.#ending.delete(end);
        this.#alive--;
      });
    };
    const program = this.#ready.get(hash)?.program ?? Promise.reject(new Error('it could not be made ready to run'));
    return new GuestWorker(this.#parts.guestWorker, program, memory, fuel, seed, lock, events, ended);
  }

  /** Fulfilled when every worker that was ended is seen to be dead. */
  async settled(): Promise<void> {
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }
}

/** One guest's worker. */
export class GuestWorker {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #lock: string;
  readonly #events: GuestEvents;
  readonly #ended: (end: Promise<void>) => void;
  readonly #dead: Promise<void>;
  #died!: (end: Promise<void>) => void;
  #over = false;

  constructor(
    address: string,
    program: Promise<Program>,
    memory: bigint,
    fuel: bigint,
    seed: Uint8Array,
    lock: string,
    events: GuestEvents,
    ended: (end: Promise<void>) => void,
  ) {
    const { port1, port2 } = new MessageChannel();
    this.#worker = new Worker(address, { type: 'module', name: lock });
    this.#port = port1;
    this.#lock = lock;
    this.#events = events;
    this.#ended = ended;
    this.#dead = new Promise((died) => { this.#died = died; });
    const failed = (reason: string) => this.#told({ fault: { kind: 'start', reason }, used: { ran: 0, memory: 0n, fuel: 0n } });
    this.#worker.onerror = (event) => {
      event.preventDefault();
      failed('the worker that it would run in could not be started');
    };
    port1.onmessage = (event: MessageEvent<FromGuest>) => this.#told(event.data);
    this.#worker.postMessage({ port: port2, lock }, [port2]);
    program.then(
      (program) => this.#say({ start: { program, memory, fuel, seed } }),
      (error: unknown) => failed(error instanceof Error ? error.message : String(error)),
    );
  }

  handle(
    id: bigint,
    sender: string,
    target: string,
    kind: string,
    correlation: bigint | undefined,
    deadline: bigint | undefined,
    labels: string[],
    contentType: string,
    body: Uint8Array,
    now: bigint,
  ): void {
    this.#say({ handle: { id, sender, target, kind, correlation, deadline, labels, contentType, body }, now }, body);
  }

  reply(body: Uint8Array, now: bigint): void {
    this.#say({ reply: { ok: body }, now }, body);
  }

  refuse(code: string, reason: string, action: bigint, ticket: bigint | undefined, detail: Uint8Array, now: bigint): void {
    this.#say({ reply: { refusal: { code, reason, action, ticket, detail } }, now });
  }

  /** Ends it: nothing that it still does reaches anything. Its lock, once granted, is the proof that it is dead. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#port.close();
    this.#worker.terminate();
    this.#events.free();
    // Where there are no locks, that it was told to end is all that is known.
    const end = Promise.resolve(navigator.locks?.request(this.#lock, () => {})).catch(() => {});
    this.#died(end);
    this.#ended(end);
  }

  /** Fulfilled when it was ended and is seen to be dead. */
  dead(): Promise<void> {
    return this.#dead;
  }

  #say(message: ToGuest, bytes?: Uint8Array): void {
    if (!this.#over) this.#port.postMessage(message, bytes ? [bytes.buffer as ArrayBuffer] : []);
  }

  #told(message: FromGuest): void {
    if (this.#over) return;
    const events = this.#events;
    const used = (usage: GuestUsage): [number, bigint, bigint] => [usage.ran, usage.memory, usage.fuel];
    if ('act' in message) {
      const { verb, resource, body } = message.act;
      events.act(verb, resource, body, ...used(message.used));
    } else if ('handled' in message) {
      const { handled } = message;
      if ('ok' in handled) events.handled(handled.ok, ...used(message.used));
      else events.failed(handled.error, ...used(message.used));
    } else if ('log' in message) events.log(message.log, message.text, ...used(message.used));
    else if ('running' in message) events.running();
    else if ('started' in message) events.started(...used(message.started));
    else events.fault(message.fault.kind, message.fault.reason, ...used(message.used));
  }
}

/** Rejects with one sentence: what an engine says of code that it cannot compile tells nobody anything. */
async function compile({ modules, ...rest }: Made): Promise<Program> {
  const one = async ([name, bytes]: [string, Uint8Array]) => [name, await WebAssembly.compile(bytes as BufferSource)] as const;
  try {
    return { ...rest, modules: Object.fromEntries(await Promise.all(Object.entries(modules).map(one))) };
  } catch {
    throw new Error('its code cannot be compiled here');
  }
}
