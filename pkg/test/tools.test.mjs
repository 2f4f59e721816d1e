// Functions of a page as tools: called through the gate, held to what was declared, gone with their page.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { served, tab } from './tab.mjs';

const it = served('tools');

/** An application of puppets, each of which does what its line says and then what it is told. */
const APP = (name, agents) => `
[app]
name = "${name}"
version = "1.0.0"
description = "Puppets"
${agents
  .map(
    ({ agent, uses = [], does = '' }) => `
[[agent]]
name = "${agent}"
program = { wasm = "puppet.wasm" }
instance = "kept"
use = ${JSON.stringify(uses)}
args = ${JSON.stringify(does)}
`,
  )
  .join('')}`;

/** Installs and starts it, so that it stays; the transcript of what each puppet does is had by `tell`. */
async function run(page, name, agents, allow = []) {
  await page.evaluate(
    async ([manifest, name, allow]) => {
      await kernel.install(await one(manifest, 'puppet'), { allow });
      await kernel.start(name, { until: 'stopped' });
      globalThis.tell = async (agent, script) => {
        const { pid } = (await kernel.processes()).find((row) => row.name === agent && row.state === 'running');
        return text(await kernel.call(`/proc/${pid}`, script));
      };
    },
    [APP(name, agents), name, allow],
  );
}

const ADD = `{ effect: { risk: 300 }, schema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'], additionalProperties: false }, labels: ['private'], clearance: ['private'] }`;

test('an agent calls a function of the page: through the gate, with an intent and an outcome, and labelled', async () => {
  const page = await tab(it.browser, it.server.url);
  await page.evaluate(() => boot({ storage: 'memory' }));
  await page.evaluate(`kernel.registerTool('add', ${ADD}, async ({ a, b }, { caller }) => (globalThis.caller = caller, { sum: a + b })).then((tool) => (globalThis.tool = tool))`);
  await run(page, 'sums', [{ agent: 'asker', uses: ['call /tool/add'] }, { agent: 'stranger' }], ['call /tool/add']);
  const told = await page.evaluate(async () => ({
    sum: await tell('asker', 'act call /tool/add - {"a":1,"b":2}'),
    carries: await tell('asker', 'act read /proc/self'),
    caller,
    pid: (await kernel.processes()).find(({ name }) => name === 'asker').pid,
    unfit: await tell('asker', 'act call /tool/add - {"a":1}\nact call /tool/add - {"a":1,"b":2,"c":3}\nact call /tool/add - {"a":"1","b":2}'),
    stranger: await tell('stranger', 'act call /tool/add - {"a":1,"b":2}'),
    mine: JSON.parse(text(await kernel.call('/tool/add', { a: 20, b: 22 }))),
    name: tool.name,
  }));
  assert.equal(told.sum, 'ok {"labels":["private"]} | {"sum":3}');
  assert.match(told.carries, /"labels":\["private"\]/);
  assert.equal(told.caller, `/proc/${told.pid}`);
  assert.deepEqual(told.unfit.split('\n').map((line) => line.split(': ')[0]), ['invalid', 'invalid', 'invalid'], told.unfit);
  assert.match(told.unfit, /\/b is missing[^]*\/c may not be given[^]*\/a has to be of type number/);
  assert.match(told.stranger, /^denied: /);
  assert.deepEqual(told.mine, { sum: 42 });
  assert.equal(told.name, 'add');
  // Verifying stores what was recorded a moment ago.
  const { ok, events } = await page.evaluate(async () => ({ ok: (await kernel.chain.verify()).ok, events: (await kernel.chain.events({ limit: 1000 })).events }));
  assert.equal(ok, true);
  const calls = events.filter(({ kind, content }) => kind === 'intent' && content.facts?.resource === '/tool/add');
  const outcomes = calls.map(({ action }) => events.find((event) => event.kind === 'outcome' && event.action === action)?.content.result);
  assert.deepEqual(outcomes, ['done', 'invalid', 'invalid', 'invalid', 'done']);
  assert.equal(calls[0].content.facts.effect.risk, 300);
  await page.context().close();
});

