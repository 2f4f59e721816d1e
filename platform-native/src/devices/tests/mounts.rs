//! Mounts beside and inside each other: a file is reached through one of them only.

use super::*;

fn unfit<T: std::fmt::Debug>(result: Result<T, DeviceError>) -> String {
    match result.unwrap_err() {
        DeviceError::Unfit(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_folder_is_mounted_once_whatever_it_is_called() {
    let bench = Bench::new();
    symlink("m", bench.root.path().join("link")).unwrap();
    for again in [bench.at(""), bench.root.path().join("link")] {
        let twice = bench.devices.bind(&name("x"), &again).unwrap_err();
        assert!(matches!(&twice, MountError::Twice { other, .. } if *other == name("m")), "{twice}");
    }
    assert_eq!(bench.devices.mounts().len(), 1);
    // The same mount may be bound again, and a folder that was let go may be bound to another.
    bench.devices.bind(&name("m"), &bench.at("")).unwrap();
    assert!(bench.devices.unbind(&name("m")));
    bench.devices.bind(&name("x"), &bench.at("")).unwrap();
}

#[tokio::test]
async fn a_mount_ends_where_another_begins() {
    let bench = Bench::new();
    fs::create_dir_all(bench.at("sub/out/deep")).unwrap();
    fs::write(bench.at("sub/out/report"), "labelled elsewhere").unwrap();
    fs::write(bench.at("sub/beside"), "its own").unwrap();
    // Reached a moment before, so that the way there is known.
    bench.read("sub/out/report", 0, 9).await.unwrap();
    bench.devices.bind(&name("out"), &bench.at("sub/out")).unwrap();

    let listed = bench.list("sub").await.unwrap();
    let listed: Vec<_> = listed.iter().map(|e| (e.name.as_str(), e.kind)).collect();
    assert_eq!(listed, [("beside", EntryKind::File), ("out", EntryKind::Mount)]);
    assert_eq!(bench.read("sub/beside", 0, 9).await.unwrap().0, "its own");
    let refused = [
        unfit(bench.list("sub/out").await),
        unfit(bench.list("sub/out/deep").await),
        unfit(bench.read("sub/out/report", 0, 9).await),
        unfit(bench.write("sub/out/report", WriteMode::Replace, "x").await),
        unfit(bench.write("sub/out/new/report", WriteMode::Append, "x").await),
        unfit(bench.write_if("sub/out/report", WriteMode::Replace, "x", Some(None)).await),
        unfit(bench.remove("sub/out/report").await),
        unfit(bench.remove("sub/out").await),
    ];
    for why in refused {
        assert!(why.contains("lies in the folder of the mount `out`; its path begins with /fs/out"), "{why}");
    }
    assert_eq!(fs::read(bench.at("sub/out/report")).unwrap(), b"labelled elsewhere");
    let read = DeviceRequest::Read { mount: "out".to_owned(), path: "report".to_owned(), offset: 0, len: 64 };
    assert!(matches!(bench.devices.perform(read).await, Ok(DeviceReply::Data { body, .. }) if body.len() == 18));

    assert!(bench.devices.unbind(&name("out")));
    assert_eq!(bench.read("sub/out/report", 0, 8).await.unwrap().0, "labelled");
}

#[tokio::test]
async fn a_file_with_two_names_is_replaced_and_never_changed() {
    let bench = Bench::new();
    fs::write(bench.at("one"), "shared").unwrap();
    fs::hard_link(bench.at("one"), bench.at("two")).unwrap();
    for mode in [WriteMode::Append, WriteMode::At(0)] {
        let why = unfit(bench.write("one", mode, "x").await);
        assert!(why.contains("other names (hard links)"), "{why}");
    }
    bench.write("one", WriteMode::Replace, "own").await.unwrap();
    bench.write("one", WriteMode::Append, "!").await.unwrap();
    assert_eq!(fs::read(bench.at("one")).unwrap(), b"own!");
    assert_eq!(fs::read(bench.at("two")).unwrap(), b"shared");
}

#[tokio::test]
async fn a_comparison_that_fails_makes_no_folders() {
    let bench = Bench::new();
    let conflict = bench.write_if("a/b/file", WriteMode::Replace, "x", Some(Some([0; 32]))).await;
    assert!(matches!(conflict, Err(DeviceError::Conflict(_))));
    assert!(!bench.at("a").exists());
    bench.write_if("a/b/file", WriteMode::Replace, "x", Some(None)).await.unwrap();
    assert_eq!(fs::read(bench.at("a/b/file")).unwrap(), b"x");
}
