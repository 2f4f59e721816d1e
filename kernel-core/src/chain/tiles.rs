//! The comparison of computed tiles with stored ones while a log is verified.

use super::merkle::levels;
use super::torn::Beyond;
use super::{Hash, TILE_WIDTH, TileId, Tree};
use bytes::Bytes;
use std::collections::VecDeque;

/// How many full tiles of one level may wait for their comparison.
const WAITING: usize = 16;

/// A stored tile that is not the computed one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) id: TileId,
    /// The first event over which they differ.
    pub(super) seq: u64,
    /// Whether it is not there at all.
    pub(super) missing: bool,
}

/// Computed tiles that wait, and what the comparison has found.
#[derive(Debug, Default)]
pub(super) struct TileCheck {
    levels: Vec<Waiting>,
    /// The first fault among leaf hashes, and among the hashes above them.
    leaf: Option<Fault>,
    node: Option<Fault>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// The index of the first tile that was not compared.
    first: u64,
    full: VecDeque<Vec<u8>>,
}

impl TileCheck {
    /// One to which the tiles that were full over the first `size` events do not come.
    pub(super) fn from(size: u64) -> TileCheck {
        let first = |level| Waiting { first: size >> (8 * (level + 1)), full: VecDeque::new() };
        TileCheck { levels: (0..levels(size)).map(first).collect(), ..TileCheck::default() }
    }

    /// Takes a full tile as it was computed; those of a level come in order.
    pub(super) fn computed(&mut self, id: TileId, tile: Vec<u8>) {
        self.level(id.level).full.push_back(tile);
    }

    /// A level of which so many tiles wait that they should be compared now.
    pub(super) fn crowded(&self) -> Option<u8> {
        self.levels.iter().position(|level| level.full.len() > WAITING).map(|level| level as u8)
    }

    /// The first tile of `level` that was not compared, and the one after the last full one that waits.
    pub(super) fn waiting(&self, level: u8) -> (u64, u64) {
        self.levels.get(usize::from(level)).map_or((0, 0), |level| (level.first, level.first + level.full.len() as u64))
    }

    /// Takes the stored tile `id`. `tree` is given when all events have been read and the partial tile of the
    /// level is expected too. `false` if no such tile belongs to the log.
    pub(super) fn stored(&mut self, id: TileId, found: &Bytes, tree: Option<&Tree>, beyond: &mut Beyond) -> bool {
        while let Some(index) = self.expected(id.level, tree).filter(|index| *index < id.index) {
            self.compare(TileId { level: id.level, index }, None, tree, beyond);
        }
        let belongs = self.expected(id.level, tree) == Some(id.index);
        if belongs {
            self.compare(id, Some(found), tree, beyond);
        }
        belongs
    }

    /// What was expected of `level` and has not come is missing.
    pub(super) fn end(&mut self, level: u8, tree: Option<&Tree>, beyond: &mut Beyond) {
        while let Some(index) = self.expected(level, tree) {
            self.compare(TileId { level, index }, None, tree, beyond);
        }
    }

    /// The first event whose stored leaf hash is there and another than the computed one.
    pub(super) fn changed_leaf(&self) -> Option<u64> {
        self.leaf.filter(|fault| !fault.missing).map(|fault| fault.seq)
    }

    /// The first fault, of the lowest level that has one.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.leaf.or(self.node)
    }

    fn level(&mut self, level: u8) -> &mut Waiting {
        let level = usize::from(level);
        if level >= self.levels.len() {
            self.levels.resize_with(level + 1, Waiting::default);
        }
        &mut self.levels[level]
    }

    /// The index of the next tile of `level` that storage must hold.
    fn expected(&self, level: u8, tree: Option<&Tree>) -> Option<u64> {
        let (first, end) = self.waiting(level);
        let partial = tree.and_then(|tree| tree.partial(level)).is_some_and(|(id, _)| id.index == first);
        (first < end || partial).then_some(first)
    }

    fn compare(&mut self, id: TileId, found: Option<&Bytes>, tree: Option<&Tree>, beyond: &mut Beyond) {
        let waiting = self.level(id.level);
        waiting.first += 1;
        let full = waiting.full.pop_front();
        let partial = tree.and_then(|tree| tree.partial(id.level)).map(|(_, tile)| tile);
        let Some(computed) = full.as_deref().or(partial) else { return };
        if let Some(at) = difference(computed, found.map_or(&[], |tile| &tile[..])) {
            let seq = (id.index * TILE_WIDTH + at) << (8 * u32::from(id.level));
            let fault = Fault { id, seq, missing: found.is_none() };
            let first = if id.level == 0 { &mut self.leaf } else { &mut self.node };
            first.get_or_insert(fault);
        } else if let Some(found) = found.filter(|found| found.len() > computed.len()) {
            beyond.shorten(id, computed, found);
        }
    }
}

/// The place of the first hash of `computed` that `found` does not begin with.
pub(super) fn difference(computed: &[u8], found: &[u8]) -> Option<u64> {
    if found.starts_with(computed) {
        return None;
    }
    let found = found.chunks(Hash::LEN).chain(std::iter::repeat(&[][..]));
    computed.chunks(Hash::LEN).zip(found).position(|(a, b)| a != b).map(|at| at as u64)
}
