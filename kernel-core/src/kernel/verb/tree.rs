//! `read`, `write` and `remove` on `/tree`: state that outlives the process, with compare-and-set.
//!
//! A node is one row, and the tree's hashes are rows beside it (`kernel/tree.rs`); step asks for it by `Need`, so the tree may
//! be larger than memory and a compare-and-set is exact. Labels of what was written come back with what is read. That a node is not there,
//! and how often it was written, is somebody's doing as well: a labelled removal leaves a row without a value,
//! whose labels come back to whoever finds nothing, and a node remembers what all that its version counts was
//! labelled, which comes back to whoever is told the version.

use super::files::{Read, Write, read_len};
use crate::id::Pid;
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::kernel::tree::node_key;
use crate::label::Labels;
use crate::path::TreePath;
use crate::platform::WriteMode;
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use crate::tree::Record;
use bytes::Bytes;
use sha2::{Digest, Sha256};

impl State {
    pub(in crate::kernel) fn node(&self, path: &TreePath) -> Result<Option<Record>, Refusal> {
        let Some(row) = self.row(&node_key(path))? else { return Ok(None) };
        decoded(path, row).map(Some)
    }

    pub(super) fn apply_tree_read(&mut self, act: &Act, path: &TreePath, read: &Read) -> Result<Answer, Refusal> {
        let len = read_len(read.len) as usize;
        let node = match &read.at {
            Some(name) => {
                let (row, labels) = self.row_at(path, name)?;
                self.taint(act.pid, &labels)?;
                row.map(|row| decoded(path, &row)).transpose()?
            }
            None => self.node(path)?,
        };
        let node = node.ok_or_else(|| absent(path))?;
        self.taint(act.pid, &node.labels)?;
        let value = node.value.ok_or_else(|| absent(path))?;
        let start = usize::try_from(read.offset).unwrap_or(usize::MAX).min(value.len());
        let end = start.saturating_add(len).min(value.len());
        Ok(Answer::Reply(Bytes::from(value).slice(start..end)))
    }

    pub(super) fn apply_tree_write(
        &mut self,
        act: &Act,
        path: &TreePath,
        write: &Write,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        if write.mode != WriteMode::Replace {
            return Err(Refusal::new(Code::Invalid, "a tree node is replaced as a whole: \"replace\":true"));
        }
        let before = self.node(path)?;
        // Whether the value is the expected one is told by every answer, and so is how often it was written.
        let earlier = before.as_ref().map_or(Ok(Labels::NONE), all_labels)?;
        self.taint(act.pid, &earlier)?;
        if let Some(expect) = write.expect {
            let found = before.as_ref().and_then(|n| n.value.as_ref());
            let found: Option<[u8; 32]> = found.map(|value| Sha256::digest(value).into());
            if found != expect {
                return Err(Refusal::new(Code::Conflict, format!("/tree/{} has another value", path.as_str())));
            }
        }
        let version = next_version(path, before.as_ref())?;
        // That it is there tells of what it was compared with.
        let labels = if write.expect.is_some() { act.labels.join(&earlier) } else { Ok(act.labels.clone()) };
        let labels = labels.map_err(|e| Refusal::new(Code::TooLarge, e.to_string()))?;
        let (value, kind) = (Some(write.payload.to_vec()), write.kind.clone());
        let holder = self.holder_of(act.pid);
        let node = Record { version, owner: act.pid, labels, value, earlier, kind, holder };
        let replaced = before.as_ref().filter(|before| before.holder == node.holder).map_or(0, Record::bytes);
        let kept = self.keeps_of(act.pid, path, before.as_ref())?;
        let stored = self.may_store(act.pid, node.bytes() + kept, replaced)?;
        self.set_record(act.action, path, before.as_ref(), Some(&node), fx)?;
        self.has_stored(act.pid, node.bytes(), replaced);
        self.weigh_limits(act.pid, &[stored], now, fx);
        self.tell_watchers(act, path, &node.labels, false, now, fx);
        Ok(Answer::Reply(Bytes::from(format!("{{\"version\":{version}}}"))))
    }

    pub(super) fn apply_tree_remove(
        &mut self,
        act: &Act,
        path: &TreePath,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let node = self.node(path)?.ok_or_else(|| absent(path))?;
        self.taint(act.pid, &node.labels)?;
        if node.value.is_none() {
            return Err(absent(path));
        }
        // That it is gone tells that it was there.
        let labels = act.labels.join(&node.labels).map_err(|e| Refusal::new(Code::TooLarge, e.to_string()))?;
        // The number of the next write says nothing of those before, so what they were labelled is let go of.
        let mark = Record::gone(act.pid, labels);
        let left = (!mark.labels.is_empty()).then_some(&mark);
        self.set_record(act.action, path, Some(&node), left, fx)?;
        let own = node.holder == self.holder_of(act.pid);
        self.has_stored(act.pid, 0, if own { node.bytes() } else { 0 });
        self.tell_watchers(act, path, &mark.labels, true, now, fx);
        Ok(Answer::empty())
    }

    /// `pid` has stored so many bytes, in place of so many that its agent had.
    pub(crate) fn has_stored(&mut self, pid: Pid, bytes: u64, replaced: u64) {
        if let Some(process) = self.processes.get_mut(&pid) {
            let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            process.used.stored = process.used.stored.saturating_add(signed(bytes)).saturating_sub(signed(replaced));
        }
    }
}

/// The version of what takes the place of `before`.
pub(in crate::kernel) fn next_version(path: &TreePath, before: Option<&Record>) -> Result<u64, Refusal> {
    before.map_or(0, |node| node.version).checked_add(1).ok_or_else(|| {
        Refusal::new(Code::Failed, format!("/tree/{} was written as often as can be counted", path.as_str()))
    })
}

/// What a node and all that its version counts were marked with.
pub(in crate::kernel) fn all_labels(node: &Record) -> Result<Labels, Refusal> {
    node.labels.join(&node.earlier).map_err(|e| Refusal::new(Code::TooLarge, e.to_string()))
}

fn decoded(path: &TreePath, row: &[u8]) -> Result<Record, Refusal> {
    minicbor::decode(row).map_err(|e| {
        Refusal::new(Code::Failed, format!("/tree/{} cannot be read, so it stays closed: {e}", path.as_str()))
    })
}

fn absent(path: &TreePath) -> Refusal {
    Refusal::new(Code::NotFound, format!("there is no node /tree/{}", path.as_str()))
}
