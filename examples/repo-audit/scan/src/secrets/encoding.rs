//! Decoders for what hides a secret's plain form.

use crate::work;
use std::borrow::Cow;

/// Decodes base64 of either alphabet (RFC 4648) as far as it is whole; other bytes end it.
pub(super) fn base64(text: &[u8]) -> Vec<u8> {
    work::add(text.len());
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for &b in text {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => break,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// Decodes percent-encoding (RFC 3986 2.1); a `%` that encodes nothing stays.
pub(super) fn percent(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let digit = |at: usize| text.get(at).and_then(|b| (*b as char).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                at += 3;
            }
            (b, ..) => {
                bytes.push(b);
                at += 1;
            }
        }
    }
    Cow::Owned(bytes)
}

/// What `text` says, percent-encoded or not; `None` where it holds what is no letter, digit or sign. Some passwords only
/// look encoded: two digits after a `%` that would give anything else stay as they are, unless most of the text is such.
pub(super) fn plain(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let decoded = percent(text);
    let is_plain = |text: &[u8]| text.iter().all(u8::is_ascii_graphic);
    if is_plain(&decoded) {
        return Some(decoded);
    }
    let encoded = (text.len() - decoded.len()) / 2;
    (is_plain(text) && encoded * 6 <= text.len()).then_some(Cow::Borrowed(text))
}
