//! Names: what services, agents, mounts, applications and nodes are called.

use super::segment::is_unreserved;
use super::{PathError, text_codec};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most bytes that a name may have.
pub(crate) const MAX_NAME: usize = 64;

/// 1 to 64 of the unreserved bytes `A-Z a-z 0-9 - . _ ~` (RFC 3986 2.3), but not `.` or `..`.
///
/// So a name is one path segment as it is, never percent-encoded. Clones share the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name `text`, or [`PathError::Name`].
    pub fn parse(text: &str) -> Result<Name, PathError> {
        if is_name(text) { Ok(Name(text.into())) } else { Err(PathError::Name(text.to_owned())) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(text: &str) -> bool {
    is_name_prefix(text, MAX_NAME) && !matches!(text, "" | "." | "..")
}

/// Whether `text` begins a name, with at most `max` bytes.
pub(super) fn is_name_prefix(text: &str, max: usize) -> bool {
    text.len() <= max && text.bytes().all(is_unreserved)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for Name {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Name, PathError> {
        Name::parse(text)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Names are looked up by their text: `Name` and `str` hash and order alike.
impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

text_codec!(Name);
