/** Hands bytes to the person as a file. */

import { h } from '../dom';

export function save(name: string, body: Uint8Array | string, type: string): void {
  const url = URL.createObjectURL(new Blob([body as BlobPart], { type }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
