/**
 * The worker that makes components ready to run: checks them, builds the fuel meter in, turns them into glue and core
 * modules, and builds the memory meter into these. It holds no port but its own and nothing of the kernel, and is loaded only when a component
 * comes that was never seen before.
 */

import init, { GuestWorld, is_fuel_meter, meter_guest_module } from '../dist/wasm/weft.js';
import type { FromTranspiler, Made, Make, Setup } from './transpiler-protocol.js';

type Bindgen = typeof import('@bytecodealliance/jco-transpile/component');

declare global {
  /** Read by the transpiler in place of its own addresses, which the build takes out. */
  var bindgenModule: Promise<WebAssembly.Module>;
}

/**
 * How the glue hands over an empty string: without asking the guest for room, as the native host does. Taken out, because a
 * guest pays fuel for being asked.
 */
const NO_ROOM_FOR_NOTHING = 'if (s.length === 0) { return { ptr: 1, len: 0 }; }';

let ready: Promise<Bindgen>;

async function setUp({ kernel, bindgen: code }: Setup): Promise<Bindgen> {
  globalThis.bindgenModule = Promise.resolve(code);
  const [bindgen] = await Promise.all([import('@bytecodealliance/jco-transpile/component'), init({ module_or_path: kernel })]);
  await bindgen.$init;
  return bindgen;
}

async function make({ component }: Make): Promise<Made> {
  const { generate } = await ready.catch((error) => {
    throw new Error(`the transpiler could not be loaded: ${words(error)}`);
  });
  const world = new GuestWorld(component);
  const { files, imports } = generate(world.metered(), {
    name: 'guest',
    noTypescript: true,
    noNodejsCompat: true,
    noComponentErrorWrapping: true,
    instantiation: { tag: 'async' },
    base64Cutoff: 0,
    asyncMode: {
      tag: 'jspi',
      val: { imports: world.kernel.map((kernel) => `${kernel}#act`), exports: [`${world.guest}#handle`] },
    },
  });
  // The glue asks for the kernel's interface without its version; the check has seen to it that it asks for nothing else.
  const made: Made = { glue: '', modules: {}, fuel: [], kernel: imports[0] ?? null, guest: world.guest };
  for (const [name, bytes] of files) {
    if (name.endsWith('.wasm')) {
      made.modules[name] = meter_guest_module(bytes);
      if (is_fuel_meter(bytes)) made.fuel.push(name);
    } else made.glue = new TextDecoder().decode(bytes).replaceAll(NO_ROOM_FOR_NOTHING, '');
  }
  return made;
}

function words(error: unknown): string {
  // A trap of the transpiler itself: its own words are addresses.
  if (error instanceof WebAssembly.RuntimeError) return 'the transpiler cannot read it';
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line.slice(0, 200);
}

onmessage = async ({ data: message }: MessageEvent<Setup | Make>) => {
  if ('kernel' in message) {
    ready = setUp(message);
    // Told to whoever asks for a component.
    ready.catch(() => {});
    return;
  }
  const answer: FromTranspiler = await make(message).then((made) => ({ made }), (error) => ({ refused: words(error) }));
  postMessage(answer);
};