test('what is declared only raises, and a tool that says nothing of its effect may do anything', async () => {
  const page = await tab(it.browser, it.server.url);
  const told = await page.evaluate(async () => {
    await boot({ storage: 'memory' });
    const any = { schema: true };
    await kernel.registerTool('strong', { ...any, effect: { security: 9000, risk: 2000 } }, () => 1);
    await kernel.registerTool('unsaid', any, () => 1);
    await kernel.registerTool('mild', { ...any, effect: {} }, () => 1);
    return {
      strong: await failure(kernel.call('/tool/strong')),
      unsaid: await failure(kernel.call('/tool/unsaid')),
      mild: text(await kernel.call('/tool/mild')),
      secret: await failure(kernel.call('/tool/mild', {}, { labels: ['secret'] })),
      taken: await failure(kernel.registerTool('mild', { ...any, effect: {} }, () => 2)),
      effect: await failure(kernel.registerTool('other', { ...any, effect: { risk: 10_001 } }, () => 2)),
      schema: await failure(kernel.registerTool('other', { schema: { pattern: '^a' }, effect: {} }, () => 2)),
      name: await failure(kernel.registerTool('not a name', { ...any, effect: {} }, () => 2)),
      processes: (await kernel.processes()).filter(({ name, state }) => name.startsWith('tool.') && state === 'running').map(({ name }) => name),
    };
  });
  for (const [what, code] of [['strong', 'denied'], ['unsaid', 'denied'], ['secret', 'denied'], ['taken', 'conflict'], ['effect', 'invalid'], ['schema', 'invalid'], ['name', 'invalid']]) {
    assert.deepEqual([told[what]?.code, told[what]?.typed], [code, true], `${what}: ${JSON.stringify(told[what])}`);
  }
  assert.match(told.schema.message, /`pattern`/);
  assert.equal(told.mild, '1');
  assert.deepEqual(told.processes, ['tool.strong', 'tool.unsaid', 'tool.mild']);
  await page.context().close();
});

test('what a function throws, and what it cannot answer, is an error with a code; bytes are answered as they are', async () => {
  const page = await tab(it.browser, it.server.url);
  const told = await page.evaluate(async () => {
    await boot({ storage: 'memory' });
    const any = { schema: true, effect: {} };
    const register = (name, run) => kernel.registerTool(name, any, run);
    await register('throws', () => { throw new TypeError('it broke'); });
    await register('rejects', () => Promise.reject('no reason'));
    await register('circle', () => { const it = {}; it.it = it; return it; });
    await register('large', () => new Uint8Array((1 << 20) + 1));
    await register('bytes', (args, { signal }) => new Uint8Array([1, 2, signal.aborted ? 1 : 3]));
    await register('nothing', () => {});
    const codes = {};
    for (const name of ['throws', 'rejects', 'circle', 'large']) codes[name] = await failure(kernel.call(`/tool/${name}`));
    return { codes, bytes: [...(await kernel.call('/tool/bytes'))], nothing: text(await kernel.call('/tool/nothing')) };
  });
  for (const [name, code, says] of [['throws', 'failed', /it broke$/], ['rejects', 'failed', /no reason$/], ['circle', 'failed', /circular/i], ['large', 'too_large', /1048576/]]) {
    assert.deepEqual([told.codes[name].code, told.codes[name].typed], [code, true]);
    assert.match(told.codes[name].message, says);
  }
  assert.deepEqual(told.bytes, [1, 2, 3]);
  assert.equal(told.nothing, 'null');
  await page.context().close();
});

test('a call that nobody waits for any more is aborted: its deadline, its caller, its tool', async () => {
  const page = await tab(it.browser, it.server.url);
  await page.evaluate(() => boot({ storage: 'memory' }));
  await page.evaluate(() => {
    globalThis.aborted = [];
    globalThis.slow = ({ of }, { signal }) => new Promise(() => { told.push(['called', of]); signal.onabort = () => aborted.push(of); });
    return kernel.registerTool('slow', { effect: {}, schema: { required: ['of'] } }, slow).then((tool) => (globalThis.tool = tool));
  });
  const late = await page.evaluate(async () => {
    const late = await failure(kernel.call('/tool/slow', { of: 'deadline' }, { deadline_ms: 100 }));
    while (!aborted.includes('deadline')) await new Promise((later) => setTimeout(later, 10));
    return late;
  });
  assert.equal(late.code, 'timed_out', JSON.stringify(late));
  await run(page, 'calls', [{ agent: 'asker', uses: ['call /tool/slow'] }], ['call /tool/slow']);
  const told = await page.evaluate(async () => {
    const { pid } = (await kernel.processes()).find(({ name }) => name === 'asker');
    await kernel.act('send', `/proc/${pid}`, {}, new TextEncoder().encode('do act call /tool/slow - {"of":"caller"}'));
    await until('called', (of) => of === 'caller');
    await kernel.kill(pid);
    while (!aborted.includes('caller')) await new Promise((later) => setTimeout(later, 10));
    const open = failure(kernel.call('/tool/slow', { of: 'tool' }));
    await until('called', (of) => of === 'tool');
    await tool.unregister();
    return { aborted, open: await open, after: await failure(kernel.call('/tool/slow', { of: 'x' })), twice: await tool.unregister() };
  });
  assert.deepEqual(told.aborted, ['deadline', 'caller', 'tool']);
  assert.equal(told.open.code, 'failed', JSON.stringify(told.open));
  assert.deepEqual([told.after.code, told.after.typed], ['not_found', true]);
  const again = await page.evaluate(async () => {
    const killed = await kernel.registerTool('slow', { effect: {}, schema: true }, () => 1);
    const { pid } = (await kernel.processes()).find(({ name, state }) => name === 'tool.slow' && state === 'running');
    await kernel.kill(pid);
    await kernel.registerTool('slow', { effect: {}, schema: true }, () => 2);
    await killed.unregister();
    return text(await kernel.call('/tool/slow'));
  });
  assert.equal(again, '2');
  await page.context().close();
});

