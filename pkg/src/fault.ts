/** What ended a guest, in one sentence for a person, without addresses, stacks and the guest's own words. */

import type { GuestFault } from './guest-protocol.js';

/** How engines word their traps, and what the kernel says instead. The words of V8, SpiderMonkey and JavaScriptCore. */
const TRAPS: [RegExp, string][] = [
  [/unreachable/i, 'it panicked or aborted (it reached an `unreachable` instruction); its log may say why'],
  [/divi(de|sion) by zero/i, 'it divided by zero'],
  [/null function|signature|indirect call|table index|function table/i, 'it called a function that is not there'],
  [/overflow|unrepresentable|conversion/i, 'a number did not fit'],
  [/out of bounds|outside the bounds/i, 'it reached outside of its memory (a wild pointer, or a stack that overflowed)'],
];

/** The fault behind what was thrown out of a guest. */
export function faultOf(error: unknown, starting: boolean): GuestFault {
  if (!starting) return { kind: 'trap', reason: sentence(error) };
  if (error instanceof RangeError && /memory/i.test(error.message)) return { kind: 'start', reason: 'this browser has no memory left for it' };
  const linked = error instanceof WebAssembly.LinkError || error instanceof WebAssembly.CompileError;
  if (linked) return { kind: 'start', reason: 'it could not be instantiated: its core modules do not fit together' };
  return { kind: 'start', reason: `when it was started, ${sentence(error)}` };
}

function sentence(error: unknown): string {
  // Engines throw these for a call stack that is used up; no trap of WebAssembly is one.
  if (error instanceof RangeError || (error instanceof Error && error.name === 'InternalError')) return 'it overflowed its call stack';
  if (!(error instanceof WebAssembly.RuntimeError)) return 'it handed over a value that breaks the component calling convention';
  return TRAPS.find(([words]) => words.test(error.message))?.[1] ?? 'it trapped';
}
