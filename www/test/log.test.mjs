// What is kept of a log, without a page.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const entry = fileURLToPath(new URL('../src/log.ts', import.meta.url));
const { outputFiles } = await esbuild.build({ entryPoints: [entry], bundle: true, write: false, format: 'esm' });
const { Log, KEPT } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);

const event = (seq, kind, content) => ({ seq, action: seq, kind, content, time: '', unreadable: null });

test('whatever a log tells, what is kept of it is bounded', () => {
  const log = new Log();
  for (let from = 0; from < 120_000; from += 500) {
    log.add(Array.from({ length: 500 }, (_, i) => {
      const [seq, pid] = [from + i, 1 + ((from + i) >> 1)];
      if (seq % 2) return event(seq, 'refused', { pid, asked: `word${seq} /x`, code: 'invalid', reason: '' });
      return event(seq, 'route_opened', { facts: { pid, name: `agent-${pid}`, verb: 'send', resource: `/proc/${seq}` } });
    }));
  }
  assert.equal(log.entries.length, KEPT);
  assert.deepEqual([log.refusal(1), log.refusal(119_999)?.seq], [undefined, 119_999]);
  assert.equal(log.refusals.size, KEPT / 2);
  assert.ok(log.names.size <= 16_384 && log.said.size <= 16_384, `${log.names.size} ${log.said.size}`);
  assert.equal(log.names.get(60_000), 'agent-60000');
  assert.ok(log.verbs.size <= 64 && log.verbs.has('send'), `${log.verbs.size}`);
});

test('a process that goes on is not forgotten for those that came after it', () => {
  const log = new Log();
  for (let n = 0; n < 40_000; n += 2) {
    log.add([
      event(n, 'route_opened', { facts: { pid: 1, name: 'first', verb: 'send', resource: `/proc/${n}` } }),
      event(n + 1, 'route_opened', { facts: { pid: 2 + n, name: 'other', verb: 'send', resource: '/proc/1' } }),
    ]);
  }
  assert.equal(log.names.get(1), 'first');
  assert.deepEqual(log.said.get(1), { addresses: 20_000, messages: 20_000 });
});
