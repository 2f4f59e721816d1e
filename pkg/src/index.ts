/**
 * Weft, an operating-system kernel for AI agents, in a browser tab.
 *
 * ```js
 * import { Kernel } from 'weft-kernel';
 * const kernel = await Kernel.boot({ storage: 'opfs' });
 * await kernel.install('/apps/repo-audit/', { mounts: { repo: folder, out: 'opfs' } });
 * await kernel.start('repo-audit');
 * ```
 *
 * @packageDocumentation
 */

export { App, type FetchOptions } from './app.js';
export { Chain } from './chain.js';
export { Kernel } from './kernel.js';
export { Tree } from './tree.js';
export { KernelCrashed, KernelError } from './types.js';
export { verifyEvidence } from './verify.js';
export type {
  AppFiles,
  Ask,
  BootOptions,
  ChainEvent,
  Check,
  Effect,
  Environment,
  Given,
  Json,
  KeptFolder,
  KernelEvents,
  MountSource,
  Notice,
  Process,
  Profile,
  Proven,
  Schema,
  SchemaType,
  StartOptions,
  Summary,
  Tool,
  ToolCall,
  ToolFunction,
  ToolOptions,
  TreeChild,
  TreeNode,
  TreePage,
  UnreadableRow,
  Verified,
  VerifyOptions,
} from './types.js';