test('labels of one call do not reach the next', async () => {
  const page = await tab(it.browser, it.server.url);
  await page.evaluate(() => boot({ storage: 'memory' }));
  await page.evaluate(() => kernel.registerTool('echo', { effect: {}, schema: true }, (args) => args));
  const told = await page.evaluate(async () => {
    const reply = async (labels) => text(await kernel.act('call', '/tool/echo', { labels }, new TextEncoder().encode('7')));
    // Labels that are asked about: the page's user allows it.
    kernel.on('ask', ({ action }) => kernel.answer(action, true));
    return [await reply([]), await failure(kernel.act('call', '/tool/echo', { labels: ['untrusted'] }, new TextEncoder().encode('7'))), await reply([])];
  });
  assert.equal(told[0], '{"labels":[]}\n7');
  assert.equal(told[2], told[1] === null ? '{"labels":["untrusted"]}\n7' : '{"labels":[]}\n7');
  await page.context().close();
});

test('a tool of a tab that is attached works, goes with its tab, and with the kernel that it was registered with', async () => {
  const first = await tab(it.browser, it.server.url);
  await first.evaluate(() => boot({ storage: 'opfs' }));
  const [second, third] = [await tab(it.browser, it.server.url, first.context()), await tab(it.browser, it.server.url, first.context())];
  for (const page of [second, third]) {
    await page.evaluate(() => boot({ storage: 'opfs' }));
    assert.equal(await page.evaluate(() => kernel.owner), false);
  }
  await second.evaluate(() => kernel.registerTool('where', { effect: {}, schema: true }, () => 'second'));
  await third.evaluate(() => kernel.registerTool('other', { effect: {}, schema: true }, (args, { signal }) => new Promise(() => (signal.onabort = () => told.push(['aborted'])))));
  assert.equal(await first.evaluate(async () => text(await kernel.call('/tool/where'))), '"second"');
  // The tab goes: so does its tool, and the kernel stays.
  await second.close();
  const gone = await first.evaluate(async () => {
    for (;;) {
      const refused = await failure(kernel.call('/tool/where', {}, { deadline_ms: 200 }));
      if (refused?.code === 'not_found') return refused;
    }
  });
  assert.equal(gone.typed, true);
  await first.evaluate(() => kernel.registerTool('mine', { effect: {}, schema: true }, () => 'first'));
  const calling = third.evaluate(() => failure(kernel.call('/tool/other', {}, { deadline_ms: 20_000 })));
  await first.evaluate(async () => {
    while (!(await kernel.processes()).some(({ name, messages, state }) => name === 'tool.other' && state === 'running' && messages > 1)) await new Promise((later) => setTimeout(later, 10));
  });
  // The kernel goes with its tab: the next one knows no tool, and the page is told that it is another kernel.
  await first.close();
  await third.evaluate(() => until('owner', ({ owner }) => owner));
  assert.equal((await calling).code, 'cancelled');
  const after = await third.evaluate(async () => {
    await until('aborted');
    return { other: await failure(kernel.call('/tool/other')), mine: await failure(kernel.call('/tool/mine')), ok: (await kernel.chain.verify()).ok };
  });
  assert.deepEqual([after.other.code, after.mine.code, after.ok], ['not_found', 'not_found', true]);
  await third.reload();
  await third.context().close();
});

