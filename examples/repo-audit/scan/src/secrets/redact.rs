//! Excerpts that show where a secret is without showing it.

use super::Match;
use crate::feed::Block;

/// How many bytes of the line before the secret are shown.
const CONTEXT: usize = 60;
/// How many are looked at: what is cut off in the middle of a secret ends long before what is shown.
const WINDOW: usize = 1024;
/// How many characters of a secret are shown; of a short one, a quarter.
const SHOWN: usize = 4;

/// The line up to the secret, then the secret's first characters and its length. Other secrets of the line, and
/// whatever else is long and has letters and digits, are masked.
pub(super) fn excerpt(block: &Block<'_>, found: &Match, all: &[Match]) -> String {
    let line_start = block.line_of(found.start).0.max(found.start.saturating_sub(WINDOW));
    let mut line: Vec<u8> = block.text[line_start..found.start].to_vec();
    mask_runs(&mut line);
    mask_addresses(&mut line);
    for other in all.iter().filter(|other| other.start < found.start && other.end > line_start) {
        let start = other.start.max(line_start) - line_start;
        let end = other.end.min(found.start) - line_start;
        let shown = if other.start < line_start { 0 } else { shown(&block.text[other.start..other.end]) };
        for b in &mut line[(start + shown).min(end)..end] {
            *b = b'*';
        }
    }
    let cut = line.len() > CONTEXT;
    let context = &line[line.len().saturating_sub(CONTEXT)..];
    let secret = &block.text[found.start..found.end];
    let mut excerpt = String::with_capacity(CONTEXT + 40);
    if cut {
        excerpt.push('…');
    }
    push_printable(&mut excerpt, context.trim_ascii_start());
    push_printable(&mut excerpt, &secret[..shown(secret)]);
    excerpt.push_str(&format!("…[{} characters]", secret.len()));
    excerpt
}

fn shown(secret: &[u8]) -> usize {
    SHOWN.min(secret.len() / 4)
}

/// Masks runs of 12 or more that have letters and digits: a secret of a kind that nobody told us may be among them.
fn mask_runs(line: &mut [u8]) {
    let is_run = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'/' | b'=');
    let mut at = 0;
    while at < line.len() {
        let length = line[at..].iter().take_while(|b| is_run(**b)).count();
        let run = &mut line[at..at + length];
        let mixed = run.iter().any(u8::is_ascii_digit) && run.iter().any(u8::is_ascii_alphabetic);
        if length >= 12 && mixed {
            run[SHOWN..].fill(b'*');
        }
        at += length.max(1);
    }
}

/// Masks the user information of URLs and the values in their queries, whatever these look like.
fn mask_addresses(line: &mut [u8]) {
    let mut from = 0;
    while let Some(found) = memchr::memmem::find(&line[from..], b"//") {
        let start = from + found + 2;
        let url = &mut line[start..];
        let length = url.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'')).unwrap_or(url.len());
        let url = &mut url[..length];
        let authority = url.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(length);
        if let Some(sign) = memchr::memrchr(b'@', &url[..authority]) {
            url[..sign].fill(b'*');
        }
        if let Some(query) = memchr::memchr(b'?', url) {
            let mut in_value = false;
            for b in &mut url[query..] {
                match b {
                    b'=' if !in_value => in_value = true,
                    b'&' | b'#' => in_value = false,
                    _ if in_value => *b = b'*',
                    _ => {}
                }
            }
        }
        from = start;
    }
}

/// Control characters would reach the terminal of whoever reads the report.
fn push_printable(out: &mut String, bytes: &[u8]) {
    out.extend(String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }));
}
