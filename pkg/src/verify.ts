/** Evidence, checked without a kernel: in a worker of its own, which is gone afterwards. */

import type { Failure, FromKernel, Verify } from './kernel-protocol.js';
import { partsAt } from './parts.js';
import { KernelError, type Proven, type VerifyOptions } from './types.js';

/**
 * Checks a file of evidence: a receipt, a proof that the log has an event or begins with an earlier state, or a proof of a node of the
 * tree, whichever kernel made it. It needs no kernel and asks nobody. Answers what the file is evidence of.
 *
 * @throws {KernelError} What does not hold: `key_untrusted` if the key did not sign it, `forked` if an event is another one than was
 * signed, `binding_failed`, `chain_gap` or `truncated` if its parts do not belong together, as a node that is another one than was
 * signed, `admission_missing` or `outcome_missing` if a part of the act is not told. `invalid` if the file is no evidence or the key no key,
 * and `boot` if the package's files cannot be loaded.
 */
export function verifyEvidence(evidence: string, { key, assets }: VerifyOptions): Promise<Proven> {
  const { worker: address, wasm } = partsAt(assets);
  return new Promise((proven, refused) => {
    const worker = new Worker(address, { type: 'module', name: 'weft-verify' });
    const failed = ({ code, message, more }: Failure) => {
      worker.terminate();
      refused(new KernelError(code, message, more));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      failed({ code: 'boot', message: `the package's worker could not be started from ${address}: is it there, and served as JavaScript?`, more: {} });
    };
    worker.onmessage = ({ data }: MessageEvent<FromKernel>) => {
      if ('failed' in data) failed(data.failed);
      else if ('crashed' in data) failed(data.crashed);
      else if ('ok' in data) {
        worker.terminate();
        proven(data.ok as Proven);
      }
    };
    worker.postMessage({ verify: { evidence: String(evidence), key, wasm } } satisfies Verify);
  });
}
