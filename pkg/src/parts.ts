/** Where the files of the package lie that a page starts or loads by address. */

import type { Parts } from './kernel-protocol.js';

type Addresses = Parts & { worker: string };

// Bundlers copy a file that is named like this, and put in the address that it then has.
const BESIDE: Addresses = {
  worker: new URL('./kernel-worker.js', import.meta.url).href,
  wasm: new URL('./weft.wasm', import.meta.url).href,
  guestWorker: new URL('./guest-worker.js', import.meta.url).href,
  transpiler: new URL('./transpiler.js', import.meta.url).href,
  bindgen: new URL('./transpiler.wasm', import.meta.url).href,
};

/** The addresses in the folder `assets`, or beside this module where none is named. */
export function partsAt(assets: string | URL | undefined): Addresses {
  if (assets === undefined) return BESIDE;
  const beside = (name: string) => new URL(name, new URL(assets, location.href)).href;
  return {
    worker: beside('kernel-worker.js'),
    wasm: beside('weft.wasm'),
    guestWorker: beside('guest-worker.js'),
    transpiler: beside('transpiler.js'),
    bindgen: beside('transpiler.wasm'),
  };
}
