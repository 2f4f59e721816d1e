// A headless Chromium and a static server: no special headers, as from any file host.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { args } = createRequire(import.meta.url)('../../tests/webdriver.json')['goog:chromeOptions'];

const TYPES = {
  '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css',
  '.json': 'application/json', '.wasm': 'application/wasm',
};

/**
 * Serves what `places` say, by path: a text or bytes, `{ folder }` for all paths that begin so, or a function of the request and the response. Notes what
 * was asked for.
 */
export async function serve(places, headers = {}) {
  const asked = [];
  const folders = Object.keys(places).filter((path) => places[path].folder).sort((a, b) => b.length - a.length);
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    asked.push(path);
    if (path === '/favicon.ico') return response.writeHead(204).end();
    try {
      let body = places[path];
      if (typeof body === 'function') return await body(request, response);
      if (body === undefined || body.folder) {
        const prefix = folders.find((folder) => path.startsWith(folder));
        body = await readFile(normalize(join(places[prefix].folder, path.slice(prefix.length))));
      }
      response.setHeader('content-type', TYPES[extname(path) || '.html'] ?? 'application/octet-stream');
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      response.end(body);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address();
  const close = () => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  };
  return { url: `http://localhost:${port}`, asked, close };
}

/** Chromium, found where distributions put it, or where CHROMIUM says; with `profile`, a context of that folder's settings. */
export async function launch(profile) {
  const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].filter(Boolean);
  let last;
  for (const executablePath of places) {
    try {
      return await (profile ? chromium.launchPersistentContext(profile, { executablePath, args }) : chromium.launch({ executablePath, args }));
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`no Chromium could be started (apt-get install chromium, or set CHROMIUM to its path): ${last}`);
}

/** A page, with what went wrong in it: uncaught errors and messages of the kind `error`. */
export async function open(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(url);
  return { page, context, problems };
}
