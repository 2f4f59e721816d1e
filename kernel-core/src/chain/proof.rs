//! Inclusion and consistency proofs (RFC 6962 2.1.1 and 2.1.2), made from stored tiles.
//!
//! A proof is the list of hashes in the order of the RFC. Making one reads a few tiles of each level through
//! a function that the caller gives; checking one needs nothing but the proof (RFC 9162 2.1.3.2, 2.1.4.2).

use super::merkle::subtree_root;
use super::{ChainError, Checkpoint, Hash, TILE_WIDTH, TileId, Witness};
use bytes::Bytes;

/// Why a proof could not be made or does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The event, or the smaller tree, is not part of the tree.
    #[error("the log of {size} events has no {what}")]
    OutOfRange {
        /// The size of the tree.
        size: u64,
        /// What was asked for.
        what: String,
    },
    /// A tile is not there or has too few hashes.
    #[error("tile {} of level {} is missing or too short", .0.index, .0.level)]
    MissingTile(TileId),
    /// The proof does not lead to the root.
    #[error("the proof does not hold")]
    Invalid,
}

/// The proof that event `seq` is in the tree of `size` events.
pub fn inclusion(
    seq: u64,
    size: u64,
    tiles: &mut impl FnMut(TileId) -> Option<Bytes>,
) -> Result<Vec<Hash>, ProofError> {
    if seq >= size {
        return Err(ProofError::OutOfRange { size, what: format!("event {seq}") });
    }
    let mut proof = Vec::new();
    let (mut low, mut high) = (0, size);
    while high - low > 1 {
        let middle = low + split(high - low);
        if seq < middle {
            proof.push(range(middle, high, tiles)?);
            high = middle;
        } else {
            proof.push(range(low, middle, tiles)?);
            low = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `size` events begins with the tree of `old` events.
pub fn consistency(
    old: u64,
    size: u64,
    tiles: &mut impl FnMut(TileId) -> Option<Bytes>,
) -> Result<Vec<Hash>, ProofError> {
    if old > size {
        return Err(ProofError::OutOfRange { size, what: format!("state of {old} events") });
    }
    let mut proof = Vec::new();
    if old == 0 || old == size {
        return Ok(proof);
    }
    let (mut low, mut high) = (0, size);
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            proof.push(range(middle, high, tiles)?);
            high = middle;
        } else {
            proof.push(range(low, middle, tiles)?);
            low = middle;
        }
    }
    if low > 0 {
        proof.push(range(low, high, tiles)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The root of the tree when it had `size` events.
pub fn root_at(size: u64, tiles: &mut impl FnMut(TileId) -> Option<Bytes>) -> Result<Hash, ProofError> {
    if size == 0 { Ok(Hash::of_empty_tree()) } else { range(0, size, tiles) }
}

/// Whether a log of `size` events, whose tiles have been verified, continues `checkpoint`.
pub fn check_against(
    checkpoint: &Checkpoint,
    size: u64,
    tiles: &mut impl FnMut(TileId) -> Option<Bytes>,
) -> Result<(), ChainError> {
    if checkpoint.size > size {
        return Err(ChainError::Truncated { seq: size, size: checkpoint.size, by: Witness::Checkpoint });
    }
    match root_at(checkpoint.size, tiles) {
        Ok(root) if root == checkpoint.root => Ok(()),
        Err(ProofError::MissingTile(TileId { level, index })) => {
            let seq = (index * TILE_WIDTH) << (8 * u32::from(level));
            Err(ChainError::Tile { level, index, seq, what: "missing" })
        }
        _ => Err(ChainError::Rewritten { since: 0, size: checkpoint.size }),
    }
}

/// Checks that the event with hash `leaf` is number `seq` of the tree with `size` events and root `root`.
pub fn verify_inclusion(leaf: Hash, seq: u64, size: u64, root: Hash, proof: &[Hash]) -> Result<(), ProofError> {
    if seq >= size {
        return Err(ProofError::OutOfRange { size, what: format!("event {seq}") });
    }
    let (mut node, mut last, mut hash) = (seq, size - 1, leaf);
    for step in proof {
        if last == 0 {
            return Err(ProofError::Invalid);
        }
        if node & 1 == 1 || node == last {
            hash = Hash::node(step, &hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = Hash::node(&hash, step);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && hash == root { Ok(()) } else { Err(ProofError::Invalid) }
}

/// Checks that the tree of `size` events with root `root` begins with that of `old` events with root
/// `old_root`.
pub fn verify_consistency(old: u64, old_root: Hash, size: u64, root: Hash, proof: &[Hash]) -> Result<(), ProofError> {
    if old > size {
        return Err(ProofError::OutOfRange { size, what: format!("state of {old} events") });
    }
    if old == 0 || old == size {
        let same = if old == 0 { old_root == Hash::of_empty_tree() } else { old_root == root };
        return if proof.is_empty() && same { Ok(()) } else { Err(ProofError::Invalid) };
    }
    let mut steps = proof.iter();
    let first = if old.is_power_of_two() { Some(&old_root) } else { steps.next() };
    let Some(&first) = first else { return Err(ProofError::Invalid) };
    let (mut node, mut last) = (old - 1, size - 1);
    let shift = node.trailing_ones();
    (node, last) = (node >> shift, last >> shift);
    let (mut before, mut after) = (first, first);
    for step in steps {
        if last == 0 {
            return Err(ProofError::Invalid);
        }
        if node & 1 == 1 || node == last {
            before = Hash::node(step, &before);
            after = Hash::node(step, &after);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            after = Hash::node(&after, step);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && before == old_root && after == root { Ok(()) } else { Err(ProofError::Invalid) }
}

/// The largest power of two smaller than `n`, which is at least 2.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The root over the events `low..high`, where `low` is a multiple of the power of two at or above their
/// number, as it is wherever RFC 6962 splits a tree.
fn range(low: u64, high: u64, tiles: &mut impl FnMut(TileId) -> Option<Bytes>) -> Result<Hash, ProofError> {
    let n = high - low;
    if n.is_power_of_two() {
        return complete(low, n.ilog2(), tiles);
    }
    let middle = low + split(n);
    let left = range(low, middle, tiles)?;
    Ok(Hash::node(&left, &range(middle, high, tiles)?))
}

/// The root of the complete subtree of 2^`height` events from `low` on.
fn complete(low: u64, height: u32, tiles: &mut impl FnMut(TileId) -> Option<Bytes>) -> Result<Hash, ProofError> {
    let level = height / 8;
    let first = low >> (8 * level);
    let id = TileId { level: level as u8, index: first / TILE_WIDTH };
    let from = (first % TILE_WIDTH) as usize * Hash::LEN;
    let tile = tiles(id).ok_or(ProofError::MissingTile(id))?;
    let hashes = tile.get(from..from + (Hash::LEN << (height % 8)));
    hashes.and_then(subtree_root).ok_or(ProofError::MissingTile(id))
}
