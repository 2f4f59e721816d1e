// Fuel: what messages cost here is what they cost natively, and one that runs away is ended by it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { launch, open, ROOT, serve } from './browser.mjs';

let server, browser, worker;

before(async () => {
  const { outputFiles } = await build({ entryPoints: [`${ROOT}pkg/test/harness/guests.ts`], outdir: '/', bundle: true, format: 'esm', write: false });
  server = await serve({
    '/': '<!doctype html><title>fuel</title>',
    '/harness.js': outputFiles[0].text,
    '/dist/': { folder: `${ROOT}pkg/dist/` },
    '/tests/': { folder: `${ROOT}tests/` },
    '/examples/': { folder: `${ROOT}examples/` },
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

/** Starts a component, by its path in the repository; what a message may use is counted in `fuel`. */
async function start(component, fuel = 2 ** 52) {
  assert.equal(await worker.evaluate((path) => harness.make(path, `/${path}`), component), 'made');
  const started = await worker.evaluate(([path, fuel]) => harness.start(path, 64 << 20, fuel), [component, fuel]);
  assert.equal(typeof started, 'number', JSON.stringify(started));
  return started;
}

const handle = (n, { body, kind = 'request', target, content_type }) =>
  worker.evaluate((args) => harness.handle(...args), [n, body, kind, target, content_type]);
const end = (n) => worker.evaluate((n) => harness.end(n), n);

test('messages cost what they cost natively', async () => {
  const pinned = JSON.parse(await readFile(`${ROOT}tests/fixtures/fuel.json`, 'utf8'));
  const differ = [];
  for (const { component, messages } of pinned) {
    const guest = await start(component);
    // Starting is counted with the first message.
    let owed = await worker.evaluate((n) => harness.owed(n), guest);
    for (const message of messages) {
      const { fuel, fault } = await handle(guest, message);
      assert.equal(fault, undefined);
      if (fuel + owed !== message.fuel) differ.push(`${component} ${message.body.slice(0, 20)}: ${fuel + owed} instead of ${message.fuel}`);
      owed = 0;
    }
    await end(guest);
  }
  assert.deepEqual(differ, []);
});

test('one that runs away is ended by its fuel, within a tenth of a second, and no other', async () => {
  const bystander = await start('tests/fixtures/guests/echo.wasm');
  // The engine's second, faster code is made while the first runs: what is measured is a loop of both.
  for (const [component, body] of [['guests/looper', ''], ['quickjs/guest', 'loop']]) {
    const looper = await start(`tests/fixtures/${component}.wasm`, 20_000_000);
    const { fault, fuel, ran } = await handle(looper, { body });
    assert.deepEqual(fault, { kind: 'fuel', reason: 'it used up its fuel, and its limit is 20000000 units' });
    assert.equal(fuel, 20_000_000);
    console.log(`  ${component}: 20,000,000 units in ${ran.toFixed(1)} ms`);
    assert.ok(ran < 100, `${component}: ${ran} ms`);
    assert.equal((await handle(bystander, { body: 'hello' })).ok, 'hello');
    await end(looper);
  }
  await end(bystander);
});

test('each message is given the whole limit and exactly that', async () => {
  // The first message is the dearest: the guest sets itself up.
  const { fuel: cost } = await handle(await start('tests/fixtures/guests/echo.wasm'), { body: 'hello' });
  const enough = await start('tests/fixtures/guests/echo.wasm', cost);
  assert.equal((await handle(enough, { body: 'hello' })).fuel, cost);
  for (let i = 0; i < 10; i++) assert.equal((await handle(enough, { body: 'hello' })).ok, 'hello');
  const short = await start('tests/fixtures/guests/echo.wasm', cost - 1);
  assert.equal((await handle(short, { body: 'hello' })).fault.kind, 'fuel');
});

test('another end tells no fuel, as natively', async () => {
  const trapper = await start('tests/fixtures/guests/trapper.wasm');
  const { fault, fuel } = await handle(trapper, { body: 'panic' });
  assert.deepEqual([fault.kind, fuel], ['trap', 0]);
});
