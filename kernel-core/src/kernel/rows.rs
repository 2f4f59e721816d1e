//! The rows that step keeps at hand, and where each kind of row lies.
//!
//! Step never waits: what it needs and has not, it asks for by `Need`, and the driver loads it. A row
//! that may have been evicted is simply asked for again, because the driver looks into what it has not
//! yet written before it looks into storage.
//!
//! The rows of the tree's hashes are `tree`'s: [`crate::tree::TABLE_BRANCHES`].

use crate::path::{Kind, Name, Verb};
use crate::platform::Key;
use bytes::{BufMut, Bytes, BytesMut};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Counters that are never reused: pid, action, message, stream, each a big-endian u64.
pub const TABLE_COUNTERS: u8 = 0x40;
/// Nodes of the resource tree, by canonical path.
pub const TABLE_TREE: u8 = 0x41;
/// Salt and body of an outward act, by action id.
pub const TABLE_BODY: u8 = 0x42;
/// How often an act was let pass, by agent name, verb and kind of resource.
pub const TABLE_NOVELTY: u8 = 0x43;
/// Labels of files that the kernel wrote and of applications, by canonical path.
pub const TABLE_LABELS: u8 = 0x44;
/// Installed applications, by name.
pub const TABLE_APP: u8 = 0x45;
/// Pieces of components, by SHA-256 and number.
pub const TABLE_BLOB: u8 = 0x46;
/// Intents without an outcome, by action id: what a later start closes as `unknown`.
pub const TABLE_OPEN: u8 = 0x47;
/// Applications that were started to stay, by name: what they carried when they were started, by which plan, and
/// which of their agents are not to be started. A later boot starts them again, but for those that the row says were killed,
/// or are over and had somebody killed.
pub const TABLE_RUNNING: u8 = 0x48;
/// What is known of dead letters, by number.
pub const TABLE_LETTER: u8 = 0x49;
/// Their payloads, by number.
pub const TABLE_LETTER_PAYLOAD: u8 = 0x4a;
/// What is known of the messages of durable inboxes, by application, agent and number: `app/agent/` and a u64.
pub const TABLE_INBOX: u8 = 0x4b;
/// Their payloads.
pub const TABLE_INBOX_PAYLOAD: u8 = 0x4c;
/// One row, while a kernel runs that has not stopped in order: how many messages wait in inboxes that are not durable, as a
/// big-endian u64.
pub const TABLE_ALIVE: u8 = 0x4d;
/// How often their agent has failed at messages of durable inboxes, where it has: a big-endian u64.
pub const TABLE_INBOX_FAILED: u8 = 0x4e;

/// One row: the uppermost node of the tree, and the act that made it so.
pub const TABLE_TREE_HEAD: u8 = 0x51;

/// Snapshots of the tree, by the act that took each.
pub const TABLE_SNAPSHOT: u8 = 0x52;
/// What nodes were before they changed, by the number of the snapshot that goes by it, and path.
pub const TABLE_SNAPSHOT_NODE: u8 = 0x53;

/// How many bytes the tree holds of an agent, by `APPLICATION/AGENT`: a big-endian u64.
pub const TABLE_HELD: u8 = 0x54;
/// Marks, by the bits of a number of an act inverted: no event before the place that a mark tells is of an act above it.
pub const TABLE_MARK: u8 = 0x60;
/// Events that lie far behind the mark of their act, by act and place.
pub const TABLE_LATE: u8 = 0x61;

/// Where the tables of the kernel end.
pub const TABLE_END: u8 = 0xf0;

/// How many rows step keeps at hand between two inputs.
pub const CACHED: usize = 65_536;
/// How many bytes of them, keys included.
const CACHED_BYTES: usize = 64 << 20;

/// The key of the row of `table` at `rest`.
pub fn key(table: u8, rest: &[u8]) -> Key {
    let mut key = BytesMut::with_capacity(1 + rest.len());
    key.put_u8(table);
    key.extend_from_slice(rest);
    key.freeze()
}

/// The key of a row numbered by an id.
pub fn numbered(table: u8, id: u64) -> Key {
    key(table, &id.to_be_bytes())
}

/// The key of a novelty count.
pub fn novelty(agent: &Name, verb: Verb, kind: Kind) -> Key {
    key(TABLE_NOVELTY, format!("{agent}/{}/{}", verb.as_str(), kind.as_str()).as_bytes())
}

/// A bounded cache of rows, each known to hold a value or known to be absent.
///
/// It forgets only between two inputs: what a step found at hand stays at hand until that step is over.
#[derive(Debug)]
pub struct Rows {
    known: FxHashMap<Key, Option<Bytes>>,
    order: VecDeque<Key>,
    bytes: usize,
    bound: usize,
}

impl Rows {
    /// None yet; at most `bound` are kept between two inputs.
    pub fn new(bound: usize) -> Rows {
        Rows { known: FxHashMap::default(), order: VecDeque::new(), bytes: 0, bound }
    }

    /// The row, if it is at hand: `Some(None)` means that there is no such row.
    pub fn get(&self, key: &[u8]) -> Option<Option<&Bytes>> {
        self.known.get(key).map(Option::as_ref)
    }

    /// Takes note of a row, loaded or written.
    pub fn set(&mut self, key: Key, value: Option<Bytes>) {
        self.bytes += size(&key, value.as_ref());
        match self.known.insert(key.clone(), value) {
            Some(before) => self.bytes -= size(&key, before.as_ref()),
            None => self.order.push_back(key),
        }
    }

    /// Forgets the oldest rows over the bounds. Whoever needs one of them asks for it again.
    pub fn forget(&mut self) {
        while self.order.len() > self.bound || self.bytes > CACHED_BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            let value = self.known.remove(&oldest);
            self.bytes -= size(&oldest, value.flatten().as_ref());
        }
    }
}

fn size(key: &Key, value: Option<&Bytes>) -> usize {
    key.len() + value.map_or(0, Bytes::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_in_bytes() {
        let mut rows = Rows::new(CACHED);
        let mib = Bytes::from(vec![0; 1 << 20]);
        for n in 0..200 {
            rows.set(numbered(TABLE_TREE, n), Some(mib.clone()));
            rows.set(numbered(TABLE_TREE, n), Some(mib.slice(1..)));
            rows.forget();
        }
        assert!(rows.bytes <= CACHED_BYTES && rows.order.len() == rows.known.len());
        assert!(rows.get(&numbered(TABLE_TREE, 199)).is_some() && rows.get(&numbered(TABLE_TREE, 0)).is_none());
        (0..200).for_each(|n| rows.set(numbered(TABLE_TREE, n), None));
        assert_eq!(rows.bytes, rows.order.iter().map(|key| key.len()).sum::<usize>());
    }
}
