//! The simulated host keeps its promises: one seed one run, time only when idle, faults as told.

use super::{Faults, Plan, Sim, SimStorage, Tear, turn};
use crate::platform::{
    Batch, Clock, DeviceError, DeviceReply, DeviceRequest, Devices, Entropy, KeyPurpose, Keys, Spawn, Storage,
    StorageError, WriteMode,
};
use crate::time::Instant;
use bytes::Bytes;
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Twenty tasks that pass numbers on, sleep a little, and note the order in which they ended.
fn scenario(seed: u64) -> (Vec<u64>, String) {
    let sim = Sim::new(seed);
    let platform = sim.platform();
    let ended = Arc::new(Mutex::new(Vec::new()));
    sim.run(async {
        let (sender, mut receiver) = mpsc::channel(4);
        for n in 0..20u64 {
            let (platform, mut sender, ended) = (platform.clone(), sender.clone(), ended.clone());
            platform.clone().spawn("task", async move {
                for _ in 0..5 {
                    let _ = sender.send(n).await;
                    platform.sleep_until(platform.now().after(ms(n % 3))).await;
                }
                ended.lock().unwrap().push(n);
            });
        }
        drop(sender);
        while receiver.next().await.is_some() {}
    });
    let order = ended.lock().unwrap().clone();
    (order, hex(&sim.trace()))
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..20 {
        assert_eq!(scenario(seed), scenario(seed));
    }
}

#[test]
fn another_seed_gives_another_run() {
    let traces: std::collections::BTreeSet<String> = (0..20).map(|seed| scenario(seed).1).collect();
    assert_eq!(traces.len(), 20);
}

/// The conformance suite pins digests of whole kernels and runs them in a browser too.
#[test]
fn the_schedule_is_pinned() {
    assert_eq!(scenario(7).1, "cfbb26d5aaab964fff8629fdfea26236004900dfa0ba3e446f81dd1ead94b9a0");
}

#[test]
fn entropy_depends_on_the_seed_alone() {
    let fill = |seed, disturbed: bool| {
        let sim = Sim::new(seed);
        if disturbed {
            sim.random();
            sim.run(async { sim.platform().sleep_until(Instant(9)).await });
        }
        let mut bytes = [0; 40];
        sim.platform().fill(&mut bytes);
        bytes
    };
    assert_eq!(fill(1, false), fill(1, true));
    assert_ne!(fill(1, false), fill(2, false));
}

#[test]
fn time_passes_only_when_nothing_can_run() {
    let sim = Sim::new(3);
    let platform = sim.platform();
    let seen = sim.run(async {
        let (sender, mut receiver) = mpsc::unbounded();
        for wait in [30, 10, 20] {
            let (platform, sender) = (platform.clone(), sender.clone());
            platform.clone().spawn("sleeper", async move {
                platform.sleep_until(Instant(wait)).await;
                let _ = sender.unbounded_send((wait, platform.now()));
            });
        }
        // Many turns, and no time at all.
        for _ in 0..1_000 {
            turn().await;
            assert_eq!(platform.now(), Instant(0));
        }
        [receiver.next().await, receiver.next().await, receiver.next().await]
    });
    assert_eq!(seen, [10, 20, 30].map(|at| Some((at, Instant(at)))));
    assert_eq!(platform.wall().0 - platform.now().0, 1_767_225_600_000_000_000);
}

#[test]
fn a_sleep_that_is_dropped_does_not_move_time() {
    let sim = Sim::new(3);
    let platform = sim.platform();
    sim.run(async {
        let long = platform.sleep_until(Instant(1_000));
        let short = platform.sleep_until(Instant(5));
        futures::future::select(long, short).await;
        platform.sleep_until(Instant(6)).await;
    });
    assert_eq!(sim.now(), Instant(6));
    assert!(!sim.run_for(10), "nobody sleeps any more");
}

#[test]
#[should_panic(expected = "nobody will do")]
fn waiting_for_nothing_is_found() {
    Sim::new(1).run(std::future::pending::<()>());
}

#[test]
fn a_crash_ends_every_task_and_what_it_held() {
    struct Counted(Arc<AtomicU64>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicU64::new(0));
    let sim = Sim::new(1);
    let platform = sim.platform();
    for n in 0..10 {
        let (held, sleep) = (Counted(dropped.clone()), platform.sleep_until(Instant(n)));
        platform.spawn("task", async move {
            let _held = held;
            sleep.await;
            std::future::pending::<()>().await;
        });
    }
    sim.run_for(7);
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    sim.crash();
    assert_eq!(dropped.load(Ordering::Relaxed), 10);
    assert!(!sim.run_for(10), "nothing is left that could run");
}

fn put(rows: &[(&'static str, &'static str)]) -> Batch {
    let row = |(key, value): &(&'static str, &'static str)| (Bytes::from(*key), Some(Bytes::from(*value)));
    Batch { changes: rows.iter().map(row).collect() }
}

fn keys(storage: &SimStorage) -> Vec<String> {
    storage.rows().into_keys().map(|key| String::from_utf8_lossy(&key).into_owned()).collect()
}

