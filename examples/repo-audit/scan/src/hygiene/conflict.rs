//! Merge conflicts that were left in: the markers that git, Mercurial and diff3 write at the start of a line.
//!
//! A line of seven `=` alone is a heading in many formats, so it counts only between the other two. A
//! marker without its counterpart is reported too: half-resolved conflicts look so.

use crate::feed::Block;
use crate::text;
use memchr::{memchr_iter, memmem};

const OURS: &[u8] = b"<<<<<<<";
const MIDDLE: &[u8] = b"=======";
const THEIRS: &[u8] = b">>>>>>>";

/// A conflict, by the line that it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    pub(super) line: u64,
    pub(super) detail: String,
}

#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The line of `<<<<<<<`, and whether it named a side.
    open: Option<(u64, bool)>,
    middle: bool,
    /// Mail and patches quote with `>`: a lone `>>>>>>>` means nothing there.
    quotes: bool,
}

impl Watch {
    /// For the file at `path`.
    pub(super) fn of(path: &str) -> Watch {
        const QUOTING: &[&str] = &["eml", "mbox", "txt", "patch", "diff", "log"];
        let quotes = text::extension(path).is_some_and(|e| QUOTING.iter().any(|q| q.eq_ignore_ascii_case(e)));
        Watch { open: None, middle: false, quotes }
    }

    /// Looks at the lines that begin in the block.
    pub(super) fn feed(&mut self, block: &Block<'_>, found: &mut Vec<Conflict>) {
        let own = block.own();
        if self.open.is_none() && memmem::find(own, OURS).is_none() && memmem::find(own, THEIRS).is_none() {
            return;
        }
        let within_line = block.from > 0 || block.skipped > 0;
        let first = (!within_line).then_some((0, 0));
        let later = memchr_iter(b'\n', own).enumerate().map(|(n, newline)| (n as u64 + 1, newline + 1));
        for (number, start) in first.into_iter().chain(later) {
            // A marker may lie in the text ahead of a cut line, so look there for its end.
            let rest = &block.text[block.from + start..];
            if start < own.len() && matches!(rest[0], b'<' | b'=' | b'>') {
                self.line(block.line + number, rest, found);
            }
        }
    }

    /// Looks at one line; `rest` begins with it.
    fn line(&mut self, line: u64, rest: &[u8], found: &mut Vec<Conflict>) {
        if let Some(side) = marker(rest, OURS) {
            found.extend(self.end());
            self.open = Some((line, side));
            self.middle = false;
        } else if self.open.is_some() && marker(rest, MIDDLE).is_some() {
            self.middle = true;
        } else if let Some(side) = marker(rest, THEIRS) {
            match self.open.take() {
                Some((start, _)) if self.middle => {
                    found.push(Conflict { line: start, detail: format!("merge conflict, lines {start} to {line}") });
                }
                Some((start, true)) => {
                    found.push(Conflict { line: start, detail: format!("conflict markers, lines {start} to {line}") })
                }
                None if side && !self.quotes => {
                    found.push(Conflict { line, detail: "end of a merge conflict without its beginning".to_owned() })
                }
                _ => {}
            }
        }
    }

    /// The file ends, or another conflict begins.
    pub(super) fn end(&mut self) -> Option<Conflict> {
        let (line, side) = self.open.take()?;
        side.then(|| Conflict { line, detail: "beginning of a merge conflict without its end".to_owned() })
    }
}

/// Whether `rest` begins with the marker alone or the marker and a space; answers whether something follows the space.
fn marker(rest: &[u8], mark: &[u8]) -> Option<bool> {
    match rest.strip_prefix(mark)? {
        [] | [b'\n', ..] | [b'\r', b'\n', ..] => Some(false),
        [b' ', after, ..] => Some(after.is_ascii_graphic()),
        _ => None,
    }
}
