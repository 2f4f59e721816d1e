/** Work on many things that never holds the page up: in slices, between which the browser draws and listens. */

/** How long one slice takes, in milliseconds. */
const SLICE_MS = 8;

/** Until the browser has done what waits. A timer would be slowed down in a tab that is not looked at. */
export function pause(): Promise<void> {
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(null);
  });
}

/** Says when a slice is over that begins now. */
export function slice(): () => boolean {
  const end = performance.now() + SLICE_MS;
  return () => performance.now() >= end;
}

export async function inSlices<T>(items: Iterable<T>, each: (item: T) => void): Promise<void> {
  let over = slice();
  for (const item of items) {
    each(item);
    if (!over()) continue;
    await pause();
    over = slice();
  }
}
