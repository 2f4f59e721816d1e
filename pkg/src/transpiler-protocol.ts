/** What the kernel's worker and the transpiler's worker say to each other. */

/** The first message: the code of both halves, compiled. */
export interface Setup {
  /** The package's own WebAssembly: it checks components and builds the meters in. */
  kernel: WebAssembly.Module;
  /** js-component-bindgen's core module. */
  bindgen: WebAssembly.Module;
}

/** Asks for a component to be made ready; the next one is asked for when this was answered. */
export interface Make {
  component: Uint8Array;
}

/** What the transpiler made of a component: bytes, as they are kept in the cache. */
export interface Made {
  glue: string;
  modules: Record<string, Uint8Array>;
  fuel: string[];
  kernel: string | null;
  guest: string;
}

export type FromTranspiler = { made: Made } | { refused: string };
