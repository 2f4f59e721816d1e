//! The text of a manifest: what it may be before it is parsed, and which line a byte is on.
//!
//! Parsing is left to the `toml` crate. What it leaves open is guarded here: it takes a file of any
//! size, and although it limits brackets and the parts of a dotted key each to 80, the two multiply
//! (`{a.a.a = {a.a.a = ..}}`), and dropping what 12 KiB of that build overflows a thread's stack.

use super::problem::{Problem, Problems, told};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use toml::Spanned;
use toml::de::DeTable;
use toml_parser::lexer::TokenKind;

/// The largest manifest, bytes. A host may refuse a larger file before it reads it.
pub const MAX_MANIFEST: usize = 1 << 20;

/// How deep brackets and the parts of dotted keys may nest together.
pub const MAX_DEPTH: usize = 32;

/// Up to this size every syntax error is looked for, beyond it only the first: the parser's own
/// recovery can make several errors of each byte.
const RECOVER: usize = 64 << 10;

/// What kind of file a text is, for messages.
#[derive(Debug)]
pub(super) struct Sort {
    /// "manifest".
    pub what: &'static str,
    /// What to do where it is too large.
    pub large: &'static str,
    /// How one begins.
    pub begin: &'static str,
}

/// A manifest's text, or that of another file of this form, with its name and line starts.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    file: Arc<str>,
    text: Arc<str>,
    lines: Vec<usize>,
}

impl Source {
    /// The text, or why nothing of that sort can be in it: too large, not UTF-8, nothing there, a control
    /// character, too deep.
    pub(super) fn new(sort: &Sort, file: &str, bytes: &[u8]) -> Result<Source, Problem> {
        let what = sort.what;
        let whole = |message: String, help: &str| {
            let help = Some(help.to_owned());
            Problem { file: file.to_owned(), line: 1, column: 1, key: String::new(), message, help }
        };
        if bytes.len() > MAX_MANIFEST {
            let message = format!("the {what} is {} bytes; the limit is {MAX_MANIFEST}", bytes.len());
            return Err(whole(message, sort.large));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                // What lies before the error is valid, so its lines can be counted.
                let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
                let (line, column) = Source::index(file, valid).position(valid.len());
                let message = format!("the {what} is not UTF-8 text");
                return Err(Problem { line, column, ..whole(message, "save the file as UTF-8") });
            }
        };
        if text.trim_start_matches('\u{feff}').trim().is_empty() {
            return Err(whole(format!("the {what} is empty"), &format!("begin with:\n        {}", sort.begin)));
        }
        let source = Source::index(file, text);
        // TOML has none of these. The parser says what it would rather have had, and not that one is there.
        let control = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r');
        if let Some((at, found)) = text.char_indices().find(|(_, c)| control(*c)) {
            let (line, column) = source.position(at);
            let code = format!("{:04X}", u32::from(found));
            let message = format!("the {what} holds the control character U+{code}");
            let help = format!("take it out; in a string, write it as \\u{code}");
            return Err(Problem { line, column, ..whole(message, &help) });
        }
        if let Some(at) = too_deep(text) {
            let (line, column) = source.position(at);
            let message = format!("nested more than {MAX_DEPTH} deep");
            return Err(Problem { line, column, ..whole(message, "flatten the value, or close a bracket left open") });
        }
        Ok(source)
    }

    fn index(file: &str, text: &str) -> Source {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Source { file: file.into(), text: text.into(), lines }
    }

    /// What the caller called the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// Line and column of byte `at`, both from 1, the column in characters.
    pub fn position(&self, at: usize) -> (u32, u32) {
        let at = at.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        // A span always starts between characters; were one not to, its whole line would be named.
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count());
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column + 1).unwrap_or(u32::MAX))
    }

    /// The document, or what is wrong with its syntax: at most one problem for each line.
    pub(super) fn document(&self) -> Result<Spanned<DeTable<'_>>, Vec<Problem>> {
        let errors = if self.text.len() <= RECOVER {
            let (document, errors) = DeTable::parse_recoverable(&self.text);
            if errors.is_empty() {
                return Ok(document);
            }
            errors
        } else {
            match DeTable::parse(&self.text) {
                Ok(document) => return Ok(document),
                Err(error) => vec![error],
            }
        };
        let mut problems = Problems::new(self);
        let mut last = 0;
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            let (line, _) = self.position(at);
            if line != last {
                last = line;
                problems.add(at, "", told(error.message()));
            }
        }
        Err(problems.finish())
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("file", &self.file).field("bytes", &self.text.len()).finish()
    }
}

/// Where nesting passes [`MAX_DEPTH`], counting open brackets and the dots of the keys around them.
///
/// Uses the parser's own lexer, so that it agrees about what is a string. A bracket is closed only by
/// its own kind: on broken input the count is rather too high than too low.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    // Each open bracket with the dots seen since the last separator inside it; the first is the file.
    let mut open = vec![(TokenKind::Eof, 0_usize)];
    let mut depth = 0;
    for token in toml_parser::Source::new(text).lex() {
        let outermost = open.len() == 1;
        let (inside, dots) = open.last_mut()?;
        match (token.kind(), *inside) {
            (kind @ (TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket), _) => {
                open.push((kind, 0));
                depth += 1;
            }
            (TokenKind::RightSquareBracket, TokenKind::LeftSquareBracket)
            | (TokenKind::RightCurlyBracket, TokenKind::LeftCurlyBracket) => {
                depth -= 1 + *dots;
                open.pop();
            }
            (TokenKind::Dot, _) => {
                *dots += 1;
                depth += 1;
            }
            (TokenKind::Comma, _) => depth -= std::mem::take(dots),
            (TokenKind::Newline, _) if outermost => depth -= std::mem::take(dots),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Some(token.span().start());
        }
    }
    None
}
