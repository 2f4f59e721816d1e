//! What a batch leaves behind that was not stored as a whole.

use super::*;
use proptest::prelude::*;

/// A log of 510 events, and the rows of one batch more that was never acknowledged.
fn interrupted() -> (Store, Vec<Row>) {
    let (mut log, store) = stored(&[255, 255]);
    append(&mut log, 300);
    (store, seal(&mut log))
}

fn repaired(store: &Store) -> Opened {
    let opened = open(store).unwrap();
    let quick = open_end(store).unwrap();
    let torn = opened.torn.clone().expect("it is torn");
    let quick_torn = quick.torn.expect("it is torn");
    let sorted = |mut rows: Vec<Row>| {
        rows.sort();
        rows
    };
    assert_eq!(sorted(torn.repair.clone()), sorted(quick_torn.repair), "both ways of opening find the same");
    assert_eq!((torn.seq, torn.bytes), (quick_torn.seq, quick_torn.bytes));
    let mut clean = store.clone();
    clean.commit(torn.repair);
    assert_eq!(open(&clean).unwrap().torn, None);
    assert_eq!(clean, interrupted().0, "the repair leaves what was acknowledged and nothing else");
    opened
}

#[test]
fn a_batch_without_its_head() {
    let (mut store, mut batch) = interrupted();
    batch.pop();
    store.commit(batch);
    let opened = repaired(&store);
    assert_eq!(opened.torn.unwrap().seq, 510);
    assert_eq!((opened.log.size(), opened.signed), (510, 510));
}

#[test]
fn a_torn_last_row() {
    let (store, batch) = interrupted();
    let (key, row) = batch[0].clone();
    let row = row.unwrap();
    for len in [0, 1, 2, 3, 50, row.len() - 1] {
        let mut store = store.clone();
        store.commit(vec![(key.clone(), Some(row.slice(..len)))]);
        assert_eq!(repaired(&store).log.size(), 510);
    }
    let mut garbage = store.clone();
    garbage.commit(vec![(key, Some(Bytes::from(vec![0xa5; 999])))]);
    assert_eq!(repaired(&garbage).torn.unwrap().bytes, 999);
}

/// Wherever in its bytes a batch is cut, the log is as it was before, or is the whole batch.
#[test]
fn a_batch_that_is_cut_at_any_byte() {
    let (mut log, before) = stored(&[7, 250]);
    append(&mut log, 9);
    let batch = seal(&mut log);
    assert_eq!(batch.last().unwrap().0, head_key(), "what says that the others count comes last");
    let mut cuts = 0;
    for (at, (key, row)) in batch.iter().enumerate().take(batch.len() - 1) {
        let row = row.clone().unwrap();
        // A storage that keeps parts of batches keeps rows of tiles whole.
        for len in if key[0] == TABLE_EVENTS { 0..row.len() } else { row.len()..row.len() + 1 } {
            let mut store = before.clone();
            store.commit(batch[..at].to_vec());
            store.commit(vec![(key.clone(), Some(row.slice(..len)))]);
            for opened in [open(&store).unwrap(), open_end(&store).unwrap()] {
                assert_eq!((opened.log.size(), opened.signed), (257, 257), "row {at} cut to {len}");
                store.commit(opened.torn.map_or_else(Vec::new, |torn| torn.repair));
            }
            assert!(store == before, "row {at} cut to {len}");
            cuts += 1;
        }
    }
    assert!(cuts > 600, "{cuts}");
    let mut store = before;
    store.commit(batch);
    assert_eq!(open(&store).unwrap().log.size(), 266);
}

#[test]
fn a_torn_row_that_was_acknowledged_is_damage() {
    let (_, mut store) = stored(&[255, 255]);
    let row = store.0[&event_key(255)].clone();
    store.0.insert(event_key(255), row.slice(..row.len() - 1));
    let e = open(&store).unwrap_err();
    assert!(matches!(e, ChainError::Tampered { seq: 509, .. }), "{e:?}");
    assert_eq!(open_end(&store).unwrap_err().seq(), Some(509));
}

/// A batch of several rows may be torn; rows of several batches mean that the head is an older one.
#[test]
fn one_batch_may_be_torn_but_not_two() {
    let (mut log, mut store) = stored(&[255, 255]);
    let large = codec::encode(&"x".repeat(60_000)).unwrap();
    for n in 0..20 {
        log.append(header(n), &large).unwrap();
    }
    let mut batch = log.seal();
    batch.pop();
    assert!(batch.iter().filter(|(key, _)| key[0] == TABLE_EVENTS).count() > 2);
    store.commit(batch);
    repaired(&store);
    append(&mut log, 1);
    let mut batch = log.seal();
    batch.pop();
    store.commit(batch);
    assert_eq!(open(&store).unwrap_err().code(), "head_mismatch");
    assert_eq!(open_end(&store).unwrap_err().code(), "head_mismatch");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any of the rows of a batch without its head can be there or not, whole or in part.
    #[test]
    fn any_part_of_a_batch_is_repaired(kept in prop::collection::vec(any::<(bool, prop::sample::Index)>(), 6)) {
        let (mut store, mut batch) = interrupted();
        let before = store.clone();
        batch.pop();
        for ((key, value), (keep, cut)) in batch.into_iter().zip(kept) {
            let value = value.unwrap();
            let value = if key[0] == TABLE_EVENTS { value.slice(..cut.index(value.len())) } else { value };
            if keep {
                store.commit(vec![(key, Some(value))]);
            }
        }
        if store == before {
            prop_assert_eq!(open(&store).unwrap().torn, None);
        } else {
            repaired(&store);
        }
    }
}
