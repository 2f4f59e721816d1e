//! The log as it grows: events are appended, then sealed into the rows to store.
//!
//! One batch is everything between two seals, and one commit. The caller signs, if it signs, after the
//! last append of a batch: [`Log::checkpoint`], the host's signature, [`Log::attach`], [`Log::seal`].

use super::rows::{self, Head, Row};
use super::{AppendError, Checkpoint, CheckpointError, Hash, Header, Origin, ROW_BYTES, Tree, event, head_key};
use super::{event_key, tile_key};
use bytes::Bytes;

/// A log that can be appended to.
#[derive(Clone, Debug)]
pub struct Log {
    origin: Origin,
    tree: Tree,
    hash: Hash,
    checkpoint: Option<String>,
    /// What its checkpoints say of the batches that follow.
    every_batch: bool,
    /// The row that is being filled, and its first event.
    row: Vec<u8>,
    row_seq: u64,
    /// The first event of the row that holds the last event.
    last_row: u64,
    /// Rows of events and full tiles that are complete and not handed out.
    rows: Vec<Row>,
    tiles: Vec<Row>,
    /// Levels whose partial tile changed since the last seal, one bit each.
    dirty: u64,
    /// Whether the head row on disk is not that of this state.
    unsealed: bool,
}

/// Why a signed checkpoint was not attached. The log is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// It is not a checkpoint.
    #[error(transparent)]
    Malformed(#[from] CheckpointError),
    /// It is for another log or another state of this one.
    #[error("the checkpoint is for {found} events of another state, the log has {size}")]
    Stale {
        /// The size in the checkpoint.
        found: u64,
        /// The size of the log.
        size: u64,
    },
}

impl Log {
    /// A log without events. Its first [`Log::seal`] writes a head row, so that an empty storage and an
    /// empty log are told apart for ever after.
    pub fn new(origin: Origin) -> Log {
        Log::at(origin, Tree::new(), Hash::ZERO, 0, None, true)
    }

    /// The log that was read back up to its last event.
    pub(super) fn at(
        origin: Origin,
        tree: Tree,
        hash: Hash,
        last_row: u64,
        checkpoint: Option<String>,
        unsealed: bool,
    ) -> Log {
        let row_seq = tree.size();
        let (row, rows, tiles) = (Vec::new(), Vec::new(), Vec::new());
        let every_batch = checkpoint.as_deref().is_some_and(says_every_batch);
        Log { origin, tree, hash, checkpoint, every_batch, row, row_seq, last_row, rows, tiles, dirty: 0, unsealed }
    }

    /// The same log in the hands of a kernel that signs every batch, or does not. Until this is called its checkpoints say
    /// what the last of them does.
    #[must_use]
    pub fn signing_every_batch(self, every_batch: bool) -> Log {
        Log { every_batch, ..self }
    }

    /// Whether its checkpoints say that every batch is signed.
    pub fn signs_every_batch(&self) -> bool {
        self.every_batch
    }

    /// Appends an event and returns its sequence number. `content` is one CBOR item in deterministic form.
    pub fn append(&mut self, header: Header, content: &[u8]) -> Result<u64, AppendError> {
        event::check_content(content)?;
        let seq = self.tree.size();
        let at = rows::begin_entry(&mut self.row);
        event::write(&mut self.row, seq, &self.hash, header, content);
        let leaf = Hash::leaf(rows::end_entry(&mut self.row, at));
        if self.row.len() > ROW_BYTES && at > 0 {
            self.close_row(at, seq);
        }
        self.dirty |= 1;
        let (dirty, tiles) = (&mut self.dirty, &mut self.tiles);
        self.tree.push(leaf, |id, tile| {
            *dirty |= 2 << id.level;
            tiles.push((tile_key(id), Some(Bytes::from(tile))));
        });
        self.hash = leaf;
        self.last_row = self.row_seq;
        self.unsealed = true;
        Ok(seq)
    }

    /// The rows that make everything since the last seal durable: events, tiles, and last the head. None if
    /// nothing changed. They belong in one atomic batch; the head row is what says that the others count.
    pub fn seal(&mut self) -> Vec<Row> {
        if !self.unsealed {
            return Vec::new();
        }
        self.close_row(self.row.len(), self.tree.size());
        let mut sealed = std::mem::take(&mut self.rows);
        sealed.append(&mut self.tiles);
        for level in (0..self.tree.levels()).filter(|level| self.dirty >> level & 1 == 1) {
            if let Some((id, tile)) = self.tree.partial(level) {
                sealed.push((tile_key(id), Some(Bytes::copy_from_slice(tile))));
            }
        }
        sealed.push((head_key(), Some(self.head_row().encode())));
        self.dirty = 0;
        self.unsealed = false;
        sealed
    }

    /// Puts the signed checkpoint of the present state into the head row that the next seal writes.
    pub fn attach(&mut self, note: String) -> Result<(), AttachError> {
        let found = Checkpoint::open_unverified(&note)?;
        if found != self.checkpoint() {
            return Err(AttachError::Stale { found: found.size, size: self.size() });
        }
        self.checkpoint = Some(note);
        self.unsealed = true;
        Ok(())
    }

    /// The hash of the last event, or [`Hash::ZERO`].
    pub fn head(&self) -> Hash {
        self.hash
    }

    /// How many events there are, sealed or not.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root of the tree over all events.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Whose log it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The present state as a checkpoint.
    pub fn checkpoint(&self) -> Checkpoint {
        let (origin, every_batch) = (self.origin.clone(), self.every_batch);
        Checkpoint { origin, size: self.size(), root: self.root(), every_batch }
    }

    /// The last signed checkpoint, of this state or an earlier one.
    pub fn signed(&self) -> Option<&str> {
        self.checkpoint.as_deref()
    }

    /// The right edge of the tree: the partial tiles, for proofs and exports.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    fn head_row(&self) -> Head {
        Head {
            origin: self.origin.clone(),
            size: self.size(),
            hash: self.hash,
            root: self.root(),
            last_row: self.last_row,
            checkpoint: self.checkpoint.clone(),
        }
    }

    /// Closes the row that is being filled at its byte `end`; what lies behind begins the next one, with event `next`. The
    /// buffer is used again, so that a row grows in memory that is at hand.
    fn close_row(&mut self, end: usize, next: u64) {
        if end > 0 {
            self.rows.push((event_key(self.row_seq), Some(Bytes::copy_from_slice(&self.row[..end]))));
            self.row.drain(..end);
        }
        self.row_seq = next;
    }
}

fn says_every_batch(note: &str) -> bool {
    Checkpoint::open_unverified(note).is_ok_and(|checkpoint| checkpoint.every_batch)
}
