//! A process's mailbox: a queue bounded in messages and in bytes. It never blocks a sender.

use super::{Envelope, EnvelopeKind};
use std::collections::VecDeque;

/// The most messages that wait in one mailbox.
pub const MAILBOX_MESSAGES: usize = 1_024;
/// The most bytes of payload that wait in one mailbox.
pub const MAILBOX_BYTES: usize = 4 << 20;

/// The most bytes that wait in all mailboxes of a kernel together, each message with its [`Envelope::weight`].
pub const ALL_MAILBOXES_BYTES: usize = 256 << 20;

/// The mailbox holds all that it may; the message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxFull {
    /// Messages waiting.
    pub messages: usize,
    /// Bytes waiting.
    pub bytes: usize,
}

/// Waiting messages in the order of their acceptance.
#[derive(Clone, Debug, Default)]
pub struct Mailbox {
    queue: VecDeque<Envelope>,
    bytes: usize,
}

impl Mailbox {
    /// Takes a message, or says that it is full. The first message is always taken, so a payload up to
    /// the limit of an act can never be stuck.
    pub fn push(&mut self, envelope: Envelope) -> Result<(), MailboxFull> {
        self.room_for(envelope.body.len())?;
        self.bytes += envelope.body.len();
        self.queue.push_back(envelope);
        Ok(())
    }

    /// Whether a message of `bytes` would be taken.
    pub fn room_for(&self, bytes: usize) -> Result<(), MailboxFull> {
        let full = self.queue.len() >= MAILBOX_MESSAGES
            || (!self.queue.is_empty() && self.bytes.saturating_add(bytes) > MAILBOX_BYTES);
        if full { Err(MailboxFull { messages: self.queue.len(), bytes: self.bytes }) } else { Ok(()) }
    }

    /// The oldest message.
    pub fn pop(&mut self) -> Option<Envelope> {
        let envelope = self.queue.pop_front()?;
        self.bytes -= envelope.body.len();
        self.shrink();
        if envelope.kind == EnvelopeKind::Start && self.queue.is_empty() {
            // Most agents are idle from here on.
            self.queue = VecDeque::new();
        }
        Some(envelope)
    }

    /// The oldest message that a receive for `correlation` may take: any that is not a request where it
    /// is `None`. Requests wait for `handle`, whose return value is their reply.
    pub fn take(&mut self, correlation: Option<u64>) -> Option<Envelope> {
        let index = self.queue.iter().position(|e| selects(correlation, e))?;
        let envelope = self.queue.remove(index)?;
        self.bytes -= envelope.body.len();
        self.shrink();
        Some(envelope)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes of payload that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Empties it, oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = Envelope> + '_ {
        self.bytes = 0;
        self.queue.drain(..)
    }

    /// An idle process should cost nothing, so a queue that was long gives its memory back.
    fn shrink(&mut self) {
        if self.queue.is_empty() && self.queue.capacity() > 64 {
            self.queue = VecDeque::new();
        }
    }
}

/// Whether a receive for `correlation` takes `envelope`.
pub fn selects(correlation: Option<u64>, envelope: &Envelope) -> bool {
    envelope.kind != EnvelopeKind::Request && (correlation.is_none() || envelope.correlation == correlation)
}
