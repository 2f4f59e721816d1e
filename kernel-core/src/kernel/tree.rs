//! The tree's root, at hand in step: what a change of a node makes of it.
//!
//! A write or removal asks for the rows on the way to its node, holds them against the root, and puts the new ones and
//! the head row into the batch of its events; its outcome tells the root. A read looks at the node's row alone: that it
//! is what the root is over is found where it is changed, proved or verified.

mod apps;
mod changes;
mod list;
mod listing;
mod prove;
mod quotas;
mod snapshots;
mod stored;
mod taken;

pub(super) use apps::{Asked, is_kernels};
pub use changes::{Change, snapshots, tree_changes};
pub use list::{Child, Children, tree_children, tree_record};
pub use listing::{Listing, Node as ListedNode};
pub use prove::{ProveError, ProvenNode, prove_node, verify_node};
pub(super) use quotas::held;
pub use snapshots::{Kept, Snapshot};
pub use stored::{CheckedTree, check_tree};
pub(super) use stored::{found, rebuild};

use super::effects::Effects;
use super::event::{Content, Rooted};
use super::rows;
use super::state::{Need, State};
use super::verb::{Op, Read};
use crate::id::ActionId;
use crate::path::TreePath;
use crate::platform::Key;
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use crate::tree::{self, Broken, MAX_DEPTH, Node, Record};
use bytes::Bytes;

/// After how many events that do not tell the root of the tree another one does, so that a boot, which reads the end of the
/// log, need not look far for it.
const ROOT_EVERY: u64 = 4_096;

/// The key of a node's own row.
pub(super) fn node_key(path: &TreePath) -> Key {
    rows::key(rows::TABLE_TREE, path.as_str().as_bytes())
}

/// The key of the row of the uppermost node.
fn head_key() -> Key {
    rows::key(rows::TABLE_TREE_HEAD, b"")
}

impl From<Broken> for Refusal {
    fn from(broken: Broken) -> Refusal {
        Refusal::new(Code::Failed, format!("{broken}, so nothing is changed there; `weft chain verify` says more"))
    }
}

impl State {
    /// Asks for what an act on a node looks at. Only the node's own row orders acts among each other.
    pub(super) fn want_node(&self, path: &TreePath, op: &Op, need: &mut Need) {
        match op {
            Op::Read(Read { at: Some(name), .. }) => self.want_node_at(path, name, need),
            Op::Read(_) => need.want(self, node_key(path)),
            Op::Write(_) | Op::Remove => self.want_change(path, need),
            _ => {}
        }
    }

    /// Asks for what a change of a node looks at.
    pub(super) fn want_change(&self, path: &TreePath, need: &mut Need) {
        need.want(self, node_key(path));
        self.want_old_node(path, need);
        if !need.is_every() {
            tree::wanted(path.as_str(), |key| self.rows.get(key), |key| need.want(self, key));
        }
    }

    /// Puts `after` in the place of `before` at `path`; `None` for no record.
    ///
    /// # Errors
    /// `failed` where what is stored is not what the root is over, `too_large` where a new node would lie too deep. Then
    /// nothing has changed.
    pub(super) fn set_record(
        &mut self,
        action: ActionId,
        path: &TreePath,
        before: Option<&Record>,
        after: Option<&Record>,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        if before.is_none() && path.segments().count() > MAX_DEPTH {
            return Err(Refusal::new(Code::TooLarge, format!("a node lies at most {MAX_DEPTH} names deep")));
        }
        let hash = |record: Option<&Record>| record.map(|record| record.seal().hash());
        let row = |key: &Bytes| self.row(key).map(|row| row.cloned());
        let update = tree::set(self.tree, path.as_str(), hash(before), hash(after), row)?;
        let row = after.map(minicbor::to_vec).transpose();
        let row = row.map_err(|e| Refusal::new(Code::Failed, e.to_string()))?;
        self.keep_old_node(path, before, fx)?;
        self.keep(node_key(path), row.map(Into::into), fx);
        for (key, row) in update.rows {
            self.keep(key, row, fx);
        }
        self.recharge(before, after, fx);
        self.tree = update.head;
        self.untold_root = true;
        self.keep_tree_head(action, fx);
        Ok(())
    }

    /// Tells the root of the tree where it is another one and no outcome of this step has told it, so that the batch that has
    /// the rows has an event with their root; and where none has told it for long.
    pub(super) fn tell_root(&mut self, now: Now, fx: &mut Effects) {
        if self.untold_root || self.rootless >= ROOT_EVERY {
            self.record(ActionId(0), Content::Root(Rooted { tree: self.tree.root() }), now, fx);
        }
    }

    /// The uppermost node, and the act that made it so; 0 for a boot.
    pub(super) fn keep_tree_head(&mut self, action: ActionId, fx: &mut Effects) {
        let row = [&self.tree.to_bytes()[..], &action.0.to_be_bytes()].concat();
        fx.rows.push((head_key(), Some(row.into())));
    }
}

/// The uppermost node in its row.
fn read_head(row: &[u8]) -> Option<Node> {
    let (node, action) = row.split_last_chunk::<8>()?;
    Node::from_bytes(node).filter(|_| action.len() == 8)
}
