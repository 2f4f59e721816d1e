// The package as a user gets it: the packed tarball, in a plain page, in a Vite project and in a webpack project.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { launch, open, ROOT, serve } from './browser.mjs';
import { folder } from './folder.mjs';

const PKG = `${ROOT}pkg`;
const EXAMPLE = `${ROOT}examples/repo-audit/`;
const run = promisify(execFile);
let work, unpacked, tarball, browser;

before(async () => {
  work = await mkdtemp(join(tmpdir(), 'weft-kernel-'));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], { cwd: PKG });
  const packed = Object.values(JSON.parse(stdout))[0];
  tarball = join(work, packed.filename);
  await run('tar', ['xzf', tarball, '-C', work]);
  unpacked = join(work, 'package');
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await rm(work, { recursive: true, force: true });
});

test('the tarball holds what is needed and nothing else, under the version of the crate', async () => {
  const files = (await readdir(unpacked, { recursive: true, withFileTypes: true })).filter((f) => f.isFile()).map((f) => join(f.parentPath, f.name).slice(unpacked.length + 1));
  assert.deepEqual(files.sort(), [
    'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'THIRD-PARTY.txt', 'dist/app.d.ts', 'dist/chain.d.ts', 'dist/guest-worker.js', 'dist/index.d.ts', 'dist/index.js', 'dist/kernel-protocol.d.ts',
    'dist/kernel-worker.js', 'dist/kernel.d.ts', 'dist/transpiler.js', 'dist/transpiler.wasm', 'dist/tree.d.ts', 'dist/types.d.ts',
    'dist/verify.d.ts', 'dist/weft.wasm',
    'package.json',
  ]);
  for (const licence of ['LICENSE-APACHE', 'LICENSE-MIT']) assert.equal(await readFile(join(unpacked, licence), 'utf8'), await readFile(`${ROOT}${licence}`, 'utf8'));
  const version = /\[workspace\.package\]\nversion = "(.*)"/.exec(await readFile(`${ROOT}Cargo.toml`, 'utf8'))[1];
  assert.equal(JSON.parse(await readFile(join(unpacked, 'package.json'), 'utf8')).version, version);
  for (const script of files.filter((file) => file.endsWith('.js'))) {
    const text = await readFile(join(unpacked, script), 'utf8');
    assert.doesNotMatch(text, /\bimport\s*[\w{*].*\bfrom\s*["']/, `${script} imports another file`);
  }
  const module = new WebAssembly.Module(await readFile(join(unpacked, 'dist/weft.wasm')));
  assert.deepEqual(WebAssembly.Module.imports(module).filter(({ module }) => !module.endsWith('weft_bg.js')), []);
});

test('whose code is in it is said, with the licence', async () => {
  const notices = await readFile(join(unpacked, 'THIRD-PARTY.txt'), 'utf8');
  const lock = await readFile(`${ROOT}Cargo.lock`, 'utf8');
  const version = (name) => new RegExp(`name = "${name}"\nversion = "(.*)"`).exec(lock)[1];
  for (const crate of ['redb', 'ed25519-dalek', 'minicbor', 'wasm-bindgen', 'wasmparser']) assert.ok(notices.includes(`\n${crate} ${version(crate)} (weft.wasm)\n`), crate);
  for (const name of ['jco-transpile', 'preview2-shim']) {
    const { version } = JSON.parse(await readFile(`${PKG}/node_modules/@bytecodealliance/${name}/package.json`, 'utf8'));
    assert.ok(notices.includes(`\n@bytecodealliance/${name} ${version}\n`), name);
  }
  assert.match(notices, /\nwit-component \S+ \(transpiler\.wasm\)\n/);
  for (const words of ['LLVM Exceptions to the Apache 2.0 License', 'Permission is hereby granted', 'Redistribution and use in source and binary forms']) assert.ok(notices.includes(words), words);
  // What only a machine or a test runs is not in the package.
  for (const name of ['tokio', 'wasmtime ', 'wasm-bindgen-test', 'esbuild']) assert.ok(!notices.includes(`\n${name}`), name);
});

/** A page in TypeScript, which takes the types at their word: what is marked must not compile. */
const TYPED = `
import { App, Kernel, KernelCrashed, KernelError, type AppFiles, type Ask, type BootOptions, type ChainEvent, type Check, type Environment, type FetchOptions, type Given, type Json, type KeptFolder, type MountSource, type Notice, type Process, type Profile, type Schema, type StartOptions, type Summary, type Tool, type ToolCall, type ToolFunction, type ToolOptions, type UnreadableRow, type Verified } from 'weft-kernel';

const options: BootOptions = { storage: 'opfs', environment: 'staging', name: 'mine', assets: new URL('/weft/', location.href) };
const limits: FetchOptions = { timeout: 1_000, signal: AbortSignal.timeout(500) };
export async function page(folder: FileSystemDirectoryHandle, file: File): Promise<string[]> {
  const kernel: Kernel = await Kernel.boot(options);
  const environment: Environment = kernel.environment;
  const profile: Profile = kernel.profile();
  const app: AppFiles = await App.fetch('/repo-audit/', limits);
  const check: Check = await kernel.check(app, { allow: ['connect /net/example.com:443'], mounts: ['repo'] });
  const repo: MountSource = { files: [['a.txt', file], ['b.txt', 'it could not be opened']] };
  const given: Given = { allow: check.asks.map(({ right }) => right), mounts: { repo, out: 'opfs', own: folder } };
  await kernel.install(app, given);
  const kept: KeptFolder[] = await kernel.folders();
  for (const { name, folder, bound } of kept) if (!bound) await kernel.mount(name, folder);
  const start: StartOptions = { until: 'stopped' };
  await kernel.start(check.app, start);
  const schema: Schema = { type: 'object', properties: { id: { type: ['integer', 'null'], minimum: 1 } }, required: ['id'], additionalProperties: false };
  const declared: ToolOptions = { effect: { privacy: 2_000 }, schema, labels: ['private'], clearance: [] };
  const run: ToolFunction = async ({ id }, { signal, caller }: ToolCall): Promise<Json> => ({ id, caller, late: signal.aborted });
  const tool: Tool = await kernel.registerTool('lookup', declared, run);
  const off: (() => void)[] = [
    kernel.on('notice', (notice: Notice) => console.log(notice.kind, notice['pid'])),
    kernel.on('ask', (ask: Ask) => void kernel.answer(ask.action, ask.wait_ms > 1_000)),
    kernel.on('ended', ({ app, ok, reason }) => console.log(app.length, ok === true, reason.length)),
    kernel.on('owner', ({ owner }) => console.log(owner === kernel.owner)),
    kernel.on('stopped', ({ reason }) => console.log(reason.length)),
    kernel.on('crashed', async (error) => error instanceof KernelCrashed && console.log((await error.export()).size)),
  ];
  const summary: Summary = await kernel.summary();
  const names: string[] = summary.processes.map((process: Process) => process.name);
  const reply: Uint8Array = await kernel.call('/svc/report', { page: 1 });
  await kernel.act('read', '/fs/out/report.json', { len: 4096 }, new Uint8Array(1));
  const { events, size } = await kernel.chain.events({ from: 0, limit: 10 });
  const first: ChainEvent | UnreadableRow | undefined = events[0];
  const verified: Verified = await kernel.chain.verify();
  names.push(verified.ok ? verified.root : verified.problem.text, ...check.missing.map(({ flag }) => flag), ...check.unused.map(({ reason }) => reason));
  await tool.unregister();
  off.forEach((end) => end());
  await kernel.kill(summary.processes[0]!.pid).catch((error: unknown) => { if (error instanceof KernelError) names.push(error.code, error.message, Object.keys(error.more).join()); });
  names.push(environment, profile.host, String(reply.length + size + verified.size), first && 'kind' in first ? first.kind : '', await kernel.shutdown());
  // @ts-expect-error: no such environment
  await Kernel.boot({ environment: 'production' });
  // @ts-expect-error: no such event
  kernel.on('stop', () => {});
  // @ts-expect-error: a keyword that the kernel does not hold calls against
  declared.schema = { pattern: '^a' };
  // @ts-expect-error: not made by hand
  new Kernel();
  return names;
}
`;

test('a project in TypeScript compiles against the types that are packed, whichever way it finds modules', async () => {
  const project = join(work, 'typed');
  await mkdir(join(project, 'node_modules'), { recursive: true });
  await cp(unpacked, join(project, 'node_modules/weft-kernel'), { recursive: true });
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'page', private: true, type: 'module' }));
  await writeFile(join(project, 'page.ts'), TYPED);
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false', '--target', 'es2022', '--lib', 'es2022,dom,dom.iterable'];
  for (const [module, resolution] of [['esnext', 'bundler'], ['nodenext', 'nodenext']]) {
    const ways = ['--module', module, '--moduleResolution', resolution];
    await run(`${PKG}/node_modules/.bin/tsc`, [...strict, ...ways, 'page.ts'], { cwd: project }).catch(({ stdout }) => assert.fail(`${resolution}: ${stdout}`));
  }
});

