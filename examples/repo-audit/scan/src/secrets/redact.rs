//! Excerpts that show where a secret is without showing it.
//!
//! The rules for quotes, assignments and addresses look at the line as it was, with nothing but the secrets that were
//! found cut out of it, so that none is blinded by what another one hides. What is left after them must not look random.

use super::{Match, define, name, randomness};
use crate::address::{self, Around};
use crate::feed::Block;
use crate::{text, work};
use std::ops::Range;

/// How many bytes of the line before the secret are shown.
const CONTEXT: usize = 60;
/// How many characters of a secret are shown; of a short one, a quarter.
const SHOWN: usize = 4;
/// What stands for each byte of a secret where the rules look: no line holds one.
const CUT: u8 = b'\n';

/// The line that was told of last, which is counted and masked once for all that was found on it.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Where what of it is masked lies in the block: up to the last secret's first byte. Empty if there is none.
    place: Range<usize>,
    masked: Vec<u8>,
    /// The line with its secrets cut out.
    cut: Vec<u8>,
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
        let line = &block.text[start..last.start];
        #[cfg(test)]
        {
            self.work += line.len();
        }
        self.cut.clear();
        self.cut.extend_from_slice(line);
        for other in before {
            self.cut[other.start - start..other.end - start].fill(CUT);
        }
        self.masked.clone_from(&self.cut);
        let (cut, masked) = (&self.cut[..], &mut self.masked[..]);
        mask_quoted(cut, masked);
        mask_assigned(line, cut, masked);
        mask_runs(masked);
        mask_addresses(cut, masked);
        for b in masked.iter_mut().filter(|b| **b == CUT) {
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

fn is_quote(b: &u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

/// The shortest value that is masked for how it looks.
const VALUE: usize = 6;

/// Masks what stands in quotes and is no word. Which quote opens and which closes is not told from each other, so what
/// lies between two of them is looked at as well, and so is what stands before a secret, as if a quote closed there.
fn mask_quoted(line: &[u8], masked: &mut [u8]) {
    for quote in *b"\"'`" {
        let quotes = memchr::memchr_iter(quote, line);
        let ends = quotes.clone().skip(1).chain([line.len()]);
        for (open, end) in quotes.zip(ends) {
            let begin = open + 1;
            let value = &line[begin..end];
            let secret = memchr::memchr(CUT, value);
            let before = &value[..secret.unwrap_or(value.len())];
            let told = match line.get(end + 1..) {
                Some(after) if secret.is_none() => is_written(before) || is_name(before, after),
                // A secret follows.
                _ => is_written(before) || is_name(before, &[]) || is_address(before),
            };
            if before.len() >= VALUE && !before.iter().any(is_blank) && !told {
                hide(&mut masked[begin..begin + before.len()]);
            }
            if secret.is_some() && value.len() >= VALUE && !value.iter().any(is_blank) {
                hide(&mut masked[begin + before.len()..end]);
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

/// Whether `value` is the beginning of a URL: these have their own rule.
fn is_address(value: &[u8]) -> bool {
    let scheme = memchr::memmem::find(value, b"://").map(|end| &value[..end]);
    scheme.is_some_and(|scheme| scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')))
}

/// Whether a person may have written `value`, which has no blanks: its letters are words, and there are more of them than
/// of anything else.
fn is_written(value: &[u8]) -> bool {
    let letters = value.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let joins = value.iter().filter(|b| matches!(b, b'_' | b'-' | b'.' | b'/' | b':')).count();
    randomness::is_wordy(value) && letters * 4 >= (value.len() - joins) * 3
}

/// Masks whatever a telling name is set to: by an operator, as an element, or in a definition. The names are those of the
/// `whole` line, with its secrets.
fn mask_assigned(whole: &[u8], line: &[u8], masked: &mut [u8]) {
    // Up to where all is hidden, in quotes and without.
    let (mut quoted, mut bare) = (0, 0);
    for at in memchr::memchr2_iter(b'=', b':', line) {
        // `+=`, `||=`, `!=`
        let signs = line[..at].iter().rev().take(2).take_while(|b| matches!(b, b'+' | b'|' | b'&' | b'!')).count();
        if at < quoted || !name::before(whole, at - signs).is_some_and(name::tells) {
            continue;
        }
        let skip = |b: &u8| is_blank(b) || matches!(b, b'=' | b'>' | b'&');
        let begin = at + 1 + line[at + 1..].iter().take_while(|b| skip(b)).count();
        if let Some(value) = in_quotes(line, begin) {
            quoted = value.end;
            hide(&mut masked[value]);
        } else {
            // A word within one that is hidden ends where that one does.
            let end = word_end(line, begin.max(bare));
            hide(&mut masked[begin.max(bare)..end]);
            bare = end;
        }
    }
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
    for close in memchr::memchr_iter(b'>', line) {
        let length = whole[..close].iter().rev().take(name::NAME).take_while(|b| is_name(b)).count();
        // Not so `Vec<Token>`.
        let element = whole[..close - length]
            .strip_suffix(b"<")
            .is_some_and(|before| !before.last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b':'));
        if element && name::tells(&whole[close - length..close]) {
            let value = &mut masked[close + 1..];
            let length = memchr::memchr(b'<', &line[close + 1..]).unwrap_or(value.len());
            work::add(length);
            hide(&mut value[..length]);
        }
    }
    for mark in memchr::memmem::find_iter(line, define::MARK) {
        let blank = |from: usize| from + line[from..].iter().take_while(|b| is_blank(b)).count();
        let name = blank(mark + define::MARK.len());
        let end = name + whole[name..].iter().take(name::NAME).take_while(|b| is_name(b)).count();
        let begin = blank(end);
        if begin > end && name::tells(&whole[name..end]) {
            hide(&mut masked[in_quotes(line, begin).unwrap_or(begin..word_end(line, begin))]);
        }
    }
}

/// The value in quotes that begins at `begin`, behind no more than what `r#"`, `\"` and `f("` have there.
fn in_quotes(line: &[u8], begin: usize) -> Option<Range<usize>> {
    let open = begin + line[begin..].iter().take(8).position(is_quote)?;
    let marks = &line[begin..open];
    if !marks.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'@' | b'#' | b'\\' | b'(' | b'[')) {
        return None;
    }
    let is = |at: usize| line.get(at) == Some(&line[open]);
    let escapes = |at: usize| line[begin..at].iter().rev().take_while(|b| **b == b'\\').count();
    let level = escapes(open);
    let mut at = open + 1;
    while at < line.len() {
        let length = memchr::memchr2(line[open], b'\\', &line[at..]).unwrap_or(line.len() - at);
        work::add(length);
        at += length;
        let marks = line[at..].iter().take_while(|b| **b == b'\\').count();
        if is(at + marks) {
            // A quote in a string is escaped once more than those around it, or written twice.
            let escaped = marks > level && marks % (2 * (level + 1)) != level;
            if !escaped && !is(at + marks + 1) {
                return Some(open + 1..at);
            }
            at += usize::from(!escaped);
        }
        at += marks + 1;
    }
    Some(open + 1..line.len())
}

fn word_end(line: &[u8], begin: usize) -> usize {
    let length = line[begin..].iter().position(is_blank).unwrap_or(line.len() - begin);
    work::add(length);
    begin + length
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
        let length = line[at..].iter().take_while(|b| b.is_ascii_graphic() && !is_quote(b)).count();
        let word = &mut line[at..at + length];
        if randomness::is_random(word) && memchr::memmem::find(word, b"//").is_none() {
            hide(&mut word[SHOWN..]);
        }
        at += length.max(1);
    }
}

/// Masks the user information of URLs and the values in their queries, whatever these look like.
fn mask_addresses(line: &[u8], masked: &mut [u8]) {
    for secret in address::credentials(line, Around::Line) {
        if line[..secret.start].last() != Some(&b'?') {
            hide(&mut masked[secret]);
            continue;
        }
        let mut begin = secret.start;
        for parameter in line[secret].split(|b| *b == b'&') {
            // Its name is told.
            let name = memchr::memchr(b'=', parameter).map_or(0, |sign| sign + 1);
            hide(&mut masked[begin + name..begin + parameter.len()]);
            begin += parameter.len() + 1;
        }
    }
}

/// What is no sign to be seen would reach the terminal of whoever reads the report, or change the order of what is seen.
fn push_printable(out: &mut String, bytes: &[u8]) {
    out.extend(String::from_utf8_lossy(bytes).chars().map(|c| if text::is_unseen(c) { ' ' } else { c }));
}
