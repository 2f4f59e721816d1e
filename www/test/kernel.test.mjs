// The built page over the real kernel: the same components as the command line runs, in a tab. Wants the package built.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { begin, choose, done, launch, ready, run, tasks, unblocked } from './browser.mjs';
import { HOSTILE } from './hostile.mjs';
import { build } from '../build.mjs';
import { serve } from '../serve.mjs';

const recorded = (name) => JSON.parse(gunzipSync(readFileSync(new URL(`./record/${name}.json.gz`, import.meta.url))));
let server, browser, address, folder;

before(async () => {
  const { out } = await build();
  server = await serve(out, { prefix: '/some/where/' });
  address = `http://127.0.0.1:${server.address().port}/some/where/`;
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), 'weft-page-'));
  for (const [path, body] of Object.entries(HOSTILE)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), body);
  }
});
after(async () => {
  await browser?.close();
  server?.close();
  if (folder) rmSync(folder, { recursive: true });
});

/** A browser of its own for each test: its storage begins empty. */
async function fresh(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.problems = [];
  context.asked = [];
  context.on('request', (request) => context.asked.push(request.url()));
  return context;
}

async function open(context) {
  const page = await context.newPage();
  page.on('pageerror', (error) => context.problems.push(String(error)));
  page.on('console', (message) => { if (message.type() === 'error') context.problems.push(message.text()); });
  await page.goto(address);
  await ready(page);
  return page;
}

const events = async (page) => Number((await page.locator('.status-size').innerText()).replace(/\D/g, ''));

async function verify(page) {
  await page.getByRole('tab', { name: 'Log' }).click();
  await page.getByRole('button', { name: /Verify/ }).click();
  await page.locator('.seal[data-state="ok"], .seal[data-state="bad"]').waitFor();
  assert.equal(await page.locator('.seal').getAttribute('data-state'), 'ok', await page.locator('.seal').innerText());
}

async function drop(page, path) {
  const protocol = await page.context().newCDPSession(page);
  // A person's drag is many events; of these three the browser loses one now and then, and then nothing begins.
  const begun = () => page.waitForFunction(() => document.querySelector('dialog[open]') || /^Listing/.test(document.querySelector('.zone-title')?.textContent ?? ''), null, { timeout: 10_000 }).then(() => true, () => false);
  for (let tries = 0; tries < 3; tries += 1) {
    for (const type of ['dragEnter', 'dragOver', 'drop']) await protocol.send('Input.dispatchDragEvent', { type, x: 640, y: 400, data: { items: [], files: [path], dragOperationsMask: 1 } });
    if (await begun()) break;
    console.log(`  nothing came of drag ${tries + 1}: ${await page.locator('.zone').innerText()}`);
  }
  await page.getByRole('dialog').waitFor({ timeout: 60_000 });
}

/** What must be equal on both hosts: everything but numbers of processes and acts. */
function essence(report) {
  const { scanned, secrets, hygiene, inventory, complete, problems } = report;
  return { files: scanned.files, bytes: scanned.bytes, secrets, hygiene, inventory, complete, problems };
}

async function reportOf(page) {
  await page.getByRole('tab', { name: /Report/ }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'report.json' }).click();
  return JSON.parse(readFileSync(await (await download).path(), 'utf8'));
}

