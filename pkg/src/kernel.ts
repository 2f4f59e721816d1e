/** The kernel as a page holds it: messages to a worker, so that the page never waits for it. */

import { App } from './app.js';
import type { Boot, Call, Failure, FromKernel, Method, Parts } from './kernel-protocol.js';
import {
  KernelError,
  type AppFiles,
  type Ask,
  type BootOptions,
  type ChainEvent,
  type Check,
  type Given,
  type KernelEvents,
  type MountSource,
  type Notice,
  type Process,
  type Profile,
  type Summary,
  type Verified,
} from './types.js';

// Bundlers copy a file that is named like this, and put in the address that it then has.
const BESIDE: Parts & { worker: string } = {
  worker: new URL('./kernel-worker.js', import.meta.url).href,
  wasm: new URL('./weft.wasm', import.meta.url).href,
  guestWorker: new URL('./guest-worker.js', import.meta.url).href,
  transpiler: new URL('./transpiler.js', import.meta.url).href,
  bindgen: new URL('./transpiler.wasm', import.meta.url).href,
};

type Listener<E extends keyof KernelEvents> = (told: KernelEvents[E]) => void;

interface Waiting {
  fulfilled: (value: never) => void;
  rejected: (error: KernelError) => void;
}

/** One kernel. Everything but `profile` is a message to its worker and back. Errors are {@link KernelError}s. */
export class Kernel {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners: { [E in keyof KernelEvents]?: Set<Listener<E>> } = {};
  #profile!: Profile;
  #owner = false;
  #calls = 0;
  /** Why nothing is answered any more. */
  #over: KernelError | undefined;

