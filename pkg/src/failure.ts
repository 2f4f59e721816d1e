/** What went wrong, in a code for programs and a sentence for a person, never with a stack of WebAssembly. */

import type { Failure } from './kernel-protocol.js';

/** What a kernel that is gone leaves: said of every call from then on. */
export function crashedFailure(why: string): Failure {
  const what = why === '' ? 'the kernel has crashed' : `the kernel has crashed (${why})`;
  return { code: 'crashed', message: `${what}; what it had recorded is intact, and a kernel that is booted again goes on from there`, more: {} };
}

/**
 * Whether the kernel cannot go on after this: a trap, or a call stack that is used up. WebAssembly does not unwind, so what it was
 * changing is as it was in the middle of that.
 */
export function isEnd(error: unknown): boolean {
  if (error instanceof WebAssembly.RuntimeError) return true;
  return error instanceof Error && /call stack|too much recursion/i.test(error.message) && ['RangeError', 'InternalError'].includes(error.name);
}

/** An error of the kernel's worker, as it is told to the page. */
export function failureOf(error: unknown): Failure {
  if (isEnd(error)) return crashedFailure('');
  if (!(error instanceof Error)) return { code: 'failed', message: String(error), more: {} };
  const { code, ...more } = { ...error } as { code?: unknown };
  return { code: typeof code === 'string' ? code : 'failed', message: error.message, more };
}
