//! Secrets that are parameters: of a URL's query (`?access_token=…`, `&api_key=…`), or of a connection string
//! (`;AccountKey=…;`). They stand in no quotes of their own.

use super::Match;
use super::assign::{VALUE, is_secret};
use super::encoding;
use super::name::{NAME, tells};

/// Looks at the `=` at `at`.
pub(super) fn find(text: &[u8], at: usize) -> Option<Match> {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let length = text[..at].iter().rev().take(NAME).take_while(|b| is_name(b)).count();
    let before = &text[..at - length];
    // The fragment of a URL, and not a comment.
    let in_fragment = before.strip_suffix(b"#").and_then(<[u8]>::last);
    let in_fragment = in_fragment.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'='));
    let in_query = in_fragment || before.ends_with(b"?") || before.ends_with(b"&") || before.ends_with(b"&amp;");
    if length == 0 || !in_query && !before.ends_with(b";") {
        return None;
    }
    let start = at + 1;
    let window = &text[start..text.len().min(start + VALUE)];
    let ends = |b: &u8| {
        !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'~' | b'%' | b'+' | b'/' | b'=' | b'!' | b'*'))
    };
    let length = window.iter().position(ends).or((start + window.len() == text.len()).then_some(window.len()))?;
    // What goes on with a bracket is an expression of a program, or a place for a value; but an element may end there.
    if matches!(window.get(length), Some(b'(' | b'[' | b'{' | b'$' | b'<')) && !window[length..].starts_with(b"</") {
        return None;
    }
    let (name, value) = (&text[before.len()..at], &window[..length]);
    let signs = in_query && name == b"sig" && is_shared_access(value);
    if length < 16 || !signs && !tells(name) || !is_secret(value) {
        return None;
    }
    let kind = match (in_query, name.eq_ignore_ascii_case(b"accountkey") && length == 88) {
        (true, _) => "url-token",
        (false, true) => "azure-storage-key",
        (false, false) => "assignment",
    };
    Some(Match { start, end: start + length, kind, rank: 1 })
}

/// Whether this is the signature of an Azure shared access signature: base64 of 32 bytes, percent-encoded.
fn is_shared_access(value: &[u8]) -> bool {
    let plain = encoding::percent(value);
    plain.len() == 44 && plain.ends_with(b"=") && encoding::base64(&plain).len() == 32
}