test('the sample is audited as the command line audits it, and the courier is refused', async () => {
  const context = await fresh();
  const page = await open(context);
  await run(page);
  await done(page);
  const card = page.getByRole('article', { name: /Refused: courier, connect \/net\/exfil/ });
  const text = await card.innerText();
  for (const part of ['holds no right', '10,344', 'over the threshold of 9,000 in dev', 'secret']) assert.ok(text.includes(part), `${part} in ${text}`);
  for (const name of ['walker', 'secrets', 'inventory', 'hygiene', 'reporter', 'courier', 'publisher']) {
    const row = page.locator('.processes tr', { hasText: name });
    assert.match(await row.locator('.c-acts').innerText(), /^\d+$/, name);
    assert.match(await row.locator('.c-memory').innerText(), /(K|M)iB/, name);
    assert.equal(await row.locator('.c-state').innerText(), 'shutdown', name);
  }
  const native = recorded('dev');
  assert.deepEqual(essence(await reportOf(page)), essence(JSON.parse(native.report['report.json'])));
  await verify(page);
  assert.deepEqual(context.asked.filter((url) => !url.startsWith(address) && !url.startsWith('blob:')), []);
  assert.deepEqual(context.problems, []);
  await context.close();
});

test('the receipt of the refused act and a proof of the tree hold, changed they do not, and one of the command line holds by its key', async () => {
  const context = await fresh();
  const page = await open(context);
  await run(page);
  await done(page);
  const saved = async (press) => {
    const download = page.waitForEvent('download');
    await press();
    return readFileSync(await (await download).path(), 'utf8');
  };
  const said = async (file) => {
    await choose(page, file);
    const text = await page.getByRole('dialog').innerText();
    await page.keyboard.press('Escape');
    return text;
  };
  await page.locator('.refusal .link').click();
  const receipt = await saved(() => page.getByRole('button', { name: /^Receipt of act/ }).click());
  const text = await said(receipt);
  for (const part of [`The receipt of act ${JSON.parse(receipt).action} holds`, 'courier', 'refused as denied', 'nothing was done', 'this tab\u2019s own key']) assert.ok(text.includes(part), `${part} in ${text}`);
  const torn = JSON.parse(receipt);
  const event = Buffer.from(torn.events[0].event, 'base64');
  event[60] ^= 1;
  torn.events[0].event = event.toString('base64');
  assert.match(await said(torn), /It does not hold\s+Something in it was changed after it was signed\.[\s\S]*forked/);
  await page.getByRole('tab', { name: 'Tree' }).click();
  await page.getByRole('button', { name: 'kernel/' }).waitFor();
  const proof = await saved(() => page.getByRole('button', { name: 'Proof' }).click());
  assert.match(await said(proof), /The tree does not hold the node/);
  const native = JSON.parse(readFileSync(new URL('../../pkg/test/native-evidence.json', import.meta.url)));
  await choose(page, native.receipt);
  await page.getByText('It is not signed by this tab\u2019s key').waitFor();
  await page.getByLabel('Key of the log').fill(native.key);
  await page.keyboard.press('Enter');
  await page.getByText(`The receipt of act ${native.receipt.action} holds`).waitFor();
  await page.keyboard.press('Escape');
  await verify(page);
  assert.deepEqual(context.problems, []);
  await context.close();
});

test('the page is never blocked for 50 ms', () => unblocked(50, async () => {
  const context = await fresh();
  const took = await tasks(browser, address, async () => {
    const page = await context.newPage();
    await page.goto(address);
    await page.locator('.zone-actions .button:enabled').nth(1).click();
    await page.locator('.dialog-foot .is-primary').click();
    await page.locator('.run-state[data-state="done"]').waitFor();
    for (const tab of ['report', 'log', 'tree', 'host']) await page.locator(`#tab-${tab}`).click();
    await page.waitForTimeout(300);
  });
  assert.ok(took.length > 100, `${took.length} tasks were seen`);
  await context.close();
  return took;
}));

test('a folder of many files does not hold the page up', () => unblocked(50, async () => {
  const context = await fresh();
  const many = mkdtempSync(join(tmpdir(), 'weft-many-'));
  for (let i = 0; i < 20_000; i += 1) {
    if (i % 200 === 0) mkdirSync(join(many, `${i / 200}`));
    writeFileSync(join(many, `${Math.floor(i / 200)}`, `${i}.txt`), '');
  }
  const page = await open(context);
  const took = await tasks(browser, address, async () => {
    await drop(page, many);
    await page.getByRole('dialog').getByText('20,000 files').waitFor();
    await page.getByRole('button', { name: 'Give this and run' }).click();
    await page.locator('.processes tr', { hasText: 'walker' }).locator('.c-acts', { hasText: /\d{2}/ }).waitFor({ timeout: 60_000 });
  });
  assert.deepEqual(context.problems, []);
  await context.close();
  rmSync(many, { recursive: true });
  return took;
}));

