//! What is wrong with a manifest, and where: one [`Problem`] per finding, printed as a compiler would.
//!
//! Text that came from the manifest is shown escaped and shortened, so that a hostile file can write
//! neither control codes nor a megabyte to somebody's terminal.

use super::source::Source;
use serde::Serialize;
use std::fmt;

/// How many problems are listed; the rest are counted in one last entry.
pub const MAX_PROBLEMS: usize = 100;

/// The most characters of a value that a message repeats.
const SHOWN: usize = 80;

/// The most characters of another parser's message that is passed on.
const TOLD: usize = 400;

/// One thing that is wrong, where it is, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The manifest, as the caller named it.
    pub file: String,
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// The key it is about ("agent.walker.use"); empty when it is about the whole file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do, where that can be said.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n    help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// Collects problems of one file and puts them in the order of the file.
#[derive(Debug)]
pub(super) struct Problems<'s> {
    source: &'s Source,
    found: Vec<(usize, Problem)>,
    more: usize,
}

impl<'s> Problems<'s> {
    /// Nothing found yet in `source`.
    pub(super) fn new(source: &'s Source) -> Problems<'s> {
        Problems { source, found: Vec::new(), more: 0 }
    }

    /// A problem at byte `at`, without advice.
    pub(super) fn add(&mut self, at: usize, key: &str, message: impl Into<String>) {
        self.push(at, key, || (message.into(), None));
    }

    /// A problem at byte `at`, with advice.
    pub(super) fn add_with_help(&mut self, at: usize, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.push(at, key, || (message.into(), Some(help.into())));
    }

    /// The same, with texts that are only made when the problem will be listed: a suggestion compares
    /// with every known name, and a manifest can hold a hundred thousand unknown ones.
    pub(super) fn push(&mut self, at: usize, key: &str, texts: impl FnOnce() -> (String, Option<String>)) {
        if self.found.len() >= MAX_PROBLEMS {
            self.more += 1;
            return;
        }
        let (message, help) = texts();
        let (line, column) = self.source.position(at);
        let file = self.source.file().to_owned();
        self.found.push((at, Problem { file, line, column, key: key.to_owned(), message, help }));
    }

    /// The file that they are in.
    pub(super) fn source(&self) -> &'s Source {
        self.source
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was found, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|(at, _)| *at);
        let mut all: Vec<Problem> = self.found.into_iter().map(|(_, problem)| problem).collect();
        if let (true, Some(last)) = (self.more > 0, all.last()) {
            let (file, line, column) = (last.file.clone(), last.line, last.column);
            let message = format!("{} more problems are not listed", self.more);
            all.push(Problem { file, line, column, key: String::new(), message, help: None });
        }
        all
    }
}

/// `text` in backticks, escaped and shortened.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", escaped(text, SHOWN))
}

/// What another parser said, escaped and shortened.
pub(super) fn told(error: impl fmt::Display) -> String {
    escaped(&error.to_string(), TOLD)
}

fn escaped(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == most {
            out.push_str("...");
            break;
        }
        // Only what a terminal would act upon is escaped; the rest is easier to read as it is.
        if c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// The candidate that `word` was most likely meant to be, if any is close.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Distances cost the product of both lengths, and no name that we know is longer than this.
    if word.len() > 128 {
        return None;
    }
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?" where something is close, otherwise the list of what is known, otherwise nothing.
pub(super) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(close) = closest(word, known.iter().copied()) {
        return Some(format!("did you mean `{close}`?"));
    }
    match known.len() {
        0 => None,
        1..=16 => Some(format!("known here: {}", known.join(", "))),
        _ => None,
    }
}
