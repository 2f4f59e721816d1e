//! A log that is opened from its end: what is read, what is found, and what is not.

use super::*;

/// 1,200 events that are signed and 50 that are not, in rows of at most 300.
fn unsigned() -> (Log, Store) {
    let (mut log, mut store) = stored(&[300, 300, 300, 300]);
    for count in [20, 30] {
        append(&mut log, count);
        store.commit(log.seal());
    }
    (log, store)
}

/// The same log with another event in the row that begins with event `row`, chained and stored as it should be.
fn rewritten(store: &Store, row: u64) -> Store {
    let mut changed = store.clone();
    let mut events = changed.events().into_iter().find(|(key, _)| *key == event_key(row)).unwrap().1;
    let last = events.last_mut().unwrap();
    *last.last_mut().unwrap() ^= 1;
    changed.put_events(&event_key(row), &events);
    changed
}

#[test]
fn the_signed_end_and_all_that_came_after_are_read() {
    let (log, store) = unsigned();
    for (recent, from) in [(1_200, 0), (1_199, 300), (900, 300), (899, 600), (300, 900)] {
        let opened = open_last(&store, recent).unwrap();
        assert_eq!((opened.from, opened.signed, opened.log.size()), (from, 1_200, 1_250), "{recent}");
        assert_eq!((opened.log.root(), opened.log.head()), (log.root(), log.head()));
        assert_eq!((opened.log.signed(), opened.torn), (log.signed(), None));
    }
    assert_eq!(open_last(&store, 5_000).unwrap().from, 0);
}

#[test]
fn what_is_read_was_signed_or_is_told_to_be_unsigned() {
    let (_, store) = unsigned();
    for row in [900, 1_200, 1_220] {
        assert!(open_end(&rewritten(&store, row)).is_err(), "{row}");
    }
    // A whole tail of somebody who has no key: it is chained, its tiles are right, and no signature covers it.
    let (mut other, mut forged) = stored(&[300, 300, 300, 300]);
    other.append(header(0), &content(0)).unwrap();
    forged.commit(other.seal());
    let opened = open_end(&forged).unwrap();
    assert_eq!((opened.signed, opened.log.size()), (1_200, 1_201));
}

/// Behind a checkpoint that says that every batch is signed there is nothing else of the kernel's, and a start is never
/// without a signature. A checkpoint that was put back says so, too.
#[test]
fn a_tail_that_the_kernel_would_have_signed_is_not_its_own() {
    let partly = Trust::Signed { keys: vec![key_of(&signing_key())], whole: false };
    let both = |store: &Store, kind: u8| {
        let whole = drive(store, Opening::new(origin(), partly.clone()).starting_with(kind), 2);
        let end = drive(store, Opening::new(origin(), partly.clone()).starting_with(kind).from_end(300), 2);
        assert_eq!(whole.as_ref().err(), end.as_ref().err());
        whole.map(|opened| (opened.signed, opened.log.signs_every_batch()))
    };
    let (_, store) = unsigned();
    // The kinds of these events go round from 0 to 4.
    assert_eq!(both(&store, 7), Ok((1_200, false)));
    assert_eq!(both(&store, 3), Err(ChainError::Appended { seq: 1_200, size: 1_250, started: Some(1_203) }));
    let (mut log, mut store) = (Log::new(origin()).signing_every_batch(true), Store::default());
    for count in [300, 300, 7] {
        append(&mut log, count);
        store.commit(seal(&mut log));
        assert_eq!(both(&store, 3), Ok((log.size(), true)));
    }
    let signed = store.clone();
    append(&mut log, 1);
    store.commit(log.seal());
    let appended = ChainError::Appended { seq: 607, size: 608, started: None };
    assert!(appended.to_string().contains("event 607 is behind the last signature, over the first 607"));
    assert_eq!(both(&store, 7), Err(appended));
    // An older checkpoint in the head row, of the same log.
    let mut older = Log::new(origin()).signing_every_batch(true);
    append(&mut older, 600);
    let note = sign(&older.checkpoint(), &signing_key());
    let mut replayed = signed;
    let mut head = Head::decode(&replayed.0[&head_key()]).unwrap();
    head.checkpoint = Some(note);
    replayed.commit(vec![(head_key(), Some(head.encode()))]);
    assert_eq!(both(&replayed, 7), Err(ChainError::Appended { seq: 600, size: 607, started: None }));
}

/// Nothing is gone on from that was not signed: what was changed before the events that are read stays out of the tree,
/// so that no later signature covers it.
#[test]
fn what_was_changed_before_is_never_signed() {
    let (log, store) = stored(&[300, 300, 300]);
    for tampered in [rewritten(&store, 0), rewritten(&store, 300), {
        let mut gone = store.clone();
        gone.0.remove(&event_key(300));
        gone
    }] {
        let mut store = tampered;
        assert!(open(&store).is_err());
        let mut again = open_end(&store).unwrap().log;
        assert_eq!(again.root(), log.root());
        for _ in 0..3 {
            append(&mut again, 200);
            store.commit(seal(&mut again));
            again = open_end(&store).unwrap().log;
        }
        let (mut honest, _) = stored(&[300, 300, 300]);
        append(&mut honest, 600);
        assert_eq!(again.root(), honest.root());
        assert!(open(&store).is_err(), "the whole does not verify, however long it goes on");
    }
}

/// The tiles that the tree is resumed from have to be those that were signed.
#[test]
fn an_edge_that_was_changed_is_found() {
    let (_, store) = stored(&[300, 300, 300]);
    for (level, index, hash) in [(0, 2, 0), (0, 2, 87), (1, 0, 0), (1, 0, 1)] {
        let key = tile_key(TileId { level, index });
        let mut tile = store.0[&key].to_vec();
        tile[hash * 32] ^= 1;
        let mut changed = store.clone();
        changed.0.insert(key.clone(), Bytes::from(tile.clone()));
        assert!(open_end(&changed).is_err(), "{level} {index} {hash}");
        changed.0.insert(key.clone(), Bytes::from(tile[..31].to_vec()));
        assert_eq!(open_end(&changed).unwrap_err().code(), "tile_mismatch");
        changed.0.remove(&key);
        assert_eq!(open_end(&changed).unwrap_err().code(), "tile_mismatch");
    }
}

#[test]
fn rows_that_are_missing_at_the_end_are_missed() {
    let (_, store) = stored(&[300, 300, 300]);
    let mut gone = store.clone();
    gone.0.remove(&event_key(600));
    assert_eq!(open_end(&gone).unwrap_err(), ChainError::Truncated { seq: 600, size: 900, by: Witness::Head });
    let (mut log, mut store) = stored(&[300, 300]);
    append(&mut log, 10);
    store.commit(log.seal());
    store.0.remove(&event_key(300));
    assert_eq!(open_end(&store).unwrap_err(), ChainError::Gap { seq: 300, found: 600 });
}
