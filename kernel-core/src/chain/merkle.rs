//! The Merkle tree of RFC 6962 2.1, of which only the right edge is in memory.
//!
//! Nodes are grouped in tiles (C2SP tlog-tiles): tile `n` of level `l` holds up to 256 hashes, each the
//! root of a complete subtree of 256^l leaves. A full tile never changes; the last tile of a level may be
//! partial and only grows. The tree hands out full tiles as they fill and keeps the partial ones.

use super::Hash;

/// How many hashes a full tile holds.
pub const TILE_WIDTH: u64 = 256;

const FULL: usize = TILE_WIDTH as usize * Hash::LEN;

/// Which tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId {
    /// 0 for leaf hashes; each level spans 256 times the leaves of the one below.
    pub level: u8,
    /// Its place among the tiles of its level, from 0.
    pub index: u64,
}

impl TileId {
    /// The path below a log's prefix under which C2SP tlog-tiles serves it, for a width of 1 to 256.
    pub fn path(self, width: u64) -> String {
        path(&self.level.to_string(), self.index, width)
    }

    /// The same of the entry bundle over the tile of this index of level 0.
    pub fn entries_path(index: u64, width: u64) -> String {
        path("entries", index, width)
    }

    /// How many hashes this tile holds in a tree of `size` leaves: 0 to 256.
    pub fn width(self, size: u64) -> u64 {
        let hashes = size.checked_shr(8 * u32::from(self.level)).unwrap_or(0);
        self.index.checked_mul(TILE_WIDTH).map_or(0, |first| hashes.saturating_sub(first).min(TILE_WIDTH))
    }
}

fn path(of: &str, index: u64, width: u64) -> String {
    let mut digits = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        digits = format!("x{:03}/{digits}", rest % 1000);
        rest /= 1000;
    }
    match width {
        TILE_WIDTH => format!("tile/{of}/{digits}"),
        _ => format!("tile/{of}/{digits}.p/{width}"),
    }
}

/// The right edge of the tree: enough to append to it and to know its root.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    /// Roots of the complete subtrees that make up the tree, largest first: one per set bit of `size`.
    peaks: Vec<Hash>,
    /// For each level the hashes of its last tile, 0 to 255 of them.
    edge: Vec<Vec<u8>>,
}

impl Tree {
    /// The tree without leaves.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// The tree of `size` leaves whose partial tiles are `edge`, from level 0 up. `None` if a tile has not
    /// exactly the hashes that it must have; whether they are the right ones, the root will tell.
    pub fn resume(size: u64, edge: Vec<Vec<u8>>) -> Option<Tree> {
        let mut peaks = Vec::new();
        if edge.len() != levels(size) {
            return None;
        }
        for (level, tile) in edge.iter().enumerate().rev() {
            let width = (size >> (8 * level)) % TILE_WIDTH;
            if tile.len() as u64 != width * Hash::LEN as u64 {
                return None;
            }
            let mut rest = &tile[..];
            for bit in (0..8).rev().filter(|bit| width >> bit & 1 == 1) {
                let (subtree, after) = rest.split_at(Hash::LEN << bit);
                peaks.push(subtree_root(subtree)?);
                rest = after;
            }
        }
        Some(Tree { size, peaks, edge })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many levels of tiles there are.
    pub fn levels(&self) -> u8 {
        self.edge.len() as u8
    }

    /// The root hash (RFC 6962 2.1).
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Hash::of_empty_tree(),
            Some(last) => peaks.fold(*last, |right, left| Hash::node(left, &right)),
        }
    }

    /// The last tile of `level` and its hashes, if it is partial; `None` if there is no partial tile.
    pub fn partial(&self, level: u8) -> Option<(TileId, &[u8])> {
        let tile = self.edge.get(usize::from(level)).filter(|tile| !tile.is_empty())?;
        Some((TileId { level, index: self.size >> (8 * (u32::from(level) + 1)) }, tile))
    }

    /// Appends a leaf; `full` gets each tile that this fills, from level 0 up.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(TileId, Vec<u8>)) {
        let index = self.size;
        self.size += 1;
        self.extend(0, &leaf);
        let mut hash = leaf;
        let mut height = 0;
        while index >> height & 1 == 1 {
            let left = self.peaks.pop().expect("there is a peak for each set bit of the size");
            hash = Hash::node(&left, &hash);
            height += 1;
            if height % 8 == 0 {
                let level = height / 8 - 1;
                let tile = std::mem::replace(&mut self.edge[level], Vec::with_capacity(FULL));
                full(TileId { level: level as u8, index: index >> (height as u32) }, tile);
                self.extend(level + 1, &hash);
            }
        }
        self.peaks.push(hash);
    }

    fn extend(&mut self, level: usize, hash: &Hash) {
        if level == self.edge.len() {
            self.edge.push(Vec::with_capacity(FULL));
        }
        self.edge[level].extend_from_slice(&hash.0);
    }
}

/// How many levels of tiles a tree of `size` leaves has.
pub(super) fn levels(size: u64) -> usize {
    (0..8).take_while(|level| size >> (8 * level) > 0).count()
}

/// The root over the hashes in `tile`, whose number is a power of two; `None` if it is not.
pub(super) fn subtree_root(tile: &[u8]) -> Option<Hash> {
    let (hashes, []) = tile.as_chunks::<{ Hash::LEN }>() else { return None };
    if !hashes.len().is_power_of_two() || hashes.len() as u64 > TILE_WIDTH {
        return None;
    }
    let mut nodes: Vec<Hash> = hashes.iter().copied().map(Hash).collect();
    while nodes.len() > 1 {
        nodes = nodes.chunks_exact(2).map(|pair| Hash::node(&pair[0], &pair[1])).collect();
    }
    nodes.first().copied()
}
