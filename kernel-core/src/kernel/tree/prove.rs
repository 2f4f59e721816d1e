//! One file by which a stranger finds what a node was, or that it was not there: the node, the rows up to the root of the
//! tree, the event that tells this root, its place in the log, and the checkpoint over that.

use super::{head_key, node_key, read_head};
use crate::chain::{
    Checkpoint, CheckpointError, EventError, Hash, Head, ProofError, VerifierKey, decode, decode_verified, entries,
    event_key, event_seq, inclusion, verify_inclusion,
};
use crate::codec::hex;
use crate::kernel::Kernel;
use crate::kernel::event::tree_root;
use crate::kernel::receipt::{ReceiptError, with_tiles};
use crate::path::{Resource, TreePath};
use crate::platform::{Key, Platform, Storage, StorageError};
use crate::refusal::{Code, Refusal};
use crate::tree::{self, Broken, Proof, Record, Sealed};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many events are looked through at once for the one that tells the root, at first.
const LOOK_BACK: u64 = 1_024;
/// How often a proof is begun again because the tree has changed under it.
const TRIES: usize = 32;

/// A proof of one node, whole in itself. As JSON, hashes and rows are hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeProof {
    /// `/tree/...`
    pub path: Resource,
    /// What the node holds; null where it is not there.
    pub node: Option<Sealed>,
    /// The two hashes that the root is made of.
    pub head: tree::Node,
    /// The rows from the root to the node.
    pub rows: Vec<String>,
    /// The number of the event that tells the root.
    pub seq: u64,
    /// The event.
    pub event: String,
    /// That it is in the log: an inclusion proof of RFC 6962.
    pub inclusion: Vec<Hash>,
    /// The signed checkpoint over the log.
    pub checkpoint: String,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The rows could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The rows do not fit the root.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// No signature covers the event that tells the root.
    #[error("the last checkpoint does not cover the tree as it is now")]
    Unsigned,
    /// The tiles of the log do not make the proof, so the log is damaged.
    #[error(transparent)]
    Proof(#[from] ReceiptError),
    /// The log cannot be read, or tells of no root.
    #[error("the log tells of no root of the tree")]
    NoRoot,
}

