//! What lies in storage beyond the head of a log.

use super::error::head_mismatch;
use super::{ChainError, ROW_BYTES, Row, TileId, entries, tile_key};
use bytes::Bytes;

/// Part of one batch that was not stored as a whole, which a storage with atomic batches never leaves
/// behind. Nothing of it was ever acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The first event that was not acknowledged: the size of the log.
    pub seq: u64,
    /// How many bytes are to be removed.
    pub bytes: u64,
    /// The changes after which storage holds the log and nothing else. Opening makes none of them.
    pub repair: Vec<Row>,
}

/// Collects what lies beyond the head.
#[derive(Debug, Default)]
pub(super) struct Beyond {
    /// The length of the last row of events, if there is one.
    last: Option<usize>,
    bytes: u64,
    repair: Vec<Row>,
}

impl Beyond {
    /// Takes a row of events. A batch closes a row only when the next event does not fit, so two rows that
    /// would have fitted into one come from two commits, and a commit moves the head: it is an older one.
    pub(super) fn event_row(&mut self, key: &Bytes, row: &Bytes, size: u64) -> Result<(), ChainError> {
        let entry = entries(row).next().and_then(Result::ok).map_or(row.len(), |event| event.len() + 2);
        if self.last.replace(row.len()).is_some_and(|last| last + entry <= ROW_BYTES) {
            return Err(head_mismatch(size, "events of more than one batch lie beyond it, so it is an older head"));
        }
        self.remove(key, row);
        Ok(())
    }

    /// Takes a row that is not to be there.
    pub(super) fn remove(&mut self, key: &Bytes, row: &Bytes) {
        self.bytes += row.len() as u64;
        self.repair.push((key.clone(), None));
    }

    /// Takes a tile that holds more hashes than `tile`, which it begins with.
    pub(super) fn shorten(&mut self, id: TileId, tile: &[u8], found: &Bytes) {
        self.bytes += (found.len() - tile.len()) as u64;
        self.repair.push((tile_key(id), Some(Bytes::copy_from_slice(tile))));
    }

    /// All of it, for a log of `size` events.
    pub(super) fn torn(self, size: u64) -> Option<Torn> {
        (!self.repair.is_empty()).then_some(Torn { seq: size, bytes: self.bytes, repair: self.repair })
    }
}
