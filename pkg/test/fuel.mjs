// A tab in which a worker plays the kernel, and what the tests of fuel ask of it.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { build } from 'esbuild';
import { launch, open, ROOT, serve } from './browser.mjs';

let worker;

/** The tab, there while the tests of a file run; `places` are served beside the repository's own. */
export function tabOfGuests(places = {}) {
  let server, browser;
  before(async () => {
    const { outputFiles } = await build({ entryPoints: [`${ROOT}pkg/test/harness/guests.ts`], outdir: '/', bundle: true, format: 'esm', write: false });
    server = await serve({
      '/': '<!doctype html><title>fuel</title>',
      '/harness.js': outputFiles[0].text,
      '/dist/': { folder: `${ROOT}pkg/dist/` },
      '/tests/': { folder: `${ROOT}tests/` },
      '/examples/': { folder: `${ROOT}examples/` },
      ...places,
    });
    browser = await launch();
    const { page } = await open(browser, server.url);
    const coming = page.waitForEvent('worker');
    await page.evaluate(() => new Promise((ready) => (new Worker('/harness.js', { type: 'module' }).onmessage = ready)));
    worker = await coming;
    await worker.evaluate(() => harness.open(false));
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });
}

/** Starts a component, by the path under which it is served; what a message may use is counted in `fuel`. */
export async function start(component, fuel = 2 ** 52, memory = 64 << 20) {
  assert.equal(await worker.evaluate((path) => harness.make(path, `/${path}`), component), 'made');
  const started = await worker.evaluate((args) => harness.start(...args), [component, memory, fuel]);
  assert.equal(typeof started, 'number', JSON.stringify(started));
  return started;
}

export const handle = (n, { body, kind = 'request', target, content_type }) =>
  worker.evaluate((args) => harness.handle(...args), [n, body, kind, target, content_type]);

export const end = (n) => worker.evaluate((n) => harness.end(n), n);

/** Hands over the messages, each with the fuel that it costs natively; answers those that cost something else here. */
export async function differing(guest, component, messages) {
  const differ = [];
  // Starting is counted with the first message.
  let owed = await worker.evaluate((n) => harness.owed(n), guest);
  for (const message of messages) {
    const { fuel, fault } = await handle(guest, message);
    assert.equal(fault, undefined);
    if (fuel + owed !== message.fuel) differ.push(`${component} ${message.body.slice(0, 20)}: ${fuel + owed} instead of ${message.fuel}`);
    owed = 0;
  }
  return differ;
}

/** Lets `body` run away with 20,000,000 units: fuel ends it, within a tenth of a second. */
export async function runsAway(component, body, memory) {
  const looper = await start(component, 20_000_000, memory);
  const { fault, fuel, ran } = await handle(looper, { body });
  assert.deepEqual(fault, { kind: 'fuel', reason: 'it used up its fuel, and its limit is 20000000 units' });
  assert.equal(fuel, 20_000_000);
  console.log(`  ${component}: 20,000,000 units in ${ran.toFixed(1)} ms`);
  assert.ok(ran < 100, `${component}: ${ran} ms`);
  await end(looper);
}
