//! Excerpts that show where a secret is without showing it.

use super::{Match, name, randomness};
use crate::feed::Block;
use crate::text;
use std::ops::Range;

/// How many bytes of the line before the secret are shown.
const CONTEXT: usize = 60;
/// How many characters of a secret are shown; of a short one, a quarter.
const SHOWN: usize = 4;
/// What stands for each byte of a secret while its line is masked: no line holds one.
const CUT: u8 = b'\n';

/// The line that was told of last, which is counted and masked once for all that was found on it.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Where what of it is masked lies in the block: up to the last secret's first byte. Empty if there is none.
    place: Range<usize>,
    masked: Vec<u8>,
    /// Its number, and up to where of the block lines are counted.
    number: u64,
    counted: usize,
    /// How many bytes were masked, in all.
    #[cfg(test)]
    pub(super) work: usize,
}

impl Line {
    /// Forgets the line: what comes is of this block.
    pub(super) fn begin(&mut self, block: &Block<'_>) {
        (self.place, self.number, self.counted) = (0..0, block.line, block.from);
    }

    /// Line and column of the secret at `at` of all of the block, and its excerpt: the line up to the secret, then the
    /// secret's first characters and its length. Other secrets of the line, and whatever else is long and has letters
    /// and digits, are masked. `all` are in order of their place, do not overlap, and lie on one line each.
    pub(super) fn tell(&mut self, block: &Block<'_>, all: &[Match], at: usize) -> (u64, u64, String) {
        let found = &all[at];
        if !self.place.contains(&found.start) {
            self.mask(block, &all[at..]);
        }
        let line = &self.masked[..found.start - self.place.start];
        let skipped = if self.place.start == 0 { block.skipped } else { 0 };
        let cut = line.len() > CONTEXT;
        let context = &line[line.len().saturating_sub(CONTEXT)..];
        let secret = &block.text[found.start..found.end];
        let mut excerpt = String::with_capacity(CONTEXT + 40);
        if cut {
            excerpt.push('…');
        }
        push_printable(&mut excerpt, context.trim_ascii_start());
        push_printable(&mut excerpt, &secret[..SHOWN.min(secret.len() / 4)]);
        excerpt.push_str(&format!("…[{} characters]", secret.len()));
        (self.number, skipped + line.len() as u64 + 1, excerpt)
    }

    /// Masks the line on which the first of `found` lies, up to the last that lies on it.
    fn mask(&mut self, block: &Block<'_>, found: &[Match]) {
        let (start, end) = block.line_of(found[0].start);
        let found = &found[..found.partition_point(|found| found.start < end)];
        let (last, before) = found.split_last().expect("the first lies on its line");
        self.place = start..last.start + 1;
        let counted = self.counted.max(start);
        self.number += memchr::memchr_iter(b'\n', &block.text[self.counted..counted]).count() as u64;
        self.counted = counted;
        self.masked.clear();
        self.masked.extend_from_slice(&block.text[start..last.start]);
        let line = &mut self.masked[..];
        #[cfg(test)]
        {
            self.work += line.len();
        }
        for other in before {
            line[other.start - start..other.end - start].fill(CUT);
        }
        mask_quoted(line);
        mask_assigned(line);
        mask_runs(line);
        mask_addresses(line);
        for b in line.iter_mut().filter(|b| **b == CUT) {
            *b = b'*';
        }
    }
}

/// Masks `bytes`, but for what is cut out of them: the rules that follow have to see where a secret begins.
fn hide(bytes: &mut [u8]) {
    for b in bytes.iter_mut().filter(|b| **b != CUT) {
        *b = b'*';
    }
}

fn is_blank(b: &u8) -> bool {
    b.is_ascii_whitespace() && *b != CUT
}

/// The shortest value that is masked for how it looks.
const VALUE: usize = 6;

/// Masks what stands in quotes and is no word. Which quote opens and which closes is not told from each other, so what
/// lies between two of them is looked at as well. What stands before a secret in the same quotes is told beside it.
fn mask_quoted(line: &mut [u8]) {
    for quote in *b"\"'`" {
        let quotes: Vec<usize> = memchr::memchr_iter(quote, line).collect();
        for pair in quotes.windows(2) {
            let (begin, end) = (pair[0] + 1, pair[1]);
            let value = &line[begin..end];
            let secret = memchr::memchr(CUT, value);
            let told = secret.is_none() && (is_written(value) || is_name(value, &line[end + 1..]));
            if value.len() >= VALUE && !value.iter().any(is_blank) && !told {
                hide(&mut line[begin + secret.unwrap_or(0)..end]);
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
    let mut from = 0;
    // What is masked holds no operator, so that no byte is masked again and again.
    while let Some(found) = memchr::memchr2(b'=', b':', &line[from..]) {
        let at = from + found;
        from = at + 1;
        if !name::before(line, at).is_some_and(name::tells) {
            continue;
        }
        let skip = |b: &u8| is_blank(b) || matches!(b, b'=' | b'>' | b'&' | b'"' | b'\'' | b'`' | b'\\');
        let begin = from + line[from..].iter().take_while(|b| skip(b)).count();
        let quote = line[from..begin].iter().rev().copied().find(|b| matches!(b, b'"' | b'\'' | b'`'));
        let ends = |b: &u8| quote.map_or(is_blank(b), |quote| *b == quote);
        let length = line[begin..].iter().position(ends).unwrap_or(line.len() - begin);
        hide(&mut line[begin..begin + length]);
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
        // What goes on with a secret may belong to it.
        let goes_on = at > 0 && line[at - 1] == CUT;
        let run = &mut line[at..at + length];
        if goes_on {
            hide(run);
        } else if is_run(run) {
            hide(&mut run[SHOWN..]);
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
            hide(&mut word[SHOWN..]);
        }
        at += length.max(1);
    }
}

/// Masks the user information of URLs and the values in their queries, whatever these look like. What stands before a
/// secret in the user information is told beside it.
fn mask_addresses(line: &mut [u8]) {
    for word in line.split_mut(|b| is_blank(b) || matches!(b, b'"' | b'\'')) {
        let Some(first) = memchr::memmem::find(word, b"//") else { continue };
        let mut from = first;
        while let Some(found) = memchr::memmem::find(&word[from..], b"//") {
            from += found + 2;
            let rest = &mut word[from..];
            let length = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
            for part in rest[..length].split_mut(|b| *b == CUT) {
                if let Some(sign) = memchr::memrchr(b'@', part) {
                    hide(&mut part[..sign]);
                }
            }
        }
        if let Some(query) = memchr::memchr(b'?', &word[first..]) {
            let mut in_value = false;
            for b in &mut word[first + query..] {
                match b {
                    b'=' if !in_value => in_value = true,
                    b'&' | b'#' => in_value = false,
                    _ if in_value => hide(std::slice::from_mut(b)),
                    _ => {}
                }
            }
        }
    }
}

/// What is no sign to be seen would reach the terminal of whoever reads the report, or change the order of what is seen.
fn push_printable(out: &mut String, bytes: &[u8]) {
    out.extend(String::from_utf8_lossy(bytes).chars().map(|c| if text::is_unseen(c) { ' ' } else { c }));
}
