//! One file by which a stranger finds what a node was, or that it was not there: the node, the rows up to the root of the
//! tree, the event that tells this root, its place in the log, and the checkpoint over that.

use super::{head_key, node_key, read_head};
use crate::chain::{
    self, Checkpoint, EvidenceError, Hash, Head, NodeProof, VerifierKey, decode_verified, entries, event_key,
    event_seq, inclusion,
};
use crate::kernel::Kernel;
use crate::kernel::event::tree_root;
use crate::kernel::receipt::{ReceiptError, with_tiles};
use crate::path::{Resource, TreePath};
use crate::platform::{Key, Platform, Storage, StorageError};
use crate::refusal::{Code, Refusal};
use crate::tree::{self, Broken, Proof, Record, Sealed};
use bytes::Bytes;
use std::collections::BTreeMap;

/// How many events are looked through at once for the one that tells the root, at first.
const LOOK_BACK: u64 = 1_024;
/// How often a proof is begun again because the tree has changed under it.
const TRIES: usize = 32;

/// What a proof has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenNode {
    /// The checkpoint that it leads to.
    pub checkpoint: Checkpoint,
    /// `/tree/...`
    pub path: Resource,
    /// What the node held; none where it was not there.
    pub node: Option<Sealed>,
    /// The number of the event that told the root.
    pub seq: u64,
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

/// Checks the proof of a node against nothing but the key of the log.
///
/// # Errors
/// The first part that does not hold.
pub fn verify_node(proof: &NodeProof, key: Option<&VerifierKey>) -> Result<ProvenNode, EvidenceError> {
    let (checkpoint, event) = proof.verify(key)?;
    let path = &proof.path;
    let resource: Resource =
        path.parse().map_err(|e| EvidenceError::Binding(format!("it is of no node of the tree: {e}")))?;
    let Resource::Tree(node) = &resource else {
        return Err(EvidenceError::Binding(format!("{resource} is no node of the tree")));
    };
    let root = tree_root(event.header.kind, event.content)
        .ok_or_else(|| EvidenceError::Binding(format!("event {} tells no root of the tree", event.seq)))?;
    let unproven = || EvidenceError::Binding(format!("its rows do not lead from the root in its event to {path}"));
    let head = tree::Node::from_bytes(&proof.head).ok_or_else(unproven)?;
    let rows = proof.rows.iter().map(|row| Bytes::copy_from_slice(row)).collect();
    let shown = tree::verify(root, node.as_str(), &Proof { head, rows }).map_err(|_| unproven())?;
    if shown != proof.record.as_deref().map(Sealed::hash_of) {
        return Err(unproven());
    }
    let unread = |e| EvidenceError::Binding(format!("what it says of {path} cannot be read: {e}"));
    let record = proof.record.as_deref().map(minicbor::decode::<Sealed>).transpose().map_err(unread)?;
    Ok(ProvenNode { checkpoint, path: resource.clone(), node: record, seq: event.seq })
}

/// The proof of what is stored at `path`, against the last checkpoint that is stored.
///
/// # Errors
/// [`ProveError`]. Where a kernel writes meanwhile, `Broken` and `Unsigned` mean that it is to be tried again.
pub async fn prove_node<S: Storage>(storage: &S, path: &TreePath) -> Result<NodeProof, ProveError> {
    let broken = || Broken { path: path.as_str().to_owned() };
    let head = storage.get(&head_key()).await?.as_deref().and_then(read_head).ok_or(ProveError::NoRoot)?;
    let rows = on_the_way(storage, path).await?;
    let proof = tree::prove(head, path.as_str(), |key| Ok::<_, Broken>(rows.get(key).cloned().flatten()))?;
    let record = storage.get(&node_key(path)).await?;
    let record = record.map(|row| minicbor::decode::<Record>(&row).map_err(|_| broken())).transpose()?;
    let node = record.map(|record| record.seal().to_bytes());
    // Only what fits together is shown.
    let shown = tree::verify(head.root(), path.as_str(), &proof)?;
    let rows = proof.rows.iter().map(|row| row.to_vec()).collect();
    if shown != node.as_deref().map(Sealed::hash_of) {
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
    let proof = with_tiles(storage, |tiles| inclusion(seq, size, &mut |id| tiles.get(&id).cloned())).await?;
    Ok(NodeProof {
        path: Resource::Tree(path.clone()).to_string(),
        record: node,
        head: head.to_bytes(),
        rows,
        event: chain::Sealed { seq, event, proof },
        checkpoint: note,
    })
}

impl<P: Platform> Kernel<P> {
    /// The proof of what is at `path` now. Everything so far is made durable, and a checkpoint is signed over it.
    ///
    /// # Errors
    /// `failed` where the tree's rows do not fit its root or cannot be read, `not_durable` and `cancelled` as of
    /// [`Kernel::checkpoint`].
    pub async fn prove_node(&self, path: &TreePath) -> Result<NodeProof, Refusal> {
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
