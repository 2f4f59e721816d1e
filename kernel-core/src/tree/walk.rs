//! The way from the root to a node, every row of it held against the hash above it.

use super::branch::{DIGITS, digit, goes_on, name_hash, row_hash};
use super::{Branch, Node, Slot, branch_key};
use crate::chain::Hash;
use bytes::Bytes;

/// How deep a node that is written may lie.
pub const MAX_DEPTH: usize = 64;

/// A row that is not the one that the hash above it is of: it was changed, or is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tree's rows below /tree/{path} do not fit its root")]
pub struct Broken {
    /// The node whose children or record they hold; empty for `/tree` itself.
    pub path: String,
}

/// One step down: from a node, through the trie of its children, to where a child is or would be.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The path of the node whose children are looked through.
    pub(super) parent: String,
    /// The hash of the child's name.
    pub(super) name: Hash,
    /// The rows on the way, uppermost first.
    pub(super) branches: Vec<Branch>,
}

/// The steps to `path`, and the node there.
///
/// # Errors
/// [`Broken`] where a row does not have the hash that it should have. Whatever `row` fails with, too.
pub(super) fn walk<E: From<Broken>>(
    head: Node,
    path: &str,
    mut row: impl FnMut(&Bytes) -> Result<Option<Bytes>, E>,
) -> Result<(Vec<Step>, Node), E> {
    let (mut steps, mut node) = (Vec::new(), head);
    for (parent, name) in children(path) {
        let name = name_hash(name);
        let mut branches = Vec::new();
        let (mut expected, mut found) = (node.children, Node::EMPTY);
        while expected != Hash::ZERO {
            let broken = || Broken { path: parent.to_owned() };
            let bytes = row(&branch_key(parent, &name, branches.len()))?.ok_or_else(broken)?;
            let branch = Branch::decode(&bytes).filter(|_| row_hash(&bytes) == expected).ok_or_else(broken)?;
            let slot = (branches.len() < DIGITS).then(|| branch.0[digit(&name, branches.len())]).flatten();
            branches.push(branch);
            expected = Hash::ZERO;
            match slot {
                Some(Slot::Below(hash)) => expected = hash,
                Some(Slot::Leaf(leaf)) if leaf.name == name => found = leaf.node,
                Some(Slot::Leaf(_)) | None => {}
            }
        }
        steps.push(Step { parent: parent.to_owned(), name, branches });
        node = found;
    }
    Ok((steps, node))
}

/// Asks for the rows on the way to `path` that are not at hand, as far as those at hand tell which they are. `known` says
/// of a key whether its row is at hand, and the row. Three rounds are enough: few nodes have so many children that they
/// need a second one.
pub fn wanted<'a>(path: &str, known: impl Fn(&Bytes) -> Option<Option<&'a Bytes>>, mut want: impl FnMut(Bytes)) {
    for (parent, name) in children(path) {
        let name = name_hash(name);
        for depth in 0..DIGITS {
            match known(&branch_key(parent, &name, depth)) {
                Some(Some(row)) if goes_on(row, digit(&name, depth)) => {}
                Some(_) => break,
                None => {
                    let until = [3, 8].into_iter().find(|until| depth < *until).unwrap_or(DIGITS);
                    (depth..until).for_each(|depth| want(branch_key(parent, &name, depth)));
                    break;
                }
            }
        }
    }
}

/// For each segment of `path` the path of its parent, and its name.
pub(super) fn children(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let starts = std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at + 1));
    starts.take_while(|_| !path.is_empty()).map(|start| {
        let name = &path[start..];
        (&path[..start.saturating_sub(1)], name.split_once('/').map_or(name, |(name, _)| name))
    })
}
