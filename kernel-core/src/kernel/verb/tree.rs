//! `read`, `write` and `remove` on `/tree`: state that outlives the process, with compare-and-set.
//!
//! A node is one row; step asks for it by `Need`, so the tree may be larger than memory and a
//! compare-and-set is exact. Labels of what was written come back with what is read.

use super::files::{Read, Write, read_len};
use crate::id::Pid;
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::rows;
use crate::kernel::state::State;
use crate::label::Labels;
use crate::path::TreePath;
use crate::platform::WriteMode;
use crate::refusal::{Code, Refusal};
use bytes::Bytes;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

/// One node of the resource tree.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Node {
    /// Grows by one with every write.
    #[n(0)]
    pub(crate) version: u64,
    /// Who wrote it last.
    #[n(1)]
    pub(crate) owner: Pid,
    /// What its value is marked with.
    #[n(2)]
    pub(crate) labels: Labels,
    /// The value.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(crate) value: Vec<u8>,
}

impl State {
    fn node(&self, path: &TreePath) -> Result<Option<Node>, Refusal> {
        let Some(row) = self.row(&key(path))? else { return Ok(None) };
        minicbor::decode(row).map(Some).map_err(|e| {
            Refusal::new(Code::Failed, format!("/tree/{} cannot be read, so it stays closed: {e}", path.as_str()))
        })
    }

    pub(super) fn apply_tree_read(&mut self, act: &Act, path: &TreePath, read: &Read) -> Result<Answer, Refusal> {
        let len = read_len(read.len) as usize;
        let node = self.node(path)?.ok_or_else(|| absent(path))?;
        self.taint(act.pid, &node.labels)?;
        let start = usize::try_from(read.offset).unwrap_or(usize::MAX).min(node.value.len());
        let end = start.saturating_add(len).min(node.value.len());
        Ok(Answer::Reply(Bytes::from(node.value).slice(start..end)))
    }

    pub(super) fn apply_tree_write(
        &mut self,
        act: &Act,
        path: &TreePath,
        write: &Write,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let before = self.node(path)?;
        if let Some(expect) = write.expect {
            // Whether the value is the expected one is told by every answer.
            if let Some(node) = &before {
                self.taint(act.pid, &node.labels)?;
            }
            let found: Option<[u8; 32]> = before.as_ref().map(|n| Sha256::digest(&n.value).into());
            if found != expect {
                return Err(Refusal::new(Code::Conflict, format!("/tree/{} has another value", path.as_str())));
            }
        }
        if write.mode != WriteMode::Replace {
            return Err(Refusal::new(Code::Invalid, "a tree node is replaced as a whole: \"replace\":true"));
        }
        let version = before.map_or(0, |n| n.version) + 1;
        let node = Node { version, owner: act.pid, labels: act.labels.clone(), value: write.payload.to_vec() };
        let row = minicbor::to_vec(&node).map_err(|e| Refusal::new(Code::Failed, e.to_string()))?;
        self.keep(key(path), Some(row.into()), fx);
        Ok(Answer::Reply(Bytes::from(format!("{{\"version\":{version}}}"))))
    }

    pub(super) fn apply_tree_remove(&mut self, path: &TreePath, fx: &mut Effects) -> Result<Answer, Refusal> {
        self.node(path)?.ok_or_else(|| absent(path))?;
        self.keep(key(path), None, fx);
        Ok(Answer::empty())
    }
}

fn key(path: &TreePath) -> crate::platform::Key {
    rows::key(rows::TABLE_TREE, path.as_str().as_bytes())
}

fn absent(path: &TreePath) -> Refusal {
    Refusal::new(Code::NotFound, format!("there is no node /tree/{}", path.as_str()))
}
