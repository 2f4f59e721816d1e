//! Appending, sealing, opening and going on.

use super::*;
use proptest::prelude::*;

#[test]
fn what_is_appended_comes_back() {
    let (log, store) = stored(&[3, 0, 5, 1]);
    let mut seq = 0;
    let mut prev = Hash::ZERO;
    for (key, events) in store.events() {
        assert_eq!(event_seq(&key), Some(seq));
        for bytes in events {
            let event = decode(&bytes).unwrap();
            assert_eq!((event.seq, event.prev, event.header), (seq, prev, header(seq)));
            assert_eq!(event.content, content(seq));
            prev = Hash::leaf(&bytes);
            seq += 1;
        }
    }
    assert_eq!((seq, prev), (log.size(), log.head()));
    let opened = open(&store).unwrap();
    assert_eq!((opened.log.size(), opened.log.head(), opened.log.root()), (9, log.head(), log.root()));
    assert_eq!((opened.signed, opened.torn), (9, None));
}

#[test]
fn an_empty_storage_is_a_new_log() {
    for opened in [open(&Store::default()).unwrap(), open_end(&Store::default()).unwrap()] {
        assert_eq!((opened.log.size(), opened.log.head(), opened.signed), (0, Hash::ZERO, 0));
    }
    let (_, store) = stored(&[0]);
    assert_eq!(store.0.len(), 1, "an empty log is a head row");
    assert_eq!(open(&store).unwrap().log.size(), 0);
    assert_eq!(open_end(&store).unwrap().log.size(), 0);
}

#[test]
fn a_seal_without_news_is_empty() {
    let (mut log, store) = stored(&[2]);
    assert_eq!(log.seal(), vec![]);
    assert_eq!(open(&store).unwrap().log.seal(), vec![]);
    assert_eq!(open_end(&store).unwrap().log.seal(), vec![]);
}

#[test]
fn the_head_row_comes_last() {
    let (mut log, mut batch) = (Log::new(origin()), Vec::new());
    append(&mut log, 700);
    batch.extend(seal(&mut log));
    let tables: Vec<u8> = batch.iter().map(|(key, _)| key[0]).collect();
    assert_eq!(tables, [TABLE_EVENTS, TABLE_TILES, TABLE_TILES, TABLE_TILES, TABLE_TILES, TABLE_HEAD]);
}

#[test]
fn long_batches_are_split_into_rows() {
    let (mut log, mut store) = (Log::new(origin()), Store::default());
    let large = codec::encode(&"x".repeat(MAX_CONTENT - 3)).unwrap();
    assert_eq!(large.len(), MAX_CONTENT);
    for n in 0..30 {
        let content = if n % 3 == 0 { &large[..] } else { &[0x01] };
        log.append(Header { wall: WallTime(u64::MAX), action: ActionId(u64::MAX), kind: 255 }, content).unwrap();
    }
    store.commit(seal(&mut log));
    let rows = store.events();
    assert!(rows.len() > 2);
    for (key, _) in &rows {
        assert!(store.0[key].len() <= ROW_BYTES);
    }
    assert_eq!(open(&store).unwrap().log.root(), log.root());
    assert_eq!(open_end(&store).unwrap().log.root(), log.root());
    assert_eq!(store.head().last_row, event_seq(&rows.last().unwrap().0).unwrap());
}

#[test]
fn what_is_not_a_content_is_refused() {
    let mut log = Log::new(origin());
    append(&mut log, 1);
    let before = (log.size(), log.head());
    let large = codec::encode(&"x".repeat(MAX_CONTENT)).unwrap();
    assert_eq!(log.append(header(1), &large), Err(AppendError::TooLarge { len: large.len() as u64 }));
    for bad in [&[][..], &[0x18, 0x01], &[0x00, 0x00], &[0x9f, 0xff], &[0x82, 0x01]] {
        assert!(matches!(log.append(header(1), bad), Err(AppendError::Content(_))), "{bad:?}");
    }
    assert_eq!((log.size(), log.head()), before);
}

#[test]
fn a_checkpoint_of_another_state_is_not_attached() {
    let (mut log, _) = stored(&[2]);
    let old = sign(&log.checkpoint(), &signing_key());
    append(&mut log, 1);
    assert_eq!(log.attach(old), Err(AttachError::Stale { found: 2, size: 3 }));
    assert!(matches!(log.attach("nothing".to_owned()), Err(AttachError::Malformed(_))));
    assert_eq!(Checkpoint::open_unverified(log.signed().unwrap()).unwrap().size, 2);
}

#[test]
fn an_older_checkpoint_covers_what_it_covers() {
    let (mut log, mut store) = stored(&[300]);
    append(&mut log, 10);
    store.commit(log.seal());
    assert_eq!(open(&store).unwrap_err(), ChainError::Unsigned { seq: 300 });
    let opened = open_end(&store).unwrap();
    assert_eq!((opened.signed, opened.log.size()), (300, 310));
    let partly = Trust::Signed { keys: vec![key_of(&signing_key())], whole: false };
    let opened = drive(&store, Opening::new(origin(), partly), 2).unwrap();
    assert_eq!((opened.signed, opened.log.size()), (300, 310));
    let opened = drive(&store, Opening::new(origin(), Trust::Unsigned), 2).unwrap();
    assert_eq!((opened.signed, opened.log.size()), (0, 310));
}

/// Many levels, and every place where a tile fills.
#[test]
fn both_ways_of_opening_agree_where_tiles_fill() {
    let (mut log, mut store) = (Log::new(origin()), Store::default());
    for size in [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_792] {
        let count = size - log.size();
        append(&mut log, count);
        store.commit(seal(&mut log));
        // More than a row holds of these.
        let (a, b) = (open(&store).unwrap(), open_last(&store, 4_096).unwrap());
        assert_eq!((a.log.root(), a.log.head(), a.log.size()), (log.root(), log.head(), size));
        assert_eq!((b.log.root(), b.log.head(), b.log.size()), (log.root(), log.head(), size));
        assert_eq!((a.torn, b.torn), (None, None));
        for mut again in [a.log, b.log] {
            let (mut expected, mut other, mut found) = (store.clone(), log.clone(), store.clone());
            append(&mut other, 3);
            expected.commit(seal(&mut other));
            append(&mut again, 3);
            found.commit(seal(&mut again));
            assert!(found == expected, "a log goes on as if it had not been closed");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However a log is cut into batches and restarts, it is the same log.
    #[test]
    fn batches_and_restarts_leave_no_trace(batches in prop::collection::vec((0..120u64, 0..3u8), 1..12)) {
        let (mut log, mut store) = (Log::new(origin()), Store::default());
        for (count, restart) in &batches {
            append(&mut log, *count);
            store.commit(seal(&mut log));
            match restart {
                0 => log = open(&store).unwrap().log,
                1 => log = open_end(&store).unwrap().log,
                _ => {}
            }
        }
        let (plain, once) = stored(&[batches.iter().map(|(count, _)| count).sum()]);
        prop_assert_eq!(log.checkpoint(), plain.checkpoint());
        let tiles = |store: &Store| store.0.iter().filter(|(k, _)| k[0] == TABLE_TILES).map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>();
        prop_assert_eq!(tiles(&store), tiles(&once));
        prop_assert_eq!(check_against(&plain.checkpoint(), log.size(), &mut |id| store.tile(id)), Ok(()));
    }
}
