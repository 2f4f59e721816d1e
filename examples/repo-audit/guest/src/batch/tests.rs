//! What goes in comes out, and nothing that comes in can break it.

use super::*;
use proptest::prelude::*;

fn payload(batch: &mut Batch, number: u64, last: bool) -> Vec<u8> {
    batch.seal(number, last);
    batch.body[batch.head..].to_vec()
}

#[test]
fn layout_is_pinned() {
    let mut batch = Batch::default();
    batch.push(&Record { what: What::Piece, last: true, partly: false, path: "a/b", offset: 7, size: 9, data: b"xy" });
    let expected: &[u8] = b"\x02\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\
        \0\x01\x03\0\x02\0\0\0\x07\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0a/bxy";
    assert_eq!(payload(&mut batch, 2, true), expected);
}

#[test]
fn an_emptied_batch_is_like_new() {
    let mut batch = Batch::default();
    let room = batch.room();
    batch.push(&Record { what: What::Special, last: true, partly: true, path: "p", offset: 0, size: 0, data: b"" });
    assert!(!batch.is_empty() && batch.room() < room);
    batch.clear();
    assert!(batch.is_empty() && batch.room() == room);
}

#[test]
fn a_full_batch_is_within_the_limit_of_an_act() {
    let mut batch = Batch::default();
    while batch.room() > 0 {
        let data = vec![1; batch.room().min(100_000)];
        batch.push(&Record {
            what: What::Piece,
            last: true,
            partly: false,
            path: &"p".repeat(4096),
            offset: 0,
            size: 0,
            data: &data,
        });
    }
    assert!(batch.body.len() <= SIZE + ARGUMENTS.len());
}

proptest! {
    #[test]
    fn records_survive(records in proptest::collection::vec((0u8..4, any::<[bool; 2]>(), "[a-zü/]{0,40}", any::<[u64; 2]>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..20), number: u64, last: bool) {
        let kinds = [What::Piece, What::BrokenLink, What::Special, What::Unreadable];
        let records: Vec<_> = records.iter().map(|(what, flags, path, numbers, data)| Record {
            what: kinds[usize::from(*what)], last: flags[0], partly: flags[1], path, offset: numbers[0], size: numbers[1], data,
        }).collect();
        let mut batch = Batch::default();
        for record in &records {
            batch.push(record);
        }
        let bytes = payload(&mut batch, number, last);
        let opened = open(&bytes).ok_or_else(|| TestCaseError::fail("does not open"))?;
        prop_assert_eq!((opened.number, opened.last), (number, last));
        prop_assert_eq!(opened.records().collect::<Vec<_>>(), records);
    }

    #[test]
    fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(opened) = open(&bytes) {
            prop_assert!(opened.records().count() <= bytes.len() / RECORD);
        }
    }
}
