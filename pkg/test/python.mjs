// A guest in Python, whose component is too large to be kept: WEFT_PYTHON says where it lies, and beside it lies what its messages
// cost natively. `tests/ci.sh python` builds it, and runs both.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { differing, end, handle, runsAway, start, tabOfGuests } from './fuel.mjs';

const path = process.env.WEFT_PYTHON;
if (!path) throw new Error('WEFT_PYTHON is not set: run tests/ci.sh python');
const PYTHON = 'python.wasm';
/** Its interpreter alone takes more than guests usually have. */
const MEMORY = 256 << 20;

tabOfGuests({ [`/${PYTHON}`]: await readFile(path) });

test('messages of a guest in Python cost what they cost natively', async () => {
  const messages = JSON.parse(await readFile(path.replace(/wasm$/, 'fuel.json'), 'utf8'));
  assert.ok(messages.length >= 3);
  const guest = await start(PYTHON, undefined, MEMORY);
  assert.deepEqual(await differing(guest, PYTHON, messages), []);
  assert.equal((await handle(guest, { body: 'work' })).ok, '{"last": 1005, "words": ["quick", "brown", "jumps", "over", "lazy"]}');
  await end(guest);
});

test('one in Python that runs away is ended by its fuel, within a tenth of a second', () => runsAway(PYTHON, 'loop', MEMORY));

test('one in Python that takes memory without end is stopped at its limit', async () => {
  const hog = await start(PYTHON, undefined, MEMORY);
  const { fault } = await handle(hog, { body: 'hold' });
  assert.equal(fault.kind, 'memory', JSON.stringify(fault));
  await end(hog);
});
