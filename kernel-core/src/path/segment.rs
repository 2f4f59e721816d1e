//! Segments: arbitrary bytes in one canonical text (RFC 3986 2.3 and 2.1, narrowed to one spelling).
//!
//! Unreserved bytes stand for themselves and every other byte is `%XX` in upper case. `/` and the zero
//! byte are in no segment even when encoded: no host could name such a file, and a decoder that joins
//! paths must never meet one.

use super::PathError;

/// The most bytes that one segment may hold when decoded.
pub const MAX_SEGMENT: usize = 255;

const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        table[b] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        b += 1;
    }
    table
};

/// Whether `byte` stands for itself (RFC 3986 2.3).
pub(super) fn is_unreserved(byte: u8) -> bool {
    UNRESERVED[usize::from(byte)]
}

/// The canonical text of a segment that holds `bytes`.
///
/// It parses back as a segment unless `bytes` are none, more than 255, `.` or `..`, or hold a `/` or a
/// zero byte: those are not names.
pub fn encode_segment(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(bytes.len());
    for &b in bytes {
        if is_unreserved(b) {
            text.push(char::from(b));
        } else {
            text.push('%');
            text.push(char::from(HEX[usize::from(b >> 4)]));
            text.push(char::from(HEX[usize::from(b & 15)]));
        }
    }
    text
}

/// The bytes of the canonical segment `text`, or what is wrong with it.
pub fn decode_segment(text: &str) -> Result<Vec<u8>, PathError> {
    check(text)?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [b, tail @ ..] = rest {
        rest = tail;
        match (b, tail) {
            (b'%', [high, low, tail @ ..]) => {
                bytes.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                rest = tail;
            }
            _ => bytes.push(*b),
        }
    }
    Ok(bytes)
}

/// Whether `text` is one canonical segment.
pub(super) fn check(text: &str) -> Result<(), PathError> {
    check_prefix(text, MAX_SEGMENT)?;
    match text {
        "" => Err(PathError::EmptySegment),
        "." | ".." => Err(PathError::DotSegment),
        _ => Ok(()),
    }
}

/// Whether every segment of `text`, which are joined by `/`, is canonical. No text is no segment.
pub(super) fn check_all(text: &str) -> Result<(), PathError> {
    if text.is_empty() { Ok(()) } else { text.split('/').try_for_each(check) }
}

/// Whether `text` begins a canonical segment: whole bytes, at most `max` of them, possibly none.
pub(super) fn check_prefix(text: &str, max: usize) -> Result<(), PathError> {
    let bytes = text.as_bytes();
    let (mut i, mut decoded) = (0, 0);
    while let Some(&b) = bytes.get(i) {
        if is_unreserved(b) {
            i += 1;
        } else {
            encoded(bytes, i, text)?;
            i += 3;
        }
        decoded += 1;
    }
    if decoded > max { Err(PathError::LongSegment(text.to_owned())) } else { Ok(()) }
}

fn encoded(bytes: &[u8], i: usize, text: &str) -> Result<(), PathError> {
    let byte = match bytes.get(i..i + 3) {
        Some(&[b'%', high, low]) => hex(high).zip(hex(low)).map(|(high, low)| high << 4 | low),
        _ => None,
    };
    match byte {
        Some(b'/' | 0) => Err(PathError::Unnameable(text.to_owned())),
        Some(b) if !is_unreserved(b) => Ok(()),
        _ => Err(PathError::Encoding(text.to_owned())),
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
