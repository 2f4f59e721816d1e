/**
 * Runs a component in this worker by the clock: as it was written, and with both meters, as the kernel has it run. Nothing else of the
 * kernel is there, and every act is answered at once, with nothing.
 */

import { FuelMeter } from '../../src/fuel.js';
import { MemoryMeter } from '../../src/meter.js';

/** What was made of a component: addresses, and the names of the modules that count. `metered`: with meters. */
interface Made {
  glue: string;
  modules: Record<string, string>;
  fuel: string[];
  kernel: string | null;
  guest: string;
  metered: boolean;
}

type Handle = (message: object) => Promise<Uint8Array>;
type Core = (module: WebAssembly.Module, imports?: WebAssembly.Imports) => Promise<WebAssembly.Instance>;

const LIMIT = 2n ** 52n;
const KERNEL = { act: async () => new Uint8Array(), log() {}, now: () => 0n, random: (n: number) => new Uint8Array(n) };

/** An instance; what handles its messages, given fuel anew for each. */
async function instance({ glue, modules, fuel, kernel, guest, metered }: Made): Promise<Handle> {
  const compiled = async ([name, address]: [string, string]) => [name, await WebAssembly.compileStreaming(fetch(address))] as const;
  const code: Record<string, WebAssembly.Module> = Object.fromEntries(await Promise.all(Object.entries(modules).map(compiled)));
  const [memory, units] = [new MemoryMeter(LIMIT), new FuelMeter(LIMIT)];
  const counted: Core = async (module, imports) => {
    const instance = await memory.instantiate(module, imports);
    if (fuel.some((name) => module === code[name])) units.found(instance);
    return instance;
  };
  const core: Core = metered ? counted : (module, imports) => WebAssembly.instantiate(module, imports);
  const { instantiate } = await import(/* @vite-ignore */ glue);
  const exports = await instantiate(async (name: string) => code[name], kernel === null ? {} : { [kernel]: KERNEL }, core);
  return (message) => {
    units.fill();
    return exports[guest].handle(message);
  };
}

const encode = (text: string) => new TextEncoder().encode(text);

/** A batch of files, as the walker of repo-audit publishes them: a piece of 10,000 bytes each. */
function batch(number: number): Uint8Array {
  const line = 'let total = items.iter().map(|item| item.price * item.count).sum::<u64>(); // what it comes to\n';
  const data = encode(line.repeat(Math.ceil(10_000 / line.length)).slice(0, 10_000));
  const records = 50;
  const bytes = new Uint8Array(16 + records * (24 + 8 + data.length));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(number), true);
  view.setUint32(12, records, true);
  for (let i = 0, at = 16; i < records; i++) {
    bytes[at + 1] = 1;
    view.setUint16(at + 2, 8, true);
    view.setUint32(at + 4, data.length, true);
    view.setBigUint64(at + 16, BigInt(data.length), true);
    bytes.set(encode(`f${number % 1000}/${i}.rs`.padEnd(8, '0').slice(0, 8)), at + 24);
    bytes.set(data, at + 32);
    at += 32 + data.length;
  }
  return bytes;
}

const envelope = (kind: string, target: string, body: Uint8Array) => ({
  id: 1n, sender: '/proc/5', target, kind, correlation: undefined, deadline: undefined, labels: [], contentType: '', body,
});

/** How a workload's messages are made; `number` counts from 1. */
const WORK: Record<string, (number: number) => object> = {
  work: () => envelope('request', '/proc/7', encode('work')),
  scan: (number) => envelope('topic', '/topic/repo-audit.chunks', batch(number)),
};

/** How long the engine gets to make its faster code, in milliseconds. */
const WARM_MS = 6_000;
/** Samples of each, and how long one takes at least, in milliseconds: the clock is coarse. */
const SAMPLES = 21;
const SAMPLE_MS = 10;

/** Hands the same messages to each instance in turns; milliseconds a message, the median of each. */
async function beside(sets: Made[], work: string): Promise<number[]> {
  const handles = await Promise.all(sets.map(instance));
  const took: number[][] = sets.map(() => []);
  const begun = performance.now();
  let number = 0;
  let [each, warm] = [1, true];
  for (let sample = 0; sample < SAMPLES; ) {
    const messages = Array.from({ length: each }, () => WORK[work]!(++number));
    let least = Infinity;
    for (const [i, handle] of handles.entries()) {
      const since = performance.now();
      for (const message of messages) await handle(message);
      const ms = performance.now() - since;
      least = Math.min(least, ms);
      if (!warm) took[i]!.push(ms / each);
    }
    if (!warm) sample++;
    else if (least < SAMPLE_MS) each *= 2;
    warm = performance.now() - begun < WARM_MS;
  }
  return took.map((one) => one.sort((a, b) => a - b)[SAMPLES >> 1]!);
}

Object.assign(globalThis, { beside });
postMessage('ready');
