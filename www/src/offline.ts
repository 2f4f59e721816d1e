/** Once loaded the page needs no network: its files are kept, and an `http(s)` address opens without one. */

export async function keepOffline(): Promise<void> {
  if (!('serviceWorker' in navigator) || !navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register(new URL('../sw.js', import.meta.url), { updateViaCache: 'none' });
  } catch {
    // Private windows and plain http forbid it. The page works as long as it is open.
  }
}
