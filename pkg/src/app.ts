/** Applications, fetched from a folder on a web server. */

import { KernelError, type AppFiles } from './types.js';

/** The largest manifest and the largest component that are fetched, and all files of an application together, in bytes. */
const MOST_MANIFEST = 1 << 20;
const MOST_BYTES = 64 << 20;
const MOST_TOGETHER = 256 << 20;
/** The most components. */
const MOST_COMPONENTS = 256;
/** How long fetching all of it may take, in milliseconds. */
const FETCH_MS = 120_000;

/** How an application is fetched. */
export interface FetchOptions {
  /** After how many milliseconds it is given up, all files together. Default: 120,000. */
  timeout?: number;
  /** Gives it up when it is aborted. */
  signal?: AbortSignal;
}

/** Reads applications. */
export const App = {
  /**
   * Fetches the application in the folder at `address`: its `weft.toml`, and of what lies beside it only the components that this
   * names. Nothing else is asked for, and nothing of it is run. What is too large is not downloaded to its end.
   *
   * @throws {KernelError} `not_found` if a file is not there; `too_large` if a component is beyond 64 MiB, the manifest beyond 1 MiB, all
   * together beyond 256 MiB, or if there are more than 256 components; `timed_out` if it takes longer than `timeout`; `cancelled` if it was
   * aborted.
   */
  async fetch(address: string | URL, { timeout = FETCH_MS, signal }: FetchOptions = {}): Promise<AppFiles> {
    const folder = new URL(address, location.href);
    if (!folder.pathname.endsWith('/')) folder.pathname += '/';
    const ended = new AbortController();
    const late = setTimeout(() => ended.abort(new KernelError('timed_out', `${folder.href} could not be fetched in ${timeout / 1000} s`)), timeout);
    const aborted = () => ended.abort(new KernelError('cancelled', `${folder.href} is not wanted any more`));
    signal?.addEventListener('abort', aborted);
    if (signal?.aborted) aborted();
    try {
      return await download(folder, ended);
    } catch (error) {
      // Nothing more is loaded of what will not be whole.
      ended.abort(error);
      throw ended.signal.reason;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', aborted);
    }
  },
};

async function download(folder: URL, { signal }: AbortController): Promise<AppFiles> {
  let room = MOST_TOGETHER;
  const file = async (address: URL, most: number) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of body(address, signal)) {
      size += chunk.length;
      room -= chunk.length;
      if (size > most) throw new KernelError('too_large', `${address.href} has more than ${most >> 20} MiB`);
      if (room < 0) throw new KernelError('too_large', `the application at ${folder.href} has more than ${MOST_TOGETHER >> 20} MiB`);
      chunks.push(chunk);
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  };
  const manifest = new TextDecoder().decode(await file(new URL('weft.toml', folder), MOST_MANIFEST));
  const paths = components(manifest);
  if (paths.length > MOST_COMPONENTS) throw new KernelError('too_large', `the application at ${folder.href} names more than ${MOST_COMPONENTS} components`);
  const files: Record<string, Uint8Array> = {};
  await Promise.all(
    paths.map(async (path) => {
      files[path] = await file(new URL(path.split('/').map(encodeURIComponent).join('/'), folder), MOST_BYTES);
    }),
  );
  return { manifest, files };
}

/**
 * The components that a manifest seems to name: every text that is the value of a key `wasm`. The kernel reads the manifest
 * itself and refuses what is missing; this is only the list of what to fetch, so paths that lead out of the folder are left out.
 */
function components(manifest: string): string[] {
  const named = [...manifest.matchAll(/\bwasm\s*=\s*(?:"([^"\n]*)"|'([^'\n]*)')/g)].map((match) => match[1] ?? match[2] ?? '');
  const inside = (path: string) => path !== '' && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return [...new Set(named)].filter(inside);
}

/** What is answered, as it comes. */
async function* body(address: URL, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const lost = () => {
    throw new KernelError('not_found', `${address.href} cannot be reached`);
  };
  const answer = await fetch(address, { signal }).catch(lost);
  if (!answer.ok) {
    void answer.body?.cancel();
    throw new KernelError('not_found', `${address.href} is not there: the server answers ${answer.status}`);
  }
  const reader = answer.body?.getReader();
  for (;;) {
    const part = await reader?.read().catch(lost);
    if (!part || part.done) return;
    yield part.value;
  }
}