test('the page of the README works as it stands, and is under 20 lines', async () => {
  const readme = await readFile(join(unpacked, 'README.md'), 'utf8');
  const html = /```html\n([^]*?)```/.exec(readme)[1];
  assert.ok(html.trimEnd().split('\n').length < 20);
  const server = await serve({ '/': html, '/weft-kernel/': { folder: `${unpacked}/` }, '/repo-audit/': { folder: EXAMPLE } });
  try {
    const { page, problems } = await open(browser, server.url);
    await audit(page, (path) => page.setInputFiles('input', path));
    assert.deepEqual(problems, []);
  } finally {
    await server.close();
  }
});

/** A page that audits a folder, for bundlers. */
const MAIN = `
import { Kernel } from 'weft-kernel';
const input = document.querySelector('input');
const kernel = await Kernel.boot({ storage: 'memory' });
kernel.on('ended', async () => {
  document.querySelector('pre').textContent = new TextDecoder().decode(await kernel.readFile('out', 'report.md'));
});
input.onchange = async () => {
  const files = [...input.files].map((file) => [file.webkitRelativePath.split('/').slice(1).join('/'), file]);
  await kernel.install('/repo-audit/', { mounts: { repo: { files }, out: 'opfs' } });
  await kernel.start('repo-audit');
};
input.disabled = false;
`;

