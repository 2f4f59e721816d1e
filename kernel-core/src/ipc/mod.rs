//! Typed messages between processes: envelopes, mailboxes, topics and how bodies are framed.

pub mod body;
mod envelope;
mod mailbox;
mod topics;

pub(crate) use envelope::SIGNAL;
pub use envelope::{Envelope, EnvelopeKind};
pub use mailbox::{ALL_MAILBOXES_BYTES, MAILBOX_BYTES, MAILBOX_MESSAGES, MAILBOX_SHARE, Mailbox, MailboxFull, selects};
pub(crate) use topics::asked;
pub use topics::{SUBSCRIPTIONS, Topics};

#[cfg(test)]
mod tests;
