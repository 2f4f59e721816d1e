//! The envelope: the one shape in which anything reaches a process.

use crate::id::{MessageId, Pid};
use crate::label::Labels;
use crate::path::Resource;
use crate::time::Instant;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Why an envelope arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvelopeKind {
    /// The first envelope of a process; the body is its `args`.
    Start,
    /// A `send`.
    Message,
    /// A `call`; what `handle` returns is the reply.
    Request,
    /// A `publish` on a topic subscribed to.
    Topic,
    /// Topic messages were dropped; the body says which.
    Lagged,
    /// A timer fired.
    Timer,
    /// A linked or monitored process, or a monitored application, ended.
    Exit,
    /// The answer to an escalation.
    Approval,
    /// A watched tree node changed.
    Watch,
}

impl EnvelopeKind {
    /// The kind as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            EnvelopeKind::Start => "start",
            EnvelopeKind::Message => "message",
            EnvelopeKind::Request => "request",
            EnvelopeKind::Topic => "topic",
            EnvelopeKind::Lagged => "lagged",
            EnvelopeKind::Timer => "timer",
            EnvelopeKind::Exit => "exit",
            EnvelopeKind::Approval => "approval",
            EnvelopeKind::Watch => "watch",
        }
    }
}

/// What a waiting message takes besides its payload, bytes, rounded up.
pub(crate) const ENVELOPE_BYTES: usize = 256;

/// What the media type of a signal begins with; its name follows.
pub(crate) const SIGNAL: &str = "application/vnd.weft.signal.";

impl Envelope {
    /// Whether it is a signal: a message of such a media type from the kernel, in whose name nobody sends.
    pub fn is_signal(&self) -> bool {
        self.sender == Resource::Proc(Pid::KERNEL)
            && self.kind == EnvelopeKind::Message
            && self.content_type.starts_with(SIGNAL)
    }

    /// What it takes while it waits, bytes. A payload that several receivers share counts for each.
    pub fn weight(&self) -> usize {
        self.body.len() + ENVELOPE_BYTES
    }
}

/// One message. The payload is shared, never copied, between receivers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Unique within the data directory.
    pub id: MessageId,
    /// Who sent it, as the kernel knows it.
    pub sender: Resource,
    /// What it was sent to: the process, service, topic or timer.
    pub target: Resource,
    /// Why it arrived.
    pub kind: EnvelopeKind,
    /// A number that the sender chose, echoed so that a receive can select by it.
    pub correlation: Option<u64>,
    /// When the sender stops waiting.
    pub deadline: Option<Instant>,
    /// What the payload is marked with.
    pub labels: Labels,
    /// A media type; empty when the sender did not say.
    pub content_type: Arc<str>,
    /// The payload, at most 1 MiB.
    pub body: Bytes,
}
