// Where the log is kept: asked for, refused, full, and after a crash. Each as a real browser has it.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { launch } from './browser.mjs';
import { ONE, ready, served, tab } from './tab.mjs';

const it = served('storage');

test('the browser is asked to keep what is stored, and its answer is in the profile', async () => {
  for (const [permissions, persisted] of [[[], false], [['durableStorage'], true]]) {
    const page = await tab(it.browser, it.server.url);
    const protocol = await page.context().newCDPSession(page);
    const { targetInfo: { browserContextId } } = await protocol.send('Target.getTargetInfo');
    await protocol.send('Browser.grantPermissions', { permissions, origin: it.server.url, browserContextId });
    const told = await page.evaluate(async (wanted) => {
      await boot({ storage: 'opfs' });
      for (let i = 0; kernel.profile().persisted !== wanted && i < 100; i++) await new Promise((later) => setTimeout(later, 10));
      const memory = await Kernel.boot({ storage: 'memory', name: 'other' });
      return { asked: kernel.profile().persisted, holds: await navigator.storage.persisted(), durability: kernel.profile().durability, memory: memory.profile().persisted };
    }, persisted);
    assert.deepEqual(told, { asked: persisted, holds: persisted, durability: 'disk', memory: null });
    await page.context().close();
  }
});

test('where the browser refuses the site all storage the kernel runs in memory, and the profile says why', async () => {
  const profile = await mkdtemp(join(tmpdir(), 'weft-blocked-'));
  await mkdir(join(profile, 'Default'));
  // "Block all cookies and site data", as a person sets it.
  await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } }));
  const context = await launch(profile);
  try {
    const page = await context.newPage();
    await page.goto(it.server.url);
    await ready(page);
    const told = await page.evaluate(async (manifest) => {
      const refused = await navigator.storage.getDirectory().then(() => null, ({ name }) => name);
      const profile = await boot({ storage: 'opfs' });
      await kernel.install(await one(manifest, 'echo'));
      await kernel.start('one');
      const ended = await until('ended');
      const out = await failure(kernel.mount('out', 'opfs'));
      return { refused, profile, ended, out, ok: (await kernel.chain.verify()).ok, stopped: typeof (await kernel.shutdown()) };
    }, ONE('echo'));
    assert.equal(told.refused, 'SecurityError');
    assert.deepEqual([told.profile.durability, told.profile.persisted, told.ok, told.stopped], ['memory', null, true, 'string']);
    assert.equal(told.ended.ok, true, JSON.stringify(told.ended));
    const missing = Object.fromEntries(told.profile.missing);
    assert.match(missing.storage, /gives this window no storage.*gone with this tab/);
    assert.match(missing.locks, /each tab has a kernel of its own/);
    assert.deepEqual([told.out.code, told.out.typed], ['unsupported', true]);
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
});

// A private window keeps its files in memory, and has quotas of its own making.
for (const kind of ['an ordinary', 'a private']) test(`in ${kind} window a quota that is used up is told in words, loses nothing, and what was stored opens again`, async () => {
  const profile = kind === 'a private' ? undefined : await mkdtemp(join(tmpdir(), 'weft-full-'));
  const own = profile && (await launch(profile));
  const page = await tab(it.browser, it.server.url, own);
  const protocol = await page.context().newCDPSession(page);
  await page.evaluate(() => boot({ storage: 'opfs' }));
  const { usage } = await page.evaluate(() => navigator.storage.estimate());
  await protocol.send('Storage.overrideQuotaForOrigin', { origin: it.server.url, quotaSize: usage + (3 << 20) });
  const full = await page.evaluate(async () => {
    const body = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 251);
    for (let kept = 0; kept < 200; kept++) {
      const refused = await failure(kernel.act('write', `/tree/x${kept}`, { replace: true }, body).then(() => kernel.chain.checkpoint()));
      if (refused) return { kept, refused, after: await failure(kernel.act('read', '/tree/x0')), hangs: await Promise.race([failure(kernel.chain.checkpoint()), new Promise((late) => setTimeout(late, 5_000, 'hangs'))]) };
    }
  });
  assert.ok(full && full.kept > 2, JSON.stringify(full));
  assert.deepEqual([full.refused.code, full.refused.typed], ['not_durable', true], JSON.stringify(full.refused));
  assert.match(full.refused.message, /no (more )?space|full|room/i);
  // Nothing is acknowledged any more, and nothing hangs.
  assert.deepEqual([full.after.code, full.hangs.code], ['not_durable', 'not_durable'], JSON.stringify(full));
  const again = async () => {
    await page.reload();
    await ready(page);
    return page.evaluate(async (kept) => {
      const failed = await failure(boot({ storage: 'opfs' }));
      if (failed) return { failed };
      const verified = await kernel.chain.verify();
      const lengths = [];
      for (let n = 0; n < kept; n++) lengths.push((await kernel.act('read', `/tree/x${n}`, { len: 1 << 20 })).length);
      return { verified, lengths };
    }, full.kept);
  };
  await protocol.send('Storage.overrideQuotaForOrigin', { origin: it.server.url });
  const { failed, verified, lengths } = await again();
  assert.equal(failed, undefined, JSON.stringify(failed));
  assert.equal(verified.ok, true, JSON.stringify(verified));
  assert.deepEqual(new Set(lengths), new Set([200_000]));
  assert.equal(lengths.length, full.kept);
  await page.context().close();
  if (profile) await rm(profile, { recursive: true, force: true });
});

