// Builds the page: `node build.mjs` writes dist/, which any file host can serve under any path.
//
//   dist/index.html, dist/sw.js     the only files whose names stay
//   dist/HASH/                      everything else, in a folder named for its content: it never changes
//
// The package's worker files are copied beside the bundle, for they find each other by relative address.

import { createHash } from 'node:crypto';
import { access, cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const APPS = ['repo-audit'];

/**
 * @param {{ out?: string, kernel?: string | null, apps?: boolean }} [options] `kernel`: another module in the place of
 * the package, for development.
 */
export async function build({ out = join(here, 'dist'), kernel = null, minify = true } = {}) {
  const work = join(out, 'building');
  await rm(out, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  const package_ = kernel ? null : await packageFolder();
  await esbuild.build({
    entryPoints: { main: join(here, 'src/main.ts') },
    outdir: work,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify,
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
    alias: { 'weft-kernel': kernel ?? package_.entry },
  });
  await esbuild.build({ entryPoints: [join(here, 'src/style.css'), join(here, 'src/theme.js')], outdir: work, minify, charset: 'utf8', logLevel: 'warning' });
  if (package_) await copyPackage(package_.folder, package_.entry, work);
  for (const app of APPS) await copyApp(app, join(work, 'apps', app));

  const files = await walk(work);
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\n`).update(await readFile(join(work, file)));
  const name = hash.digest('hex').slice(0, 12);
  await rename(work, join(out, name));
  const index = await readFile(join(here, 'src/index.html'), 'utf8');
  await writeFile(join(out, 'index.html'), index.replaceAll('%BUILD%', name));
  const worker = await readFile(join(here, 'src/sw.js'), 'utf8');
  const kept = files.map((file) => `./${name}/${file}`);
  await writeFile(join(out, 'sw.js'), `const BUILD = ${JSON.stringify(name)};\nconst FILES = ${JSON.stringify(kept)};\n${worker}`);
  return { out, name, files };
}

/** Where the built package lies, and the file that its `exports` name for a browser: the page imports nothing else of it. */
async function packageFolder() {
  const folder = join(here, '../pkg');
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  let entry = manifest.exports?.['.'] ?? manifest.module ?? manifest.main;
  while (typeof entry === 'object') entry = entry.browser ?? entry.import ?? entry.default;
  await access(join(folder, entry)).catch(() => {
    throw new Error('the package is not built: run pkg/build.sh first');
  });
  return { folder, entry: join(folder, entry) };
}

/** What the package loads by address at run time: everything beside its entry, without types, maps and the entry. */
async function copyPackage(folder, entry, to) {
  const from = dirname(entry);
  for (const file of await readdir(from, { withFileTypes: true })) {
    if (!file.isFile() || !/\.(js|wasm)$/.test(file.name) || join(from, file.name) === entry) continue;
    await cp(join(from, file.name), join(to, file.name), { dereference: true });
  }
  // Whose code goes along, under which licences.
  await cp(join(folder, 'THIRD-PARTY.txt'), join(to, 'THIRD-PARTY.txt'));
}

/** The manifest and the programs that it names: the same files that the command line runs. */
async function copyApp(app, to) {
  const from = join(here, '../examples', app);
  const manifest = await readFile(join(from, 'weft.toml'), 'utf8');
  const programs = [...manifest.matchAll(/wasm\s*=\s*"([^"]+)"/g)].map((match) => match[1]);
  for (const file of ['weft.toml', ...new Set(programs)]) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    await cp(join(from, file), join(to, file));
  }
}

async function walk(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
  return files.map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join('/')).sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { out, name, files } = await build();
  console.log(`${relative(process.cwd(), out) || '.'}: ${files.length} files in ${name}`);
}
