//! Elements of XML whose name tells: `<password>…</password>`.

use super::Match;
use super::assign::{VALUE, is_secret};
use super::name::{NAME, tells};

/// What the end of an element begins with.
pub(super) const MARK: &[u8] = b"</";

/// Looks at the element whose end has its [`MARK`] at `at`.
pub(super) fn find(text: &[u8], at: usize) -> Option<Match> {
    let length = text[..at].iter().rev().take(VALUE).position(|b| *b == b'>' || !b.is_ascii_graphic())?;
    let start = at - length;
    if length < 10 || text[start - 1] != b'>' {
        return None;
    }
    let name = &text[at + MARK.len()..];
    let name = &name[..name
        .iter()
        .take(NAME)
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':')))?];
    // An attribute between would say more than the name does.
    let opens = text[..start - 1].ends_with(name) && text[..start - 1 - name.len()].ends_with(b"<");
    let value = &text[start..at];
    let secret = opens && value.iter().any(u8::is_ascii_alphanumeric) && tells(name) && is_secret(value);
    secret.then_some(Match { start, end: at, kind: "assignment", rank: 2 })
}
