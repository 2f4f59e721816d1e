// Keeps the files of one build, and serves them when they are asked for. Built in: BUILD, the folder of the build,
// and FILES, everything in it. The page itself is fetched anew where there is a network, so that nobody is held on
// an old build; the files of a build never change.

const CACHE = `weft-${BUILD}`;
const scope = new URL('./', self.location);
const kept = new Set(FILES.map((file) => new URL(file, scope).href));
const index = scope.href;

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches.open(CACHE).then(async (cache) => {
      await cache.addAll([...kept, index]);
      await self.skipWaiting();
    }),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      // The last build but one stays: a tab that was opened with it may still load its parts.
      const old = (await caches.keys()).filter((name) => name.startsWith('weft-') && name !== CACHE);
      await Promise.all(old.slice(0, -1).map((name) => caches.delete(name)));
      await self.clients.claim();
    })(),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== 'GET' || address.origin !== scope.origin) return;
  address.hash = address.search = '';
  if (request.mode === 'navigate' && (address.href === index || address.href === `${index}index.html`)) {
    event.respondWith(fetch(request).catch(async () => (await caches.match(index)) ?? Response.error()));
  } else if (kept.has(address.href)) {
    event.respondWith(caches.match(address.href).then((found) => found ?? fetch(request)));
  }
});
