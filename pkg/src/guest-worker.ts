/**
 * The worker of one guest. It holds one port and a Web Lock, and its code comes from the package alone: the glue was made
 * in this browser by the pinned transpiler, from a component whose names had been checked.
 *
 * The guest itself is WebAssembly and reaches only what the glue imports for it: the four functions of the kernel's
 * interface. What else a worker could reach is taken away before the glue is loaded, as a second line.
 */

import { ChaCha20 } from './chacha.js';
import { disarm } from './disarm.js';
import { faultOf } from './fault.js';
import { FuelMeter } from './fuel.js';
import { MemoryMeter } from './meter.js';
import type { Birth, FromGuest, GuestEnvelope, GuestUsage, Program, ToGuest } from './guest-protocol.js';

/** The most bytes that one call of `random` answers. */
const MAX_RANDOM = 65_536;
/** The most characters of a line of a log, or of an error that `handle` answers; the kernel cuts there too. */
const MAX_LINE = 1_024;
/** The most characters of a verb or a path, and bytes of a body, that are said: more than any may have, so that the kernel refuses them. */
const MAX_PATH = 8_192;
const MAX_BODY = 2 << 20;
/** Lines of a log that may come at once, and then every second: more than the kernel keeps, and too few to flood it. */
const LINES = 400;

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'];

interface Glue {
  instantiate(
    module: (name: string) => Promise<WebAssembly.Module>,
    imports: Record<string, unknown>,
    core: (module: WebAssembly.Module, imports?: WebAssembly.Imports) => Promise<WebAssembly.Instance>,
  ): Promise<Record<string, { handle(message: GuestEnvelope): Promise<Uint8Array> }>>;
}

/** Bytes that are handed over whole, or the beginning of those that are too many. */
const short = (bytes: Uint8Array) => (bytes.length > MAX_BODY ? bytes.slice(0, MAX_BODY) : bytes);

class Guest {
  readonly #port: MessagePort;
  #meter = new MemoryMeter(0n);
  #fuel = new FuelMeter(0n);
  #random: ChaCha20 | undefined;
  #handle: ((message: GuestEnvelope) => Promise<Uint8Array>) | undefined;
  /** The act that waits: what its reply goes to. */
  #waiting: ((reply: unknown) => void) | undefined;
  /** The time of the last thing that was handed over. */
  #now = 0n;
  /** When the guest's code last began to run, and how long it had run before, in milliseconds. */
  #since = 0;
  #ran = 0;
  #lines = LINES;
  #refilled = 0;

  constructor(port: MessagePort) {
    this.#port = port;
    port.onmessage = (event: MessageEvent<ToGuest>) => this.#told(event.data);
  }

  #told(message: ToGuest): void {
    if ('start' in message) void this.#start(message.start);
    else if ('handle' in message) void this.#activate(message.handle, message.now);
    else {
      this.#now = message.now;
      this.#since = performance.now();
      const { reply } = message;
      this.#waiting?.('ok' in reply ? { tag: 'ok', val: reply.ok } : { tag: 'err', val: reply.refusal });
    }
  }

  async #start({ program, memory, fuel, seed }: { program: Program; memory: bigint; fuel: bigint; seed: Uint8Array }): Promise<void> {
    this.#meter = new MemoryMeter(memory);
    this.#fuel = new FuelMeter(fuel);
    this.#random = new ChaCha20(seed);
    const url = URL.createObjectURL(new Blob([program.glue], { type: 'text/javascript' }));
    disarm();
    const glue: Glue | undefined = await import(/* @vite-ignore */ /* webpackIgnore: true */ url).catch(() => undefined);
    if (!glue) {
      const reason = "its glue could not be loaded: a Content-Security-Policy must allow `script-src 'self' blob: 'wasm-unsafe-eval'`";
      this.#say({ fault: { kind: 'start', reason }, used: this.#used() });
      return;
    }
    this.#say({ running: true });
    this.#resume();
    try {
      const exports = await glue.instantiate(
        async (name) => program.modules[name]!,
        program.kernel === null ? {} : { [program.kernel]: this.#kernel() },
        async (module, imports) => {
          const instance = await this.#meter.instantiate(module, imports);
          if (program.fuel.some((name) => module === program.modules[name])) this.#fuel.found(instance);
          else if (!this.#fuel.built) throw new WebAssembly.LinkError('a core module before the fuel meter');
          return instance;
        },
      );
      this.#handle = exports[program.guest]!.handle;
      this.#say({ started: this.#used(this.#fuel.used) });
    } catch (error) {
      this.#fault(error, true);
    }
  }

  async #activate(message: GuestEnvelope, now: bigint): Promise<void> {
    this.#now = now;
    this.#fuel.fill();
    this.#resume();
    try {
      const ok = short(await this.#handle!(message));
      const over = this.#fuel.over();
      if (over) return this.#say({ fault: over, used: this.#used(this.#fuel.used) });
      this.#say({ handled: { ok }, used: this.#used(this.#fuel.used) }, [ok.buffer]);
    } catch (error) {
      // An error that `handle` answers is thrown as the text that it is; all else ends the instance.
      if (typeof error === 'string') this.#say({ handled: { error: error.slice(0, MAX_LINE) }, used: this.#used(this.#fuel.used) });
      else this.#fault(error, false);
    }
  }

  /** The functions of `weft:guest/kernel`. */
  #kernel(): Record<string, unknown> {
    return {
      act: (verb: string, resource: string, all: Uint8Array) =>
        new Promise((reply) => {
          this.#waiting = reply;
          const body = short(all);
          this.#say({ act: { verb: verb.slice(0, MAX_PATH), resource: resource.slice(0, MAX_PATH), body }, used: this.#used() }, [body.buffer]);
        }),
      log: (level: string, text: string) => this.#log(LEVELS.indexOf(level), text),
      now: () => this.#now,
      random: (n: number) => this.#random!.bytes(Math.min(n, MAX_RANDOM)),
    };
  }

  #log(level: number, text: string): void {
    const now = performance.now();
    if (now - this.#refilled > 1_000) {
      this.#lines = LINES;
      this.#refilled = now;
    }
    if (this.#lines-- > 0) this.#say({ log: level, text: text.slice(0, MAX_LINE), used: this.#used() });
  }

  #fault(error: unknown, starting: boolean): void {
    const fault = this.#fuel.fault() ?? this.#meter.fault() ?? faultOf(error, starting);
    this.#say({ fault, used: this.#used(this.#fuel.atEnd) });
  }

  #resume(): void {
    this.#ran = 0;
    this.#since = performance.now();
  }

  #used(fuel = 0n): GuestUsage {
    const now = performance.now();
    this.#ran += now - this.#since;
    this.#since = now;
    return { ran: this.#ran, memory: this.#meter.used, fuel };
  }

  #say(message: FromGuest, transfer: ArrayBufferLike[] = []): void {
    this.#port.postMessage(message, transfer as ArrayBuffer[]);
  }
}

addEventListener(
  'message',
  (event: MessageEvent<Birth>) => {
    const { port, lock } = event.data;
    const begin = () => void new Guest(port);
    // Held for as long as this worker lives: the promise never settles.
    const forever = new Promise<never>(() => {});
    const held = navigator.locks?.request(lock, () => {
      begin();
      return forever;
    });
    // A site that is refused all storage is refused locks, too; the profile says what that means.
    if (held) held.catch(begin);
    else begin();
  },
  { once: true },
);
// What a guest breaks is told by the fault that it causes; the console is no place for it.
addEventListener('unhandledrejection', (event) => event.preventDefault());
