/** The log, as a page asks for it. */

import type { Asking } from './kernel-protocol.js';
import type { ChainEvent, UnreadableRow, Verified } from './types.js';

/** The log of a kernel. */
export class Chain {
  readonly #ask: Asking;

  /** Made by the kernel that it belongs to. */
  constructor(ask: Asking) {
    this.#ask = ask;
  }

  /** How many events there are, and the newest of them, if it can be read. */
  async head(): Promise<{ size: number; last: ChainEvent | undefined }> {
    const { size } = await this.events({ from: 0, limit: 0 });
    const { events: [last] } = await this.events({ from: Math.max(0, size - 1), limit: 1 });
    return { size, last: last && 'seq' in last ? last : undefined };
  }

  /**
   * `limit` events from number `from`, at most 10,000, and how many there are. Defaults: from the first, 100 of them. What happened a moment
   * ago may not be stored yet.
   */
  events({ from = 0, limit = 100 }: { from?: number; limit?: number } = {}): Promise<{ events: (ChainEvent | UnreadableRow)[]; size: number }> {
    return this.#ask('events', { from, limit });
  }

  /** Verifies every event from the first to the last against the signed head. */
  verify(): Promise<Verified> {
    return this.#ask('verify');
  }

  /** A signed checkpoint of this moment. Kept elsewhere, it shows later whether the log was rewritten. */
  checkpoint(): Promise<string> {
    return this.#ask('checkpoint');
  }

  /** The public key that checkpoints are signed with, as `weft chain verify --key` takes it. */
  key(): Promise<string> {
    return this.#ask('key');
  }
}
