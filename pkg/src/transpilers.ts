/**
 * The workers of the transpiler: as many as there are components to make ready, and processors to do it. One component after the
 * other in each; what is wanted now goes before what was only foreseen, and what was forgotten is not made. Each component has a time:
 * one that takes longer is refused, and its worker ended, for nothing else ends what hangs.
 */

import { load } from './load.js';
import type { FromTranspiler, Made, Make, Setup } from './transpiler-protocol.js';

/** Where the transpiler lies, and the package's WebAssembly, compiled. */
export interface TranspilerParts {
  transpiler: string;
  bindgen: string;
  kernel: WebAssembly.Module;
}

/** How many workers there are at most, and how long one component may take, in milliseconds. */
export interface TranspilerLimits {
  workers: number;
  time: number;
}

/** Each worker holds the transpiler's memory: more than these would not be worth it. */
const MOST_WORKERS = 4;
/** How long one component may take. */
const MAKE_MS = 60_000;
/** How long a worker stays when nobody needs it. */
const LINGER_MS = 10_000;

export const LIMITS: TranspilerLimits = {
  workers: Math.max(1, Math.min(navigator.hardwareConcurrency || 2, MOST_WORKERS)),
  time: MAKE_MS,
};

/** When a component is needed: now, for somebody waits for it; later, perhaps; or never, for it was forgotten meanwhile. */
export type Need = 'now' | 'later' | 'never';

/** A component that took too long. */
export class Late extends Error {}

/** A component to be made ready. */
interface Job {
  component: Uint8Array;
  need: () => Need;
  made: (made: Made) => void;
  refused: (error: Error) => void;
}

export class Transpilers {
  readonly #parts: TranspilerParts;
  readonly #limits: TranspilerLimits;
  readonly #workers = new Set<Transpiler>();
  readonly #waiting: Job[] = [];
  /** The transpiler itself, compiled once for all of them. */
  #code: Promise<WebAssembly.Module> | undefined;

  constructor(parts: TranspilerParts, limits: TranspilerLimits) {
    this.#parts = parts;
    this.#limits = limits;
  }

  /** Makes a component ready. Rejects with one sentence; with {@link Late} if that took too long. */
  make(component: Uint8Array, need: () => Need): Promise<Made> {
    return new Promise((made, refused) => {
      this.#waiting.push({ component, need, made, refused });
      void this.#next();
    });
  }

  async #next(): Promise<void> {
    this.#code ??= load(this.#parts.bindgen);
    let code: WebAssembly.Module;
    try {
      code = await this.#code;
    } catch (error) {
      // It may be there the next time.
      this.#code = undefined;
      const words = error instanceof Error ? error.message : String(error);
      for (const { refused } of this.#waiting.splice(0)) refused(new Error(`the transpiler could not be loaded: ${words}`));
      return;
    }
    for (const job of this.#waiting.splice(0)) {
      if (job.need() === 'never') job.refused(new Error('it was only looked at, and forgotten'));
      else this.#waiting.push(job);
    }
    while (this.#waiting.length > 0) {
      // A worker that is made for nothing would stay: it is ended some time after its last component.
      const transpiler: Transpiler | undefined = [...this.#workers].find((one) => one.idle) ?? this.#another(code);
      if (!transpiler) return;
      const wanted = this.#waiting.findIndex(({ need }) => need() === 'now');
      transpiler.make(this.#waiting.splice(Math.max(0, wanted), 1)[0]!);
    }
  }

  #another(code: WebAssembly.Module): Transpiler | undefined {
    if (this.#workers.size >= this.#limits.workers) return undefined;
    const transpiler = new Transpiler(this.#parts.transpiler, { kernel: this.#parts.kernel, bindgen: code }, this.#limits.time, () => {
      if (!transpiler.idle) this.#workers.delete(transpiler);
      void this.#next();
    });
    this.#workers.add(transpiler);
    return transpiler;
  }
}

/** One worker. One that refused is not asked again: what it read may have hurt it. */
class Transpiler {
  readonly #worker: Worker;
  readonly #time: number;
  /** Told when it is idle again, or gone. */
  readonly #done: () => void;
  #job: Job | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #gone = false;

  constructor(address: string, setup: Setup, time: number, done: () => void) {
    this.#time = time;
    this.#done = done;
    this.#worker = new Worker(address, { type: 'module', name: 'weft-transpiler' });
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new Error(`the transpiler could not be loaded from ${address}: is it there, and served as JavaScript?`));
    };
    this.#worker.onmessage = ({ data }: MessageEvent<FromTranspiler>) => {
      if ('refused' in data) return this.#end(new Error(data.refused));
      clearTimeout(this.#timer);
      this.#job?.made(data.made);
      this.#job = undefined;
      this.#timer = setTimeout(() => this.#end(), LINGER_MS);
      this.#done();
    };
    this.#worker.postMessage(setup);
  }

  get idle(): boolean {
    return !this.#gone && this.#job === undefined;
  }

  make(job: Job): void {
    clearTimeout(this.#timer);
    this.#job = job;
    this.#timer = setTimeout(() => this.#end(new Late(`it could not be made ready to run within ${this.#time / 1_000} seconds`)), this.#time);
    this.#worker.postMessage({ component: job.component } satisfies Make, [job.component.buffer as ArrayBuffer]);
  }

  #end(reason?: Error): void {
    this.#gone = true;
    clearTimeout(this.#timer);
    this.#worker.terminate();
    if (reason) this.#job?.refused(reason);
    this.#job = undefined;
    this.#done();
  }
}
