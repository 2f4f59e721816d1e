/** What goes into the kernel and comes out of it, as plain values. */

/** How strict the verdicts are. */
export type Environment = 'dev' | 'staging' | 'prod';

/** What to boot. */
export interface BootOptions {
  /**
   * Where the log and everything beside it is kept: `opfs`, the origin's private file system, survives a reload and is shared by all
   * tabs that boot the same `name`; `memory` is gone with the tab and is this tab's alone. Default: `opfs`.
   */
  storage?: 'opfs' | 'memory';
  /**
   * How strict the verdicts are. Where another tab has the kernel, it runs in the environment of that tab and stays in it: who names another
   * one is refused with `conflict`, who names none is attached. Default: `dev`, or what runs already.
   */
  environment?: Environment;
  /** Which kernel of this origin: a word of lower-case letters, digits and `-`. Each has its own storage. Default: `default`. */
  name?: string;
  /** Where the package's files lie, if not beside the module that was imported: an address that ends in `/`. */
  assets?: string | URL;
}

/** What this host can do, and what it lacks, each with the reason. */
export interface Profile {
  host: string;
  /** The kinds of program that can be started: `wasm`, `native`. */
  programs: string[];
  /** Whether `/net` can be connected to. */
  net: boolean;
  /** Whether folders can be mounted under `/fs`. */
  mounts: boolean;
  /** `disk`: what was committed survives; `memory`: it is gone with the tab. */
  durability: 'disk' | 'memory';
  atomic_commits: boolean;
  /** How many things really run at once. */
  parallelism: number;
  /** Where a guest stops when its process is suspended: `next_act`, because nothing holds a worker that computes. */
  suspension: 'anywhere' | 'next_act';
  key_custody: string;
  /** What is missing here: what, and why. */
  missing: [what: string, why: string][];
  /** Whether the browser promised to keep the storage; null where there is none or it was not asked. */
  persisted: boolean | null;
}

/** An application as it is read: its manifest (`weft.toml`) and the files that this names. */
export interface AppFiles {
  manifest: string;
  /** By path below the manifest's folder: `components/walker.wasm`. */
  files: Record<string, Uint8Array>;
}

/**
 * What may be mounted: a folder of the user's, a list of files, or a folder of the origin's private file system. In place of a file that could
 * not be opened stands the reason: it is listed, and a read of it is refused with that.
 */
export type MountSource = FileSystemDirectoryHandle | { files: [path: string, file: File | string][] } | 'opfs';

/** A folder that was given to applications. It is kept in this browser as long as one of them is installed. */
export interface KeptFolder {
  /** Of the mount. */
  name: string;
  folder: FileSystemDirectoryHandle;
  /** What leave the page's user had given the page, and what to ask him for. */
  mode: 'read' | 'readwrite';
  /** The applications. */
  given: string[];
  /** Whether it is mounted. */
  bound: boolean;
}

/** What the page's user gives an application. */
export interface Given {
  /** Rights beyond the application's own: `connect /net/api.example.com:443`. Default: none. */
  allow?: string[];
  /**
   * Folders by the name of their mount: bound as `/fs/NAME` when the application was installed. A name is that of one folder as long
   * as an application is installed that was given it: another application gets the same folder under this name, or is refused
   * (`conflict`). Two lists of files are never the same folder; `opfs` is one folder for each name.
   */
  mounts?: Record<string, MountSource>;
}

/** How an application is started. */
export interface StartOptions {
  /**
   * When it is over: `quiet` (the default), when nothing is left to do: nobody handles, no message waits, no timer, stream or call is
   * open; or `stopped`, when it is stopped, so that its services can be called meanwhile. Either way it also ends with the agent that
   * its manifest names in `ends_with`.
   */
  until?: 'quiet' | 'stopped';
}

/** What an application is and asks for. Of a manifest that cannot be read only its problems are told: the texts and the other lists are empty. */
export interface Check {
  app: string;
  version: string;
  description: string;
  agents: { name: string; role: string; use: string[]; grant: string[]; optional: string[] }[];
  /** `clearance`: what may be written there; `given`: whether you named a folder for it. */
  mounts: { name: string; mode: 'read' | 'write'; labels: string[]; clearance: string[]; given: boolean }[];
  /** Rights that somebody has to give. */
  asks: { right: string; agents: string[]; optional: boolean; given: boolean }[];
  /** What it cannot do without and was not given: `install` would refuse it. `flag` is what would give it on the command line, `mount` the mount that has to be given first. */
  missing: { agent: string; right: string; flag: string; mount: string | null }[];
  /** What was given and nobody asks for, with the reason: most often a slip of the pen. */
  unused: { flag: string; reason: string }[];
  /** What is wrong with it, each with its place in the manifest. Where there is none, and nothing is missing, it can be installed. */
  problems: { line: number; key: string; text: string; hint: string | null }[];
}

