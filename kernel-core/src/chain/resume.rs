//! Opening a log by its end alone: the head row, the last tile of each level, and the last row of events.
//!
//! The cost does not depend on the length of the log. What is loaded is verified: the tiles hash to the root
//! that is signed, and the last events are chained up to the last leaf of the tree. What is not loaded is not
//! verified; [`Opening`](super::Opening) does that, and it is also what tells where a fault lies.

use super::error::{head_mismatch, malformed, tampered};
use super::merkle::{levels, subtree_root};
use super::torn::Beyond;
use super::trust::{Trust, open_head};
use super::{ChainError, EventError, Hash, Head, Log, Opened, Origin, TILE_WIDTH, TileId, Tree, Want, Witness};
use super::{TABLE_EVENTS, TABLE_HEAD, TABLE_TILES, entries, event, event_key, event_seq, head_key, tile_id, tile_key};
use crate::codec::table_range;
use bytes::Bytes;

/// Opens a log by its end. It is driven as [`Opening`](super::Opening) is.
#[derive(Debug)]
pub struct Resume {
    origin: Origin,
    trust: Trust,
    stage: Stage,
    from: Bytes,
    head: Option<Head>,
    signed: u64,
    /// The last tile of each level, as far as it belongs to the log.
    last: Vec<Vec<u8>>,
    /// The events read so far of the last row: how many there are up to here, and the hash of the last.
    seq: u64,
    hash: Hash,
    beyond: Beyond,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Tiles(u8),
    Events,
    Done,
}

impl Resume {
    /// Prepares to open the log of `origin`. A signed log must be signed up to its last event here, whatever
    /// `trust` says of the whole: an older checkpoint cannot be checked from the end alone.
    pub fn new(origin: Origin, trust: Trust) -> Resume {
        let trust = match trust {
            Trust::Signed { keys, .. } => Trust::Signed { keys, whole: true },
            Trust::Unsigned => Trust::Unsigned,
        };
        Resume {
            origin,
            trust,
            stage: Stage::Head,
            from: head_key(),
            head: None,
            signed: 0,
            last: Vec::new(),
            seq: 0,
            hash: Hash::ZERO,
            beyond: Beyond::default(),
        }
    }

    /// Which rows to feed next; `None` when it is time to [`Resume::finish`].
    pub fn wants(&self) -> Option<Want> {
        let to = match self.stage {
            Stage::Head => table_range(TABLE_HEAD).1,
            Stage::Tiles(level) if usize::from(level) >= levels(self.size()) => table_range(TABLE_TILES).1,
            Stage::Tiles(level) => tile_key(TileId { level: level + 1, index: 0 }),
            Stage::Events => table_range(TABLE_EVENTS).1,
            Stage::Done => return None,
        };
        Some(Want { from: self.from.clone(), to })
    }

    /// Takes rows of the range that is wanted, as [`Opening::feed`](super::Opening::feed) does.
    pub fn feed(&mut self, page: &[(Bytes, Bytes)], next: Option<Bytes>) -> Result<(), ChainError> {
        match self.stage {
            Stage::Head => self.head_row(page)?,
            Stage::Tiles(level) => self.tile_rows(level, page)?,
            Stage::Events => self.event_rows(page)?,
            Stage::Done => {}
        }
        if let Some(next) = next {
            self.from = next;
            return Ok(());
        }
        match self.stage {
            Stage::Head => self.enter(Stage::Tiles(0)),
            Stage::Tiles(level) if usize::from(level) < levels(self.size()) => {
                if self.last.len() == usize::from(level) {
                    return Err(self.bad_tile(level, "missing"));
                }
                self.enter(Stage::Tiles(level + 1));
            }
            Stage::Tiles(_) => self.enter(Stage::Events),
            Stage::Events | Stage::Done => self.enter(Stage::Done),
        }
        Ok(())
    }

    /// The verdict, once nothing more is wanted.
    pub fn finish(self) -> Result<Opened, ChainError> {
        debug_assert_eq!(self.stage, Stage::Done, "rows are still wanted");
        let size = self.size();
        let Some(head) = self.head else {
            return Ok(Opened { log: Log::new(self.origin), signed: 0, torn: None, noted: None });
        };
        if self.seq < size {
            return Err(ChainError::Truncated { seq: self.seq, size, by: Witness::Head });
        }
        if self.hash != head.hash {
            return Err(tampered(size.saturating_sub(1), "its hash is not the one in the head row"));
        }
        let other = || head_mismatch(size, "the last tiles of the tree have another root or another last event");
        for (level, tile) in self.last.iter().enumerate().filter(|(_, tile)| is_full(tile)) {
            let above = self.last.get(level + 1).and_then(|tile| tile.last_chunk()).copied().map(Hash);
            if above.is_none() || subtree_root(tile) != above {
                return Err(other());
            }
        }
        if self.last.first().and_then(|tile| tile.last_chunk()).is_some_and(|last| Hash(*last) != head.hash) {
            return Err(other());
        }
        let edge = self.last.into_iter().map(|tile| if is_full(&tile) { Vec::new() } else { tile }).collect();
        let tree = Tree::resume(size, edge).filter(|tree| tree.root() == head.root).ok_or_else(other)?;
        let log = Log::at(self.origin, tree, head.hash, head.last_row, head.checkpoint, false);
        Ok(Opened { log, signed: self.signed, torn: self.beyond.torn(size), noted: None })
    }

