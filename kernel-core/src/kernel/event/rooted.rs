//! Which root of the tree an event tells.

use super::{Booted, Content, Outcome, kind};
use crate::chain::Hash;
use minicbor::{Decode, Encode};
use serde::Serialize;

/// Kind 24.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Rooted {
    /// The root of the tree.
    #[n(0)]
    pub tree: Hash,
}

impl Content {
    /// The root of the tree that it tells.
    pub(crate) fn tree(&self) -> Option<Hash> {
        match self {
            Content::Boot(boot) => boot.tree,
            Content::Outcome(outcome) => outcome.tree,
            Content::Root(rooted) => Some(rooted.tree),
            _ => None,
        }
    }
}

/// What stands before the root where it is the last of a content: key 4, and a string of 32 bytes.
const ROOT_NEXT: [u8; 3] = [0x04, 0x58, 0x20];

/// The root of the tree that an event of `kind` with this content tells: of a boot what it began with, of an outcome what
/// its act made of it, of a root what it is.
pub fn tree_root(kind: u8, content: &[u8]) -> Option<Hash> {
    match kind {
        kind::BOOT => minicbor::decode::<Booted>(content).ok()?.tree,
        kind::ROOT => minicbor::decode::<Rooted>(content).ok().map(|rooted| rooted.tree),
        // Few outcomes have one, and a whole log is looked through: the others are not decoded.
        kind::OUTCOME if content.len() > Hash::LEN && content[..content.len() - Hash::LEN].ends_with(&ROOT_NEXT) => {
            minicbor::decode::<Outcome>(content).ok()?.tree
        }
        _ => None,
    }
}
