// The memory meter: what a core module takes is counted, and one that asks for too much ends before it has it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, test } from 'node:test';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { build } from 'esbuild';
import { ROOT } from './browser.mjs';

const PAGE = 65_536;
let weft, MemoryMeter;

before(async () => {
  weft = await import('../dist/wasm/weft.js');
  await weft.default({ module_or_path: await readFile(`${ROOT}pkg/dist/weft.wasm`) });
  const { outputFiles } = await build({ entryPoints: [`${ROOT}pkg/src/meter.ts`], bundle: true, format: 'esm', write: false });
  ({ MemoryMeter } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`));
});

const metered = async (wat) => new WebAssembly.Module(weft.meter_guest_module(await parse(wat)));

test('growth is counted to the limit, and over it nothing is taken and the number is told', async () => {
  const meter = new MemoryMeter(BigInt(10 * PAGE));
  const { exports } = await meter.instantiate(await metered('(module (memory (export "m") 2) (func (export "grow") (param i32) (result i32) local.get 0 memory.grow))'));
  assert.equal(meter.used, BigInt(2 * PAGE));
  assert.equal(exports.grow(3), 2);
  assert.equal(exports.grow(0), 5);
  assert.equal(exports.grow(5), 5);
  assert.equal(meter.fault(), undefined);
  assert.throws(() => exports.grow(1), WebAssembly.RuntimeError);
  assert.deepEqual(meter.fault(), { kind: 'memory', reason: `it asked for ${PAGE} more bytes of memory, having ${10 * PAGE} of a limit of ${10 * PAGE}` });
  assert.equal(exports.m.buffer.byteLength, 10 * PAGE);
});

test('a growth over the module\'s own maximum fails inside, as everywhere', async () => {
  const meter = new MemoryMeter(BigInt(100 * PAGE));
  const { exports } = await meter.instantiate(await metered('(module (memory 1 4) (func (export "grow") (param i32) (result i32) local.get 0 memory.grow))'));
  assert.equal(exports.grow(4), -1);
  assert.equal(exports.grow(-1), -1);
  assert.equal(exports.grow(3), 1);
  assert.equal(meter.fault(), undefined);
  assert.equal(meter.used, BigInt(4 * PAGE));
});

test('tables count too, eight bytes an element', async () => {
  const meter = new MemoryMeter(800n);
  const { exports } = await meter.instantiate(await metered(
    '(module (table $t 10 funcref) (func (export "grow") (param i32) (result i32) ref.null func local.get 0 table.grow $t) (func (export "size") (result i32) table.size $t))',
  ));
  assert.equal(meter.used, 80n);
  assert.equal(exports.grow(90), 10);
  assert.throws(() => exports.grow(1), WebAssembly.RuntimeError);
  assert.equal(exports.size(), 100);
  assert.match(meter.fault().reason, /asked for 8 more bytes of memory, having 800 of a limit of 800/);
});

test('all core modules of an instance share one limit', async () => {
  const meter = new MemoryMeter(BigInt(6 * PAGE));
  const module = await metered('(module (memory 1) (func (export "grow") (param i32) (result i32) local.get 0 memory.grow))');
  const [a, b] = [await meter.instantiate(module), await meter.instantiate(module)];
  assert.equal(a.exports.grow(3), 1);
  assert.equal(b.exports.grow(1), 1);
  assert.throws(() => a.exports.grow(1), WebAssembly.RuntimeError);
  assert.equal(meter.used, BigInt(6 * PAGE));
});

test('what a module has from the start is held against the limit before it is made', async () => {
  const meter = new MemoryMeter(BigInt(PAGE));
  await assert.rejects(meter.instantiate(await metered('(module (memory 2))')), WebAssembly.RuntimeError);
  assert.match(meter.fault().reason, new RegExp(`asked for ${2 * PAGE} more`));
});

test('globals, imports, elements and start functions keep their meaning', async () => {
  const meter = new MemoryMeter(BigInt(10 * PAGE));
  const module = await metered(`(module
    (import "a" "g" (global $g i32)) (import "a" "f" (func $f (param i32) (result i32)))
    (memory 1) (table $t 2 funcref)
    (global $own (mut i32) (i32.const 5)) (global $copy i32 (global.get $g))
    (elem (i32.const 0) $f $h)
    (func $h (param i32) (result i32) local.get 0 global.get $own i32.add)
    (func $go i32.const 9 global.set $own)
    (start $go)
    (func (export "all") (param i32) (result i32)
      i32.const 1 memory.grow drop
      local.get 0 i32.const 0 call_indirect (param i32) (result i32)
      i32.const 1 call_indirect (param i32) (result i32)
      global.get $copy i32.add))`);
  const { exports } = await meter.instantiate(module, { a: { g: 100, f: (n) => n * 2 } });
  assert.equal(exports.all(4), 4 * 2 + 9 + 100);
  assert.equal(meter.used, BigInt(2 * PAGE + 16));
});

test('what is imported must have been given, and not by way of Object', async () => {
  const meter = new MemoryMeter(BigInt(PAGE));
  for (const [module, name] of [['a', 'b'], ['constructor', 'assign'], ['__proto__', 'toString'], ['a', 'constructor']]) {
    const taking = await metered(`(module (import "${module}" "${name}" (func)))`);
    await assert.rejects(meter.instantiate(taking, { a: {} }), WebAssembly.LinkError, `${module} ${name}`);
  }
});

test('a section that only looks like the meter\'s is not believed', async () => {
  const forged = await parse('(module (@custom "weft:meter" "\\00\\00\\00\\00\\00\\00\\00\\00") (memory 3))');
  const meter = new MemoryMeter(BigInt(10 * PAGE));
  await meter.instantiate(new WebAssembly.Module(weft.meter_guest_module(forged)));
  assert.equal(meter.used, BigInt(3 * PAGE));
  await assert.rejects(meter.instantiate(new WebAssembly.Module(forged.slice(0, 8))), WebAssembly.LinkError);
});