test('a dropped folder with hostile names is audited, and stays text', async () => {
  const context = await fresh();
  const page = await open(context);
  await drop(page, folder);
  await page.getByRole('button', { name: 'Give this and run' }).click();
  await done(page);
  const report = await reportOf(page);
  const native = JSON.parse(recorded('hostile').report['report.json']);
  assert.deepEqual(essence(report), essence(native));
  const shown = await page.locator('.report .path bdi').allInnerTexts();
  assert.ok(shown.includes('<img src=x onerror=window.hacked=1>.txt') && shown.includes('invoice\\u{202e}fdp.exe.txt'), shown.join('\n'));
  assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
  assert.deepEqual(context.problems, []);
  await context.close();
});

test('what the browser cannot open is in the report, with the reason', async () => {
  const context = await fresh();
  const page = await open(context);
  const odd = mkdtempSync(join(tmpdir(), 'weft-odd-'));
  mkdirSync(join(odd, 'c:d'));
  for (const name of ['a<b.txt', 'c:d/nul.txt', 'plain.txt']) writeFileSync(join(odd, name), 'text\n');
  // Two names that are not UTF-8: the browser shows that something is there, and not what.
  for (const byte of [0xfe, 0xff]) writeFileSync(Buffer.concat([Buffer.from(`${odd}/b`), Buffer.from([byte])]), 'hidden\n');
  await drop(page, odd);
  await page.getByRole('button', { name: 'Give this and run' }).click();
  await done(page);
  const report = await reportOf(page);
  assert.deepEqual([report.scanned.files, report.scanned.unreadable], [5, 2], JSON.stringify(report.scanned));
  const unreadable = JSON.stringify(report.hygiene).match(/whose name is not UTF-8, which the browser does not give/g);
  assert.equal(unreadable?.length, 2, JSON.stringify(report.hygiene));
  await page.getByRole('tab', { name: 'Host' }).click();
  await page.getByText('with < > : " | ? * or \\ in them').waitFor();
  assert.deepEqual(context.problems, []);
  await context.close();
  rmSync(odd, { recursive: true });
});

test('a reload goes on with the log and still has the report; so does a page without a network', async () => {
  const context = await fresh();
  const page = await open(context);
  await run(page);
  await done(page);
  await page.waitForTimeout(300);
  const before = await events(page);
  await page.reload();
  await ready(page);
  await page.getByText('with an earlier run').waitFor();
  assert.ok(await events(page) > before, 'a boot is recorded after what was there');
  await verify(page);
  await page.getByRole('tab', { name: /Report/ }).click();
  await page.getByRole('heading', { name: 'Repository audit' }).waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(async () => (await caches.keys()).some((name) => name.startsWith('weft-page-')));
  await context.setOffline(true);
  await page.reload();
  await ready(page);
  await run(page);
  await done(page);
  await verify(page);
  await context.close();
});

test('after a reload the folder that was chosen can be audited again without being chosen', async () => {
  const context = await fresh();
  // Nobody can click in the browser's own chooser: a folder of the page's own is such a handle, too.
  await context.addInitScript(() => {
    window.showDirectoryPicker = async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('my-project', { create: true });
      const file = await (await folder.getFileHandle('main.py', { create: true })).createWritable();
      await file.write('print(1)\n');
      await file.close();
      return folder;
    };
  });
  const page = await open(context);
  await page.getByRole('button', { name: 'Choose a folder' }).click();
  await page.getByRole('button', { name: 'Give this and run' }).click();
  await done(page);
  const first = await reportOf(page);
  assert.equal(first.scanned.files, 1);
  await page.reload();
  await page.getByRole('button', { name: 'Audit my-project again' }).and(page.locator(':enabled')).click();
  await page.getByRole('button', { name: 'Give this and run' }).click();
  await done(page);
  assert.deepEqual(essence(await reportOf(page)), essence(first));
  assert.deepEqual(context.problems, []);
  await context.close();
});

