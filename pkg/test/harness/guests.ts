/**
 * A worker in place of the kernel's: it starts guests as the kernel does and answers their acts by the resource: `/svc/echo` with
 * the body, `/svc/later` with it after a moment, `/svc/never` not at all, anything else with a refusal.
 */

import { Guests, type GuestEvents, type GuestLimits, type GuestWorker } from '../../src/guests.js';
import { Transpilers, type Need } from '../../src/transpilers.js';

interface Outcome {
  ok?: string;
  bytes?: number[];
  error?: string;
  fault?: { kind: string; reason: string };
  ran: number;
  memory: number;
  fuel: number;
}

class Instance implements GuestEvents {
  worker!: GuestWorker;
  acts = 0;
  /** The longest text and the most bytes of an act. */
  largest: [number, number] = [0, 0];
  owed = 0;
  logs: [number, string][] = [];
  /** How long it had run at its last line. */
  ranAtLog = -1;
  freed = false;
  runs = false;
  done!: (outcome: Outcome) => void;
  outcome: Promise<Outcome>;

  constructor() {
    this.outcome = this.#next();
  }

  #next(): Promise<Outcome> {
    return (this.outcome = new Promise((done) => (this.done = done)));
  }

  running(): void {
    this.runs = true;
  }
  started(ran: number, memory: bigint, fuel: bigint): void {
    this.owed = Number(fuel);
    this.done({ ran, memory: Number(memory), fuel: Number(fuel) });
  }
  async act(verb: string, resource: string, body: Uint8Array): Promise<void> {
    this.acts++;
    this.largest = [Math.max(this.largest[0], verb.length, resource.length), Math.max(this.largest[1], body.buffer.byteLength)];
    if (resource === '/svc/later') await new Promise((later) => setTimeout(later, 5));
    if (resource === '/svc/echo' || resource === '/svc/later') this.worker.reply(body, 43n);
    else if (resource !== '/svc/never') {
      this.worker.refuse('not-durable', `no ${verb} of ${resource}`, 0n, undefined, new TextEncoder().encode('{}'), 43n);
    }
  }
  log(level: number, text: string, ran: number): void {
    this.logs.push([level, text]);
    this.ranAtLog = ran;
  }
  handled(body: Uint8Array, ran: number, memory: bigint, fuel: bigint): void {
    this.largest[1] = Math.max(this.largest[1], body.buffer.byteLength);
    this.done({ ok: new TextDecoder().decode(body), bytes: [...body.subarray(0, 64)], ran, memory: Number(memory), fuel: Number(fuel) });
  }
  failed(error: string, ran: number, memory: bigint, fuel: bigint): void {
    this.done({ error, ran, memory: Number(memory), fuel: Number(fuel) });
  }
  fault(kind: string, reason: string, ran: number, memory: bigint, fuel: bigint): void {
    this.done({ fault: { kind, reason }, ran, memory: Number(memory), fuel: Number(fuel) });
  }
  free(): void {
    this.freed = true;
  }

  handle(body: string, kind = 'request', target = '/svc/echo', type = 'text/plain'): Promise<Outcome> {
    const outcome = this.#next();
    const bytes = new TextEncoder().encode(body);
    this.worker.handle(3n, '/proc/5', target, kind, 9n, 1000n, ['private', 'secret'], type, bytes, 42n);
    return outcome;
  }
}

const kernel = await WebAssembly.compileStreaming(fetch('/dist/weft.wasm'));
const parts = { guestWorker: '/dist/guest-worker.js', transpiler: '/dist/transpiler.js', bindgen: '/dist/transpiler.wasm', kernel };

const bytesOf = async (address: string) => new Uint8Array(await (await fetch(address)).arrayBuffer());

let guests: Guests;
let started = 0;
const instances: Instance[] = [];

const harness = {
  /** Begins anew; `keep`: with the browser's cache; `limits` and `transpiler` in place of what is usual. */
  open(keep: boolean, limits: Partial<GuestLimits> = {}, transpiler = parts.transpiler): void {
    guests = new Guests({ ...parts, transpiler }, keep, limits);
  },
  /** Makes it ready as of an application that is only looked at; answers how often its bytes were copied. */
  async foresee(hash: string, address: string): Promise<number> {
    const bytes = await bytesOf(address);
    let copies = 0;
    bytes.slice = () => (copies++, new Uint8Array(bytes));
    await guests.foresee(hash, bytes);
    return copies;
  },
  /** Lets the one worker hang, and forgets what waits behind that: what whoever waits for it is told. */
  async forgotten(transpiler: string, hangs: string, behind: string): Promise<string> {
    const transpilers = new Transpilers({ ...parts, transpiler }, { workers: 1, time: 6_000 });
    let need: Need = 'later';
    const told = (made: Promise<unknown>) => made.then(() => 'made', (error: Error) => error.message);
    const hung = told(transpilers.make(await bytesOf(hangs), () => 'now'));
    const forgotten = told(transpilers.make(await bytesOf(behind), () => need));
    need = 'never';
    void told(transpilers.make(await bytesOf(behind), () => 'later'));
    return Promise.race([hung, forgotten]);
  },
  installed: (hash: string) => guests.installed(hash),
  known: (hash: string) => guests.known(hash),
  async make(hash: string, address: string): Promise<string> {
    return guests.make(hash, await bytesOf(address)).then(() => 'made', (error: Error) => error.message);
  },
  /** Starts an instance and answers its number, or what ended it. */
  async start(hash: string, memory = 64 << 20, fuel = 2 ** 53): Promise<number | Outcome> {
    const instance = new Instance();
    const seed = new Uint8Array(32).fill(1);
    instance.worker = guests.start(hash, BigInt(memory), BigInt(fuel), seed, `guest-${started++}`, false, instance)!;
    const outcome = await instance.outcome;
    return outcome.fault ? outcome : instances.push(instance) - 1;
  },
  handle: (n: number, body: string, kind?: string, target?: string, type?: string) => instances[n]!.handle(body, kind, target, type),
  logs: (n: number) => instances[n]!.logs,
  ranAtLog: (n: number) => instances[n]!.ranAtLog,
  largest: (n: number) => instances[n]!.largest,
  acts: (n: number) => instances[n]!.acts,
  owed: (n: number) => instances[n]!.owed,
  /** Hands over and does not wait. */
  begin(n: number, body: string): void {
    void instances[n]!.handle(body);
  },
  /** Ends an instance; answers after how many milliseconds its death was seen. */
  async end(n: number): Promise<number> {
    const begun = performance.now();
    instances[n]!.worker.end();
    await guests.settled();
    return performance.now() - begun;
  },
  /** The median of how long an act takes, in milliseconds. */
  async acting(n: number, times: number): Promise<number> {
    const took: number[] = [];
    for (let i = 0; i < times; i++) {
      const begun = performance.now();
      await instances[n]!.handle('act call /svc/echo\n{}');
      took.push(performance.now() - begun);
    }
    return took.sort((a, b) => a - b)[times >> 1]!;
  },
};
export type Harness = typeof harness;
Object.assign(globalThis, { harness });
postMessage('ready');
