// Records real runs of repo-audit by the native kernel for the development-only player: `node test/record.mjs WEFT`.
//
// Each becomes test/record/NAME.json.gz: what `weft run`, `weft app check` and `weft chain show` print, and the report.
// Nothing of the machine is kept: folders live below a temporary one, and what names them is left out.

import { execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { HOSTILE } from './hostile.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const app = join(here, '../../examples/repo-audit');
const weft = process.argv[2];
if (!weft) throw new Error('usage: node test/record.mjs WEFT');
const work = mkdtempSync(join(tmpdir(), 'weft-record-'));

async function sampleFolder() {
  const out = join(work, 'sample.mjs');
  await build({ entryPoints: [join(here, '../src/sample.ts')], bundle: true, format: 'esm', platform: 'node', outfile: out });
  const { sample } = await import(out);
  const files = {};
  for (const [path, file] of sample().source.files) files[path] = Buffer.from(await file.arrayBuffer());
  return files;
}

function put(files) {
  const folder = mkdtempSync(join(work, 'repo-'));
  for (const [path, body] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), body);
  }
  return folder;
}

/** `typed` goes to the terminal once it asks; without it there is none. */
function run(args, typed) {
  return new Promise((resolve, reject) => {
    const quoted = [weft, ...args].map((word) => `'${word}'`).join(' ');
    const [file, rest] = typed ? ['script', ['-qec', `${quoted} > ${work}/run.json`, '/dev/null']] : [weft, args];
    const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (data) => {
      out += data;
      if (typed && String(data).includes('[y/N]')) child.stdin.write(typed);
    });
    child.on('exit', (code) => (code === 0 ? resolve(JSON.parse(typed ? readFileSync(join(work, 'run.json')) : out)) : reject(new Error(`weft: ${code} ${out}`))));
  });
}

async function record(name, repo, more = [], typed = '') {
  const out = mkdtempSync(join(work, 'out-'));
  const data = join(mkdtempSync(join(work, 'data-')), 'data');
  const ran = await run(['run', app, '--mount', `repo=${repo}`, '--mount', `out=${out}`, '--data-dir', data, '--json', ...more], typed);
  const json = (...args) => JSON.parse(execFileSync(weft, [...args, '--json'], { maxBuffer: 1 << 30 }));
  const { events } = json('chain', 'show', '--data-dir', data);
  const { processes, verdicts, checkpoint, outcome, reason, environment } = ran;
  const report = (file) => readFileSync(join(out, file), 'utf8');
  const recorded = {
    environment, outcome, reason, processes, verdicts, checkpoint, events,
    check: json('app', 'check', app),
    report: { 'report.json': report('report.json'), 'report.md': report('report.md') },
  };
  const text = JSON.stringify(recorded);
  writeFileSync(join(here, 'record', `${name}.json.gz`), gzipSync(text, { level: 9 }));
  console.log(`${name}: ${events.length} events, ${text.length} bytes`);
}

const server = createServer((request, response) => request.resume().on('end', () => response.end('{}')));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const endpoint = `connect /net/127.0.0.1:${server.address().port}`;
const sample = put(await sampleFolder());
await record('dev', sample);
await record('prod', sample, ['--env', 'prod', '--allow', endpoint], 'y\n');
await record('hostile', put(HOSTILE));
await record('many', join(here, '../../kernel-core/src'));
server.close();
rmSync(work, { recursive: true });
