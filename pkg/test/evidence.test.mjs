// Evidence: receipts and proofs made in a tab, and checked in one that has no kernel, also those of the command line.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { served, tab } from './tab.mjs';

const it = served('evidence');
/** Of a run of `weft run examples/repo-audit`: its key, what `weft receipt` printed of the courier's refused act, and two proofs. */
const native = JSON.parse(await readFile(new URL('native-evidence.json', import.meta.url), 'utf8'));

/** What a tab without a kernel finds in each of `files`. */
async function found(files, key) {
  const page = await tab(it.browser, it.server.url);
  const all = await page.evaluate(async ([files, key]) => Promise.all(files.map((file) => verifyEvidence(file, { key }).catch(({ code, message, name }) => ({ code, message, name })))), [files, key]);
  await page.context().close();
  return all;
}

/** `text` with another bit in byte `at` of the base64 member of JSON that `member` finds. */
function changed(text, member, at) {
  const file = JSON.parse(text);
  const [holder, name] = member(file);
  const bytes = Buffer.from(holder[name], 'base64');
  bytes[at] ^= 1;
  holder[name] = bytes.toString('base64');
  return JSON.stringify(file);
}

test('a receipt made in a tab says elsewhere what was intended, decided and done; a changed byte is refused with its code', async () => {
  const page = await tab(it.browser, it.server.url);
  const made = await page.evaluate(async () => {
    await boot({ storage: 'memory' });
    await kernel.act('write', '/tree/notes/one', { replace: true }, new TextEncoder().encode('kept'));
    // What happened a moment ago may not be stored yet.
    await kernel.chain.checkpoint();
    const { events } = await kernel.chain.events({ limit: 10_000 });
    const { action } = events.find(({ kind, content }) => kind === 'intent' && content.facts.resource === '/tree/notes/one');
    return {
      action,
      receipt: await kernel.receipt(action),
      withBody: await kernel.receipt(action, { body: true }),
      none: await failure(kernel.receipt(999_999)),
      key: await kernel.chain.key(),
    };
  });
  await page.context().close();
  assert.deepEqual([made.none.code, made.none.typed], ['not_found', true]);
  const { action, receipt, withBody, key } = made;
  const event = (i) => (file) => [file.events[i], 'event'];
  const cut = (from, what) => JSON.stringify({ ...JSON.parse(from), ...what(JSON.parse(from)) });
  const files = [
    receipt, withBody,
    // Any byte of an event, of a proof, of the body, of the signature; and one part less.
    changed(receipt, event(0), 40), changed(receipt, event(1), 40), changed(receipt, ({ events: [{ proof }] }) => [proof, 0], 3),
    changed(withBody, ({ body }) => [body, 'body'], 10),
    cut(receipt, ({ checkpoint }) => ({ checkpoint: checkpoint.replace(/^(— \S+ .{20})(.)/m, (_, before, one) => before + (one === 'A' ? 'B' : 'A')) })),
    cut(receipt, ({ events }) => ({ events: events.slice(0, 1) })),
    cut(receipt, ({ events }) => ({ events: events.slice(1) })),
    cut(receipt, () => ({ more: 1 })), 'nothing', 'x'.repeat(3 << 20),
  ];
  const [said, whole, ...refused] = await found(files, key);
  assert.deepEqual([said.evidence, said.action, said.key, said.body, whole.body], ['receipt', action, key, false, true], JSON.stringify(said));
  assert.match(said.intended, /operator .*`write` \/tree\/notes\/one/);
  assert.match(said.decided[0], /^permitted: the right `write \/tree\/\*\*` permits it/);
  assert.match(said.outcome, /^done/);
  assert.deepEqual([said.events.map(({ kind }) => kind), said.detail.verb], [['intent', 'outcome'], 'write']);
  assert.deepEqual(refused.map(({ code }) => code), [
    'forked', 'forked', 'forked', 'binding_failed', 'key_untrusted', 'outcome_missing', 'admission_missing', 'invalid', 'invalid', 'invalid',
  ], JSON.stringify(refused));
  assert.ok(refused.every(({ name, message }) => name === 'KernelError' && message.length > 10), JSON.stringify(refused));
  const [[other], [noKey], [none]] = await Promise.all([found([receipt], native.key), found([receipt], 'a key'), found([receipt], undefined)]);
  assert.deepEqual([other.code, noKey.code, none.code], ['key_untrusted', 'invalid', 'key_untrusted']);
});

