//! One row of the trie in which the children of a node lie.

use super::Node;
use crate::chain::Hash;
use crate::codec::KeyWriter;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Rows of branches, by the path of the node whose children they hold and the first digits of their names' hashes.
pub const TABLE_BRANCHES: u8 = 0x50;

/// How many ways a branch has: one for each hexadecimal digit.
pub(super) const WAYS: usize = 16;
/// How many digits the hash of a name has, and so how many rows lie one below the other at most.
pub(super) const DIGITS: usize = 2 * Hash::LEN;

/// The first byte of what is hashed to the hash of a row.
const BRANCH: u8 = 0x11;
/// Between the path and the digits of a key; no path has this byte.
const END: u8 = 0;
/// Bytes of a leaf.
const LEAF: usize = 3 * Hash::LEN;

/// A child: the hash of its name, and the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// SHA-256 of its name.
    pub name: Hash,
    /// What it is; never empty.
    pub node: Node,
}

/// Where one way leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// To the only child whose name's hash begins so.
    Leaf(Leaf),
    /// To a row below, of this hash: to two or more children.
    Below(Hash),
}

/// One row: for each digit that can come next, where it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch(pub [Option<Slot>; WAYS]);

impl Branch {
    /// The row: two big-endian u16 with a bit for each digit, lowest first - whether it leads anywhere, and whether to a
    /// leaf - then for each digit that does, in order, the leaf's three hashes or the hash of the row below.
    pub fn encode(&self) -> Bytes {
        let (mut present, mut leaves) = (0u16, 0u16);
        let mut row = vec![0; 4];
        for (digit, slot) in self.0.iter().enumerate() {
            let Some(slot) = slot else { continue };
            present |= 1 << digit;
            match slot {
                Slot::Leaf(leaf) => {
                    leaves |= 1 << digit;
                    row.extend_from_slice(&leaf.name.0);
                    row.extend_from_slice(&leaf.node.to_bytes());
                }
                Slot::Below(hash) => row.extend_from_slice(&hash.0),
            }
        }
        row[..2].copy_from_slice(&present.to_be_bytes());
        row[2..4].copy_from_slice(&leaves.to_be_bytes());
        row.into()
    }

    /// The row in `bytes`; none where they are no row.
    pub fn decode(bytes: &[u8]) -> Option<Branch> {
        let (present, leaves) = bits(bytes)?;
        let mut rest = bytes.get(4..)?;
        if present == 0 || leaves & !present != 0 {
            return None;
        }
        let mut branch = Branch::default();
        for (digit, slot) in branch.0.iter_mut().enumerate().filter(|(digit, _)| present & (1 << digit) != 0) {
            let is_leaf = leaves & (1 << digit) != 0;
            let (bytes, after) = rest.split_at_checked(if is_leaf { LEAF } else { Hash::LEN })?;
            rest = after;
            *slot = Some(if is_leaf {
                let (name, node) = bytes.split_at(Hash::LEN);
                let node = Node::from_bytes(node).filter(|node| !node.is_empty())?;
                Slot::Leaf(Leaf { name: Hash::from_slice(name)?, node })
            } else {
                Slot::Below(Hash::from_slice(bytes)?)
            });
        }
        rest.is_empty().then_some(branch)
    }

    /// The only leaf, where there is nothing else.
    pub(super) fn only_leaf(&self) -> Option<Leaf> {
        let mut slots = self.0.iter().flatten();
        match (slots.next(), slots.next()) {
            (Some(Slot::Leaf(leaf)), None) => Some(*leaf),
            _ => None,
        }
    }
}

/// Which digits lead anywhere, and which of them to a leaf.
fn bits(row: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d, ..] = *row else { return None };
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// Whether `digit` leads from `row` to a row below.
pub(super) fn goes_on(row: &[u8], digit: usize) -> bool {
    bits(row).is_some_and(|(present, leaves)| (present & !leaves) & (1 << digit) != 0)
}

/// The hash of a row: SHA-256(0x11 || row).
pub(super) fn row_hash(row: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([BRANCH]).chain_update(row).finalize().into())
}

/// SHA-256 of a name.
pub(super) fn name_hash(name: &str) -> Hash {
    Hash(Sha256::digest(name).into())
}

/// The `n`th hexadecimal digit of `hash`.
pub(super) fn digit(hash: &Hash, n: usize) -> usize {
    let byte = hash.0[n / 2];
    usize::from(if n.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
}

/// The key of the row that holds the children of the node at `path` (without `/tree/`) of which the hash of the name
/// begins with the first `digits` digits of `name`: the table, the path, a zero byte, and the digits, each a byte.
pub fn branch_key(path: &str, name: &Hash, digits: usize) -> Bytes {
    let mut rest = Vec::with_capacity(path.len() + 1 + digits);
    rest.extend_from_slice(path.as_bytes());
    rest.push(END);
    rest.extend((0..digits).map(|n| digit(name, n) as u8));
    KeyWriter::new(TABLE_BRANCHES).bytes(&rest)
}
