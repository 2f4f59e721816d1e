// The page over the player, in test/dist: `node test/player/build.mjs [PORT]` also serves it.

import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from '../../build.mjs';
import { serve } from '../../serve.mjs';

const here = dirname(fileURLToPath(import.meta.url));
export const out = join(here, '../dist');

export async function buildPlayer() {
  const built = await build({ out, kernel: join(here, 'index.ts'), minify: false });
  await cp(join(here, '../record'), join(out, built.name, 'record'), { recursive: true });
  return built;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildPlayer();
  const server = await serve(out, { port: Number(process.argv[2] ?? 8081) });
  console.log(`http://localhost:${server.address().port}/`);
}
