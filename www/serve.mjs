// Serves a folder over HTTP, as any file host does: `node serve.mjs [FOLDER] [PORT]`. No special headers.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.toml': 'text/plain; charset=utf-8',
};

/** Serves `folder` below `prefix`; port 0 is any that is free. Answers the server, listening. */
export function serve(folder, { port = 0, host = '127.0.0.1', prefix = '/' } = {}) {
  const server = createServer(async (request, response) => {
    const refuse = (code) => response.writeHead(code).end();
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405);
    let path;
    try {
      path = decodeURIComponent(new URL(request.url, 'http://host').pathname);
    } catch {
      return refuse(400);
    }
    if (!path.startsWith(prefix)) return refuse(404);
    let file = normalize(join(folder, path.slice(prefix.length)));
    if (relative(folder, file).startsWith('..')) return refuse(404);
    let found = await stat(file).catch(() => null);
    if (found?.isDirectory()) {
      file = join(file, 'index.html');
      found = await stat(file).catch(() => null);
    }
    if (!found?.isFile()) return refuse(404);
    const fixed = /\/[0-9a-f]{12}\//.test(file);
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-length': found.size,
      'cache-control': fixed ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    if (request.method === 'HEAD') return response.end();
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), 'dist');
  const server = await serve(folder, { port: Number(process.argv[3] ?? process.env.PORT ?? 8080) });
  console.log(`http://localhost:${server.address().port}/`);
}
