// A page that has the package and a few words for the tests that drive it.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { launch, open, ROOT, serve } from './browser.mjs';

/** An application of one agent, of a fixture's component. */
export const ONE = (guest, more = '') => `
[app]
name = "one"
version = "1.0.0"
description = "One agent"

[[agent]]
name = "solo"
program = { wasm = "${guest}.wasm" }
instance = "kept"
${more}
`;

/** A server of the package and of the fixtures' components, and a browser: there while the tests of a file run. */
export function served(title, places = {}) {
  const it = {};
  before(async () => {
    it.server = await serve({
      '/': `<!doctype html><title>${title}</title>`,
      '/weft/': { folder: `${ROOT}pkg/dist/` },
      '/guests/': { folder: `${ROOT}tests/fixtures/guests/` },
      ...places,
    });
    it.browser = await launch();
  });
  after(async () => {
    await it.browser?.close();
    await it.server?.close();
  });
  return it;
}

/** A tab on `url`, where the package lies in `/weft/` and components in `/guests/`; with `context`, another one of the same browser profile. */
export async function tab(browser, url, context) {
  const page = context ? await context.newPage() : (await open(browser, url)).page;
  if (context) await page.goto(url);
  await ready(page);
  return page;
}

/** Gives a page that was opened, or loaded again, the package and those words. */
export async function ready(page) {
  page.removeAllListeners('pageerror');
  page.on('pageerror', (error) => assert.fail(String(error)));
  await page.addScriptTag({
    type: 'module',
    content: `
      import { Kernel, App, KernelCrashed, KernelError, verifyEvidence } from '/weft/index.js';
      const text = (bytes) => new TextDecoder().decode(bytes);
      const bytes = async (address) => new Uint8Array(await (await fetch(address)).arrayBuffer());
      Object.assign(globalThis, { Kernel, App, KernelCrashed, KernelError, verifyEvidence, text, bytes, told: [] });
      globalThis.boot = async (options) => {
        globalThis.kernel = await Kernel.boot(options);
        for (const event of ['notice', 'ask', 'ended', 'owner', 'stopped', 'crashed']) kernel.on(event, (news) => told.push([event, news]));
        return kernel.profile();
      };
      globalThis.until = async (event, fits = () => true) => {
        for (;;) {
          const found = told.find(([name, news]) => name === event && fits(news));
          if (found) return found[1];
          await new Promise((later) => setTimeout(later, 10));
        }
      };
      globalThis.failure = (promise) => promise.then(() => null, (error) => ({ code: error.code, message: error.message, more: error.more, typed: error instanceof KernelError, crashed: error instanceof KernelCrashed }));
      globalThis.one = async (manifest, guest) => ({ manifest, files: { [guest + '.wasm']: await bytes('/guests/' + guest + '.wasm') } });
      globalThis.ready = true;
    `,
  });
  await page.waitForFunction(() => globalThis.ready);
}
