/** A worker that is disarmed as a guest's is, and then tells what it can still reach. */

import { disarm } from '../../src/disarm.js';

const say = postMessage.bind(globalThis);
const left = disarm();

const ways: (() => unknown)[] = [
  () => (() => {}).constructor('return 1')(),
  () => (async () => {}).constructor('return 1')(),
  () => Reflect.construct(Object.getPrototypeOf(function* () {}).constructor, ['yield 1']),
  () => (globalThis as { eval?: (code: string) => unknown }).eval!('1'),
];
const code = ways.map((way) => {
  try {
    return String(way());
  } catch {
    return 'no';
  }
});
const names = new Set<string>();
for (let scope: object | null = globalThis; scope; scope = Object.getPrototypeOf(scope)) {
  for (const name of Object.getOwnPropertyNames(scope)) {
    if ((globalThis as Record<string, unknown>)[name] !== undefined) names.add(name);
  }
}
say({ left, code, names: [...names] });
