//! Where in the log the events of an act lie: what is read to make a receipt, however long the log is.
//!
//! Acts are numbered as they come, so their events lie nearly in the order of their numbers, but for acts that wait or last.
//! A *mark* tells a number and a place: no event before that place is of an act above that number. So the events of an act
//! begin at its mark, the highest that is below its number, or behind it. One that lies more than [`NEAR`] events behind
//! its mark is *late*, and has a row that tells its place. Both are written with the events themselves, whatever order these
//! come in. So what tells of an act is in the [`NEAR`] events from its mark on and in its late rows: a lookup reads those, at
//! O(log n) for finding them. Acts below the first mark, of a log from before there were any, are looked for in all of it.
//!
//! The rows only say where to look. What is found there is held against the log, and `weft chain verify` holds the rows
//! against it ([`IndexCheck`]).

use super::event::kind;
use super::receipt::row_of;
use super::rows::{TABLE_LATE, TABLE_MARK, key, numbered};
use super::start::{BootError, PAGE, all};
use crate::chain::{Decoded, Hash, Row, TABLE_EVENTS, decode_verified, entries, event_key};
use crate::codec::table_range;
use crate::id::ActionId;
use crate::platform::{Key, Storage, StorageError};
use bytes::Bytes;
use std::collections::VecDeque;

/// How many events behind its mark an event may lie that is not late.
pub(super) const NEAR: u64 = 4_096;
/// How many events lie between two marks.
const STEP: u64 = 512;

/// Whether an event of this kind is part of what is told of an act. What counts acts that followed (how often a route was
/// used, how often the same was refused) is not: that goes on.
pub(super) fn is_part(kind: u8) -> bool {
    use kind::{ANSWERED, ESCALATED, INTENT, OBSERVED, OUTCOME, REFUSED, ROUTE_OPENED, UNFIT};
    matches!(kind, INTENT | OUTCOME | OBSERVED | REFUSED | ROUTE_OPENED | ANSWERED | ESCALATED | UNFIT)
}

/// No event before `from` is of an act above `above`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    above: ActionId,
    from: u64,
}

impl Mark {
    /// Inverted, so that the first row from a number on is the highest mark that is not above it.
    fn key(above: ActionId) -> Key {
        numbered(TABLE_MARK, !above.0)
    }

    fn row(self) -> Row {
        (Mark::key(self.above), Some(Bytes::copy_from_slice(&self.from.to_be_bytes())))
    }

    fn read(key: &[u8], row: &[u8]) -> Option<Mark> {
        let above = ActionId(!u64::from_be_bytes(key[1..].try_into().ok()?));
        Some(Mark { above, from: u64::from_be_bytes(row.try_into().ok()?) })
    }
}

fn late_key(action: ActionId, seq: u64) -> Key {
    key(TABLE_LATE, &[action.0.to_be_bytes(), seq.to_be_bytes()].concat())
}

/// Makes the rows while the log grows.
#[derive(Debug)]
pub(super) struct Index {
    /// Those that are near, in order: what is above the first is near.
    marks: VecDeque<Mark>,
    /// The highest number of an act so far.
    last: ActionId,
}

impl Index {
    /// One that goes on with a log in which no act is above `last`.
    pub(super) fn new(last: ActionId) -> Index {
        Index { marks: VecDeque::new(), last }
    }

    /// Takes the event that was appended at `seq`, and puts the rows that it makes into `rows`.
    pub(super) fn event(&mut self, seq: u64, action: ActionId, kind: u8, rows: &mut Vec<Row>) {
        if self.marks.back().is_none_or(|mark| seq - mark.from >= STEP) {
            let mark = Mark { above: self.last, from: seq };
            self.marks.push_back(mark);
            rows.push(mark.row());
        }
        while self.marks.front().is_some_and(|mark| seq - mark.from > NEAR) {
            self.marks.pop_front();
        }
        let near = self.marks.front().is_some_and(|mark| mark.above < action);
        if is_part(kind) && action != ActionId(0) && !near {
            rows.push((late_key(action, seq), Some(Bytes::new())));
        }
        self.last = self.last.max(action);
    }
}

