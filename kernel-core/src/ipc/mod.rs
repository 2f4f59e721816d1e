//! Typed messages between processes: envelopes, mailboxes, topics and how bodies are framed.

pub mod body;
mod envelope;
mod fanout;
mod mailbox;
mod retained;
mod topics;
mod waiting;

pub(crate) use envelope::{ENVELOPE_BYTES, SIGNAL};
pub use envelope::{Envelope, EnvelopeKind};
pub use fanout::{Fanout, Fanouts, SLICE, UNDER_WAY, UNDER_WAY_BYTES};
pub(crate) use mailbox::floods;
pub use mailbox::{ALL_MAILBOXES_BYTES, MAILBOX_BYTES, MAILBOX_MESSAGES, MAILBOX_SHARE, Mailbox, MailboxFull, selects};
pub use retained::{RETAINED, RETAINED_BYTES, RETAINED_OF_TOPIC, RETAINED_OF_TOPIC_BYTES, Retained, Since};
pub(crate) use topics::asked;
pub use topics::{Count, QUEUE, SUBSCRIPTIONS, Subscription, Topics, WATCHERS};
pub(crate) use waiting::Waiting;

#[cfg(test)]
mod tests;
