/**
 * Takes away from a worker what its guest has no use for: network, storage, other workers, messages, devices.
 *
 * Guests are WebAssembly and cannot name any of it. This is for the day on which something in between has a fault: glue
 * that was tricked finds a scope with the language in it and little else. Done by what stays, not by what goes, so that
 * what browsers add tomorrow goes too.
 */

/** What the glue and this worker use besides the language. */
const KEPT = new Set(['TextDecoder', 'TextEncoder', 'WebAssembly', 'performance', 'queueMicrotask', 'setTimeout', 'console']);

/** The language: ECMA-262 section 19, and the objects that its iterators and generators come from. */
const LANGUAGE = new Set([
  'globalThis', 'Infinity', 'NaN', 'undefined', 'isFinite', 'isNaN', 'parseFloat', 'parseInt',
  'decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'escape', 'unescape',
  'AggregateError', 'Array', 'ArrayBuffer', 'BigInt', 'BigInt64Array', 'BigUint64Array', 'Boolean', 'DataView', 'Date', 'Error',
  'EvalError', 'FinalizationRegistry', 'Float16Array', 'Float32Array', 'Float64Array', 'Int8Array', 'Int16Array', 'Int32Array',
  'Iterator', 'Map', 'Number', 'Object', 'Promise', 'Proxy', 'RangeError', 'ReferenceError', 'RegExp', 'Set', 'String',
  'SuppressedError', 'Symbol', 'SyntaxError', 'TypeError', 'Uint8Array', 'Uint8ClampedArray', 'Uint16Array', 'Uint32Array',
  'URIError', 'WeakMap', 'WeakRef', 'WeakSet', 'JSON', 'Math', 'Reflect', 'Intl', 'constructor',
]);

/** Leaves the scope with the language and what is in `KEPT`; answers what could not be taken, which is only names. */
export function disarm(): string[] {
  const left: string[] = [];
  const quiet = () => {};
  Object.defineProperty(globalThis, 'console', { value: Object.freeze({ log: quiet, warn: quiet, error: quiet, debug: quiet }) });
  // Text becomes code by these two only; nothing here needs it.
  const none = { value: undefined, writable: false, configurable: false };
  for (const maker of [function () {}, async function () {}, function* () {}, async function* () {}]) {
    Object.defineProperty(Object.getPrototypeOf(maker), 'constructor', none);
  }
  for (let scope: object = globalThis; scope !== Object.prototype; scope = Object.getPrototypeOf(scope)) {
    for (const name of Object.getOwnPropertyNames(scope)) {
      if (KEPT.has(name) || LANGUAGE.has(name)) continue;
      if (Reflect.deleteProperty(scope, name)) continue;
      // What may not be deleted may still be overwritten.
      if (!Reflect.set(scope, name, undefined) || Reflect.get(scope, name) !== undefined) left.push(name);
    }
  }
  return left;
}
