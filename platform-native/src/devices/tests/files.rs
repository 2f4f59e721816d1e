//! Files: what is in a mount is reached, whatever its name; what is not in it is not.

use super::*;

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

fn fifo(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
}

#[tokio::test]
async fn folders_that_cannot_be_mounted_are_told_apart() {
    let bench = Bench::new();
    let bind = |path: &Path| bench.devices.bind(&name("x"), path).unwrap_err();
    let missing = bind(&bench.at("nowhere"));
    assert!(matches!(missing, MountError::Missing { .. }), "{missing}");
    let file = bind(&bench.root.path().join("outside"));
    assert!(matches!(file, MountError::NotFolder { .. }), "{file}");
    symlink("b", bench.at("a")).unwrap();
    symlink("a", bench.at("b")).unwrap();
    let looped = bind(&bench.at("a"));
    assert!(matches!(looped, MountError::Unreadable { .. }), "{looped}");
    let closed = bench.at("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read it all the same.
    if rustix::process::geteuid().is_root() {
        bench.devices.bind(&name("x"), &closed).unwrap();
        assert!(bench.devices.unbind(&name("x")));
    } else {
        assert!(matches!(bind(&closed), MountError::Unreadable { .. }));
    }
    assert_eq!(bench.devices.mounts().len(), 1);
    assert!(!bench.devices.unbind(&name("x")));
}

#[tokio::test]
async fn a_folder_is_listed_in_order_with_kinds_and_sizes() {
    let bench = Bench::new();
    fs::write(bench.at("b.txt"), "12345").unwrap();
    fs::create_dir(bench.at("a dir")).unwrap();
    symlink("b.txt", bench.at("inside")).unwrap();
    symlink("a dir", bench.at("inside-dir")).unwrap();
    symlink("../outside", bench.at("up")).unwrap();
    symlink("/etc/passwd", bench.at("absolute")).unwrap();
    symlink("nothing", bench.at("gone")).unwrap();
    symlink("loop-b", bench.at("loop-a")).unwrap();
    symlink("loop-a", bench.at("loop-b")).unwrap();
    symlink("../m/b.txt", bench.at("out-and-in")).unwrap();
    symlink("../b.txt", bench.at("a dir/up-inside")).unwrap();
    fifo(&bench.at("fifo"));
    let _socket = std::os::unix::net::UnixListener::bind(bench.at("socket")).unwrap();
    fs::write(bench.at(OsStr::from_bytes(b"\xff\xfe")), "").unwrap();
    let listed = bench.list("").await.unwrap();
    let listed: Vec<_> = listed.iter().map(|e| (e.name.as_str(), e.kind, e.size)).collect();
    use EntryKind::{BrokenLink, Directory, File, Link, Other, OutsideLink};
    assert_eq!(
        listed,
        [
            ("%FF%FE", File, 0),
            ("a%20dir", Directory, 0),
            ("absolute", OutsideLink, 0),
            ("b.txt", File, 5),
            ("fifo", Other, 0),
            ("gone", BrokenLink, 0),
            ("inside", Link, 0),
            ("inside-dir", Link, 0),
            ("loop-a", BrokenLink, 0),
            ("loop-b", BrokenLink, 0),
            ("out-and-in", OutsideLink, 0),
            ("socket", Other, 0),
            ("up", OutsideLink, 0),
        ]
    );
    assert_eq!(bench.list("a%20dir").await.unwrap()[0].kind, Link);
    missing(bench.list("nothing").await);
    assert!(unfit(bench.list("b.txt").await).ends_with("/fs/m/b.txt is not a folder"));
    assert!(unfit(bench.list("b.txt/x").await).contains("because /fs/m/b.txt is not a folder"));
}

#[tokio::test]
async fn a_large_folder_is_paged_through_without_loss_or_repeat() {
    let bench = Bench::new();
    fs::create_dir(bench.at("d")).unwrap();
    for i in 0..2_500 {
        fs::write(bench.at(format!("d/{i:05}")), "").unwrap();
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    for page in 0.. {
        let (entries, next) = bench.page("d", cursor, 100).await.unwrap();
        assert!(entries.len() <= 100);
        seen.extend(entries.into_iter().map(|e| e.name));
        if page == 3 {
            // What goes meanwhile is not shown; what comes may be, or may not.
            fs::remove_file(bench.at("d/02000")).unwrap();
            fs::write(bench.at("d/00000x"), "").unwrap();
        }
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..2_500).filter(|i| *i != 2_000).map(|i| format!("{i:05}")).collect();
    assert_eq!(seen, expected);
    // A cursor whose listing is forgotten, and whose name is gone, goes on after it all the same.
    let fresh = NativeDevices::new(tokio::runtime::Handle::current());
    fresh.bind(&name("m"), &bench.at("")).unwrap();
    let bench = Bench { devices: fresh, root: bench.root };
    let (entries, _) = bench.page("d", Some("02000".to_owned()), 1).await.unwrap();
    assert_eq!(entries[0].name, "02001");
    let (entries, next) = bench.page("d", Some("02499".to_owned()), 1).await.unwrap();
    assert!(entries.is_empty() && next.is_none());
}

#[tokio::test]
async fn files_are_read_in_ranges() {
    let bench = Bench::new();
    fs::write(bench.at("f"), "0123456789").unwrap();
    let read = |offset, len| bench.read("f", offset, len);
    assert_eq!(read(0, 100).await.unwrap(), (Bytes::from_static(b"0123456789"), 10));
    assert_eq!(read(3, 4).await.unwrap().0, "3456");
    assert_eq!(read(8, 4).await.unwrap().0, "89");
    assert_eq!(read(10, 4).await.unwrap().0, "");
    assert_eq!(read(u64::MAX, u32::MAX).await.unwrap().0, "");
    assert_eq!(read(0, 0).await.unwrap(), (Bytes::new(), 10));
    fs::write(bench.at("empty"), "").unwrap();
    assert_eq!(bench.read("empty", u64::MAX, 10).await.unwrap(), (Bytes::new(), 0));
    missing(bench.read("g", 0, 1).await);
    assert!(unfit(bench.read("", 0, 1).await).contains("is a folder"));
    assert!(unfit(bench.read("f/g", 0, 1).await).contains("/fs/m/f is not a folder"));
}

#[tokio::test]
async fn a_sparse_file_is_read_anywhere_without_being_held() {
    let bench = Bench::new();
    let file = fs::File::create(bench.at("sparse")).unwrap();
    file.set_len(5 << 30).unwrap();
    let (body, size) = bench.read("sparse", (5 << 30) - 3, 1 << 20).await.unwrap();
    assert_eq!((&body[..], size), (&[0u8; 3][..], 5 << 30));
    assert_eq!(bench.read("sparse", 1 << 30, 1 << 20).await.unwrap().0.len(), 1 << 20);
    let refused = bench.write_if("sparse", WriteMode::Replace, "x", Some(Some([0; 32]))).await.unwrap_err();
    assert!(matches!(refused, DeviceError::Full(_)), "{refused}");
}

#[tokio::test]
async fn names_that_are_not_utf8_go_and_come_back() {
    let bench = Bench::new();
    bench.write("d%FF/%00".trim_end_matches("/%00"), WriteMode::Replace, "raw").await.unwrap();
    assert_eq!(fs::read(bench.at(OsStr::from_bytes(b"d\xff"))).unwrap(), b"raw");
    assert_eq!(bench.list("").await.unwrap()[0].name, "d%FF");
    assert_eq!(bench.read("d%FF", 0, 9).await.unwrap().0, "raw");
    bench.remove("d%FF").await.unwrap();
    assert!(bench.list("").await.unwrap().is_empty());
}

#[tokio::test]
async fn nothing_outside_of_the_mount_is_reached() {
    let bench = Bench::new();
    fs::create_dir(bench.at("d")).unwrap();
    symlink("../outside", bench.at("up")).unwrap();
    symlink(bench.root.path().join("outside"), bench.at("absolute")).unwrap();
    symlink("..", bench.at("parent")).unwrap();
    symlink("../../other", bench.at("d/other")).unwrap();
    for path in [
        "..",
        "../outside",
        "d/../../outside",
        "%2E%2E/outside",
        "..%2Foutside",
        "d/..%2F..%2Foutside",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "up",
        "absolute",
        "parent/outside",
        "d/other/file",
        "d//f",
        "./d",
        "d%00",
    ] {
        unfit(bench.read(path, 0, 100).await);
        unfit(bench.list(path).await);
        unfit(bench.write(path, WriteMode::Replace, "overwritten").await);
        unfit(bench.write(path, WriteMode::Append, "overwritten").await);
        unfit(bench.write(path, WriteMode::At(0), "overwritten").await);
        // A link itself may be removed; what it leads to may not.
        if !matches!(path, "up" | "absolute") {
            unfit(bench.remove(path).await);
        }
    }
    assert_eq!(fs::read(bench.root.path().join("outside")).unwrap(), b"a secret of the host");
    assert_eq!(fs::read(bench.root.path().join("other/file")).unwrap(), b"another secret");
    bench.remove("up").await.unwrap();
    bench.remove("d/other").await.unwrap();
    assert!(bench.root.path().join("outside").exists() && bench.root.path().join("other/file").exists());
    assert!(unfit(bench.read("absolute", 0, 1).await).contains("leads nowhere or out of the mount"));
}

#[tokio::test]
async fn a_link_inside_of_the_mount_is_not_a_second_way_to_a_file() {
    let bench = Bench::new();
    fs::create_dir(bench.at("d")).unwrap();
    fs::write(bench.at("d/file"), "content").unwrap();
    symlink("d/file", bench.at("link")).unwrap();
    symlink("d", bench.at("dir-link")).unwrap();
    assert!(unfit(bench.read("link", 0, 9).await).ends_with("links are not followed; name /fs/m/d/file itself"));
    assert!(unfit(bench.read("dir-link/file", 0, 9).await).ends_with("links are not followed; name /fs/m/d itself"));
    unfit(bench.list("dir-link").await);
    for mode in [WriteMode::Replace, WriteMode::Append, WriteMode::At(0)] {
        unfit(bench.write("link", mode, "x").await);
        unfit(bench.write("dir-link/new", mode, "x").await);
    }
    assert_eq!(fs::read(bench.at("d/file")).unwrap(), b"content");
    assert!(!bench.at("d/new").exists());
}

/// A folder on the way is exchanged for a link out of the mount, again and again, while it is used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_becomes_a_link_meanwhile_does_not_lead_out() {
    let bench = Bench::new();
    fs::create_dir(bench.at("a")).unwrap();
    fs::write(bench.at("a/file"), "inside").unwrap();
    fs::write(bench.at("a/marker"), "").unwrap();
    symlink("../other", bench.at("l")).unwrap();
    let m = bench.at("");
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let theirs = stop.clone();
    let exchanging = std::thread::spawn(move || {
        let mut n = 0u32;
        while !theirs.load(std::sync::atomic::Ordering::Relaxed) {
            let (at, exchange) = (rustix::fs::CWD, rustix::fs::RenameFlags::EXCHANGE);
            rustix::fs::renameat_with(at, m.join("a"), at, m.join("l"), exchange).unwrap();
            n += 1;
        }
        n
    });
    let (mut reached, mut refused) = (0, 0);
    for i in 0..3_000 {
        match bench.read("a/file", 0, 100).await {
            Ok((body, _)) => {
                assert_eq!(body, "inside");
                reached += 1;
            }
            Err(_) => refused += 1,
        }
        match bench.list("a").await {
            Ok(entries) => assert!(entries.iter().any(|e| e.name == "marker")),
            Err(_) => refused += 1,
        }
        if i % 10 == 0 {
            let _ = bench.write("a/new", WriteMode::Append, "x").await;
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(exchanging.join().unwrap() > 0);
    assert!(reached > 0 && refused > 0, "{reached} {refused}");
    assert!(!bench.root.path().join("other/new").exists());
    assert_eq!(fs::read(bench.root.path().join("other/file")).unwrap(), b"another secret");
}

#[tokio::test]
async fn what_is_no_file_is_not_opened() {
    let bench = Bench::new();
    fifo(&bench.at("fifo"));
    let _socket = std::os::unix::net::UnixListener::bind(bench.at("socket")).unwrap();
    for (path, said) in [("fifo", "is a fifo"), ("socket", "is a socket")] {
        // Opening a fifo would wait for its other end for ever.
        assert!(unfit(bench.read(path, 0, 10).await).ends_with(said));
        for mode in [WriteMode::Replace, WriteMode::Append, WriteMode::At(0)] {
            assert!(unfit(bench.write(path, mode, "x").await).ends_with(said));
        }
        assert!(unfit(bench.remove(path).await).ends_with(said));
    }
    let devices = NativeDevices::new(tokio::runtime::Handle::current());
    devices.bind(&name("m"), Path::new("/dev")).unwrap();
    let bench = Bench { devices, root: bench.root };
    assert!(unfit(bench.read("zero", 0, 10).await).ends_with("is a device"));
}

#[tokio::test]
async fn a_file_that_hides_its_size_is_read_to_its_end() {
    let bench = Bench::new();
    let devices = NativeDevices::new(tokio::runtime::Handle::current());
    devices.bind(&name("m"), Path::new("/proc/self")).unwrap();
    let bench = Bench { devices, root: bench.root };
    let (body, size) = bench.read("status", 0, 1 << 20).await.unwrap();
    assert!(size == 0 && body.starts_with(b"Name:") && body.ends_with(b"\n"));
}

#[tokio::test]
async fn a_replaced_file_is_whole_and_keeps_its_permissions_and_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.write("new/deep/file", WriteMode::Replace, "one").await.unwrap();
    assert_eq!(fs::read(bench.at("new/deep/file")).unwrap(), b"one");
    fs::set_permissions(bench.at("new/deep/file"), fs::Permissions::from_mode(0o640)).unwrap();
    let held = fs::File::open(bench.at("new/deep/file")).unwrap();
    bench.write("new/deep/file", WriteMode::Replace, "two").await.unwrap();
    assert_eq!(fs::read(bench.at("new/deep/file")).unwrap(), b"two");
    assert_eq!(fs::metadata(bench.at("new/deep/file")).unwrap().permissions().mode() & 0o777, 0o640);
    // Who had the old one open still has the old one whole.
    assert_eq!(std::io::read_to_string(held).unwrap(), "one");
    assert_eq!(fs::read_dir(bench.at("new/deep")).unwrap().count(), 1);
    assert!(unfit(bench.write("new", WriteMode::Replace, "x").await).ends_with("is a folder"));
    assert!(unfit(bench.write("", WriteMode::Replace, "x").await).contains("is the mount itself"));
}

#[tokio::test]
async fn files_are_extended_at_the_end_and_written_at_an_offset() {
    let bench = Bench::new();
    bench.write("f", WriteMode::Append, "abc").await.unwrap();
    bench.write("f", WriteMode::Append, "def").await.unwrap();
    bench.write("f", WriteMode::At(2), "XY").await.unwrap();
    assert_eq!(fs::read(bench.at("f")).unwrap(), b"abXYef");
    bench.write("g", WriteMode::At(3), "x").await.unwrap();
    assert_eq!(fs::read(bench.at("g")).unwrap(), b"\0\0\0x");
    for offset in [u64::MAX, i64::MAX as u64] {
        let refused = bench.write("g", WriteMode::At(offset), "xx").await.unwrap_err();
        assert!(matches!(refused, DeviceError::Full(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn expect_is_compare_and_set() {
    let bench = Bench::new();
    let hash = |text: &str| Some(Some(<[u8; 32]>::from(Sha256::digest(text))));
    let conflict = |result: Result<(), DeviceError>| {
        let error = result.unwrap_err();
        assert!(matches!(error, DeviceError::Conflict(_)), "{error:?}");
    };
    let write = |body, expect| bench.write_if("f", WriteMode::Replace, body, expect);
    conflict(write("x", hash("old")).await);
    assert!(!bench.at("f").exists());
    write("first", Some(None)).await.unwrap();
    conflict(write("second", Some(None)).await);
    conflict(write("second", hash("other")).await);
    assert_eq!(fs::read(bench.at("f")).unwrap(), b"first");
    write("second", hash("first")).await.unwrap();
    bench.write_if("f", WriteMode::Append, " more", hash("second")).await.unwrap();
    conflict(bench.write_if("f", WriteMode::Append, " more", hash("second")).await);
    assert_eq!(fs::read(bench.at("f")).unwrap(), b"second more");
    assert_eq!(fs::read_dir(bench.at("")).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_expect_the_same_one_wins() {
    let bench = Arc::new(Bench::new());
    for (round, expect) in [(0, None), (1, Some(<[u8; 32]>::from(Sha256::digest("start"))))] {
        let file = format!("f{round}");
        if expect.is_some() {
            fs::write(bench.at(&file), "start").unwrap();
        }
        let tries: Vec<_> = (0..20)
            .map(|i| {
                let (bench, file) = (bench.clone(), file.clone());
                tokio::spawn(async move {
                    bench.write_if(&file, WriteMode::Replace, &format!("by {i}"), Some(expect)).await.is_ok()
                })
            })
            .collect();
        let mut won = 0;
        for one in tries {
            won += u32::from(one.await.unwrap());
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn files_links_and_empty_folders_are_removed() {
    let bench = Bench::new();
    fs::create_dir(bench.at("d")).unwrap();
    fs::write(bench.at("d/f"), "").unwrap();
    symlink("f", bench.at("d/l")).unwrap();
    assert!(unfit(bench.remove("d").await).ends_with("is a folder that is not empty"));
    bench.remove("d/l").await.unwrap();
    assert!(bench.at("d/f").exists());
    bench.remove("d/f").await.unwrap();
    bench.remove("d").await.unwrap();
    missing(bench.remove("d").await);
    assert!(unfit(bench.remove("").await).contains("is the mount itself"));
}

#[tokio::test]
async fn a_mount_that_is_not_there_is_said_so() {
    let bench = Bench::new();
    let request =
        |mount: &str| DeviceRequest::Read { mount: mount.to_owned(), path: "f".to_owned(), offset: 0, len: 1 };
    for mount in ["other", "..", ""] {
        missing(bench.devices.perform(request(mount)).await);
    }
}

/// A file system of 1 MiB that is then made read-only.
#[tokio::test]
async fn a_full_and_a_read_only_file_system_are_told() {
    let bench = Bench::new();
    let at = bench.at("small");
    fs::create_dir(&at).unwrap();
    let mount = |options: &str| {
        let done = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "weft-test"])
            .arg(&at)
            .output()
            .expect("this test needs `mount`");
        done.status.success()
    };
    assert!(
        mount("size=1m"),
        "this test mounts a tmpfs: run it as root, or by `tests/ci.sh native`, which says what it takes for others"
    );
    let _unmount = Unmount(at.clone());
    let block = "x".repeat(300 << 10);
    let mut results = Vec::new();
    for i in 0..5 {
        results.push(bench.write(&format!("small/f{i}"), WriteMode::Replace, &block).await);
    }
    let full = results.into_iter().find_map(Result::err).expect("5 x 300 KiB fit into 1 MiB");
    assert!(matches!(full, DeviceError::Full(_)), "{full:?}");
    assert_eq!(full.to_string(), "no space is left on the device that holds /fs/m/small/f3");
    // Nothing half written is left, and what was written before is whole.
    let left: Vec<_> = bench.list("small").await.unwrap().into_iter().map(|e| (e.name, e.size)).collect();
    assert!(left.iter().all(|(name, size)| name.starts_with('f') && *size == 300 << 10), "{left:?}");
    let appended = bench.write("small/f0", WriteMode::Append, &block).await.unwrap_err();
    assert!(matches!(appended, DeviceError::Full(_)), "{appended:?}");
    assert!(mount("remount,ro"));
    for mode in [WriteMode::Replace, WriteMode::Append, WriteMode::At(0)] {
        for path in ["small/f0", "small/new"] {
            let refused = bench.write(path, mode, "x").await.unwrap_err();
            assert!(matches!(refused, DeviceError::Refused(_)), "{refused:?}");
            assert!(refused.to_string().ends_with("lies on a read-only file system"), "{refused}");
        }
    }
    assert!(matches!(bench.remove("small/f0").await, Err(DeviceError::Refused(_))));
    assert_eq!(bench.read("small/f0", 0, 3).await.unwrap().0, "xxx");
}

struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
