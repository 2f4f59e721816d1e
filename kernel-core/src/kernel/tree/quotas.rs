//! Whose the bytes are that the tree holds.
//!
//! A value is charged to the agent that wrote it, under the name of its application, until it is replaced or removed by
//! whomever; what is kept of a node for a snapshot is charged to whoever took that. The sums are rows, changed in the batch of
//! what they are over, so they outlive the kernel, and `weft chain verify` makes them anew. Sessions are held to nothing.

use crate::id::Pid;
use crate::kernel::effects::Effects;
use crate::kernel::rows::{TABLE_HELD, key};
use crate::kernel::start::{BootError, all};
use crate::kernel::state::State;
use crate::path::TreePath;
use crate::platform::{Key, Storage};
use crate::refusal::{Code, Refusal};
use crate::tree::Record;
use bytes::Bytes;
use std::collections::BTreeMap;

/// The row of what the tree holds of `holder`.
pub(super) fn held_key(holder: &str) -> Key {
    key(TABLE_HELD, holder.as_bytes())
}

/// What such a row holds.
pub(super) fn held_row(bytes: u64) -> Bytes {
    Bytes::copy_from_slice(&bytes.to_be_bytes())
}

/// How many bytes the tree holds of whom.
///
/// # Errors
/// What cannot be read.
pub(in crate::kernel) async fn held<S: Storage>(storage: &S) -> Result<Vec<(String, u64)>, BootError> {
    let sum = |(key, row): &(Bytes, Bytes)| {
        let holder = std::str::from_utf8(&key[1..]).ok()?;
        Some((holder.to_owned(), u64::from_be_bytes(row[..].try_into().ok()?)))
    };
    let sums: Option<Vec<_>> = all(storage, TABLE_HELD).await?.iter().map(sum).collect();
    sums.ok_or_else(|| BootError::Tree("a row of what is held of whom cannot be read".to_owned()))
}

/// Adds up `bytes` of `holder`.
pub(super) fn add(sums: &mut BTreeMap<String, u64>, holder: Option<&str>, bytes: u64) {
    if let Some(holder) = holder.filter(|_| bytes > 0) {
        *sums.entry(holder.to_owned()).or_default() += bytes;
    }
}

impl State {
    /// Whose the bytes are that `pid` writes.
    pub(in crate::kernel) fn holder_of(&self, pid: Pid) -> Option<String> {
        let process = self.processes.get(&pid)?;
        Some(format!("{}/{}", process.app.as_ref()?, process.agent))
    }

    /// How many bytes would be held of `pid`, and written by it to files, with so many more and so many less.
    fn would_hold(&self, pid: Pid, more: u64, less: u64) -> u64 {
        let held = self.holder_of(pid).and_then(|holder| self.held.get(&holder).copied()).unwrap_or(0);
        let filed = self.processes.get(&pid).map_or(0, |process| process.rare.filed);
        held.saturating_add(filed).saturating_add(more).saturating_sub(less)
    }

    /// How many bytes `pid` may have stored, and how many it would have with so many more and so many less.
    ///
    /// # Errors
    /// `exhausted` where that is more than it may, unless it is no more than before.
    pub(in crate::kernel) fn may_store(
        &self,
        pid: Pid,
        more: u64,
        less: u64,
    ) -> Result<(&'static str, u64, Option<u64>), Refusal> {
        let after = self.would_hold(pid, more, less);
        let Some(process) = self.processes.get(&pid) else { return Ok(("stored", after, None)) };
        match process.rare.stored {
            Some(limit) if more > less && after > limit => {
                let reason = format!("{} may store {limit} bytes, and this would be {after}", process.name);
                Err(Refusal::new(Code::Exhausted, reason))
            }
            limit => Ok(("stored", after, limit)),
        }
    }

    /// How many bytes of `before`, the node at `path`, a change would keep for a snapshot that `pid` or one like it took.
    pub(in crate::kernel) fn keeps_of(
        &self,
        pid: Pid,
        path: &TreePath,
        before: Option<&Record>,
    ) -> Result<u64, Refusal> {
        let bytes = before.map_or(0, Record::bytes);
        if bytes == 0 || !self.wants_old_node(path)? {
            return Ok(0);
        }
        let payer = self.snapshots.len().checked_sub(1).and_then(|last| self.payer(last));
        let own = payer.is_some() && payer == self.holder_of(pid).as_deref();
        Ok(if own { bytes } else { 0 })
    }

    /// What was held of whoever wrote `before` is held of whoever wrote `after`.
    pub(super) fn recharge(&mut self, before: Option<&Record>, after: Option<&Record>, fx: &mut Effects) {
        let (had, has) = (before.map_or(0, Record::bytes), after.map_or(0, Record::bytes));
        let of = |record: Option<&Record>| record.and_then(|record| record.holder.clone());
        let (had_by, has_by) = (of(before), of(after));
        if had_by == has_by {
            return self.charge(has_by.as_deref(), has, had, fx);
        }
        self.charge(had_by.as_deref(), 0, had, fx);
        self.charge(has_by.as_deref(), has, 0, fx);
    }

    /// So many bytes more and so many less are held of `holder`.
    pub(super) fn charge(&mut self, holder: Option<&str>, more: u64, less: u64, fx: &mut Effects) {
        let Some(holder) = holder else { return };
        let before = self.held.get(holder).copied().unwrap_or(0);
        let after = before.saturating_add(more).saturating_sub(less);
        if after == 0 {
            self.held.remove(holder);
        } else {
            self.held.insert(holder.to_owned(), after);
        }
        if after != before {
            fx.rows.push((held_key(holder), (after > 0).then(|| held_row(after))));
        }
    }
}