test('a tab that is closed in the middle of a run loses nothing that was recorded', async () => {
  const context = await fresh();
  const page = await open(context);
  const large = mkdtempSync(join(tmpdir(), 'weft-large-'));
  for (let i = 0; i < 2000; i += 1) writeFileSync(join(large, `${i}.txt`), `line ${i}\n`.repeat(1500));
  await drop(page, large);
  await page.getByRole('button', { name: 'Give this and run' }).click();
  await page.locator('.processes tr', { hasText: 'walker' }).locator('.c-acts', { hasText: /\d{3}/ }).waitFor();
  const before = await events(page);
  await page.reload();
  await ready(page);
  await page.getByText('the last run was cut short').waitFor();
  assert.ok(await events(page) >= before);
  await verify(page);
  await page.getByRole('tab', { name: 'Run' }).click();
  await run(page);
  await done(page);
  await context.close();
  rmSync(large, { recursive: true });
});

test('a second tab sees the same kernel, and takes over when the first is closed', async () => {
  const context = await fresh();
  const first = await open(context);
  const second = await open(context);
  await second.getByText('attached to another tab').waitFor();
  await run(first);
  await done(first);
  await second.locator('.run-state[data-state="done"]').waitFor();
  await verify(second);
  await second.getByRole('tab', { name: 'Run' }).click();
  await second.getByRole('button', { name: 'Another folder' }).click();
  await second.getByText('Another tab runs the kernel').waitFor();
  await run(second);
  await done(second);
  await second.getByRole('button', { name: 'Report', exact: true }).waitFor();
  const before = await events(second);
  await first.close();
  await second.locator('.toast', { hasText: 'goes on in this one' }).waitFor();
  await second.getByText('kernel runs in this tab').waitFor();
  await second.waitForFunction((n) => Number(document.querySelector('.status-size').textContent.replace(/\D/g, '')) > n, before);
  await verify(second);
  await context.close();
});

test('a second tab that would have another environment gets the one that runs, and tells its rules', async () => {
  const context = await fresh();
  const first = await open(context);
  await first.getByRole('radio', { name: 'prod' }).check();
  await first.locator('.status-environment', { hasText: 'prod' }).waitFor();
  await ready(first);
  await context.addInitScript(() => localStorage.setItem('weft-environment', 'dev'));
  const second = await open(context);
  await second.getByText('attached to another tab').waitFor();
  await second.locator('.status-environment', { hasText: 'prod' }).waitFor();
  await begin(second);
  assert.match(await second.getByRole('dialog').innerText(), /In prod you are asked again/);
  await second.keyboard.press('Escape');
  await first.close();
  await second.getByText('kernel runs in this tab').waitFor();
  await second.waitForTimeout(2_500);
  assert.match(await second.locator('.status-environment').innerText(), /prod/, 'who takes over takes over the environment');
  await context.close();
});

test('a kernel that another tab shuts down is said to be down, and can be started again', async () => {
  const context = await fresh();
  const first = await open(context);
  const second = await open(context);
  await second.getByText('attached to another tab').waitFor();
  await first.getByRole('radio', { name: 'staging' }).check();
  await second.getByRole('heading', { name: 'The kernel was shut down' }).waitFor();
  await second.locator('.failure-text', { hasText: 'Another tab shut it down: the operator changes the environment to staging.' }).waitFor();
  await second.getByText('kernel was shut down', { exact: true }).waitFor();
  await ready(first);
  await second.getByRole('button', { name: 'Start it again' }).click();
  await ready(second);
  await second.locator('.status-environment', { hasText: 'staging' }).waitFor();
  assert.deepEqual(context.problems, []);
  await context.close();
});

