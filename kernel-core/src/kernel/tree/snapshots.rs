//! Snapshots: the whole tree as it was, under a name.
//!
//! To take one costs a row. From then on the first change of a node puts what the node was before among the old rows, under
//! the number of the latest snapshot; so a node of a snapshot is the first of its old rows from the snapshot's number on,
//! and where there is none it is as it is now. A snapshot that is let go of keeps its number while there are older ones, which
//! go by its rows, too; what no snapshot goes by is removed by the committer, bit by bit (`driver/sweep.rs`).
//!
//! What is kept so is charged to whoever took the snapshot, and where that is let go of to whoever took the one before, which
//! goes by it then. It may come to more than those may store, as others change what they like; they store nothing more until
//! they let go of it.

use super::node_key;
use crate::chain::Hash;
use crate::codec::table_range;
use crate::id::ActionId;
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::rows::{self, TABLE_SNAPSHOT, TABLE_SNAPSHOT_NODE, numbered};
use crate::kernel::start::BootError;
use crate::kernel::state::{Need, State};
use crate::label::Labels;
use crate::path::{Name, TreePath};
use crate::platform::Key;
use crate::refusal::{Code, Refusal};
use crate::time::{Now, WallTime};
use crate::tree::Record;
use bytes::Bytes;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// The most snapshots, with those that are let go of and still have a number.
const SNAPSHOTS: usize = 64;

/// One snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The act that took it; later ones have greater numbers.
    pub action: ActionId,
    /// What is known of it.
    #[serde(flatten)]
    pub kept: Kept,
}

/// What a snapshot's row holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Kept {
    /// Its name; empty where it is let go of.
    #[n(0)]
    pub name: String,
    /// The root of the tree.
    #[n(1)]
    pub root: Hash,
    /// What whoever took it carried.
    #[n(2)]
    pub labels: Labels,
    /// To whom it is charged what is kept for it: `APPLICATION/AGENT`; null where nobody is held to it.
    #[n(3)]
    pub holder: Option<String>,
    /// How many bytes of values are kept under its number.
    #[n(4)]
    pub bytes: u64,
    /// When it was taken, nanoseconds since 1970.
    #[n(5)]
    pub at: WallTime,
    /// The name of the process that took it; empty where it is let go of.
    #[n(6)]
    pub by: String,
}

impl Snapshot {
    /// Its row.
    pub(super) fn row(&self) -> Result<Bytes, BootError> {
        let row = minicbor::to_vec(&self.kept).map(Bytes::from);
        row.map_err(|e| BootError::Tree(format!("the snapshot `{}` cannot be written: {e}", self.kept.name)))
    }
}

/// The key of the old row of a node under the number of a snapshot.
pub(super) fn old_key(number: u64, path: &TreePath) -> Key {
    rows::key(TABLE_SNAPSHOT_NODE, &[&number.to_be_bytes()[..], path.as_str().as_bytes()].concat())
}

/// The snapshot in a row.
pub(in crate::kernel) fn snapshot(key: &[u8], row: &[u8]) -> Option<Snapshot> {
    let number = key.get(1..)?.try_into().ok().map(u64::from_be_bytes)?;
    Some(Snapshot { action: ActionId(number), kept: minicbor::decode(row).ok()? })
}

impl State {
    /// The keys of the old rows that a read of `path` as it was looks at, and that of its row.
    fn rows_at(&self, path: &TreePath, name: &Name) -> Option<Vec<Key>> {
        let from = self.snapshots.iter().position(|snapshot| snapshot.kept.name == name.as_str())?;
        let old = self.snapshots[from..].iter().map(|snapshot| old_key(snapshot.action.0, path));
        Some(old.chain([node_key(path)]).collect())
    }

    /// Asks for what a read of `path` as it was in the snapshot `name` looks at.
    pub(super) fn want_node_at(&self, path: &TreePath, name: &Name, need: &mut Need) {
        self.rows_at(path, name).into_iter().flatten().for_each(|key| need.want(self, key));
    }

    /// Asks for what keeping a node for the latest snapshot looks at.
    pub(super) fn want_old_node(&self, path: &TreePath, need: &mut Need) {
        if let Some(latest) = self.snapshots.last() {
            need.want(self, old_key(latest.action.0, path));
        }
    }

    /// The row of `path` as it was in the snapshot `name`, with what that is labelled.
    pub(in crate::kernel) fn row_at(&self, path: &TreePath, name: &Name) -> Result<(Option<Bytes>, Labels), Refusal> {
        let keys = self.rows_at(path, name).ok_or_else(|| absent(name))?;
        let labels = self.snapshots.iter().find(|snapshot| snapshot.kept.name == name.as_str());
        let labels = labels.map(|snapshot| snapshot.kept.labels.clone()).unwrap_or_default();
        for key in keys {
            if let Some(row) = self.row(&key)? {
                // What was not there then is an old row without a value.
                return Ok(((!row.is_empty()).then(|| row.clone()), labels));
            }
        }
        Ok((None, labels))
    }

    /// Whether the node at `path` is kept for the latest snapshot when it changes: there is one, and it has none yet.
    pub(super) fn wants_old_node(&self, path: &TreePath) -> Result<bool, Refusal> {
        let Some(latest) = self.snapshots.last() else { return Ok(false) };
        Ok(self.row(&old_key(latest.action.0, path))?.is_none())
    }

