//! Waiting for the log: whoever tells outside what was looked at tells nothing that a crash would undo.

use super::{Inner, closed};
use crate::kernel::committer::After;
use crate::platform::Platform;
use crate::refusal::{Code, Refusal};
use futures::channel::oneshot;

impl<P: Platform> Inner<P> {
    /// Waits until everything so far is written; at once where nothing is unwritten.
    pub(in crate::kernel) async fn flushed(&self) -> Result<(), Refusal> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut core = self.lock();
            if core.closed {
                return Err(closed());
            }
            if core.pending.is_written() {
                return Ok(());
            }
            core.pending.after(After::Written(sender));
        }
        self.commit_signal.wake();
        let failed = || Refusal::new(Code::NotDurable, "the kernel has stopped");
        receiver.await.map_err(|_| failed())?.map_err(|reason| Refusal::new(Code::NotDurable, reason))
    }
}
