//! Cuts a file that arrives in chunks of any size into blocks of whole lines.
//!
//! What the detectors see does not depend on how the file was chunked: a line of at most [`BLOCK`]
//! bytes is always seen whole; a longer one is cut at fixed strides from its own start, and each
//! piece is seen with [`LEFT`] bytes of what came before and [`RIGHT`] bytes of what follows.
//! Memory stays below `BLOCK + LEFT + RIGHT` plus one chunk, whatever the file's size.

use crate::{text, work};
use memchr::{memchr, memchr_iter, memrchr};

/// The longest line, in bytes with its newline, that is seen whole; longer ones are cut at this stride.
pub const BLOCK: usize = 64 * 1024;
/// Bytes of a cut line that are seen again before a piece.
pub const LEFT: usize = 512;
/// Bytes of a cut line that are seen ahead after a piece: nothing longer is found across a cut.
pub const RIGHT: usize = 4096;

/// A piece of a file for a detector.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// All that may be looked at: whole lines, or a piece of one with its surroundings.
    pub text: &'a [u8],
    /// Where the bytes begin that no earlier block held; matches that start before are not this block's.
    pub from: usize,
    /// Where they end.
    pub to: usize,
    /// The line, counted from 1, that `text[from]` lies on.
    pub line: u64,
    /// Bytes of its line that precede `text[0]`; 0 unless a line was cut.
    pub skipped: u64,
    /// Offset in the file of `text[from]`.
    pub offset: u64,
    /// Whether the file is not text.
    pub binary: bool,
}

impl<'a> Block<'a> {
    /// The bytes that are this block's own.
    pub fn own(&self) -> &'a [u8] {
        &self.text[self.from..self.to]
    }

    /// Line and column (in bytes), both counted from 1, of `text[at]`; `at` is not before `from`. Of many places,
    /// [`Place`] tells each from the one before.
    pub fn place(&self, at: usize) -> (u64, u64) {
        Place::begin(self).of(self, at)
    }

    /// Where the line that holds `text[at]` begins and ends within `text`, without its newline.
    pub fn line_of(&self, at: usize) -> (usize, usize) {
        let start = memrchr(b'\n', &self.text[..at]).map_or(0, |newline| newline + 1);
        let end = memchr(b'\n', &self.text[at..]).map_or(self.text.len(), |newline| at + newline);
        (start, end)
    }
}

/// Tells the lines and columns of places in a block, one after the other, and goes over each byte once.
#[derive(Debug)]
pub struct Place {
    /// Up to where lines are counted.
    at: usize,
    line: u64,
    /// Where the line begins, if that is within the block.
    start: Option<usize>,
}

impl Place {
    /// Where the block's own bytes begin.
    pub fn begin(block: &Block<'_>) -> Place {
        Place { at: block.from, line: block.line, start: None }
    }

    /// Line and column (in bytes), both counted from 1, of `text[at]` of the block; `at` is not less than it was.
    pub fn of(&mut self, block: &Block<'_>, at: usize) -> (u64, u64) {
        for newline in memchr_iter(b'\n', &block.text[self.at..at]) {
            self.line += 1;
            self.start = Some(self.at + newline + 1);
        }
        work::add(at - self.at);
        self.at = at;
        let column = self.start.map_or(block.skipped + at as u64, |start| (at - start) as u64);
        (self.line, column + 1)
    }
}

/// The cutter. One serves many files, one after the other.
#[derive(Debug, Default)]
pub struct Feed {
    /// What was not handed on yet, after `left` bytes that were.
    held: Vec<u8>,
    left: usize,
    /// Bytes of the present line before `held[left]`.
    within: u64,
    line: u64,
    offset: u64,
    /// Known once the head was seen.
    binary: Option<bool>,
    named_text: bool,
}

impl Feed {
    /// Begins a file; whatever was left of the one before is forgotten. `path` only helps to tell text from binary.
    pub fn begin(&mut self, path: &str) {
        self.held.clear();
        self.left = 0;
        self.within = 0;
        self.line = 1;
        self.offset = 0;
        self.binary = text::named(path);
        self.named_text = self.binary == Some(false);
        if self.named_text {
            // A name is a strong hint, not a proof: a NUL in the head still makes it binary.
            self.binary = None;
        }
    }

