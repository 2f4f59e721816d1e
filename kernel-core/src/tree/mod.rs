//! The resource tree as a Merkle tree: one hash, the root, stands for every node with all that it holds.
//!
//! A node has a [`Record`], children, or both; its [`Node`] is a hash of each. The children of a node lie in a trie
//! over the SHA-256 of their names, four bits a step: each row of it is a [`Branch`], which holds leaves where one name
//! is left and the hash of a row below where several are. So the root follows from what is in the tree alone, not from
//! how it came there, and a change reads and writes only the rows on the way to it, whose keys its path gives
//! ([`wanted`]).
//!
//! Sans-io: the caller looks rows up and writes those that come out. Whatever is read is held against the hash above
//! it, up to the root, so a proof is nothing but those rows ([`Proof`]). `kernel-core/FORMAT.md` gives every byte.

mod branch;
mod build;
mod node;
mod proof;
mod record;
mod update;
mod walk;

#[cfg(test)]
mod tests;

pub use branch::{Branch, Leaf, Slot, TABLE_BRANCHES, branch_key};
pub use build::build;
pub use node::Node;
pub use proof::{Proof, prove, verify};
pub use record::{Record, Sealed};
pub use update::{Update, set};
pub use walk::{Broken, MAX_DEPTH, wanted};
