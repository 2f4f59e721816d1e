//! What waits in all mailboxes together.

use super::{Envelope, EnvelopeKind};

/// What waits in all mailboxes together, and how much of it nobody stores.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Bytes.
    pub(crate) bytes: usize,
    /// Messages in inboxes that are not durable.
    messages: u64,
    /// What [`Waiting::news`] has told last.
    told: u64,
}

impl Waiting {
    /// An envelope is put into the mailbox of a process with a `durable` inbox, or with none.
    pub(crate) fn put(&mut self, envelope: &Envelope, durable: bool) {
        self.grow(envelope.weight());
        self.messages += u64::from(counts(envelope, durable));
    }

    /// It is taken from there.
    pub(crate) fn take(&mut self, envelope: &Envelope, durable: bool) {
        self.shrink(envelope.weight());
        self.messages = self.messages.saturating_sub(u64::from(counts(envelope, durable)));
    }

    /// What the kernel itself tells waits, too.
    pub(crate) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// It does not wait any more.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// How many messages would be lost with this kernel, if that is another number than it was last time.
    pub(crate) fn news(&mut self) -> Option<u64> {
        (std::mem::replace(&mut self.told, self.messages) != self.messages).then_some(self.messages)
    }
}

/// Whether somebody sent it, and nobody stores it.
fn counts(envelope: &Envelope, durable: bool) -> bool {
    !durable && matches!(envelope.kind, EnvelopeKind::Message | EnvelopeKind::Request | EnvelopeKind::Topic)
}
