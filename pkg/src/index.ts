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
export { Chain, Kernel } from './kernel.js';
export { KernelCrashed, KernelError } from './types.js';
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
  Schema,
  SchemaType,
  StartOptions,
  Summary,
  Tool,
  ToolCall,
  ToolFunction,
  ToolOptions,
  UnreadableRow,
  Verified,
} from './types.js';
