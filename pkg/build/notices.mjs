// Whose code is in the package, and under which licence: THIRD-PARTY.txt, made from what was really built in. That are the crates of the
// kernel, as cargo resolves them; the npm packages that esbuild took something from; and the crates of the transpiler, as its own code names them.

import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const CRATE = 'platform-web';
const TARGET = 'wasm32-unknown-unknown';
const cargo = (...args) => execFileSync('cargo', [...args, '--locked', '--manifest-path', '../Cargo.toml'], { encoding: 'utf8', maxBuffer: 1 << 28 });

/** Crates of the transpiler that are none of this repository's: the licence, and where its text lies, or who holds the copyright. */
const ELSEWHERE = {
  wast: { licence: 'Apache-2.0 WITH LLVM-exception', as: 'wasmparser' },
  'wit-bindgen-core': { licence: 'Apache-2.0 WITH LLVM-exception', as: 'wasmparser' },
  'wit-component': { licence: 'Apache-2.0 WITH LLVM-exception', as: 'wasmparser' },
  'wit-parser': { licence: 'Apache-2.0 WITH LLVM-exception', as: 'wasmparser' },
  'unicode-width': { licence: 'MIT', holder: '2015 The Rust Project Developers' },
  heck: { licence: 'MIT', holder: '2015 The Rust Project Developers' },
};
/** What has no file of its own because it lies in a repository with others. */
const MIT_OF = (holder) => async () => (await readFile('../LICENSE-MIT', 'utf8')).replace(/Copyright \(c\) .*/, `Copyright (c) ${holder}`);

/**
 * The text. `inputs` are the paths of what was bundled, `transpiler` is the transpiler's WebAssembly.
 *
 * @throws if something is built in whose licence is not at hand.
 */
export async function notices(inputs, transpiler) {
  const groups = new Map();
  const add = (what, licence, text) => {
    const key = text.replace(/\s+/g, ' ').trim();
    if (!key) throw new Error(`the licence of ${what} is empty`);
    const group = groups.get(key) ?? { what: [], licence, text: text.trim() };
    groups.set(key, { ...group, what: [...group.what, what] });
  };
  const host = /^host: (.*)$/m.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))[1];
  const { packages } = JSON.parse(cargo('metadata', '--format-version', '1', '--filter-platform', TARGET, '--filter-platform', host));
  const texts = new Map();
  const textOf = (crate) => {
    if (!texts.has(crate.id)) texts.set(crate.id, licenceOf(crate, packages));
    return texts.get(crate.id);
  };
  const tree = cargo('tree', '-p', CRATE, '--target', TARGET, '-e', 'normal,no-proc-macro', '--prefix', 'none', '--format', '{p}');
  const built = [...tree.matchAll(/^(\S+) v(\S+)/gm)].map(([, name, version]) => `${name} ${version}`);
  for (const [name, version] of [...new Set(built)].sort().map((one) => one.split(' '))) {
    const crate = packages.find((one) => one.name === name && one.version === version);
    // The workspace's own crates have no source.
    if (crate?.source) add(`${name} ${version} (weft.wasm)`, ...(await textOf(crate)));
  }
  add('the standard library of Rust (weft.wasm, transpiler.wasm)', 'MIT', await MIT_OF('The Rust Project Contributors')());
  const folders = new Set(inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean));
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    add(`${name} ${version}`, license.replace(/^\((.*)\)$/, '$1'), await readFile(join(folder, 'LICENSE'), 'utf8'));
  }
  const named = [...transpiler.toString('latin1').matchAll(/index\.crates\.io-[0-9a-f]+\/([A-Za-z0-9_-]+)-(\d[0-9A-Za-z.+-]*)\//g)];
  if (named.length === 0) throw new Error('the transpiler does not name its crates as it used to');
  for (const crate of [...new Set(named.map(([, name, version]) => `${name} ${version}`))].sort()) {
    const [name] = crate.split(' ');
    const elsewhere = ELSEWHERE[name];
    const here = packages.find((one) => one.name === (elsewhere?.as ?? name) && one.source);
    if (elsewhere?.holder) add(`${crate} (transpiler.wasm)`, elsewhere.licence, await MIT_OF(elsewhere.holder)());
    else if (here) add(`${crate} (transpiler.wasm)`, ...(await textOf(elsewhere ? { ...here, id: `${here.id} ${name}`, license: elsewhere.licence } : here)));
    else throw new Error(`the transpiler holds ${crate}, and its licence is not known: name it in build/notices.mjs`);
  }
  const { name, version } = JSON.parse(await readFile('package.json', 'utf8'));
  const head = `Third-party notices of ${name} ${version}\n\nThe package itself is licensed as LICENSE-MIT and LICENSE-APACHE say. It contains code of others, under these licences.\n`;
  const body = [...groups.values()].map(({ what, licence, text }) => `${'-'.repeat(100)}\n${what.join('\n')}\n\nLicence: ${licence}\n\n${text}\n`);
  return [head, ...body].join('\n');
}

/** Which licence of those that a crate offers is taken, and its text: MIT where that is one of them. */
async function licenceOf(crate, packages) {
  const { name, license, authors, manifest_path: manifest } = crate;
  if (!license) throw new Error(`${name} names no licence`);
  const offered = license.split(/\s+OR\s+|\//).map((one) => one.trim().replace(/^\(|\)$/g, ''));
  const licence = offered.includes('MIT') ? 'MIT' : license;
  const folder = dirname(manifest);
  const read = (file) => readFile(join(folder, file), 'utf8');
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|unlicense)/i.test(file));
  // More than one at once.
  if (license.includes(' AND ')) return [license, (await Promise.all(files.sort().map(read))).join('\n')];
  const kind = licence === 'MIT' ? /mit/i : /LLVM/.test(licence) ? /LLVM/ : /apache/i;
  const file = files.find((one) => kind.test(one)) ?? files.find((one) => /^(licen[cs]e|copying)(\.\w+)?$/i.test(one));
  if (file) return [licence, await read(file)];
  if (licence === 'MIT') return [licence, await MIT_OF(authors.join(', ') || `the authors of ${name}`)()];
  // This one names nobody, so that it reads the same in every crate.
  for (const sibling of /LLVM/.test(license) ? packages.filter((one) => one.license === license) : []) {
    const folder = dirname(sibling.manifest_path);
    if ((await readdir(folder)).includes('LICENSE')) return [licence, await readFile(join(folder, 'LICENSE'), 'utf8')];
  }
  throw new Error(`${name} has no file with its licence (${license})`);
}
