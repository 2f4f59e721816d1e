// What a page waits for, on this machine: `npm run measure`. Prints medians beside the bars; fails nothing.

import { launch, open, ROOT, serve } from './browser.mjs';
import { overhead } from './overhead.mjs';

const server = await serve({ '/': '<!doctype html><title>measure</title>', '/weft/': { folder: `${ROOT}pkg/dist/` }, '/repo-audit/': { folder: `${ROOT}examples/repo-audit/` }, '/guests/': { folder: `${ROOT}tests/fixtures/guests/` } });
const browser = await launch();
const { page } = await open(browser, server.url);
/** One line; `bar` is `[text, met]`, or nothing for what has none. */
const line = (what, value, bar) => console.log(bar ? `bar: ${what}: ${value}; bar ${bar[0]}: ${bar[1] ? 'met' : 'MISSED'}` : `     ${what}: ${value}; no bar`);
const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const atMost = (most, value) => [`at most ${most.toLocaleString('en')} ms`, value <= most];

/** Processor seconds that the browser has used until now, all of its processes together. */
const protocol = await browser.newBrowserCDPSession();
const used = async () => (await protocol.send('SystemInfo.getProcessInfo')).processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);

const beforeBoots = await used();
/** Times boots of a kernel in this page, each of a name of its own. */
const boots = await page.evaluate(async () => {
  const { Kernel } = await import('/weft/index.js');
  const took = [];
  for (let i = 0; i < 7; i++) {
    const begun = performance.now();
    const kernel = await Kernel.boot({ storage: 'opfs', name: `boot-${i}` });
    took.push(performance.now() - begun);
    await kernel.shutdown();
  }
  return took;
});
line('boot, cold', ms(boots[0]), atMost(400, boots[0]));
const warm = boots.slice(1).sort((a, b) => a - b)[3];
line('boot, warm', ms(warm), atMost(150, warm));
line('boot and shutdown: processor', ms((await used() - beforeBoots) * 1_000 / boots.length));

const acts = await page.evaluate(async () => {
  const { Kernel } = await import('/weft/index.js');
  const kernel = await Kernel.boot({ storage: 'opfs', name: 'acts' });
  const app = (steps) => `
    [app]
    name = "acts"
    version = "1.0.0"
    description = "Acts"
    [[agent]]
    name = "actor"
    program = { wasm = "script.wasm" }
    instance = "kept"
    use = ["publish /topic/acts.*"]
    args = "${steps}"`;
  const files = { 'script.wasm': new Uint8Array(await (await fetch('/guests/script.wasm')).arrayBuffer()) };
  const took = [];
  for (const steps of ['log warm', 'log nothing', 'repeat 2000 publish /topic/acts.t']) {
    await kernel.install({ manifest: app(steps), files });
    const ended = new Promise((end) => kernel.on('ended', end));
    const begun = performance.now();
    await kernel.start('acts');
    await ended;
    took.push(performance.now() - begun);
  }
  await kernel.shutdown();
  return { start: took[1], act: (took[2] - took[1]) / 2000 };
});
line('an application of one component, from start to end', ms(acts.start));
line('an act of a component, there and back', ms(acts.act), atMost(1, acts.act));

