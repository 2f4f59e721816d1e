//! A picked folder on a disk that takes `A` and `a` for one name, played by handles over the origin private file system.

use super::*;
use js_sys::Function;
use wasm_bindgen::JsCast;

/// Handles as a browser makes them for such a disk: whatever it is asked for it opens under that name, and only a
/// listing says what it is called.
const SLOPPY: &str = "
    const find = async (real, name) => {
      for await (const entry of real.values()) if (entry.name.toLowerCase() === name.toLowerCase()) return entry.name;
      return name;
    };
    const wrap = (real, name) => new Proxy(real, {
      get(_, key) {
        if (key === 'name') return name;
        if (key === 'getFileHandle') return async (name, options) => wrap(await real.getFileHandle(await find(real, name), options), name);
        if (key === 'getDirectoryHandle') return async (name, options) => wrap(await real.getDirectoryHandle(await find(real, name), options), name);
        if (key === 'removeEntry') return async (name, options) => real.removeEntry(await find(real, name), options);
        return typeof real[key] === 'function' ? real[key].bind(real) : real[key];
      },
    });
    return wrap(real, real.name);
";

/// A bench whose mount is on such a disk.
async fn sloppy() -> Bench {
    let Bench { folder, .. } = Bench::new().await;
    let handle = Function::new_with_args("real", SLOPPY).call1(&JsValue::NULL, &folder).unwrap();
    let picked = folder::Folder::new(&name("m"), handle.unchecked_into(), false);
    let devices = WebDevices::default();
    devices.mounts.borrow_mut().insert(&name("m"), Mount::Folder(Rc::new(picked)));
    Bench { devices, folder }
}

fn otherwise<T: std::fmt::Debug>(result: Result<T, DeviceError>) {
    let why = unfit(result);
    assert!(why.contains("is spelled otherwise on the disk"), "{why}");
}

#[wasm_bindgen_test]
async fn an_entry_is_used_only_under_the_name_that_a_listing_shows() {
    let Bench { devices, folder } = sloppy().await;
    let disk = WebDevices::default();
    disk.bind(&name("m"), folder).await.unwrap();
    write(&disk, "a", WriteMode::Replace, "secret").await.unwrap();
    write(&disk, "dir/f", WriteMode::Replace, "secret").await.unwrap();
    assert_eq!(content(&devices, "a").await, "secret");
    assert_eq!(content(&devices, "dir/f").await, "secret");
    for path in ["A", "Dir/f", "dir/F", "DIR/F"] {
        otherwise(read(&devices, path, 0, 100).await);
        otherwise(write(&devices, path, WriteMode::Replace, "x").await);
        otherwise(write(&devices, path, WriteMode::Append, "x").await);
        otherwise(write_if(&devices, path, WriteMode::Replace, "x", Some(None)).await);
        otherwise(remove(&devices, path).await);
    }
    otherwise(list(&devices, "DIR").await);
    otherwise(write(&devices, "DIR/new", WriteMode::Replace, "x").await);
    missing(remove(&devices, "nothing").await);
    assert_eq!(content(&disk, "a").await, "secret");
    assert_eq!(content(&disk, "dir/f").await, "secret");
    assert_eq!(list(&disk, "").await.unwrap().len(), 2);
    // What was made and removed through this host is followed.
    write(&devices, "b", WriteMode::Replace, "b").await.unwrap();
    otherwise(read(&devices, "B", 0, 1).await);
    remove(&devices, "b").await.unwrap();
    write(&devices, "B", WriteMode::Replace, "B").await.unwrap();
    assert_eq!(content(&devices, "B").await, "B");
    otherwise(read(&devices, "b", 0, 1).await);
}

#[wasm_bindgen_test]
async fn of_two_spellings_that_are_made_at_once_one_is_refused() {
    let Bench { devices, .. } = sloppy().await;
    for (one, other) in [("new", "New"), ("dir/f", "Dir/f"), ("dir/g", "dir/G")] {
        let writes = [one, other].map(|path| write(&devices, path, WriteMode::Replace, path));
        let [first, second]: [_; 2] = futures::future::join_all(writes).await.try_into().unwrap();
        first.unwrap();
        otherwise(second);
        assert_eq!(content(&devices, one).await, one);
        otherwise(read(&devices, other, 0, 1).await);
    }
}

#[wasm_bindgen_test]
async fn another_mount_is_not_reached_by_another_spelling() {
    let Bench { devices, folder } = sloppy().await;
    let disk = WebDevices::default();
    disk.bind(&name("m"), folder).await.unwrap();
    write(&disk, "out/f", WriteMode::Replace, "of another").await.unwrap();
    let Some(Mount::Folder(outer)) = devices.mounts.borrow().get("m") else { panic!("it is mounted") };
    outer.end_at(vec!["out".to_owned()], name("out"));
    assert!(unfit(read(&devices, "out/f", 0, 1).await).contains("/fs/out"));
    otherwise(read(&devices, "OUT/f", 0, 1).await);
    otherwise(list(&devices, "Out").await);
}

#[wasm_bindgen_test]
async fn what_a_folder_holds_is_asked_for_once() {
    let Bench { devices, folder } = sloppy().await;
    let disk = WebDevices::default();
    disk.bind(&name("m"), folder.clone()).await.unwrap();
    for n in 0..20 {
        write(&disk, &format!("f{n}"), WriteMode::Replace, "x").await.unwrap();
    }
    // Counts listings from here on.
    let count = Function::new_with_args(
        "real",
        "const keys = real.keys; real.asked = 0; real.keys = () => (real.asked++, keys.call(real));",
    );
    count.call1(&JsValue::NULL, &folder).unwrap();
    for n in 0..20 {
        read(&devices, &format!("f{n}"), 0, 1).await.unwrap();
        write(&devices, &format!("g{n}"), WriteMode::Replace, "x").await.unwrap();
        read(&devices, &format!("g{n}"), 0, 1).await.unwrap();
    }
    assert_eq!(js_sys::Reflect::get(&folder, &"asked".into()).unwrap(), 1);
}

#[wasm_bindgen_test]
async fn what_another_program_renames_is_seen_at_the_next_listing() {
    let Bench { devices, folder } = sloppy().await;
    let disk = WebDevices::default();
    disk.bind(&name("m"), folder).await.unwrap();
    write(&disk, "dir/a", WriteMode::Replace, "a").await.unwrap();
    assert_eq!(content(&devices, "dir/a").await, "a");
    remove(&disk, "dir/a").await.unwrap();
    write(&disk, "dir/A", WriteMode::Replace, "A").await.unwrap();
    assert_eq!(content(&devices, "dir/a").await, "A", "as it was called when the folder was listed");
    list(&devices, "dir").await.unwrap();
    otherwise(read(&devices, "dir/a", 0, 1).await);
    assert_eq!(content(&devices, "dir/A").await, "A");
}

#[wasm_bindgen_test]
async fn a_browser_that_has_no_room_and_counts_beyond_it_is_believed_nothing() {
    // In a private window Chrome answers a write for which there is no room with about 2^32.
    let full = Function::new_no_args(
        "return { createSyncAccessHandle: async () => ({ getSize: () => 3, write: () => 2 ** 32, truncate() {}, flush() {}, close() {} }) }",
    );
    let file: JsValue = full.call0(&JsValue::NULL).unwrap();
    let refused = folder::in_place(file.unchecked_ref(), None, b"bytes").await.unwrap_err();
    assert_eq!(crate::js::name_of(&refused), "QuotaExceededError");
}
