//! How the kernel says no: one code, one sentence, and the machine-readable why.

use crate::id::ActionId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of refusal, the same set as in the guest contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// Authority, flow or verdict said no. Nothing was done.
    Denied,
    /// Escalated; nobody has answered yet. Nothing was done; the ticket says what to repeat.
    Pending,
    /// The resource does not exist. Nothing was done.
    NotFound,
    /// A bounded mailbox, stream or table is full. Nothing was done, or a dead letter was kept.
    Full,
    /// The deadline passed. For a call, the callee may still have acted.
    TimedOut,
    /// Waiting would close a cycle of processes that wait for each other. Nothing was done.
    Deadlock,
    /// A budget or limit is used up. Nothing was done.
    Exhausted,
    /// The body, reply or file is over a limit that the reason names. Nothing was done.
    TooLarge,
    /// The request does not parse or does not fit the verb. Nothing was done.
    Invalid,
    /// Compare-and-set found another value, or a name is taken. Nothing was done.
    Conflict,
    /// This host or this version cannot do it; the reason names what is missing. Nothing was done.
    Unsupported,
    /// The caller or the kernel is stopping. What was begun is closed in the log.
    Cancelled,
    /// The log could not be made durable; the act was not performed.
    NotDurable,
    /// It was begun and failed; the reason says how far it came.
    Failed,
}

impl Code {
    /// All of them, in the order of their declaration.
    pub const ALL: &[Code] = &[
        Code::Denied,
        Code::Pending,
        Code::NotFound,
        Code::Full,
        Code::TimedOut,
        Code::Deadlock,
        Code::Exhausted,
        Code::TooLarge,
        Code::Invalid,
        Code::Conflict,
        Code::Unsupported,
        Code::Cancelled,
        Code::NotDurable,
        Code::Failed,
    ];

    /// The code as it is written in JSON, in the log and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Denied => "denied",
            Code::Pending => "pending",
            Code::NotFound => "not_found",
            Code::Full => "full",
            Code::TimedOut => "timed_out",
            Code::Deadlock => "deadlock",
            Code::Exhausted => "exhausted",
            Code::TooLarge => "too_large",
            Code::Invalid => "invalid",
            Code::Conflict => "conflict",
            Code::Unsupported => "unsupported",
            Code::Cancelled => "cancelled",
            Code::NotDurable => "not_durable",
            Code::Failed => "failed",
        }
    }
}

impl<C> minicbor::Encode<C> for Code {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Code {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Code, minicbor::decode::Error> {
        let at = d.position();
        let text = d.str()?;
        let unknown = || minicbor::decode::Error::message("not a code of a refusal").at(at);
        Code::ALL.iter().copied().find(|code| code.as_str() == text).ok_or_else(unknown)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The most bytes of a reason: what a caller wrote may be quoted in it, and a refusal is no place to store that.
pub const REASON_BYTES: usize = 2_048;

/// What stands at the end of a text that was cut.
const CUT: &str = " ...";

/// `text`, of at most `most` bytes: a longer one ends between two characters, and says that it was cut.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let mut end = most.saturating_sub(CUT.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(CUT);
        text.shrink_to_fit();
    }
    text
}

/// A refused act: what the caller gets instead of a reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind.
    pub code: Code,
    /// One sentence for a person: what, where, and what to do. At most [`REASON_BYTES`].
    pub reason: String,
    /// The act in the log, also of one that did not parse; 0 if it never came to the gate, because its process or
    /// the kernel had stopped.
    pub action: ActionId,
    /// What to quote when the answer to an escalation comes.
    pub ticket: Option<u64>,
    /// The explanation as JSON, made of the facts and the verdict that the log holds of this act; `{}` where there
    /// is none.
    pub detail: String,
    /// What only the log is told: it is taken away before the caller gets the refusal.
    #[serde(skip)]
    pub(crate) aside: Option<String>,
    /// Whether it comes of what somebody else did, and is not held against whoever gets it.
    #[serde(skip)]
    pub(crate) by_other: bool,
}

impl Refusal {
    /// A refusal that never reached the log. A longer reason is cut.
    pub fn new(code: Code, reason: impl Into<String>) -> Refusal {
        Refusal {
            code,
            reason: cut(reason.into(), REASON_BYTES),
            action: ActionId(0),
            ticket: None,
            detail: "{}".to_owned(),
            aside: None,
            by_other: false,
        }
    }

    /// The same, not held against whoever gets it.
    #[must_use]
    pub(crate) fn by_other(mut self) -> Refusal {
        self.by_other = true;
        self
    }

    /// The same, of which the log is told more than the caller may know.
    #[must_use]
    pub(crate) fn aside(mut self, aside: impl Into<String>) -> Refusal {
        self.aside = Some(aside.into());
        self
    }

    /// The reason as the log and the operator are told it.
    pub(crate) fn for_the_log(&self) -> String {
        match &self.aside {
            Some(aside) => cut(format!("{} ({aside})", self.reason), REASON_BYTES),
            None => self.reason.clone(),
        }
    }

    /// The same for act `action`.
    #[must_use]
    pub fn of(mut self, action: ActionId) -> Refusal {
        self.action = action;
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;
