//! The log of a kernel that runs, asked for over its API and held against what that kernel signs.

use crate::cli::client::Connection;
use crate::cli::events::Entry;
use crate::cli::exit::Failure;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel_core::chain::{ChainError, Checkpoint, Evidence, Hash, Tree, VerifierKey, Witness, decode};
use serde::Deserialize;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// A kernel that runs.
pub(super) struct Live {
    /// The way to it.
    pub(super) kernel: Connection,
    /// Whose log it has to be.
    pub(super) key: Option<VerifierKey>,
    /// Its data directory.
    pub(super) path: PathBuf,
}

/// What `GET /v1/log/{event}` answers, as far as it is looked at.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) next: u64,
    pub(super) events: Vec<Raw>,
}

/// One event of it.
#[derive(Deserialize)]
pub(super) struct Raw {
    pub(super) event: String,
}

#[derive(Deserialize)]
struct Note {
    note: String,
}

impl Live {
    /// The checkpoint over all that happened so far, and its note.
    pub(super) async fn checkpoint(&mut self) -> Result<(Checkpoint, String), Failure> {
        let answer = self.kernel.bytes("/v1/checkpoint").await?;
        let Note { note } = self.kernel.parsed(&answer)?;
        let keys = self.key.as_slice();
        let size = Checkpoint::open_unverified(&note).map_or(0, |claimed| claimed.size);
        let untrusted = |source| ChainError::KeyUntrusted { size, source };
        Ok((Checkpoint::open(&note, keys).map_err(untrusted)?, note))
    }

    /// The evidence that it has under `path`.
    pub(super) async fn evidence(&mut self, path: &str) -> Result<Evidence, Failure> {
        let answer = self.kernel.bytes(path).await?;
        Evidence::parse(&answer).map_err(|e| self.kernel.broke_off(&e.to_string()))
    }

    /// Shows `visit` every event that `checkpoint` covers, until it breaks.
    ///
    /// # Errors
    /// That the kernel is gone, and where they are not what the checkpoint covers, which is known when all were shown.
    pub(super) async fn each(
        &mut self,
        checkpoint: &Checkpoint,
        mut visit: impl FnMut(&Entry) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let (mut tree, mut prev, size) = (Tree::new(), Hash::ZERO, checkpoint.size);
        while tree.size() < size {
            let answer = self.kernel.bytes(&format!("/v1/log/{}", tree.size())).await?;
            let page: Page = self.kernel.parsed(&answer)?;
            if page.events.is_empty() {
                return Err(ChainError::Truncated { seq: tree.size(), size, by: Witness::Checkpoint }.into());
            }
            let left = usize::try_from(size - tree.size()).unwrap_or(usize::MAX);
            for raw in page.events.iter().take(left) {
                let (seq, bytes) = (tree.size(), STANDARD.decode(&raw.event));
                let bytes = bytes.map_err(|e| self.kernel.broke_off(&e.to_string()))?;
                let event = decode(&bytes).map_err(|e| ChainError::Tampered { seq, what: e.to_string() })?;
                if (event.seq, event.prev) != (seq, prev) {
                    return Err(ChainError::Forked { seq }.into());
                }
                prev = Hash::leaf(&bytes);
                tree.push(prev, |_, _| ());
                if visit(&Entry::of(&event)).is_break() {
                    return Ok(());
                }
            }
        }
        if tree.root() == checkpoint.root { Ok(()) } else { Err(ChainError::Rewritten { since: 0, size }.into()) }
    }
}