/** How much an act may do, in five dimensions, each from 0 to 10,000. */
export interface Effect {
  /** What may break or be lost. */
  risk: number;
  /** Who may be treated worse than others. */
  fairness: number;
  /** What may become known to whom it should not. */
  privacy: number;
  /** How new it is; the kernel adds what it knows of that. */
  novelty: number;
  /** What may be opened to an attacker. */
  security: number;
}

/** A value of JSON. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * What arguments have to be: the part of JSON Schema (2020-12) that the kernel holds calls against. A schema with any other keyword is
 * refused when the tool is registered, because one that is read in part would let pass what it was written to keep out.
 */
export type Schema =
  | boolean
  | {
      type?: SchemaType | SchemaType[];
      properties?: Record<string, Schema>;
      required?: string[];
      additionalProperties?: Schema;
      items?: Schema;
      enum?: Json[];
      const?: Json;
      minimum?: number;
      maximum?: number;
      minLength?: number;
      maxLength?: number;
      minItems?: number;
      maxItems?: number;
      /** These speak to people alone. */
      title?: string;
      description?: string;
      default?: Json;
      examples?: Json[];
    };

export type SchemaType = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object';

/** What is declared of a tool. */
export interface ToolOptions {
  /** The least effect of a call; what is left out is 0. It can only raise what the kernel derives. */
  effect: Partial<Effect>;
  /** What its arguments have to be. Others are refused as `invalid` before the function is called. */
  schema: Schema;
  /** Labels of all that it answers, such as `private`. Whoever gets an answer carries them from then on. Default: none. */
  labels?: string[];
  /**
   * Labels that may reach it, such as `private`: they do not weigh on a call, and a call that carries any other is refused. Where it is left
   * out any label may reach it, and weighs: mostly that is too much.
   */
  clearance?: string[];
}

/** One call of a tool, as its function gets it beside the arguments. */
export interface ToolCall {
  /** Aborted when nobody waits for the answer any more: the deadline has passed, the caller has ended, the tool was taken back. */
  signal: AbortSignal;
  /** Who calls: `/proc/12`. */
  caller: string;
}

/**
 * What a tool does: called with its arguments, which fit its schema. Bytes are answered as they are, anything else as JSON; what it
 * throws is told to the caller as `failed`, by its message.
 */
export type ToolFunction = (args: any, call: ToolCall) => unknown;

/** A tool that was registered. It is gone with this page, and when another tab takes the kernel over: register it again then. */
export interface Tool {
  readonly name: string;
  /** Takes it back: calls of it are refused as `not_found` from then on. */
  unregister(): Promise<void>;
}

/** One process, living or gone. */
export interface Process {
  pid: number;
  parent: number;
  name: string;
  app: string | null;
  role: string;
  /** `starting`, `running`, `suspended`, `stopping`, `exited`. */
  state: string;
  /** Why it ended, in one word; empty while it lives. */
  exit: string;
  /** What the word leaves out. */
  detail: string;
  /** Envelopes handed to it. */
  messages: number;
  /** Acts that passed the gate, and acts that were refused. */
  acts: number;
  refused: number;
  /**
   * Nanoseconds of running and the peak of memory in bytes, with those of the message that it handles, and units of the fuel meter as of the
   * last message that is over.
   */
  cpu: number;
  memory: number;
  fuel: number;
  /** Messages that it sent, calls of tools, and bytes of memory that its instance has now. */
  sent: number;
  tool_calls: number;
  memory_now: number;
  /** Bytes that it wrote to `/tree` and `/fs`, less what it replaced and removed of its own agent's in `/tree`. */
  stored: number;
  /** How long it has lived, or lived, in nanoseconds. */
  wall: number;
  /** What it and all that it started used together. */
  tree: Used;
  /** What it may use at most, and how near it is to that. */
  limits: Limit[];
}

/** One limit of a process, and what is used of it. */
export interface Limit {
  /** What is counted: `acts`, `messages` (sent), `tool_calls`, `fuel`, `memory`, `handle` (time of one message), `wall`, `stored`. Times are nanoseconds. */
  meter: string;
  /**
   * Of what that is: of the process and all that it started (`account`), of one instance or one message of it (then `used` is the most that one
   * has taken), or of the process alone.
   */
  of: 'account' | 'instance' | 'message' | 'process';
  used: number;
  limit: number;
}

