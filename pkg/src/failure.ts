/** What went wrong, in a code for programs and a sentence for a person, never with a stack of WebAssembly. */

import type { Failure } from './kernel-protocol.js';

/** An error of the kernel's worker, as it is told to the page. */
export function failureOf(error: unknown): Failure {
  if (error instanceof WebAssembly.RuntimeError) {
    return {
      code: 'crashed',
      message: 'the kernel has crashed; what it had acknowledged is stored, and a kernel that is booted again goes on from there',
    };
  }
  const { code, message, action } = (typeof error === 'object' && error !== null ? error : {}) as Partial<Failure>;
  const failure: Failure = {
    code: typeof code === 'string' ? code : 'failed',
    message: typeof message === 'string' ? message : String(error),
  };
  if (typeof action === 'number') failure.action = action;
  return failure;
}
