/** Applications, fetched from a folder on a web server. */

import { KernelError, type AppFiles } from './types.js';

/** The largest file of an application that is fetched. */
const MOST_BYTES = 64 << 20;

/** Reads applications. */
export const App = {
  /**
   * Fetches the application in the folder at `address`: its `weft.toml`, and of what lies beside it only the components that this
   * names. Nothing else is asked for, and nothing of it is run.
   *
   * @throws {KernelError} `not_found` if a file is not there, `too_large` if one is beyond 64 MiB.
   */
  async fetch(address: string | URL): Promise<AppFiles> {
    const folder = new URL(address, location.href);
    if (!folder.pathname.endsWith('/')) folder.pathname += '/';
    const manifest = new TextDecoder().decode(await download(new URL('weft.toml', folder)));
    const files: Record<string, Uint8Array> = {};
    await Promise.all(
      components(manifest).map(async (path) => {
        files[path] = await download(new URL(path.split('/').map(encodeURIComponent).join('/'), folder));
      }),
    );
    return { manifest, files };
  },
};

/**
 * The components that a manifest seems to name: every text that is the value of a key `wasm`. The kernel reads the manifest
 * itself and refuses what is missing; this is only the list of what to fetch, so paths that lead out of the folder are left out.
 */
function components(manifest: string): string[] {
  const named = [...manifest.matchAll(/\bwasm\s*=\s*(?:"([^"\n]*)"|'([^'\n]*)')/g)].map((match) => match[1] ?? match[2] ?? '');
  const inside = (path: string) => path !== '' && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return [...new Set(named)].filter(inside);
}

async function download(address: URL): Promise<Uint8Array> {
  const answer = await fetch(address).catch(() => {
    throw new KernelError('not_found', `${address.href} cannot be reached`);
  });
  if (!answer.ok) throw new KernelError('not_found', `${address.href} is not there: the server answers ${answer.status}`);
  const bytes = await answer.arrayBuffer();
  if (bytes.byteLength > MOST_BYTES) throw new KernelError('too_large', `${address.href} has more than 64 MiB`);
  return new Uint8Array(bytes);
}
