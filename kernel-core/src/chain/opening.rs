//! Verification of a stored log, of all its events or of the last, without input or output of its own.
//!
//! [`Opening`] names a range of keys, the caller scans it page by page and hands the rows in, until nothing
//! more is wanted. Events are read once and in order; computed tiles wait only until they are compared, so
//! memory does not grow with the log. The first thing found wrong is returned, and named as closely as the
//! witnesses allow: an event is vouched for by its successor's `prev`, by the tile that holds its hash, and
//! by the head row.
//!
//! [`Opening::from_end`] begins near the end, at a cost that does not grow with the log. What came before is then
//! represented by the right edge of its tree alone, taken from the tiles: it is right if the events that are read
//! lead from it to the root that is signed. So nothing is gone on from that was not signed, and an event before
//! the first that is read may be changed or gone unnoticed, until somebody verifies the whole.

use super::edge::Edge;
use super::error::{head_mismatch, malformed, out_of_place, tampered};
use super::merkle::levels;
use super::tail::Tail;
use super::tiles::TileCheck;
use super::torn::{Beyond, Torn};
use super::trust::{Trust, open_head};
use super::{ChainError, Checkpoint, Decoded, EventError, Hash, Head, Log, Origin, TileId, Tree, Witness};
use super::{
    TABLE_EVENTS, TABLE_HEAD, TABLE_TILES, TILE_WIDTH, entries, event, event_key, event_seq, head_key, tile_id,
    tile_key,
};
use crate::codec::table_range;
use bytes::Bytes;
use std::cmp::Ordering;

/// Keys of which the rows are wanted next: `from <= key < to`, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The first key.
    pub from: Bytes,
    /// The key after the last.
    pub to: Bytes,
}

/// A log that was verified.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The log, ready to be appended to.
    pub log: Log,
    /// How many events a signature of a trusted key covers, from the first.
    pub signed: u64,
    /// The first event that was read and verified: 0 unless it was opened [from its end](Opening::from_end).
    pub from: u64,
    /// What a batch left behind that was never acknowledged.
    pub torn: Option<Torn>,
}

impl Opened {
    /// The same for a storage that never stores a part of a batch.
    ///
    /// # Errors
    /// Something lies beyond the head, so it is an older one that was put back.
    pub fn whole(self) -> Result<Opened, ChainError> {
        match self.torn {
            Some(torn) => Err(head_mismatch(torn.seq, "events lie beyond it, so it is an older head")),
            None => Ok(self),
        }
    }
}

/// Verifies a whole log:
///
/// ```text
/// while let Some(want) = opening.wants() {
///     let page = storage.scan(&want.from, &want.to, 1024).await?;
///     opening.feed(&page.rows, page.next, &mut |event| look_at(event))?;
/// }
/// let opened = opening.finish()?;
/// ```
#[derive(Debug)]
pub struct Opening {
    origin: Origin,
    trust: Trust,
    /// Checkpoints to compare with, smallest first, and whether each is that of the head row.
    checkpoints: Vec<(Checkpoint, bool)>,
    /// How many of them have been reached, and what the first of those that differs says.
    reached: usize,
    differs: Option<ChainError>,
    stage: Stage,
    /// How many events the signature covers that are to be read at least; all of them if `None`.
    recent: Option<u64>,
    /// The edge of the tree over the events before the first that is read.
    edge: Edge,
    /// Where the scan of this stage goes on.
    from: Bytes,
    head: Option<Head>,
    tail: Tail,
    tree: Tree,
    hash: Hash,
    last_row: u64,
    tiles: TileCheck,
    /// Where the chain of hashes breaks.
    broken: Option<Break>,
    beyond: Beyond,
}

/// An event that does not follow the one before it. The tiles will tell which of them was changed.
#[derive(Clone, Copy, Debug)]
struct Break {
    seq: u64,
    /// Whether the event after it follows it: then it belongs to another log.
    goes_on: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    /// Looks for the row to begin with.
    Begin,
    /// Reads the edge of the tree over the events before that row.
    Edge,
    Events,
    /// Compares the tiles of one level that wait; then events go on at the key.
    Waiting(u8, Bytes),
    /// Compares what is left of a level, and then of the next. Above the highest there must be nothing.
    Rest(u8),
    Done,
}

impl Opening {
    /// Prepares to verify the log of `origin`. If storage turns out to hold no row of a log at all, the
    /// result is a new one; whether that can be is for the caller to know.
    pub fn new(origin: Origin, trust: Trust) -> Opening {
        Opening {
            origin,
            trust,
            checkpoints: Vec::new(),
            reached: 0,
            differs: None,
            stage: Stage::Head,
            recent: None,
            edge: Edge::default(),
            from: head_key(),
            head: None,
            tail: Tail::default(),
            tree: Tree::new(),
            hash: Hash::ZERO,
            last_row: 0,
            tiles: TileCheck::default(),
            broken: None,
            beyond: Beyond::default(),
        }
    }

