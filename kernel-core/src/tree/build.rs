//! The whole tree from its nodes: for one that has no hashes yet, and to hold one against what it should be.

use super::branch::{digit, name_hash, row_hash};
use super::{Branch, Leaf, Node, Slot, branch_key};
use crate::chain::Hash;
use bytes::Bytes;

/// The uppermost node of the tree with these nodes, each its path (without `/tree/`) and the hash of its record, in any
/// order and no path twice. `emit` is given every row of it.
pub fn build(mut nodes: Vec<(String, Hash)>, emit: &mut impl FnMut(Bytes, Bytes)) -> Node {
    // A node comes right before those below it, where the separator sorts before all else.
    nodes.sort_unstable_by(|(a, _), (b, _)| ordered(a).cmp(ordered(b)));
    let (own, rest) = own(&nodes, 0);
    Node { record: own, children: children("", rest, 0, emit) }
}

fn ordered(path: &str) -> impl Iterator<Item = u8> {
    path.bytes().map(|byte| if byte == b'/' { 0 } else { byte })
}

/// The hash of the record of the node whose path has `len` bytes, which is the first if it is there, and the others.
fn own(nodes: &[(String, Hash)], len: usize) -> (Hash, &[(String, Hash)]) {
    match nodes.split_first() {
        Some(((path, record), rest)) if path.len() == len => (*record, rest),
        _ => (Hash::ZERO, nodes),
    }
}

/// The hash of the first row of the children of `parent`, of which `nodes` are; their names start at `start`.
fn children(parent: &str, nodes: &[(String, Hash)], start: usize, emit: &mut impl FnMut(Bytes, Bytes)) -> Hash {
    let name = |path: &str| path[start..].find('/').map_or(path.len(), |at| start + at);
    let mut leaves: Vec<Leaf> = nodes
        .chunk_by(|(a, _), (b, _)| a[start..name(a)] == b[start..name(b)])
        .map(|of_one| {
            let end = name(&of_one[0].0);
            let path = &of_one[0].0[..end];
            let (record, below) = own(of_one, end);
            let children = children(path, below, end + 1, emit);
            Leaf { name: name_hash(&path[start..]), node: Node { record, children } }
        })
        .collect();
    leaves.sort_unstable_by_key(|leaf| leaf.name);
    if leaves.is_empty() { Hash::ZERO } else { branch(parent, &leaves, 0, emit) }
}

/// The hash of the row of `leaves`, whose names have their first `depth` digits in common.
fn branch(parent: &str, leaves: &[Leaf], depth: usize, emit: &mut impl FnMut(Bytes, Bytes)) -> Hash {
    let mut branch_ = Branch::default();
    for same in leaves.chunk_by(|a, b| digit(&a.name, depth) == digit(&b.name, depth)) {
        branch_.0[digit(&same[0].name, depth)] = Some(match same {
            [leaf] => Slot::Leaf(*leaf),
            several => Slot::Below(branch(parent, several, depth + 1, emit)),
        });
    }
    let row = branch_.encode();
    let hash = row_hash(&row);
    emit(branch_key(parent, &leaves[0].name, depth), row);
    hash
}
