/**
 * Lists of files on their way from the page to its worker. To copy one of many thousands at once would hold the page up, so a long one goes
 * ahead of the call that it belongs to, in slices.
 */

import type { Call, ListPart, Listed, Method } from './kernel-protocol.js';

/** So many files go at once. */
const SLICE = 500;

/** What is given folders, and with them lists. */
const GIVEN = new Set<Method>(['mount', 'install']);

type List = { files: Listed[] };

const isList = (value: unknown): value is List => typeof value === 'object' && value !== null && Array.isArray((value as Partial<List>).files);

/** The value with each list in it, or one object below, in place of which `change` gives something. */
function changed(value: unknown, fits: (value: unknown) => boolean, change: (value: never) => unknown): unknown {
  if (fits(value)) return change(value as never);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, fits(one) ? change(one as never) : one]));
}

let lists = 0;

/** Sends a call, and what has to go ahead of it. */
export async function deliver({ args, ...call }: Call, send: (message: ListPart | Call) => void): Promise<void> {
  if (!GIVEN.has(call.method)) return send({ ...call, args });
  const long: { list: number; files: Listed[] }[] = [];
  const rest = args.map((arg) =>
    changed(arg, (value) => isList(value) && value.files.length > SLICE, ({ files }: List) => {
      long.push({ list: ++lists, files });
      return { list: lists };
    }),
  );
  for (const { list, files } of long) {
    for (let from = 0; from < files.length; from += SLICE) {
      send({ list, files: files.slice(from, from + SLICE) });
      await pause();
    }
  }
  send({ ...call, args: rest });
}

/** What has come ahead of calls. */
export class Ahead {
  readonly #lists = new Map<number, Listed[]>();

  came({ list, files }: ListPart): void {
    const before = this.#lists.get(list);
    if (before) before.push(...files);
    else this.#lists.set(list, files);
  }

  /** The call as it was meant. */
  whole({ args, ...call }: Call): Call {
    if (!GIVEN.has(call.method)) return { ...call, args };
    const stands = (value: unknown) => typeof value === 'object' && value !== null && this.#lists.has((value as { list?: number }).list ?? 0);
    const given = ({ list }: { list: number }) => {
      const files = this.#lists.get(list);
      this.#lists.delete(list);
      return { files };
    };
    return { ...call, args: args.map((arg) => changed(arg, stands, given)) };
  }
}

/** Until the browser has done what waits; a timer would be slowed down in a tab that is not looked at. */
function pause(): Promise<void> {
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(null);
  });
}
