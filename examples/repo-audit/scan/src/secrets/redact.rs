//! Excerpts that show where a secret is without showing it.

use super::{Match, name, randomness};
use crate::feed::Block;
use crate::text;

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
    mask_quoted(&mut line);
    mask_assigned(&mut line);
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

/// The shortest value that is masked for how it looks.
const VALUE: usize = 6;

/// Masks what stands in quotes and is no word. Which quote opens and which closes is not told from each other, so what
/// lies between two of them is looked at as well.
fn mask_quoted(line: &mut [u8]) {
    for quote in *b"\"'`" {
        let quotes: Vec<usize> = memchr::memchr_iter(quote, line).collect();
        for pair in quotes.windows(2) {
            let value = &line[pair[0] + 1..pair[1]];
            let hides = value.len() >= VALUE && !value.iter().any(u8::is_ascii_whitespace) && !is_written(value);
            let begin = pair[0] + 1;
            if hides && !is_name(&line[begin..pair[1]], &line[pair[1] + 1..]) {
                line[begin..pair[1]].fill(b'*');
            }
        }
    }
}

/// Whether what stands in quotes, `after` which the line goes on, is a name that something is assigned to: the key of an
/// object, or what lies between two values.
fn is_name(quoted: &[u8], after: &[u8]) -> bool {
    let key = after.trim_ascii_start().first().is_some_and(|b| matches!(b, b':' | b'='));
    let name = quoted.strip_suffix(b"=").or(quoted.strip_suffix(b":"));
    let name = name.map(|name| name.trim_ascii_start().strip_prefix(b",").unwrap_or(name));
    let Some(name) = name.or(key.then_some(quoted)) else { return false };
    name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        && (name::tells(name) || !randomness::is_random(name))
}

/// Whether a person may have written `value`, which has no blanks: its letters are words, and there are more of them than
/// of anything else.
fn is_written(value: &[u8]) -> bool {
    let letters = value.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let joins = value.iter().filter(|b| matches!(b, b'_' | b'-' | b'.' | b'/' | b':')).count();
    randomness::is_wordy(value) && letters * 4 >= (value.len() - joins) * 3
}

/// Masks whatever is assigned to a telling name.
fn mask_assigned(line: &mut [u8]) {
    for at in 0..line.len() {
        if !matches!(line[at], b'=' | b':') || !name::before(line, at).is_some_and(name::tells) {
            continue;
        }
        let rest = &line[at + 1..];
        let skip = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'=' | b'>' | b'&' | b'"' | b'\'' | b'`' | b'\\');
        let begin = at + 1 + rest.iter().take_while(|b| skip(b)).count();
        let quote = line[at + 1..begin].iter().rev().copied().find(|b| matches!(b, b'"' | b'\'' | b'`'));
        let ends = |b: &u8| quote.map_or(b.is_ascii_whitespace(), |quote| *b == quote);
        let length = line[begin..].iter().position(ends).unwrap_or(line.len() - begin);
        line[begin..begin + length].fill(b'*');
    }
}

/// Whether one of the words of `text` looks like what a generator makes.
#[cfg(feature = "inventory")]
pub(super) fn shows_random(text: &[u8]) -> bool {
    text.split(|b| !b.is_ascii_alphanumeric()).any(is_run)
}

/// Whether a word, or several that signs join, is long and has letters and digits or letters that make no words.
fn is_run(run: &[u8]) -> bool {
    let letters = run.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let mixed = letters > 0 && run.iter().any(u8::is_ascii_digit);
    run.len() >= 12 && (mixed || randomness::is_random(run))
}

/// Masks long runs that look random: a secret of a kind that nobody told us may be among them.
fn mask_runs(line: &mut [u8]) {
    let joins = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'/' | b'=');
    let mut at = 0;
    while at < line.len() {
        let length = line[at..].iter().take_while(|b| joins(**b)).count();
        let run = &mut line[at..at + length];
        if is_run(run) {
            run[SHOWN..].fill(b'*');
        }
        at += length.max(1);
    }
    // Words with signs that no run has; addresses have their own rule.
    let mut at = 0;
    while at < line.len() {
        let length =
            line[at..].iter().take_while(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'`')).count();
        let word = &mut line[at..at + length];
        if randomness::is_random(word) && memchr::memmem::find(word, b"//").is_none() {
            word[SHOWN..].fill(b'*');
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

/// What is no sign to be seen would reach the terminal of whoever reads the report, or change the order of what is seen.
fn push_printable(out: &mut String, bytes: &[u8]) {
    out.extend(String::from_utf8_lossy(bytes).chars().map(|c| if text::is_unseen(c) { ' ' } else { c }));
}