  /** The log: what the kernel did and refused, and proof of it. */
  readonly chain: Chain = new Chain((method, ...args) => this.#ask(method, ...args));

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /**
   * Boots the kernel of this name, or attaches to the tab that has it.
   *
   * @throws {KernelError} `storage` if the log cannot be opened (nothing is changed then), `boot` if what is stored does
   * not verify, `unsupported` if the browser lacks something; the message says what.
   */
  static boot(options: BootOptions = {}): Promise<Kernel> {
    const { storage = 'opfs', environment = 'dev', name = 'default', assets } = options;
    const { worker: address, ...parts } = assets === undefined ? BESIDE : at(assets);
    return new Promise((booted, failed) => {
      const worker = new Worker(address, { type: 'module', name: 'weft-kernel' });
      const kernel = new Kernel(worker);
      worker.onerror = (event) => {
        event.preventDefault();
        const message = `the kernel's worker could not be started from ${address}: is it there, and served as JavaScript?`;
        kernel.#crash({ code: 'boot', message, more: {} });
        failed(kernel.#over!);
      };
      worker.onmessage = ({ data }: MessageEvent<FromKernel>) => {
        if ('booted' in data) {
          kernel.#profile = data.booted.profile as Profile;
          kernel.#owner = data.booted.owner;
          booted(kernel);
        } else kernel.#told(data);
        if ('crashed' in data) failed(kernel.#over!);
      };
      worker.postMessage({ boot: { storage, environment, name, parts } } satisfies Boot);
    });
  }

  /** What this host can do, and what it lacks. */
  profile(): Profile {
    return this.#profile;
  }

  /** Whether this tab has the kernel, or is attached to another that has. */
  get owner(): boolean {
    return this.#owner;
  }

  /** What an application is, asks for and gets wrong, when it is given this much. Never throws for a bad manifest. */
  async check(app: AppFiles | string | URL, given: { allow?: string[]; mounts?: string[] } = {}): Promise<Check> {
    const { manifest, files } = await read(app);
    return this.#ask('check', manifest, files, given.allow ?? [], given.mounts ?? []);
  }

  /**
   * Installs an application, with the rights and folders that the page's user gives it. Nothing of it runs before `start`.
   *
   * @throws {KernelError} `denied` if it needs a right that was not given, `invalid` if it is wrong in itself.
   */
  async install(app: AppFiles | string | URL, given: Given = {}): Promise<void> {
    const { manifest, files } = await read(app);
    const mounts = Object.entries(given.mounts ?? {});
    for (const [name, source] of mounts) await this.mount(name, source);
    await this.#ask('install', manifest, files, { allow: given.allow ?? [], mounts: mounts.map(([name]) => name) });
  }

  /** Binds a folder to the name of a mount, in place of one that was bound to it. */
  async mount(name: string, source: MountSource): Promise<void> {
    await this.#ask('mount', name, source);
  }

  /** Starts an installed application. Its end is told by the event `ended`. */
  async start(app: string): Promise<void> {
    await this.#ask('start', app);
  }

  /** Stops a running application, in reverse order of its start. */
  async stop(app: string): Promise<void> {
    await this.#ask('stop', app);
  }

  /**
   * One act of the page's user: `act('read', '/fs/out/report.json', { len: 4096 })`. Everything else is sugar over this.
   * `head` is the body of the verb, `payload` the bytes that some verbs take; answers the reply's bytes.
   *
   * @throws {KernelError} With the code of the refusal.
   */
  act(verb: string, resource: string, head: object = {}, payload?: Uint8Array): Promise<Uint8Array> {
    return this.#ask('act', verb, resource, head, payload);
  }

  /** Calls a service or a process and waits for what it answers: bytes as they are, any other body as JSON. */
  async call(resource: string, body: unknown = {}, head: object = {}): Promise<Uint8Array> {
    const payload = body instanceof Uint8Array ? body : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body));
    const reply = await this.act('call', resource, head, payload);
    // A line with the labels of the reply comes first.
    return reply.subarray(reply.indexOf(10) + 1);
  }

  /** Answers an act that waits: the event `ask` told its number. */
  async answer(action: number, allow: boolean): Promise<void> {
    await this.#ask('answer', action, allow);
  }

  /** Kills a process and everything under it. The log tells that the page's user did. */
  async kill(pid: number): Promise<void> {
    await this.#ask('kill', pid);
  }

  /** Processes and the counts of verdicts. */
  summary(): Promise<Summary> {
    return this.#ask('summary');
  }

  /** The processes, living and gone, by pid. */
  async processes(): Promise<Process[]> {
    return (await this.summary()).processes;
  }

  /** Reads a file of a mount: the page's user looks into his own folder, which is no act. */
  readFile(mount: string, path: string): Promise<Uint8Array> {
    return this.#ask('read_file', mount, path);
  }

  /** Stops what runs and closes the log, for all tabs; answers its last checkpoint. Nothing can be asked of the kernel afterwards. */
  async shutdown(reason = 'the page asked for it'): Promise<string> {
    const checkpoint: string = await this.#ask('shutdown', reason);
    this.#end(STOPPED());
    return checkpoint;
  }

  /** Calls `listener` for each event; answers a function that ends this. */
  on<E extends keyof KernelEvents>(event: E, listener: Listener<E>): () => void {
    const listeners = ((this.#listeners[event] as Set<Listener<E>> | undefined) ??= new Set() as never) as Set<Listener<E>>;
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  #ask<T>(method: Method, ...args: unknown[]): Promise<T> {
    if (this.#over) return Promise.reject(this.#over);
    return new Promise<T>((fulfilled, rejected) => {
      const call = ++this.#calls;
      this.#waiting.set(call, { fulfilled, rejected });
      this.#worker.postMessage({ call, method, args } satisfies Call);
    });
  }

  #told(message: FromKernel): void {
    if ('answer' in message) {
      const waiting = this.#waiting.get(message.answer);
      this.#waiting.delete(message.answer);
      if ('ok' in message) waiting?.fulfilled(message.ok as never);
      else waiting?.rejected(error(message.failed));
    } else if ('told' in message) this.#notice(message.told as { notice: Notice } | { ask: Ask });
    else if ('owner' in message) {
      this.#owner = message.owner;
      this.#emit('owner', { owner: message.owner });
    } else if ('crashed' in message) this.#crash(message.crashed);
    else if ('stopped' in message) this.#end(STOPPED());
  }

  #notice(told: { notice: Notice } | { ask: Ask }): void {
    if ('ask' in told) return this.#emit('ask', told.ask);
    this.#emit('notice', told.notice);
    if (told.notice.kind === 'ended') this.#emit('ended', told.notice as unknown as KernelEvents['ended']);
  }

  #crash(failure: Failure): void {
    if (this.#over) return;
    this.#end(error(failure));
    this.#emit('crashed', this.#over!);
  }

  #end(reason: KernelError): void {
    if (this.#over) return;
    this.#over = reason;
    this.#worker.terminate();
    for (const { rejected } of this.#waiting.values()) rejected(reason);
    this.#waiting.clear();
  }

  #emit<E extends keyof KernelEvents>(event: E, told: KernelEvents[E]): void {
    for (const listener of this.#listeners[event] ?? []) listener(told);
  }
}

/** The log of a kernel. */
export class Chain {
  readonly #ask: <T>(method: Method, ...args: unknown[]) => Promise<T>;

  /** Made by the kernel that it belongs to. */
  constructor(ask: <T>(method: Method, ...args: unknown[]) => Promise<T>) {
    this.#ask = ask;
  }

  /** How many events there are, and the newest of them. */
  async head(): Promise<{ size: number; last: ChainEvent | undefined }> {
    const { size } = await this.events({ from: 0, limit: 0 });
    const { events } = size === 0 ? { events: [] } : await this.events({ from: size - 1, limit: 1 });
    return { size, last: events[0] };
  }

  /** `limit` events from number `from`, and how many there are. Defaults: from the first, 100 of them. */
  events({ from = 0, limit = 100 }: { from?: number; limit?: number } = {}): Promise<{ events: ChainEvent[]; size: number }> {
    return this.#ask('events', { from, limit });
  }

  /** Verifies every event from the first to the last against the signed head. */
  verify(): Promise<Verified> {
    return this.#ask('verify');
  }

  /** A signed checkpoint of this moment. Kept elsewhere, it shows later whether the log was rewritten. */
  checkpoint(): Promise<string> {
    return this.#ask('checkpoint');
  }

  /** The public key that checkpoints are signed with, as `weft chain verify --key` takes it. */
  key(): Promise<string> {
    return this.#ask('key');
  }
}

const STOPPED = () => new KernelError('cancelled', 'the kernel was shut down');

function error({ code, message, more }: Failure): KernelError {
  return new KernelError(code, message, more);
}

function read(app: AppFiles | string | URL): AppFiles | Promise<AppFiles> {
  return typeof app === 'string' || app instanceof URL ? App.fetch(app) : app;
}

function at(assets: string | URL): typeof BESIDE {
  const beside = (name: string) => new URL(name, new URL(assets, location.href)).href;
  return {
    worker: beside('kernel-worker.js'),
    wasm: beside('weft.wasm'),
    guestWorker: beside('guest-worker.js'),
    transpiler: beside('transpiler.js'),
    bindgen: beside('transpiler.wasm'),
  };
}