    fn size(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.size)
    }

    fn enter(&mut self, stage: Stage) {
        self.from = match stage {
            Stage::Head | Stage::Done => head_key(),
            Stage::Tiles(level) if usize::from(level) >= levels(self.size()) => tile_key(TileId { level, index: 0 }),
            Stage::Tiles(level) => tile_key(last_tile(level, self.size())),
            Stage::Events => event_key(self.head.as_ref().map_or(0, |head| head.last_row)),
        };
        self.stage = stage;
    }

    fn head_row(&mut self, page: &[(Bytes, Bytes)]) -> Result<(), ChainError> {
        for (key, value) in page {
            if *key != head_key() {
                return Err(malformed(key));
            }
            let (head, checkpoint) = open_head(value, &self.origin, &self.trust)?;
            if head.last_row > head.size {
                return Err(head_mismatch(head.size, "it names a last row beyond its last event"));
            }
            if let Some(checkpoint) = checkpoint {
                if checkpoint.root != head.root {
                    return Err(head_mismatch(head.size, "its signed checkpoint is for other events"));
                }
                self.signed = checkpoint.size;
            }
            self.seq = head.last_row;
            self.head = Some(head);
        }
        Ok(())
    }

    fn tile_rows(&mut self, level: u8, page: &[(Bytes, Bytes)]) -> Result<(), ChainError> {
        for (key, tile) in page {
            let id = tile_id(key).ok_or_else(|| malformed(key))?;
            let size = self.head.as_ref().ok_or(ChainError::HeadMissing)?.size;
            if usize::from(level) >= levels(size) || id != last_tile(level, size) {
                if self.last.len() == usize::from(level) && usize::from(level) < levels(size) {
                    return Err(self.bad_tile(level, "missing"));
                }
                self.beyond.remove(key, tile);
                continue;
            }
            let len = id.width(size) as usize * Hash::LEN;
            let Some(known) = tile.get(..len) else { return Err(self.bad_tile(level, "too short")) };
            if tile.len() > len {
                self.beyond.shorten(id, known, tile);
            }
            self.last.push(known.to_vec());
        }
        Ok(())
    }

    fn event_rows(&mut self, page: &[(Bytes, Bytes)]) -> Result<(), ChainError> {
        for (key, row) in page {
            let first = event_seq(key).ok_or_else(|| malformed(key))?;
            let head = self.head.as_ref().ok_or(ChainError::HeadMissing)?;
            let (size, last_row) = (head.size, head.last_row);
            if first >= size {
                if self.seq < size {
                    return Err(ChainError::Truncated { seq: self.seq, size, by: Witness::Head });
                }
                self.beyond.event_row(key, row, size)?;
            } else if first == last_row {
                self.events(row, size)?;
            } else {
                return Err(ChainError::Forked { seq: first });
            }
        }
        Ok(())
    }

    fn events(&mut self, row: &[u8], size: u64) -> Result<(), ChainError> {
        let first = self.seq;
        for entry in entries(row) {
            let seq = self.seq;
            let entry = entry.map_err(|cut| tampered(seq, &cut.to_string()))?;
            let event = event::decode(entry).map_err(|e| match e {
                EventError::Version { found } => ChainError::Version { seq, found },
                EventError::Malformed(e) => tampered(seq, &e.to_string()),
            })?;
            if event.seq != seq || seq >= size {
                return Err(tampered(seq, "it is not the event that belongs here"));
            }
            if seq > first && event.prev != self.hash {
                return Err(tampered(seq - 1, "the event after it follows another one"));
            }
            self.hash = Hash::leaf(entry);
            self.seq += 1;
        }
        Ok(())
    }

    fn bad_tile(&self, level: u8, what: &'static str) -> ChainError {
        let TileId { index, .. } = last_tile(level, self.size());
        ChainError::Tile { level, index, seq: (index * TILE_WIDTH) << (8 * u32::from(level)), what }
    }
}

/// The last tile of `level` in a tree of `size` leaves that has this level.
fn last_tile(level: u8, size: u64) -> TileId {
    let hashes = size >> (8 * u32::from(level));
    TileId { level, index: hashes.saturating_sub(1) / TILE_WIDTH }
}

fn is_full(tile: &[u8]) -> bool {
    tile.len() as u64 == TILE_WIDTH * Hash::LEN as u64
}
