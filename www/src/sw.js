// Keeps the files of one build, and serves them when they are asked for. Built in: BUILD, the folder of the build,
// and FILES, everything in it. The page itself is fetched anew where there is a network, so that nobody is held on
// an old build; the files of a build never change.

// Builds have caches of their own name: the kernel keeps what it made in another one of this origin, `weft-glue`.
const BUILDS = 'weft-page-';
const CACHE = `${BUILDS}${BUILD}`;
const scope = new URL('./', self.location);
const index = scope.href;

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches.open(CACHE).then(async (cache) => {
      await cache.addAll([...FILES.map((file) => new URL(file, scope).href), index]);
      await self.skipWaiting();
    }),
  );
});

/** Names of the builds that are kept, the oldest first. */
const builds = async () => (await caches.keys()).filter((name) => name.startsWith(BUILDS));

self.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      // The last build but one stays: a tab that was opened with it may still load its parts.
      const old = (await builds()).filter((name) => name !== CACHE);
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
