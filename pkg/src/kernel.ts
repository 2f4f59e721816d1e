/** The kernel as a page holds it: messages to a worker, so that the page never waits for it. */

import { App } from './app.js';
import { Chain } from './chain.js';
import { deliver } from './lists.js';
import { databaseOf, kernelLock, type Boot, type Failure, type FromKernel, type Method, type ToKernel, type ToolRun } from './kernel-protocol.js';
import { partsAt } from './parts.js';
import { Tree } from './tree.js';
import {
  KernelCrashed,
  KernelError,
  type AppFiles,
  type Ask,
  type BootOptions,
  type Check,
  type Environment,
  type Given,
  type KeptFolder,
  type KernelEvents,
  type MountSource,
  type Notice,
  type Process,
  type Profile,
  type StartOptions,
  type Summary,
  type Tool,
  type ToolFunction,
  type ToolOptions,
} from './types.js';

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
  #environment!: Environment;
  #owner = false;
  #calls = 0;
  /** The functions that are tools, or are about to be, by number; and the calls of them that are under way. */
  readonly #tools = new Map<number, ToolFunction>();
  readonly #runs = new Map<number, AbortController>();
  /** Why nothing is answered any more. */
  #over: KernelError | undefined;

  /** The log: what the kernel did and refused, and proof of it. */
  readonly chain: Chain = new Chain((method, ...args) => this.#ask(method, ...args));

  /** The resource tree: what applications keep in it, and proof of that. */
  readonly tree: Tree = new Tree((method, ...args) => this.#ask(method, ...args));

  #persists: boolean | undefined;
  readonly #name: string;

  private constructor(worker: Worker, name: string) {
    this.#worker = worker;
    this.#name = name;
  }

  /**
   * Boots the kernel of this name, or attaches to the tab that has it.
   *
   * @throws {KernelError} `storage` if the log cannot be opened (nothing is changed then), `boot` if what is stored does
   * not verify or the package's files cannot be loaded, `unsupported` if the browser lacks something, `conflict` if another tab has the kernel
   * in another environment than the one that was named: `more.environment` says in which. The message says what.
   */
  static boot(options: BootOptions = {}): Promise<Kernel> {
    const { storage = 'opfs', environment, name = 'default', assets } = options;
    const { worker: address, ...parts } = partsAt(assets);
    return new Promise((booted, failed) => {
      const worker = new Worker(address, { type: 'module', name: 'weft-kernel' });
      const kernel = new Kernel(worker, name);
      if (storage === 'opfs') kernel.#persist();
      worker.onerror = (event) => {
        event.preventDefault();
        const message = `the kernel's worker could not be started from ${address}: is it there, and served as JavaScript?`;
        kernel.#crash({ code: 'boot', message, more: {} });
        failed(kernel.#over!);
      };
      worker.onmessage = ({ data }: MessageEvent<FromKernel>) => {
        if ('booted' in data) {
          kernel.#profile = data.booted.profile as Profile;
          kernel.#persisted();
          kernel.#environment = data.booted.environment;
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

  /** How strict its verdicts are, for as long as it runs, whichever tab has it. */
  get environment(): Environment {
    return this.#environment;
  }

  /** Asks the browser not to clear by itself what is stored. Only a page may ask, and a person may have to answer: nothing waits. */
  #persist(): void {
    // Where there is no storage at all there is nothing to ask for.
    const asked = navigator.storage?.persist?.().catch(() => false);
    void asked?.then((persisted) => {
      this.#persists = persisted;
      this.#persisted();
    });
  }

  /** Puts the answer into the profile, whichever of the two comes last. */
  #persisted(): void {
    if (this.#persists === undefined || this.#profile?.durability !== 'disk') return;
    this.#profile = { ...this.#profile, persisted: this.#persists };
  }

  /** Whether this tab has the kernel, or is attached to another that has. */
  get owner(): boolean {
    return this.#owner;
  }

  /**
   * What an application is, asks for and gets wrong, when it is given this much. What is wrong with its manifest or its components is an
   * answer.
   *
   * @throws {KernelError} `invalid` if what is given is no right or no name of a mount.
   */
  async check(app: AppFiles | string | URL, given: { allow?: string[]; mounts?: string[] } = {}): Promise<Check> {
    const { manifest, files } = await read(app);
    return this.#ask('check', manifest, files, given.allow ?? [], given.mounts ?? []);
  }

  /**
   * Installs an application, with the rights and folders that the page's user gives it. Nothing of it runs before `start`, and
   * nothing is bound unless it was installed.
   *
   * @throws {KernelError} `denied` if it needs a right that was not given, `invalid` if it is wrong in itself, `conflict` if it runs, or if
   * one of its mounts has the name of another folder that was given to another application.
   */
  async install(app: AppFiles | string | URL, given: Given = {}): Promise<void> {
    const { manifest, files } = await read(app);
    await this.#ask('install', manifest, files, given.allow ?? [], given.mounts ?? {});
  }

  /**
   * Binds a folder to the name of a mount, in place of one that was bound to it: for the page's user, and for applications that were
   * given a mount of this name and are started afterwards.
   *
   * @throws {KernelError} `conflict` if the name is that of another folder, which was given to an application that is installed.
   */
  async mount(name: string, source: MountSource): Promise<void> {
    await this.#ask('mount', name, source);
  }

  /**
   * The folders that were given to applications that are installed, by this kernel or one before it. One that is not `bound` is one
   * for which the browser wants to ask: `await folder.requestPermission({ mode })` in a click of the page's user, then
   * `mount(name, folder)`; what should run and waited for it is started then. Lists of files are not kept.
   */
  folders(): Promise<KeptFolder[]> {
    return this.#ask('folders');
  }

  /**
   * Starts an installed application with the folders that it was given, by this kernel or one before it ({@link Kernel.folders}), or that
   * were mounted under their names since. Its end, whichever it is, is told by the event `ended`.
   *
   * @throws {KernelError} `not_found` if one of them is not mounted any more, `conflict` if its name is that of a folder that was given to
   * another application.
   */
  async start(app: string, { until = 'quiet' }: StartOptions = {}): Promise<void> {
    await this.#ask('start', app, until);
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

  /** Calls a service, a tool or a process and waits for what it answers: bytes as they are, any other body as JSON. */
  async call(resource: string, body: unknown = {}, head: object = {}): Promise<Uint8Array> {
    const payload = body instanceof Uint8Array ? body : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body));
    const reply = await this.act('call', resource, head, payload);
    // A line with the labels of the reply comes first.
    return reply.subarray(reply.indexOf(10) + 1);
  }

  /**
   * Makes a function of this page a tool that agents can call as `/tool/NAME`, if they were given `call /tool/NAME`. Each call passes
   * the gate as an act that reaches out: with the effect that is declared here at least, and an intent and an outcome in the log. Calls
   * of one tool are handed over one after the other. It is gone with this page, and when another tab takes the kernel over.
   *
   * @throws {KernelError} `conflict` if the name is taken, `invalid` if what is declared is wrong in itself.
   */
  async registerTool(name: string, { effect, schema, labels = [], clearance }: ToolOptions, run: ToolFunction): Promise<Tool> {
    const number = ++this.#calls;
    this.#tools.set(number, run);
    const tool: number = await this.#ask<number>('register_tool', name, { effect, schema, output_labels: labels, clearance }, number).catch((error: unknown) => {
      this.#tools.delete(number);
      throw error;
    });
    const unregister = async () => {
      // One that went with the kernel that it was registered with is gone already.
      if (this.#tools.delete(number)) await this.#ask('unregister_tool', tool);
    };
    return { name, unregister };
  }

  /** Answers an act that waits: the event `ask` told its number. */
  async answer(action: number, allow: boolean): Promise<void> {
    await this.#ask('answer', action, allow);
  }

  /** Kills a process and everything under it. The log tells that the page's user did. */
  async kill(pid: number): Promise<void> {
    await this.#ask('kill', pid);
  }

  /**
   * Keeps a process from going on until it is resumed, and none of those that it started. A guest that computes goes on until its next
   * act: nothing can hold its worker.
   *
   * @throws {KernelError} `not_found` if it is gone, `conflict` if it is starting or stopping.
   */
  async suspend(pid: number): Promise<void> {
    await this.act('suspend', `/proc/${pid}`);
  }

  /** Lets a suspended process go on where it was held. */
  async resume(pid: number): Promise<void> {
    await this.act('resume', `/proc/${pid}`);
  }

  /**
   * Signals to a process: `interrupt` cancels what it waits for, `reload` and `user` are handed to it before all that waits.
   *
   * @throws {KernelError} `not_found` if it is gone.
   */
  async signal(pid: number, signal: 'interrupt' | 'reload' | 'user'): Promise<void> {
    await this.act('signal', `/proc/${pid}`, { signal });
  }

  /** Processes and the counts of verdicts. */
  summary(): Promise<Summary> {
    return this.#ask('summary');
  }

  /** The processes, living and gone, by pid. */
  async processes(): Promise<Process[]> {
    return (await this.summary()).processes;
  }

  /**
   * The receipt of an act, by its number in the log: one file of JSON, as `weft receipt` prints it, that holds all that the log says of
   * the act and the proof of it. Whoever has it and the key of the log checks it by {@link verifyEvidence} or `weft verify`, without this
   * kernel. With `body` what the act was done with is in it too, for everybody who gets the file.
   *
   * @throws {KernelError} `not_found` if the log tells of no such act, or if its body is wanted and is not kept.
   */
  receipt(action: number, { body = false }: { body?: boolean } = {}): Promise<string> {
    return this.#ask('receipt', action, body);
  }

  /**
   * Reads a file of a mount: the page's user looks into his own folder, which is no act.
   *
   * @throws {KernelError} `too_large` if it has more than 64 MiB.
   */
  readFile(mount: string, path: string): Promise<Uint8Array> {
    return this.#ask('read_file', mount, path);
  }

  /**
   * Stops what runs and closes the log, for all tabs, which are told by the event `stopped`; answers its last checkpoint. Nothing can be asked of
   * the kernel afterwards.
   *
   * @throws {KernelError} Why the end of the log could not be stored; the kernel is down all the same. `cancelled` if it was down before
   * or is being shut down, or if the tab that had it was closed before it answered: then another one may have it. `invalid` if the reason
   * is no text: then it runs on.
   */
  async shutdown(reason = 'the page asked for it'): Promise<string> {
    if (typeof reason !== 'string') throw new KernelError('invalid', 'the reason of a shutdown is a text');
    const checkpoint = await this.#ask<string>('shutdown', reason).catch((error: KernelError) => {
      // It is down all the same, unless it was never asked: another tab has it then, or one that asked before is at it still.
      if (error.code !== 'cancelled') this.#stop(reason);
      throw error;
    });
    this.#stop(reason);
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
      void this.#send(call, method, args);
    });
  }

  async #send(call: number, method: Method, args: unknown[]): Promise<void> {
    try {
      await deliver({ call, method, args }, (message) => this.#worker.postMessage(message));
    } catch (error) {
      // Something that cannot be copied.
      this.#waiting.get(call)?.rejected(new KernelError('invalid', error instanceof Error ? error.message : String(error)));
      this.#waiting.delete(call);
    }
  }

  #told(message: FromKernel): void {
    if ('answer' in message) {
      const waiting = this.#waiting.get(message.answer);
      this.#waiting.delete(message.answer);
      if ('ok' in message) waiting?.fulfilled(message.ok as never);
      else waiting?.rejected(this.#error(message.failed));
    } else if ('tool' in message) {
      if ('abort' in message.tool) this.#abort(message.tool.abort);
      else void this.#run(message.tool);
    } else if ('told' in message) this.#notice(message.told as { notice: Notice } | { ask: Ask });
    else if ('owner' in message) {
      this.#owner = message.owner;
      this.#forgetTools();
      this.#emit('owner', { owner: message.owner });
    } else if ('crashed' in message) this.#crash(message.crashed);
    else if ('stopped' in message) this.#stop(message.stopped.reason);
  }

  /** Calls the function of a tool, and answers with what it gives. */
  async #run({ run, tool, arguments: bytes, caller }: ToolRun): Promise<void> {
    const controller = new AbortController();
    this.#runs.set(run, controller);
    let answer: { ok: Uint8Array } | { failed: string };
    try {
      const perform = this.#tools.get(tool);
      if (!perform) throw new Error('the page has taken the tool away');
      const args: unknown = bytes.length === 0 ? {} : JSON.parse(new TextDecoder().decode(bytes));
      const result = await perform(args, { signal: controller.signal, caller });
      answer = { ok: result instanceof Uint8Array ? result : new TextEncoder().encode(JSON.stringify(result ?? null)) };
    } catch (error) {
      answer = { failed: error instanceof Error ? error.message : String(error) };
    }
    // One that was given up is answered by nobody.
    if (this.#runs.delete(run) && !this.#over) this.#worker.postMessage({ tool: { run, ...answer } } satisfies ToKernel);
  }

  #abort(run: number): void {
    const controller = this.#runs.get(run);
    this.#runs.delete(run);
    controller?.abort();
  }

  /** The kernel that they were registered with is gone. */
  #forgetTools(): void {
    this.#tools.clear();
    for (const run of this.#runs.keys()) this.#abort(run);
  }

  #notice(told: { notice: Notice } | { ask: Ask }): void {
    if ('ask' in told) return this.#emit('ask', told.ask);
    this.#emit('notice', told.notice);
    if (told.notice.kind === 'ended') this.#emit('ended', told.notice as unknown as KernelEvents['ended']);
  }

  #crash(failure: Failure): void {
    if (this.#over) return;
    this.#end(this.#error(failure));
    this.#emit('crashed', this.#over!);
  }

  #stop(reason: string): void {
    if (this.#over) return;
    this.#end(STOPPED());
    this.#emit('stopped', { reason });
  }

  #end(reason: KernelError): void {
    if (this.#over) return;
    this.#over = reason;
    this.#worker.terminate();
    for (const { rejected } of this.#waiting.values()) rejected(reason);
    this.#waiting.clear();
    this.#forgetTools();
  }

  #error({ code, message, more }: Failure): KernelError {
    return code === 'crashed' ? new KernelCrashed(message, () => recorded(this.#name, this.#profile)) : new KernelError(code, message, more);
  }

  #emit<E extends keyof KernelEvents>(event: E, told: KernelEvents[E]): void {
    for (const listener of this.#listeners[event] ?? []) listener(told);
  }
}

const STOPPED = () => new KernelError('cancelled', 'the kernel was shut down');

/** A worker that was told to end holds its lock until it has; browsers take about two seconds, and longer under load. */
const ENDED_MS = 5_000;

/** The database of the kernel `name`, which has crashed, while no other kernel has it. */
async function recorded(name: string, profile: Profile | undefined): Promise<Blob> {
  if (profile?.durability === 'memory') throw new KernelError('unsupported', 'this kernel kept its log in memory, and that is gone with it');
  const absent = () => new KernelError('not_found', `this browser has no database of the kernel ${name}`);
  const held = (error: Error) => {
    if (error.name !== 'TimeoutError') throw error;
    throw new KernelError('conflict', `a kernel ${name} runs in this browser again: its log holds what was recorded`);
  };
  return navigator.locks.request(kernelLock(name), { signal: AbortSignal.timeout(ENDED_MS) }, async () => {
    let folder = await navigator.storage.getDirectory();
    const [...path] = databaseOf(name);
    const file = path.pop()!;
    for (const part of path) folder = await folder.getDirectoryHandle(part).catch(() => { throw absent(); });
    const handle = await folder.getFileHandle(file).catch(() => { throw absent(); });
    // A copy: the file itself changes when the next kernel goes on.
    return new Blob([await (await handle.getFile()).arrayBuffer()]);
  }).catch(held);
}

function read(app: AppFiles | string | URL): AppFiles | Promise<AppFiles> {
  return typeof app === 'string' || app instanceof URL ? App.fetch(app) : app;
}
