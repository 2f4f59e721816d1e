//! The contract of `Storage` on redb in a worker: over the origin private file system, and in memory.

use super::opfs::SECTOR;
use super::*;
use kernel_core::path::Name;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{FileSystemDirectoryHandle, FileSystemRemoveOptions};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn batch(changes: &[(&str, Option<&str>)]) -> Batch {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Batch { changes: changes.iter().map(|(k, v)| (bytes(k), v.map(bytes))).collect() }
}

/// Removes what an earlier run left of the kernel `name`: its rows and its keys.
pub(crate) async fn clear(name: &Name) {
    let root: FileSystemDirectoryHandle =
        JsFuture::from(scope().navigator().storage().get_directory()).await.unwrap().unchecked_into();
    let options = FileSystemRemoveOptions::new();
    options.set_recursive(true);
    if let Ok(weft) = JsFuture::from(root.get_directory_handle("weft")).await {
        let weft: FileSystemDirectoryHandle = weft.unchecked_into();
        let _ = JsFuture::from(weft.remove_entry_with_options(name.as_str(), &options)).await;
    }
    let factory = scope().indexed_db().unwrap().unwrap();
    // Later requests of the same database wait for this one.
    factory.delete_database(&format!("weft/{name}")).unwrap();
}

async fn open_if(kernel: &str, signed: bool) -> Result<RedbStorage, StorageError> {
    RedbStorage::open(&KernelFolder::open(&name(kernel)).await.unwrap(), signed).await
}

async fn open(kernel: &str) -> RedbStorage {
    open_if(kernel, false).await.unwrap()
}

async fn fresh(kernel: &str) -> RedbStorage {
    clear(&name(kernel)).await;
    open(kernel).await
}

#[wasm_bindgen_test]
async fn rows_come_back_in_order_and_page_by_page() {
    for storage in [fresh("order").await, RedbStorage::in_memory().unwrap()] {
        assert_eq!(storage.get(b"a").await.unwrap(), None);
        assert!(storage.scan(b"a", b"z", 10).await.unwrap().rows.is_empty());
        let rows = [("c", Some("3")), ("a", Some("1")), ("b", Some("2")), ("d", Some("4"))];
        storage.commit(batch(&rows)).await.unwrap();
        let page = storage.scan(b"a", b"d", 2).await.unwrap();
        assert_eq!(page.rows.iter().map(|(k, _)| &k[..]).collect::<Vec<_>>(), [b"a", b"b"]);
        let next = page.next.unwrap();
        let page = storage.scan(&next, b"d", 2).await.unwrap();
        assert_eq!(page.rows, [(Bytes::from_static(b"c"), Bytes::from_static(b"3"))]);
        assert_eq!(page.next, None);
        assert!(storage.scan(b"z", b"a", 2).await.unwrap().rows.is_empty());
    }
}

#[wasm_bindgen_test]
async fn the_later_change_of_a_key_wins_and_none_removes() {
    let storage = fresh("later").await;
    storage.commit(batch(&[("k", Some("1")), ("k", Some("2")), ("l", Some("1")), ("l", None)])).await.unwrap();
    assert_eq!(storage.get(b"k").await.unwrap().unwrap(), "2");
    assert_eq!(storage.get(b"l").await.unwrap(), None);
    storage.commit(batch(&[("k", None)])).await.unwrap();
    assert_eq!(storage.get(b"k").await.unwrap(), None);
}

#[wasm_bindgen_test]
async fn large_rows_end_a_page_by_their_bytes() {
    let storage = fresh("large").await;
    let row = Bytes::from(vec![7; 3 << 20]);
    let changes = (0..4u8).map(|i| (Bytes::from(vec![i]), Some(row.clone()))).collect();
    storage.commit(Batch { changes }).await.unwrap();
    let page = storage.scan(&[0], &[9], 100).await.unwrap();
    assert_eq!((page.rows.len(), page.next), (2, Some(Bytes::from_static(&[2]))));
}

#[wasm_bindgen_test]
async fn what_was_committed_is_there_after_a_reopen() {
    let storage = fresh("reopen").await;
    for i in 0..200 {
        let (key, value) = (format!("key {i:03}"), "x".repeat(i * 37 % 5_000));
        storage.commit(batch(&[(&key, Some(&value))])).await.unwrap();
    }
    drop(storage);
    let storage = open("reopen").await;
    let rows = storage.scan(b"key", b"kez", 1_000).await.unwrap().rows;
    assert_eq!(rows.len(), 200);
    assert!(rows.iter().enumerate().all(|(i, (_, value))| value.len() == i * 37 % 5_000));
}

#[wasm_bindgen_test]
async fn the_second_opener_is_told_who_holds_it_and_gets_it_when_it_is_free() {
    let first = fresh("held").await;
    first.commit(batch(&[("a", Some("1"))])).await.unwrap();
    let refused = open_if("held", false).await.unwrap_err();
    assert!(matches!(&refused, StorageError::Held { .. }), "{refused:?}");
    assert_eq!(refused.to_string(), "weft/held/weft.redb of this site is in use by another tab or worker of this site");
    drop(first);
    assert_eq!(open("held").await.get(b"a").await.unwrap().unwrap(), "1");
}

