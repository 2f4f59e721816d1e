/**
 * Components that were made ready here before, in the browser's cache of this origin, by hash and transpiler version.
 * Only what this package's transpiler made is ever put in, and only the kernel's worker reads it. Where there is no
 * cache, or it is full, components are simply made ready again.
 */

import type { Made } from './transpiler-protocol.js';
import { TRANSPILER } from './transpiler-version.js';

const CACHE = 'weft-glue';

/** What is kept may have so many bytes: the log lives of the same quota. The header that says how many one entry has. */
const MOST_BYTES = 128 << 20;
const SIZE = 'weft-bytes';

/** What comes before the bytes of the modules. */
interface Header extends Omit<Made, 'modules'> {
  modules: [name: string, length: number][];
}

function address(hash: string): string {
  return new URL(`/.weft/glue/${encodeURIComponent(TRANSPILER)}/${hash}`, location.origin).href;
}

/** What was kept for a component. */
export async function recall(hash: string): Promise<Made | undefined> {
  try {
    const kept = await (await caches.open(CACHE)).match(address(hash));
    return kept && unpack(new Uint8Array(await kept.arrayBuffer()));
  } catch {
    return undefined;
  }
}

/** Keeps a component, and drops what other versions of the transpiler made, and the oldest of what is too much. */
export async function keep(hash: string, made: Made): Promise<void> {
  try {
    const body = pack(made);
    if (body.size > MOST_BYTES) return;
    const cache = await caches.open(CACHE);
    await cache.put(address(hash), new Response(body, { headers: { [SIZE]: String(body.size) } }));
    const ours = address('');
    let room = MOST_BYTES;
    // They are listed in the order in which they were put in.
    for (const entry of [...(await cache.keys())].reverse()) {
      if (entry.url.startsWith(ours)) room -= Number((await cache.match(entry))?.headers.get(SIZE) ?? MOST_BYTES);
      if (room < 0 || !entry.url.startsWith(ours)) await cache.delete(entry);
    }
  } catch {
    // Not kept: made again the next time.
  }
}

function pack({ modules, ...rest }: Made): Blob {
  const entries = Object.entries(modules);
  const header: Header = { ...rest, modules: entries.map(([name, bytes]) => [name, bytes.length]) };
  const line = new TextEncoder().encode(JSON.stringify(header));
  return new Blob([new Uint32Array([line.length]), line, ...entries.map(([, bytes]) => bytes as BlobPart)]);
}

function unpack(bytes: Uint8Array): Made {
  let at = 4 + new Uint32Array(bytes.slice(0, 4).buffer)[0]!;
  const { modules, ...rest }: Header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, at)));
  const made: Made = { ...rest, modules: {} };
  for (const [name, length] of modules) made.modules[name] = bytes.slice(at, (at += length));
  return made;
}
