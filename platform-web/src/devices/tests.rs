//! The contract of `Devices`: a folder of the origin private file system, a list of files, and real fetches.

use super::*;
use crate::js::{scope, wait};
use bytes::Bytes;
use js_sys::Array;
use kernel_core::id::StreamId;
use kernel_core::platform::{Entry, EntryKind, WriteMode};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{File, FileSystemGetDirectoryOptions, FileSystemRemoveOptions};

mod spellings;
mod streams;

thread_local! {
    static MADE: Cell<u32> = const { Cell::new(0) };
}

struct Bench {
    devices: WebDevices,
    /// The folder that is mounted as `m`.
    folder: FileSystemDirectoryHandle,
}

async fn root() -> FileSystemDirectoryHandle {
    wait(scope().navigator().storage().get_directory()).await.unwrap()
}

async fn make(folder: &FileSystemDirectoryHandle, name: &str) -> FileSystemDirectoryHandle {
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(true);
    wait(folder.get_directory_handle_with_options(name, &options)).await.unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn file(content: &str) -> File {
    File::new_with_str_sequence(&Array::of1(&content.into()), "name").unwrap()
}

impl Bench {
    async fn new() -> Bench {
        let number = MADE.with(|made| made.replace(made.get() + 1));
        let (root, folder) = (root().await, format!("bench-{number}"));
        let options = FileSystemRemoveOptions::new();
        options.set_recursive(true);
        // What an earlier run left.
        let _ = wait::<JsValue>(root.remove_entry_with_options(&folder, &options)).await;
        let folder = make(&root, &folder).await;
        let devices = WebDevices::default();
        devices.bind(&name("m"), folder.clone()).await.unwrap();
        Bench { devices, folder }
    }

    fn of_files(files: &[(&str, &str)]) -> WebDevices {
        let devices = WebDevices::default();
        let files = files.iter().map(|(path, content)| (path.to_string(), file(content).into())).collect();
        devices.bind_files(&name("m"), files).unwrap();
        devices
    }
}

async fn page(
    devices: &WebDevices,
    path: &str,
    cursor: Option<String>,
    limit: u32,
) -> Result<(Vec<Entry>, Option<String>), DeviceError> {
    let request = DeviceRequest::List { mount: "m".to_owned(), path: path.to_owned(), cursor, limit };
    match devices.perform(request).await? {
        DeviceReply::Entries { entries, next } => Ok((entries, next)),
        other => panic!("{other:?}"),
    }
}

async fn list(devices: &WebDevices, path: &str) -> Result<Vec<(String, EntryKind, u64)>, DeviceError> {
    let (entries, next) = page(devices, path, None, 10_000).await?;
    assert_eq!(next, None);
    Ok(entries.into_iter().map(|e| (e.name, e.kind, e.size)).collect())
}

async fn read(devices: &WebDevices, path: &str, offset: u64, len: u32) -> Result<(Bytes, u64), DeviceError> {
    let request = DeviceRequest::Read { mount: "m".to_owned(), path: path.to_owned(), offset, len };
    match devices.perform(request).await? {
        DeviceReply::Data { body, meta } => Ok((body, meta.size)),
        other => panic!("{other:?}"),
    }
}

async fn write_if(
    devices: &WebDevices,
    path: &str,
    mode: WriteMode,
    body: &str,
    expect: Option<Option<[u8; 32]>>,
) -> Result<(), DeviceError> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let request = DeviceRequest::Write { mount: "m".to_owned(), path: path.to_owned(), mode, body, expect };
    devices.perform(request).await.map(drop)
}

async fn write(devices: &WebDevices, path: &str, mode: WriteMode, body: &str) -> Result<(), DeviceError> {
    write_if(devices, path, mode, body, None).await
}

async fn remove(devices: &WebDevices, path: &str) -> Result<(), DeviceError> {
    devices.perform(DeviceRequest::Remove { mount: "m".to_owned(), path: path.to_owned() }).await.map(drop)
}

