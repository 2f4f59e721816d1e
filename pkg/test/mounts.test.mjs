// Which folder a name of a mount is, and for whom.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { ROOT } from './browser.mjs';
import { served, tab } from './tab.mjs';

const DIST = `${ROOT}pkg/dist/`;

const it = served('mounts', {
  // A browser that wants to ask its user for a folder that he picked before the page was loaded.
  '/asking/': { folder: DIST },
  '/asking/kernel-worker.js': async (request, response) => {
    response.setHeader('content-type', 'text/javascript');
    response.end(`FileSystemHandle.prototype.queryPermission = async () => 'prompt';\n${await readFile(`${DIST}kernel-worker.js`, 'utf8')}`);
  },
});

/** An application of one puppet that reads its mount `repo`, and wants `more`. */
const READER = (name, more = []) => `
[app]
name = "${name}"
version = "1.0.0"
description = "A reader"

[[mount]]
name = "repo"

[[agent]]
name = "reader"
program = { wasm = "puppet.wasm" }
instance = "kept"
use = ${JSON.stringify(['read /fs/repo/**', ...more])}
`;

/** A page with folders of two kinds, and words for what these tests do. */
async function opened(storage) {
  const page = await tab(it.browser, it.server.url);
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    globalThis.folder = async (name) => {
      const folder = await root.getDirectoryHandle(name, { create: true });
      const file = await (await folder.getFileHandle('f', { create: true })).createWritable();
      await file.write(name);
      await file.close();
      return folder;
    };
    globalThis.files = (content) => ({ files: [['f', new File([content], 'f')]] });
    globalThis.install = async (manifest, repo, allow = []) => failure(one(manifest, 'puppet').then((app) => kernel.install(app, { allow, mounts: repo ? { repo } : {} })));
    globalThis.start = (name) => failure(kernel.start(name, { until: 'stopped' }));
    // What the puppet of a running application finds in its mount.
    globalThis.found = async (app) => {
      const { pid } = (await kernel.processes()).find((row) => row.app === app && row.name === 'reader' && row.state === 'running');
      return text(await kernel.call(`/proc/${pid}`, 'act read /fs/repo/f')).replace(/^ok /, '');
    };
    globalThis.looked = async () => text(await kernel.readFile('repo', 'f'));
  });
  await page.evaluate((storage) => boot({ storage }), storage);
  return page;
}

test('a folder that was given to one application is not read by another, refused or not', async () => {
  const page = await opened('memory');
  const told = await page.evaluate(async ([x, y, wants]) => {
    const [harmless, secret] = [await folder('harmless'), await folder('private')];
    const told = { x: await install(x, harmless), started: await start('x'), before: await found('x') };
    told.denied = await install(wants, secret);
    told.conflict = await install(y, secret);
    told.listed = await install(y, files('private'));
    told.mounted = await failure(kernel.mount('repo', secret));
    told.running = await install(x, secret);
    told.after = [await found('x'), await looked()];
    return told;
  }, [READER('x'), READER('y'), READER('y', ['connect /net/example.com:443'])]);
  assert.deepEqual([told.x, told.started, told.before], [null, null, 'harmless'], JSON.stringify(told));
  assert.equal(told.denied.code, 'denied', JSON.stringify(told.denied));
  for (const what of ['conflict', 'listed', 'mounted', 'running']) assert.deepEqual([told[what]?.code, told[what]?.typed], ['conflict', true], `${what}: ${JSON.stringify(told[what])}`);
  assert.match(told.conflict.message, /which was given to `x`; remove `x` first/);
  assert.deepEqual(told.after, ['harmless', 'harmless']);
  // Nothing of a later start either.
  const later = await page.evaluate(async (y) => {
    await kernel.stop('x');
    await until('ended', ({ app }) => app === 'x');
    const conflict = await install(y, await folder('private'));
    return { conflict, started: await start('x'), found: await found('x') };
  }, READER('y'));
  assert.deepEqual([later.conflict.code, later.started, later.found], ['conflict', null, 'harmless'], JSON.stringify(later));
  await page.context().close();
});

test('one folder is given to two, and a name is free again when nobody that was given it is installed', async () => {
  const page = await opened('memory');
  const told = await page.evaluate(async ([x, y]) => {
    const told = { x: await install(x, await folder('harmless')), y: await install(y, await folder('harmless')) };
    told.first = await start('y');
    told.found = await found('y');
    await kernel.stop('y');
    await until('ended', ({ app }) => app === 'y');
    // One of them alone does not change it for the other; an application that was installed again has the other folder alone.
    told.taken = await install(y, await folder('private'));
    await kernel.act('remove', '/app/x');
    told.free = await install(y, await folder('private'));
    told.again = await start('y');
    told.then = await found('y');
    told.gone = await start('x');
    return told;
  }, [READER('x'), READER('y')]);
  assert.deepEqual([told.x, told.y, told.first, told.found], [null, null, null, 'harmless'], JSON.stringify(told));
  assert.equal(told.taken.code, 'conflict');
  assert.deepEqual([told.free, told.again, told.then], [null, null, 'private'], JSON.stringify(told));
  assert.equal(told.gone.code, 'not_found');
  await page.context().close();
});