for (const [bundler, build] of [
  ['vite', (project) => run(`${PKG}/node_modules/.bin/vite`, ['build', '--logLevel', 'warn'], { cwd: project })],
  ['webpack', (project) => run(`${PKG}/node_modules/.bin/webpack`, ['--mode', 'production', '--entry', './main.js', '--no-stats'], { cwd: project })],
]) {
  test(`a project of ${bundler} that installs the tarball works without a setting`, async () => {
    const project = join(work, bundler);
    await mkdir(project, { recursive: true });
    await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'page', private: true, type: 'module' }));
    await run('npm', ['install', tarball, '--offline', '--no-audit', '--no-fund'], { cwd: project });
    const { dependencies } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'));
    assert.deepEqual(Object.keys(dependencies), ['weft-kernel']);
    assert.deepEqual((await readdir(join(project, 'node_modules'))).filter((name) => !name.startsWith('.')), ['weft-kernel'], 'it brings nobody along');
    await writeFile(join(project, 'main.js'), MAIN);
    const body = '<!doctype html><title>page</title><input type="file" webkitdirectory disabled><pre></pre>';
    await writeFile(join(project, 'index.html'), `${body}<script type="module" src="./main.js"></script>`);
    await build(project);
    const places = { '/repo-audit/': { folder: EXAMPLE }, '/': { folder: `${project}/dist/` } };
    if (bundler === 'webpack') await writeFile(join(project, 'dist/index.html'), `${body}<script type="module" src="./main.js"></script>`);
    const server = await serve(places);
    try {
      const { page, problems } = await open(browser, `${server.url}/index.html`);
      await audit(page, (path) => page.setInputFiles('input', path)).catch((error) => assert.fail(`${error}; in the page: ${problems}`));
      assert.deepEqual(problems, []);
    } finally {
      await server.close();
    }
  });
}

/** Gives the page a folder and waits for its report. */
async function audit(page, give) {
  const path = join(work, 'repo');
  await folder(path);
  await page.waitForSelector('input:enabled');
  await give(path);
  await page.waitForFunction(() => document.querySelector('pre').textContent !== '', undefined, { timeout: 60_000 });
  const report = await page.textContent('pre');
  assert.match(report, /exfil\.example\.com/, report.slice(0, 400));
}
