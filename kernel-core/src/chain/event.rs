//! One event on the wire: `[version, seq, prev, wall, action, kind, content]` in deterministic CBOR.
//!
//! The content is one CBOR item that the caller made; here it is checked for its form and never read.

use super::Hash;
use crate::codec::{self, CborError};
use crate::id::ActionId;
use crate::time::WallTime;
use minicbor::{Decoder, Encoder};

/// The version that this code writes and reads.
pub(super) const VERSION: u64 = 1;

/// The most bytes that an event may have: what the length of a C2SP log entry can say.
pub const MAX_EVENT: usize = 65_535;

/// The most bytes that an event has besides its content: the array, the version and the widest of each part.
const MAX_FRAME: usize = 1 + 1 + 9 + 34 + 9 + 9 + 2;

/// The most bytes that a content may have.
pub const MAX_CONTENT: usize = MAX_EVENT - MAX_FRAME;

/// What the log says of every event, whatever its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// When it was recorded, by the wall clock. Orders nothing.
    pub wall: WallTime,
    /// The act it belongs to, or 0.
    pub action: ActionId,
    /// What the content is; `kernel/event.rs` numbers the kinds.
    pub kind: u8,
}

/// Why an event was not appended. The log is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The content is longer than [`MAX_CONTENT`].
    #[error("an event content of {len} bytes is over the limit of {MAX_CONTENT}")]
    TooLarge {
        /// Its length in bytes.
        len: u64,
    },
    /// The content is not one CBOR item in deterministic form.
    #[error("an event content is {0}")]
    Content(#[from] CborError),
}

/// Why bytes are not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// They are not deterministic CBOR of an event's shape.
    #[error("{0}")]
    Malformed(#[from] CborError),
    /// They are an event of another version.
    #[error("it has version {found}, this program reads version {VERSION}")]
    Version {
        /// The version it names.
        found: u64,
    },
}

/// An event taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Its place in the log, from 0.
    pub seq: u64,
    /// The hash of the event before it, or [`Hash::ZERO`].
    pub prev: Hash,
    /// The parts that every event has.
    pub header: Header,
    /// The CBOR item that the kernel put in.
    pub content: &'a [u8],
}

/// Takes an event apart. `bytes` must be exactly one event.
pub fn decode(bytes: &[u8]) -> Result<Decoded<'_>, EventError> {
    codec::check(bytes)?;
    decode_verified(bytes)
}

/// Takes an event apart that [`decode`] has accepted before: what its content is made of is not looked at again.
pub fn decode_verified(bytes: &[u8]) -> Result<Decoded<'_>, EventError> {
    let mut d = Decoder::new(bytes);
    let shape = |e: minicbor::decode::Error| CborError::Shape(e.to_string());
    let parts = d.array().map_err(shape)?;
    let version = d.u64().map_err(shape)?;
    if version != VERSION {
        return Err(EventError::Version { found: version });
    }
    if parts != Some(7) {
        return Err(CborError::Shape("an event has seven parts".to_owned()).into());
    }
    let seq = d.u64().map_err(shape)?;
    let prev = d.decode().map_err(shape)?;
    let wall = WallTime(d.u64().map_err(shape)?);
    let action = ActionId(d.u64().map_err(shape)?);
    let kind = d.u8().map_err(shape)?;
    Ok(Decoded { seq, prev, header: Header { wall, action, kind }, content: &bytes[d.position()..] })
}

/// Accepts a content that [`write`] may be given.
pub(super) fn check_content(content: &[u8]) -> Result<(), AppendError> {
    if content.len() > MAX_CONTENT {
        return Err(AppendError::TooLarge { len: content.len() as u64 });
    }
    Ok(codec::check(content)?)
}

/// Appends the bytes of an event to `out`.
pub(super) fn write(out: &mut Vec<u8>, seq: u64, prev: &Hash, header: Header, content: &[u8]) {
    let mut e = Encoder::new(&mut *out);
    let done: Result<_, minicbor::encode::Error<std::convert::Infallible>> = (|| {
        e.array(7)?.u64(VERSION)?.u64(seq)?.bytes(&prev.0)?;
        e.u64(header.wall.0)?.u64(header.action.0)?.u8(header.kind)?.ok()
    })();
    debug_assert!(done.is_ok(), "writing numbers to memory cannot fail");
    out.extend_from_slice(content);
}
