//! `weft backup` of a kernel that runs and of one that does not, and `weft restore`: whole, verified, or not there.

use crate::disk::Disk;
use crate::harness::{Done, Home, agent};
use redb::{Database, ReadableTable, TableDefinition};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

/// The table bytes of events, and of nodes of the tree.
const EVENTS: u8 = 0x02;
const TREE: u8 = 0x41;

/// A home in which `play` has run and written to the tree.
fn ran() -> Home {
    let steps = ["act write /tree/app/play/x {\"replace\":true} y", "log wrote"];
    let home = Home::new(&agent("actor", &steps, "use = [\"write /tree/app/play/**\"]"));
    home.weft(&["run", "play", "--data-dir", "data"]).exits(0);
    home
}

/// A kernel that stays, once it listens.
fn up(home: &Home, data: &str) -> (Child, Value) {
    let mut child = home.start(&["up", "--json", "--env", "dev", "--data-dir", data]);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let said = serde_json::from_str(&line).unwrap_or_else(|e| {
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        panic!("{e}: {err}")
    });
    (child, said)
}

fn down(home: &Home, child: Child, data: &str) {
    home.weft(&["shutdown", "--data-dir", data]).exits(0);
    Done::of_child(child).exits(0);
}

/// Writes `value` to a node of the tree; whether that was acknowledged.
fn write(stream: &mut BufReader<UnixStream>, node: &str, value: u64) -> bool {
    let body = json!({ "verb": "write", "resource": format!("/tree/{node}"), "body": { "replace": true }, "payload": value.to_string() });
    let body = body.to_string();
    let head = format!(
        "POST /v1/acts HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    if stream.get_mut().write_all((head + &body).as_bytes()).is_err() {
        return false;
    }
    let (mut status, mut length, mut line) = (String::new(), 0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return false;
        }
        if status.is_empty() {
            status.clone_from(&line);
        }
        if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = n.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).is_ok() && status.contains(" 200 ")
}

/// Does what somebody who holds the disk can do: changes the last byte of the first row of a table.
fn alter(data: &Path, table: u8) {
    let db = Database::open(data.join("weft.redb")).unwrap();
    let transaction = db.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(ROWS).unwrap();
        let (key, mut value) = {
            let row = rows.range(&[table][..]..&[table + 1][..]).unwrap().next().unwrap().unwrap();
            (row.0.value().to_vec(), row.1.value().to_vec())
        };
        *value.last_mut().unwrap() ^= 1;
        rows.insert(&key[..], &value[..]).unwrap();
    }
    transaction.commit().unwrap();
}

/// What lies in a folder.
fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// No part of a copy lies beside `path`.
fn nothing_half(home: &Home, name: &str) {
    let parts = names(&home.path(".")).into_iter().filter(|one| one.starts_with(&format!(".{name}.")));
    assert!(!home.path(name).exists() && parts.count() == 0, "{name}");
}

#[test]
fn a_kernel_that_runs_is_backed_up_and_its_restored_copy_goes_on() {
    let home = Home::new(&agent("echo", &["log here"], ""));
    let (child, _) = up(&home, "data");
    home.weft(&["app", "install", "play", "--data-dir", "data"]).exits(0);
    home.weft(&["app", "start", "play", "--data-dir", "data"]).exits(0);
    let made = home.weft(&["backup", "kept", "--data-dir", "data", "--json"]).exits(0).json();
    assert_eq!((&made["signing_key"], &made["signed"]), (&json!(false), &made["events"]), "{made:#}");
    assert_eq!(names(&home.path("kept")), ["backup.json", "lock", "mounts.json", "plans.json", "weft.redb"]);
    let key = made["key"].as_str().unwrap();
    home.weft(&["chain", "verify", "--data-dir", "kept", "--key", key]).exits(0).says(&["The log verifies"]);
    home.weft(&["backup", "again", "--data-dir", "data"]).exits(0).says(&["Backup, verified:", "Checkpoint over", key]);
    let later = home.weft(&["chain", "verify", "--data-dir", "again", "--key", key, "--json"]).exits(0).json();
    assert!(later["events"].as_u64() >= made["events"].as_u64());
    down(&home, child, "data");

    let done = home.weft(&["restore", "kept", "restored", "--json"]).exits(0).tells(&["--against"]);
    assert_eq!((&done.json()["events"], &done.json()["sha256"]), (&made["events"], &made["sha256"]));
    home.weft(&["up", "--data-dir", "restored"]).exits(4).tells(&["the key that signs it is missing"]);
    std::fs::copy(home.path("data/log.key"), home.path("restored/log.key")).unwrap();
    let (child, said) = up(&home, "restored");
    assert_eq!(said["started_again"][0]["app"], "play", "what ran then runs again: {said:#}");
    down(&home, child, "restored");
    home.weft(&["chain", "verify", "--data-dir", "restored"]).exits(0);
}

#[test]
fn a_directory_that_no_kernel_has_is_backed_up_and_two_that_go_on_are_a_fork() {
    let home = ran();
    home.weft(&["backup", "kept", "--data-dir", "data", "--with-key"]).exits(0).says(&["is in it"]);
    home.weft(&["restore", "kept", "other"]).exits(0).says(&["Restored, verified:", "weft up --data-dir"]);
    home.weft(&["run", "play", "--data-dir", "data"]).exits(0);
    for _ in 0..2 {
        home.weft(&["run", "play", "--data-dir", "other"]).exits(0);
    }
    let note = home.weft(&["chain", "checkpoint", "--data-dir", "data"]).exits(0).out;
    std::fs::write(home.path("note"), note).unwrap();
    home.weft(&["chain", "verify", "--data-dir", "other"]).exits(0);
    let parted = home.weft(&["chain", "verify", "--data-dir", "other", "--against", "note", "--json"]).exits(4).json();
    assert_eq!(parted["error"]["code"], "forked");
    // A checkpoint that is newer than the backup is missed by it.
    let old = home.weft(&["restore", "kept", "third", "--against", "note", "--json"]).exits(4).json();
    assert_eq!(old["error"]["code"], "truncated");
    nothing_half(&home, "third");
}

