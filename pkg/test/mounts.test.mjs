// Which folder a name of a mount is, and for whom.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { served, tab } from './tab.mjs';

const it = served('mounts');

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

test('what was installed before is started with its own folder or not at all', async () => {
  const page = await opened('opfs');
  const told = await page.evaluate(async ([x, y]) => {
    const told = { x: await install(x, await folder('harmless')) };
    await kernel.shutdown();
    await boot({ storage: 'opfs' });
    // Handles end with the kernel that had them.
    told.unbound = await start('x');
    // It has no claim to the name before it has its folder again.
    told.y = await install(y, await folder('private'));
    told.anothers = await start('x');
    await kernel.shutdown();
    await boot({ storage: 'opfs' });
    await kernel.mount('repo', await folder('harmless'));
    told.mounted = await start('x');
    told.found = await found('x');
    told.held = await failure(kernel.mount('repo', await folder('private')));
    return told;
  }, [READER('x'), READER('y')]);
  assert.deepEqual([told.x, told.y, told.mounted, told.found], [null, null, null, 'harmless'], JSON.stringify(told));
  assert.equal(told.unbound.code, 'not_found');
  assert.deepEqual([told.anothers.code, told.held.code], ['conflict', 'conflict']);
  assert.match(told.anothers.message, /was given to `y` and not to `x`/);
  await page.context().close();
});