/** What was used; see `Process`. */
export interface Used {
  messages: number;
  sent: number;
  tool_calls: number;
  acts: number;
  refused: number;
  cpu: number;
  memory: number;
  memory_now: number;
  fuel: number;
  stored: number;
}

/** What the kernel knows of its processes, and what its gate has said. */
export interface Summary {
  processes: Process[];
  /** How many acts were permitted, warned, escalated, denied, refused, exhausted; and dead letters. */
  verdicts: Record<string, number>;
  environment: string;
}

/** One event of the log, as `weft chain show --json` prints it. */
export interface ChainEvent {
  /** Its number: the first is 0. */
  seq: number;
  /** When it was recorded, as RFC 3339 in UTC with milliseconds. */
  time: string;
  /** The act that it belongs to; 0 for none. */
  action: number;
  /** What it tells: `intent`, `outcome`, `refused`, ...; `kind_N` for one that this version does not know. */
  kind: string;
  /** What belongs to its kind; null where that cannot be read. */
  content: unknown;
  /** Why it cannot be read. */
  unreadable: string | null;
}

/** In the place of an event, or of all that come behind it in a stored row, where the row is damaged. */
export interface UnreadableRow {
  /** The number of the first event of the row. */
  row: number;
  unreadable: string;
}

/** What verifying the whole log found. That it does not verify is an answer, and no error. */
export type Verified =
  | {
      ok: true;
      /** Events verified. */
      size: number;
      /** The root of the Merkle tree over them (RFC 6962), in base64. */
      root: string;
      /** How many of them, from the first, the kernel's signature covers. */
      signed: number;
      /** Of how many outward acts the body is kept and is the one that the log commits to, was too long to be kept, or was erased since. */
      bodies: { kept: number; long: number; erased: number };
      /** The root of the resource tree, in hexadecimal, and how many nodes it covers; null where the log tells of none yet. */
      tree: { root: string; nodes: number } | null;
      problem?: undefined;
    }
  | {
      ok: false;
      /** Events that the log says it has. */
      size: number;
      root: null;
      /** What is wrong: a code such as `chain_gap`, `truncated`, `body_changed` or `tree_changed`, a sentence, what to do, and the number of the event that it is about, if it is about one. */
      problem: { code: string; text: string; hint: string; seq: number | null };
    };

/** What {@link verifyEvidence} is told. */
export interface VerifyOptions {
  /** The key of the log that it has to be of, as `Kernel.chain.key()` or `weft` tells it: as who keeps the log told you, and not as came with the file. */
  key: string;
  /** Where the package's files lie, if not beside the module that was imported: an address that ends in `/`. */
  assets?: string | URL;
}

/** What a file of evidence that holds says, and the state of the log that was signed. */
export type Proven = {
  /** Of the log. */
  origin: string;
  /** The key that signed it. */
  key: string;
  /** How many events the log had then, and the root of the Merkle tree over them, in base64. */
  size: number;
  root: string;
} & (
  | {
      /** All that the log says of one act. */
      evidence: 'receipt';
      action: number;
      /** Who wanted to do what, in a sentence. */
      intended: string;
      /** What was decided and why, a sentence for each decision and each answer. */
      decided: string[];
      /** What came of it, in a sentence. */
      outcome: string;
      /** What the last decision was made upon, as `weft rules explain` prints it; null where there was none. */
      detail: unknown;
      /** Whether what it was done with is in the receipt, and is the one that the log commits to. */
      body: boolean;
      /** Its events. */
      events: ChainEvent[];
    }
  | {
      /** That the log has one event. */
      evidence: 'inclusion';
      event: ChainEvent;
    }
  | {
      /** That the log begins with an earlier state: how many events it had, and the root over them. */
      evidence: 'consistency';
      old: { size: number; root: string };
    }
  | {
      /** What a node of the tree was; null where it was not there. */
      evidence: 'node';
      path: string;
      node: TreeNode | null;
      /** The number of the event that tells the root of the tree. */
      seq: number;
    }
);

