//! `POST /v1/acts`: one act of the connection's own process.

use super::refused::Refused;
use crate::cli::VERSION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use kernel_core::ipc::body;
use kernel_core::kernel::Session;
use kernel_core::path::{Kind, Resource, Verb};
use kernel_core::refusal::Code;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Encoding {
    /// As they are.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// In base64 with padding.
    #[serde(rename = "base64")]
    Base64,
}

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Act {
    verb: String,
    resource: String,
    #[serde(default)]
    body: Map<String, Value>,
    #[serde(default)]
    payload: Option<String>,
    #[serde(default)]
    encoding: Encoding,
}

impl Encoding {
    /// The text of `bytes`: as they are where they are UTF-8, and not longer so in JSON than in base64.
    pub(crate) fn of(bytes: &[u8]) -> (Encoding, String) {
        match std::str::from_utf8(bytes) {
            Ok(text) if escaped(text) <= bytes.len().div_ceil(3) * 4 => (Encoding::Utf8, text.to_owned()),
            _ => (Encoding::Base64, STANDARD.encode(bytes)),
        }
    }

    /// The bytes of `text`; `None` where it is not written so.
    pub(crate) fn bytes(self, text: String) -> Option<Vec<u8>> {
        match self {
            Encoding::Utf8 => Some(text.into_bytes()),
            Encoding::Base64 => STANDARD.decode(text).ok(),
        }
    }
}

/// How long `text` is between the quotes of JSON.
fn escaped(text: &str) -> usize {
    let of = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(of).sum()
}

impl Act {
    /// Whether it gives rights to a process, which takes a session of its own.
    pub(super) fn gives(&self) -> bool {
        self.verb == Verb::Grant.as_str()
    }
}

/// Does it, as `session`. The kernel answers no sooner than the environment wants it to.
pub(super) async fn act(session: &Session, act: Act) -> Result<Value, Refused> {
    let Act { verb, resource, body: line, payload, encoding } = act;
    let line = Value::Object(line).to_string();
    let framed = match payload {
        None => Bytes::from(line),
        Some(text) => {
            let bad =
                || Refused::new(Code::Invalid, "the payload is not base64 with padding, which `encoding` says it is");
            body::join_line(&line, &encoding.bytes(text).ok_or_else(bad)?)
        }
    };
    let reply = session.act(&verb, &resource, framed).await?;
    let (head, payload) = match is_raw(&verb, &resource, session) {
        true => (Value::Null, reply),
        false => split(&reply),
    };
    let (encoding, payload) = Encoding::of(&payload);
    Ok(json!({ "weft": VERSION, "pid": session.pid(), "body": head, "payload": payload, "encoding": encoding }))
}

/// Whether what is answered are bytes alone, without a line of JSON.
fn is_raw(verb: &str, resource: &str, session: &Session) -> bool {
    let kind = Resource::parse(resource, session.pid()).map(|resource| resource.kind());
    verb == Verb::Read.as_str() && matches!(kind, Ok(Kind::Fs | Kind::Tree | Kind::Stream))
}

fn split(reply: &Bytes) -> (Value, Bytes) {
    let end = reply.iter().position(|b| *b == b'\n').unwrap_or(reply.len());
    match serde_json::from_slice(&reply[..end]) {
        Ok(head) => (head, reply.slice(reply.len().min(end + 1)..)),
        Err(_) => (Value::Null, reply.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_where_they_can_be() {
        assert_eq!(Encoding::of(b"a\n"), (Encoding::Utf8, "a\n".to_owned()));
        assert_eq!(Encoding::of(b"\xff"), (Encoding::Base64, "/w==".to_owned()));
        assert_eq!(Encoding::of(b"\0\0\0"), (Encoding::Base64, "AAAA".to_owned()));
        let quoted = serde_json::to_string("\"\\\n\r\t\u{8}\u{c}\0\u{1f} a\u{7f}é").unwrap();
        assert_eq!(escaped("\"\\\n\r\t\u{8}\u{c}\0\u{1f} a\u{7f}é"), quoted.len() - 2);
        assert_eq!(Encoding::Base64.bytes("/w==".to_owned()), Some(vec![0xff]));
        assert_eq!(Encoding::Base64.bytes("/w".to_owned()), None);
    }

    #[test]
    fn a_reply_is_a_line_of_json_and_what_follows() {
        let parts = |text: &'static str| split(&Bytes::from_static(text.as_bytes()));
        assert_eq!(parts("{\"labels\":[]}\nhello\n"), (json!({ "labels": [] }), Bytes::from_static(b"hello\n")));
        assert_eq!(parts("{}"), (json!({}), Bytes::new()));
        assert_eq!(parts("no\njson"), (Value::Null, Bytes::from_static(b"no\njson")));
    }
}
