/** What a page and its kernel worker say to each other, and one kernel worker to another. */

import type { BootOptions, Environment } from './types.js';

/** The first message to the kernel's worker: where the package's parts lie, and what to boot. */
export interface Boot {
  boot: Required<Omit<BootOptions, 'assets' | 'environment'>> & { environment: Environment | undefined; parts: Parts };
}

/** The first message to a worker that is to check a file and nothing else; answered as a call is. */
export interface Verify {
  verify: { evidence: string; key: string | undefined; wasm: string };
}

/** Addresses of the package's files. */
export interface Parts {
  wasm: string;
  guestWorker: string;
  transpiler: string;
  bindgen: string;
}

/** A call of one of the kernel's methods, answered under the same number. */
export interface Call {
  call: number;
  method: Method;
  args: unknown[];
}

export type Method = (typeof METHODS)[number];

/** How a page asks for one. */
export type Asking = <T>(method: Method, ...args: unknown[]) => Promise<T>;

/** What a page may ask for, and nothing else: the methods of `WebKernel`. */
export const METHODS = [
  'check', 'mount', 'folders', 'install', 'start', 'stop', 'act', 'answer', 'kill', 'summary', 'events', 'verify', 'checkpoint', 'key',
  'receipt', 'tree_children', 'prove_node', 'read_file', 'register_tool', 'unregister_tool', 'shutdown',
] as const;

/** An error as it travels. */
export interface Failure {
  code: string;
  message: string;
  /** What else the kernel has to say about it: the refused act, the rights that are missing, the problems of a manifest. */
  more: Record<string, unknown>;
}

/** A call of a function of the page, and what comes of it; `run` is its number. */
export interface ToolRun {
  run: number;
  /** The number that the page gave the function. */
  tool: number;
  arguments: Uint8Array;
  caller: string;
}

export type ToolAnswer = { run: number; ok: Uint8Array } | { run: number; failed: string };

/** A file of a mount, or why there is none. */
export type Listed = [path: string, file: File | string];

/** A part of a list that is too long to go with its call, where `{list}` stands for it. */
export interface ListPart {
  list: number;
  files: Listed[];
}

export type ToKernel = Boot | Verify | Call | ListPart | { tool: ToolAnswer };

export type FromKernel =
  /** Up: by this worker, or attached to that of another tab. */
  | { booted: { owner: boolean; environment: Environment; profile: unknown } }
  | { answer: number; ok: unknown }
  | { answer: number; failed: Failure }
  /** What the kernel tells without being asked. */
  | { told: unknown }
  /** A function of the page is called, or its answer is not wanted any more. */
  | { tool: ToolRun | { abort: number } }
  /** Which tab has the kernel changed. */
  | { owner: boolean }
  /** The kernel is gone; nothing is answered any more. */
  | { crashed: Failure }
  /** It was shut down, by this tab or another one. */
  | { stopped: { reason: string } };

/** Goes up with every change of what workers say to each other: tabs that were opened before an update stay. */
export const PROTOCOL = 3;

/** Which worker has the kernel. */
export interface Took {
  protocol: number;
  /** What is asked of another one is not for it. */
  owner: string;
  environment: Environment;
}

/** What a worker that attaches is told of the kernel. */
export interface Welcome extends Took {
  profile: unknown;
}

/** Between the workers of tabs, over a BroadcastChannel. */
export type Between =
  | { hello: string }
  | { welcome: Welcome; to: string }
  /** Another worker has the kernel from now on. */
  | { took: Took }
  | { from: string; to: string; ask: Call }
  | { from: string; to: string; tool: ToolAnswer }
  | { to: string; told: FromKernel }
  | { all: FromKernel };

/** The Web Lock of the worker that has the kernel of this name, and with it the database. */
export const kernelLock = (name: string) => `weft-kernel-${name}`;

/** Where the database of the kernel of this name lies in the origin's private file system. */
export const databaseOf = (name: string) => ['weft', name, 'weft.redb'] as const;
