/** What a page and its kernel worker say to each other, and one kernel worker to another. */

import type { BootOptions } from './types.js';

/** The first message to the kernel's worker: where the package's parts lie, and what to boot. */
export interface Boot {
  boot: Required<Omit<BootOptions, 'assets'>> & { parts: Parts };
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

/** What a page may ask for, and nothing else: the methods of `WebKernel`. */
export const METHODS = [
  'check', 'mount', 'install', 'start', 'stop', 'act', 'answer', 'kill', 'summary', 'events', 'verify', 'checkpoint', 'key',
  'read_file', 'shutdown',
] as const;

/** An error as it travels. */
export interface Failure {
  code: string;
  message: string;
  /** What else the kernel has to say about it: the refused act, the rights that are missing, the problems of a manifest. */
  more: Record<string, unknown>;
}

export type ToKernel = Boot | Call;

export type FromKernel =
  /** Up: by this worker, or attached to that of another tab. */
  | { booted: { owner: boolean; profile: unknown } }
  | { answer: number; ok: unknown }
  | { answer: number; failed: Failure }
  /** What the kernel tells without being asked. */
  | { told: unknown }
  /** Which tab has the kernel changed. */
  | { owner: boolean }
  /** The kernel is gone; nothing is answered any more. */
  | { crashed: Failure }
  /** It was shut down, by this tab or another one. */
  | { stopped: true };

/** Between the workers of tabs, over a BroadcastChannel. */
export type Between =
  | { hello: string }
  | { profile: unknown; to: string }
  | { from: string; ask: Call }
  | { to: string; told: FromKernel }
  | { all: FromKernel };