async fn content(devices: &WebDevices, path: &str) -> String {
    String::from_utf8(devices.read_whole("m", path).await.unwrap()).unwrap()
}

fn unfit<T: std::fmt::Debug>(result: Result<T, DeviceError>) -> String {
    match result.unwrap_err() {
        DeviceError::Unfit(text) => text,
        other => panic!("{other:?}"),
    }
}

fn missing<T: std::fmt::Debug>(result: Result<T, DeviceError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, DeviceError::NotFound(_)), "{error:?}");
}

#[wasm_bindgen_test]
async fn a_folder_is_listed_in_order_with_kinds_and_sizes() {
    let Bench { devices, .. } = Bench::new().await;
    for path in ["b.txt", "a%20dir/inner", "%C3%A4"] {
        write(&devices, path, WriteMode::Replace, "12345").await.unwrap();
    }
    let of_files = Bench::of_files(&[("b.txt", "12345"), ("a dir/inner", "12345"), ("\u{e4}", "12345")]);
    for devices in [devices, of_files] {
        use EntryKind::{Directory, File};
        let expected = [("%C3%A4", File, 5), ("a%20dir", Directory, 0), ("b.txt", File, 5)];
        assert_eq!(list(&devices, "").await.unwrap(), expected.map(|(name, kind, size)| (name.to_owned(), kind, size)));
        assert_eq!(list(&devices, "a%20dir").await.unwrap(), [("inner".to_owned(), File, 5)]);
        missing(list(&devices, "nothing").await);
        assert_eq!(unfit(list(&devices, "b.txt").await), "/fs/m/b.txt is not a folder");
        assert!(unfit(list(&devices, "b.txt/x").await).ends_with("because /fs/m/b.txt is not a folder"));
    }
}

#[wasm_bindgen_test]
async fn a_large_folder_is_paged_through_without_loss_or_repeat() {
    let Bench { devices, .. } = Bench::new().await;
    let names: Vec<String> = (0..250).map(|i| format!("d/{i:05}")).collect();
    for path in &names {
        write(&devices, path, WriteMode::Replace, "").await.unwrap();
    }
    let all: Vec<(&str, &str)> = names.iter().map(|path| (path.as_str(), "")).collect();
    for devices in [devices, Bench::of_files(&all)] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let (entries, next) = page(&devices, "d", cursor, 30).await.unwrap();
            assert!(entries.len() <= 30);
            seen.extend(entries.into_iter().map(|e| format!("d/{}", e.name)));
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, names);
        let (entries, next) = page(&devices, "d", Some("00249".to_owned()), 1).await.unwrap();
        assert!(entries.is_empty() && next.is_none());
    }
}

#[wasm_bindgen_test]
async fn files_are_read_in_ranges() {
    let Bench { devices, .. } = Bench::new().await;
    write(&devices, "f", WriteMode::Replace, "0123456789").await.unwrap();
    write(&devices, "empty", WriteMode::Replace, "").await.unwrap();
    for devices in [devices, Bench::of_files(&[("f", "0123456789"), ("empty", "")])] {
        assert_eq!(read(&devices, "f", 0, 100).await.unwrap(), (Bytes::from_static(b"0123456789"), 10));
        assert_eq!(read(&devices, "f", 3, 4).await.unwrap().0, "3456");
        assert_eq!(read(&devices, "f", 8, 4).await.unwrap().0, "89");
        assert_eq!(read(&devices, "f", 10, 4).await.unwrap().0, "");
        assert_eq!(read(&devices, "f", u64::MAX, u32::MAX).await.unwrap().0, "");
        assert_eq!(read(&devices, "f", 0, 0).await.unwrap(), (Bytes::new(), 10));
        assert_eq!(read(&devices, "empty", u64::MAX, 10).await.unwrap(), (Bytes::new(), 0));
        missing(read(&devices, "g", 0, 1).await);
        assert!(unfit(read(&devices, "", 0, 1).await).contains("is a folder"));
        assert!(unfit(read(&devices, "f/g", 0, 1).await).contains("/fs/m/f is not a folder"));
    }
}