test('an update keeps what the kernel made ready and the build before it, and opens without a network', async () => {
  const context = await fresh();
  const page = await open(context);
  await run(page);
  await done(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  const caches = () => page.evaluate(async () => (await globalThis.caches.keys()).sort());
  await page.waitForFunction(async () => (await globalThis.caches.keys()).length === 2);
  const scope = new URL(address).pathname;
  assert.match((await caches()).join(), new RegExp(`^weft-glue,weft-page-${scope} [0-9a-f]{12}$`));
  const [, build] = await caches();
  // The next build is the same page in another folder.
  const [name, next] = [build.slice(-12), 'abcdefabcdef'];
  const out = fileURLToPath(new URL('../dist/', import.meta.url));
  cpSync(join(out, name), join(out, next), { recursive: true });
  const before = ['index.html', 'sw.js'].map((file) => [join(out, file), readFileSync(join(out, file), 'utf8')]);
  for (const [path, text] of before) writeFileSync(path, text.replaceAll(name, next));
  try {
    await page.evaluate(async () => {
      const taken = new Promise((taken) => navigator.serviceWorker.addEventListener('controllerchange', taken));
      await (await navigator.serviceWorker.ready).update();
      await taken;
    });
    assert.deepEqual(await caches(), ['weft-glue', `weft-page-${scope} ${name}`, `weft-page-${scope} ${next}`].sort());
    await context.setOffline(true);
    // The tab of the old build still has its parts; a new one is the new build.
    assert.equal(await page.evaluate(async (name) => (await fetch(`./${name}/main.js`)).ok, name), true);
    await page.reload();
    assert.equal(await page.evaluate(() => document.querySelector('script[type="module"]').getAttribute('src')), `./${next}/main.js`);
    await ready(page);
  } finally {
    for (const [path, text] of before) writeFileSync(path, text);
    rmSync(join(out, next), { recursive: true });
  }
  await context.close();
});

test('an update that fails leaves nothing behind, and the page is asked for past what the browser keeps', async () => {
  const context = await fresh();
  const asked = [];
  const listener = ({ url, headers }) => { if (url === new URL(address).pathname) asked.push([headers['sec-fetch-dest'], headers['cache-control']]); };
  server.on('request', listener);
  const page = await open(context);
  await page.evaluate(() => navigator.serviceWorker.ready);
  const caches = () => page.evaluate(async () => (await globalThis.caches.keys()).filter((name) => name.startsWith('weft-page-')));
  const before = await caches();
  assert.equal(before.length, 1);
  assert.ok(asked.some(([dest, cache]) => dest === 'empty' && cache === 'no-cache'), JSON.stringify(asked));
  server.off('request', listener);
  // The next build has files that are not there.
  const path = fileURLToPath(new URL('../dist/sw.js', import.meta.url));
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replaceAll(before[0].slice(-12), 'abcdefabcdef'));
  try {
    const seen = await page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready;
      await registration.update();
      const next = registration.installing;
      while (next && next.state !== 'redundant') await new Promise((later) => setTimeout(later, 10));
      return next?.state;
    });
    assert.equal(seen, 'redundant');
    assert.deepEqual(await caches(), before);
  } finally {
    writeFileSync(path, text);
  }
  await context.close();
});

