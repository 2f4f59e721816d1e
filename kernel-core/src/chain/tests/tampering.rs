//! Every kind of tampering is found, told apart, and placed at its event.

use super::*;

/// 900 events in rows of 300: three full level-0 tiles and a partial one.
fn sample() -> (Log, Store) {
    stored(&[300, 300, 300])
}

fn err(store: &Store) -> ChainError {
    open(store).expect_err("the tampering is not found")
}

/// Changes the events of the row that holds event `seq`, given their offset in the row.
fn edit(store: &mut Store, seq: u64, change: impl FnOnce(&mut Vec<Vec<u8>>, usize)) {
    let rows = store.events();
    let (key, mut events) = rows.into_iter().rev().find(|(key, _)| event_seq(key).unwrap() <= seq).unwrap();
    change(&mut events, (seq - event_seq(&key).unwrap()) as usize);
    store.put_events(&key, &events);
}

/// The event with other parts, as someone would write it who knows the format.
fn rewrite(event: &[u8], change: impl FnOnce(&mut Decoded<'_>)) -> Vec<u8> {
    let mut parts = decode(event).unwrap();
    change(&mut parts);
    let mut out = Vec::new();
    crate::chain::event::write(&mut out, parts.seq, &parts.prev, parts.header, parts.content);
    out
}

#[test]
fn a_changed_byte_in_an_event() {
    for seq in [0, 1, 255, 256, 299, 300, 511, 898, 899] {
        let (_, mut store) = sample();
        edit(&mut store, seq, |events, at| *events[at].last_mut().unwrap() ^= 1);
        let e = err(&store);
        assert!(matches!(e, ChainError::Tampered { seq: at, .. } if at == seq), "{seq}: {e:?}");
        assert_eq!((e.code(), e.seq()), ("tampered", Some(seq)));
    }
}

#[test]
fn a_changed_prev_or_time_or_kind() {
    for seq in [1, 300, 512, 899] {
        let changes: [fn(&mut Decoded<'_>); 4] = [
            |parts| parts.prev.0[5] ^= 1,
            |parts| parts.header.wall.0 += 1,
            |parts| parts.header.action.0 += 1,
            |parts| parts.header.kind ^= 1,
        ];
        for change in changes {
            let (_, mut store) = sample();
            edit(&mut store, seq, |events, at| events[at] = rewrite(&events[at], change));
            let e = err(&store);
            assert!(matches!(e, ChainError::Tampered { seq: at, .. } if at == seq), "{seq}: {e:?}");
        }
    }
}

#[test]
fn a_changed_number() {
    for (seq, to) in [(5, 7), (5, 4000), (0, 1), (299, 298), (899, 3)] {
        let (_, mut store) = sample();
        edit(&mut store, seq, |events, at| events[at] = rewrite(&events[at], |parts| parts.seq = to));
        let e = err(&store);
        assert_eq!(e.seq(), Some(seq), "{e:?}");
    }
    let (_, mut store) = sample();
    edit(&mut store, 5, |events, at| events[at] = rewrite(&events[at], |parts| parts.seq = 4000));
    assert!(matches!(err(&store), ChainError::Tampered { seq: 5, .. }));
}

#[test]
fn an_event_that_is_no_event() {
    for (seq, bytes) in [(7, vec![]), (8, vec![0x00]), (9, vec![0xff; 40]), (899, vec![0x80])] {
        let (_, mut store) = sample();
        edit(&mut store, seq, |events, at| events[at] = bytes);
        let e = err(&store);
        assert!(matches!(e, ChainError::Tampered { seq: at, .. } if at == seq), "{e:?}");
    }
    let (_, mut store) = sample();
    edit(&mut store, 40, |events, at| events[at][1] = 2);
    assert_eq!(err(&store), ChainError::Version { seq: 40, found: 2 });
}

#[test]
fn rows_removed_from_the_middle() {
    let (_, mut store) = sample();
    store.0.remove(&event_key(300));
    assert_eq!(err(&store), ChainError::Gap { seq: 300, found: 600 });
    assert_eq!(err(&store).to_string(), "events 300 to 599 are missing");
    assert_eq!(ChainError::Gap { seq: 20, found: 21 }.to_string(), "event 20 is missing");
    store.0.remove(&event_key(0));
    assert_eq!(err(&store), ChainError::Gap { seq: 0, found: 600 });
}

#[test]
fn rows_removed_from_the_end_with_the_head_kept() {
    let (_, mut store) = sample();
    store.0.remove(&event_key(600));
    let e = ChainError::Truncated { seq: 600, size: 900, by: Witness::Head };
    assert_eq!((err(&store), open_end(&store).unwrap_err().code()), (e, "truncated"));
    store.0.remove(&event_key(300));
    store.0.remove(&event_key(0));
    assert_eq!(err(&store), ChainError::Truncated { seq: 0, size: 900, by: Witness::Head });
}

#[test]
fn events_removed_from_a_row() {
    let (_, mut store) = sample();
    edit(&mut store, 400, |events, at| drop(events.remove(at)));
    assert_eq!(err(&store), ChainError::Gap { seq: 400, found: 401 });
    let (_, mut store) = sample();
    edit(&mut store, 899, |events, at| drop(events.remove(at)));
    assert_eq!(err(&store), ChainError::Truncated { seq: 899, size: 900, by: Witness::Head });
    let (_, mut store) = sample();
    edit(&mut store, 599, |events, at| drop(events.remove(at)));
    assert_eq!(err(&store), ChainError::Gap { seq: 599, found: 600 });
    let (_, mut store) = sample();
    edit(&mut store, 300, |events, _| events.clear());
    assert!(matches!(err(&store), ChainError::Tampered { seq: 300, .. }));
}

#[test]
fn events_added() {
    let (_, mut store) = sample();
    edit(&mut store, 400, |events, at| events.insert(at, events[at - 1].clone()));
    assert_eq!(err(&store), ChainError::Swapped { seq: 400, found: 399 });
    let (_, mut store) = sample();
    edit(&mut store, 899, |events, at| {
        let next = rewrite(&events[at], |parts| (parts.seq, parts.prev) = (900, Hash::leaf(&events[at])));
        events.push(next);
    });
    assert!(matches!(err(&store), ChainError::HeadMismatch { size: 900, .. }));
    let (_, mut store) = sample();
    let row = store.0[&event_key(300)].clone();
    store.0.insert(event_key(450), row);
    assert_eq!(err(&store), ChainError::Forked { seq: 450 });
}

#[test]
fn a_swapped_pair() {
    for seq in [0, 10, 255, 298, 300, 898] {
        let (_, mut store) = sample();
        edit(&mut store, seq, |events, at| events.swap(at, at + 1));
        assert_eq!(err(&store), ChainError::Swapped { seq, found: seq + 1 });
    }
    let (_, mut store) = sample();
    edit(&mut store, 310, |events, at| events.swap(at, at + 200));
    assert_eq!(err(&store), ChainError::Swapped { seq: 310, found: 510 });
}

#[test]
fn swapped_rows() {
    let (_, mut store) = sample();
    let (a, b) = (store.0[&event_key(0)].clone(), store.0[&event_key(300)].clone());
    store.0.insert(event_key(0), b);
    store.0.insert(event_key(300), a);
    assert_eq!(err(&store), ChainError::Swapped { seq: 0, found: 300 });
}

/// A pair whose numbers and links were put right again by someone who does not hold the key.
#[test]
fn a_swapped_pair_that_was_renumbered() {
    let (_, mut store) = sample();
    edit(&mut store, 20, |events, at| {
        let (a, b) = (events[at].clone(), events[at + 1].clone());
        let (first, second) = (decode(&a).unwrap(), decode(&b).unwrap());
        events[at] = rewrite(&b, |parts| (parts.seq, parts.prev) = (first.seq, first.prev));
        let prev = Hash::leaf(&events[at]);
        events[at + 1] = rewrite(&a, |parts| (parts.seq, parts.prev) = (second.seq, prev));
    });
    assert!(matches!(err(&store), ChainError::Tampered { seq: 20, .. }));
}

/// Everything from an event on is written anew and linked, tiles and head are left.
#[test]
fn a_rewritten_tail() {
    for from in [0, 299, 300, 512, 898] {
        let (_, mut store) = sample();
        let mut prev = Hash::ZERO;
        for (key, mut events) in store.events() {
            for (at, event) in events.iter_mut().enumerate() {
                if event_seq(&key).unwrap() + at as u64 >= from {
                    *event = rewrite(event, |parts| (parts.prev, parts.header.kind) = (prev, 77));
                }
                prev = Hash::leaf(event);
            }
            store.put_events(&key, &events);
        }
        assert_eq!(err(&store), ChainError::Forked { seq: from });
        assert!(open_end(&store).is_err());
    }
}

/// Rows of one log stand in the storage of another that began with the same events.
#[test]
fn a_fork() {
    let (mut a, store) = stored(&[300]);
    let mut b = a.clone();
    let (mut in_a, mut in_b) = (store.clone(), store);
    b.append(header(1), &content(1)).unwrap();
    for count in [99, 100, 100] {
        append(&mut a, 100);
        in_a.commit(seal(&mut a));
        append(&mut b, count);
        in_b.commit(seal(&mut b));
    }
    let key = event_key(400);
    let (_, events) = in_a.events().remove(2);
    let (at, _) = in_b.events().remove(2);
    assert_eq!(at, key, "the rows of both logs begin with the same event");
    in_b.put_events(&key, &events);
    assert_eq!(err(&in_b).code(), "forked", "{:?}", err(&in_b));
    assert_eq!(err(&in_b).seq(), Some(400));
}

/// The head of one branch, the events of the other; both signed with the same key.
#[test]
fn a_fork_seen_from_a_checkpoint() {
    let (mut a, store) = stored(&[300]);
    let (mut b, mut in_a, common) = (a.clone(), store, a.checkpoint());
    append(&mut a, 50);
    in_a.commit(seal(&mut a));
    b.append(header(0), &[0x00]).unwrap();
    append(&mut b, 49);
    let other = b.checkpoint();
    assert_eq!(open_against(&in_a, &other).unwrap_err(), ChainError::Rewritten { since: 0, size: 350 });
    assert!(open_against(&in_a, &common).is_ok());
    let both = Opening::new(origin(), trust()).against(common).unwrap().against(other.clone()).unwrap();
    let e = drive(&in_a, both, 1).unwrap_err();
    assert_eq!((e.clone(), e.code()), (ChainError::Rewritten { since: 300, size: 350 }, "forked"));
    assert_eq!(check_against(&other, 350, &mut |id| in_a.tile(id)).unwrap_err().code(), "forked");
    assert_eq!(check_against(&a.checkpoint(), 350, &mut |id| in_a.tile(id)), Ok(()));
}

/// Tail and head go together: an older copy of the data directory. Only a checkpoint kept elsewhere tells.
#[test]
fn a_tail_cut_together_with_the_head() {
    let (mut log, mut store) = stored(&[300, 300]);
    let old = store.clone();
    append(&mut log, 300);
    store.commit(seal(&mut log));
    let kept = Checkpoint::open(log.signed().unwrap(), &[key_of(&signing_key())]).unwrap();
    assert!(open(&old).is_ok() && open_against(&store, &kept).is_ok());
    let e = open_against(&old, &kept).unwrap_err();
    assert_eq!(e, ChainError::Truncated { seq: 600, size: 900, by: Witness::Checkpoint });
    assert_eq!(check_against(&kept, 600, &mut |id| old.tile(id)), Err(e));
    let gone = open_against(&Store::default(), &kept).unwrap_err();
    assert_eq!(gone, ChainError::Truncated { seq: 0, size: 900, by: Witness::Checkpoint });
}

/// The whole log written anew by someone who holds the key.
#[test]
fn a_rewrite_with_the_key() {
    let (log, _) = sample();
    let kept = log.checkpoint();
    let (mut forged, mut store) = (Log::new(origin()), Store::default());
    for n in 0..900 {
        forged.append(header(n), &content(if n == 450 { 0 } else { n })).unwrap();
    }
    store.commit(seal(&mut forged));
    assert!(open(&store).is_ok(), "nothing in the data directory gives it away");
    assert_eq!(open_against(&store, &kept).unwrap_err(), ChainError::Rewritten { since: 0, size: 900 });
}

#[test]
fn a_wrong_key() {
    let (mut log, mut store) = stored(&[10]);
    let other = SigningKey::from_bytes(&[9; 32]);
    log.attach(sign(&log.checkpoint(), &other)).unwrap();
    store.commit(log.seal());
    for e in [err(&store), open_end(&store).unwrap_err()] {
        assert!(matches!(e, ChainError::KeyUntrusted { size: 10, .. }), "{e:?}");
        assert_eq!((e.code(), e.seq()), ("key_untrusted", Some(9)));
    }
}

#[test]
fn a_head_without_a_signature() {
    let (_, mut store) = sample();
    let head = Head { checkpoint: None, ..store.head() };
    store.0.insert(head_key(), head.encode());
    assert_eq!(err(&store), ChainError::Unsigned { seq: 0 });
    assert_eq!(open_end(&store).unwrap_err(), ChainError::Unsigned { seq: 0 });
    assert!(drive(&store, Opening::new(origin(), Trust::Unsigned), 9).is_ok());
}

#[test]
fn an_older_head() {
    let (mut log, mut store) = stored(&[300]);
    let old = store.0[&head_key()].clone();
    for _ in 0..2 {
        append(&mut log, 300);
        store.commit(seal(&mut log));
    }
    store.0.insert(head_key(), old);
    for e in [err(&store), open_end(&store).unwrap_err()] {
        assert!(matches!(e, ChainError::HeadMismatch { size: 300, .. }), "{e:?}");
    }
}

#[test]
fn a_changed_head() {
    let changes: [fn(&mut Head); 4] = [
        |head| head.hash.0[0] ^= 1,
        |head| head.root.0[0] ^= 1,
        |head| head.last_row = 300,
        |head| head.checkpoint = None,
    ];
    for change in changes {
        let (_, mut store) = sample();
        let mut head = store.head();
        change(&mut head);
        store.0.insert(head_key(), head.encode());
        let e = drive(&store, Opening::new(origin(), Trust::Unsigned), 9);
        match head.checkpoint {
            Some(_) => assert_eq!(e.unwrap_err().code(), "head_mismatch"),
            None => assert!(e.is_ok()),
        }
        assert!(open(&store).is_err() && open_end(&store).is_err(), "{head:?}");
    }
    let (_, mut store) = sample();
    store.0.insert(head_key(), Head { origin: Origin::parse("else").unwrap(), ..store.head() }.encode());
    assert_eq!(err(&store).code(), "wrong_origin");
    store.0.insert(head_key(), Bytes::from_static(&[0x80]));
    assert_eq!(err(&store).code(), "head_mismatch");
}

#[test]
fn no_log_is_begun_over_another() {
    let (_, mut store) = sample();
    store.0.remove(&head_key());
    assert_eq!((err(&store), open_end(&store).unwrap_err()), (ChainError::HeadMissing, ChainError::HeadMissing));
    store.0.retain(|key, _| key[0] == TABLE_TILES);
    assert_eq!((err(&store), open_end(&store).unwrap_err()), (ChainError::HeadMissing, ChainError::HeadMissing));
}

#[test]
fn a_changed_or_missing_tile() {
    let cases = [(0, 0, 5, 5), (0, 1, 255, 511), (0, 3, 131, 899), (1, 0, 2, 512)];
    for (level, index, hash, seq) in cases {
        let (_, mut store) = sample();
        let key = tile_key(TileId { level, index });
        let mut tile = store.0[&key].to_vec();
        tile[hash * 32 + 7] ^= 1;
        store.0.insert(key.clone(), Bytes::from(tile));
        let e = err(&store);
        assert_eq!((e.code(), e.seq()), ("tile_mismatch", Some(seq)), "{e:?}");
        store.0.remove(&key);
        assert!(matches!(err(&store), ChainError::Tile { what: "missing", .. }));
    }
}

#[test]
fn a_stranger_among_the_rows() {
    for key in [&[TABLE_EVENTS][..], &[TABLE_EVENTS, 0, 0], &[TABLE_TILES, 0], &[TABLE_HEAD, 0]] {
        let (_, mut store) = sample();
        store.0.insert(Bytes::copy_from_slice(key), Bytes::from_static(b"x"));
        assert_eq!(err(&store).code(), "malformed_row");
    }
}

#[test]
fn failures_say_what_to_do() {
    let (_, mut store) = sample();
    store.0.remove(&event_key(300));
    assert!(err(&store).advice().contains("restore"));
    let kept = Checkpoint { origin: Origin::parse("else").unwrap(), size: 1, root: Hash::ZERO, every_batch: false };
    let e = Opening::new(origin(), trust()).against(kept).unwrap_err();
    assert_eq!(e.to_string(), "this is the log of else, not of weft.example/log");
}
