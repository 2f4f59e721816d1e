// The kernel in a tab, as a page holds it: the same application as natively, the same component files.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { launch, open, ROOT, serve } from './browser.mjs';
import { FILES } from './folder.mjs';
import { ONE, tab as tabOf } from './tab.mjs';

const GUESTS = `${ROOT}tests/fixtures/guests/`;
/** How WebAssembly ends without a panic of Rust. */
const ENDS = { trap: "throw new WebAssembly.RuntimeError('unreachable')", stack: '(function deeper() { deeper(); })()' };
const torn = (method, end) => `{
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (module, imports) => {
    const { exports } = await instantiate(module, imports);
    return { module, instance: { exports: { ...exports, webkernel_${method}() { ${end}; } } } };
  };
}`;
let server, browser;

before(async () => {
  const worker = await readFile(`${ROOT}pkg/dist/kernel-worker.js`, 'utf8');
  server = await serve({
    '/': '<!doctype html><title>kernel</title>',
    '/weft/': { folder: `${ROOT}pkg/dist/` },
    '/repo-audit/': { folder: `${ROOT}examples/repo-audit/` },
    '/guests/': { folder: GUESTS },
    // The package in a browser that cannot suspend WebAssembly.
    '/older/': { folder: `${ROOT}pkg/dist/` },
    '/older/kernel-worker.js': `delete WebAssembly.Suspending;\n${worker}`,
    // In one where no hash is made, as on a page that is not secure.
    '/unhashed/': { folder: `${ROOT}pkg/dist/` },
    '/unhashed/kernel-worker.js': `crypto.subtle.digest = () => Promise.reject(new Error('no hashes'));\n${worker}`,
    // With a kernel whose end cannot be stored.
    '/full/': { folder: `${ROOT}pkg/dist/` },
    '/full/kernel-worker.js': `${torn('shutdown', "throw Object.assign(new Error('no room'), { code: 'not_durable' })")}\n${worker}`,
    // The package with a kernel that ends in the method `summary`: by a trap, or for want of a call stack.
    ...Object.fromEntries(Object.entries(ENDS).map(([way]) => [`/${way}/`, { folder: `${ROOT}pkg/dist/` }])),
    ...Object.fromEntries(Object.entries(ENDS).map(([way, end]) => [`/${way}/kernel-worker.js`, `${torn('summary', end)}\n${worker}`])),
    // Beside the component of an application lies what would be its glue, if anything of it were ever run.
    '/hostile/weft.toml': ONE('echo'),
    ...Object.fromEntries(['echo.js', 'echo.mjs', 'guest.js', 'index.js', 'echo.core.wasm', 'weft.js'].map((name) => [`/hostile/${name}`, 'globalThis.hostile = 1; throw 1'])),
    '/hostile/echo.wasm': await readFile(`${GUESTS}echo.wasm`),
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

/** A tab; with `context`, another one of the same browser profile. */
const tab = (context) => tabOf(browser, server.url, context);

/** Runs repo-audit over the small folder; answers the report. */
async function audit(page) {
  return page.evaluate(async (files) => {
    const repo = { files: Object.entries(files).map(([path, text]) => [path, new File([text], path.split('/').pop())]) };
    told.length = 0;
    await kernel.install('/repo-audit/', { mounts: { repo, out: 'opfs' } });
    await kernel.start('repo-audit');
    const ended = await until('ended');
    return { ended, report: JSON.parse(text(await kernel.readFile('out', 'report.json'))) };
  }, FILES);
}

test('repo-audit runs to its end: the secret found, the courier refused, the log verified', async () => {
  const page = await tab();
  const profile = await page.evaluate(() => boot({ storage: 'memory' }));
  assert.deepEqual(profile.programs.includes('wasm'), true, JSON.stringify(profile));
  assert.ok(profile.missing.some(([what]) => what === 'containers'));
  const { ended, report } = await audit(page);
  assert.equal(ended.app, 'repo-audit');
  assert.equal(ended.ok, true, JSON.stringify(ended));
  assert.equal(report.complete, true, JSON.stringify(report.problems));
  assert.deepEqual(report.secrets.findings.map(({ path, line, kind }) => [path, line, kind]), [['src/config.py', 2, 'aws-access-key-id']]);
  assert.deepEqual(report.refusals.map(({ agent, verb, resource, refusal }) => [agent, verb, resource, refusal.code]), [
    ['courier', 'connect', '/net/exfil.example.com:443', 'denied'],
  ]);
  const { verified, head, processes } = await page.evaluate(async () => ({
    verified: await kernel.chain.verify(),
    head: await kernel.chain.head(),
    processes: await kernel.processes(),
  }));
  assert.equal(verified.ok, true, JSON.stringify(verified));
  assert.ok(verified.size > 20 && head.size >= verified.size);
  assert.match(verified.root, /^[A-Za-z0-9+/]{43}=$/);
  assert.ok(verified.signed <= verified.size && verified.bodies.kept > 0 && verified.bodies.erased === 0, JSON.stringify(verified));
  assert.deepEqual(Object.keys(head.last).sort(), ['action', 'content', 'kind', 'seq', 'time', 'unreadable']);
  const courier = processes.find(({ name }) => name === 'courier');
  assert.equal(courier.state, 'exited');
  assert.ok(courier.memory > 0 && courier.refused === 1, JSON.stringify(courier));
});

test('a reload goes on with the same log, and what was installed can be started again', async () => {
  const page = await tab();
  await page.evaluate(() => boot({ storage: 'opfs' }));
  await audit(page);
  const before = await page.evaluate(async () => ({ verified: await kernel.chain.verify(), checkpoint: await kernel.chain.checkpoint(), key: await kernel.chain.key() }));
  assert.equal(before.verified.ok, true);
  const again = await tab(page.context());
  await page.close();
  await again.evaluate(() => boot({ storage: 'opfs' }));
  const after = await again.evaluate(async () => ({ verified: await kernel.chain.verify(), key: await kernel.chain.key() }));
  assert.equal(after.verified.ok, true, JSON.stringify(after));
  assert.ok(after.verified.size > before.verified.size);
  assert.equal(after.key, before.key);
  await again.context().close();
});

test('two tabs are one kernel; when the one that has it goes, the other takes over and says so', async () => {
  const first = await tab();
  await first.evaluate(() => boot({ storage: 'opfs' }));
  const second = await tab(first.context());
  await second.evaluate(() => boot({ storage: 'opfs' }));
  assert.deepEqual([await first.evaluate(() => kernel.owner), await second.evaluate(() => kernel.owner)], [true, false]);
  await second.evaluate(async (manifest) => {
    await kernel.install(await one(manifest, 'echo'));
    await kernel.start('one');
    await until('ended');
  }, ONE('echo'));
  const seen = await second.evaluate(async () => (await kernel.chain.verify()).ok);
  assert.equal(seen, true);
  const size = await first.evaluate(async () => (await kernel.chain.head()).size);
  // What is asked while nobody has the kernel is answered by the next one, or refused; it never hangs.
  await second.evaluate(() => {
    globalThis.asked = [];
    globalThis.asking = setInterval(() => asked.push(failure(kernel.chain.head()).then((failed) => (failed ? `${failed.code} ${failed.typed}` : 'ok'))), 5);
  });
  await first.close();
  await second.evaluate(() => until('owner', ({ owner }) => owner));
  const answers = await second.evaluate(() => (clearInterval(asking), Promise.all(asked)));
  assert.ok(answers.length > 0 && answers.at(-1) === 'ok' && answers.every((answer) => ['ok', 'cancelled true'].includes(answer)), `${answers}`);
  const { owner, head, ok } = await second.evaluate(async () => ({ owner: kernel.owner, head: await kernel.chain.head(), ok: (await kernel.chain.verify()).ok }));
  assert.equal(owner, true);
  assert.equal(ok, true);
  assert.ok(head.size >= size);
  await second.context().close();
});

test('a second tab is told which environment runs, or attached to it; who takes over keeps it', async () => {
  const first = await tab();
  await first.evaluate(() => boot({ storage: 'opfs', environment: 'prod' }));
  const [second, third] = [await tab(first.context()), await tab(first.context())];
  const refused = await second.evaluate(() => failure(boot({ storage: 'opfs', environment: 'dev' })));
  assert.deepEqual([refused?.code, refused?.typed, refused?.more], ['conflict', true, { environment: 'prod', asked: 'dev' }], JSON.stringify(refused));
  assert.match(refused.message, /runs in this browser in the environment prod, not in dev/);
  await second.evaluate(() => boot({ storage: 'opfs' }));
  await third.evaluate(() => boot({ storage: 'opfs', environment: 'prod' }));
  const runs = (page) => page.evaluate(async () => [kernel.owner, kernel.environment, (await kernel.summary()).environment]);
  assert.deepEqual(await runs(second), [false, 'prod', 'prod']);
  assert.deepEqual(await runs(third), [false, 'prod', 'prod']);
  await first.close();
  await second.evaluate(() => until('owner', ({ owner }) => owner));
  await third.evaluate(() => until('owner'));
  assert.deepEqual(await runs(second), [true, 'prod', 'prod'], 'it had named none');
  assert.deepEqual(await runs(third), [false, 'prod', 'prod']);
  await second.context().close();
});

test('a shutdown is told to all tabs, with its reason, and any of them may boot again', async () => {
  const first = await tab();
  await first.evaluate(() => boot({ storage: 'opfs', environment: 'prod' }));
  const second = await tab(first.context());
  await second.evaluate(() => boot({ storage: 'opfs' }));
  await first.evaluate(() => kernel.shutdown('it is late'));
  for (const page of [first, second]) {
    assert.deepEqual(await page.evaluate(() => until('stopped')), { reason: 'it is late' });
    const after = await page.evaluate(() => failure(kernel.summary()));
    assert.deepEqual([after.code, after.typed], ['cancelled', true]);
    assert.equal(await page.evaluate(() => told.filter(([name]) => name === 'stopped').length), 1);
  }
  await second.evaluate(() => boot({ storage: 'opfs', environment: 'staging' }));
  assert.deepEqual(await second.evaluate(async () => [kernel.owner, kernel.environment, (await kernel.chain.verify()).ok]), [true, 'staging', true]);
  await second.context().close();
});

for (const asks of [0, 1]) {
  test(`a shutdown that fails, asked by ${asks ? 'another tab' : 'the tab that has the kernel'}, is one all the same`, async () => {
    const first = await tab();
    await first.evaluate(() => boot({ storage: 'opfs', assets: '/full/' }));
    const second = await tab(first.context());
    await second.evaluate(() => boot({ storage: 'opfs' }));
    const refused = await [first, second][asks].evaluate(() => failure(kernel.shutdown('it is late')));
    assert.deepEqual([refused?.code, refused?.message, refused?.typed], ['not_durable', 'no room', true], JSON.stringify(refused));
    for (const page of [first, second]) {
      assert.deepEqual(await page.evaluate(() => until('stopped')), { reason: 'it is late' });
      assert.equal((await page.evaluate(() => failure(kernel.summary()))).code, 'cancelled');
      assert.equal(await page.evaluate(() => told.filter(([name]) => name === 'stopped').length), 1);
    }
    await second.evaluate(() => boot({ storage: 'opfs' }));
    assert.deepEqual(await second.evaluate(async () => [kernel.owner, (await kernel.chain.verify()).ok]), [true, true]);
    await first.context().close();
  });
}

test('a second shutdown does not cut off the first, and one that cannot be asked for ends nothing', async () => {
  const first = await tab();
  await first.evaluate(() => boot({ storage: 'opfs' }));
  const second = await tab(first.context());
  await second.evaluate(() => boot({ storage: 'opfs' }));
  assert.equal((await first.evaluate(() => failure(kernel.shutdown(() => {})))).code, 'invalid');
  assert.equal((await second.evaluate(() => failure(kernel.shutdown({ late: true })))).code, 'invalid');
  assert.ok((await second.evaluate(() => kernel.chain.head())).size > 0, 'it runs');
  const [checkpoint, again] = await first.evaluate(() => Promise.all([kernel.shutdown('it is late'), failure(kernel.shutdown('once more'))]));
  assert.match(checkpoint, /\n/);
  assert.equal(again.code, 'cancelled');
  for (const page of [first, second]) {
    assert.deepEqual(await page.evaluate(() => until('stopped')), { reason: 'it is late' });
    assert.equal(await page.evaluate(() => told.filter(([name]) => name === 'stopped').length), 1);
  }
  await first.context().close();
});

test('a tab with another version of the package is told so', async () => {
  const first = await tab();
  await first.evaluate(() => new Promise((held) => {
    const channel = new BroadcastChannel('weft-kernel-default');
    channel.onmessage = ({ data }) => 'hello' in data && channel.postMessage({ welcome: { protocol: 0, owner: 'me', environment: 'dev', profile: {} }, to: data.hello });
    void navigator.locks.request('weft-kernel-default', () => new Promise(held));
  }));
  const second = await tab(first.context());
  const refused = await second.evaluate(() => failure(boot({ storage: 'opfs' })));
  assert.deepEqual([refused?.code, refused?.typed], ['conflict', true], JSON.stringify(refused));
  assert.match(refused.message, /another version of the package/);
  await first.context().close();
});

test('what was asked of a tab that is gone is not done by the one that has the kernel now', async () => {
  const first = await tab();
  await first.evaluate(() => boot({ storage: 'opfs' }));
  const second = await tab(first.context());
  const { refused, size, after } = await second.evaluate(async () => {
    // A worker that is attached, and took another one for the owner.
    const channel = new BroadcastChannel('weft-kernel-default');
    const said = (fits) => new Promise((heard) => channel.addEventListener('message', ({ data }) => data.to === 'me' && fits(data) && heard(data)));
    const greeted = said(({ welcome }) => welcome);
    channel.postMessage({ hello: 'me' });
    const { owner } = (await greeted).welcome;
    const ask = async (to, call, method, ...args) => {
      const answer = said(({ told }) => told?.answer === call);
      channel.postMessage({ from: 'me', to, ask: { call, method, args } });
      return to === owner ? (await answer).told : undefined;
    };
    const { size } = (await ask(owner, 1, 'events', { from: 0, limit: 0 })).ok;
    await ask('gone', 2, 'act', 'write', '/tree/twice', { replace: true }, new Uint8Array(1));
    const refused = await ask(owner, 3, 'act', 'read', '/tree/twice', {});
    await ask(owner, 4, 'checkpoint');
    const { events } = (await ask(owner, 5, 'events', { from: size, limit: 100 })).ok;
    return { refused, size, after: events.map(({ content }) => content?.facts?.verb).filter(Boolean) };
  });
  assert.equal(refused.failed?.code, 'not_found', JSON.stringify(refused));
  assert.ok(size > 0 && !after.includes('write'), `${after}`);
  await first.context().close();
});

test('a welcome that comes when the kernel is being taken over is one too many', async () => {
  const page = await tab();
  const owner = await page.evaluate(async () => {
    let release;
    await new Promise((held) => void navigator.locks.request('weft-kernel-default', () => new Promise((free) => ((release = free), held()))));
    const channel = new BroadcastChannel('weft-kernel-default');
    const heard = new Promise((heard) => (channel.onmessage = ({ data }) => 'hello' in data && heard(data.hello)));
    const booting = boot({ storage: 'opfs' });
    const to = await heard;
    release();
    const later = (ms) => new Promise((later) => setTimeout(later, ms));
    while ((await navigator.locks.query()).pending.some(({ name }) => name === 'weft-kernel-default')) await later(1);
    await later(20);
    for (let i = 0; i < 5; i++) {
      channel.postMessage({ welcome: { owner: 'gone', environment: 'prod', profile: { missing: [] } }, to });
      await later(5);
    }
    await booting;
    return kernel.owner;
  });
  assert.equal(owner, true);
  await page.context().close();
});

test('an application whose components cannot be foreseen is checked, installed and run', async () => {
  const page = await tab();
  const { problems, ended } = await page.evaluate(async (manifest) => {
    await boot({ storage: 'memory', assets: '/unhashed/' });
    const app = await one(manifest, 'echo');
    const { problems } = await kernel.check(app);
    await kernel.install(app);
    await kernel.start('one');
    return { problems, ended: await until('ended') };
  }, ONE('echo'));
  assert.deepEqual([problems, ended.ok], [[], true], JSON.stringify(ended));
  await page.context().close();
});

test('a tab that was attaching when the kernel was shut down boots it', async () => {
  const page = await tab();
  const booted = await page.evaluate(async () => {
    // A kernel of another tab, which is being shut down and answers nobody.
    let release;
    await new Promise((held) => void navigator.locks.request('weft-kernel-default', () => new Promise((free) => ((release = free), held()))));
    const channel = new BroadcastChannel('weft-kernel-default');
    const heard = new Promise((heard) => (channel.onmessage = ({ data }) => 'hello' in data && heard()));
    const booting = boot({ storage: 'opfs' });
    await heard;
    channel.postMessage({ all: { stopped: { reason: 'it is late' } } });
    await new Promise((later) => setTimeout(later, 100));
    release();
    return Promise.race([booting.then(() => kernel.owner), new Promise((later) => setTimeout(later, 10_000))]);
  });
  assert.equal(booted, true);
  await page.context().close();
});

test('what is made of components that were only looked at is not kept, and is when they are installed', async () => {
  const page = await tab();
  const kept = () => page.evaluate(async () => (await (await caches.open('weft-glue')).keys()).length);
  await page.evaluate(async (manifest) => {
    await boot({ storage: 'opfs' });
    globalThis.app = await one(manifest, 'echo');
    await kernel.check(app);
  }, ONE('echo'));
  await page.waitForTimeout(5_000);
  assert.equal(await kept(), 0);
  await page.evaluate(() => kernel.install(app));
  for (let i = 0; i < 100 && (await kept()) === 0; i++) await page.waitForTimeout(100);
  assert.equal(await kept(), 1);
  await page.context().close();
});

test('no JavaScript that lies beside a component is fetched or run', async () => {
  const page = await tab();
  await page.evaluate(() => boot({ storage: 'memory' }));
  server.asked.length = 0;
  const outcome = await page.evaluate(async () => {
    const app = await App.fetch('/hostile/');
    const names = Object.keys(app.files);
    // An application that was packed by hand may hold anything.
    const code = new TextEncoder().encode('globalThis.hostile = 1');
    for (const name of ['echo.js', 'echo.mjs', 'guest.js', 'echo.core.wasm', 'index.js']) app.files[name] = code;
    await kernel.install(app);
    await kernel.start('one');
    const ended = await until('ended');
    return { names, ended, hostile: globalThis.hostile };
  });
  assert.deepEqual(outcome.names, ['echo.wasm']);
  assert.equal(outcome.ended.ok, true, JSON.stringify(outcome.ended));
  assert.equal(outcome.hostile, undefined);
  // Workers of guests that are gone by now cannot be asked.
  for (const worker of page.workers()) assert.equal(await worker.evaluate(() => globalThis.hostile).catch(() => undefined), undefined);
  assert.deepEqual(server.asked.filter((path) => path.startsWith('/hostile/')), ['/hostile/weft.toml', '/hostile/echo.wasm']);
  await page.context().close();
});

for (const [guest, more, words] of [
  ['looper', 'limits = { memory = "16MiB", handle = "300ms" }', /CPU time/],
  ['hog', 'limits = { memory = "16MiB", handle = "10s" }', /16777216/],
]) {
  test(`${guest} is stopped at its limit, and the log tells why`, async () => {
    const page = await tab();
    const outcome = await page.evaluate(async ([manifest, guest]) => {
      await boot({ storage: 'memory' });
      await kernel.install(await one(manifest, guest));
      const begun = performance.now();
      await kernel.start('one');
      const exited = await until('notice', ({ kind, name }) => kind === 'exited' && name === 'solo');
      const took = performance.now() - begun;
      return { exited, took, ok: (await kernel.chain.verify()).ok, processes: await kernel.processes() };
    }, [ONE(guest, more), guest]);
    assert.match(JSON.stringify(outcome.exited), words);
    assert.equal(outcome.ok, true);
    assert.ok(outcome.took < 5_000, `${outcome.took} ms`);
    await page.context().close();
  });
}

test('what a component uses is seen while it computes, beside its limits, and stays counted when it is killed', async () => {
  const page = await tab();
  const { limits, later, killed } = await page.evaluate(async (manifest) => {
    await boot({ storage: 'memory' });
    await kernel.install(await one(manifest, 'looper'));
    await kernel.start('one');
    const solo = async () => (await kernel.processes()).findLast(({ name }) => name === 'solo');
    const reaches = async (ms) => {
      for (;;) {
        const process = await solo();
        if (process.cpu > ms * 1e6) return process;
        await new Promise((later) => setTimeout(later, 50));
      }
    };
    const { limits } = await reaches(250);
    const later = await reaches(900);
    await kernel.kill(later.pid);
    return { limits, later, killed: await solo() };
  }, ONE('looper', 'limits = { memory = "16MiB", handle = "60s", fuel = 1000000000000000 }'));
  assert.deepEqual(limits.map(({ meter, of, limit }) => `${meter} ${of} ${limit}`), ['memory instance 16777216', 'fuel message 1000000000000000', 'handle message 60000000000']);
  const handle = ({ limits }) => limits.find(({ meter }) => meter === 'handle').used;
  assert.ok(handle(later) > 9e8 && later.messages === 1, JSON.stringify(later));
  assert.ok(killed.cpu >= later.cpu && handle(killed) >= handle(later), JSON.stringify(killed));
  await page.context().close();
});

test('a kernel that crashes says so once, in words, and the next one goes on from what was stored', async () => {
  const page = await tab();
  await page.evaluate(() => boot({ storage: 'opfs' }));
  const size = await page.evaluate(async () => (await kernel.chain.verify()).size);
  const worker = page.workers().find((one) => one.url().includes('kernel-worker'));
  const told = page.evaluate(async () => ({ crashed: (await until('crashed')).message, after: await failure(kernel.summary()) }));
  // What a panic ends in.
  await worker.evaluate(() => void setTimeout(() => { throw new WebAssembly.RuntimeError('unreachable'); }));
  const { crashed, after } = await told;
  assert.match(crashed, /^the kernel has crashed; what it had recorded is intact/);
  assert.deepEqual([after.code, after.typed], ['crashed', true]);
  const again = await page.evaluate(async () => {
    await boot({ storage: 'opfs' });
    return kernel.chain.verify();
  });
  assert.equal(again.ok, true);
  assert.ok(again.size > size);
  await page.context().close();
});

for (const way of Object.keys(ENDS)) {
  test(`a kernel that ends in a method that answers at once (${way}) has crashed like any other`, async () => {
    const page = await tab();
    const told = await page.evaluate(async (way) => {
      await boot({ storage: 'opfs', assets: `/${way}/` });
      const [ended, open] = [failure(kernel.summary()), failure(kernel.act('read', '/proc/self/inbox', { deadline_ms: 60_000 }))];
      const { code, message } = await until('crashed');
      return { code, message, ended: await ended, open: await open, after: await failure(kernel.chain.head()), times: told.filter(([event]) => event === 'crashed').length };
    }, way);
    assert.match(told.message, /^the kernel has crashed; what it had recorded is intact/);
    assert.deepEqual([told.code, told.ended.crashed, told.open.crashed, told.after.crashed, told.times], ['crashed', true, true, true, 1], JSON.stringify(told));
    // The next one has the database at once, and what was recorded verifies.
    const again = await page.evaluate(async () => {
      await boot({ storage: 'opfs' });
      return kernel.chain.verify();
    });
    assert.equal(again.ok, true);
    await page.context().close();
  });
}

test('a page with a strict Content-Security-Policy needs what the README says and no more', async () => {
  const readme = await readFile(`${ROOT}pkg/README.md`, 'utf8');
  const [scripts, workers] = [/`(script-src [^`]*)`/, /`(worker-src [^`]*)`/].map((part) => part.exec(readme)[1]);
  const places = { '/': '<!doctype html><title>strict</title><script type="module" src="/page.js"></script>', '/weft/': { folder: `${ROOT}pkg/dist/` }, '/guests/': { folder: GUESTS } };
  places['/page.js'] = `
    import { Kernel } from '/weft/index.js';
    const kernel = await Kernel.boot({ storage: 'memory' });
    const echo = new Uint8Array(await (await fetch('/guests/echo.wasm')).arrayBuffer());
    await kernel.install({ manifest: ${JSON.stringify(ONE('echo'))}, files: { 'echo.wasm': echo } });
    kernel.on('ended', (ended) => (globalThis.ended = ended));
    await kernel.start('one');
  `;
  const strict = await serve(places, { 'content-security-policy': `default-src 'none'; connect-src 'self'; ${scripts}; ${workers}` });
  try {
    const { page, problems } = await open(browser, strict.url);
    const ended = await page.waitForFunction(() => globalThis.ended, undefined, { timeout: 20_000 });
    assert.equal((await ended.jsonValue()).ok, true);
    assert.deepEqual(problems, []);
  } finally {
    await strict.close();
  }
});

test('a browser that cannot suspend WebAssembly says so, and refuses components with the reason', async () => {
  const page = await tab();
  const { profile, refused, ok } = await page.evaluate(async (manifest) => ({
    profile: await boot({ storage: 'memory', assets: '/older/' }),
    refused: await failure(one(manifest, 'echo').then((app) => kernel.install(app))),
    ok: (await kernel.chain.verify()).ok,
  }), ONE('echo'));
  assert.deepEqual(profile.programs, ['native']);
  assert.match(profile.missing.find(([what]) => what === 'wasm')[1], /cannot suspend WebAssembly/);
  assert.equal(refused.code, 'unsupported', JSON.stringify(refused));
  assert.equal(ok, true);
  await page.context().close();
});

test('kill means dead, at once for the kernel and seen by the lock', async () => {
  const page = await tab();
  const outcome = await page.evaluate(async (manifest) => {
    await boot({ storage: 'memory' });
    await kernel.install(await one(manifest, 'looper'));
    void kernel.start('one').catch(() => {});
    await until('notice', ({ kind, name }) => kind === 'running' && name === 'solo');
    const { pid } = (await kernel.processes()).find(({ name, state }) => name === 'solo' && state !== 'exited');
    await kernel.kill(pid);
    const state = (await kernel.processes()).find((row) => row.pid === pid).state;
    await kernel.shutdown();
    const held = (await navigator.locks.query()).held.filter(({ name }) => name.startsWith('weft-guest'));
    return { state, held, after: await failure(kernel.summary()) };
  }, ONE('looper', 'limits = { memory = "16MiB", handle = "60s" }'));
  assert.equal(outcome.state, 'exited');
  assert.deepEqual(outcome.held, []);
  assert.deepEqual([outcome.after.code, outcome.after.typed], ['cancelled', true]);
  await page.context().close();
});

test('what is suspended is handed nothing until it goes on', async () => {
  const page = await tab();
  const outcome = await page.evaluate(async (manifest) => {
    await boot({ storage: 'memory' });
    await kernel.install(await one(manifest, 'echo'));
    await kernel.start('one', { until: 'stopped' });
    const of = async (pid) => (await kernel.processes()).find((row) => (pid ? row.pid === pid : row.name === 'solo' && row.state === 'running'));
    const { pid } = await of();
    await kernel.suspend(pid);
    const { state } = await of(pid);
    const call = kernel.call(`/proc/${pid}`, 'hello');
    const early = await Promise.race([call.then(() => 'answered'), new Promise((done) => setTimeout(done, 200, 'waits'))]);
    await kernel.signal(pid, 'interrupt');
    await kernel.resume(pid);
    const answered = new TextDecoder().decode(await call);
    await kernel.kill(pid);
    return { state, early, answered, gone: (await failure(kernel.suspend(pid))).code, suspension: kernel.profile().suspension };
  }, ONE('echo'));
  assert.deepEqual(outcome, { state: 'suspended', early: 'waits', answered: 'hello', gone: 'not_found', suspension: 'next_act' });
  await page.context().close();
});

test('what is wrong is told by a code and a sentence', async () => {
  const page = await tab();
  const told = await page.evaluate(async (manifest) => {
    await boot({ storage: 'memory' });
    const check = await kernel.check({ manifest: '[app]\nnam = "x"', files: {} });
    return {
      check,
      unknown: await failure(kernel.start('nothing')),
      wrong: await failure(kernel.install({ manifest: '[app]\nnam = "x"', files: {} })),
      absent: await failure(kernel.install('/nowhere/')),
      alien: await failure(one(manifest, 'alien').then((app) => kernel.install(app))),
      fails: await failure(kernel.act('connect', '/net/10.0.0.1:80')),
    };
  }, ONE('alien'));
  assert.ok(told.check.problems.length > 0);
  const { problems, ...rest } = told.check;
  assert.deepEqual(rest, { app: '', version: '', description: '', agents: [], mounts: [], asks: [], missing: [], unused: [] });
  for (const [what, code] of [['wrong', 'invalid'], ['absent', 'not_found'], ['alien', 'invalid']]) {
    assert.deepEqual([told[what].code, told[what].typed], [code, true], JSON.stringify(told[what]));
  }
  for (const { message } of Object.values(told).filter((one) => one?.message)) assert.doesNotMatch(message, /wasm-function|0x[0-9a-f]{4}|\bat \w+ \(/);
  await page.context().close();
});