#[wasm_bindgen_test]
async fn nothing_outside_of_the_mount_is_reached() {
    let Bench { devices, .. } = Bench::new().await;
    write(&devices, "d/x", WriteMode::Replace, "inside").await.unwrap();
    for path in ["..", "../bench-0", "d/../../x", "%2E%2E/x", "..%2Fx", "d/..%2F..%2Fx", "/d", "d//x", "./d", "d%00"] {
        unfit(read(&devices, path, 0, 100).await);
        unfit(list(&devices, path).await);
        unfit(write(&devices, path, WriteMode::Replace, "x").await);
        unfit(remove(&devices, path).await);
    }
    assert!(unfit(read(&devices, "%FF", 0, 1).await).contains("not UTF-8"));
}

#[wasm_bindgen_test]
async fn a_replaced_file_is_whole_and_leaves_nothing_behind() {
    let Bench { devices, .. } = Bench::new().await;
    write(&devices, "new/deep/file", WriteMode::Replace, "one").await.unwrap();
    assert_eq!(content(&devices, "new/deep/file").await, "one");
    write(&devices, "new/deep/file", WriteMode::Replace, "2").await.unwrap();
    assert_eq!(content(&devices, "new/deep/file").await, "2");
    assert_eq!(list(&devices, "new/deep").await.unwrap().len(), 1);
    assert!(unfit(write(&devices, "new", WriteMode::Replace, "x").await).ends_with("is a folder"));
    assert!(unfit(write(&devices, "", WriteMode::Replace, "x").await).contains("is the mount itself"));
    assert!(unfit(write(&devices, "new/deep/file/x", WriteMode::Replace, "x").await).contains("is not a folder"));
}

#[wasm_bindgen_test]
async fn files_are_extended_at_the_end_and_written_at_an_offset() {
    let Bench { devices, .. } = Bench::new().await;
    write(&devices, "f", WriteMode::Append, "abc").await.unwrap();
    write(&devices, "f", WriteMode::Append, "def").await.unwrap();
    write(&devices, "f", WriteMode::At(2), "XY").await.unwrap();
    assert_eq!(content(&devices, "f").await, "abXYef");
    write(&devices, "g", WriteMode::At(3), "x").await.unwrap();
    assert_eq!(content(&devices, "g").await, "\0\0\0x");
    for offset in [u64::MAX, 1 << 53] {
        let refused = write(&devices, "g", WriteMode::At(offset), "xx").await.unwrap_err();
        assert!(matches!(refused, DeviceError::Full(_)), "{refused:?}");
    }
}

#[wasm_bindgen_test]
async fn a_picked_folder_is_written_through_copies_to_the_same_end() {
    let Bench { folder, .. } = Bench::new().await;
    let picked = folder::Folder::new(&name("m"), folder, false);
    let devices = WebDevices::default();
    devices.mounts.borrow_mut().insert(&name("m"), Mount::Folder(Rc::new(picked)));
    write(&devices, "f", WriteMode::Append, "abc").await.unwrap();
    write(&devices, "f", WriteMode::Append, "def").await.unwrap();
    write(&devices, "f", WriteMode::At(2), "XY").await.unwrap();
    assert_eq!(content(&devices, "f").await, "abXYef");
    write(&devices, "g", WriteMode::At(3), "x").await.unwrap();
    assert_eq!(content(&devices, "g").await, "\0\0\0x");
}

