//! Definitions of C's preprocessor: `#define WIFI_PASSWORD "…"`.

use super::Match;
use super::assign::{self, Style, is_secret};
use super::name::{NAME, tells};

/// What a definition begins with.
pub(super) const MARK: &[u8] = b"#define";

/// Looks at the definition whose [`MARK`] is at `at`.
pub(super) fn find(text: &[u8], at: usize) -> Option<Match> {
    let blank = |from: usize| from + text[from..].iter().take(32).take_while(|b| matches!(b, b' ' | b'\t')).count();
    let begin = at + MARK.len();
    let name = blank(begin);
    let name_end =
        name + text[name..].iter().take(NAME).take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    let value = blank(name_end);
    if name == begin || name == name_end || value == name_end {
        return None;
    }
    let (start, end) = assign::value(text, value, Style::Quoted)?;
    let value = &text[start..end];
    // Libraries define the names of things so; none of them has a digit. Escaped bytes are constants of protocols.
    let made = value.iter().any(u8::is_ascii_digit) && !value.contains(&b'\\');
    let secret = end - start >= 10 && made && tells(&text[name..name_end]) && is_secret(value);
    secret.then_some(Match { start, end, kind: "assignment", rank: 2 })
}
