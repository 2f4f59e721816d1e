// A headless Chromium for the tests, and the ways through the page that many of them walk.

import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const options = JSON.parse(readFileSync(new URL('../../tests/webdriver.json', import.meta.url)))['goog:chromeOptions'];

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: options.args.filter((arg) => arg !== '--headless'),
});

/** Opens the page over the player; `control` is what `window.player` starts with. */
export async function openPlayer(browser, address, { control = {}, serviceWorkers = 'block', ...context } = {}) {
  const opened = await browser.newContext({ viewport: { width: 1280, height: 800 }, serviceWorkers, ...context });
  const page = await opened.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !message.text().includes('blocked by Playwright')) page.problems.push(message.text()); });
  await page.addInitScript((given) => {
    globalThis.player = { recording: 'dev', pace: 900, bootFails: null, verifyFails: null, ok: true, folders: [], leave: 'granted', asked: [], near: '', over: '', live: null, ...given };
    globalThis.shifts = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shifts.push({ value: entry.value, at: entry.sources?.map(({ node, previousRect: a, currentRect: b }) => `${node?.nodeName}.${node?.className ?? ''} ${(node?.textContent ?? '').slice(0, 40)} ${a.x},${a.y} ${a.width}x${a.height} -> ${b.x},${b.y} ${b.width}x${b.height}`) });
    }).observe({ type: 'layout-shift', buffered: true });
  }, control);
  await page.goto(address);
  return page;
}

export const ready = (page) => page.getByRole('button', { name: 'Use the sample folder' }).and(page.locator(':enabled')).waitFor();

export async function begin(page) {
  await ready(page);
  await page.getByRole('button', { name: 'Use the sample folder' }).click();
  await page.getByRole('dialog').waitFor();
}

export async function run(page) {
  await begin(page);
  await page.getByRole('button', { name: 'Give this and run' }).click();
}

/**
 * The processor's time of each task of the page at `address` while `during` runs, in milliseconds, the longest first: how long a task takes by the clock
 * depends on what else this machine does.
 */
export async function tasks(browser, address, during) {
  const protocol = await browser.newBrowserCDPSession();
  const trace = [];
  protocol.on('Tracing.dataCollected', ({ value }) => trace.push(...value));
  await protocol.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { recordMode: 'recordAsMuchAsPossible', includedCategories: ['toplevel', 'devtools.timeline'] } });
  await during();
  const complete = new Promise((resolve) => protocol.once('Tracing.tracingComplete', resolve));
  await protocol.send('Tracing.end');
  await complete;
  const ours = new Set(trace.filter((event) => JSON.stringify(event.args ?? '').includes(`${address.slice(0, -1)}/`) && event.name === 'FunctionCall').map(({ pid }) => pid));
  const threads = new Set(trace.filter(({ name, pid, args }) => name === 'thread_name' && args.name === 'CrRendererMain' && ours.has(pid)).map(({ pid, tid }) => `${pid} ${tid}`));
  const took = trace.filter(({ name, pid, tid, tdur }) => name.endsWith('RunTask') && tdur && threads.has(`${pid} ${tid}`)).map(({ tdur }) => tdur / 1000);
  return took.sort((x, y) => y - x);
}

/**
 * Fails if in each of three tries a task takes longer than `bar` ms: a machine that does something else as well makes every task
 * longer now and then, and what holds the page up does so in every try. `attempt` answers what `tasks` does.
 */
export async function unblocked(bar, attempt) {
  const longest = [];
  for (let tries = 0; tries < 3; tries += 1) {
    const took = await attempt();
    longest.push(took.slice(0, 3).map((ms) => ms.toFixed(1)).join(', '));
    if (took[0] <= bar) break;
  }
  console.log(`  the longest tasks: ${longest.join('; ')} ms; the bar is ${bar} ms`);
  if (parseFloat(longest.at(-1)) > bar) throw new Error(`the page was held up for longer than ${bar} ms each time: ${longest.join('; ')}`);
}

/** Chooses a file of evidence in the log's view, and waits until it is said what it says. */
export async function choose(page, file) {
  await page.getByRole('tab', { name: 'Log' }).click();
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Check a receipt' }).click();
  const buffer = Buffer.from(typeof file === 'string' ? file : JSON.stringify(file));
  await (await chooser).setFiles({ name: 'receipt.json', mimeType: 'application/json', buffer });
  await page.locator('.evidence-said', { hasText: /^(?!Checking).+/ }).waitFor();
}

export const done = (page) => page.locator('.run-state[data-state="done"]').waitFor({ timeout: 20_000 });
