//! The right edge of the tree over the events that are not read, where a log is opened from its end.

use super::error::malformed;
use super::merkle::levels;
use super::{ChainError, Hash, TILE_WIDTH, TileId, Tree, tile_key};
use bytes::Bytes;

/// The edge over the first events of a log, as far as its tiles have been read, from level 0 up.
#[derive(Debug, Default)]
pub(super) struct Edge {
    size: u64,
    tiles: Vec<Vec<u8>>,
}

impl Edge {
    /// The one over the first `size` events.
    pub(super) fn over(size: u64) -> Edge {
        Edge { size, tiles: Vec::new() }
    }

    /// How many events it is over.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether no tile of it is wanted any more.
    pub(super) fn is_read(&self) -> bool {
        self.tiles.len() >= levels(self.size)
    }

    /// The tile that is wanted next.
    pub(super) fn wanted(&self) -> TileId {
        let level = self.tiles.len() as u8;
        TileId { level, index: self.hashes(level) / TILE_WIDTH }
    }

    /// Takes the row of that tile, which may have grown since. Where the edge has no hash of it, it need not be there.
    pub(super) fn row(&mut self, page: &[(Bytes, Bytes)]) -> Result<(), ChainError> {
        let id = self.wanted();
        let bytes = (self.hashes(id.level) % TILE_WIDTH) as usize * Hash::LEN;
        let fault = |what| {
            let seq = (id.index * TILE_WIDTH) << (8 * u32::from(id.level));
            ChainError::Tile { level: id.level, index: id.index, seq, what }
        };
        let known = match page.first() {
            _ if bytes == 0 => &[],
            Some((key, tile)) if *key == tile_key(id) => tile.get(..bytes).ok_or_else(|| fault("too short"))?,
            Some((key, _)) => return Err(malformed(key)),
            None => return Err(fault("missing")),
        };
        self.tiles.push(known.to_vec());
        Ok(())
    }

    /// The tree that it is the edge of. Whether it is the right one, the signed root will tell.
    pub(super) fn tree(&self) -> Option<Tree> {
        Tree::resume(self.size, self.tiles.clone())
    }

    fn hashes(&self, level: u8) -> u64 {
        self.size >> (8 * u32::from(level))
    }
}