test('a list of files ends with the kernel: what was installed before is started with what it is given again, or not at all', async () => {
  const page = await opened('opfs');
  const told = await page.evaluate(async ([x, y]) => {
    const told = { x: await install(x, files('harmless')) };
    await kernel.shutdown();
    await boot({ storage: 'opfs' });
    told.kept = await kernel.folders();
    told.unbound = await start('x');
    // It has no claim to the name before it is given something again.
    told.y = await install(y, await folder('private'));
    told.anothers = await start('x');
    await kernel.act('remove', '/app/y');
    await kernel.shutdown();
    await boot({ storage: 'opfs' });
    told.forgotten = await kernel.folders();
    await kernel.mount('repo', files('harmless'));
    told.mounted = await start('x');
    told.found = await found('x');
    told.held = await failure(kernel.mount('repo', await folder('private')));
    return told;
  }, [READER('x'), READER('y')]);
  assert.deepEqual([told.x, told.y, told.mounted, told.found, told.kept, told.forgotten], [null, null, null, 'harmless', [], []], JSON.stringify(told));
  assert.equal(told.unbound.code, 'not_found');
  assert.deepEqual([told.anothers.code, told.held.code], ['conflict', 'conflict']);
  assert.match(told.anothers.message, /was given to `y` and not to `x`/);
  await page.context().close();
});

test('a folder comes back with the next kernel, for those alone that were given it, and what stays runs on', async () => {
  const page = await opened('opfs');
  const told = await page.evaluate(async ([x, y]) => {
    const told = { x: await install(x, await folder('harmless')), started: await start('x') };
    await kernel.shutdown();
    globalThis.told.length = 0;
    await boot({ storage: 'opfs' });
    const kept = await kernel.folders();
    told.kept = kept.map(({ name, folder, mode, given, bound }) => [name, folder.name, mode, given, bound]);
    told.revived = await until('notice', ({ kind }) => kind === 'revived');
    told.found = await found('x');
    told.y = await install(y, await folder('private'));
    return told;
  }, [READER('x'), READER('y')]);
  assert.deepEqual([told.x, told.started], [null, null], JSON.stringify(told));
  assert.deepEqual(told.kept, [['repo', 'harmless', 'readwrite', ['x'], true]]);
  assert.ok(told.revived.pid > 0, JSON.stringify(told.revived));
  assert.deepEqual([told.found, told.y?.code], ['harmless', 'conflict']);
  // A reload is as good as a shutdown.
  const again = await tab(it.browser, it.server.url, page.context());
  await page.close();
  const { bound, revived } = await again.evaluate(async () => {
    await boot({ storage: 'opfs' });
    return { bound: (await kernel.folders()).map(({ bound }) => bound), revived: await until('notice', ({ kind }) => kind === 'revived') };
  });
  assert.deepEqual([bound, revived.pid > 0], [[true], true], JSON.stringify(revived));
  await again.context().close();
});

test('a folder for which the browser wants to ask waits, and so does what needs it', async () => {
  const page = await opened('opfs');
  const told = await page.evaluate(async ([x, y]) => {
    const told = { x: await install(x, await folder('harmless')), started: await start('x') };
    await kernel.shutdown();
    globalThis.told.length = 0;
    await boot({ storage: 'opfs', assets: '/asking/' });
    const [kept] = await kernel.folders();
    told.kept = [kept.name, kept.folder.name, kept.given, kept.bound];
    told.waits = await until('notice', ({ kind }) => kind === 'revived');
    told.unbound = await start('x');
    globalThis.told.length = 0;
    // What a page does once its user has said yes: here the handle asks nobody.
    told.asked = await kept.folder.queryPermission({ mode: kept.mode });
    await kernel.mount(kept.name, kept.folder);
    told.revived = await until('notice', ({ kind }) => kind === 'revived');
    told.found = await found('x');
    told.y = await install(y, await folder('private'));
    told.bound = (await kernel.folders()).map(({ given, bound }) => [given, bound]);
    return told;
  }, [READER('x'), READER('y')]);
  assert.deepEqual([told.x, told.started], [null, null], JSON.stringify(told));
  assert.deepEqual(told.kept, ['repo', 'harmless', ['x'], false]);
  assert.deepEqual([told.waits.app, told.waits.pid], ['x', null]);
  assert.match(told.waits.reason, /no folder is bound to its mount `repo`/);
  assert.equal(told.unbound.code, 'not_found');
  assert.deepEqual([told.asked, told.revived.pid > 0, told.found, told.y?.code], ['granted', true, 'harmless', 'conflict'], JSON.stringify(told));
  assert.deepEqual(told.bound, [[['x'], true]]);
  // Another folder in the place of one that waits is what its user gives: whoever had the first has no claim to it.
  const other = await page.evaluate(async (y) => {
    await kernel.stop('x');
    await until('ended', ({ app }) => app === 'x');
    await kernel.shutdown();
    await boot({ storage: 'opfs', assets: '/asking/' });
    const installed = await install(y, await folder('private'));
    return { installed, x: await start('x'), kept: (await kernel.folders()).map(({ folder, given }) => [folder.name, given]) };
  }, READER('y'));
  assert.deepEqual([other.installed, other.x?.code, other.kept], [null, 'conflict', [['private', ['y']]]], JSON.stringify(other));
  await page.context().close();
});
