//! Private key blocks (RFC 7468 and the older PEM and OpenPGP forms), and the private part of a key file of PuTTY.
//!
//! The header alone is no finding: parsers, documentation and error texts are full of it. A key is
//! reported when the header is followed, on the same line or on later ones, by a real body: the first run
//! of base64 after it is as long as a line of a key and evenly spread.

use super::{Secret, randomness};
use crate::work;
use memchr::memmem;
use std::iter::Peekable;

/// The shortest run of base64 that begins a body; a line of PEM is 64, of an escaped test key rarely less.
const FIRST_RUN: usize = 32;
/// How much of a body is looked at.
const SAMPLE: usize = 64;
/// Blank space, quotes and `Name: value` lines that may come before the body.
const PATIENCE: usize = 2048;

/// A header: where it begins and ends.
type Header = (usize, usize);

/// The headers of private keys that begin within a block. Each kind of them is looked for once.
pub(super) struct Headers<A: Iterator<Item = Header>, P: Iterator<Item = Header>> {
    armours: Peekable<A>,
    puttys: Peekable<P>,
}

/// The headers of private keys that begin in `text[from..to]`.
pub(super) fn headers(
    text: &[u8],
    from: usize,
    to: usize,
) -> Headers<impl Iterator<Item = Header>, impl Iterator<Item = Header>> {
    let to = to.min(text.len());
    Headers { armours: armours(text, from, to).peekable(), puttys: puttys(text, from, to).peekable() }
}

impl<A: Iterator<Item = Header>, P: Iterator<Item = Header>> Headers<A, P> {
    /// The first that does not begin before `from`, which is not less than it was.
    pub(super) fn next(&mut self, from: usize) -> Option<Header> {
        while self.armours.next_if(|header| header.0 < from).is_some() {}
        while self.puttys.next_if(|header| header.0 < from).is_some() {}
        self.armours.peek().into_iter().chain(self.puttys.peek()).min().copied()
    }
}

/// `Private-Lines: 14` at the start of a line (PuTTY's documentation, appendix C).
fn puttys(text: &[u8], from: usize, to: usize) -> impl Iterator<Item = Header> {
    const LINES: &[u8] = b"Private-Lines: ";
    each(text, LINES, from, to).filter_map(move |start| {
        let number = start + LINES.len();
        let digits = text[number..].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
        let whole = start == 0 || text[start - 1] == b'\n';
        (whole && digits > 0).then_some((start, number + digits))
    })
}

/// `-----BEGIN … PRIVATE KEY-----`.
fn armours(text: &[u8], from: usize, to: usize) -> impl Iterator<Item = Header> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const KEY: &[u8] = b"PRIVATE KEY";
    each(text, BEGIN, from, to).filter_map(move |start| {
        let rest = &text[start + BEGIN.len()..];
        let name =
            rest.iter().take(48).take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || **b == b' ').count();
        let label = rest[..name].strip_suffix(b" BLOCK").unwrap_or(&rest[..name]);
        let whole = rest[name..].starts_with(b"-----") && label.ends_with(KEY);
        whole.then_some((start, start + BEGIN.len() + name + 5))
    })
}

/// Where `mark` lies in `text[from..to]`.
fn each<'a>(text: &'a [u8], mark: &'a [u8], from: usize, to: usize) -> impl Iterator<Item = usize> + 'a {
    let mut seen = from;
    memmem::find_iter(&text[from..to], mark).map(move |found| {
        let start = from + found;
        work::add(start - seen);
        seen = start;
        start
    })
}

/// What came of some more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    More,
    Key,
    Nothing,
}

/// Waits for the body that follows a header.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) secret: Secret,
    /// The first run of base64.
    sample: Vec<u8>,
    patience: usize,
    /// Within a `Name: value` line.
    in_field: bool,
    escaped: bool,
}

impl Watch {
    pub(super) fn new(secret: Secret) -> Watch {
        Watch { secret, sample: Vec::with_capacity(SAMPLE), patience: PATIENCE, in_field: false, escaped: false }
    }

    /// Looks at what follows.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Step {
        for &b in bytes {
            self.patience -= 1;
            if self.patience == 0 {
                return Step::Nothing;
            }
            if self.in_field {
                // It ends with its line, be the newline one or, within a string of JSON or a shell, written `\n`.
                self.in_field = b != b'\n' && !(self.escaped && matches!(b, b'n' | b'r'));
                self.escaped = b == b'\\' && self.in_field;
                continue;
            }
            if self.escaped {
                // `\n`, `\r`, `\t` and a continued line stand for blank space.
                self.escaped = false;
                if !matches!(b, b'n' | b'r' | b't' | b'\\' | b'\n' | b'\r' | b'"') {
                    return Step::Nothing;
                }
                continue;
            }
            let base64 = b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
            if base64 && !(self.sample.is_empty() && matches!(b, b'+' | b'/' | b'=')) {
                self.sample.push(b);
                if self.sample.len() == SAMPLE {
                    return self.judge();
                }
                continue;
            }
            if !self.sample.is_empty() {
                // The first run ended: a body, or the name of a field such as `Proc-Type: 4,ENCRYPTED`.
                if self.sample.len() >= FIRST_RUN {
                    return self.judge();
                }
                if b == b':' || (b == b'-' && self.sample.len() < 24) {
                    self.in_field = true;
                    self.sample.clear();
                    continue;
                }
                return Step::Nothing;
            }
            match b {
                // Among them what patches put before a line, `-` too.
                b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b',' | b'+' | b'-' | b'/' | b'#' | b'*' | b'|' | b'>'
                | b'=' | b'(' => {}
                b'\\' => self.escaped = true,
                _ => return Step::Nothing,
            }
        }
        Step::More
    }

    /// The file ends.
    pub(super) fn end(self) -> Option<Secret> {
        (self.sample.len() >= FIRST_RUN && self.judge() == Step::Key).then_some(self.secret)
    }

    fn judge(&self) -> Step {
        if randomness::is_varied(&self.sample) && !randomness::is_wordy(&self.sample) {
            Step::Key
        } else {
            Step::Nothing
        }
    }
}
