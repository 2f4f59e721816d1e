// Puts what guests need where the conformance suite in a browser finds it: the package's own files, and the class that starts workers.

import { build } from 'esbuild';
import { copyFile, mkdir, rm } from 'node:fs/promises';

const PARTS = '../tests/tests/web/dist';

await rm(PARTS, { recursive: true, force: true });
await mkdir(PARTS, { recursive: true });
await build({ entryPoints: ['test/harness/suite.ts'], outdir: PARTS, bundle: true, format: 'esm', target: 'es2022', logLevel: 'warning' });
for (const name of ['weft.wasm', 'guest-worker.js', 'transpiler.js', 'transpiler.wasm']) await copyFile(`dist/${name}`, `${PARTS}/${name}`);