test('what the command line printed is checked in a tab', async () => {
  const files = [native.receipt, native.inclusion, native.consistency].map((file) => JSON.stringify(file));
  const [receipt, inclusion, consistency] = await found(files, native.key);
  assert.match(receipt.intended, /^courier .* of repo-audit wanted to `connect` \/net\/exfil\.example\.com:443/, JSON.stringify(receipt));
  assert.match(receipt.decided[0], /^refused as denied/);
  assert.deepEqual([receipt.outcome, receipt.key, receipt.size], ['nothing was done', native.key, 114]);
  assert.deepEqual([inclusion.evidence, inclusion.event.kind, inclusion.event.action], ['inclusion', 'refused', receipt.action]);
  assert.deepEqual([consistency.evidence, consistency.old.size], ['consistency', 50]);
  const [torn] = await found([changed(files[0], ({ events: [one] }) => [one, 'event'], 60)], native.key);
  assert.equal(torn.code, 'forked', JSON.stringify(torn));
});

test('the tree is listed page by page and read, and a node is proved to a tab without a kernel, also one that is not there', async () => {
  const page = await tab(it.browser, it.server.url);
  const made = await page.evaluate(async () => {
    await boot({ storage: 'memory' });
    const write = (path, value, head = {}) => kernel.act('write', path, { replace: true, ...head }, new TextEncoder().encode(value));
    await write('/tree/notes', 'above');
    await write('/tree/notes/10', 'ten', { labels: ['private'], kind: 'note' });
    await write('/tree/notes/9', 'nine');
    for (let i = 0; i < 1_001; i += 100) await Promise.all(Array.from({ length: Math.min(100, 1_001 - i) }, (_, j) => write(`/tree/many/n${i + j}`, '')));
    const first = await kernel.tree.list('/tree/many');
    return {
      root: await kernel.tree.list(),
      notes: await kernel.tree.list('/tree/notes'),
      pages: [first.children.length, (await kernel.tree.list('/tree/many', first.next)).children.length],
      value: text(await kernel.tree.get('/tree/notes/10')),
      failures: await Promise.all([kernel.tree.get('/tree/none'), kernel.tree.get('/fs/x'), kernel.tree.list('/fs'), kernel.tree.prove('tree')].map(failure)),
      proof: await kernel.tree.prove('/tree/notes/10'),
      absent: await kernel.tree.prove('/tree/notes/none'),
      key: await kernel.chain.key(),
    };
  });
  await page.context().close();
  assert.deepEqual(made.root.children.map(({ name, node, parent }) => [name, node?.version ?? null, parent]), [['many', null, true], ['notes', 1, true]]);
  assert.deepEqual(made.notes.children.map(({ name, bytes, node: { labels, kind } }) => [name, bytes, labels, kind]), [['10', 3, ['private'], 'note'], ['9', 4, [], '']]);
  assert.deepEqual([made.pages, made.value, made.notes.next], [[1_000, 1], 'ten', null]);
  assert.deepEqual(made.failures.map(({ code, typed }) => [code, typed]), [['not_found', true], ['invalid', true], ['invalid', true], ['invalid', true]]);
  const other = (from, what) => JSON.stringify({ ...JSON.parse(from), ...what });
  const [event] = JSON.parse(made.proof).events;
  const [there, gone, ...refused] = await found([
    made.proof, made.absent,
    other(made.proof, { path: '/tree/notes/9' }), other(made.absent, { path: '/tree/notes/9' }), other(made.proof, { events: [{ ...event, seq: 0 }] }),
  ], made.key);
  assert.deepEqual([there.evidence, there.path, there.node.version, there.node.labels, there.key], ['node', '/tree/notes/10', 1, ['private'], made.key], JSON.stringify(there));
  assert.deepEqual([gone.path, gone.node], ['/tree/notes/none', null]);
  assert.deepEqual(refused.map(({ code }) => code), ['binding_failed', 'binding_failed', 'chain_gap']);
  const [stranger] = await found([made.proof], native.key);
  assert.equal(stranger.code, 'key_untrusted');
});
