//! Components as rows: cut into pieces when they are kept, checked against their hash when they are read.

use super::super::committer::After;
use super::super::rows;
use super::{Inner, closed};
use crate::platform::{HostError, Key, Platform, Storage, StorageError};
use crate::refusal::{Code, Refusal};
use bytes::Bytes;
use futures::channel::oneshot;
use sha2::{Digest, Sha256};

/// Pieces in which components are stored.
const BLOB_PIECE: usize = 512 << 10;

impl<P: Platform> Inner<P> {
    /// Stores a component; the answer is its hash, and comes once it is durable.
    pub(in crate::kernel) async fn keep_component(&self, bytes: Bytes) -> Result<[u8; 32], Refusal> {
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        // Pieces that are there prove nothing: only that together they are what the hash says.
        if self.component(Some(hash)).await.is_ok() {
            return Ok(hash);
        }
        let failed = |e: StorageError| Refusal::new(Code::NotDurable, e.to_string());
        let stray = self.pieces(&hash).await.map_err(failed)?;
        let (sender, receiver) = oneshot::channel();
        {
            let mut core = self.lock();
            if core.closed {
                return Err(closed());
            }
            core.pending.add(std::iter::empty(), stray.into_iter().map(|(key, _)| (key, None)));
            let count = bytes.len().div_ceil(BLOB_PIECE).max(1);
            // The first piece is written in the same batch as the others, so it is there only with them.
            for n in 0..count {
                let piece = bytes.slice(n * BLOB_PIECE..bytes.len().min((n + 1) * BLOB_PIECE));
                core.pending.add(std::iter::empty(), [(blob_key(&hash, n as u32), Some(piece))].into_iter());
            }
            core.pending.after(After::Written(sender));
        }
        self.commit_signal.wake();
        match receiver.await {
            Ok(Ok(())) => Ok(hash),
            Ok(Err(reason)) => Err(Refusal::new(Code::NotDurable, reason)),
            Err(_) => Err(Refusal::new(Code::NotDurable, "the kernel has stopped")),
        }
    }

    /// All rows under a hash, in order.
    async fn pieces(&self, hash: &[u8; 32]) -> Result<Vec<(Key, Bytes)>, StorageError> {
        let mut pieces = Vec::new();
        let (mut from, to) = (blob_key(hash, 0), blob_key(hash, u32::MAX));
        loop {
            let page = self.storage.scan(&from, &to, 64).await?;
            pieces.extend(page.rows);
            match page.next {
                Some(next) => from = next,
                None => return Ok(pieces),
            }
        }
    }

    /// The bytes of a stored component, checked against their hash.
    pub(super) async fn component(&self, hash: Option<[u8; 32]>) -> Result<Bytes, HostError> {
        let hash = hash.ok_or("a native program has no component")?;
        let pieces = self.pieces(&hash).await?;
        let bytes: Vec<u8> = pieces.iter().flat_map(|(_, piece)| piece.iter().copied()).collect();
        let found: [u8; 32] = Sha256::digest(&bytes).into();
        if found != hash {
            return Err("the stored component is missing or was changed; install the application again".into());
        }
        Ok(bytes.into())
    }
}

fn blob_key(hash: &[u8; 32], piece: u32) -> Key {
    let mut rest = [0u8; 36];
    rest[..32].copy_from_slice(hash);
    rest[32..].copy_from_slice(&piece.to_be_bytes());
    rows::key(rows::TABLE_BLOB, &rest)
}
