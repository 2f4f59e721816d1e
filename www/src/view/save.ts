/** Hands bytes to the person as a file. */

import { h } from '../dom';
import type { Entry } from '../log';
import { inSlices } from '../slices';

export function save(name: string, body: Uint8Array | Blob | string, type: string): void {
  const url = URL.createObjectURL(body instanceof Blob ? body : new Blob([body as BlobPart], { type }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** So many characters become a part of a file at once. */
const PART = 1 << 18;

/** Saves events as JSON: a long log is written down bit by bit. */
export async function saveEvents(entries: readonly Entry[]): Promise<void> {
  const type = 'application/json';
  const parts: Blob[] = [];
  let text = '[';
  let between = '';
  await inSlices(entries.slice(), ({ event }) => {
    text += between + JSON.stringify(event);
    between = ',\n';
    if (text.length < PART) return;
    parts.push(new Blob([text], { type }));
    text = '';
  });
  parts.push(new Blob([text, ']\n'], { type }));
  save('events.json', new Blob(parts, { type }), type);
}
