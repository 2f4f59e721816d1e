//! The events at the end of a log that no signature covers, and whether they can be its kernel's own.
//!
//! Whoever has the disk and not the key can write them. So they are not the kernel's own where the last checkpoint says that
//! every batch is signed, and where one of them begins a start: that is signed with the batch that stores it, whatever the
//! environment.

use super::{ChainError, Checkpoint};

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The last checkpoint, once it was found to be signed.
    signed: Option<Checkpoint>,
    /// The kind of event that begins a start.
    start: Option<u8>,
    /// The first of them that does.
    started: Option<u64>,
}

impl Tail {
    pub(super) fn begins_with(&mut self, kind: u8) {
        self.start = Some(kind);
    }

    pub(super) fn behind(&mut self, checkpoint: Checkpoint) {
        self.signed = Some(checkpoint);
    }

    /// How many events are signed.
    pub(super) fn signed(&self) -> u64 {
        self.signed.as_ref().map_or(0, |checkpoint| checkpoint.size)
    }

    /// Takes an event of `kind`.
    pub(super) fn event(&mut self, seq: u64, kind: u8) {
        if self.start == Some(kind) && self.started.is_none() && self.signed.as_ref().is_some_and(|c| seq >= c.size) {
            self.started = Some(seq);
        }
    }

    /// Whether those of a log of `size` events can be the kernel's own.
    pub(super) fn check(&self, size: u64) -> Result<(), ChainError> {
        match &self.signed {
            Some(Checkpoint { size: seq, every_batch, .. })
                if *seq < size && (*every_batch || self.started.is_some()) =>
            {
                Err(ChainError::Appended { seq: *seq, size, started: self.started })
            }
            _ => Ok(()),
        }
    }
}