    /// Says that an event of `kind` begins a start, which is always signed. To be called before the first page.
    pub fn starting_with(mut self, kind: u8) -> Opening {
        self.tail.begins_with(kind);
        self
    }

    /// Verifies no more than the end: all events that no signature covers, and about the last `recent` that one does,
    /// from the first row that begins among them. Where it covers no more than that, everything is verified. `recent`
    /// is more than a row can hold; with fewer, a long row is taken for one that is missing.
    ///
    /// It is compared with no checkpoint but that of the head row. That an event before the first that is read was
    /// changed or is missing is not found, and none of them is vouched for by what is appended: the tree that goes on
    /// is the one that was signed.
    #[must_use]
    pub fn from_end(self, recent: u64) -> Opening {
        Opening { recent: Some(recent), ..self }
    }

    /// Compares with a checkpoint that was kept elsewhere as well, which is what finds a tail that was cut
    /// together with the head, and a rewrite by whoever holds the key. To be called before the first page.
    /// That the checkpoint's own signature is good is the caller's to check ([`Checkpoint::open`]).
    pub fn against(mut self, checkpoint: Checkpoint) -> Result<Opening, ChainError> {
        if checkpoint.origin != self.origin {
            let (found, expected) = (checkpoint.origin.to_string(), self.origin.to_string());
            return Err(ChainError::WrongOrigin { found, expected });
        }
        self.expect(checkpoint, false);
        Ok(self)
    }

    /// Which rows to feed next; `None` when it is time to [`Opening::finish`].
    pub fn wants(&self) -> Option<Want> {
        let to = match &self.stage {
            Stage::Head => table_range(TABLE_HEAD).1,
            Stage::Edge => {
                let TileId { level, index } = self.edge.wanted();
                tile_key(TileId { level, index: index + 1 })
            }
            Stage::Begin | Stage::Events => table_range(TABLE_EVENTS).1,
            Stage::Waiting(level, _) => tile_key(TileId { level: *level, index: self.tiles.waiting(*level).1 }),
            Stage::Rest(level) if self.is_above(*level) => table_range(TABLE_TILES).1,
            Stage::Rest(level) if let Some(broken) = self.broken => {
                tile_key(TileId { level: *level, index: broken.seq / TILE_WIDTH + 1 })
            }
            Stage::Rest(level) => tile_key(TileId { level: level + 1, index: 0 }),
            Stage::Done => return None,
        };
        Some(Want { from: self.from.clone(), to })
    }

    /// Up to which event it has come, and how many the head row says that there are.
    pub fn position(&self) -> (u64, u64) {
        (self.tree.size(), self.head.as_ref().map_or(0, |head| head.size))
    }

