//! Messages between processes.

use crate::acts::{act, act_framed, act_with, unexpected};
use crate::{Code, Refusal};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How often a send to a full mailbox is tried again, and how long each try waits, in milliseconds.
const TRIES: u32 = 200;
const BETWEEN: u64 = 25;
/// A correlation that nobody uses: waiting for it is sleeping.
const NEVER: u64 = u64::MAX;

/// What goes with a payload.
#[derive(Clone, Debug, Default)]
pub struct Mail<'a> {
    /// Labels joined to those that the sender carries.
    pub labels: &'a [&'a str],
    /// A media type; empty is unsaid.
    pub content_type: &'a str,
    /// A number by which the receiver can select.
    pub correlation: Option<u64>,
}

impl Mail<'_> {
    fn arguments(&self) -> String {
        let mut fields = Map::new();
        if !self.labels.is_empty() {
            fields.insert("labels".to_owned(), self.labels.to_vec().into());
        }
        if !self.content_type.is_empty() {
            fields.insert("content_type".to_owned(), self.content_type.into());
        }
        if let Some(correlation) = self.correlation {
            fields.insert("correlation".to_owned(), correlation.into());
        }
        Value::Object(fields).to_string()
    }
}

/// Puts `payload` into the mailbox behind `target`. Does not wait.
pub fn send(target: &str, mail: &Mail<'_>, payload: &[u8]) -> Result<(), Refusal> {
    act_with("send", target, &mail.arguments(), payload).map(drop)
}

/// The same, but while the mailbox is full waits a little and tries again, for at most five seconds.
pub fn send_patiently(target: &str, mail: &Mail<'_>, payload: &[u8]) -> Result<(), Refusal> {
    let mut tries = 0;
    loop {
        match send(target, mail, payload) {
            Err(refusal) if refusal.code == Code::Full && tries < TRIES => {
                tries += 1;
                pause(BETWEEN);
            }
            other => return other,
        }
    }
}

/// Puts `payload` into the mailbox of every subscriber and says how many there were.
pub fn publish(topic: &str, mail: &Mail<'_>, payload: &[u8]) -> Result<u64, Refusal> {
    receivers(&act_with("publish", topic, &mail.arguments(), payload)?)
}

/// Publishes a body that was framed in place, arguments and all.
pub(crate) fn publish_framed(topic: &str, body: &[u8]) -> Result<u64, Refusal> {
    receivers(&act_framed("publish", topic, body)?)
}

fn receivers(reply: &[u8]) -> Result<u64, Refusal> {
    #[derive(Deserialize)]
    struct Reply {
        receivers: u64,
    }
    serde_json::from_slice::<Reply>(reply).map(|reply| reply.receivers).map_err(|_| unexpected("publish"))
}

/// Receives from now on what is published on `topic`.
pub fn subscribe(topic: &str) -> Result<(), Refusal> {
    act("subscribe", topic, "{}").map(drop)
}

/// Becomes the process that answers for the service `name`.
pub fn register(service: &str) -> Result<(), Refusal> {
    act("register", service, "{}").map(drop)
}

/// Sends a request and waits for its reply, which carries the labels of whoever answers.
pub fn call(service: &str, deadline_ms: u64, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
    let reply = act_with("call", service, &format!("{{\"deadline_ms\":{deadline_ms}}}"), payload)?;
    let (_, body) = split(&reply).ok_or_else(|| unexpected("call"))?;
    Ok(body.to_vec())
}

/// An envelope that was received within a `handle`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Received {
    /// Who sent it.
    pub sender: String,
    /// What it was sent to.
    pub target: String,
    /// Why it arrived: "message", "topic", "timer", ...
    pub kind: String,
    /// The sender's number.
    #[serde(default)]
    pub correlation: Option<u64>,
    /// What it is marked with.
    #[serde(default)]
    pub labels: Vec<String>,
    /// The payload.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// Takes the next envelope with this correlation (any, if `None`), or `None` when none came in time.
pub fn receive(correlation: Option<u64>, deadline_ms: u64) -> Result<Option<Received>, Refusal> {
    let arguments = match correlation {
        Some(number) => format!("{{\"correlation\":{number},\"deadline_ms\":{deadline_ms}}}"),
        None => format!("{{\"deadline_ms\":{deadline_ms}}}"),
    };
    let reply = match act("read", "/proc/self/inbox", &arguments) {
        Err(refusal) if refusal.code == Code::TimedOut => return Ok(None),
        other => other?,
    };
    let (head, body) = split(&reply).ok_or_else(|| unexpected("read of the inbox"))?;
    let mut received: Received = serde_json::from_slice(head).map_err(|_| unexpected("read of the inbox"))?;
    received.body = body.to_vec();
    Ok(Some(received))
}

/// Waits. What arrives meanwhile stays in the mailbox.
pub fn pause(ms: u64) {
    let _ = receive(Some(NEVER), ms);
}

/// Splits a reply into its line of JSON and what follows.
fn split(reply: &[u8]) -> Option<(&[u8], &[u8])> {
    let newline = reply.iter().position(|b| *b == b'\n')?;
    Some((&reply[..newline], &reply[newline + 1..]))
}
