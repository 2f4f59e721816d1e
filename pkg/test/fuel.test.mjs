// Fuel: what messages cost here is what they cost natively, and one that runs away is ended by it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { ROOT } from './browser.mjs';
import { differing, end, handle, runsAway, start, tabOfGuests } from './fuel.mjs';

tabOfGuests();

test('messages cost what they cost natively', async () => {
  const pinned = JSON.parse(await readFile(`${ROOT}tests/fixtures/fuel.json`, 'utf8'));
  const differ = [];
  for (const { component, messages } of pinned) {
    const guest = await start(component);
    differ.push(...(await differing(guest, component, messages)));
    await end(guest);
  }
  assert.deepEqual(differ, []);
});

test('one that runs away is ended by its fuel, within a tenth of a second, and no other', async () => {
  const bystander = await start('tests/fixtures/guests/echo.wasm');
  // The engine's second, faster code is made while the first runs: what is measured is a loop of both.
  for (const [component, body] of [['guests/looper', ''], ['quickjs/guest', 'loop']]) {
    await runsAway(`tests/fixtures/${component}.wasm`, body);
    assert.equal((await handle(bystander, { body: 'hello' })).ok, 'hello');
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
