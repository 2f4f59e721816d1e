// What a page waits for, on this machine: `npm run measure`. Prints medians beside the bars; fails nothing.

import { launch, open, ROOT, serve } from './browser.mjs';

const server = await serve({ '/': '<!doctype html><title>measure</title>', '/weft/': { folder: `${ROOT}pkg/dist/` }, '/repo-audit/': { folder: `${ROOT}examples/repo-audit/` }, '/guests/': { folder: `${ROOT}tests/fixtures/guests/` } });
const browser = await launch();
const { page } = await open(browser, server.url);
const line = (what, value, bar) => console.log(`${what.padEnd(82)} ${value.padStart(10)}   bar: ${bar}`);
const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

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
line('boot, first', ms(boots[0]), '400 ms cold');
line('boot, median of the others', ms(boots.slice(1).sort((a, b) => a - b)[3]), '150 ms warm');

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
line('an application of one component, from start to end', ms(acts.start), '-');
line('an act of a component, there and back', ms(acts.act), '1 ms');

/** Processor seconds that the browser has used until now, all of its processes together. */
const protocol = await browser.newBrowserCDPSession();
const used = async () => (await protocol.send('SystemInfo.getProcessInfo')).processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);

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
  line(`${what}: install`, ms(install), '-');
  line(`${what}: install and run`, ms(install + run), '5,000 ms');
  line(`${what}: processor`, ms((await used() - before) * 1_000), '-');
}
const verify = await page.evaluate(async () => {
  const begun = performance.now();
  const { size } = await kernel.chain.verify();
  return { size, took: performance.now() - begun };
});
line(`verify ${verify.size} events`, `${Math.round(verify.size / verify.took * 1000)}/s`, '200,000/s');
await browser.close();
await server.close();
