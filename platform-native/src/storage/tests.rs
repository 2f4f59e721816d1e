//! The contract of `Storage` on redb: order, atomicity, durability over a reopen, damage and a full disk.

mod torn;

use super::*;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

fn open(path: &Path) -> Result<RedbStorage, StorageError> {
    open_with(path, false)
}

fn open_with(path: &Path, check: bool) -> Result<RedbStorage, StorageError> {
    let open = || RedbStorage::open(&Arc::new(DataDir::open(path)?), check, tokio::runtime::Handle::current());
    // A command that another test starts has a copy of every lock until it is another program.
    for _ in 0..50 {
        match open() {
            Err(StorageError::Held { .. }) => std::thread::sleep(std::time::Duration::from_millis(20)),
            other => return other,
        }
    }
    open()
}

fn batch(changes: &[(&str, Option<&str>)]) -> Batch {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Batch { changes: changes.iter().map(|(k, v)| (bytes(k), v.map(bytes))).collect() }
}

#[tokio::test]
async fn rows_come_back_in_order_and_page_by_page() {
    let tmp = tempfile::tempdir().unwrap();
    let storage = open(tmp.path()).unwrap();
    assert_eq!(storage.get(b"a").await.unwrap(), None);
    assert!(storage.scan(b"a", b"z", 10).await.unwrap().rows.is_empty());
    storage.commit(batch(&[("c", Some("3")), ("a", Some("1")), ("b", Some("2")), ("d", Some("4"))])).await.unwrap();
    let page = storage.scan(b"a", b"d", 2).await.unwrap();
    assert_eq!(page.rows.iter().map(|(k, _)| &k[..]).collect::<Vec<_>>(), [b"a", b"b"]);
    let next = page.next.unwrap();
    let page = storage.scan(&next, b"d", 2).await.unwrap();
    assert_eq!(page.rows, [(Bytes::from_static(b"c"), Bytes::from_static(b"3"))]);
    assert_eq!(page.next, None);
    assert!(storage.scan(b"z", b"a", 2).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn the_later_change_of_a_key_wins_and_none_removes() {
    let tmp = tempfile::tempdir().unwrap();
    let storage = open(tmp.path()).unwrap();
    storage.commit(batch(&[("k", Some("1")), ("k", Some("2")), ("l", Some("1")), ("l", None)])).await.unwrap();
    assert_eq!(storage.get(b"k").await.unwrap().unwrap(), "2");
    assert_eq!(storage.get(b"l").await.unwrap(), None);
    storage.commit(batch(&[("k", None)])).await.unwrap();
    assert_eq!(storage.get(b"k").await.unwrap(), None);
}

#[tokio::test]
async fn large_rows_end_a_page_by_their_bytes() {
    let tmp = tempfile::tempdir().unwrap();
    let storage = open(tmp.path()).unwrap();
    let row = Bytes::from(vec![7; 3 << 20]);
    let changes = (0..4u8).map(|i| (Bytes::from(vec![i]), Some(row.clone()))).collect();
    storage.commit(Batch { changes }).await.unwrap();
    let page = storage.scan(&[0], &[9], 100).await.unwrap();
    assert_eq!((page.rows.len(), page.next), (2, Some(Bytes::from_static(&[2]))));
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_reopen_and_a_dropped_wait_undoes_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let storage = open(tmp.path()).unwrap();
    storage.commit(batch(&[("a", Some("1"))])).await.unwrap();
    {
        let mut wait = std::pin::pin!(storage.commit(batch(&[("b", Some("2"))])));
        // Polled once, so the batch is on its way; then the wait is given up.
        let _ = futures::poll!(wait.as_mut());
    }
    drop(storage);
    let storage = open(tmp.path()).unwrap();
    assert_eq!(storage.get(b"a").await.unwrap().unwrap(), "1");
    assert_eq!(storage.get(b"b").await.unwrap().unwrap(), "2");
}

#[tokio::test]
async fn the_second_opener_is_told_who_holds_it() {
    let tmp = tempfile::tempdir().unwrap();
    let _first = open(tmp.path()).unwrap();
    assert!(matches!(open(tmp.path()), Err(StorageError::Held { .. })));
}

#[tokio::test]
async fn a_database_whose_making_was_cut_short_is_made_anew() {
    let tmp = tempfile::tempdir().unwrap();
    std::fs::write(tmp.path().join(FRESH), vec![0; 4096]).unwrap();
    let storage = open(tmp.path()).unwrap();
    storage.commit(batch(&[("a", Some("1"))])).await.unwrap();
    drop(storage);
    assert!(!tmp.path().join(FRESH).exists());
    assert_eq!(open(tmp.path()).unwrap().get(b"a").await.unwrap().unwrap(), "1");
}

#[tokio::test]
async fn a_database_that_is_missing_or_emptied_beside_its_key_is_damage() {
    let tmp = tempfile::tempdir().unwrap();
    drop(open(tmp.path()).unwrap());
    std::fs::write(tmp.path().join(FILE), "").unwrap();
    drop(open(tmp.path()).expect("nobody signed anything in it"));
    std::fs::write(tmp.path().join(LOG_KEY), "a key").unwrap();
    drop(open(tmp.path()).unwrap());
    for gone in [false, true] {
        if gone {
            std::fs::remove_file(tmp.path().join(FILE)).unwrap();
        } else {
            std::fs::write(tmp.path().join(FILE), "").unwrap();
        }
        let error = open(tmp.path()).unwrap_err();
        assert!(matches!(&error, StorageError::Damaged { what, .. } if what.contains("it is gone")), "{error}");
        assert_eq!(tmp.path().join(FILE).exists(), !gone, "nothing was made");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_damaged_and_left_alone() {
    let tmp = tempfile::tempdir().unwrap();
    std::fs::write(tmp.path().join(FILE), "this is not a database, it is a text of some length").unwrap();
    let refused = open(tmp.path()).unwrap_err();
    assert!(matches!(refused, StorageError::Damaged { .. }), "{refused:?}");
    assert!(std::fs::read(tmp.path().join(FILE)).unwrap().starts_with(b"this is not"));
}

#[tokio::test]
async fn an_altered_or_cut_file_never_ends_in_a_panic_or_in_other_rows() {
    let tmp = tempfile::tempdir().unwrap();
    let storage = open(tmp.path()).unwrap();
    for i in 0..40 {
        let row = format!("value {i} {}", "x".repeat(200));
        storage.commit(batch(&[(&format!("key {i:03}"), Some(&row))])).await.unwrap();
    }
    drop(storage);
    let good = std::fs::read(tmp.path().join(FILE)).unwrap();
    let mut found = 0;
    for step in 0..60 {
        let at = step * good.len() / 60;
        let mut bad = good.clone();
        if step % 3 == 0 {
            bad.truncate(at.max(1));
        } else {
            bad[at] ^= 0x40;
        }
        std::fs::write(tmp.path().join(FILE), &bad).unwrap();
        match open_with(tmp.path(), true) {
            Err(StorageError::Damaged { .. }) => found += 1,
            Err(other) => panic!("{other:?} at step {step}"),
            // The byte was one that nothing uses, or the header's other half still held.
            Ok(storage) => {
                let page = storage.scan(b"key", b"kez", 100).await.unwrap();
                for (i, (_, value)) in page.rows.iter().enumerate() {
                    assert!(value.starts_with(format!("value {i} ").as_bytes()));
                }
            }
        }
    }
    assert!(found >= 15, "only {found} of 60 were found");
}

/// A backend in memory that has no room after so many bytes.
#[derive(Debug)]
struct Small {
    inner: redb::backends::InMemoryBackend,
    room: Arc<AtomicU64>,
}

impl StorageBackend for Small {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        let need = data.len() as u64;
        if self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| room.checked_sub(need)).is_err() {
            return Err(std::io::Error::from_raw_os_error(28));
        }
        self.inner.write(offset, data)
    }
}

#[tokio::test]
async fn a_full_disk_is_full_and_the_batch_is_not_there() {
    let room = Arc::new(AtomicU64::new(16 << 20));
    let backend = Small { inner: redb::backends::InMemoryBackend::new(), room: room.clone() };
    let storage =
        RedbStorage::over(backend, "small".to_owned(), None, false, tokio::runtime::Handle::current()).unwrap();
    storage.commit(batch(&[("a", Some("1"))])).await.unwrap();
    room.store(0, Ordering::SeqCst);
    let refused = storage.commit(batch(&[("a", Some("2")), ("b", Some("2"))])).await.unwrap_err();
    assert!(matches!(refused, StorageError::Full { .. }), "{refused:?}");
    // Later commits are refused too: redb wants to be reopened, and the kernel is fail-stop anyway.
    assert!(storage.commit(batch(&[("c", Some("3"))])).await.is_err());
}

#[test]
fn no_room_is_told_from_other_errors() {
    for (errno, full) in [(28, true), (122, true), (27, true), (5, false), (13, false)] {
        let mapped = from_redb("p", "committing", redb::Error::Io(std::io::Error::from_raw_os_error(errno)));
        assert_eq!(matches!(mapped, StorageError::Full { .. }), full, "{errno}");
    }
}

/// A tmpfs of so many bytes.
fn small_disk(at: &Path, options: &str) -> Unmount {
    let mut mount = std::process::Command::new("mount");
    let done =
        mount.args(["-t", "tmpfs", "-o", options, "weft-test"]).arg(at).status().expect("this test needs `mount`");
    assert!(
        done.success(),
        "this test mounts a tmpfs: run it as root, or by `tests/ci.sh native`, which says what it takes for others"
    );
    Unmount(at.to_owned())
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn what_was_committed_before_the_disk_filled_is_there_when_it_has_room_again() {
    let tmp = tempfile::tempdir().unwrap();
    let _unmount = small_disk(tmp.path(), "mode=700,size=6m");
    let storage = open(tmp.path()).unwrap();
    let mut kept = 0u32;
    let refused = loop {
        let both = format!("{kept} {}", "x".repeat(20_000));
        let changes = [(format!("a{kept:05}"), Some(both.clone())), (format!("b{kept:05}"), Some(both))];
        let changes = changes.map(|(k, v)| (Bytes::from(k), v.map(Bytes::from))).to_vec();
        match storage.commit(Batch { changes }).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1_000, "6 MiB do not fill");
    };
    assert!(matches!(refused, StorageError::Full { .. }), "{refused:?}");
    assert!(kept > 10, "{kept}");
    drop(storage);
    // The disk is as full as before, or has room again: what was there is there, and nothing else.
    for room in [false, true] {
        if room {
            let mut mount = std::process::Command::new("mount");
            assert!(mount.args(["-o", "remount,size=64m"]).arg(tmp.path()).status().unwrap().success());
        }
        let storage = match open(tmp.path()) {
            Ok(storage) => storage,
            Err(StorageError::Full { .. }) if !room => continue,
            Err(other) => panic!("{other:?}"),
        };
        let rows = storage.scan(b"a", b"c", 10_000).await.unwrap().rows;
        assert_eq!(rows.len(), 2 * kept as usize);
        if room {
            storage.commit(batch(&[("c", Some("more"))])).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_to_says_so() {
    let tmp = tempfile::tempdir().unwrap();
    let _unmount = small_disk(tmp.path(), "mode=700,size=1m,ro");
    let StorageError::Io { source, .. } = open(tmp.path()).unwrap_err() else { panic!("not refused") };
    assert!(source.to_string().ends_with("cannot be written to: Read-only file system (os error 30)"), "{source}");
}

/// Run by the test below in a process of its own, to be killed: commits pairs and says which.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Some(path) = std::env::var_os("WEFT_TEST_COMMITS_TO") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let storage = open(Path::new(&path)).unwrap();
        let first = storage.scan(b"a", b"b", 100_000).await.unwrap().rows.len();
        for i in first.. {
            let (a, b) = (format!("a{i:06}"), format!("b{i:06}"));
            storage.commit(batch(&[(&a, Some(&b)), (&b, Some(&a))])).await.unwrap();
            println!("acknowledged {i}");
        }
    });
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_and_a_batch_is_whole_or_not_there() {
    use std::io::{BufRead, BufReader};
    let tmp = tempfile::tempdir().unwrap();
    for round in 0..6 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "storage::tests::child_that_commits_until_it_is_killed"])
            .env("WEFT_TEST_COMMITS_TO", tmp.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut last = None;
        let out = BufReader::new(child.stdout.take().unwrap());
        for line in out.lines() {
            let line = line.unwrap();
            if let Some(i) = line.strip_prefix("acknowledged ") {
                last = Some(i.parse::<usize>().unwrap());
            }
            if last.is_some_and(|last| last % 7 == round) {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let storage = open(tmp.path()).unwrap();
        let count = |from: &'static [u8], to: &'static [u8]| storage.scan(from, to, 100_000);
        let (a, b) = (count(b"a", b"b").await.unwrap().rows, count(b"b", b"c").await.unwrap().rows);
        assert_eq!(a.len(), b.len());
        assert!(a.len() > last.expect("nothing was committed"), "{last:?} was acknowledged, {} are there", a.len());
        assert!(a.iter().zip(&b).all(|((ka, va), (kb, vb))| ka == vb && kb == va));
    }
}

/// What the databases in `tests/fixtures/stores` hold: rows that were changed, removed, and larger than a page.
fn commits() -> impl Iterator<Item = Batch> {
    (0..8u32).map(|i| {
        let key = |n: u32| Bytes::from(format!("row {:02}", n % 5));
        let value = Bytes::from(vec![i as u8; if i == 6 { 5_000 } else { 100 }]);
        Batch { changes: vec![(key(i), Some(value)), (key(i + 2), None)] }
    })
}

/// The rows that are left of [`commits`].
fn left() -> Vec<(Bytes, Bytes)> {
    let mut rows = std::collections::BTreeMap::new();
    for (key, value) in commits().flat_map(|batch| batch.changes) {
        rows.remove(&key);
        rows.extend(value.map(|value| (key, value)));
    }
    rows.into_iter().collect()
}

/// The web host's tests hold a database that was written here against the same commits.
#[tokio::test]
async fn what_was_written_in_a_tab_opens_here() {
    let tmp = tempfile::tempdir().unwrap();
    std::fs::write(tmp.path().join(FILE), include_bytes!("../../../tests/fixtures/stores/tab.redb")).unwrap();
    let storage = open(tmp.path()).unwrap();
    assert_eq!(storage.scan(b"row", b"rox", 100).await.unwrap().rows, left());
    storage.commit(batch(&[("row 99", Some("more"))])).await.unwrap();
    drop(storage);
    assert_eq!(open(tmp.path()).unwrap().scan(b"row", b"rox", 100).await.unwrap().rows.len(), left().len() + 1);
}

/// Writes the database that the web host's tests open: `cargo test -p platform-native -- --ignored fixture`.
#[tokio::test]
#[ignore = "writes a fixture"]
async fn write_the_fixture_of_a_machine() {
    let tmp = tempfile::tempdir().unwrap();
    let storage = open(tmp.path()).unwrap();
    for batch in commits() {
        storage.commit(batch).await.unwrap();
    }
    drop(storage);
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/stores/machine.redb");
    std::fs::copy(tmp.path().join(FILE), fixture).unwrap();
}
