//! A request as it came (text and bytes) and as it parsed: what the gate decides upon.
//!
//! Parsing needs nothing but the text and the caller's pid, so the driver does it outside the lock. What
//! does not parse still enters `step`: it draws from the caller's budget and counts as a refusal.

use super::verb::table::Row;
use super::verb::{self, Op};
use crate::id::Pid;
use crate::path::{Resource, Verb};
use crate::refusal::{Code, Refusal};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One act before the gate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Raw", into = "Raw")]
pub struct Request {
    raw: Raw,
    parsed: Result<Parsed, Refusal>,
}

/// What was asked for, typed.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The verb.
    pub verb: Verb,
    /// The resource.
    pub resource: Resource,
    /// The body, typed for the verb.
    pub op: Op,
    /// The verb table's row.
    pub row: &'static Row,
    /// The fields of the body that the row marks for audit.
    pub audit: BTreeMap<String, serde_json::Value>,
}

/// What was asked for, as it came; this is what the journal keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Raw {
    pid: Pid,
    verb: String,
    resource: String,
    body: Bytes,
}

impl Request {
    /// Parses what process `pid` asks for.
    pub fn parse(pid: Pid, verb: &str, resource: &str, body: Bytes) -> Request {
        Request::from(Raw { pid, verb: clip(verb), resource: clip(resource), body })
    }

    /// The typed form, or why there is none.
    pub fn parsed(&self) -> Result<&Parsed, &Refusal> {
        self.parsed.as_ref()
    }

    /// The verb as it came, at most 4,097 bytes.
    pub fn verb_text(&self) -> &str {
        &self.raw.verb
    }

    /// What may be told of the resource as it came, at most 4,097 bytes: what may be secret in one that did not parse
    /// is left out.
    pub fn resource_text(&self) -> Cow<'_, str> {
        tellable(&self.raw.resource)
    }

    /// The whole body as it came.
    pub fn body(&self) -> &Bytes {
        &self.raw.body
    }
}

/// One byte more than any verb or path may have: enough to be refused as too long.
fn clip(text: &str) -> String {
    let mut end = text.len().min(4_097);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// What may be told of a text that may be no resource. People write URLs: what stands before an `@`, as a password
/// does, and what follows a `?` is told nowhere. Neither is in any resource, so one that parses is told whole.
fn tellable(text: &str) -> Cow<'_, str> {
    if !text.contains(['@', '?']) {
        return Cow::Borrowed(text);
    }
    let (kind, rest) = match text.match_indices('/').nth(1) {
        Some((at, _)) if text.starts_with('/') => text.split_at(at + 1),
        _ => ("", text),
    };
    let (hidden, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("...@", rest),
        None => ("", rest),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, _)) => (rest, "?..."),
        None => (rest, ""),
    };
    Cow::Owned([kind, hidden, rest, query].concat())
}

/// The most characters of a text that a refusal quotes.
const QUOTED: usize = 200;

/// What a refusal quotes of a text, fit for a terminal. The sentence goes on behind it with what is wrong, and
/// whoever cuts a long sentence would cut just that: so the quotation is what is short. The refusal's event has
/// the whole text beside it.
fn quoted(text: &str) -> String {
    let escaped = text.escape_default().to_string();
    if escaped.len() <= QUOTED { escaped } else { format!("{}...", &escaped[..QUOTED]) }
}

impl From<Raw> for Request {
    fn from(raw: Raw) -> Request {
        let parsed = parse(&raw);
        Request { raw, parsed }
    }
}

impl From<Request> for Raw {
    fn from(request: Request) -> Raw {
        request.raw
    }
}

fn parse(raw: &Raw) -> Result<Parsed, Refusal> {
    let invalid = |reason: String| Refusal::new(Code::Invalid, reason);
    let verb = Verb::parse(&raw.verb)
        .map_err(|_| invalid(format!("there is no verb `{}`; VERBS.md lists them", quoted(&raw.verb))))?;
    let resource = Resource::parse(&raw.resource, raw.pid).map_err(|e| {
        // The reason quotes, too, so it is the one of what may be told.
        let told = tellable(&raw.resource);
        let e = Resource::parse(&told, raw.pid).err().unwrap_or(e);
        invalid(format!("`{}` is not a resource: {e}", quoted(&told)))
    })?;
    let verb::Parts { op, row, audit } = verb::parse(verb, &resource, &raw.body)?;
    Ok(Parsed { verb, resource, op, row, audit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_in_what_is_no_resource_is_not_told() {
        for (text, told) in [
            ("/net/host:443", "/net/host:443"),
            ("/net/me:word@host:443", "/net/...@host:443"),
            ("/net/me:wo/rd?@host:443/x?key=word", "/net/...@host:443/x?..."),
            ("https://me:word@host/", "...@host/"),
            ("/fs/repo/x?key=word", "/fs/repo/x?..."),
            ("/x@y", "...@y"),
        ] {
            assert_eq!(tellable(text), told);
            let request = Request::parse(Pid(3), "connect", text, Bytes::new());
            assert!(!format!("{:?}", request.parsed()).contains("word"), "{text}");
            assert!(!request.resource_text().contains("word"));
        }
    }

    #[test]
    fn a_refusal_of_a_long_text_still_ends_with_why() {
        let deep = format!("/fs/repo{}", "/dddd".repeat(900));
        let request = Request::parse(Pid(3), "list", &deep, Bytes::new());
        let reason = &request.parsed().unwrap_err().reason;
        assert!(reason.starts_with("`/fs/repo/ddd") && reason.len() < 400, "{reason}");
        assert!(reason.ends_with("a path has at most 4,096 bytes and this one has 4097"), "{reason}");
        let request = Request::parse(Pid(3), &"\u{1b}".repeat(5_000), "/fs/repo", Bytes::new());
        let reason = &request.parsed().unwrap_err().reason;
        assert!(reason.ends_with("...`; VERBS.md lists them"), "{reason}");
        assert!(reason.len() < 400 && !reason.contains('\u{1b}'), "{reason}");
    }
}