#[wasm_bindgen_test]
async fn compare_and_set_is_exact_among_writers() {
    let Bench { devices, .. } = Bench::new().await;
    let hash = |text: &str| -> [u8; 32] { Sha256::digest(text).into() };
    let replace = WriteMode::Replace;
    let conflict =
        |result: Result<(), DeviceError>| assert!(matches!(result, Err(DeviceError::Conflict(_))), "{result:?}");
    conflict(write_if(&devices, "d/f", replace, "x", Some(Some(hash("")))).await);
    missing(list(&devices, "d").await);
    write_if(&devices, "d/f", replace, "one", Some(None)).await.unwrap();
    conflict(write_if(&devices, "d/f", replace, "two", Some(None)).await);
    conflict(write_if(&devices, "d/f", replace, "two", Some(Some(hash("other")))).await);
    write_if(&devices, "d/f", replace, "two", Some(Some(hash("one")))).await.unwrap();
    // Of many that saw the same, one wins.
    let writers = (0..10).map(|i| {
        let devices = devices.clone();
        async move { write_if(&devices, "d/f", replace, &format!("by {i}"), Some(Some(hash("two")))).await }
    });
    let all = futures::future::join_all(writers).await;
    assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 1);
    // And none of many appends is lost.
    let writers = (0..20).map(|_| {
        let devices = devices.clone();
        async move { write(&devices, "log", WriteMode::Append, "line\n").await.unwrap() }
    });
    futures::future::join_all(writers).await;
    assert_eq!(content(&devices, "log").await, "line\n".repeat(20));
}

#[wasm_bindgen_test]
async fn files_and_empty_folders_are_removed() {
    let Bench { devices, .. } = Bench::new().await;
    write(&devices, "d/e/f", WriteMode::Replace, "x").await.unwrap();
    assert!(unfit(remove(&devices, "d").await).ends_with("is a folder that is not empty"));
    assert!(unfit(remove(&devices, "").await).ends_with("is the mount itself"));
    missing(remove(&devices, "d/none").await);
    for path in ["d/e/f", "d/e", "d"] {
        remove(&devices, path).await.unwrap();
    }
    missing(read(&devices, "d/e/f", 0, 1).await);
    missing(list(&devices, "d/e").await);
    write(&devices, "d/e/f", WriteMode::Replace, "again").await.unwrap();
    assert_eq!(content(&devices, "d/e/f").await, "again");
}

#[wasm_bindgen_test]
async fn a_folder_that_somebody_else_took_away_is_made_again() {
    let Bench { devices, folder } = Bench::new().await;
    write(&devices, "d/e/f", WriteMode::Replace, "x").await.unwrap();
    assert_eq!(content(&devices, "d/e/f").await, "x");
    let options = FileSystemRemoveOptions::new();
    options.set_recursive(true);
    wait::<JsValue>(folder.remove_entry_with_options("d", &options)).await.unwrap();
    missing(read(&devices, "d/e/f", 0, 1).await);
    missing(list(&devices, "d/e").await);
    write(&devices, "d/e/f", WriteMode::Replace, "again").await.unwrap();
    assert_eq!(content(&devices, "d/e/f").await, "again");
}

#[wasm_bindgen_test]
async fn what_was_dropped_is_not_changed() {
    let devices = Bench::of_files(&[("d/f", "x")]);
    for result in [
        write(&devices, "d/f", WriteMode::Replace, "y").await,
        write(&devices, "new", WriteMode::Append, "y").await,
        remove(&devices, "d/f").await,
    ] {
        let refused = result.unwrap_err();
        assert!(matches!(&refused, DeviceError::Refused(why) if why.contains("dropped")), "{refused:?}");
    }
    assert_eq!(content(&devices, "d/f").await, "x");
}

#[wasm_bindgen_test]
async fn lists_of_files_that_are_none_are_refused() {
    let bind = |files: &[&str]| {
        let files = files.iter().map(|path| (path.to_string(), file("").into())).collect();
        WebDevices::default().bind_files(&name("m"), files)
    };
    for files in [&["a", "a"][..], &["a", "a/b"], &["a/b", "a"], &["/a"], &["a//b"], &["../a"], &["a/./b"], &[""]] {
        assert!(matches!(bind(files), Err(MountError::BadPath { .. })), "{files:?}");
    }
    bind(&["a/b", "a/c", "b"]).unwrap();
}