/// What removes the marks of a batch that was not stored as a whole, where `size` events were: numbers of its acts may be used
/// again.
pub(super) async fn beyond<S: Storage>(storage: &S, size: u64) -> Result<Vec<Row>, StorageError> {
    let rows = all(storage, TABLE_MARK).await?.into_iter();
    let is_beyond = |(key, row): &(Bytes, Bytes)| Mark::read(key, row).is_some_and(|mark| mark.from >= size);
    Ok(rows.filter(is_beyond).map(|(key, _)| (key, None)).collect())
}

/// Events of one act.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that tell of it, each with its place, in order.
    pub(super) events: Vec<(u64, Vec<u8>)>,
    /// The last event that was read of those that follow each other, if any: if the log has that, it has them all.
    pub(super) read: Option<(u64, Hash)>,
}

/// Why they were not found.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotFound {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("event {0} was changed or is missing")]
    Changed(u64),
}

/// What the first `size` events tell of `action`. Events that lie side by side are held against each other; whether they are
/// those of the log is for the caller to see.
pub(super) async fn events_of<S: Storage>(storage: &S, action: ActionId, size: u64) -> Result<Found, NotFound> {
    let mut found = Found::default();
    if action == ActionId(0) {
        return Ok(found);
    }
    let mark = mark_of(storage, action).await?;
    let (begin, end) = mark.map_or((0, size), |mark| (mark.from, size.min(mark.from.saturating_add(NEAR + 1))));
    if begin >= end || found.read_near(storage, action, begin, end).await? {
        return Ok(found);
    }
    let (mut from, to) = (late_key(action, end), numbered(TABLE_LATE, action.0.saturating_add(1)));
    loop {
        let page = storage.scan(&from, &to, PAGE).await?;
        let places =
            page.rows.iter().filter_map(|(key, _)| Some(u64::from_be_bytes(key[1..].get(8..)?.try_into().ok()?)));
        for seq in places.filter(|seq| *seq < size) {
            if found.read_one(storage, action, seq).await? {
                return Ok(found);
            }
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(found),
        }
    }
}

/// The highest mark below `action`.
async fn mark_of<S: Storage>(storage: &S, action: ActionId) -> Result<Option<Mark>, StorageError> {
    let below = Mark::key(ActionId(action.0 - 1));
    let page = storage.scan(&below, &table_range(TABLE_MARK).1, 1).await?;
    Ok(page.rows.first().and_then(|(key, row)| Mark::read(key, row)))
}

impl Found {
    /// Reads the events from the row of event `begin` to before `end`; whether the act has ended among them.
    async fn read_near<S: Storage>(
        &mut self,
        storage: &S,
        action: ActionId,
        begin: u64,
        end: u64,
    ) -> Result<bool, NotFound> {
        let mut seq = row_of(storage, begin).await?;
        let (mut from, to) =
            (event_key(seq), if end == u64::MAX { table_range(TABLE_EVENTS).1 } else { event_key(end) });
        loop {
            let page = storage.scan(&from, &to, PAGE).await?;
            for bytes in page.rows.iter().flat_map(|(_, row)| entries(row)) {
                if seq >= end {
                    return Ok(false);
                }
                let event = bytes.ok().and_then(|bytes| Some((bytes, decode_verified(bytes).ok()?)));
                let follows = |event: &Decoded<'_>| match self.read {
                    Some((_, hash)) => event.prev == hash,
                    None => seq > 0 || event.prev == Hash::ZERO,
                };
                let fits = event.filter(|(_, event)| event.seq == seq && follows(event));
                let (bytes, event) = fits.ok_or(NotFound::Changed(seq))?;
                self.read = Some((seq, Hash::leaf(bytes)));
                seq += 1;
                if self.take(action, bytes, &event) {
                    return Ok(true);
                }
            }
            match page.next {
                Some(next) => from = next,
                None => return Ok(false),
            }
        }
    }

    /// Reads event `seq`; whether the act has ended with it.
    async fn read_one<S: Storage>(&mut self, storage: &S, action: ActionId, seq: u64) -> Result<bool, NotFound> {
        let row = storage.get(&event_key(row_of(storage, seq).await?)).await?.unwrap_or_default();
        for bytes in entries(&row).map_while(Result::ok) {
            match decode_verified(bytes) {
                Ok(event) if event.seq == seq => return Ok(self.take(action, bytes, &event)),
                Ok(event) if event.seq < seq => {}
                _ => break,
            }
        }
        Err(NotFound::Changed(seq))
    }

    /// Takes an event if it is part of what is told of `action`; whether nothing of that follows it.
    fn take(&mut self, action: ActionId, bytes: &[u8], event: &Decoded<'_>) -> bool {
        let of_it = event.header.action == action && is_part(event.header.kind);
        if of_it {
            self.events.push((event.seq, bytes.to_vec()));
        }
        of_it && matches!(event.header.kind, kind::OUTCOME | kind::REFUSED)
    }
}

