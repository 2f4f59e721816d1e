//! The one function of the contract, with its body framing: a line of JSON, a newline, the payload.

use crate::bindings::weft::guest::kernel;
use crate::{Code, Refusal};
use std::fmt;

/// One act without a payload. `arguments` is a line of JSON.
pub fn act(verb: &str, resource: &str, arguments: &str) -> Result<Vec<u8>, Refusal> {
    kernel::act(verb, resource, arguments.as_bytes())
}

/// One act with a payload.
pub fn act_with(verb: &str, resource: &str, arguments: &str, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::with_capacity(arguments.len() + 1 + payload.len());
    body.extend_from_slice(arguments.as_bytes());
    body.push(b'\n');
    body.extend_from_slice(payload);
    kernel::act(verb, resource, &body)
}

/// One act whose body the caller framed.
pub(crate) fn act_framed(verb: &str, resource: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    kernel::act(verb, resource, body)
}

/// A refusal of our own making, for a reply that cannot be understood.
pub(crate) fn unexpected(what: &str) -> Refusal {
    Refusal {
        code: Code::Failed,
        reason: format!("the kernel's reply to {what} was not understood"),
        action: 0,
        ticket: None,
        detail: Vec::new(),
    }
}

/// A code as it is written in JSON and in the log.
pub fn code_name(code: Code) -> &'static str {
    match code {
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

/// The code and the reason: "denied: no right to connect /net/…".
pub(crate) struct Said<'a>(pub(crate) &'a Refusal);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", code_name(self.0.code), self.0.reason)
    }
}