    /// Lines handed on so far; a last one without a newline counts.
    pub fn lines(&self) -> u64 {
        self.line - 1 + u64::from(self.within > 0)
    }

    /// Takes the next bytes; `last` says that the file ends with them. Calls `see` for each block that is complete.
    pub fn push(&mut self, bytes: &[u8], last: bool, see: &mut dyn FnMut(&Block<'_>)) {
        if self.held.is_empty() && (last || self.binary.is_some() || bytes.len() >= text::HEAD) {
            let keep = self.cut(bytes, last, see);
            self.held.extend_from_slice(&bytes[keep..]);
            return;
        }
        // Nothing that is held could be handed on; short of a newline or a whole stride, nothing can now.
        let newline = memchr(b'\n', bytes);
        if newline.is_none()
            && !last
            && self.binary.is_some()
            && self.held.len() - self.left + bytes.len() < BLOCK + RIGHT
        {
            self.held.extend_from_slice(bytes);
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        let rest;
        // The usual case after a chunk border: one short line is completed and seen, then the rest without a copy.
        if self.binary.is_some()
            && let Some(newline) = newline
            && held.len() + newline < BLOCK
        {
            held.extend_from_slice(&bytes[..=newline]);
            let kept = self.cut(&held, false, see);
            debug_assert_eq!(kept, held.len());
            held.clear();
            let after = &bytes[newline + 1..];
            let keep = self.cut(after, last, see);
            rest = &after[keep..];
        } else {
            held.extend_from_slice(bytes);
            rest = &[][..];
            if last || self.binary.is_some() || held.len() >= text::HEAD {
                let keep = self.cut(&held, last, see);
                held.drain(..keep);
            }
        }
        held.extend_from_slice(rest);
        self.held = held;
    }

    /// Hands on all complete blocks of `buffer`, whose first `self.left` bytes were handed on before;
    /// answers from where on the buffer must be kept.
    fn cut(&mut self, buffer: &[u8], last: bool, see: &mut dyn FnMut(&Block<'_>)) -> usize {
        let binary = *self
            .binary
            .get_or_insert_with(|| text::is_binary(&buffer[..buffer.len().min(text::HEAD)], self.named_text));
        let mut at = self.left;
        while at < buffer.len() {
            let window = &buffer[at..buffer.len().min(at + BLOCK)];
            // At the start of a line everything up to the window's last newline is whole lines; within a cut
            // line the first newline ends it.
            let newline = if self.within == 0 { memrchr(b'\n', window) } else { memchr(b'\n', window) };
            let (to, seen) = if let Some(newline) = newline {
                (at + newline + 1, at + newline + 1)
            } else if last && buffer.len() - at <= BLOCK {
                (buffer.len(), buffer.len())
            } else if window.len() == BLOCK {
                let to = at + BLOCK;
                let ahead = &buffer[to..buffer.len().min(to + RIGHT)];
                match memchr(b'\n', ahead) {
                    Some(newline) => (to, to + newline + 1),
                    None if ahead.len() == RIGHT || last => (to, to + ahead.len()),
                    None => break,
                }
            } else {
                break;
            };
            let start = if self.within == 0 { at } else { at.saturating_sub(LEFT) };
            let own = &buffer[at..to];
            see(&Block {
                text: &buffer[start..seen],
                from: at - start,
                to: to - start,
                line: self.line,
                skipped: self.within.saturating_sub((at - start) as u64),
                offset: self.offset,
                binary,
            });
            self.line += memchr_iter(b'\n', own).count() as u64;
            self.offset += own.len() as u64;
            self.within = if own.last() == Some(&b'\n') { 0 } else { self.within + own.len() as u64 };
            at = to;
        }
        let keep = if self.within == 0 { at } else { at.saturating_sub(LEFT) };
        self.left = at - keep;
        keep
    }
}

#[cfg(test)]
mod tests;