test('an application that stays is called by its services, and one that names its end ends with that agent', async () => {
  const page = await tab(it.browser, it.server.url);
  await page.evaluate(() => boot({ storage: 'memory' }));
  const manifest = `${APP('stays', [{ agent: 'clerk', uses: ['register /svc/report'], does: 'act register /svc/report' }])}
[[service]]
name = "report"
owner = "clerk"
`;
  const told = await page.evaluate(async (manifest) => {
    await kernel.install(await one(manifest, 'puppet'));
    await kernel.start('stays', { until: 'stopped' });
    await new Promise((later) => setTimeout(later, 300));
    const told = { now: text(await kernel.call('/svc/report', 'act read /proc/self')), again: await failure(kernel.start('stays')), wrong: await failure(kernel.start('stays', { until: 'noon' })) };
    await kernel.stop('stays');
    return { ...told, ended: await until('ended'), after: await failure(kernel.call('/svc/report')) };
  }, manifest);
  assert.match(told.now, /^ok \{"pid":\d+/);
  assert.deepEqual([told.again.code, told.wrong.code, told.ended.ok, told.after.code], ['conflict', 'invalid', true, 'not_found']);
  const named = APP('named', [{ agent: 'named' }, { agent: 'clerk' }]).replace('description', 'ends_with = "named"\ndescription');
  const ended = await page.evaluate(async (manifest) => {
    told.length = 0;
    await kernel.install(await one(manifest, 'puppet'));
    await kernel.start('named', { until: 'stopped' });
    const { pid } = (await kernel.processes()).findLast(({ name, state }) => name === 'named' && state === 'running');
    await kernel.act('stop', `/proc/${pid}`);
    return until('ended');
  }, named);
  assert.deepEqual([ended.app, ended.ok], ['named', true]);
  await page.context().close();
});

test('an application that stays comes again after a reload, in another tab, and not when it was stopped', async () => {
  const page = await tab(it.browser, it.server.url);
  await page.evaluate(() => boot({ storage: 'opfs' }));
  const manifest = `${APP('stays', [{ agent: 'clerk', uses: ['register /svc/report'], does: 'act register /svc/report' }])}
[[service]]
name = "report"
owner = "clerk"
`.replace('name = "clerk"', 'name = "clerk"\nrestart = "permanent"');
  const asks = async (page, step) => page.evaluate(async (step) => {
    // Its service is there when its agent has handled its start.
    for (let tries = 0; ; tries++) {
      const failed = await failure(kernel.call('/svc/report', step).then((answer) => (globalThis.answer = text(answer))));
      if (!failed) return answer;
      if (tries > 200 || failed.code !== 'not_found') throw new Error(`${failed.code}: ${failed.message}`);
      await new Promise((later) => setTimeout(later, 50));
    }
  }, step);
  const pid = async (page) => Number(/"pid":(\d+)/.exec(await asks(page, 'act read /proc/self'))[1]);
  await page.evaluate(async (manifest) => {
    await kernel.install(await one(manifest, 'puppet'));
    await kernel.start('stays', { until: 'stopped' });
  }, manifest);
  const first = await pid(page);
  // One that traps is started again by its supervisor.
  await page.evaluate(() => failure(kernel.call('/svc/report', 'trap')));
  const second = await pid(page);
  assert.ok(second > first, `${second} ${first}`);
  const other = await tab(it.browser, it.server.url, page.context());
  await other.evaluate(() => boot({ storage: 'opfs' }));
  await page.close();
  await other.evaluate(() => until('notice', ({ kind, app }) => kind === 'revived' && app === 'stays'));
  const third = await pid(other);
  assert.ok(third > second, `${third} ${second}`);
  const again = await tab(it.browser, it.server.url, other.context());
  await other.close();
  await again.evaluate(() => boot({ storage: 'opfs' }));
  assert.ok((await pid(again)) > third);
  await again.evaluate(() => kernel.stop('stays'));
  assert.equal((await again.evaluate(() => kernel.chain.verify())).ok, true);
  const last = await tab(it.browser, it.server.url, again.context());
  await again.close();
  await last.evaluate(() => boot({ storage: 'opfs' }));
  await last.evaluate(() => new Promise((later) => setTimeout(later, 500)));
  assert.deepEqual((await last.evaluate(() => kernel.processes())).filter(({ name }) => name === 'clerk'), []);
  await last.context().close();
});
