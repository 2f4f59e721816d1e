/**
 * The memory of one instance: one sum over all memories and tables of its core modules, and its limit.
 *
 * Each core module was given two imports when it was made ready (`platform-web/src/sandbox/ready/meter.rs`): how many bytes may still
 * be taken, and what was asked for when that was too much. A growth beyond the limit ends the guest inside of the
 * instruction, before anything is taken. What a module takes when it is instantiated stands in its section `weft`.
 */

import type { GuestFault } from './guest-protocol.js';

export class MemoryMeter {
  readonly #limit: bigint;
  readonly #room: WebAssembly.Global<'i64'>;
  readonly #asked: WebAssembly.Global<'i64'>;

  /** A meter for at most `limit` bytes. */
  constructor(limit: bigint) {
    this.#limit = limit;
    this.#room = new WebAssembly.Global({ value: 'i64', mutable: true }, limit);
    this.#asked = new WebAssembly.Global({ value: 'i64', mutable: true }, 0n);
  }

  /** Bytes taken. They are never given back, so this is the peak too. */
  get used(): bigint {
    return this.#limit - this.#room.value;
  }

  /** If memory ended it: the sentence with the numbers. */
  fault(): GuestFault | undefined {
    const more = this.#asked.value;
    if (more === 0n) return undefined;
    const reason = `it asked for ${more} more bytes of memory, having ${this.used} of a limit of ${this.#limit}`;
    return { kind: 'memory', reason };
  }

  /** Instantiates one core module with exactly what it imports, each thing given by the glue as its own property. */
  async instantiate(module: WebAssembly.Module, given: WebAssembly.Imports = {}): Promise<WebAssembly.Instance> {
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = Object.create(null);
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      const own = (imports[from] ??= Object.create(null));
      const source = from === METER ? { room: this.#room, asked: this.#asked } : Object.hasOwn(given, from) ? given[from]! : {};
      if (!Object.hasOwn(source, name)) throw new WebAssembly.LinkError('an import that the component does not satisfy');
      own[name] = (source as WebAssembly.ModuleImports)[name]!;
    }
    this.#take(module);
    return WebAssembly.instantiate(module, imports);
  }

  /** Counts what the module has from the start. */
  #take(module: WebAssembly.Module): void {
    const [section] = WebAssembly.Module.customSections(module, METER);
    if (!section) throw new WebAssembly.LinkError('a core module without a meter');
    const bytes = new DataView(section).getBigUint64(0, true);
    if (bytes > this.#room.value) {
      this.#asked.value = bytes;
      throw new WebAssembly.RuntimeError('over the limit');
    }
    this.#room.value -= bytes;
  }
}

/** The module of the meter's imports, and the name of its section. The transpiler's worker refuses components that use it. */
const METER = 'weft:meter';
