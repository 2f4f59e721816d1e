// What is loaded over the network: applications, within limits, and the package's own parts, from any file host.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { ROOT } from './browser.mjs';
import { ONE, served, tab } from './tab.mjs';

const DIST = `${ROOT}pkg/dist/`;
const MIB = 1 << 20;
let sent = 0;

/** Sends `most` bytes, as long as somebody takes them; `sent` says how many that were. */
const stream = (most) => async (request, response) => {
  const part = Buffer.alloc(MIB);
  let open = true;
  const closed = new Promise((on) => response.once('close', on)).then(() => (open = false));
  for (let left = most; left > 0 && open; left -= MIB) {
    sent += MIB;
    if (!response.write(part)) await Promise.race([closed, new Promise((on) => response.once('drain', on))]);
  }
  response.end();
};

const manifest = (paths) => paths.map((path) => `program = { wasm = "${path}" }`).join('\n');
const other = (type, body) => async (request, response) => {
  if (type) response.setHeader('content-type', type);
  response.end(await body());
};
const wasm = (name) => () => readFile(`${DIST}${name}.wasm`);

/** Twenty components that are not too large each, of 1,200 MiB in all. */
const HEAVY = Array.from({ length: 20 }, (_, i) => `${i}.wasm`);

const it = served('load', {
  '/endless/weft.toml': manifest(['a.wasm']),
  '/endless/a.wasm': stream(Infinity),
  '/long/weft.toml': stream(Infinity),
  '/heavy/weft.toml': manifest(HEAVY),
  ...Object.fromEntries(HEAVY.map((name) => [`/heavy/${name}`, stream(60 * MIB)])),
  '/many/weft.toml': manifest(Array.from({ length: 257 }, (_, i) => `${i}.wasm`)),
  '/stuck/weft.toml': manifest(['a.wasm']),
  '/stuck/a.wasm': (request, response) => void response.write('a'),
  // Hosts that know no WebAssembly, lack a part, or answer their own page for what is missing.
  '/untyped/': { folder: DIST },
  '/untyped/weft.wasm': other('application/octet-stream', wasm('weft')),
  '/untyped/transpiler.wasm': other(undefined, wasm('transpiler')),
  '/lacking/': { folder: DIST },
  '/lacking/weft.wasm': (request, response) => void response.writeHead(404).end(),
  '/paged/': { folder: DIST },
  '/paged/weft.wasm': '<!doctype html><title>a page</title>',
  '/half/': { folder: DIST },
  '/half/transpiler.wasm': (request, response) => void response.writeHead(404).end(),
});

test('an application that is too large is not downloaded to its end', async () => {
  const page = await tab(it.browser, it.server.url);
  const fetched = (address) => page.evaluate((address) => failure(App.fetch(address)), address);
  for (const [address, words, most] of [
    ['/endless/', /\/endless\/a\.wasm has more than 64 MiB/, 64],
    ['/long/', /\/long\/weft\.toml has more than 1 MiB/, 1],
    ['/heavy/', /the application at \S+\/heavy\/ has more than 256 MiB/, 256],
  ]) {
    sent = 0;
    const refused = await fetched(address);
    assert.deepEqual([refused?.code, refused?.typed], ['too_large', true], JSON.stringify(refused));
    assert.match(refused.message, words);
    // What is sent before the browser has read it is not asserted closely: buffers of both, for up to six connections.
    assert.ok(sent <= (most + 192) * MIB, `${sent / MIB} MiB were sent`);
  }
  it.server.asked.length = 0;
  const many = await fetched('/many/');
  // What was asked for before may still arrive.
  const asked = it.server.asked.filter((path) => path.startsWith('/many/'));
  assert.deepEqual([many.code, asked], ['too_large', ['/many/weft.toml']]);
  await page.context().close();
});

test('fetching an application ends in time, and when it is not wanted any more', async () => {
  const page = await tab(it.browser, it.server.url);
  const { late, aborted, before } = await page.evaluate(async () => {
    const controller = new AbortController();
    const late = await failure(App.fetch('/stuck/', { timeout: 500 }));
    const aborted = failure(App.fetch('/stuck/', { signal: controller.signal }));
    setTimeout(() => controller.abort(), 200);
    return { late, aborted: await aborted, before: await failure(App.fetch('/stuck/', { signal: AbortSignal.abort() })) };
  });
  assert.deepEqual([late.code, late.typed, aborted.code, before.code], ['timed_out', true, 'cancelled', 'cancelled']);
  assert.match(late.message, /\/stuck\/ could not be fetched in 0\.5 s/);
  await page.context().close();
});

test('the package boots and runs components from a host that knows no type for WebAssembly', async () => {
  const page = await tab(it.browser, it.server.url);
  const ended = await page.evaluate(async (manifest) => {
    await boot({ storage: 'memory', assets: '/untyped/' });
    await kernel.install(await one(manifest, 'echo'));
    await kernel.start('one');
    return until('ended');
  }, ONE('echo'));
  assert.equal(ended.ok, true, JSON.stringify(ended));
  await page.context().close();
});

test('a part of the package that is missing is named by its address', async () => {
  const page = await tab(it.browser, it.server.url);
  for (const [assets, words] of [['/lacking/', /\/lacking\/weft\.wasm is not there \(the server answers 404\)/], ['/paged/', /\/paged\/weft\.wasm is no WebAssembly/]]) {
    const refused = await page.evaluate((assets) => failure(boot({ storage: 'memory', assets })), assets);
    assert.deepEqual([refused.code, refused.typed], ['boot', true], JSON.stringify(refused));
    assert.match(refused.message, words);
  }
  const exited = await page.evaluate(async (manifest) => {
    await boot({ storage: 'memory', assets: '/half/' });
    await kernel.install(await one(manifest, 'echo'));
    await kernel.start('one').catch(() => {});
    return until('ended');
  }, ONE('echo'));
  assert.match(JSON.stringify(exited), /the transpiler could not be loaded: \S+\/half\/transpiler\.wasm is not there/);
  await page.context().close();
});
