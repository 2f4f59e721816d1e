/**
 * The kernel's worker. One tab of those that opened the same kernel has it: the one whose worker holds the Web Lock, and with it
 * the database. The others' workers pass on what their pages ask; when the owner goes, the next one opens the database.
 */

import init, * as weft from '../dist/wasm/weft.js';
import { crashedFailure, failureOf, isEnd } from './failure.js';
import { Guests } from './guests.js';
import { Tools, type Page } from './tools.js';
import { METHODS, PROTOCOL, kernelLock, type Between, type Boot, type Call, type Failure, type FromKernel, type ToKernel, type ToolAnswer, type Took, type Verify, type Welcome } from './kernel-protocol.js';
import { Ahead } from './lists.js';
import { load } from './load.js';
import type { Environment } from './types.js';

/** Of a kernel for which nobody named another. */
const ENVIRONMENT: Environment = 'dev';

/** How long the owner may take to answer a worker that attaches; it may be booting. */
const HELLO_MS = 250;

const GONE: Failure = { code: 'cancelled', message: 'the tab that had the kernel was closed before it answered: it may have been done or not; look, then ask again', more: {} };

const NO_LOCKS =
  'the browser refuses this site all storage, and locks with it: each tab has a kernel of its own, and that a guest is dead is asked for and not observed';

/** How WebAssembly begins. */
const WASM = [0x00, 0x61, 0x73, 0x6d];

const say = (message: FromKernel) => postMessage(message);
const tabLock = (tab: string) => `weft-tab-${tab}`;

/** A kernel of this worker. */
class Owner {
  readonly #kernel: weft.WebKernel;
  readonly #guests: Guests;
  readonly tools = new Tools();
  /** Whether it is being shut down, or was. */
  ending = false;
  readonly environment: Environment;
  readonly profile: unknown;

  private constructor(kernel: weft.WebKernel, guests: Guests, environment: Environment, locks: boolean) {
    this.#kernel = kernel;
    this.#guests = guests;
    this.environment = environment;
    const profile: { missing: [string, string][] } = kernel.profile();
    if (!locks) profile.missing.push(['locks', NO_LOCKS]);
    this.profile = profile;
  }

  static async boot({ parts, environment = ENVIRONMENT, ...options }: Boot['boot'], locks: boolean, told: (message: FromKernel) => void): Promise<Owner> {
    const kernel = await load(parts.wasm);
    await init({ module_or_path: kernel });
    const guests = new Guests({ ...parts, kernel }, options.storage === 'opfs');
    weft.use_guests(guests);
    const tell = (news: { crashed: { message: string } } | { notice: unknown } | { ask: unknown }) => {
      if ('crashed' in news) crash(crashedFailure(news.crashed.message));
      else told({ told: news });
    };
    return new Owner(await weft.WebKernel.boot({ ...options, environment }, tell), guests, environment, locks);
  }

