/**
 * What makes workers for guests, for the conformance suite in a browser: `build/suite.mjs` puts it where the suite looks for it, beside the
 * package's own files.
 */

import { Guests } from '../../src/guests.js';

const at = (name: string) => new URL(name, import.meta.url).href;

export async function guests(): Promise<Guests> {
  const kernel = await WebAssembly.compileStreaming(fetch(at('weft.wasm')));
  const parts = { guestWorker: at('guest-worker.js'), transpiler: at('transpiler.js'), bindgen: at('transpiler.wasm'), kernel };
  return new Guests(parts, false);
}