/// Holds the rows against the log: it is shown all events, and looks for the rows that they should have.
#[derive(Debug)]
pub(super) struct IndexCheck {
    /// In the order of the log.
    marks: Vec<Mark>,
    /// How many of them lie at or before the event, and the first that is near it.
    passed: usize,
    near: usize,
    last: ActionId,
    /// Late events whose rows are to be looked for.
    late: Vec<(ActionId, u64)>,
    fault: Option<BootError>,
}

impl IndexCheck {
    /// Over the marks that are stored.
    pub(super) async fn new<S: Storage>(storage: &S) -> Result<IndexCheck, BootError> {
        let rows = all(storage, TABLE_MARK).await?;
        let marks: Option<Vec<Mark>> = rows.iter().rev().map(|(key, row)| Mark::read(key, row)).collect();
        let marks = marks.filter(|marks| marks.is_sorted_by_key(|mark| mark.from));
        let damaged = || BootError::Damaged("the rows that say where acts are told of are not in order".to_owned());
        let marks = marks.ok_or_else(damaged)?;
        Ok(IndexCheck { marks, passed: 0, near: 0, last: ActionId(0), late: Vec::new(), fault: None })
    }

    /// Takes the next event.
    pub(super) fn event(&mut self, event: &Decoded<'_>) {
        let (seq, action) = (event.seq, event.header.action);
        while self.marks.get(self.passed).is_some_and(|mark| mark.from <= seq) {
            let mark = self.marks[self.passed];
            if mark.above < self.last {
                self.fault.get_or_insert_with(|| wrong(mark.above, mark.from));
            }
            self.passed += 1;
        }
        while self.marks.get(self.near).is_some_and(|mark| seq.saturating_sub(mark.from) > NEAR) {
            self.near += 1;
        }
        self.last = self.last.max(action);
        let is_above = |mark: &Mark| mark.above < action;
        let near = self.near < self.passed && is_above(&self.marks[self.near]);
        // What is below the first mark is looked for everywhere.
        if !near && action != ActionId(0) && is_part(event.header.kind) && self.marks.first().is_some_and(is_above) {
            self.late.push((action, seq));
        }
    }

    /// Looks for the rows of the late events since the last time.
    pub(super) async fn compare<S: Storage>(&mut self, storage: &S) -> Result<(), StorageError> {
        for (action, seq) in self.late.drain(..) {
            if storage.get(&late_key(action, seq)).await?.is_none() {
                self.fault.get_or_insert_with(|| wrong(action, seq));
            }
        }
        Ok(())
    }

    /// What was found.
    pub(super) fn found(self) -> Result<(), BootError> {
        // A mark behind the last event says nothing of those that come.
        match self.marks.get(self.passed) {
            Some(mark) => Err(wrong(mark.above, mark.from)),
            None => self.fault.map_or(Ok(()), Err),
        }
    }
}

fn wrong(action: ActionId, seq: u64) -> BootError {
    BootError::Damaged(format!(
        "a row that says where act {} is told of, at event {seq}, was changed or is gone",
        action.0
    ))
}
