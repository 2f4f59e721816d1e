// Keeps the files of one build, and serves them when they are asked for. Built in: BUILD, the folder of the build,
// and FILES, everything in it. The page itself is fetched anew where there is a network, so that nobody is held on
// an old build; the files of a build never change.

const scope = new URL('./', self.location);
const index = scope.href;
// Builds have caches of their own name, for each folder of this origin that such a page lies in: the kernel keeps what it
// made in another one, `weft-glue`, and a page beside this one has its builds. No path has a space in it.
const BUILDS = `weft-page-${scope.pathname} `;
const CACHE = `${BUILDS}${BUILD}`;

self.addEventListener('install', (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      // The same build may be there already, and in use: only what this one began is thrown away.
      const again = await isWhole(CACHE);
      try {
        // The name of the page stays, and what the browser kept under it may be of a build before.
        const files = [...FILES.map((file) => new URL(file, scope).href), new Request(index, { cache: 'reload' })];
        await cache.addAll(files);
      } catch (error) {
        if (!again) await caches.delete(CACHE);
        throw error;
      }
      await self.skipWaiting();
    })(),
  );
});

/** Whether all of a build was kept: its files are put there together or not at all. */
const isWhole = async (name) => (await (await caches.open(name)).match(index)) !== undefined;

/** Names of the builds that are kept, the oldest first. */
const builds = async () => (await caches.keys()).filter((name) => name.startsWith(BUILDS));

self.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      // The last build but one stays: a tab that was opened with it may still load its parts.
      const old = [];
      for (const name of (await builds()).filter((name) => name !== CACHE)) {
        // What the browser broke off is no build.
        if (await isWhole(name)) old.push(name);
        else await caches.delete(name);
      }
      await Promise.all(old.slice(0, -1).map((name) => caches.delete(name)));
      await self.clients.claim();
    })(),
  );
});

/** The page of this build, and no other. */
const page = async () => (await caches.open(CACHE)).match(index);

/** A file, in whichever build it lies: each has a folder of its own. */
async function kept(address) {
  for (const name of await builds()) {
    const found = await (await caches.open(name)).match(address);
    if (found) return found;
  }
  return undefined;
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== 'GET' || address.origin !== scope.origin || !address.pathname.startsWith(scope.pathname)) return;
  address.hash = address.search = '';
  if (request.mode === 'navigate' && (address.href === index || address.href === `${index}index.html`)) {
    event.respondWith(fetch(request).catch(async () => (await page()) ?? Response.error()));
  } else if (/^[0-9a-f]{12}\//.test(address.pathname.slice(scope.pathname.length))) {
    event.respondWith(kept(address.href).then((found) => found ?? fetch(request)));
  }
});
