/**
 * The guest's `random`: ChaCha20 as `rand_chacha` has it, so that a seed gives the same bytes on every host.
 *
 * The stream has a 64-bit block counter from zero and a nonce of zero (the original layout of D. J. Bernstein, not that
 * of RFC 8439). It is taken in words of 32 bits: the rest of a word that a request did not need is thrown away. Vectors
 * that the native host made pin it in the tests.
 */

const WORDS = 16;

/** One stream, at its start. */
export class ChaCha20 {
  readonly #state = new Uint32Array(WORDS);
  readonly #block = new Uint32Array(WORDS);
  #used = WORDS;

  /** A stream of a seed of 32 bytes. */
  constructor(seed: Uint8Array) {
    if (seed.length !== 32) throw new RangeError('a seed has 32 bytes');
    // "expand 32-byte k"
    this.#state.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
    const view = new DataView(seed.buffer, seed.byteOffset, 32);
    for (let i = 0; i < 8; i++) this.#state[4 + i] = view.getUint32(4 * i, true);
  }

  /** The next `length` bytes. */
  bytes(length: number): Uint8Array {
    const words = Math.ceil(length / 4);
    const out = new DataView(new ArrayBuffer(4 * words));
    for (let i = 0; i < words; i++) out.setUint32(4 * i, this.#word(), true);
    return new Uint8Array(out.buffer, 0, length);
  }

  #word(): number {
    if (this.#used === WORDS) this.#next();
    return this.#block[this.#used++]!;
  }

  #next(): void {
    const state = this.#state;
    const x = this.#block;
    x.set(state);
    for (let round = 0; round < 10; round++) {
      quarter(x, 0, 4, 8, 12);
      quarter(x, 1, 5, 9, 13);
      quarter(x, 2, 6, 10, 14);
      quarter(x, 3, 7, 11, 15);
      quarter(x, 0, 5, 10, 15);
      quarter(x, 1, 6, 11, 12);
      quarter(x, 2, 7, 8, 13);
      quarter(x, 3, 4, 9, 14);
    }
    for (let i = 0; i < WORDS; i++) x[i] = x[i]! + state[i]!;
    state[12] = state[12]! + 1;
    if (state[12] === 0) state[13] = state[13]! + 1;
    this.#used = 0;
  }
}

function quarter(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  x[a] = x[a]! + x[b]!;
  x[d] = rotate(x[d]! ^ x[a]!, 16);
  x[c] = x[c]! + x[d]!;
  x[b] = rotate(x[b]! ^ x[c]!, 12);
  x[a] = x[a]! + x[b]!;
  x[d] = rotate(x[d]! ^ x[a]!, 8);
  x[c] = x[c]! + x[d]!;
  x[b] = rotate(x[b]! ^ x[c]!, 7);
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
