//! How the body of an act is framed: one line of JSON, then optionally a newline and the raw payload.
//!
//! JSON escapes every newline inside a string, so the first newline ends the line whatever the payload
//! holds. An empty line means `{}`.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;

/// The most that one act or one reply may carry, in bytes of payload.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// The most that the JSON line may hold, in bytes.
pub const MAX_HEADER: usize = 64 << 10;

/// A body taken apart; the payload shares the body's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed {
    /// The JSON line without its newline; empty means `{}`.
    pub header: Bytes,
    /// What follows the newline; empty where there is none.
    pub payload: Bytes,
}

/// Why a body cannot be taken apart. Nothing was done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The JSON line is over [`MAX_HEADER`].
    #[error("the JSON line of a body may hold {MAX_HEADER} bytes; put large data into the payload, after a newline")]
    HeaderTooLong,
    /// The payload is over [`MAX_PAYLOAD`].
    // Not how many it has: a host need not hand over all of them.
    #[error("a payload may hold {MAX_PAYLOAD} bytes, and this one has more")]
    PayloadTooLarge,
}

/// Takes `body` apart at its first newline.
pub fn split(body: &Bytes) -> Result<Framed, FrameError> {
    let end = body.iter().take(MAX_HEADER + 1).position(|b| *b == b'\n').unwrap_or(body.len());
    if end > MAX_HEADER {
        return Err(FrameError::HeaderTooLong);
    }
    let payload = if end < body.len() { body.slice(end + 1..) } else { Bytes::new() };
    if payload.len() > MAX_PAYLOAD {
        return Err(FrameError::PayloadTooLarge);
    }
    Ok(Framed { header: body.slice(..end), payload })
}

/// Puts a JSON line and a payload together.
pub fn join(header: &impl Serialize, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(64 + payload.len()).writer();
    // Serialising our own plain structs into memory cannot fail; an empty line would read as `{}`.
    let _ = serde_json::to_writer(&mut out, header);
    let mut out = out.into_inner();
    out.put_u8(b'\n');
    out.extend_from_slice(payload);
    out.freeze()
}

/// The same for a JSON line that is written already.
pub fn join_line(line: &str, payload: &[u8]) -> Bytes {
    // Exactly as long as it will be, so that it is allocated once.
    let mut out = Vec::with_capacity(line.len() + 1 + payload.len());
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload);
    Bytes::from(out)
}

/// A reply that is only JSON.
pub fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).map(Bytes::from).unwrap_or_default()
}
