//! The log of a run, shown and verified, and what was done to it found and named.

use crate::harness::{Done, Home, agent};
use kernel_core::chain::{Head, Header, Opening, Trust, head_key};
use kernel_core::id::ActionId;
use kernel_core::time::WallTime;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde_json::json;
use std::path::Path;

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

/// The table bytes of rows, from FORMAT.md: the head row, events.
const HEAD: u8 = 0x01;
const EVENTS: u8 = 0x02;
/// Salts and bodies of outward acts.
const BODIES: u8 = 0x42;

type Row = (Vec<u8>, Vec<u8>);

/// A home in which `play` has run twice.
fn ran() -> Home {
    let steps = ["act connect /net/203.0.113.7:443", "act write /tree/app/play/x {\"replace\":true} y"];
    let home = Home::new(&agent("actor", &steps, "use = [\"write /tree/app/play/**\"]"));
    home.weft(&["run", "play"]).exits(0);
    home.weft(&["run", "play"]).exits(0);
    home
}

/// The rows of the tables from `first` to before `end`.
fn rows(home: &Home, first: u8, end: u8) -> Vec<Row> {
    let db = Database::open(home.data().join("weft.redb")).unwrap();
    let snapshot = db.begin_read().unwrap();
    let rows = snapshot.open_table(ROWS).unwrap();
    let range = rows.range(&[first][..]..&[end][..]).unwrap();
    range.map(|row| row.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).unwrap()).collect()
}

/// Does what somebody who holds the disk can do.
fn alter(home: &Home, changes: &[(Vec<u8>, Option<Vec<u8>>)]) {
    let db = Database::open(home.data().join("weft.redb")).unwrap();
    let transaction = db.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(ROWS).unwrap();
        for (key, value) in changes {
            match value {
                Some(value) => drop(rows.insert(&key[..], &value[..]).unwrap()),
                None => drop(rows.remove(&key[..]).unwrap()),
            }
        }
        // The table is not empty: what was altered is a log.
        assert!(rows.first().unwrap().is_some());
    }
    transaction.commit().unwrap();
}

