//! Topics: parts joined by `.`, one path segment.

use super::{PathError, text_codec};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most bytes that a topic, or the topic of a pattern, may have.
pub(super) const MAX_TOPIC: usize = 255;

/// A topic such as `findings.new`: one or more parts of `A-Z a-z 0-9 - _ ~`, joined by `.`; at most 255
/// bytes. Clones share the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

impl Topic {
    /// The topic `text`, or [`PathError::Topic`].
    pub fn parse(text: &str) -> Result<Topic, PathError> {
        if text.len() <= MAX_TOPIC && text.split('.').all(|part| !part.is_empty() && is_part_prefix(part)) {
            Ok(Topic(text.into()))
        } else {
            Err(PathError::Topic(text.to_owned()))
        }
    }

    /// The topic as text, without `/topic/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, at least one.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }
}

/// Whether `text` begins a part; no text does.
pub(super) fn is_part_prefix(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'~'))
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for Topic {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Topic, PathError> {
        Topic::parse(text)
    }
}

text_codec!(Topic);
