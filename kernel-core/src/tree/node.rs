//! What one hash of a node covers.

use super::branch::row_hash;
use crate::chain::Hash;
use sha2::{Digest, Sha256};

/// The first byte of what is hashed to a root. No event and no inner node of the log begins so.
const ROOT: u8 = 0x10;

/// A node as its parent knows it: two hashes, of which at least one is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Node {
    /// The hash of its [`super::Record`]; zero where only its children are there.
    pub record: Hash,
    /// The hash of the first row of its children; zero where it has none.
    pub children: Hash,
}

impl Node {
    /// A node that is not there; as the root, a tree without nodes.
    pub const EMPTY: Node = Node { record: Hash::ZERO, children: Hash::ZERO };

    /// Whether there is neither a record nor a child.
    pub fn is_empty(&self) -> bool {
        *self == Node::EMPTY
    }

    /// The root of the tree of which this is the uppermost node: SHA-256(0x10 || record || children).
    pub fn root(&self) -> Hash {
        let hasher = Sha256::new().chain_update([ROOT]).chain_update(self.record.0);
        Hash(hasher.chain_update(self.children.0).finalize().into())
    }

    /// Whether `row` is the first row of its children; `None` where there is none.
    pub fn begins_with(&self, row: Option<&[u8]>) -> bool {
        row.map_or(Hash::ZERO, row_hash) == self.children
    }

    /// The two hashes, one after the other.
    pub fn to_bytes(self) -> [u8; 2 * Hash::LEN] {
        let mut bytes = [0; 2 * Hash::LEN];
        bytes[..Hash::LEN].copy_from_slice(&self.record.0);
        bytes[Hash::LEN..].copy_from_slice(&self.children.0);
        bytes
    }

    /// What [`Node::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Node> {
        let (record, children) = bytes.split_at_checked(Hash::LEN)?;
        Some(Node { record: Hash::from_slice(record)?, children: Hash::from_slice(children)? })
    }
}