await page.evaluate(() => {
  const words = 'let const return the of for while if value key name = ( ) { } ; 0 1 2 import from struct impl'.split(' ');
  let seed = 7;
  const next = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const text = (length) => { let s = ''; while (s.length < length) s += words[Math.floor(next() * words.length)] + (next() < 0.15 ? '\n' : ' '); return s; };
  globalThis.files = Array.from({ length: 2000 }, (_, i) => [`src/d${i % 40}/f${i}.rs`, new File([text(10_000)], `f${i}.rs`)]);
});
/** From a kernel that was just booted: what is measured is what a person waits for after the consent. */
for (const name of ['transpiled anew', 'transpiled anew, checked 2 s before', 'from the cache']) {
  await page.evaluate(() => globalThis.kernel?.shutdown());
  const before = await used();
  const { install, run, files } = await page.evaluate(async (name) => {
    const { App, Kernel } = await import('/weft/index.js');
    if (name !== 'from the cache') await caches.delete('weft-glue');
    const kernel = (globalThis.kernel = await Kernel.boot({ storage: 'opfs', name: 'audit' }));
    if (name.includes('checked')) {
      await kernel.check(await App.fetch('/repo-audit/'));
      await new Promise((later) => setTimeout(later, 2_000));
    }
    const begun = performance.now();
    await kernel.install('/repo-audit/', { mounts: { repo: { files: globalThis.files }, out: 'opfs' } });
    const installed = performance.now();
    const ended = new Promise((end) => kernel.on('ended', end));
    await kernel.start('repo-audit');
    await ended;
    return { install: installed - begun, run: performance.now() - installed, files: globalThis.files.length };
  }, name);
  const what = `repo-audit, ${files} files of 20 MB, ${name}`;
  line(`${what}: install`, ms(install));
  line(`${what}: install and run`, ms(install + run), atMost(5_000, install + run));
  line(`${what}: processor`, ms((await used() - before) * 1_000));
}
const beforeVerify = await used();
const verify = await page.evaluate(async () => {
  const took = [];
  let size;
  for (let i = 0; i < 11; i++) {
    const begun = performance.now();
    ({ size } = await kernel.chain.verify());
    took.push(performance.now() - begun);
  }
  return { size, took: took.sort((a, b) => a - b)[5] };
});
const rate = Math.round(verify.size / verify.took * 1000);
line(`verify ${verify.size} events of repo-audit`, `${rate} a second`, ['at least 200,000 a second', rate >= 200_000]);
// On a machine that does something else as well.
line(`verify ${verify.size} events of repo-audit: processor`, `${Math.round(11 * verify.size / (await used() - beforeVerify))} a second`);

/** Guests, each in a worker of its own, that stay. */
const many = await page.evaluate(async () => {
  const { Kernel } = await import('/weft/index.js');
  const kernel = await Kernel.boot({ storage: 'memory', name: 'many' });
  const agents = Array.from({ length: 64 }, (_, i) => `
    [[agent]]
    name = "g${i}"
    program = { wasm = "echo.wasm" }
    instance = "kept"
    limits = { memory = "16MiB" }`);
  const manifest = `
    [app]
    name = "many"
    version = "1.0.0"
    description = "Many"
    [budget]
    memory = "1GiB"
    ${agents.join('')}`;
  await kernel.install({ manifest, files: { 'echo.wasm': new Uint8Array(await (await fetch('/guests/echo.wasm')).arrayBuffer()) } });
  const begun = performance.now();
  await kernel.start('many', { until: 'stopped' });
  const took = performance.now() - begun;
  const living = (await kernel.processes()).filter(({ name, state }) => /^g\d+$/.test(name) && state === 'running');
  const answers = await Promise.all(living.map(async ({ pid }) => new TextDecoder().decode(await kernel.call(`/proc/${pid}`, 'hello'))));
  await kernel.shutdown();
  return { living: answers.filter((said) => said === 'hello').length, took };
});
line('64 guests that are components', `${many.living} live and answer, started in ${ms(many.took)}`, ['64', many.living === 64]);

/** Agents that are compiled in: tools of the page are such. Registered beside each other, as a page does that has many. */
const tools = await page.evaluate(async () => {
  const { Kernel } = await import('/weft/index.js');
  const kernel = await Kernel.boot({ storage: 'memory', name: 'tools' });
  const begun = performance.now();
  for (let i = 0; i < 10_000; i += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, j) => kernel.registerTool(`t${i + j}`, { effect: {}, schema: true }, () => 'said')));
  }
  const took = performance.now() - begun;
  const living = (await kernel.processes()).filter(({ name, exit }) => name.startsWith('tool.') && exit === '').length;
  const said = new TextDecoder().decode(await kernel.call('/tool/t9999'));
  await kernel.shutdown();
  return { living: said === '"said"' ? living : 0, took };
});
line('10,000 tools of a page, each an agent', `${tools.living} live after ${ms(tools.took)}`, ['10,000', tools.living === 10_000]);

for (const { name, bare, metered } of await overhead(browser)) {
  line(`the meters of a component in ${name}`, `${(100 * (metered / bare - 1)).toFixed(1)} % (${bare.toFixed(3)} ms a message without, ${metered.toFixed(3)} ms with)`);
}
await browser.close();
await server.close();
