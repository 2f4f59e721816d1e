//! The role that runs futures.

use super::MaybeSend;
use std::future::Future;

/// Runs a future to its end, detached: nobody joins or aborts it. What the kernel waits for comes back as an input.
pub trait Spawn {
    /// Starts `future`; it is polled until it completes, even if nobody waits. `name` is for tracing.
    ///
    /// A host that is shutting down may drop the future without polling it again. A panic inside it
    /// must not take the host down.
    fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + MaybeSend + 'static);
}