/// Why a proof does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unproven {
    /// A part of it is not written as it is to be.
    #[error("its {0} is not one")]
    Malformed(&'static str),
    /// The checkpoint is not signed by the key.
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The event is not in the log of the checkpoint.
    #[error("its event is not in the log: {0}")]
    Event(#[from] ProofError),
    /// The event cannot be read.
    #[error("its event: {0}")]
    Unread(#[from] EventError),
    /// The rows do not lead from the root that the event tells to the node.
    #[error("its rows do not lead from the root in its event to {0}")]
    Rows(Resource),
}

impl TreeProof {
    /// Checks it against nothing but the key of the log: the checkpoint that it leads to.
    ///
    /// # Errors
    /// The first part that does not hold.
    pub fn check(&self, key: &VerifierKey) -> Result<Checkpoint, Unproven> {
        let Resource::Tree(path) = &self.path else { return Err(Unproven::Malformed("path")) };
        let event = unhex(&self.event).ok_or(Unproven::Malformed("event"))?;
        let rows: Option<Vec<Bytes>> = self.rows.iter().map(|row| unhex(row).map(Into::into)).collect();
        let rows = rows.ok_or(Unproven::Malformed("row"))?;
        let checkpoint = Checkpoint::open(&self.checkpoint, std::slice::from_ref(key))?;
        if checkpoint.origin != key.name {
            return Err(Unproven::Malformed("origin"));
        }
        verify_inclusion(Hash::leaf(&event), self.seq, checkpoint.size, checkpoint.root, &self.inclusion)?;
        let event = decode(&event)?;
        let unproven = || Unproven::Rows(self.path.clone());
        let root = tree_root(event.header.kind, event.content).ok_or_else(unproven)?;
        let proof = Proof { head: self.head, rows };
        let record = tree::verify(root, path.as_str(), &proof).map_err(|_| unproven())?;
        if record != self.node.as_ref().map(Sealed::hash) {
            return Err(unproven());
        }
        Ok(checkpoint)
    }
}

/// The proof of what is stored at `path`, against the last checkpoint that is stored.
///
/// # Errors
/// [`ProveError`]. Where a kernel writes meanwhile, `Broken` and `Unsigned` mean that it is to be tried again.
pub async fn prove_node<S: Storage>(storage: &S, path: &TreePath) -> Result<TreeProof, ProveError> {
    let broken = || Broken { path: path.as_str().to_owned() };
    let head = storage.get(&head_key()).await?.as_deref().and_then(read_head).ok_or(ProveError::NoRoot)?;
    let rows = on_the_way(storage, path).await?;
    let proof = tree::prove(head, path.as_str(), |key| Ok::<_, Broken>(rows.get(key).cloned().flatten()))?;
    let record = storage.get(&node_key(path)).await?;
    let record = record.map(|row| minicbor::decode::<Record>(&row).map_err(|_| broken())).transpose()?;
    let node = record.map(|record| record.seal());
    // Only what fits together is shown.
    let shown = tree::verify(head.root(), path.as_str(), &proof)?;
    if shown != node.as_ref().map(Sealed::hash) {
        return Err(broken().into());
    }
    let log = storage.get(&crate::chain::head_key()).await?;
    let log = log.and_then(|row| Head::decode(&row).ok()).ok_or(ProveError::NoRoot)?;
    let note = log.checkpoint.ok_or(ProveError::Unsigned)?;
    let size = Checkpoint::open_unverified(&note).map_err(|_| ProveError::NoRoot)?.size;
    let (seq, event) = last_root(storage, log.size, head.root()).await?;
    if seq >= size {
        return Err(ProveError::Unsigned);
    }
    Ok(TreeProof {
        path: Resource::Tree(path.clone()),
        node,
        head,
        rows: proof.rows.iter().map(|row| hex(row)).collect(),
        seq,
        event: hex(&event),
        inclusion: with_tiles(storage, |tiles| inclusion(seq, size, &mut |id| tiles.get(&id).cloned())).await?,
        checkpoint: note,
    })
}

impl<P: Platform> Kernel<P> {
    /// The proof of what is at `path` now. Everything so far is made durable, and a checkpoint is signed over it.
    ///
    /// # Errors
    /// `failed` where the tree's rows do not fit its root or cannot be read, `not_durable` and `cancelled` as of
    /// [`Kernel::checkpoint`].
    pub async fn prove_node(&self, path: &TreePath) -> Result<TreeProof, Refusal> {
        let mut tries = 0;
        loop {
            tries += 1;
            self.checkpoint().await?;
            match prove_node(&self.inner.storage, path).await {
                // Its rows were read one by one, and it may have been written between them.
                Err(ProveError::Broken(_) | ProveError::Unsigned | ProveError::NoRoot) if tries < TRIES => {}
                proof => return proof.map_err(|e| Refusal::new(Code::Failed, e.to_string())),
            }
        }
    }
}

/// The rows on the way to `path`.
async fn on_the_way<S: Storage>(storage: &S, path: &TreePath) -> Result<BTreeMap<Key, Option<Bytes>>, StorageError> {
    let mut rows = BTreeMap::new();
    loop {
        let mut missing = Vec::new();
        tree::wanted(path.as_str(), |key| rows.get(key).map(Option::as_ref), |key| missing.push(key));
        if missing.is_empty() {
            return Ok(rows);
        }
        for key in missing {
            let row = storage.get(&key).await?;
            rows.insert(key, row);
        }
    }
}

/// The last event of the log of `size` events that tells a root, if that is `root`.
async fn last_root<S: Storage>(storage: &S, size: u64, root: Hash) -> Result<(u64, Vec<u8>), ProveError> {
    let (mut to, mut step) = (event_key(size), LOOK_BACK);
    let mut low = size;
    while low > 0 {
        low = low.saturating_sub(step);
        step = step.saturating_mul(2);
        let (start, mut from, mut last) = (event_key(low), event_key(low), None);
        loop {
            let page = storage.scan(&from, &to, crate::kernel::start::PAGE).await?;
            for (key, row) in &page.rows {
                let first = event_seq(key).unwrap_or(size);
                for event in entries(row).map_while(Result::ok).filter(|_| first < size) {
                    let Ok(told) = decode_verified(event) else { continue };
                    if let Some(told_root) = tree_root(told.header.kind, told.content) {
                        last = Some((told.seq, told_root, event.to_vec()));
                    }
                }
            }
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        if let Some((seq, told, event)) = last {
            return if told == root { Ok((seq, event)) } else { Err(ProveError::Unsigned) };
        }
        to = start;
    }
    Err(ProveError::NoRoot)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.is_ascii().then_some(text.as_bytes().as_chunks::<2>()).filter(|(_, rest)| rest.is_empty())?.0;
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    pairs.iter().map(|[high, low]| Some((digit(*high)? * 16 + digit(*low)?) as u8)).collect()
}
