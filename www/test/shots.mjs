// Pictures of every state for people to look at: `node test/shots.mjs [FOLDER] [NAME...]`, over the player.

import { mkdirSync } from 'node:fs';
import { begin, choose, done, launch, openPlayer, ready, run } from './browser.mjs';
import { buildPlayer, out } from './player/build.mjs';
import { serve } from '../serve.mjs';

const folder = process.argv[2] ?? new URL('./shots', import.meta.url).pathname;
const only = process.argv.slice(3);
mkdirSync(folder, { recursive: true });
await buildPlayer();
const server = await serve(out);
const address = `http://127.0.0.1:${server.address().port}/`;
const browser = await launch();

const states = {
  empty: [{}, ready],
  kept: [{ folders: [{ name: 'repo', folder: { name: 'my-project' }, mode: 'read', given: ['repo-audit'], bound: false }] }, ready],
  consent: [{}, async (page) => {
    await begin(page);
    await page.getByLabel('Give connect /net/**').check();
    await page.getByLabel('Host and port').fill('127.0.0.1:8080');
  }],
  running: [{ pace: 9000, recording: 'many' }, async (page) => { await run(page); await page.waitForTimeout(5200); }],
  limits: [{ near: 'walker', over: 'reporter' }, async (page) => {
    await run(page); await done(page);
    for (const name of ['walker', 'reporter']) await page.getByRole('button', { name, exact: true }).click();
    await page.evaluate(() => globalThis.player.live.near('walker', 'memory', 27 << 20, 32 << 20));
    await page.waitForTimeout(400);
  }],
  ask: [{ recording: 'prod' }, async (page) => { await run(page); await page.getByRole('alertdialog').waitFor(); await page.waitForTimeout(900); }],
  refusal: [{}, async (page) => { await run(page); await done(page); await page.locator('.refusal').scrollIntoViewIfNeeded(); }],
  finished: [{ recording: 'prod' }, async (page) => { await run(page); await page.getByRole('button', { name: 'Allow once' }).and(page.locator(':enabled')).click(); await done(page); await page.waitForTimeout(200); }],
  report: [{}, async (page) => { await run(page); await done(page); await page.getByRole('tab', { name: /Report/ }).click(); }],
  hostile: [{ recording: 'hostile' }, async (page) => { await run(page); await done(page); await page.getByRole('tab', { name: /Report/ }).click(); }],
  log: [{}, async (page) => {
    await run(page); await done(page); await page.getByRole('tab', { name: 'Log' }).click();
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByText('events verify').waitFor();
  }],
  event: [{}, async (page) => {
    await run(page); await done(page);
    await page.locator('.refusal .link').click();
  }],
  unverified: [{ verifyFails: 'event 73 was changed after it was written: its hash is not the one that event 74 names (tampered)' }, async (page) => {
    await run(page); await done(page); await page.getByRole('tab', { name: 'Log' }).click();
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByText('does not verify').first().waitFor();
  }],
  receipt: [{}, async (page) => { await ready(page); await choose(page, { evidence: 'receipt', action: 38 }); }],
  changed: [{}, async (page) => { await ready(page); await choose(page, { evidence: 'receipt', action: 38, changed: true }); }],
  untrusted: [{}, async (page) => { await ready(page); await choose(page, { evidence: 'receipt', action: 38, by: 'another' }); }],
  tree: [{}, async (page) => { await ready(page); await page.getByRole('tab', { name: 'Tree' }).click(); await page.getByRole('button', { name: 'notes/' }).click(); await page.getByText('note-11').waitFor(); }],
  host: [{}, async (page) => { await ready(page); await page.getByRole('tab', { name: 'Host' }).click(); await page.getByText('used of').waitFor(); }],
  error: [{ bootFails: { code: 'storage', message: 'the private storage of this page could not be opened: quota exceeded' } }, async (page) => { await page.getByText('did not boot').first().waitFor(); }],
  kill: [{ pace: 6000 }, async (page) => { await run(page); await page.waitForTimeout(2500); await page.getByRole('button', { name: 'Kill secrets' }).click(); }],
};
const looks = { light: { colorScheme: 'light' }, dark: { colorScheme: 'dark' } };
const sizes = { 1280: { width: 1280, height: 800 }, 800: { width: 800, height: 1000 }, 360: { width: 360, height: 740 } };
for (const [name, [control, go]] of Object.entries(states)) {
  if (only.length && !only.includes(name)) continue;
  for (const [look, { colorScheme }] of Object.entries(looks)) {
    for (const [size, viewport] of Object.entries(sizes)) {
      const page = await openPlayer(browser, address, { control, colorScheme, viewport, deviceScaleFactor: 1 });
      await go(page);
      await page.screenshot({ path: `${folder}/${name}-${look}-${size}.png`, fullPage: size === '360' && ['empty', 'report', 'hostile', 'host'].includes(name) });
      if (page.problems.length) console.log(name, look, size, page.problems);
      await page.context().close();
    }
  }
}
await browser.close();
server.close();