#[wasm_bindgen_test]
async fn one_folder_is_mounted_once_and_a_mount_ends_where_another_begins() {
    let Bench { devices, folder } = Bench::new().await;
    let twice = devices.bind(&name("n"), folder.clone()).await.unwrap_err();
    assert!(matches!(&twice, MountError::Twice { other, .. } if other.as_str() == "m"), "{twice}");
    write(&devices, "inner/f", WriteMode::Replace, "x").await.unwrap();
    let inner = make(&folder, "inner").await;
    devices.bind(&name("n"), inner).await.unwrap();
    assert!(unfit(read(&devices, "inner/f", 0, 1).await).contains("its path begins with /fs/n"));
    assert!(unfit(write(&devices, "inner/g", WriteMode::Replace, "x").await).contains("/fs/n"));
    assert!(unfit(list(&devices, "inner").await).contains("/fs/n"));
    assert!(unfit(remove(&devices, "inner").await).contains("/fs/n"));
    assert_eq!(list(&devices, "").await.unwrap(), [("inner".to_owned(), EntryKind::Mount, 0)]);
    assert_eq!(devices.read_whole("n", "f").await.unwrap(), b"x");
    assert!(devices.unbind(&name("n")));
    assert_eq!(content(&devices, "inner/f").await, "x");
    // The other way round: the outer one comes later.
    let other = WebDevices::default();
    other.bind(&name("m"), make(&folder, "inner").await).await.unwrap();
    other.bind(&name("o"), folder).await.unwrap();
    let request = DeviceRequest::Read { mount: "o".to_owned(), path: "inner/f".to_owned(), offset: 0, len: 1 };
    assert!(unfit(other.perform(request).await).contains("/fs/m"));
}

#[wasm_bindgen_test]
async fn what_kernels_keep_is_not_mounted() {
    let weft = make(&root().await, "weft").await;
    let inner = make(&weft, "some-kernel").await;
    for folder in [root().await, weft, inner] {
        let refused = WebDevices::default().bind(&name("m"), folder).await.unwrap_err();
        assert!(matches!(refused, MountError::Ours { .. }), "{refused}");
    }
}

#[wasm_bindgen_test]
async fn what_could_not_be_opened_is_listed_and_a_read_says_why() {
    let devices = WebDevices::default();
    let files = vec![
        ("d/f".to_owned(), file("x").into()),
        ("d/g".to_owned(), Dropped::Unreadable("the browser was not given leave".to_owned())),
    ];
    devices.bind_files(&name("m"), files).unwrap();
    let entry = |name: &str, size| (name.to_owned(), EntryKind::File, size);
    assert_eq!(list(&devices, "d").await.unwrap(), [entry("f", 1), entry("g", 0)]);
    let refused = read(&devices, "d/g", 0, 10).await.unwrap_err();
    assert!(
        matches!(&refused, DeviceError::Refused(why) if why.contains("/fs/m/d/g could not be opened: the browser"))
    );
    assert_eq!(content(&devices, "d/f").await, "x");
}

#[wasm_bindgen_test]
async fn a_file_is_handed_over_whole_up_to_a_limit() {
    let Bench { devices, .. } = Bench::new().await;
    write(&devices, "large", WriteMode::At(MAX_WHOLE - 1), "x").await.unwrap();
    assert_eq!(devices.read_whole("m", "large").await.unwrap().len() as u64, MAX_WHOLE);
    write(&devices, "large", WriteMode::Append, "x").await.unwrap();
    let refused = devices.read_whole("m", "large").await.unwrap_err();
    assert!(matches!(&refused, DeviceError::Full(why) if why.contains("67108865 bytes")), "{refused:?}");
}
