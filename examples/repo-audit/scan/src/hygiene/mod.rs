//! Finds what a repository should not hold: leftover merge conflicts, text that is not UTF-8, very large
//! files, and entries that cannot be scanned.

mod conflict;
mod utf8;

use crate::feed::{Block, Feed};
use crate::text;
use serde::{Deserialize, Serialize};

/// Something that should be put right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Defect {
    /// The path as it was given.
    pub path: String,
    /// "merge-conflict", "invalid-utf8", "large-file", "broken-link", "special-file", "unreadable" or "partly-scanned".
    pub kind: String,
    /// The line, counted from 1, where the kind has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u64>,
    /// One clause for a person.
    pub detail: String,
}

/// The scan for defects.
#[derive(Debug)]
pub struct Hygiene {
    feed: Feed,
    eye: Eye,
    large: u64,
}

#[derive(Debug, Default)]
struct Eye {
    path: String,
    /// The size that the directory told, or what was seen if that is more.
    size: u64,
    seen: u64,
    conflict: conflict::Watch,
    utf8: utf8::Check,
    found: Vec<Defect>,
}

impl Hygiene {
    /// A scan that reports files of more than `large` bytes.
    pub fn new(large: u64) -> Hygiene {
        Hygiene { feed: Feed::default(), eye: Eye::default(), large }
    }

    /// Begins the file at `path`, which the directory says has `size` bytes.
    pub fn begin(&mut self, path: &str, size: u64) {
        self.feed.begin(path);
        self.eye.path.clear();
        self.eye.path.push_str(path);
        self.eye.size = size;
        self.eye.seen = 0;
        self.eye.conflict = conflict::Watch::of(path);
        self.eye.utf8 = utf8::Check::default();
    }

    /// Takes the file's next bytes; `last` says that no more will come.
    pub fn push(&mut self, bytes: &[u8], last: bool) {
        let eye = &mut self.eye;
        eye.seen += bytes.len() as u64;
        self.feed.push(bytes, last, &mut |block| eye.see(block));
        if last {
            eye.close(self.large);
        }
    }

    /// Reports an entry that is no readable file: `kind` as in [`Defect::kind`].
    pub fn entry(&mut self, path: &str, kind: &str, detail: &str) {
        self.eye.found.push(Defect {
            path: path.to_owned(),
            kind: kind.to_owned(),
            line: None,
            detail: detail.to_owned(),
        });
    }

    /// Takes what was found since the last call.
    pub fn take(&mut self) -> Vec<Defect> {
        std::mem::take(&mut self.eye.found)
    }

    /// How many findings wait to be taken.
    pub fn waiting(&self) -> usize {
        self.eye.found.len()
    }
}

impl Eye {
    fn see(&mut self, block: &Block<'_>) {
        if block.binary {
            return;
        }
        if let Some(bad) = self.utf8.feed(block) {
            self.report(
                "invalid-utf8",
                Some(bad.line),
                format!("byte 0x{:02X} in column {} is not UTF-8", bad.byte, bad.column),
            );
        }
        let mut conflicts = Vec::new();
        self.conflict.feed(block, &mut conflicts);
        for found in conflicts {
            self.report("merge-conflict", Some(found.line), found.detail);
        }
    }

    fn close(&mut self, large: u64) {
        if let Some(bad) = self.utf8.end() {
            self.report("invalid-utf8", Some(bad.line), "the file ends within a UTF-8 sequence".to_owned());
        }
        if let Some(found) = self.conflict.end() {
            self.report("merge-conflict", Some(found.line), found.detail);
        }
        let size = self.size.max(self.seen);
        if size > large {
            self.report("large-file", None, text::size(size));
        }
    }

    fn report(&mut self, kind: &str, line: Option<u64>, detail: String) {
        self.found.push(Defect { path: self.path.clone(), kind: kind.to_owned(), line, detail });
    }
}

#[cfg(test)]
mod tests;