#[test]
fn nothing_is_written_over_anything() {
    let home = ran();
    home.weft(&["backup", "data", "--data-dir", "data"]).exits(2).tells(&["never written over anything"]);
    home.weft(&["backup", "kept", "--data-dir", "data"]).exits(0);
    home.weft(&["restore", "kept", "data"]).exits(2).tells(&["not empty"]);
    home.weft(&["restore", "data", "new"]).exits(2).tells(&["is no backup"]);
    home.weft(&["backup", "none/kept", "--data-dir", "data"]).exits(2).tells(&["does not exist"]);
    home.weft(&["backup", "more", "--data-dir", "nowhere"]).exits(2);
    nothing_half(&home, "more");
    std::fs::create_dir(home.path("empty")).unwrap();
    home.weft(&["restore", "kept", "empty"]).exits(0);
    // Whatever else lies there is nobody's to take away.
    std::fs::create_dir(home.path(".next.part")).unwrap();
    std::fs::write(home.path(".next.part/precious"), "x").unwrap();
    home.weft(&["backup", "next", "--data-dir", "data"]).exits(0);
    assert_eq!(names(&home.path(".next.part")), ["precious"]);
    nothing_half(&home, "none");
}

#[test]
fn a_backup_that_was_changed_is_not_restored() {
    for (table, code) in [(EVENTS, "tampered"), (TREE, "tree_changed")] {
        let home = ran();
        home.weft(&["backup", "kept", "--data-dir", "data"]).exits(0);
        alter(&home.path("kept"), table);
        let error = home.weft(&["restore", "kept", "new", "--json"]).exits(4).json();
        assert_eq!(error["error"]["code"], code, "{error:#}");
        nothing_half(&home, "new");
    }
    let (home, other) = (ran(), ran());
    home.weft(&["backup", "kept", "--data-dir", "data", "--with-key"]).exits(0);
    let key =
        other.weft(&["chain", "verify", "--data-dir", "data", "--json"]).json()["key"].as_str().unwrap().to_owned();
    home.weft(&["restore", "kept", "new", "--key", &key]).exits(4).tells(&["is of the log of"]);
    std::fs::copy(other.path("data/log.key"), home.path("kept/log.key")).unwrap();
    home.weft(&["restore", "kept", "new"]).exits(4).tells(&["not the key that signed this log"]);
    nothing_half(&home, "new");
    // A log that does not verify is not backed up either.
    alter(&home.path("data"), EVENTS);
    home.weft(&["backup", "more", "--data-dir", "data"]).exits(4);
    nothing_half(&home, "more");
}

#[test]
fn a_disk_that_is_full_leaves_nothing_half() {
    let home = ran();
    let disk = Disk::mount(home.path("small"), "64k");
    for _ in 0..2 {
        let done = home.weft(&["backup", "small/kept", "--data-dir", "data", "--json"]).exits(4);
        assert_eq!(done.json()["error"]["code"], "disk_full", "{done:#?}");
        assert_eq!(names(disk.path()), [""; 0]);
    }
    disk.remount("size=64m");
    home.weft(&["backup", "small/kept", "--data-dir", "data"]).exits(0);
    disk.remount("size=2m");
    home.weft(&["restore", "small/kept", "new"]).exits(0);
}

/// What was acknowledged before a backup began is in it, whatever is written meanwhile.
#[test]
fn a_backup_under_load_has_what_was_acknowledged_before_it() {
    let home = Home::with_script(&[]);
    let (child, _) = up(&home, "data");
    let (over, written): (_, [AtomicU64; 3]) = (AtomicBool::new(false), Default::default());
    std::thread::scope(|scope| {
        for (writer, acknowledged) in written.iter().enumerate() {
            let (over, home) = (&over, &home);
            scope.spawn(move || {
                let socket = UnixStream::connect(home.path("data/run/api.sock")).unwrap();
                let mut stream = BufReader::new(socket);
                for value in 1.. {
                    if over.load(Ordering::Relaxed) || !write(&mut stream, &format!("w{writer}"), value) {
                        break;
                    }
                    acknowledged.store(value, Ordering::SeqCst);
                }
            });
        }
        for round in 0..3 {
            while written.iter().any(|n| n.load(Ordering::SeqCst) < 20 * (round + 1)) {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            let before: Vec<u64> = written.iter().map(|n| n.load(Ordering::SeqCst)).collect();
            let (kept, new) = (format!("kept{round}"), format!("new{round}"));
            home.weft(&["backup", &kept, "--data-dir", "data", "--with-key"]).exits(0);
            home.weft(&["restore", &kept, &new]).exits(0);
            let (other, _) = up(&home, &new);
            for (writer, least) in before.iter().enumerate() {
                let stream = UnixStream::connect(home.path(&new).join("run/api.sock")).unwrap();
                let found = read(stream, &format!("w{writer}"));
                assert!(found >= *least, "{found} was found of {least}");
            }
            down(&home, other, &new);
        }
        over.store(true, Ordering::Relaxed);
    });
    down(&home, child, "data");
    home.weft(&["chain", "verify", "--data-dir", "data"]).exits(0);
}

/// The number at a node of the tree.
fn read(mut stream: UnixStream, node: &str) -> u64 {
    let body = json!({ "verb": "read", "resource": format!("/tree/{node}") }).to_string();
    let head = format!(
        "POST /v1/acts HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let document: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    document["payload"].as_str().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{document:#}"))
}
