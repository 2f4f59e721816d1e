// Evidence on the page, over the player: receipts and proofs saved, dropped, chosen and checked, and the tree looked into.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choose, done, launch, openPlayer, ready, run } from './browser.mjs';
import { buildPlayer, out } from './player/build.mjs';
import { serve } from '../serve.mjs';

let server, browser, address;

before(async () => {
  await buildPlayer();
  server = await serve(out);
  address = `http://127.0.0.1:${server.address().port}/`;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.close();
});

/** What pressing that button saves: the file's name and its text. */
async function saved(page, press) {
  const download = page.waitForEvent('download');
  await press();
  const file = await download;
  return [file.suggestedFilename(), readFileSync(await file.path(), 'utf8')];
}

/** Drops a file; of a drag by protocol the browser loses an event now and then. */
async function drop(page, path) {
  const protocol = await page.context().newCDPSession(page);
  for (let tries = 0; tries < 3; tries += 1) {
    for (const type of ['dragEnter', 'dragOver', 'drop']) await protocol.send('Input.dispatchDragEvent', { type, x: 640, y: 400, data: { items: [], files: [path], dragOperationsMask: 1 } });
    if (await page.getByRole('dialog').waitFor({ timeout: 5_000 }).then(() => true, () => false)) return;
  }
  assert.fail('nothing came of the drop');
}

test('the receipt of an act is saved from its event, and what it says is read out where it is dropped, at any time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-receipt-'));
  const page = await openPlayer(browser, address);
  await run(page);
  await done(page);
  await page.locator('.refusal .link').click();
  const [name, receipt] = await saved(page, () => page.getByRole('button', { name: /^Receipt of act/ }).click());
  const { action } = JSON.parse(receipt);
  assert.equal(name, `receipt-${action}.json`);
  writeFileSync(join(folder, name), receipt);
  await page.getByRole('tab', { name: 'Host' }).click();
  await drop(page, join(folder, name));
  const dialog = page.getByRole('dialog', { name: `Evidence: ${name}` });
  await dialog.locator('[role="status"]', { hasText: `The receipt of act ${action} holds` }).waitFor();
  const said = await dialog.innerText();
  for (const part of ['courier (process 4) of repo-audit wanted to `connect`', 'refused as denied', 'nothing was done', 'this tab’s own key: weft/0123456789abcdef+']) assert.ok(said.includes(part), `${part} in ${said}`);
  // It is the browser's own dialog: what is behind it stays as it was, and Escape closes it.
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.deepEqual(page.problems, []);
  await page.context().close();
  rmSync(folder, { recursive: true });
});

test('a receipt that does not hold is refused in words; one of another log is held against the key that is pasted, by keyboard', async () => {
  const page = await openPlayer(browser, address);
  await ready(page);
  const dialog = page.getByRole('dialog');
  const says = async (file, ...parts) => {
    await choose(page, file);
    const said = await dialog.innerText();
    for (const part of parts) assert.ok(said.includes(part), `${part} in ${said}`);
  };
  await says({ evidence: 'receipt', action: 38, changed: true }, 'It does not hold', 'changed after it was signed', 'forked');
  await page.getByRole('button', { name: 'Close' }).click();
  await says('no receipt', 'It does not hold', 'not what this page can check', 'invalid');
  await page.keyboard.press('Escape');
  await says({ evidence: 'receipt', action: 38, by: 'another' }, 'It is not signed by this tab’s key', 'key_untrusted');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.name), 'key');
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  await dialog.getByText('It is not signed by the key that you pasted').waitFor();
  await page.getByLabel('Key of the log').fill('another');
  await page.keyboard.press('Enter');
  await dialog.getByText('The receipt of act 38 holds').waitFor();
  assert.match(await dialog.innerText(), /the key that you pasted: another/);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('without a kernel a receipt is checked by the key that is pasted', async () => {
  const page = await openPlayer(browser, address, { control: { bootFails: { code: 'storage', message: 'it is full' } } });
  await page.getByRole('heading', { name: 'The kernel did not boot' }).waitFor();
  await choose(page, { evidence: 'receipt', action: 38, by: 'another' });
  await page.getByText('There is no kernel here').waitFor();
  await page.getByLabel('Key of the log').fill('another');
  await page.getByRole('button', { name: 'Check with this key' }).click();
  await page.getByText('The receipt of act 38 holds').waitFor();
  await page.context().close();
});

test('the tree is walked by keyboard: names, values, and the proof of a node as a file', async () => {
  const page = await openPlayer(browser, address);
  await ready(page);
  await page.getByRole('tab', { name: 'Run' }).focus();
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
  const notes = page.getByRole('button', { name: 'notes/' });
  await notes.waitFor();
  assert.match(await page.locator('.tree tr', { hasText: 'notes' }).innerText(), /notes\/\s+3\s+44 bytes\s+note\s+private, untrusted/);
  await notes.focus();
  await page.keyboard.press('Enter');
  await page.getByText('<b>a line</b> and another one').waitFor();
  await page.getByText('<img src=x onerror=alert(1)>').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-current')), 'page');
  const [name, proof] = await saved(page, () => page.getByRole('button', { name: 'Proof' }).click());
  assert.deepEqual([name, JSON.parse(proof).path], ['proof-tree-notes.json', '/tree/notes']);
  const [value, text] = await saved(page, () => page.getByRole('button', { name: 'Value' }).click());
  assert.deepEqual([value, text.startsWith('what was kept')], ['notes', true]);
  await choose(page, proof);
  await page.getByText('The tree holds the node').waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('tab', { name: 'Tree' }).click();
  await page.getByRole('navigation', { name: 'Place in the tree' }).getByRole('button', { name: 'tree' }).click();
  await notes.waitFor();
  assert.equal(await page.locator('.tree-value').innerText(), '');
  assert.deepEqual(page.problems, []);
  await page.context().close();
});
