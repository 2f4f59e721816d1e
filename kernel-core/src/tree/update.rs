//! One change of the tree: of the record of one node, and of the rows above it.

use super::branch::{digit, row_hash};
use super::walk::{Step, walk};
use super::{Branch, Broken, Leaf, Node, Slot, branch_key};
use crate::chain::Hash;
use bytes::Bytes;

/// What a change comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The uppermost node, afterwards.
    pub head: Node,
    /// The rows that it changes; `None` for one that is to be removed.
    pub rows: Vec<(Bytes, Option<Bytes>)>,
}

/// Puts a record of hash `after` at `path` in place of one of hash `before`; `None` for no record. `row` looks a row up,
/// by its key.
///
/// # Errors
/// [`Broken`] where what is stored is not what the root is over, also where the record there is another than `before`.
/// Whatever `row` fails with, too.
pub fn set<E: From<Broken>>(
    head: Node,
    path: &str,
    before: Option<Hash>,
    after: Option<Hash>,
    row: impl FnMut(&Bytes) -> Result<Option<Bytes>, E>,
) -> Result<Update, E> {
    let (steps, mut node) = walk(head, path, row)?;
    if node.record != before.unwrap_or_default() {
        return Err(Broken { path: path.to_owned() }.into());
    }
    node.record = after.unwrap_or_default();
    let mut rows = Vec::new();
    // What each node above is: the uppermost, then where each step but the last led.
    let mut above = vec![head];
    above.extend(steps.iter().take(steps.len().saturating_sub(1)).map(Step::found));
    for (step, parent) in steps.into_iter().zip(above).rev() {
        let children = put(step, node, &mut rows);
        node = Node { record: parent.record, children };
    }
    Ok(Update { head: node, rows })
}

impl Step {
    /// The child, if it is there.
    fn found(&self) -> Node {
        let last = self.branches.len().checked_sub(1);
        match last.and_then(|last| self.branches[last].0[digit(&self.name, last)]) {
            Some(Slot::Leaf(leaf)) if leaf.name == self.name => leaf.node,
            _ => Node::EMPTY,
        }
    }
}

/// Puts the child of `step` there, or takes it away where it is empty. The hash of the uppermost row afterwards; zero
/// where no child is left.
fn put(step: Step, child: Node, rows: &mut Vec<(Bytes, Option<Bytes>)>) -> Hash {
    let Step { parent, name, mut branches } = step;
    let key = |depth| branch_key(&parent, &name, depth);
    if branches.is_empty() {
        branches.push(Branch::default());
    }
    let depth = branches.len() - 1;
    let slot = &mut branches[depth].0[digit(&name, depth)];
    let leaf = Leaf { name, node: child };
    match *slot {
        Some(Slot::Leaf(other)) if other.name != name => {
            if !child.is_empty() {
                *slot = Some(Slot::Below(part(&parent, depth + 1, other, leaf, rows)));
            }
        }
        _ => *slot = (!child.is_empty()).then_some(Slot::Leaf(leaf)),
    }
    // A row below the first holds two children at least: one that is alone moves up.
    while branches.len() > 1
        && let Some(alone) = branches[branches.len() - 1].only_leaf()
    {
        branches.pop();
        let depth = branches.len() - 1;
        rows.push((key(depth + 1), None));
        branches[depth].0[digit(&name, depth)] = Some(Slot::Leaf(alone));
    }
    if branches[0] == Branch::default() {
        rows.push((key(0), None));
        return Hash::ZERO;
    }
    let mut below = None;
    for (depth, mut branch) in branches.into_iter().enumerate().rev() {
        if let Some(hash) = below {
            branch.0[digit(&name, depth)] = Some(Slot::Below(hash));
        }
        let row = branch.encode();
        below = Some(row_hash(&row));
        rows.push((key(depth), Some(row)));
    }
    below.unwrap_or_default()
}

/// Makes the rows from `depth` digits on that part two children whose names have those in common. The hash of the first.
fn part(parent: &str, depth: usize, one: Leaf, other: Leaf, rows: &mut Vec<(Bytes, Option<Bytes>)>) -> Hash {
    let mut branch = Branch::default();
    let (a, b) = (digit(&one.name, depth), digit(&other.name, depth));
    if a == b {
        branch.0[a] = Some(Slot::Below(part(parent, depth + 1, one, other, rows)));
    } else {
        branch.0[a] = Some(Slot::Leaf(one));
        branch.0[b] = Some(Slot::Leaf(other));
    }
    let row = branch.encode();
    let hash = row_hash(&row);
    rows.push((branch_key(parent, &one.name, depth), Some(row)));
    hash
}
