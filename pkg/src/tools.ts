/**
 * Tools that are functions of pages, as the kernel's worker reaches them. The Rust side (`platform-web/src/tools.rs`) decides when one is
 * called and when it is given up; here is the way to the page and back.
 */

import type { FromKernel, ToolAnswer } from './kernel-protocol.js';

/** A page: this worker's own, or one of another tab. */
export type Page = (message: FromKernel) => void;

/** What a call of a tool is given by Rust. */
interface Given {
  arguments: Uint8Array;
  caller: string;
}

/** The calls that pages have not answered yet. */
export class Tools {
  readonly #running = new Map<number, { answered: (bytes: Uint8Array) => void; failed: (error: Error) => void }>();
  #runs = 0;

  /** The function that Rust calls for the function `tool` of `page`. */
  runner(page: Page, tool: number): (given: Given, signal: AbortSignal) => Promise<Uint8Array> {
    return ({ arguments: bytes, caller }, signal) =>
      new Promise((answered, failed) => {
        const run = ++this.#runs;
        this.#running.set(run, { answered, failed });
        signal.onabort = () => {
          this.#running.delete(run);
          page({ tool: { abort: run } });
        };
        page({ tool: { run, tool, arguments: bytes, caller } });
      });
  }

  /** A page has answered. What it answers late was given up and reaches nobody. */
  answered(answer: ToolAnswer): void {
    const waiting = this.#running.get(answer.run);
    this.#running.delete(answer.run);
    if ('ok' in answer) waiting?.answered(answer.ok);
    else waiting?.failed(new Error(answer.failed));
  }
}
