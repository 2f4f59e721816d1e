/**
 * The fuel of one instance, read from the meters that were built into its component: core modules, one
 * for each component in it that has code, instantiated before those, and whose one number falls with all that they execute.
 */

import type { GuestFault } from './guest-protocol.js';

export class FuelMeter {
  readonly #limit: bigint;
  readonly #left: WebAssembly.Global<'i64'>[] = [];
  #given = 0n;
  #starting = true;

  /** A meter for at most `limit` units a message. */
  constructor(limit: bigint) {
    this.#limit = limit;
  }

  /** Takes over the instance of a meter's module; nothing that it counts has run yet. */
  found(instance: WebAssembly.Instance): void {
    const left = instance.exports.left as WebAssembly.Global<'i64'>;
    this.#left.push(left);
    this.#given = left.value;
  }

  /** Whether there is one: an instance without is not run. */
  get built(): boolean {
    return this.#left.length > 0;
  }

  /** Gives what the next message may use. */
  fill(): void {
    this.#starting = false;
    this.#given = this.#limit;
    for (const left of this.#left) left.value = this.#limit;
  }

  /** Units used of what was given, by all together. */
  get used(): bigint {
    return this.#left.reduce((used, left) => used + this.#given - left.value, 0n);
  }

  /** If fuel ended it: the sentence with the number. */
  fault(): GuestFault | undefined {
    return this.#left.some(({ value }) => value < 0n) ? this.#fault() : undefined;
  }

  /** If a message was handled and they have used too much together: the same. */
  over(): GuestFault | undefined {
    return this.used > this.#limit ? this.#fault() : undefined;
  }

  /** What is told of an instance that ended: all that it was given where fuel ended it, else nothing, as on every host. */
  get atEnd(): bigint {
    return this.fault() ? this.#given : 0n;
  }

  #fault(): GuestFault {
    const limit = this.#starting ? `instantiating may take ${this.#given} units` : `its limit is ${this.#given} units`;
    return { kind: 'fuel', reason: `it used up its fuel, and ${limit}` };
  }
}
