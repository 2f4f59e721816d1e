// Bundles the package's scripts, each into one file that imports nothing, so that it works wherever it is put: in a plain
// page, or copied and renamed by a bundler. What a script needs besides itself it is told the address of.

import { build } from 'esbuild';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { notices } from './notices.mjs';

const JCO = 'node_modules/@bytecodealliance/jco-transpile';
const BINDGEN = `${JCO}/vendor/js-component-bindgen-component`;

/** The transpiler's own modules: the large one by an address that it is told, the small one inside of the script. */
const bindgen = {
  name: 'bindgen',
  setup(build) {
    build.onLoad({ filter: /js-component-bindgen-component\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const small = (await readFile(`${BINDGEN}.core2.wasm`)).toString('base64');
      const address = (name) => `fetchCompile(new URL('./js-component-bindgen-component.${name}.wasm', import.meta.url))`;
      for (const name of ['core', 'core2']) {
        if (source.split(address(name)).length !== 2) throw new Error(`the transpiler does not load ${name} as it used to`);
      }
      const contents = source
        .replace(address('core'), 'globalThis.bindgenModule')
        .replace(address('core2'), `WebAssembly.compile(Uint8Array.from(atob('${small}'), (c) => c.charCodeAt(0)))`);
      return { contents, loader: 'js' };
    });
  },
};

/** The glue of wasm-bindgen finds its module beside itself only if it is told nothing, which never happens here. */
const addressless = {
  name: 'addressless',
  setup(build) {
    build.onLoad({ filter: /dist\/wasm\/weft\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replace(/new URL\('weft_bg\.wasm', import\.meta\.url\)/, "''");
      if (contents === source) throw new Error('the glue of wasm-bindgen does not look as it used to');
      return { contents, loader: 'js' };
    });
  },
};

const { version } = JSON.parse(await readFile('package.json', 'utf8'));
const pinned = JSON.parse(await readFile(`${JCO}/package.json`, 'utf8')).version;
if (!(await readFile('src/transpiler-version.ts', 'utf8')).includes(`'jco-transpile-${pinned}+`)) {
  throw new Error(`src/transpiler-version.ts does not name jco-transpile ${pinned}`);
}
const [, shortcut] = /NO_ROOM_FOR_NOTHING = '(.*)';/.exec(await readFile('src/transpiler.ts', 'utf8'));
if (!(await readFile(`${BINDGEN}.core.wasm`)).includes(shortcut)) throw new Error('the glue does not hand over empty strings as it used to');

const { metafile } = await build({
  entryPoints: ['src/index.ts', 'src/kernel-worker.ts', 'src/guest-worker.ts', 'src/transpiler.ts'],
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  // Of the transpiler's branch for Node, which a browser never takes.
  external: ['node:*'],
  // THIRD-PARTY.txt has what they say.
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  define: { VERSION: JSON.stringify(version) },
  plugins: [bindgen, addressless],
});
await copyFile(`${BINDGEN}.core.wasm`, 'dist/transpiler.wasm');
await writeFile('THIRD-PARTY.txt', await notices(Object.keys(metafile.inputs), await readFile(`${BINDGEN}.core.wasm`)));
// npm packs nothing from outside of the package's folder.
for (const licence of ['LICENSE-APACHE', 'LICENSE-MIT']) await copyFile(`../${licence}`, licence);