/** What is known of a node of the tree, beside its value. */
export interface TreeNode {
  /** Grows by one with every write; 0 where it was removed. */
  version: number;
  /** The process that wrote it last. */
  owner: number;
  /** What its value is marked with, and what earlier ones were. */
  labels: string[];
  earlier: string[];
  /** The SHA-256 of the value, in hexadecimal; null where it was removed. */
  value: string | null;
  /** What its writer says that it is; empty where it does not. */
  kind: string;
  /** Whose bytes its value is, `APPLICATION/AGENT`; null where nobody is held to them. */
  holder: string | null;
}

/** What is directly below a node. */
export interface TreeChild {
  name: string;
  /** null where only something below it is there. */
  node: TreeNode | null;
  /** The bytes of its value; null where it has none. */
  bytes: number | null;
  /** Whether something is below it. */
  parent: boolean;
}

/** A page of them. */
export interface TreePage {
  /** By name. One that has a node and something below it may be on two pages. */
  children: TreeChild[];
  /** Where the next page begins; null where there is none. */
  next: string | null;
}

/**
 * Something that happened; `kind` says what, the rest what belongs to it. `revived` tells what came of an application that
 * should run and was started again at the boot: `app`, its `pid`, or the `reason` why it does not run, and `without`: those of its agents
 * that were killed, or that it had been started without, and are left out, and `suspended`: those that are suspended as they were before.
 */
export type Notice = { kind: string } & Record<string, unknown>;

/** An act that waits for an answer of a person: `Kernel.answer(action, allow)`. */
export interface Ask {
  action: number;
  /** Which process wants to do it. */
  pid: number;
  name: string;
  /** Its application; null for a session. */
  app: string | null;
  verb: string;
  resource: string;
  /** What the decision was made upon, as `weft rules explain` prints it. */
  detail: unknown;
  /** How long it waits for an answer, in milliseconds; without one it is refused then. */
  wait_ms: number;
}

/** What `Kernel.on` tells. */
export interface KernelEvents {
  /** Anything that happened. */
  notice: Notice;
  /** An act waits for an answer. */
  ask: Ask;
  /** An application ended. */
  ended: { app: string; ok: boolean; reason: string; stopped_by: string | null };
  /**
   * Whether this tab has the kernel, after that changed. Mounts of files and folders are those of the tab that has it; tools that
   * were registered before are gone.
   */
  owner: { owner: boolean };
  /**
   * The kernel was shut down, by this tab or another one, for the reason that was given there. Nothing runs any more, calls that were open
   * and every later one are rejected with `cancelled`, and what was acknowledged is stored: `boot` starts it again.
   */
  stopped: { reason: string };
  /**
   * The kernel is gone for this tab; calls that were open and every later one are rejected with this. A kernel that is booted again goes on
   * from what was stored. A {@link KernelCrashed}; or a {@link KernelError} with the code that `boot` would reject with, where the worker
   * could not go on for that reason: `boot` or `storage` where this tab was to take the kernel over and could not, `conflict` where another
   * one took it over in another environment (`more.environment`).
   */
  crashed: KernelError;
}

/**
 * What went wrong. `code` is that of the refusal (`denied`, `invalid`, `not_found`, ...), or `boot`, `storage`, `mount`, `crashed`; the
 * message is one for a person. `cancelled` is what nobody answers any more: of a kernel that was shut down, or of a tab that was closed
 * before it answered. What was asked of such a tab may have been done or not, and no other tab does it: ask again.
 */
export class KernelError extends Error {
  override readonly name: string = 'KernelError';
  readonly code: string;
  /**
   * What else there is to say: of a refusal `action` (the act in the log) and `detail` (the explanation as JSON), of a manifest its
   * `problems`, of an application what is `missing`, of a kernel in another environment its `environment`.
   */
  readonly more: Record<string, unknown>;

  constructor(code: string, message: string, more: Record<string, unknown> = {}) {
    super(message);
    this.code = code;
    this.more = more;
  }
}

/** The kernel crashed: a fault of its own, told in a sentence and never with a stack. Its code is `crashed`. */
export class KernelCrashed extends KernelError {
  override readonly name = 'KernelCrashed';
  readonly #recorded: () => Promise<Blob>;

  constructor(message: string, recorded: () => Promise<Blob>) {
    super('crashed', message);
    this.#recorded = recorded;
  }

  /**
   * What had been recorded: the kernel's database as it lies in this browser, the same file as natively. Its log ends with the last
   * commit, and verifies.
   *
   * @throws {KernelError} `unsupported` for a kernel that kept nothing (in memory), `not_found` where there is no database (any more),
   * `conflict` while another kernel has it: then its log can be read there.
   */
  export(): Promise<Blob> {
    return this.#recorded();
  }
}
