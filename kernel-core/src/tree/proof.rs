//! Proofs that a node is in the tree of a root, or that there is none.

use super::walk::walk;
use super::{Broken, Node};
use crate::chain::Hash;
use bytes::Bytes;

/// The rows on the way from the root to where the node is or would be, in order, and the uppermost node. It proves what
/// the node's record is, also that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The two hashes that the root is made of.
    pub head: Node,
    /// The rows.
    pub rows: Vec<Bytes>,
}

/// The proof of the node at `path`; `row` looks a row up, by its key.
///
/// # Errors
/// [`Broken`] where what is stored is not what the root is over. Whatever `row` fails with, too.
pub fn prove<E: From<Broken>>(
    head: Node,
    path: &str,
    mut row: impl FnMut(&Bytes) -> Result<Option<Bytes>, E>,
) -> Result<Proof, E> {
    let mut rows = Vec::new();
    walk(head, path, |key| {
        let found = row(key)?;
        rows.extend(found.clone());
        Ok::<_, E>(found)
    })?;
    Ok(Proof { head, rows })
}

/// The hash of the record that the node at `path` has in the tree of `root`; `None` where it has none.
///
/// # Errors
/// [`Broken`] where the proof does not show that: a row is missing, is another one, or is one too many.
pub fn verify(root: Hash, path: &str, proof: &Proof) -> Result<Option<Hash>, Broken> {
    let mut rows = proof.rows.iter();
    let (_, node) = walk(proof.head, path, |_| Ok::<_, Broken>(rows.next().cloned()))?;
    let holds = proof.head.root() == root && rows.next().is_none();
    holds.then_some((node.record != Hash::ZERO).then_some(node.record)).ok_or_else(|| Broken { path: path.to_owned() })
}
