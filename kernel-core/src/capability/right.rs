//! Rights: one verb on one pattern.

use crate::id::Pid;
use crate::path::{Endpoint, PathError, Pattern, Resource, Verb, text_codec};
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

    /// Whether whoever may grant this right may hand `other` on by it. That is inclusion, but for one thing: an
    /// address is only given by a right that spells it out. `/net/**` is for names, and must not become a
    /// right on 127.0.0.1 on its way down.
    pub fn gives(&self, other: &Right) -> bool {
        self.includes(other) && address(&other.pattern).is_none_or(|at| self.pattern.matches_private(&at))
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

/// The endpoint of a pattern whose host is an address; any port stands for `*`.
fn address(pattern: &Pattern) -> Option<Endpoint> {
    let (host, port) = pattern.as_str().strip_prefix("/net/")?.rsplit_once(':')?;
    let endpoint = Endpoint::parse(&format!("{host}:{}", if port == "*" { "1" } else { port })).ok()?;
    endpoint.address().map(|_| endpoint)
}
