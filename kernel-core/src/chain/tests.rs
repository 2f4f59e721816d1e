//! Tests of the log. This file holds what they share: a storage in memory, a fixed key, a driver.

mod end;
mod evidence;
mod growth;
mod merkle;
mod notes;
mod tampering;
mod torn;
mod unnoticed;
mod vectors;

use super::*;
use crate::codec;
use crate::id::ActionId;
use crate::time::WallTime;
use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use std::collections::BTreeMap;

/// Rows in memory.
#[derive(Clone, Debug, Default, PartialEq)]
struct Store(BTreeMap<Bytes, Bytes>);

impl Store {
    fn commit(&mut self, rows: Vec<Row>) {
        for (key, value) in rows {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }

    fn page(&self, want: &Want, limit: usize) -> (Vec<(Bytes, Bytes)>, Option<Bytes>) {
        assert!(want.from <= want.to, "{want:?}");
        let mut rows = self.0.range(want.from.clone()..want.to.clone()).map(|(k, v)| (k.clone(), v.clone()));
        (rows.by_ref().take(limit).collect(), rows.next().map(|(key, _)| key))
    }

    fn tile(&self, id: TileId) -> Option<Bytes> {
        self.0.get(&tile_key(id)).cloned()
    }

    fn head(&self) -> Head {
        Head::decode(&self.0[&head_key()]).unwrap()
    }

    /// The keys of event rows and the events in them.
    fn events(&self) -> Vec<(Bytes, Vec<Vec<u8>>)> {
        let (from, to) = codec::table_range(TABLE_EVENTS);
        let row = |row: &Bytes| entries(row).map(|e| e.unwrap().to_vec()).collect();
        self.0.range(from..to).map(|(key, value)| (key.clone(), row(value))).collect()
    }

    fn put_events(&mut self, key: &Bytes, events: &[Vec<u8>]) {
        self.0.insert(key.clone(), row_of(events));
    }
}

fn row_of(events: &[Vec<u8>]) -> Bytes {
    let mut row = Vec::new();
    for event in events {
        row.extend_from_slice(&(event.len() as u16).to_be_bytes());
        row.extend_from_slice(event);
    }
    Bytes::from(row)
}

fn origin() -> Origin {
    Origin::parse("weft.example/log").unwrap()
}

fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn key_of(signing: &SigningKey) -> VerifierKey {
    VerifierKey { name: origin(), public: signing.verifying_key().to_bytes() }
}

fn trust() -> Trust {
    Trust::Signed { keys: vec![key_of(&signing_key())], whole: true }
}

fn sign(checkpoint: &Checkpoint, signing: &SigningKey) -> String {
    checkpoint.sign(&key_of(signing), signing.sign(checkpoint.body().as_bytes()).to_bytes())
}

fn header(n: u64) -> Header {
    Header { wall: WallTime(1_700_000_000_000_000_000 + n), action: ActionId(n / 2), kind: (n % 5) as u8 }
}

fn content(n: u64) -> Vec<u8> {
    codec::encode(&(n, format!("content of event {n}"))).unwrap()
}

fn append(log: &mut Log, count: u64) {
    for _ in 0..count {
        let n = log.size();
        assert_eq!(log.append(header(n), &content(n)).unwrap(), n);
    }
}

fn seal(log: &mut Log) -> Vec<Row> {
    let note = sign(&log.checkpoint(), &signing_key());
    log.attach(note).unwrap();
    log.seal()
}

/// A signed log that was committed in batches of these sizes, and its storage.
fn stored(batches: &[u64]) -> (Log, Store) {
    let (mut log, mut store) = (Log::new(origin()), Store::default());
    for count in batches {
        append(&mut log, *count);
        store.commit(seal(&mut log));
    }
    (log, store)
}

fn drive(store: &Store, mut opening: Opening, limit: usize) -> Result<Opened, ChainError> {
    while let Some(want) = opening.wants() {
        let (rows, next) = store.page(&want, limit);
        opening.feed(&rows, next, &mut |_| {})?;
    }
    opening.finish()
}

fn open(store: &Store) -> Result<Opened, ChainError> {
    let pages = drive(store, Opening::new(origin(), trust()), 2);
    let whole = drive(store, Opening::new(origin(), trust()), usize::MAX);
    assert_eq!(pages.as_ref().err(), whole.as_ref().err(), "the size of pages makes no difference");
    pages
}

fn open_against(store: &Store, checkpoint: &Checkpoint) -> Result<Opened, ChainError> {
    drive(store, Opening::new(origin(), trust()).against(checkpoint.clone())?, 3)
}

/// Opens it from its end: from the first row that begins among the last 300 events that are signed.
fn open_end(store: &Store) -> Result<Opened, ChainError> {
    open_last(store, 300)
}

fn open_last(store: &Store, recent: u64) -> Result<Opened, ChainError> {
    let opening = || Opening::new(origin(), Trust::Signed { keys: vec![key_of(&signing_key())], whole: false });
    let pages = drive(store, opening().from_end(recent), 2);
    let whole = drive(store, opening().from_end(recent), usize::MAX);
    assert_eq!(pages.as_ref().err(), whole.as_ref().err(), "the size of pages makes no difference");
    pages
}
