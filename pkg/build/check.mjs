// Says what the built package weighs, and fails where it is not what it promises: too large, or in need of an environment.

import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

const bar = Number(process.argv[2]);
const size = async (name) => gzipSync(await readFile(name.includes('.txt') ? name : `dist/${name}`), { level: 9 }).length;
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1).padStart(8)} kB`;

let total = 0;
for (const name of ['weft.wasm', 'kernel-worker.js', 'index.js', 'guest-worker.js', 'THIRD-PARTY.txt']) {
  const bytes = await size(name);
  total += bytes;
  console.log(`${kilobytes(bytes)}  ${name}`);
}
console.log(`${kilobytes(total)}  in all, gzip -9; the bar is ${kilobytes(bar).trim()}`);
console.log(`${kilobytes((await size('transpiler.js')) + (await size('transpiler.wasm')))}  apart: the transpiler, loaded with the first new component`);
if (total > bar) throw new Error('over the bar');

const module = new WebAssembly.Module(await readFile('dist/weft.wasm'));
const foreign = WebAssembly.Module.imports(module).filter(({ module }) => !module.endsWith('weft_bg.js'));
if (foreign.length > 0) throw new Error(`dist/weft.wasm imports from ${foreign[0].module}`);
