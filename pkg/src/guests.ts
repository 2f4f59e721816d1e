/**
 * Guest workers, as the kernel's worker holds them. The Rust side (`platform-web/src/sandbox`) decides what is started, for how
 * long it may run and what becomes of it; here are the workers, and what their code is made from.
 */

import { keep, recall } from './glue-cache.js';
import type { FromGuest, GuestUsage, Program, ToGuest } from './guest-protocol.js';
import type { FromTranspiler, Made, Make, Setup } from './transpiler-protocol.js';

/** Where the package's parts lie, and its WebAssembly, compiled. */
export interface GuestParts {
  guestWorker: string;
  transpiler: string;
  bindgen: string;
  kernel: WebAssembly.Module;
}

/** How long the transpiler's worker stays when nobody needs it. */
const LINGER_MS = 10_000;
/** The most guest workers at once, those that are being ended among them. */
const MOST_WORKERS = 256;

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

/** Makes components ready and starts workers for them. */
export class Guests {
  readonly #parts: GuestParts;
  readonly #keep: boolean;
  readonly #programs = new Map<string, Promise<Program>>();
  readonly #ending = new Set<Promise<void>>();
  #transpiler: Transpiler | undefined;
  /** One component is made ready after the other. */
  #turn: Promise<void> = Promise.resolve();
  #alive = 0;

  /** `keep`: whether what was made ready is kept in the browser's cache. */
  constructor(parts: GuestParts, keep: boolean) {
    this.#parts = parts;
    this.#keep = keep;
  }

  /** Whether a component is ready to be started, or can be without its bytes. */
  async known(hash: string): Promise<boolean> {
    if (!this.#programs.has(hash) && this.#keep) {
      const made = await recall(hash);
      // What was kept and does not compile is damaged, and made ready again.
      const program = made && (await compile(made).catch(() => undefined));
      if (program && !this.#programs.has(hash)) this.#programs.set(hash, Promise.resolve(program));
    }
    return this.#programs.has(hash);
  }

  /** Makes a component ready, once however many ask. Rejects with one sentence. */
  async make(hash: string, component: Uint8Array): Promise<void> {
    let program = this.#programs.get(hash);
    if (!program) {
      program = this.#make(hash, component);
      this.#programs.set(hash, program);
      program.catch(() => this.#programs.delete(hash));
    }
    await program;
  }

  async #make(hash: string, component: Uint8Array): Promise<Program> {
    const before = this.#turn;
    const made = before.then(() => {
      this.#transpiler ??= new Transpiler(this.#parts, () => (this.#transpiler = undefined));
      return this.#transpiler.make(component);
    });
    this.#turn = made.then(() => {}, () => {});
    if (this.#keep) void keep(hash, await made);
    return compile(await made);
  }

  /** Starts a worker for a component that is ready. All that becomes of it is told to `events`, which it frees at the end. */
  start(hash: string, memory: bigint, fuel: bigint, seed: Uint8Array, lock: string, events: GuestEvents): GuestWorker | undefined {
    if (this.#alive >= MOST_WORKERS) return undefined;
    this.#alive++;
    const ended = (end: Promise<void>) => {
      this.#ending.add(end);
      void end.finally(() => {
        this.#ending.delete(end);
        this.#alive--;
      });
    };
    return new GuestWorker(this.#parts.guestWorker, this.#programs.get(hash)!, memory, fuel, seed, lock, events, ended);
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
    const failed = (reason: string) => this.#told({ fault: { kind: 'start', reason }, used: { ran: 0, memory: 0n, fuel: 0n } });
    this.#worker.onerror = (event) => {
      event.preventDefault();
      failed('the worker that it would run in could not be started');
    };
    port1.onmessage = (event: MessageEvent<FromGuest>) => this.#told(event.data);
    this.#worker.postMessage({ port: port2, lock }, [port2]);
    program.then(
      (program) => this.#say({ start: { program, memory, fuel, seed } }),
      (error: unknown) => failed(`its code cannot be compiled here: ${error instanceof Error ? error.message : error}`),
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
    this.#ended(Promise.resolve(navigator.locks?.request(this.#lock, () => {})).catch(() => {}));
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

/** The transpiler's worker, for as long as it is needed. One that refused is not asked again: what it read may have hurt it. */
class Transpiler {
  readonly #worker: Worker;
  readonly #gone: () => void;
  #asked: { made: (made: Made) => void; refused: (error: Error) => void } | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor({ transpiler, bindgen, kernel }: GuestParts, gone: () => void) {
    this.#gone = gone;
    this.#worker = new Worker(transpiler, { type: 'module', name: 'weft-transpiler' });
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end('the transpiler could not be loaded');
    };
    this.#worker.onmessage = ({ data }: MessageEvent<FromTranspiler>) => {
      if ('refused' in data) return this.#end(data.refused);
      this.#asked?.made(data.made);
      this.#linger = setTimeout(() => this.#end(''), LINGER_MS);
    };
    this.#worker.postMessage({ kernel, bindgen } satisfies Setup);
  }

  /** Makes one component ready; asked for the next one when that is done. */
  make(component: Uint8Array): Promise<Made> {
    clearTimeout(this.#linger);
    return new Promise((made, refused) => {
      this.#asked = { made, refused };
      this.#worker.postMessage({ component } satisfies Make, [component.buffer as ArrayBuffer]);
    });
  }

  #end(reason: string): void {
    this.#worker.terminate();
    this.#gone();
    this.#asked?.refused(new Error(reason));
  }
}

async function compile({ modules, ...rest }: Made): Promise<Program> {
  const compiled = await Promise.all(
    Object.entries(modules).map(async ([name, bytes]) => [name, await WebAssembly.compile(bytes as BufferSource)] as const),
  );
  return { ...rest, modules: Object.fromEntries(compiled) };
}