test('a crash rejects what is open with a typed error that has what was recorded', async () => {
  const page = await tab(it.browser, it.server.url);
  await page.evaluate(() => boot({ storage: 'opfs' }));
  const told = await page.evaluate(async (manifest) => {
    await kernel.act('write', '/tree/x', { replace: true }, new TextEncoder().encode('recorded'));
    await kernel.chain.checkpoint();
    await kernel.install(await one(manifest, 'looper'));
    await kernel.registerTool('never', { effect: {}, schema: true }, (args, { signal }) => new Promise(() => (signal.onabort = () => told.push(['aborted']))));
    globalThis.open = [failure(kernel.call('/tool/never')), failure(kernel.start('one')), failure(kernel.chain.verify())];
    await until('notice', ({ kind, name }) => kind === 'running' && name === 'solo');
    return (await kernel.chain.head()).size;
  }, ONE('looper', 'limits = { memory = "16MiB", handle = "60s" }'));
  const worker = page.workers().find((one) => one.url().includes('kernel-worker'));
  // What a panic ends in.
  await worker.evaluate(() => void setTimeout(() => { throw new WebAssembly.RuntimeError('unreachable'); }));
  const crashed = await page.evaluate(async () => {
    const error = await until('crashed');
    await until('aborted');
    const exported = await error.export();
    return { open: await Promise.all(open), after: await failure(kernel.summary()), name: error.name, typed: error instanceof KernelCrashed, size: exported.size, magic: await exported.slice(0, 4).text() };
  });
  assert.deepEqual([crashed.name, crashed.typed, crashed.magic], ['KernelCrashed', true, 'redb']);
  // What was answered before the crash was answered; nothing else hangs.
  for (const one of [...crashed.open.filter((one) => one !== null), crashed.after]) assert.deepEqual([one.code, one.crashed], ['crashed', true], JSON.stringify(one));
  assert.ok(crashed.open[0], 'the call of the tool was open');
  // The copy is whole: in the place of the database it boots, and verifies.
  const restored = await page.evaluate(async () => {
    const blob = await (await until('crashed')).export();
    await boot({ storage: 'opfs' });
    const busy = await failure((await until('crashed')).export());
    await kernel.shutdown();
    let folder = await navigator.storage.getDirectory();
    for (const part of ['weft', 'default']) folder = await folder.getDirectoryHandle(part);
    await folder.removeEntry('weft.redb');
    const file = await (await folder.getFileHandle('weft.redb', { create: true })).createWritable();
    await file.write(blob);
    await file.close();
    await boot({ storage: 'opfs' });
    return { busy, verified: await kernel.chain.verify(), read: text(await kernel.act('read', '/tree/x')) };
  });
  assert.deepEqual([restored.busy.code, restored.verified.ok, restored.read], ['conflict', true, 'recorded'], JSON.stringify(restored));
  assert.ok(restored.verified.size > told);
  const memory = await page.evaluate(async () => {
    const kernel = await Kernel.boot({ storage: 'memory' });
    globalThis.gone = new Promise((told) => kernel.on('crashed', told));
    return true;
  });
  assert.ok(memory);
  const second = page.workers().filter((one) => one.url().includes('kernel-worker')).at(-1);
  await second.evaluate(() => void setTimeout(() => { throw new WebAssembly.RuntimeError('unreachable'); }));
  assert.equal(await page.evaluate(async () => (await failure((await gone).export())).code), 'unsupported');
  await page.context().close();
});
