// Components that try to put JavaScript into the glue that is made from them: `echo` with two more core modules, of which one
// imports from the other under a name that ends a string, a line, a template or a comment.

import { readFile } from 'node:fs/promises';
import { parse, print } from '@bytecodealliance/jco-transpile/wasm-tools';
import { ROOT } from './browser.mjs';

/** What a name must not be able to do. */
export const MARK = 'globalThis.hostile=1';

/** A name of a module that the transpiler, left to itself, writes down as code that runs. */
export const CODE = `a':0,[${MARK}]:0,'b`;

/** Names by what they try to end; hexadecimal escapes, as the text format has them. */
const NAMES = {
  quote: `x\\27];${MARK};[\\27`,
  double: `x\\22];${MARK};[\\22`,
  template: 'x\\60+(globalThis.hostile=1)+\\60',
  line: `x\\0a${MARK}//`,
  separator: `x\\e2\\80\\a8${MARK}//`,
  comment: `x*/${MARK}/*`,
  backslash: 'x\\5c',
  meter: 'weft:meter',
};

let made;

/** Texts and folders for `serve`: `/hostile/name-*.wasm`, and a core module that is none. */
export function hostile() {
  return (made ??= build());
}

async function build() {
  const echo = await print(await readFile(`${ROOT}tests/fixtures/guests/echo.wasm`));
  const end = echo.lastIndexOf(')');
  const places = { '/hostile/core.wasm': Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) };
  const inside = async (more) => Buffer.from(await parse(`${echo.slice(0, end)}${more}${echo.slice(end)}`));
  for (const [kind, name] of Object.entries(NAMES)) {
    const more = `
      (core module $gives (func (export "${name}")))
      (core instance $given (instantiate $gives))
      (core module $takes (import "${name}" "${name}" (func)))
      (core instance (instantiate $takes (with "${name}" (instance $given))))
    `;
    places[`/hostile/name-${kind}.wasm`] = await inside(more);
  }
  places['/hostile/name-code.wasm'] = await inside(`
    (core module $gives (func (export "f")))
    (core instance $given (instantiate $gives))
    (core module $takes (import "${CODE}" "f" (func)))
    (core instance (instantiate $takes (with "${CODE}" (instance $given))))
  `);
  return places;
}
