// What the meters cost a component in a tab: the same component as it was written and metered, in turns in one worker.

import { readFile } from 'node:fs/promises';
import { $init, generate } from '@bytecodealliance/jco-transpile/component';
import { build } from 'esbuild';
import { open, ROOT, serve } from './browser.mjs';

/** Components, and what they are given to do. */
const WORKLOADS = [
  ['Rust', `${ROOT}examples/repo-audit/components/secrets.wasm`, 'scan'],
  ['QuickJS', `${ROOT}tests/fixtures/quickjs/guest.wasm`, 'work'],
];
if (process.env.WEFT_PYTHON) WORKLOADS.push(['Python', process.env.WEFT_PYTHON, 'work']);

/** Glue and modules as the transpiler's worker makes them, with what is served of them below `prefix`. */
function made(weft, component, metered, prefix, places) {
  const world = new weft.GuestWorld(component);
  const { files, imports } = generate(metered ? world.metered() : component, {
    name: 'guest',
    noTypescript: true,
    noNodejsCompat: true,
    noComponentErrorWrapping: true,
    instantiation: { tag: 'async' },
    base64Cutoff: 0,
    asyncMode: { tag: 'jspi', val: { imports: world.kernel.map((kernel) => `${kernel}#act`), exports: [`${world.guest}#handle`] } },
  });
  const set = { glue: '', modules: {}, fuel: [], kernel: imports[0] ?? null, guest: world.guest, metered };
  for (const [name, bytes] of files) {
    const address = `${prefix}${name}`;
    const isModule = name.endsWith('.wasm');
    places[address] = Buffer.from(isModule && metered ? weft.meter_guest_module(bytes) : bytes);
    if (!isModule) set.glue = address;
    else set.modules[name] = address;
    if (isModule && weft.is_fuel_meter(bytes)) set.fuel.push(name);
  }
  return set;
}

/** For each workload its name, and milliseconds a message without meters and with them. */
export async function overhead(browser) {
  await $init;
  const weft = await import('../dist/wasm/weft.js');
  await weft.default({ module_or_path: await readFile(`${ROOT}pkg/dist/weft.wasm`) });
  const { outputFiles } = await build({ entryPoints: [`${ROOT}pkg/test/harness/bare.ts`], outdir: '/', bundle: true, format: 'esm', write: false });
  const places = { '/': '<!doctype html><title>overhead</title>', '/bare.js': outputFiles[0].text };
  const prepared = [];
  for (const [name, path, work] of WORKLOADS) {
    const component = await readFile(path);
    const sets = [false, true].map((metered) => made(weft, component, metered, `/${name}/${metered ? 'metered' : 'bare'}/`, places));
    prepared.push({ name, sets, work });
  }
  const server = await serve(places);
  const found = [];
  for (const { name, sets, work } of prepared) {
    const { page, context } = await open(browser, server.url);
    const coming = page.waitForEvent('worker');
    await page.evaluate(() => new Promise((ready) => (new Worker('/bare.js', { type: 'module' }).onmessage = ready)));
    const worker = await coming;
    const [bare, metered] = await worker.evaluate((args) => beside(...args), [sets, work]);
    found.push({ name, bare, metered });
    await context.close();
  }
  await server.close();
  return found;
}
