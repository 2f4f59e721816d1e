/** The resource tree, as a page asks for it. */

import type { Asking } from './kernel-protocol.js';
import { KernelError, type TreePage } from './types.js';

/** The most bytes of a value. */
const MOST = 1 << 20;

/** The resource tree of a kernel. A node is written `/tree/NAME/NAME`, and `/tree` is what all are below. */
export class Tree {
  readonly #ask: Asking;

  /** Made by the kernel that it belongs to. */
  constructor(ask: Asking) {
    this.#ask = ask;
  }

  /**
   * What is directly below a node, by name, at most 1,000 of them: from the first, or from `cursor` on, the `next` of the page before. The
   * page's user looks into his own tree, which is no act.
   *
   * @throws {KernelError} `invalid` if the path is none of the tree.
   */
  list(path = '/tree', cursor?: string): Promise<TreePage> {
    return this.#ask('tree_children', path, cursor);
  }

  /**
   * The value of a node. It is an act of the page's user, which passes the gate.
   *
   * @throws {KernelError} `invalid` if the path is none of the tree, `not_found` if there is no such node; or with the code of the refusal.
   */
  async get(path: string): Promise<Uint8Array> {
    if (!/^\/tree(\/|$)/.test(path)) throw new KernelError('invalid', `${path} is no node of the tree`);
    const reply = await this.#ask<Uint8Array>('act', 'read', path, { len: MOST });
    // A line with its labels and its version comes first.
    return reply.subarray(reply.indexOf(10) + 1);
  }

  /**
   * The proof of what a node is now, or that it is not there: one file of JSON, as `weft tree prove` prints it, which leads from the node to
   * the signed root of the log. Whoever has it and the key of the log checks it by {@link verifyEvidence}.
   *
   * @throws {KernelError} `invalid` if the path is none of the tree, `failed` if what is stored of it does not fit its root.
   */
  prove(path: string): Promise<string> {
    return this.#ask('prove_node', path);
  }
}