  /** Makes components ready while a person still reads what they ask for; answers their hashes. What does not work out is told when one is started. */
  async #foresee(files: unknown): Promise<string[]> {
    if (!('Suspending' in WebAssembly)) return [];
    const component = (file: unknown): file is Uint8Array => file instanceof Uint8Array && WASM.every((byte, i) => file[i] === byte);
    // The largest first: so those that are made ready side by side end together.
    const components = Object.values(files ?? {}).filter(component).sort((a, b) => b.length - a.length);
    const foreseen = components.map(async (file) => {
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', file as BufferSource));
      const hash = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      await this.#guests.foresee(hash, file);
      return hash;
    });
    return Promise.all(foreseen).catch(() => []);
  }

  /** Takes back a tool of a page that is gone. */
  unregister(tool: number): void {
    // One that has ended already is as good, and so is a kernel that has.
    void this.#kernel.unregister_tool(tool).catch(() => {});
  }

  /** Performs what `page` asks for. */
  async perform({ call, method, args }: Call, page: Page): Promise<FromKernel> {
    try {
      if (!METHODS.includes(method)) throw new TypeError(`the kernel has no method ${method}`);
      if (method === 'shutdown') {
        if (this.ending) throw Object.assign(new Error('the kernel is being shut down'), { code: 'cancelled' });
        this.ending = true;
      }
      const foreseen = method === 'check' || method === 'install' ? this.#foresee(args[1]) : undefined;
      // A function stays where it is; what Rust gets is the way to it.
      if (method === 'register_tool') args = [args[0], args[1], this.tools.runner(page, args[2] as number)];
      const perform = this.#kernel[method] as (...args: unknown[]) => unknown;
      const ok = await perform.apply(this.#kernel, args);
      // Kept for the next time is what somebody has agreed to, and not what was only looked at.
      if (method === 'install') void foreseen?.then((hashes) => hashes.forEach((hash) => this.#guests.installed(hash)));
      // Shut down means that nothing of a guest runs any more, and that this was seen.
      if (method === 'shutdown') await this.#guests.settled();
      return { answer: call, ok };
    } catch (error) {
      // What ends the kernel in a method that answers at once is caught by nobody else.
      if (isEnd(error)) crash(failureOf(error));
      return { answer: call, failed: failureOf(error) };
    }
  }
}

/** The other tabs that have tools here: each goes with its tab. */
class Tabs {
  readonly #tools = new Map<string, number[]>();
  readonly #unregister: (tool: number) => void;

  constructor(unregister: (tool: number) => void) {
    this.#unregister = unregister;
  }

  has(tab: string, tool: number): void {
    const tools = this.#tools.get(tab);
    if (tools) return void tools.push(tool);
    this.#tools.set(tab, [tool]);
    void navigator.locks.request(tabLock(tab), () => {
      this.#tools.get(tab)?.forEach(this.#unregister);
      this.#tools.delete(tab);
    });
  }
}

/** What answers the page: a kernel here, or one in another tab. */
interface Seat {
  perform(call: Call): void;
  answered(answer: ToolAnswer): void;
}

let seat: Seat | undefined;
/** Crashed, or shut down by whichever tab: no kernel is booted here any more. */
let over = false;

/** Boots a kernel that no other tab can see. */
async function alone(boot: Boot['boot'], locks: boolean): Promise<void> {
  const owner = await Owner.boot(boot, locks, say);
  seat = { perform: async (call) => say(await owner.perform(call, say)), answered: (answer) => owner.tools.answered(answer) };
  say({ booted: { owner: true, environment: owner.environment, profile: owner.profile } });
}

/** Boots the kernel of this name, or attaches to the tab that has it. */
async function shared(boot: Boot['boot']): Promise<void> {
  const self = crypto.randomUUID();
  // Held for the life of this worker, so that whoever has the kernel sees it go.
  await new Promise<void>((held) => void navigator.locks.request(tabLock(self), () => new Promise<never>(() => held())));
  const lock = kernelLock(boot.name);
  const channel = new BroadcastChannel(lock);
  const tell = (message: Between) => channel.postMessage(message);

  // Whoever takes the kernel over takes it over as it ran.
  const own = async (attached: Welcome | undefined) => {
    // What is asked while the kernel boots is answered by it.
    const early: Call[] = [];
    seat = { perform: (call) => void early.push(call), answered() {} };
    const owner = await Owner.boot({ ...boot, environment: attached?.environment ?? boot.environment }, true, (told) => {
      say(told);
      tell({ all: told });
    });
    const perform = async (call: Call, page: Page) => {
      // The shutdown that was asked for first is the one that ends it.
      const ends = call.method === 'shutdown' && !owner.ending;
      const answered = await owner.perform(call, page);
      if (!ends || over) return page(answered);
      const stopped: FromKernel = { stopped: { reason: String(call.args[0]) } };
      // Whether it went well or not, nobody is attached to it any more: who asks from now on waits for the lock, and boots it anew.
      channel.onmessage = null;
      // This worker's own page comes last, for it ends this worker.
      if (page !== say) page(answered);
      tell({ all: stopped });
      if (page === say) say(answered);
      say(stopped);
    };
    seat = { perform: (call) => void perform(call, say), answered: (answer) => owner.tools.answered(answer) };
    const tabs = new Tabs((tool) => owner.unregister(tool));
    channel.onmessage = ({ data }: MessageEvent<Between>) => {
      if ('hello' in data) tell({ welcome: { protocol: PROTOCOL, owner: self, environment: owner.environment, profile: owner.profile }, to: data.hello });
      // What was asked of the one before has been answered as not known to be done: to do it now would be to lie.
      else if (!('to' in data) || data.to !== self) return;
      else if ('ask' in data) {
        void perform(data.ask, (told) => {
          if (data.ask.method === 'register_tool' && 'ok' in told) tabs.has(data.from, told.ok as number);
          tell({ to: data.from, told });
        });
      } else if ('tool' in data) owner.tools.answered(data.tool);
    };
    say(attached ? { owner: true } : { booted: { owner: true, environment: owner.environment, profile: owner.profile } });
    // For those that attached to the owner before: it is this one now.
    tell({ took: { protocol: PROTOCOL, owner: self, environment: owner.environment } });
    for (const call of early) seat.perform(call);
  };

  const attach = () => {
    let known: Welcome | undefined;
    let latest: string | undefined;
    const open = new Set<number>();
    const hello = () => known ?? tell({ hello: self });
    const ringing = setInterval(hello, HELLO_MS);
    /** Why this worker cannot be attached to such a kernel. */
    const unfit = ({ protocol, environment }: Took): Failure | undefined => {
      const asked = known?.environment ?? boot.environment;
      if (protocol !== PROTOCOL) return otherPackage(boot.name);
      return asked === undefined || asked === environment ? undefined : otherEnvironment(boot.name, environment, asked);
    };
    const refuse = (failure: Failure) => {
      clearInterval(ringing);
      crash(failure);
    };
    channel.onmessage = ({ data }: MessageEvent<Between>) => {
      if (over) return;
      if ('welcome' in data && data.to === self && !known) {
        const { owner, environment, profile } = data.welcome;
        // One of before, which came late.
        if (latest !== undefined && latest !== owner) return;
        const why = unfit(data.welcome);
        if (why) return refuse(why);
        known = data.welcome;
        clearInterval(ringing);
        say({ booted: { owner: false, environment, profile } });
      } else if ('told' in data && 'to' in data && data.to === self) {
        if ('answer' in data.told) open.delete(data.told.answer);
        say(data.told);
      } else if ('took' in data) {
        abandon();
        latest = data.took.owner;
        if (!known) return;
        // One that had not attached yet may have booted it in its own environment.
        const why = unfit(data.took);
        if (why) return refuse(why);
        known.owner = latest;
        say({ owner: false });
      } else if ('all' in data && known) {
        // A worker that still attaches hears of no end: it boots the kernel when the lock is free.
        if ('stopped' in data.all) over = true;
        say(data.all);
      }
    };
    // What was asked of an owner that is gone is not known to have been done: whoever asked is told.
    const abandon = () => {
      for (const call of open) say({ answer: call, failed: GONE });
      open.clear();
    };
    seat = {
      perform(call) {
        open.add(call.call);
        tell({ from: self, to: known!.owner, ask: call });
      },
      answered: (answer) => tell({ from: self, to: known!.owner, tool: answer }),
    };
    hello();
    return () => {
      clearInterval(ringing);
      // A welcome that comes late would be one too many.
      channel.onmessage = null;
      abandon();
      return known;
    };
  };

  const hold = async (attached: Welcome | undefined) => {
    if (over) return;
    await own(attached).catch((error: unknown) => crash(failureOf(error)));
    // Held for the life of this worker.
    await new Promise<never>(() => {});
  };
  const first = await new Promise<boolean>((decided) => {
    void navigator.locks.request(lock, { ifAvailable: true }, (granted) => {
      decided(granted !== null);
      return granted ? hold(undefined) : undefined;
    });
  });
  if (!first) {
    const detach = attach();
    void navigator.locks.request(lock, () => hold(detach()));
  }
}

function otherPackage(name: string): Failure {
  const message = `the kernel ${name} runs in this browser by another version of the package, with which this one cannot talk: close the other tabs, then reload this one`;
  return { code: 'conflict', message, more: {} };
}

function otherEnvironment(name: string, runs: Environment, asked: Environment): Failure {
  const message = `the kernel ${name} runs in this browser in the environment ${runs}, not in ${asked}: attach to it by naming none, or shut it down first`;
  return { code: 'conflict', message, more: { environment: runs, asked } };
}

/** The kernel cannot go on: said once, in words for a person. */
function crash(failure: Failure): void {
  if (over) return;
  over = true;
  seat = undefined;
  say({ crashed: failure });
  // Nothing that was torn runs on, whoever speaks to it.
  close();
}

/** Boots the kernel in the way that it can be: what is kept is shared, and sharing takes locks. */
async function boot(options: Boot['boot']): Promise<void> {
  const locks = await Promise.resolve(navigator.locks?.request('weft', { mode: 'shared' }, () => true)).catch(() => false);
  await (locks && options.storage === 'opfs' ? shared(options) : alone(options, locks === true));
}

/** Checks a file, for a page that wants nothing else of this worker. */
async function verify({ evidence, key, wasm }: Verify['verify']): Promise<void> {
  try {
    await init({ module_or_path: await load(wasm) });
    say({ answer: 0, ok: weft.verify_evidence(evidence, key) });
  } catch (error) {
    say({ answer: 0, failed: failureOf(error) });
  }
}

const ahead = new Ahead();
onmessage = ({ data }: MessageEvent<ToKernel>) => {
  if ('boot' in data) void boot(data.boot).catch((error: unknown) => crash(failureOf(error)));
  else if ('verify' in data) void verify(data.verify);
  else if ('tool' in data) seat?.answered(data.tool);
  else if ('list' in data) ahead.came(data);
  else seat?.perform(ahead.whole(data));
};
// A panic of the kernel ends in one of these two.
addEventListener('error', (event) => {
  event.preventDefault();
  crash(failureOf(event.error));
});
addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  crash(failureOf(event.reason));
});
