//! Bytes that mean one thing: deterministic CBOR (RFC 8949 4.2) and fixed-width row keys.
//!
//! Values are written and read with `minicbor`. This module adds what `minicbor` leaves to its user: the
//! check that an item has the one deterministic form, maps in the order that form asks for, floating-point
//! numbers and JSON values in their shortest form, and the keys of stored rows. Whatever is hashed or
//! stored for ever goes through [`encode`] and [`decode`]. Nothing here knows what the bytes are about.

mod check;
mod float;
pub mod json;
pub mod json_map;
mod key;
pub mod map;

#[cfg(test)]
mod tests;

pub use check::{MAX_DEPTH, check, item};
pub use float::{get_f64, put_f64};
pub use key::{KeyReader, KeyWriter, table_range};

use minicbor::{Decode, Encode};

/// Why bytes were not accepted or not produced. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CborError {
    /// The bytes are not CBOR, or not in deterministic form.
    #[error("not deterministic CBOR at byte {at}: {what}")]
    Form {
        /// Offset of the item at fault, in bytes from the start.
        at: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The bytes are deterministic CBOR of another shape than was asked for, or the value cannot be encoded.
    #[error("unexpected CBOR: {0}")]
    Shape(String),
}

/// Bytes as text: two hexadecimal digits each, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// The deterministic encoding of `value`.
///
/// Fails if `value` encodes itself in a form that is not deterministic (a string-keyed map without
/// [`map`], a float without [`put_f64`]): a mistake of the type, found at the first write instead of at
/// the next start.
pub fn encode<T: Encode<()>>(value: &T) -> Result<Vec<u8>, CborError> {
    let bytes = minicbor::to_vec(value).map_err(|e| CborError::Shape(e.to_string()))?;
    check(&bytes)?;
    Ok(bytes)
}

/// The value of `bytes`, which must be exactly one item in deterministic form.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, CborError> {
    check(bytes)?;
    let mut decoder = minicbor::Decoder::new(bytes);
    let value = decoder.decode().map_err(|e| CborError::Shape(e.to_string()))?;
    if decoder.position() == bytes.len() {
        Ok(value)
    } else {
        Err(CborError::Shape("the item holds more than the value".to_owned()))
    }
}
