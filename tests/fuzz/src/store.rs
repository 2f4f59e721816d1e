//! A whole storage from bytes, verified as a log from its first event and from its end.
//!
//! The bytes are rows: a u8 length and the key, a u16 length and the value.

use crate::rows::sized;
use crate::sample::{self, Rows};
use bytes::Bytes;
use kernel_core::chain::{
    ChainError, Log, Opened, Opening, TABLE_EVENTS, Trust, VerifierKey, Want, decode, entries, event_seq,
};
use kernel_core::codec::table_range;

/// More scans than any storage of this size needs.
const SCANS: usize = 100_000;

/// Whatever lies in storage, verification ends; what it accepts is the log of the events that are stored.
pub fn body(data: &[u8]) -> bool {
    let rows = read(data);
    let mut any = false;
    let key = sample::key();
    for trust in [Trust::Unsigned, Trust::Signed { keys: vec![key.clone()], whole: false }] {
        let opened = open(&rows, Opening::new(key.name.clone(), trust.clone()), 2);
        let whole = open(&rows, Opening::new(key.name.clone(), trust), usize::MAX);
        assert_eq!(opened.as_ref().err(), whole.as_ref().err(), "the size of pages makes no difference");
        let Ok(opened) = opened else { continue };
        any |= opened.log.size() > 0;
        check(&rows, &opened, &key);
    }
    any
}

/// What was accepted is what the stored events come to, and can be opened again, also from its last row.
fn check(rows: &Rows, opened: &Opened, key: &VerifierKey) {
    let (mut again, mut last) = (Log::new(key.name.clone()), 0);
    let (from, to) = table_range(TABLE_EVENTS);
    'rows: for (at, row) in rows.range(from..to) {
        for entry in entries(row) {
            if again.size() == opened.log.size() {
                break 'rows;
            }
            last = event_seq(at).expect("the key of a row");
            let event = decode(entry.expect("a whole event")).expect("an event");
            again.append(event.header, event.content).expect("an event that was appended before");
        }
    }
    assert_eq!((again.size(), again.head(), again.root()), {
        let log = &opened.log;
        (log.size(), log.head(), log.root())
    });
    let mut repaired = rows.clone();
    for (key, value) in opened.torn.iter().flat_map(|torn| torn.repair.clone()) {
        match value {
            Some(value) => repaired.insert(key, value),
            None => repaired.remove(&key),
        };
    }
    let clean = open(&repaired, Opening::new(key.name.clone(), Trust::Unsigned), 3).expect("what was repaired opens");
    assert!(clean.torn.is_none(), "a repair is whole");
    let end = Opening::new(key.name.clone(), Trust::Unsigned).from_end(opened.log.size() - last);
    let end = open(&repaired, end, 5).expect("its end opens");
    assert_eq!((end.from, end.log.root()), (last, opened.log.root()));
}

/// Drives an opening over rows in pages of `limit`.
///
/// # Errors
/// What the opening found.
pub fn open(rows: &Rows, mut opening: Opening, limit: usize) -> Result<Opened, ChainError> {
    for _ in 0..SCANS {
        let Some(want) = opening.wants() else { return opening.finish() };
        let (page, next) = page(rows, &want, limit);
        opening.feed(&page, next, &mut |_| {})?;
    }
    panic!("verification does not end")
}

fn page(rows: &Rows, want: &Want, limit: usize) -> (Vec<(Bytes, Bytes)>, Option<Bytes>) {
    assert!(want.from <= want.to, "{want:?}");
    let mut rows = rows.range(want.from.clone()..want.to.clone()).map(|(k, v)| (k.clone(), v.clone()));
    (rows.by_ref().take(limit).collect(), rows.next().map(|(key, _)| key))
}

/// The rows that the bytes spell; what is left over is none.
fn read(mut data: &[u8]) -> Rows {
    let mut rows = Rows::new();
    while let Some((key, rest)) = sized(data, 1) {
        let Some((value, rest)) = sized(rest, 2) else { break };
        rows.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
        data = rest;
    }
    rows
}

/// The bytes that spell `rows`, for the tables of the log.
pub fn write(rows: &Rows) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in rows.range(Bytes::from_static(&[1])..Bytes::from_static(&[4])) {
        out.push(u8::try_from(key.len()).expect("a short key"));
        out.extend_from_slice(key);
        out.extend_from_slice(&u16::try_from(value.len()).expect("a short row").to_be_bytes());
        out.extend_from_slice(value);
    }
    out
}