#[test]
fn rows_are_kept_read_and_scanned_in_order() {
    let sim = Sim::new(1);
    let storage = sim.storage();
    sim.run(async {
        storage.commit(put(&[("b", "1"), ("a", "2"), ("c", "3"), ("b", "4")])).await.unwrap();
        storage.commit(Batch { changes: vec![(Bytes::from("c"), None)] }).await.unwrap();
        assert_eq!(storage.get(b"b").await.unwrap(), Some(Bytes::from("4")));
        assert_eq!(storage.get(b"c").await.unwrap(), None);
        let page = storage.scan(b"a", b"z", 1).await.unwrap();
        assert_eq!((page.rows.len(), page.next.clone()), (1, Some(Bytes::from("b"))));
        let page = storage.scan(&page.next.unwrap(), b"z", 1).await.unwrap();
        assert_eq!((page.rows, page.next), (vec![(Bytes::from("b"), Bytes::from("4"))], None));
        assert!(storage.scan(b"z", b"a", 1).await.unwrap().rows.is_empty());
    });
    assert_eq!((storage.commits(), storage.next_commit()), (2, 2));
}

#[test]
fn a_crash_loses_what_was_not_committed() {
    for seed in 0..50 {
        let sim = Sim::new(seed);
        let storage = sim.storage();
        storage.set_faults(Faults { slow: ms(1), ..Faults::default() });
        let acknowledged = Arc::new(AtomicU64::new(0));
        let (writer, count) = (storage.clone(), acknowledged.clone());
        sim.platform().spawn("writer", async move {
            for key in ["a", "b", "c", "d", "e"] {
                writer.commit(put(&[(key, "x"), ("last", key)])).await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        sim.run_for(sim.random() % 14);
        sim.crash();
        let sim = Sim::new(seed + 1_000);
        let found = storage.moved(&sim.platform()).rows();
        let acknowledged = acknowledged.load(Ordering::Relaxed) as usize;
        let kept = found.len().saturating_sub(1);
        assert!(kept == acknowledged || kept == acknowledged + 1, "{kept} rows of {acknowledged} acknowledged");
        if kept > 0 {
            assert_eq!(found.get(&b"last"[..]), found.keys().nth(kept - 1), "a batch is kept whole");
        }
    }
}

#[test]
fn a_torn_commit_keeps_a_part_and_nothing_works_until_the_reboot() {
    let sim = Sim::new(1);
    let storage = sim.storage();
    storage.set_faults(Faults { tear: Some(Tear { commit: 1, changes: 1, bytes: None }), ..Faults::default() });
    sim.run(async {
        storage.commit(put(&[("a", "1")])).await.unwrap();
        assert!(storage.commit(put(&[("b", "1"), ("c", "1")])).await.is_err());
        assert!(storage.commit(put(&[("d", "1")])).await.is_err());
        assert!(storage.get(b"a").await.is_err());
    });
    assert_eq!(keys(&storage), ["a", "b"]);
    let sim = Sim::new(2);
    let storage = storage.moved(&sim.platform());
    sim.run(async { storage.commit(put(&[("d", "1")])).await.unwrap() });
    assert_eq!(keys(&storage), ["a", "b", "d"]);
    storage.set_faults(Faults { tear: Some(Tear { commit: 4, changes: 1, bytes: Some(2) }), ..Faults::default() });
    sim.run(async { assert!(storage.commit(put(&[("e", "1"), ("f", "123"), ("g", "1")])).await.is_err()) });
    assert_eq!(keys(&storage), ["a", "b", "d", "e", "f"]);
    assert_eq!((&storage.rows()[&b"f"[..]][..], storage.last_batch().len()), (&b"12"[..], 3));
}

#[test]
fn a_full_disk_applies_nothing() {
    let sim = Sim::new(1);
    let storage = sim.storage();
    storage.set_faults(Faults { fail_from: Some(1), ..Faults::default() });
    sim.run(async {
        storage.commit(put(&[("a", "1")])).await.unwrap();
        assert!(matches!(storage.commit(put(&[("b", "1")])).await, Err(StorageError::Full { .. })));
        assert_eq!(storage.get(b"a").await.unwrap(), Some(Bytes::from("1")));
    });
    assert_eq!(keys(&storage), ["a"]);
    storage.tamper(|rows| rows.clear());
    assert!(keys(&storage).is_empty());
}

#[test]
fn the_key_signs_what_its_public_half_verifies() {
    let sim = Sim::new(1);
    sim.run(async {
        let public = super::SimKeys.public(KeyPurpose::Log).await.unwrap();
        let signature = super::SimKeys.sign(KeyPurpose::Log, b"text").await.unwrap();
        let key = ed25519_dalek::VerifyingKey::from_bytes(&public).unwrap();
        assert!(key.verify_strict(b"text", &ed25519_dalek::Signature::from_bytes(&signature)).is_ok());
    });
}

fn write(path: &str, mode: WriteMode, body: &'static str) -> DeviceRequest {
    DeviceRequest::Write { mount: "m".into(), path: path.into(), mode, body: Bytes::from(body), expect: None }
}

fn list(path: &str, cursor: Option<&str>, limit: u32) -> DeviceRequest {
    DeviceRequest::List { mount: "m".into(), path: path.into(), cursor: cursor.map(str::to_owned), limit }
}

#[test]
fn files_are_written_each_way_and_read_in_ranges() {
    let sim = Sim::new(1);
    let devices = sim.devices();
    devices.mount("m");
    sim.run(async {
        for request in [
            write("d/f", WriteMode::Append, "one"),
            write("d/f", WriteMode::Append, "two"),
            write("d/f", WriteMode::At(8), "x"),
        ] {
            devices.perform(request).await.unwrap();
        }
        assert_eq!(devices.get("m", "d/f").unwrap(), b"onetwo\0\0x");
        let read = DeviceRequest::Read { mount: "m".into(), path: "d/f".into(), offset: 3, len: 4 };
        let DeviceReply::Data { body, meta } = devices.perform(read).await.unwrap() else { panic!() };
        assert_eq!((&body[..], meta.size), (&b"two\0"[..], 9));
        devices.perform(write("d/f", WriteMode::Replace, "new")).await.unwrap();
        assert_eq!(devices.get("m", "d/f").unwrap(), b"new");
        for (bad, what) in [("d", "folder"), ("d/f/g", "file"), ("", "folder"), ("a//b", "")] {
            let error = devices.perform(write(bad, WriteMode::Replace, "")).await.unwrap_err();
            assert!(matches!(&error, DeviceError::Unfit(text) if text.contains(what)), "{bad}: {error}");
        }
        let over = write("d/f", WriteMode::At(u64::MAX), "x");
        assert!(matches!(devices.perform(over).await, Err(DeviceError::Full(_))));
    });
}

#[test]
fn a_write_with_an_expectation_compares_and_sets() {
    use sha2::{Digest, Sha256};
    let sim = Sim::new(1);
    let devices = sim.devices();
    devices.mount("m");
    let expecting = |expect| DeviceRequest::Write {
        mount: "m".into(),
        path: "f".into(),
        mode: WriteMode::Replace,
        body: Bytes::from("1"),
        expect: Some(expect),
    };
    sim.run(async {
        devices.perform(expecting(None)).await.unwrap();
        assert!(matches!(devices.perform(expecting(None)).await, Err(DeviceError::Conflict(_))));
        devices.perform(expecting(Some(Sha256::digest(b"1").into()))).await.unwrap();
        assert!(matches!(devices.perform(expecting(Some([0; 32]))).await, Err(DeviceError::Conflict(_))));
    });
}

#[test]
fn listings_are_paged_in_byte_order() {
    let sim = Sim::new(1);
    let devices = sim.devices();
    for path in ["b", "a/x", "%FF", "a-b", "a/y/z", "C"] {
        devices.put("m", path, b"12");
    }
    sim.run(async {
        let mut names = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let reply = devices.perform(list("", cursor.as_deref(), 2)).await.unwrap();
            let DeviceReply::Entries { entries, next } = reply else { panic!() };
            names.extend(entries.into_iter().map(|entry| entry.name));
            match next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(names, ["C", "a", "a-b", "b", "%FF"]);
        let DeviceReply::Entries { entries, next } = devices.perform(list("a", None, 9)).await.unwrap() else {
            panic!()
        };
        assert_eq!(entries.iter().map(|e| (e.name.as_str(), e.size)).collect::<Vec<_>>(), [("x", 2), ("y", 0)]);
        assert_eq!(next, None);
        let remove = |path: &str| DeviceRequest::Remove { mount: "m".into(), path: path.into() };
        assert!(matches!(devices.perform(remove("a/y")).await, Err(DeviceError::Unfit(_))));
        devices.perform(remove("a/y/z")).await.unwrap();
        devices.perform(remove("a/y")).await.unwrap();
        assert!(matches!(devices.perform(remove("a/y")).await, Err(DeviceError::NotFound(_))));
        assert!(matches!(devices.perform(list("b", None, 9)).await, Err(DeviceError::Unfit(_))));
        assert!(matches!(devices.perform(list("q", None, 9)).await, Err(DeviceError::NotFound(_))));
    });
}

#[test]
fn the_hook_decides_what_becomes_of_a_request() {
    let sim = Sim::new(1);
    let devices = sim.devices();
    devices.mount("m");
    devices.hook(|request| match request {
        DeviceRequest::List { .. } => Plan::Hang,
        DeviceRequest::Remove { .. } => Plan::Fail(DeviceError::Full("no room".into())),
        DeviceRequest::Write { .. } => Plan::Delay(ms(3)),
        _ => Plan::Perform,
    });
    sim.run(async {
        devices.perform(write("f", WriteMode::Replace, "x")).await.unwrap();
        let remove = DeviceRequest::Remove { mount: "m".into(), path: "f".into() };
        assert!(matches!(devices.perform(remove).await, Err(DeviceError::Full(_))));
    });
    assert_eq!(sim.now(), Instant(0).after(ms(3)));
    assert_eq!(sim.run_at_most(100, devices.perform(list("", None, 1))).map(|reply| reply.is_ok()), None);
    assert_eq!(devices.performed().len(), 1);
}