    /// Takes rows of the range that is wanted, in order and from its start. `next` is the key at which the
    /// range goes on, `None` if these are all of its rows: the page of a scan. `each` is shown every event of it that follows
    /// the one before; that it belongs to the log is certain only when the opening is finished. After an error the opening
    /// is of no further use.
    pub fn feed(
        &mut self,
        page: &[(Bytes, Bytes)],
        next: Option<Bytes>,
        each: &mut dyn FnMut(&Decoded<'_>),
    ) -> Result<(), ChainError> {
        match self.stage.clone() {
            Stage::Head => {
                self.head_row(page)?;
                self.enter(if self.begins_at() > 0 { Stage::Begin } else { Stage::Events });
            }
            Stage::Begin => {
                self.begin(page)?;
                self.enter(Stage::Edge);
            }
            Stage::Edge => {
                self.edge.row(page)?;
                if self.edge.is_read() {
                    let other = || head_mismatch(self.edge.size(), "its last tiles are of another tree");
                    self.tree = self.edge.tree().ok_or_else(other)?;
                    self.tiles = TileCheck::from(self.tree.size());
                    self.enter(Stage::Events);
                } else {
                    self.enter(Stage::Edge);
                }
            }
            Stage::Events => {
                self.event_rows(page, each)?;
                match next {
                    _ if self.broken.is_some() => self.enter(Stage::Rest(0)),
                    None => {
                        self.check_length()?;
                        self.enter(Stage::Rest(0));
                    }
                    Some(next) => match self.tiles.crowded() {
                        Some(level) => self.enter(Stage::Waiting(level, next)),
                        None => self.from = next,
                    },
                }
            }
            Stage::Waiting(level, events) => {
                self.tile_rows(page, false)?;
                match next {
                    Some(next) => self.from = next,
                    None => {
                        self.tiles.end(level, None, &mut self.beyond);
                        self.enter(Stage::Events);
                        self.from = events;
                    }
                }
            }
            Stage::Rest(level) => {
                self.tile_rows(page, true)?;
                match next {
                    Some(next) => self.from = next,
                    None => {
                        self.tiles.end(level, Some(&self.tree), &mut self.beyond);
                        let last = self.is_above(level) || self.broken.is_some();
                        self.enter(if last { Stage::Done } else { Stage::Rest(level + 1) });
                    }
                }
            }
            Stage::Done => {}
        }
        Ok(())
    }

    /// The verdict, once nothing more is wanted.
    pub fn finish(self) -> Result<Opened, ChainError> {
        debug_assert_eq!(self.stage, Stage::Done, "rows are still wanted");
        let missing = self.checkpoints.get(self.reached).map(|(checkpoint, _)| ChainError::Truncated {
            seq: self.tree.size(),
            size: checkpoint.size,
            by: Witness::Checkpoint,
        });
        let Some(head) = self.head else {
            let log = Log::new(self.origin);
            return missing.map_or(Ok(Opened { log, signed: 0, from: 0, torn: None }), Err);
        };
        let (size, changed) = (head.size, self.tiles.changed_leaf());
        if let Some(Break { seq, goes_on }) = self.broken {
            return Err(match changed {
                Some(changed) if changed < seq || !goes_on => tampered(changed, "its hash is not the one in the tree"),
                _ => ChainError::Forked { seq },
            });
        }
        if head.hash != self.hash || head.root != self.tree.root() {
            return Err(match changed {
                Some(seq) if seq + 1 == size => tampered(seq, "its hash is neither in the tree nor in the head row"),
                Some(seq) => ChainError::Forked { seq },
                None if head.hash != self.hash => head_mismatch(size, "it names another last event"),
                None => head_mismatch(size, "it names another root"),
            });
        }
        if let Some(fault) = self.tiles.fault() {
            let what = if fault.missing { "missing" } else { "not the one of these events" };
            return Err(ChainError::Tile { level: fault.id.level, index: fault.id.index, seq: fault.seq, what });
        }
        if head.last_row != self.last_row {
            return Err(head_mismatch(size, "it names another last row"));
        }
        if let Some(wrong) = self.differs.or(missing) {
            return Err(wrong);
        }
        self.tail.check(size)?;
        let log = Log::at(self.origin, self.tree, self.hash, self.last_row, head.checkpoint, false);
        let (from, torn) = (self.edge.size(), self.beyond.torn(size));
        Ok(Opened { log, signed: self.tail.signed(), from, torn })
    }

    fn enter(&mut self, stage: Stage) {
        self.from = match &stage {
            Stage::Head | Stage::Done => head_key(),
            Stage::Begin => event_key(self.begins_at()),
            Stage::Edge => tile_key(self.edge.wanted()),
            Stage::Events if self.edge.size() > 0 => event_key(self.edge.size()),
            Stage::Events => table_range(TABLE_EVENTS).0,
            Stage::Waiting(level, _) | Stage::Rest(level) => match (*level, self.tiles.waiting(*level).0) {
                (0, 0) => table_range(TABLE_TILES).0,
                (level, index) => tile_key(TileId { level, index }),
            },
        };
        self.stage = stage;
    }

    /// Whether `level` is above the highest that the tree has.
    fn is_above(&self, level: u8) -> bool {
        usize::from(level) >= levels(self.tree.size())
    }

    fn head_row(&mut self, page: &[(Bytes, Bytes)]) -> Result<(), ChainError> {
        for (key, value) in page {
            if *key != head_key() {
                return Err(malformed(key));
            }
            let (head, checkpoint) = open_head(value, &self.origin, &self.trust)?;
            if let Some(checkpoint) = checkpoint {
                self.tail.behind(checkpoint.clone());
                self.expect(checkpoint, true);
            }
            self.head = Some(head);
        }
        self.meet_checkpoints();
        Ok(())
    }

    /// The event from which on a row is looked for to begin with.
    fn begins_at(&self) -> u64 {
        self.recent.map_or(0, |recent| self.covered().saturating_sub(recent.max(1)))
    }

    /// How many events are signed, where a signature is asked for, or are there.
    fn covered(&self) -> u64 {
        match (&self.trust, &self.head) {
            (Trust::Unsigned, Some(head)) => head.size,
            _ => self.tail.signed(),
        }
    }

    /// Begins with the first of these rows, which has to begin with an event that the signature covers.
    fn begin(&mut self, page: &[(Bytes, Bytes)]) -> Result<(), ChainError> {
        let (seq, size) = (self.begins_at(), self.head.as_ref().map_or(0, |head| head.size));
        let Some((key, _)) = page.first() else {
            return Err(ChainError::Truncated { seq, size, by: Witness::Head });
        };
        let first = event_seq(key).ok_or_else(|| malformed(key))?;
        self.edge = Edge::over(first);
        if first < self.covered() { Ok(()) } else { Err(ChainError::Gap { seq, found: first }) }
    }

    fn event_rows(&mut self, page: &[(Bytes, Bytes)], each: &mut dyn FnMut(&Decoded<'_>)) -> Result<(), ChainError> {
        for (key, row) in page {
            let first = event_seq(key).ok_or_else(|| malformed(key))?;
            let size = self.head.as_ref().ok_or(ChainError::HeadMissing)?.size;
            if first >= size {
                self.check_length()?;
                self.beyond.event_row(key, row, size)?;
                continue;
            }
            let seq = self.tree.size();
            match first.cmp(&seq) {
                Ordering::Greater => return Err(ChainError::Gap { seq, found: first }),
                Ordering::Less => return Err(ChainError::Forked { seq: first }),
                Ordering::Equal => self.last_row = first,
            }
            self.events(first, row, size, each)?;
            if self.broken.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Takes the row whose first event is `first`, up to where the chain of hashes breaks.
    fn events(
        &mut self,
        first: u64,
        row: &[u8],
        size: u64,
        each: &mut dyn FnMut(&Decoded<'_>),
    ) -> Result<(), ChainError> {
        let mut rest = entries(row);
        while let Some(entry) = rest.next() {
            let seq = self.tree.size();
            let entry = entry.map_err(|cut| tampered(seq, &cut.to_string()))?;
            if seq == size {
                return Err(head_mismatch(size, "the row of its last event goes on"));
            }
            let event = event::decode(entry).map_err(|e| match e {
                EventError::Version { found } => ChainError::Version { seq, found },
                EventError::Malformed(e) => tampered(seq, &e.to_string()),
            })?;
            if event.seq != seq {
                return Err(out_of_place(seq, event.seq, seq == first, size, rest));
            }
            if seq > 0 && seq == self.edge.size() {
                // What it follows was not read. That it follows it is signed with it.
                self.hash = event.prev;
            }
            let leaf = Hash::leaf(entry);
            let tiles = &mut self.tiles;
            self.tree.push(leaf, |id, tile| tiles.computed(id, tile));
            if event.prev != self.hash {
                let next = rest.next().and_then(Result::ok).and_then(|entry| event::decode(entry).ok());
                self.broken = Some(Break { seq, goes_on: next.is_some_and(|next| next.prev == leaf) });
                return Ok(());
            }
            self.hash = leaf;
            self.tail.event(seq, event.header.kind);
            each(&event);
            self.meet_checkpoints();
        }
        if self.tree.size() == first { Err(tampered(first, "its row is empty")) } else { Ok(()) }
    }

    /// Whether all events of the head have been read.
    fn check_length(&self) -> Result<(), ChainError> {
        match &self.head {
            Some(head) if self.tree.size() < head.size => {
                Err(ChainError::Truncated { seq: self.tree.size(), size: head.size, by: Witness::Head })
            }
            _ => Ok(()),
        }
    }

    /// Compares rows of tiles; `rest` if all events have been read.
    fn tile_rows(&mut self, page: &[(Bytes, Bytes)], rest: bool) -> Result<(), ChainError> {
        for (key, tile) in page {
            let id = tile_id(key).ok_or_else(|| malformed(key))?;
            if self.head.is_none() {
                return Err(ChainError::HeadMissing);
            }
            let belongs = self.tiles.stored(id, tile, rest.then_some(&self.tree), &mut self.beyond);
            if !belongs && self.broken.is_none() {
                self.beyond.remove(key, tile);
            }
        }
        Ok(())
    }

    fn expect(&mut self, checkpoint: Checkpoint, in_head: bool) {
        self.checkpoints.push((checkpoint, in_head));
        self.checkpoints.sort_by_key(|(checkpoint, _)| checkpoint.size);
    }

    /// Compares with the checkpoints of the size that has just been reached.
    fn meet_checkpoints(&mut self) {
        while let Some((checkpoint, in_head)) = self.checkpoints.get(self.reached)
            && checkpoint.size == self.tree.size()
        {
            if checkpoint.root != self.tree.root() && self.differs.is_none() {
                let since = self.reached.checked_sub(1).map_or(0, |last| self.checkpoints[last].0.size);
                self.differs = Some(match &self.head {
                    Some(head) if *in_head => head_mismatch(head.size, "its signed checkpoint is for other events"),
                    _ => ChainError::Rewritten { since, size: checkpoint.size },
                });
            }
            self.reached += 1;
        }
    }
}