test('a process is killed and is dead; what is left can be stopped', async () => {
  const context = await fresh();
  const page = await open(context);
  // Enough to read for somebody to press a button meanwhile.
  const large = mkdtempSync(join(tmpdir(), 'weft-large-'));
  for (let i = 0; i < 3000; i += 1) writeFileSync(join(large, `${i}.txt`), `line ${i}\n`.repeat(1500));
  await drop(page, large);
  await page.getByRole('button', { name: 'Give this and run' }).click();
  await page.getByRole('button', { name: 'Kill inventory' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Kill' }).click();
  const state = (name) => page.locator('.processes tr', { hasText: name }).locator('.c-state');
  await state('inventory').filter({ hasText: 'killed' }).waitFor();
  assert.equal(await state('walker').innerText(), 'running', 'the others go on');
  assert.equal(await page.getByRole('button', { name: 'Kill inventory' }).count(), 0);
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Stop' }).click();
  await page.locator('.run-state:not([data-state="running"])').waitFor();
  await verify(page);
  await page.getByRole('searchbox', { name: 'Text' }).fill('ended: killed');
  assert.match(await page.locator('.log-table tr.event').first().innerText(), /exited[\s\S]*inventory/);
  await context.close();
  rmSync(large, { recursive: true });
});

test('without private storage it is said what to do, and nothing was begun', async () => {
  const context = await fresh();
  await context.addInitScript(() => { StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError')); });
  const page = await open(context);
  await run(page);
  await page.locator('.run-state[data-state="failed"]').waitFor();
  await page.locator('.feed-item.is-end', { hasText: 'no private storage' }).waitFor();
  await page.getByRole('button', { name: 'Another folder' }).click();
  await ready(page);
  await context.close();
});

/** An endpoint on this machine, and how its page is let in by CORS. */
async function listen(cors) {
  const heard = [];
  const server = createServer((request, response) => {
    heard.push(request.method);
    request.resume().on('end', () => response.writeHead(200, cors).end('{}'));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { heard, place: `127.0.0.1:${server.address().port}`, close: () => server.close() };
}
const OPEN = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*', 'access-control-allow-private-network': 'true' };

/** Begins a run in `environment` whose publisher may connect to `place`. */
async function publish(page, environment, place) {
  await page.getByRole('radio', { name: environment }).check();
  await ready(page);
  await begin(page);
  await page.getByLabel('Give connect /net/**').check();
  await page.getByLabel('Host and port').fill(place);
  await page.getByRole('button', { name: 'Give this and run' }).click();
}

const cell = async (page, name) => Number(await page.locator('.strip-cell', { hasText: name }).locator('dd').innerText());

describe('an act that scores high is asked about', () => {
  for (const [answer, allow] of [['Allow once', true], ['Refuse', false]]) {
    test(answer, async () => {
      const endpoint = await listen(OPEN);
      const context = await fresh();
      const page = await open(context);
      await publish(page, 'prod', endpoint.place);
      const question = page.getByRole('alertdialog', { name: 'publisher asks to connect' });
      await question.waitFor();
      const told = await question.innerText();
      assert.match(told, /prod lets at most 3000 pass/);
      // The publisher asks with a deadline of 30 seconds.
      const left = Number(/No answer in (\d+) s is a no/.exec(told)?.[1]);
      assert.ok(left > 10 && left <= 30, told);
      await question.getByRole('button', { name: answer }).and(page.locator(':enabled')).click();
      await done(page);
      const report = await reportOf(page);
      assert.equal(endpoint.heard.includes('POST'), allow);
      assert.equal(report.publisher.status, allow ? 200 : null);
      await context.close();
      endpoint.close();
    });
  }
  for (const environment of ['dev', 'staging']) {
    test(`in ${environment} a connection alone is not, as the consent says`, async () => {
      const endpoint = await listen(OPEN);
      const context = await fresh();
      const page = await open(context);
      await publish(page, environment, endpoint.place);
      await done(page);
      assert.deepEqual([await cell(page, 'asked'), await cell(page, 'warned')], [0, 1]);
      assert.equal((await reportOf(page)).publisher.status, 200);
      await context.close();
      endpoint.close();
    });
  }
});
