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
let work, unpacked, browser;

before(async () => {
  work = await mkdtemp(join(tmpdir(), 'weft-kernel-'));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], { cwd: PKG });
  const packed = Object.values(JSON.parse(stdout))[0];
  await run('tar', ['xzf', join(work, packed.filename), '-C', work]);
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
    'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'dist/app.d.ts', 'dist/guest-worker.js', 'dist/index.d.ts', 'dist/index.js', 'dist/kernel-protocol.d.ts',
    'dist/kernel-worker.js', 'dist/kernel.d.ts', 'dist/transpiler.js', 'dist/transpiler.wasm', 'dist/types.d.ts', 'dist/weft.wasm',
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
    await mkdir(join(project, 'node_modules'), { recursive: true });
    await cp(unpacked, join(project, 'node_modules/weft-kernel'), { recursive: true });
    await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'page', private: true, type: 'module', dependencies: { 'weft-kernel': '*' } }));
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
