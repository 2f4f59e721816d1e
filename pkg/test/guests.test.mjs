// Guests: what they can do, what stops them, and that nothing stops with them. The kernel is played by test/harness/guests.ts.

import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { $init, generate } from '@bytecodealliance/jco-transpile/component';
import { build } from 'esbuild';
import { launch, open, ROOT, serve } from './browser.mjs';
import { hostile, MARK } from './hostile.mjs';

const GUESTS = `${ROOT}tests/fixtures/guests/`;
let server, browser, page, worker;

before(async () => {
  const scripts = ['guests', 'disarmed'].map((name) => `${ROOT}pkg/test/harness/${name}.ts`);
  const { outputFiles } = await build({ entryPoints: scripts, outdir: '/', bundle: true, format: 'esm', write: false });
  server = await serve({
    '/': '<!doctype html><title>guests</title>',
    '/harness.js': outputFiles[0].text,
    '/disarmed.js': outputFiles[1].text,
    '/dist/': { folder: `${ROOT}pkg/dist/` },
    '/guests/': { folder: GUESTS },
    // The transpiler, which tells the length of each component that it begins, and hangs on one of them.
    '/hanging.js': `
      import '/dist/transpiler.js';
      const [work, begun] = [globalThis.onmessage, new BroadcastChannel('begun')];
      globalThis.onmessage = (event) => {
        const { component } = event.data;
        if (component) begun.postMessage(component.length);
        if (component?.length === ${(await readFile(`${GUESTS}looper.wasm`)).length}) for (;;);
        work(event);
      };`,
    '/components/': { folder: `${ROOT}examples/repo-audit/components/` },
    ...(await hostile()),
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

/** A page with a fresh harness in a worker. */
async function harness(keep = false) {
  ({ page } = await open(browser, server.url));
  const coming = page.waitForEvent('worker');
  await page.evaluate(() => new Promise((ready) => {
    globalThis.worker = new Worker('/harness.js', { type: 'module' });
    globalThis.worker.onmessage = ready;
  }));
  worker = await coming;
  await worker.evaluate((keep) => harness.open(keep), keep);
  return { page, worker };
}

const hashOf = async (file) => createHash('sha256').update(await readFile(file)).digest('hex');

/** Makes a fixture ready; answers its hash. */
async function make(name, address = `/guests/${name}.wasm`) {
  const hash = await hashOf(address.startsWith('/guests/') ? `${GUESTS}${name}.wasm` : `${ROOT}examples/repo-audit${address}`);
  assert.equal(await worker.evaluate(([hash, address]) => harness.make(hash, address), [hash, address]), 'made');
  return hash;
}
const start = (hash, memory) => worker.evaluate(([hash, memory]) => harness.start(hash, memory), [hash, memory]);
const handle = (n, body) => worker.evaluate(([n, body]) => harness.handle(n, body), [n, body]);
const end = (n) => worker.evaluate((n) => harness.end(n), n);
const said = async (n, body) => (await handle(n, body)).ok;

test('a component of the example runs in the tab: its acts go out, refusals come back', async () => {
  await harness();
  const courier = await start(await make('courier', '/components/courier.wasm'));
  assert.equal(typeof courier, 'number');
  await worker.evaluate((n) => harness.handle(n, '{}', 'start'), courier);
  assert.ok((await worker.evaluate((n) => harness.acts(n), courier)) > 0);
  await end(courier);
});

test('an envelope arrives whole and the reply comes back', async () => {
  await harness();
  const echo = await start(await make('echo'));
  assert.equal(await said(echo, 'hello'), 'hello');
  assert.equal((await handle(echo, 'fail with care')).error, 'with care');
  assert.equal(
    await said(echo, 'envelope'),
    'id 3\nsender /proc/5\ntarget /svc/echo\nkind Kind::Request\ncorrelation Some(9)\ndeadline Some(1000)\n' +
      'labels ["private", "secret"]\ncontent-type text/plain\nbody 8',
  );
  const large = 'x'.repeat(1 << 20);
  assert.ok((await said(echo, large)) === large);
});

test('acts reach the kernel at once, later or not', async () => {
  await harness();
  const echo = await start(await make('echo'));
  assert.equal(await said(echo, 'act call /svc/echo\n{}\npayload'), '{}\npayload');
  assert.equal(await said(echo, 'act call /svc/later\nabc'), 'abc');
  assert.equal((await handle(echo, 'act connect /net/example.org:80\n{}')).error, 'Code::NotDurable: no connect of /net/example.org:80');
  assert.equal(await worker.evaluate((n) => harness.acts(n), echo), 3);
});

test('time is that of the last thing handed over, and logs go to the kernel', async () => {
  await harness();
  const echo = await start(await make('echo'));
  assert.equal(await said(echo, 'now'), '42');
  await handle(echo, 'log a line');
  assert.deepEqual(await worker.evaluate((n) => harness.logs(n), echo), [[2, 'a line']]);
  // With what was used until then: a line is no new beginning of its time. To take in a long one takes some.
  const { ran } = await handle(echo, `log ${'x'.repeat(6 << 20)}`);
  const ranAtLog = await worker.evaluate((n) => harness.ranAtLog(n), echo);
  assert.ok(ranAtLog > 0 && ranAtLog <= ran, `${ranAtLog} of ${ran}`);
});

test('what a guest says at once is cut in its own worker', async () => {
  await harness();
  const echo = await start(await make('echo'));
  const [mib, large] = [1 << 20, 'x'.repeat(6 << 20)];
  await handle(echo, `act call /svc/echo\n${large}`);
  await handle(echo, `act call /svc/${'x'.repeat(100_000)}\n{}`);
  await handle(echo, `act ${'x'.repeat(100_000)} /svc/echo\n{}`);
  assert.deepEqual(await worker.evaluate((n) => harness.acts(n), echo), 3);
  await handle(echo, large);
  const { error } = await handle(echo, `fail ${large}`);
  assert.ok(error.length <= 4_096, `${error.length}`);
  const [text, bytes] = await worker.evaluate((n) => harness.largest(n), echo);
  assert.ok(text > 4_096 && text <= 16_384 && bytes > mib && bytes <= 2 * mib, `${text} ${bytes}`);
});

test('randomness is one ChaCha20 stream of the seed, the same as natively', async () => {
  await harness();
  const echo = await start(await make('echo'));
  const stream = createCipheriv('chacha20', Buffer.alloc(32, 1), Buffer.alloc(16)).update(Buffer.alloc(300_000));
  let at = 0;
  for (const [asked, given] of [[32, 32], [7, 7], [0, 0], [61, 61], [65_536, 65_536], [65_537, 65_536], [1, 1]]) {
    const { bytes } = await handle(echo, `random ${asked}`);
    assert.deepEqual(bytes, [...stream.subarray(at, at + Math.min(given, 64))], `${asked}`);
    at += 4 * Math.ceil(given / 4);
  }
});

test('an instance keeps its memory and shares it with none', async () => {
  await harness();
  const hash = await make('echo');
  const [a, b] = [await start(hash), await start(hash)];
  for (const n of ['1', '2', '3']) assert.equal(await said(a, 'count'), n);
  assert.equal(await said(b, 'count'), '1');
});

test('memory is measured, and one that takes without end is stopped at its limit', async () => {
  await harness();
  const bystander = await start(await make('echo'));
  const hog = await start(await make('hog'), 16 << 20);
  const { fault, memory } = await handle(hog, '');
  assert.equal(fault.kind, 'memory');
  assert.match(fault.reason, /^it asked for \d+ more bytes of memory, having \d+ of a limit of 16777216$/);
  assert.ok(memory >= 12 << 20 && memory <= 16 << 20, `${memory}`);
  assert.equal(await said(bystander, 'still here'), 'still here');
  const { memory: before } = await handle(bystander, '');
  await handle(bystander, 'hold 1000000');
  const { memory: after } = await handle(bystander, '');
  assert.ok(after - before >= 1_000_000 && after - before < 1_200_000, `${before} ${after}`);
});

test('a component that needs more than its limit from the start does not start', async () => {
  await harness();
  const { fault } = await start(await make('echo'), 64 << 10);
  assert.equal(fault.kind, 'memory');
  assert.match(fault.reason, / of a limit of 65536$/);
});

test('a loop without end is ended by its worker\'s end, and the lock tells when it is dead', async () => {
  await harness();
  const bystander = await start(await make('echo'));
  const looper = await start(await make('looper'));
  await worker.evaluate((n) => harness.begin(n, ''), looper);
  await new Promise((later) => setTimeout(later, 100));
  assert.equal(await said(bystander, 'hello'), 'hello');
  const took = await end(looper);
  assert.ok(took < 10_000, `${took} ms`);
  const held = await page.evaluate(async () => (await navigator.locks.query()).held.map(({ name }) => name));
  assert.deepEqual(held, ['guest-0']);
});

test('a trap is told in a sentence and tells nothing of the guest', async () => {
  await harness();
  const hash = await make('trapper');
  for (const [way, words] of [['panic', 'panicked or aborted'], ['abort', 'panicked or aborted'], ['stack', 'call stack|outside of its memory'], ['bounds', 'reached outside of its memory']]) {
    const trapper = await start(hash);
    const { fault } = await handle(trapper, way);
    assert.equal(fault.kind, 'trap', way);
    assert.match(fault.reason, new RegExp(words), way);
    assert.doesNotMatch(fault.reason, /swordfish|0x|wasm-function|\n/, way);
    assert.ok(fault.reason.length < 150);
  }
});

test('what is no guest is refused with the reason', async () => {
  await harness();
  for (const [address, words] of [
    ['/guests/alien.wasm', 'weft:fixture/environment@0.1.0'],
    ['/harness.js', 'not WebAssembly'],
    ['/hostile/core.wasm', 'core module'],
  ]) {
    const refused = await worker.evaluate((address) => harness.make(address, address), address);
    assert.match(refused, new RegExp(words), refused);
  }
  assert.equal(await said(await start(await make('echo')), 'after'), 'after');
});

test('names that would be code in the glue are refused', async () => {
  await harness();
  // The check is no ceremony: without it the transpiler writes this one down as code.
  await $init;
  const { files } = generate((await hostile())['/hostile/name-code.wasm'], { name: 'guest', instantiation: { tag: 'async' }, noTypescript: true });
  const glue = new TextDecoder().decode(files.find(([name]) => name.endsWith('.js'))[1]);
  assert.ok(glue.includes(`[${MARK}]:`), 'the transpiler escapes names now: this test has lost its reason');
  const addresses = Object.keys(await hostile()).filter((address) => address.startsWith('/hostile/name-'));
  assert.ok(addresses.length >= 9);
  for (const address of addresses) {
    const refused = await worker.evaluate((address) => harness.make(address, address), address);
    assert.match(refused, /it holds the name/, `${address}: ${refused}`);
  }
});

test('a guest\'s worker has the language and little else', async () => {
  await harness();
  const { left, code, names } = await page.evaluate(() => new Promise((told) => {
    new Worker('/disarmed.js', { type: 'module' }).onmessage = ({ data }) => told(data);
  }));
  assert.deepEqual(code, ['no', 'no', 'no', 'no']);
  const reach = [
    'fetch', 'XMLHttpRequest', 'WebSocket', 'WebTransport', 'EventSource', 'RTCPeerConnection', 'indexedDB', 'caches', 'navigator', 'location',
    'Worker', 'SharedWorker', 'importScripts', 'BroadcastChannel', 'MessageChannel', 'postMessage', 'self', 'crypto', 'URL', 'Blob', 'Function',
    'eval', 'createImageBitmap', 'FontFace', 'OffscreenCanvas', 'Notification', 'close',
  ];
  assert.deepEqual(reach.filter((name) => names.includes(name)), [], `left: ${left}`);
});

test('a component is transpiled once: kept by hash in the cache, not asked for again after a reload', async () => {
  const context = (await harness(true)).page.context();
  const hash = await make('echo');
  await worker.evaluate(() => new Promise((later) => setTimeout(later, 300)));
  const fresh = await context.newPage();
  await fresh.goto(server.url);
  server.asked.length = 0;
  const coming = fresh.waitForEvent('worker');
  await fresh.evaluate(() => new Promise((ready) => (new Worker('/harness.js', { type: 'module' }).onmessage = ready)));
  worker = await coming;
  await worker.evaluate(() => harness.open(true));
  assert.equal(await worker.evaluate((hash) => harness.known(hash), hash), true);
  assert.equal(await worker.evaluate(() => harness.known('0'.repeat(64))), false);
  assert.equal(await said(await start(hash), 'from the cache'), 'from the cache');
  assert.ok(!server.asked.some((path) => path.includes('transpiler')), server.asked.join(' '));
  // What was damaged in the cache, at its start or in the middle of a module, is made anew.
  for (const damage of [(bytes) => bytes.slice(0, 40), (bytes) => bytes.fill(0, bytes.length - 9_000)]) {
    await worker.evaluate(async (damage) => {
      const cache = await caches.open('weft-glue');
      const [kept] = await cache.keys();
      const bytes = new Uint8Array(await (await cache.match(kept)).arrayBuffer());
      await cache.put(kept, new Response((0, eval)(damage)(bytes)));
      harness.open(true);
    }, String(damage));
    assert.equal(await worker.evaluate((hash) => harness.known(hash), hash), false);
    assert.equal(await said(await start(await make('echo')), 'anew'), 'anew');
    await worker.evaluate(() => new Promise((later) => setTimeout(later, 300)));
  }
});

const foresee = async (name) => worker.evaluate(([hash, address]) => harness.foresee(hash, address), [await hashOf(`${GUESTS}${name}.wasm`), `/guests/${name}.wasm`]);
const making = async (name) => worker.evaluate(([hash, address]) => harness.make(hash, address), [await hashOf(`${GUESTS}${name}.wasm`), `/guests/${name}.wasm`]);

test('a component that the transpiler hangs on is refused in time, and holds up no other', async () => {
  await harness();
  await worker.evaluate(() => harness.open(false, { workers: 2, time: 6_000 }, '/hanging.js'));
  const hung = making('looper');
  // Beside it, and behind it.
  assert.equal(await making('echo'), 'made');
  assert.equal(await Promise.race([hung, 'hangs']), 'hangs');
  const refused = await hung;
  assert.match(refused, /^it could not be made ready to run within 6 seconds$/);
  const begun = Date.now();
  assert.equal(await making('looper'), refused, 'it has had its time');
  assert.ok(Date.now() - begun < 3_000);
  await worker.evaluate(() => harness.open(false, { workers: 1, time: 6_000 }, '/hanging.js'));
  const [first, second] = [making('looper'), making('echo')];
  assert.equal(await first, refused);
  assert.equal(await second, 'made', 'the one worker was ended and another made');
});

test('whether a component is ready is said when that is known', async () => {
  await harness();
  const known = async (name) => worker.evaluate((hash) => harness.known(hash), await hashOf(`${GUESTS}${name}.wasm`));
  for (const [name, ready] of [['alien', false], ['echo', true]]) {
    await foresee(name);
    assert.equal(await known(name), ready, name);
  }
  assert.equal(await said(await start(await hashOf(`${GUESTS}echo.wasm`)), 'hello'), 'hello');
});

test('of what is only looked at the last stays, copied once, and what was forgotten is not waited for', async () => {
  await harness();
  const known = async (name) => worker.evaluate((hash) => harness.known(hash), await hashOf(`${GUESTS}${name}.wasm`));
  const sizes = await Promise.all(['echo', 'trapper'].map(async (name) => (await readFile(`${GUESTS}${name}.wasm`)).length));
  await worker.evaluate((foreseen) => harness.open(false, { foreseen }), Math.max(...sizes));
  assert.deepEqual([await foresee('echo'), await foresee('echo'), await foresee('trapper')], [1, 0, 1], 'copies');
  assert.deepEqual([await known('echo'), await known('trapper')], [false, true]);
  await worker.evaluate((foreseen) => harness.open(false, { foreseen }), Math.min(...sizes) - 1);
  assert.deepEqual([await foresee('echo'), await known('echo')], [0, false], 'it is larger than all that may be');
  // Behind one on which the only worker hangs.
  assert.equal(await worker.evaluate(() => harness.forgotten('/hanging.js', '/guests/looper.wasm', '/guests/echo.wasm')), 'it was only looked at, and forgotten');
});

test('what is wanted goes before what is only looked at', async () => {
  await harness();
  await worker.evaluate(() => {
    harness.open(false, { workers: 1 }, '/hanging.js');
    globalThis.begun = [];
    new BroadcastChannel('begun').onmessage = ({ data }) => begun.push(data);
  });
  await foresee('trapper');
  await worker.evaluate(async () => { while (begun.length === 0) await new Promise((later) => setTimeout(later, 5)); });
  for (const name of ['hog', 'flooder']) await foresee(name);
  assert.equal(await making('echo'), 'made');
  assert.equal(await making('hog'), 'made');
  const length = async (name) => (await readFile(`${GUESTS}${name}.wasm`)).length;
  const begun = await worker.evaluate(() => globalThis.begun);
  assert.deepEqual(begun.slice(0, 3), [await length('trapper'), await length('echo'), await length('hog')]);
});

test('what was made of a component is kept when its application is installed, and the oldest goes for the newest', async () => {
  await harness(true);
  const kept = () => worker.evaluate(async () => (await (await caches.open('weft-glue')).keys()).map(({ url }) => url.split('/').pop()));
  const hash = await hashOf(`${GUESTS}echo.wasm`);
  await foresee('echo');
  assert.equal(await making('trapper'), 'made', 'which came after it');
  assert.equal(typeof await start(hash), 'number');
  await page.waitForTimeout(500);
  const trapper = await hashOf(`${GUESTS}trapper.wasm`);
  assert.deepEqual(await kept(), [trapper], 'that of `echo` was only looked at');
  assert.equal(await worker.evaluate((hash) => harness.installed(hash), hash), true);
  await page.waitForTimeout(500);
  assert.deepEqual(await kept(), [trapper, hash]);
  // Two that are large, as they would have been kept.
  await worker.evaluate(async () => {
    const cache = await caches.open('weft-glue');
    const [{ url }] = await cache.keys();
    for (const name of ['old', 'new']) await cache.put(url.replace(/[^/]+$/, name), new Response('x', { headers: { 'weft-bytes': String(70 << 20) } }));
  });
  assert.equal(await making('hog'), 'made');
  await page.waitForTimeout(500);
  assert.deepEqual(await kept(), ['new', await hashOf(`${GUESTS}hog.wasm`)]);
});

test('what it takes', async () => {
  await harness();
  const echo = await start(await make('echo'));
  await worker.evaluate((n) => harness.acting(n, 200), echo);
  const act = await worker.evaluate((n) => harness.acting(n, 500), echo);
  console.log(`  an envelope with one act: ${act.toFixed(2)} ms at the median`);
  const begun = Date.now();
  const many = [];
  for (let i = 0; i < 64; i++) many.push(start(await hashOf(`${GUESTS}echo.wasm`)));
  const started = await Promise.all(many);
  console.log(`  64 guests started in ${Date.now() - begun} ms`);
  assert.equal(await said(started[63], 'hello'), 'hello');
  assert.ok(act <= 5, 'an act takes milliseconds');
});
