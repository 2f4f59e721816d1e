//! Finds credentials: well-known key formats, private keys, passwords in URLs, high-entropy assignments.
//!
//! Three searches run over each block. Runs of 16 or more token characters ([`runs`]) are tried against the known
//! formats ([`formats`]). `=` and `:` lead to assignments ([`assign`]) and to URLs ([`url`]), `#define` to definitions
//! ([`define`]), `</` to elements ([`element`]). `PRIVATE KEY` leads to key blocks ([`pem`]). What is found
//! is reported with a redacted excerpt ([`redact`]), never in full.
//!
//! Left out on purpose: anything that only a checksum or an issuer could tell from a digest, such as bare
//! hexadecimal keys without a telling name.

mod assign;
mod define;
mod element;
mod encoding;
mod formats;
mod name;
mod parameter;
mod pem;
mod published;
mod randomness;
mod redact;
mod runs;
mod url;

use crate::feed::{Block, Feed, Place};
use crate::text;
use memchr::{memchr2_iter, memmem};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A credential that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Secret {
    /// The path as it was given to [`Secrets::begin`].
    pub path: String,
    /// The line, counted from 1.
    pub line: u64,
    /// Where on the line it begins, in bytes, counted from 1.
    pub column: u64,
    /// What it is: "aws-access-key-id", "private-key", "url-password", "assignment", ...
    pub kind: String,
    /// Its length in bytes; of a private key, the length of its header line.
    pub length: u64,
    /// The line up to the secret, with its first characters only; other secrets in it are masked too.
    pub excerpt: String,
}

/// A stretch of the block's text that is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Match {
    start: usize,
    end: usize,
    kind: &'static str,
    /// Which of two that overlap is kept: the lower.
    rank: u8,
}

/// The scan for secrets.
#[derive(Debug, Default)]
pub struct Secrets {
    feed: Feed,
    eye: Eye,
}

/// What looks at the blocks that the feed cuts.
#[derive(Debug, Default)]
struct Eye {
    path: String,
    style: assign::Style,
    index: &'static formats::Index,
    pem: Option<pem::Watch>,
    matches: Vec<Match>,
    line: redact::Line,
    found: Vec<Secret>,
}

impl Secrets {
    /// A scan that has seen nothing.
    pub fn new() -> Secrets {
        Secrets::default()
    }

    /// Begins the file at `path`.
    pub fn begin(&mut self, path: &str) {
        self.feed.begin(path);
        self.eye.path.clear();
        self.eye.path.push_str(path);
        self.eye.style = assign::Style::of(path);
        self.eye.pem = None;
    }

    /// Takes the file's next bytes; `last` says that it ends with them.
    pub fn push(&mut self, bytes: &[u8], last: bool) {
        let eye = &mut self.eye;
        self.feed.push(bytes, last, &mut |block| eye.see(block));
        if last {
            eye.close();
        }
    }

    /// Takes what was found since the last call. Findings of one file are in order of their place,
    /// except that a private key comes when its body was seen.
    pub fn take(&mut self) -> Vec<Secret> {
        std::mem::take(&mut self.eye.found)
    }

    /// How many findings wait to be taken.
    pub fn waiting(&self) -> usize {
        self.eye.found.len()
    }
}

impl Eye {
    fn see(&mut self, block: &Block<'_>) {
        let mut matches = std::mem::take(&mut self.matches);
        matches.clear();
        self.runs(block, &mut matches);
        if !block.binary {
            self.marks(block, &mut matches);
        }
        self.keys(block);
        if !matches.is_empty() {
            settle(&mut matches);
            self.line.begin(block);
            for at in 0..matches.len() {
                self.report(block, &matches, at);
            }
        }
        self.matches = matches;
    }

    /// Long runs of token characters, against the known formats.
    fn runs(&self, block: &Block<'_>, matches: &mut Vec<Match>) {
        runs::each(block.text, block.from, block.to, |start, stop| self.index.run(block.text, start, stop, matches));
    }