/// Finds what was done, twice: a look names it, a run refuses to go on, and neither changes a row.
fn refused(home: &Home, code: &str) -> Done {
    let all =
        || [rows(home, 0, 0xff), vec![(Vec::new(), std::fs::read(home.data().join("log.key")).unwrap())]].concat();
    let before = all();
    let run = home.weft(&["run", "play", "--json"]).exits(4).json();
    assert_eq!(run["error"]["code"], code, "{run:#?}");
    let done = home.weft(&["chain", "verify", "--json"]).exits(4);
    assert_eq!(done.json()["error"]["code"], code, "{done:#?}");
    assert!(before == all(), "what was found was changed");
    done
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["weft.redb", "log.key", "lock"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[test]
fn what_ran_is_shown_and_verifies() {
    let home = ran();
    let document = home.weft(&["chain", "verify", "--json"]).exits(0).json();
    assert_eq!(document["signed"], document["events"]);
    assert_eq!(document["pages_checked"], false);
    let document = home.weft(&["chain", "verify", "--pages", "--json"]).exits(0).json();
    assert_eq!(document["pages_checked"], true);
    home.weft(&["chain", "verify", "--pages"]).exits(0).says(&["checksums hold"]);
    home.weft(&["chain", "verify"]).exits(0).says(&["The log verifies:", "signed   all of them"]);
    home.weft(&["chain", "show"]).exits(0).says(&[
        "boot",
        "consent",
        "connect /net/203.0.113.7:443: denied",
        "app_ended",
    ]);
    let shown = home.weft(&["chain", "show", "--json"]).exits(0).json();
    assert_eq!(shown["verified"], true);
    assert_eq!(shown["events"].as_array().unwrap().len() as u64, document["events"].as_u64().unwrap());
    assert_eq!(shown["events"][0]["kind"], "boot");
}

#[test]
fn what_is_shown_can_be_narrowed() {
    let home = ran();
    let events = |more: &[&str]| {
        let document = home.weft(&[&["chain", "show", "--json"], more].concat()).exits(0).json();
        document["events"].as_array().unwrap().clone()
    };
    let connects = events(&["--verb", "connect"]);
    assert_eq!(connects.len(), 2);
    assert!(connects.iter().all(|event| event["kind"] == "refused"));
    assert_eq!(events(&["--verb", "connect", "--limit", "1"]), connects[1..]);
    assert_eq!(events(&["--limit", "0"]).len(), 0);
    home.weft(&["chain", "show", "--pid", "99"]).exits(0).tells(&["nothing in the log of", "is of process 99"]);
    home.weft(&["chain", "show", "--verb", "spawn", "--pid", "3"]).exits(0).tells(&["is an act `spawn` of process 3"]);
    for (flag, value, said) in [
        ("--verb", "conect", "\"conect\" is not a verb; did you mean `connect`?"),
        ("--pid", "actor", "a process is given by its number"),
        ("--pid", "-1", "unexpected argument"),
    ] {
        home.weft(&["chain", "show", flag, value]).exits(2).tells(&[said]);
    }
    let writes: Vec<String> = events(&["--pid", "3", "--verb", "write"])
        .iter()
        .map(|event| event["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(writes, ["intent", "outcome"], "an outcome belongs to its act");
}

#[test]
fn a_changed_byte_is_found_and_the_event_is_named() {
    let home = ran();
    let events = rows(&home, EVENTS, EVENTS + 1);
    let (key, mut row) = events[events.len() / 2].clone();
    let middle = row.len() / 2;
    row[middle] ^= 1;
    alter(&home, &[(key, Some(row))]);
    let done = refused(&home, "tampered");
    assert!(done.json()["error"]["seq"].is_u64());
    home.weft(&["run", "play"]).exits(4).tells(&["the log does not verify: event", "was changed", "as evidence"]);
    home.weft(&["chain", "show"]).exits(4).tells(&["does not verify"]).says(&["boot"]);
}

#[test]
fn a_body_that_the_log_does_not_commit_to_is_found_and_one_that_was_erased_is_counted() {
    let home = ran();
    let bodies = rows(&home, BODIES, BODIES + 1);
    let verified = home.weft(&["chain", "verify", "--json"]).exits(0).json();
    assert_eq!(verified["bodies"], json!({ "kept": bodies.len(), "long": 0, "erased": 0 }));
    let (key, body) = bodies[0].clone();
    let last = |flip: u8| {
        let mut changed = body.clone();
        *changed.last_mut().unwrap() ^= flip;
        changed
    };
    let longer = [&body[..], b"x"].concat();
    for changed in [last(1), longer, body[..16].to_vec(), body[..3].to_vec()] {
        alter(&home, &[(key.clone(), Some(changed))]);
        let error = home.weft(&["chain", "verify", "--json"]).exits(4).json()["error"].clone();
        assert_eq!((error["code"].as_str(), error["seq"].is_u64()), (Some("body_changed"), true), "{error}");
    }
    alter(&home, &[(key, None)]);
    let verified = home.weft(&["chain", "verify", "--json"]).exits(0).json();
    assert_eq!(verified["bodies"], json!({ "kept": bodies.len() - 1, "long": 0, "erased": 1 }));
    home.weft(&["chain", "verify"]).exits(0).says(&["1 erased"]);
}

#[test]
fn removed_rows_are_found_though_the_head_was_kept() {
    let home = ran();
    let events = rows(&home, EVENTS, EVENTS + 1);
    alter(&home, &[(events[1].0.clone(), None)]);
    refused(&home, "chain_gap");
    let home = ran();
    let last = rows(&home, EVENTS, EVENTS + 1).pop().unwrap();
    alter(&home, &[(last.0, None)]);
    refused(&home, "truncated");
}

#[test]
fn swapped_events_are_found() {
    let home = ran();
    let mut changed = None;
    for (key, row) in rows(&home, EVENTS, EVENTS + 1) {
        // An entry is its length in two bytes, then itself.
        let length = |at: usize| 2 + usize::from(u16::from_be_bytes([row[at], row[at + 1]]));
        let first = length(0);
        if first < row.len() {
            let both = first + length(first);
            changed = Some((key, Some([&row[first..both], &row[..first], &row[both..]].concat())));
            break;
        }
    }
    alter(&home, &[changed.expect("a row with two events")]);
    refused(&home, "swapped");
}

#[test]
fn a_tail_that_was_cut_together_with_the_head_is_found_against_a_checkpoint() {
    let home = Home::with_script(&[]);
    home.weft(&["run", "play"]).exits(0);
    let before = home.path("before");
    copy(&home.data(), &before);
    home.weft(&["run", "play"]).exits(0);
    let note = home.weft(&["chain", "checkpoint"]).exits(0).out;
    std::fs::write(home.path("kept"), &note).unwrap();
    home.weft(&["chain", "verify", "--against", "kept"]).exits(0).says(&["are the first of this log"]);
    let printed = home.weft(&["run", "play"]).exits(0).out;
    home.weft(&["chain", "verify", "--against", "kept"]).exits(0);
    // What a run prints can be copied as it stands, and what copying adds is taken away.
    let note: String = printed
        .lines()
        .skip_while(|line| !line.starts_with("weft/"))
        .take(5)
        .map(|line| line.to_owned() + "\n")
        .collect();
    for copied in [note.clone(), note.replace('\n', "\r\n"), note.lines().map(|line| format!("    {line}\n")).collect()]
    {
        std::fs::write(home.path("copied"), copied).unwrap();
        home.weft(&["chain", "verify", "--against", "copied"]).exits(0).says(&["are the first of this log"]);
    }

    copy(&before, &home.data());
    home.weft(&["chain", "verify"]).exits(0);
    let done = home.weft(&["chain", "verify", "--against", "kept"]).exits(4);
    done.tells(&["the checkpoint that was kept elsewhere covers", "rolled back"]);

    // Whoever holds the key as well goes on as if nothing had been.
    home.weft(&["run", "play"]).exits(0);
    home.weft(&["run", "play"]).exits(0);
    home.weft(&["chain", "verify"]).exits(0);
    let done = home.weft(&["chain", "verify", "--against", "kept", "--json"]).exits(4);
    assert_eq!(done.json()["error"]["code"], "forked");
}

#[test]
fn a_checkpoint_of_another_log_or_a_changed_one_is_no_proof() {
    let (home, other) = (ran(), ran());
    let note = other.weft(&["chain", "checkpoint"]).exits(0).out;
    std::fs::write(home.path("other"), &note).unwrap();
    let done = home.weft(&["chain", "verify", "--against", "other", "--json"]).exits(4);
    assert_eq!(done.json()["error"]["code"], "wrong_origin");
    let own = home.weft(&["chain", "checkpoint"]).exits(0).out;
    let size = own.lines().nth(1).unwrap().to_owned();
    std::fs::write(home.path("changed"), own.replacen(&format!("\n{size}\n"), "\n3\n", 1)).unwrap();
    let done = home.weft(&["chain", "verify", "--against", "changed", "--json"]).exits(4);
    assert_eq!(done.json()["error"]["code"], "key_untrusted");
    home.weft(&["chain", "verify", "--against", "repo/a.txt"]).exits(2).tells(&["is not a checkpoint"]);
}

#[test]
fn a_copy_without_its_private_key_verifies_by_the_public_one() {
    let home = ran();
    let key = home.weft(&["chain", "verify", "--json"]).exits(0).json()["key"].as_str().unwrap().to_owned();
    copy(&home.data(), &home.path("copy"));
    std::fs::remove_file(home.path("copy/log.key")).unwrap();
    home.weft(&["chain", "verify", "--data-dir", "copy"]).exits(4).tells(&["there is no log.key", "--key KEY"]);
    home.weft(&["chain", "verify", "--data-dir", "copy", "--key", &key]).exits(0);
    home.weft(&["chain", "checkpoint", "--data-dir", "copy", "--key", &key]).exits(0).says(&["weft/"]);
    assert!(!home.path("copy/log.key").exists(), "looking makes no key");
}

#[test]
fn a_head_row_that_is_gone_is_not_taken_for_a_new_log() {
    let home = ran();
    let head = rows(&home, HEAD, HEAD + 1).pop().unwrap();
    alter(&home, &[(head.0, None)]);
    refused(&home, "head_missing");
    home.weft(&["run", "play"]).exits(4);
}

#[test]
fn a_database_that_was_taken_away_or_emptied_is_not_taken_for_a_new_log() {
    let home = ran();
    let database = home.data().join("weft.redb");
    for empty in [true, false] {
        if empty {
            std::fs::write(&database, "").unwrap();
        } else {
            std::fs::remove_file(&database).unwrap();
        }
        home.weft(&["run", "play"]).exits(4).tells(&["weft.redb is damaged: it is gone", "log.key", "restore a copy"]);
        home.weft(&["chain", "verify"]).exits(4).tells(&["weft.redb is damaged", "log.key"]);
        assert_eq!(database.exists(), empty, "nothing was made");
    }
}

#[test]
fn a_database_that_is_none_is_damage() {
    let home = ran();
    std::fs::write(home.data().join("weft.redb"), vec![7; 100_000]).unwrap();
    home.weft(&["chain", "verify"]).exits(4).tells(&["is damaged"]);
    home.weft(&["run", "play"]).exits(4).tells(&["is damaged"]);
    home.weft(&["doctor"]).exits(0).says(&["is damaged"]);
}

#[test]
fn a_log_is_read_by_several_at_a_time() {
    let home = ran();
    let commands = [&["chain", "show"][..], &["chain", "verify"], &["chain", "checkpoint"], &["chain", "verify"]];
    let readers: Vec<_> = commands.iter().cycle().take(12).map(|command| home.start(command)).collect();
    for reader in readers {
        Done::of_child(reader).exits(0);
    }
}

#[test]
fn what_is_shown_is_one_document_wherever_the_database_is_damaged() {
    const PAGE: usize = 4096;
    let home = ran();
    let database = home.data().join("weft.redb");
    let whole = std::fs::read(&database).unwrap();
    let mut stopped = 0;
    for page in whole.chunks(PAGE).enumerate().filter(|(_, page)| page.iter().any(|b| *b != 0)).map(|(at, _)| at) {
        let mut damaged = whole.clone();
        damaged[page * PAGE..][..PAGE].fill(0xff);
        std::fs::write(&database, damaged).unwrap();
        let document = home.weft(&["chain", "show", "--json"]).json();
        if !document["stopped"].is_null() {
            assert_eq!(document["stopped"]["code"], "damaged", "{document:#}");
            stopped += 1;
        }
    }
    assert!(stopped > 0, "no page was met on the way");
}

#[test]
fn what_a_directory_is_called_does_nothing_to_a_terminal() {
    let home = Home::with_script(&[]);
    let data = "da\u{1b}[2Jta\nweft: all is well";
    home.weft(&["run", "play", "--data-dir", data]).exits(0);
    for command in [&["doctor"][..], &["chain", "verify"], &["chain", "show"], &["chain", "checkpoint"]] {
        let done = home.weft(&[command, &["--data-dir", data]].concat()).exits(0);
        let text = done.out + &done.err;
        assert!(!text.contains('\u{1b}') && !text.lines().any(|line| line.starts_with("weft: all")), "{text}");
    }
    let missing = format!("{data}/none");
    let done = home.weft(&["chain", "verify", "--data-dir", &missing]).exits(2).tells(&["\n    weft: all is well"]);
    assert!(!done.err.contains('\u{1b}'), "{}", done.err);
}

#[test]
fn a_key_that_is_gone_is_not_replaced() {
    let home = ran();
    let (key, aside) = (home.data().join("log.key"), home.path("aside"));
    std::fs::rename(&key, &aside).unwrap();
    home.weft(&["run", "play"]).exits(4).tells(&["the key that signs it is missing"]);
    assert!(!key.exists(), "no other key was made");
    std::fs::rename(&aside, &key).unwrap();
    home.weft(&["run", "play"]).exits(0);
}

#[test]
fn another_key_beside_a_log_is_not_trusted() {
    let (home, other) = (ran(), ran());
    let note = home.weft(&["chain", "checkpoint"]).exits(0).out;
    std::fs::write(home.path("kept"), note).unwrap();
    std::fs::copy(other.data().join("log.key"), home.data().join("log.key")).unwrap();
    refused(&home, "key_untrusted");
    for command in
        [&["chain", "checkpoint", "--json"][..], &["chain", "prove", "3", "--json"], &["receipt", "9", "--json"]]
    {
        assert_eq!(home.weft(command).exits(4).json()["error"]["code"], "key_untrusted", "{command:?}");
    }
    // Without either there has been no log, and only what was kept elsewhere tells.
    for name in ["log.key", "weft.redb"] {
        std::fs::remove_file(home.data().join(name)).unwrap();
    }
    home.weft(&["run", "play"]).exits(0);
    home.weft(&["chain", "verify"]).exits(0);
    home.weft(&["chain", "verify", "--against", "kept"]).exits(4);
}

#[test]
fn no_proof_is_made_of_what_was_changed() {
    let home = ran();
    let (key, mut row) = rows(&home, EVENTS, EVENTS + 1).pop().unwrap();
    let event = u64::from_be_bytes(key[1..].try_into().unwrap()).to_string();
    home.weft(&["chain", "prove", &event]).exits(0);
    row[60] ^= 1;
    alter(&home, &[(key, Some(row))]);
    home.weft(&["chain", "prove", &event]).exits(4);
    // What is not read is not claimed.
    home.weft(&["chain", "prove", "0"]).exits(0);
}

#[test]
fn an_older_head_that_was_put_back_is_found() {
    let home = Home::with_script(&[]);
    home.weft(&["run", "play"]).exits(0);
    let head = rows(&home, HEAD, HEAD + 1).pop().unwrap();
    home.weft(&["run", "play"]).exits(0);
    alter(&home, &[(head.0, Some(head.1))]);
    refused(&home, "head_mismatch");
    home.weft(&["run", "play"]).exits(4);
}

#[test]
fn a_damaged_row_of_the_kernel_is_refused() {
    const COUNTERS: u8 = 0x40;
    const OPEN: u8 = 0x47;
    let home = ran();
    let (key, value) = rows(&home, COUNTERS, COUNTERS + 1).pop().unwrap();
    for damaged in [None, Some(value[..31].to_vec()), Some([&value[..], b"x"].concat())] {
        alter(&home, &[(key.clone(), damaged)]);
        home.weft(&["run", "play"]).exits(4).tells(&["row of numbers"]);
    }
    alter(&home, &[(key, Some(value)), (vec![OPEN, 1], Some(Vec::new()))]);
    home.weft(&["run", "play"]).exits(4).tells(&["names no act"]);
    alter(&home, &[(vec![OPEN, 1], None)]);
    home.weft(&["run", "play"]).exits(0);
}

/// Adds two events to a log, as whoever has the disk and not the key can.
fn append(home: &Home) {
    let rows: Vec<(bytes::Bytes, bytes::Bytes)> =
        rows(home, HEAD, 0x04).into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    let head = rows.iter().find(|(key, _)| *key == head_key()).expect("a head row");
    let mut opening = Opening::new(Head::decode(&head.1).unwrap().origin, Trust::Unsigned);
    while let Some(want) = opening.wants() {
        let page: Vec<_> = rows.iter().filter(|(key, _)| want.from <= *key && *key < want.to).cloned().collect();
        opening.feed(&page, None, &mut |_| {}).unwrap();
    }
    let mut log = opening.finish().unwrap().log;
    for _ in 0..2 {
        // A process was suspended: {0: "x", 1: 7}.
        let header = Header { wall: WallTime(1), action: ActionId(0), kind: 16 };
        log.append(header, &[0xa2, 0x00, 0x61, b'x', 0x01, 0x07]).unwrap();
    }
    let changes: Vec<_> =
        log.seal().into_iter().map(|(key, row)| (key.to_vec(), row.map(|row| row.to_vec()))).collect();
    alter(home, &changes);
}

#[test]
fn what_no_signature_covers_is_told_in_dev_and_refused_behind_a_kernel_in_prod() {
    let home = ran();
    append(&home);
    let verified = home.weft(&["chain", "verify", "--json"]).exits(0).json();
    assert_eq!(verified["events"].as_u64().unwrap() - verified["signed"].as_u64().unwrap(), 2);
    home.weft(&["run", "play"]).exits(0).tells(&["no signature covers the end of the log (2 events)"]);
    append(&home);
    let run = home.weft(&["run", "play", "--json"]).exits(0).json();
    assert_eq!(run["unsigned"], 2);
    append(&home);
    // It comes as far as its kernel, and cannot listen there.
    let data = home.data().display().to_string();
    let up = ["up", "--env", "dev", "--data-dir", &data, "--listen", "unix:play/weft.toml/x.sock"];
    home.weft(&up).exits(2).tells(&["no signature covers the end of the log (2 events)"]);
    home.weft(&["chain", "verify"])
        .exits(0)
        .says(&["warning", "3 starts went on from 6 events that no signature covered"]);

    home.weft(&["run", "play", "--env", "prod"]).exits(0);
    append(&home);
    let done = refused(&home, "appended");
    let message = done.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("every batch"), "{message}");
    home.weft(&["chain", "checkpoint"]).exits(0).tells(&["2 events that came after the last signature are left out"]);
    home.weft(&["chain", "show"]).exits(4).says(&["suspended"]);
}