    /// Keeps the node at `path`, which is `before` and about to change, for the latest snapshot, unless that has it.
    pub(super) fn keep_old_node(
        &mut self,
        path: &TreePath,
        before: Option<&Record>,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        if !self.wants_old_node(path)? {
            return Ok(());
        }
        let row = self.row(&node_key(path))?.cloned().unwrap_or_default();
        let (last, bytes) = (self.snapshots.len() - 1, before.map_or(0, Record::bytes));
        self.keep(old_key(self.snapshots[last].action.0, path), Some(row), fx);
        if bytes > 0 {
            let payer = self.payer(last).map(str::to_owned);
            self.charge(payer.as_deref(), bytes, 0, fx);
            self.snapshots[last].kept.bytes += bytes;
            let snapshot = self.snapshots[last].clone();
            self.keep_snapshot(&snapshot, fx)?;
        }
        Ok(())
    }

    /// From where on the rows are that some snapshot goes by.
    pub(in crate::kernel) fn kept_from(&self) -> Key {
        let end = || table_range(TABLE_SNAPSHOT_NODE).1;
        self.snapshots.first().map_or_else(end, |oldest| numbered(TABLE_SNAPSHOT_NODE, oldest.action.0))
    }

    /// Who is charged with what is kept under the number of a snapshot, by its place.
    pub(super) fn payer(&self, place: usize) -> Option<&str> {
        payer(&self.snapshots[..=place])
    }

    pub(in crate::kernel) fn apply_snapshot(
        &mut self,
        act: &Act,
        name: &Name,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        if let Some(held) = self.snapshots.iter().find(|held| held.kept.name == name.as_str()) {
            let (labels, reason) = (held.kept.labels.clone(), format!("there is a snapshot `{name}`"));
            return Err(self.tell_of(act.pid, &labels, Refusal::new(Code::Conflict, reason)));
        }
        if self.snapshots.len() >= SNAPSHOTS {
            return Err(Refusal::new(Code::Full, format!("there may be {SNAPSHOTS} snapshots")));
        }
        let kept = Kept {
            name: name.to_string(),
            root: self.tree.root(),
            labels: act.labels.clone(),
            holder: self.holder_of(act.pid),
            bytes: 0,
            at: now.wall,
            by: self.processes.get(&act.pid).map(|process| process.name.to_string()).unwrap_or_default(),
        };
        let snapshot = Snapshot { action: act.action, kept };
        self.keep_snapshot(&snapshot, fx)?;
        self.snapshots.push(snapshot);
        // The outcome tells which tree that is.
        self.untold_root = true;
        Ok(Answer::empty())
    }

    pub(in crate::kernel) fn apply_forget(
        &mut self,
        act: &Act,
        name: &Name,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let place = self.snapshots.iter().position(|held| held.kept.name == name.as_str());
        let place = place.ok_or_else(|| absent(name))?;
        if !act.labels.is_subset(&self.snapshots[place].kept.labels) {
            let reason =
                "who carries more than whoever took it lets go of no snapshot: that it is gone would tell of it";
            return Err(Refusal::new(Code::Denied, reason));
        }
        let charged: Vec<_> = (place..self.snapshots.len()).map(|place| self.charged(place)).collect();
        for (holder, bytes) in &charged {
            self.charge(holder.as_deref(), 0, *bytes, fx);
        }
        let kept = &mut self.snapshots[place].kept;
        *kept = Kept { root: kept.root, bytes: kept.bytes, at: kept.at, ..Kept::default() };
        let snapshot = self.snapshots[place].clone();
        self.keep_snapshot(&snapshot, fx)?;
        // No older one goes by these.
        let free = self.snapshots.iter().take_while(|snapshot| snapshot.kept.name.is_empty()).count();
        for gone in self.snapshots.drain(..free).collect::<Vec<_>>() {
            fx.rows.push((numbered(TABLE_SNAPSHOT, gone.action.0), None));
        }
        fx.sweep |= free > 0;
        let left: Vec<_> =
            (place.saturating_sub(free)..self.snapshots.len()).map(|place| self.charged(place)).collect();
        for (holder, bytes) in &left {
            self.charge(holder.as_deref(), *bytes, 0, fx);
        }
        Ok(Answer::empty())
    }

    /// Who is charged with what is kept under the number of a snapshot, by its place, and how many bytes that are.
    fn charged(&self, place: usize) -> (Option<String>, u64) {
        (self.payer(place).map(str::to_owned), self.snapshots[place].kept.bytes)
    }

    fn keep_snapshot(&mut self, snapshot: &Snapshot, fx: &mut Effects) -> Result<(), Refusal> {
        let row = snapshot.row().map_err(|e| Refusal::new(Code::Failed, e.to_string()))?;
        fx.rows.push((numbered(TABLE_SNAPSHOT, snapshot.action.0), Some(row)));
        Ok(())
    }
}

/// Who is charged with what is kept under the number of the last of these: whoever took the latest that is not let go of.
pub(super) fn payer(snapshots: &[Snapshot]) -> Option<&str> {
    let named = snapshots.iter().rev().find(|snapshot| !snapshot.kept.name.is_empty());
    named.and_then(|snapshot| snapshot.kept.holder.as_deref())
}

fn absent(name: &Name) -> Refusal {
    Refusal::new(Code::NotFound, format!("there is no snapshot `{name}`"))
}
