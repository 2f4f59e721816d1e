//! Rights: one verb on one pattern.

use crate::id::Pid;
use crate::path::{PathError, Pattern, Resource, Verb, text_codec};
use std::fmt;
use std::str::FromStr;

/// The right to do `verb` to whatever `pattern` matches; written `read /fs/repo/**`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    /// What may be done.
    pub verb: Verb,
    /// To what.
    pub pattern: Pattern,
}

impl Right {
    /// The right `text`: a verb, one space, a pattern. [`PathError::Right`] if it is not of that form,
    /// else what is wrong with the verb or the pattern.
    pub fn parse(text: &str) -> Result<Right, PathError> {
        let (verb, pattern) = text.split_once(' ').ok_or_else(|| PathError::Right(text.to_owned()))?;
        Ok(Right { verb: Verb::parse(verb)?, pattern: Pattern::parse(pattern)? })
    }

    /// Whether it permits everything that `other` permits. Exact.
    pub fn includes(&self, other: &Right) -> bool {
        self.verb == other.verb && self.pattern.includes(&other.pattern)
    }

    /// Whether it permits `verb` on `resource`. Allocates nothing.
    pub fn permits(&self, verb: Verb, resource: &Resource) -> bool {
        self.verb == verb && self.pattern.matches(resource)
    }

    /// The right with `/proc/self` replaced by the number of `me`.
    #[must_use]
    pub fn bind(self, me: Pid) -> Right {
        Right { pattern: self.pattern.bind(me), ..self }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb.as_str())?;
        f.write_str(" ")?;
        f.write_str(self.pattern.as_str())
    }
}

impl fmt::Debug for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Right {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Right, PathError> {
        Right::parse(text)
    }
}

text_codec!(Right);
