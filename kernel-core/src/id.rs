//! The newtypes that name things: processes, actions, messages, streams, letters.
//!
//! Every id is a `u64` that only grows and is never reused within one data directory, or, for ids that
//! die with the kernel, within one boot. Nothing here allocates ids; `State` does.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
        #[derive(minicbor::Encode, minicbor::Decode)]
        #[serde(transparent)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}

ids! {
    /// A process. 0 is the kernel.
    Pid;
    /// One act on its road: names the intent and its outcome in the log.
    ActionId;
    /// One envelope; for a request it is also the correlation of its reply.
    MessageId;
    /// An open stream; dies with its owner.
    StreamId;
    /// A message that could not be delivered and is kept: a number of its own from those of messages.
    LetterId;
    /// The caller's slot for one reply, chosen by the driver.
    CallId;
}

impl Pid {
    /// The kernel itself.
    pub const KERNEL: Pid = Pid(0);
}

#[cfg(test)]
mod tests;
