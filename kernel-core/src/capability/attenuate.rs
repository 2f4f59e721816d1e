//! Attenuation: how capabilities pass from a process to those it starts.

use super::{Capabilities, Right};
use std::fmt;

/// Which list of capabilities a right is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// What may be done.
    Use,
    /// What others may be let do.
    Grant,
}

/// A right that was asked for and that the giver may not grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{right}` (to {kind}) is not within what its giver may grant")]
pub struct Widened {
    /// What was asked for.
    pub right: Right,
    /// Whether to use or to grant.
    pub kind: List,
}

/// What a child gets: exactly `requested`, or every right of it that goes beyond what `parent` may grant.
/// Never less than was asked for, silently.
///
/// Only the grant rights of `parent` count, for both lists of the child: use does not imply grant. A right
/// is covered when one right of the parent includes it; a right that only several of them cover together
/// is refused, and can be asked for in parts.
pub fn attenuate(parent: &Capabilities, requested: &Capabilities) -> Result<Capabilities, Vec<Widened>> {
    let beyond = |list: &[Right], kind| -> Vec<Widened> {
        let widened = list.iter().filter(|right| !parent.can_grant(right));
        widened.map(|right| Widened { right: right.clone(), kind }).collect()
    };
    let mut widened = beyond(requested.use_rights(), List::Use);
    widened.extend(beyond(requested.grant_rights(), List::Grant));
    if widened.is_empty() { Ok(requested.clone()) } else { Err(widened) }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            List::Use => "use",
            List::Grant => "grant",
        })
    }
}