    /// `=` and `:`, for assignments and URLs; definitions and elements.
    fn marks(&self, block: &Block<'_>, matches: &mut Vec<Match>) {
        for hit in memchr2_iter(b'=', b':', block.own()) {
            let at = block.from + hit;
            if block.text[at..].starts_with(b"://") {
                url::find(block.text, at, matches);
            } else {
                assign::find(block.text, at, self.style, matches);
            }
        }
        if self.style != assign::Style::Ignored {
            // A mark that begins in the block may reach over its end.
            let (text, from) = (block.text, block.from);
            let each = |mark: &'static [u8]| {
                let end = text.len().min(block.to + mark.len() - 1);
                memmem::find_iter(&text[from..end], mark).map(move |hit| from + hit)
            };
            matches.extend(each(define::MARK).filter_map(|at| define::find(text, at)));
            matches.extend(each(element::MARK).filter_map(|at| element::find(text, at)));
        }
    }

    /// Private keys, whose body may come in later blocks.
    fn keys(&mut self, block: &Block<'_>) {
        let mut at = block.from;
        let mut headers = pem::headers(block.text, block.from, block.to);
        let mut place = Place::begin(block);
        loop {
            if let Some(mut watch) = self.pem.take() {
                match watch.feed(&block.text[at..block.to]) {
                    pem::Step::More => {
                        self.pem = Some(watch);
                        return;
                    }
                    pem::Step::Key => self.found.push(watch.secret),
                    pem::Step::Nothing => {}
                }
            }
            let Some((start, stop)) = headers.next(at) else { return };
            let (line, column) = place.of(block, start);
            let header = &block.text[start..stop];
            self.pem = Some(pem::Watch::new(Secret {
                path: self.path.clone(),
                line,
                column,
                kind: if memmem::find(header, b"ENCRYPTED").is_some() {
                    "encrypted-private-key"
                } else {
                    "private-key"
                }
                .to_owned(),
                length: header.len() as u64,
                excerpt: String::from_utf8_lossy(header).into_owned(),
            }));
            if stop >= block.to {
                // The header reaches over a cut; its body is watched from the next piece on.
                return;
            }
            at = stop;
        }
    }

    /// Tells of the match at `at` of all of the block.
    fn report(&mut self, block: &Block<'_>, all: &[Match], at: usize) {
        let found = &all[at];
        let (line, column, excerpt) = self.line.tell(block, all, at);
        self.found.push(Secret {
            path: self.path.clone(),
            line,
            column,
            kind: found.kind.to_owned(),
            length: (found.end - found.start) as u64,
            excerpt,
        });
    }

    fn close(&mut self) {
        if let Some(watch) = self.pem.take()
            && let Some(secret) = watch.end()
        {
            self.found.push(secret);
        }
    }
}

/// Whether a name says that its value is secret. What is too long to be a name may say anything: to look at it would take
/// its length squared.
#[cfg(feature = "inventory")]
pub(crate) fn is_telling(name: &str) -> bool {
    name.len() > 4 * name::NAME || name::tells(name.as_bytes())
}

/// Whether `text`, which stands by itself in a file, may be told to anybody: it holds nothing that the scan finds, and no
/// long word that a generator may have made.
#[cfg(feature = "inventory")]
pub(crate) fn is_tellable(text: &str) -> bool {
    // Too short for anything that the scan finds by itself.
    if text.len() < 10 {
        return true;
    }
    let mut scan = Secrets::new();
    // Where values need no quotes.
    scan.begin(".env");
    scan.push(text.as_bytes(), true);
    scan.waiting() == 0 && !redact::shows_random(text.as_bytes())
}

/// Whether the file name itself is one whose contents are checksums and no secrets.
fn is_lock_file(path: &str) -> bool {
    const LOCKS: &[&str] = &[
        "Cargo.lock",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "go.sum",
        "poetry.lock",
        "Pipfile.lock",
        "composer.lock",
        "Gemfile.lock",
        "uv.lock",
        "bun.lock",
        "flake.lock",
        "deno.lock",
    ];
    LOCKS.contains(&text::file_name(path))
}

/// Sorts by place and keeps of overlapping matches the one of the lowest rank.
fn settle(matches: &mut Vec<Match>) {
    matches.sort_unstable_by_key(|found| (found.rank, found.start, found.end));
    let mut kept: BTreeMap<usize, Match> = BTreeMap::new();
    for found in matches.drain(..) {
        // Those that are kept do not overlap, so no other can reach as far.
        let before = kept.range(..found.end).next_back();
        if before.is_none_or(|(_, before)| before.end <= found.start) {
            kept.insert(found.start, found);
        }
    }
    matches.extend(kept.into_values());
}

#[cfg(test)]
mod tests;
