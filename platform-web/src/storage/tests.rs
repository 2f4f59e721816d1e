//! The contract of `Storage` on redb in a worker: over the origin private file system, and in memory.

use super::*;
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

/// Removes what an earlier run left of the kernel `name`.
async fn clear(name: &str) {
    let root: FileSystemDirectoryHandle =
        JsFuture::from(scope().navigator().storage().get_directory()).await.unwrap().unchecked_into();
    let options = FileSystemRemoveOptions::new();
    options.set_recursive(true);
    if let Ok(weft) = JsFuture::from(root.get_directory_handle("weft")).await {
        let weft: FileSystemDirectoryHandle = weft.unchecked_into();
        let _ = JsFuture::from(weft.remove_entry_with_options(name, &options)).await;
    }
}

async fn open(kernel: &str) -> RedbStorage {
    match RedbStorage::open(&name(kernel), false).await.unwrap() {
        Opened::Kept { storage, .. } => storage,
        Opened::NotHere(why) => panic!("{why}"),
    }
}

async fn fresh(kernel: &str) -> RedbStorage {
    clear(kernel).await;
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
    let refused = RedbStorage::open(&name("held"), false).await.unwrap_err();
    assert!(matches!(&refused, StorageError::Held { .. }), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        "weft/held/weft.redb of this site is in use by another tab or worker of this site"
    );
    drop(first);
    assert_eq!(open("held").await.get(b"a").await.unwrap().unwrap(), "1");
}