#[wasm_bindgen_test]
async fn a_database_that_is_missing_or_emptied_beside_its_key_is_damage() {
    drop(fresh("gone").await);
    // There and whole: that somebody signed it is fine.
    drop(open_if("gone", true).await.unwrap());
    clear(&name("gone")).await;
    for _ in 0..2 {
        let error = open_if("gone", true).await.unwrap_err();
        assert!(matches!(&error, StorageError::Damaged { what, .. } if what.contains("it is gone")), "{error}");
    }
    drop(open("gone").await);
}

#[wasm_bindgen_test]
async fn a_database_whose_making_was_cut_short_is_made_anew() {
    clear(&name("cut")).await;
    let whole = RedbStorage::fresh().unwrap();
    for length in [0, 1, SECTOR, whole.len() / 2, whole.len()] {
        let folder = KernelFolder::open(&name("cut")).await.unwrap();
        let (file, _) = folder.find(true).await.unwrap().unwrap();
        // All but what is written last, and of that as much as there was time for.
        file.set_len(0).unwrap();
        file.set_len(length as u64).unwrap();
        file.write(SECTOR as u64, &whole[SECTOR..length.max(SECTOR)]).unwrap();
        drop(file);
        let storage = open("cut").await;
        storage.commit(batch(&[("a", Some("1"))])).await.unwrap();
        drop(storage);
        assert_eq!(open("cut").await.get(b"a").await.unwrap().unwrap(), "1");
    }
}

#[wasm_bindgen_test]
async fn a_file_that_is_no_database_is_damaged_and_left_alone() {
    clear(&name("text")).await;
    let text = b"this is not a database, it is a text of some length";
    let folder = KernelFolder::open(&name("text")).await.unwrap();
    folder.find(true).await.unwrap().unwrap().0.make(text).unwrap();
    let refused = open_if("text", false).await.unwrap_err();
    assert!(matches!(refused, StorageError::Damaged { .. }), "{refused:?}");
    let (file, _) = folder.find(false).await.unwrap().unwrap();
    let mut found = [0; 11];
    file.read(0, &mut found).unwrap();
    assert_eq!(found, text[..11]);
}

/// A backend with room for so many bytes.
#[derive(Debug)]
struct Small(Shared, u64);

impl StorageBackend for Small {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.1 { Err(io::ErrorKind::StorageFull.into()) } else { self.0.set_len(len) }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

#[wasm_bindgen_test]
async fn without_room_a_commit_is_full_and_what_was_there_stays() {
    let shared = Shared::default();
    let storage = RedbStorage::over(Small(shared.clone(), 16 << 20), "here".to_owned()).unwrap();
    let mut kept = 0;
    let refused = loop {
        let row = "x".repeat(300_000);
        match storage.commit(batch(&[(&format!("{kept:03}"), Some(&row))])).await {
            Ok(()) => kept += 1,
            Err(e) => break e,
        }
    };
    assert!(matches!(&refused, StorageError::Full { .. }), "{refused:?}");
    assert!(kept > 2);
    drop(storage);
    let storage = RedbStorage::over(shared, "here".to_owned()).unwrap();
    // Page by page, because they are large.
    let (mut from, mut found) = (Bytes::from_static(b"0"), 0);
    loop {
        let page = storage.scan(&from, b"9", 1_000).await.unwrap();
        found += page.rows.len();
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(found, kept);
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

/// The native host's tests hold a database that was written here against the same commits.
#[wasm_bindgen_test]
async fn what_was_written_on_a_machine_opens_here() {
    clear(&name("copied")).await;
    let folder = KernelFolder::open(&name("copied")).await.unwrap();
    let machine = include_bytes!("../../../tests/fixtures/stores/machine.redb");
    folder.find(true).await.unwrap().unwrap().0.make(machine).unwrap();
    let storage = open("copied").await;
    assert_eq!(storage.scan(b"row", b"rox", 100).await.unwrap().rows, left());
    storage.commit(batch(&[("row 99", Some("more"))])).await.unwrap();
    drop(storage);
    assert_eq!(open("copied").await.scan(b"row", b"rox", 100).await.unwrap().rows.len(), left().len() + 1);
}

/// Prints the database that the native host's tests open, in hexadecimal digits:
/// `cargo test -p platform-web --lib -- --ignored --nocapture fixture`.
#[wasm_bindgen_test]
#[ignore = "prints a fixture"]
async fn print_the_fixture_of_a_tab() {
    let storage = fresh("fixture").await;
    for batch in commits() {
        storage.commit(batch).await.unwrap();
    }
    drop(storage);
    let (file, _) = KernelFolder::open(&name("fixture")).await.unwrap().find(false).await.unwrap().unwrap();
    let mut written = vec![0; file.len().unwrap() as usize];
    file.read(0, &mut written).unwrap();
    for piece in written.chunks(4_096) {
        let digits: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
        wasm_bindgen_test::console_log!("fixture: {digits}");
    }
}
