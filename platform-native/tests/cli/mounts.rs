//! Mounts that cannot be bound: each is told before anything is started or made.

use crate::harness::{Home, agent};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

const READER: &str = "use = [\"read /fs/repo/**\", \"list /fs/repo/**\"]";

fn reader() -> Home {
    Home::new(&format!("[[mount]]\nname = \"repo\"\n{}", agent("reader", &[], READER)))
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_no_folder_is_told_and_nothing_is_made() {
    let home = reader();
    assert!(Command::new("mkfifo").arg(home.path("fifo")).status().expect("this test needs `mkfifo`").success());
    let _socket = UnixListener::bind(home.path("socket")).unwrap();
    symlink("loop", home.path("loop")).unwrap();
    symlink("there", home.path("here")).unwrap();
    symlink("here", home.path("there")).unwrap();
    symlink("nowhere", home.path("dangling")).unwrap();
    let long = "x".repeat(300);
    for (path, said) in [
        ("nowhere", "the folder nowhere for mount `repo` does not exist"),
        ("dangling", "the folder dangling for mount `repo` does not exist"),
        ("repo/a.txt", "repo/a.txt for mount `repo` is not a folder"),
        ("repo/a.txt/x", "is not a folder"),
        ("fifo", "fifo for mount `repo` is not a folder"),
        ("socket", "socket for mount `repo` is not a folder"),
        ("/dev/zero", "/dev/zero for mount `repo` is not a folder"),
        ("loop", "cannot be read: Too many levels of symbolic links"),
        ("here", "cannot be read: Too many levels of symbolic links"),
        (&long, "cannot be read: File name too long"),
    ] {
        let mount = format!("repo={path}");
        let done = home.weft(&["run", "play", "--mount", &mount]).exits(2);
        done.tells(&[said, "help: name a folder that you may read: --mount repo=PATH"]);
        let document = home.weft(&["run", "play", "--mount", &mount, "--json"]).exits(2).json();
        assert_eq!(document["error"]["code"], "mount");
    }
    assert!(!home.path(".local").exists(), "nothing was made");
}

#[test]
fn a_folder_that_nobody_could_write_to_is_told_before_anything_runs() {
    let out = "[[mount]]\nname = \"out\"\nmode = \"write\"\n";
    let home = Home::new(&format!("{out}{}", agent("writer", &[], "use = [\"write /fs/out/**\"]")));
    let run = |folder: &str| home.weft_as_nobody(&["run", "play", "--mount", &format!("out={folder}")]);
    run("my out")
        .exits(2)
        .tells(&["the folder my out for mount `out` does not exist", "make it first: mkdir -p 'my out'"]);
    mode(&home.path("out"), 0o555);
    run("out")
        .exits(2)
        .tells(&["the folder out for mount `out` cannot be written to: Permission denied", "help: name"]);
    assert!(!home.path(".local").exists(), "nothing was made");
    mode(&home.path("out"), 0o755);
    run("out").exits(0);
}

#[test]
fn a_folder_that_may_not_be_read_or_reached_is_told() {
    let home = reader();
    for folder in ["closed/in", "passable"] {
        std::fs::create_dir_all(home.path(folder)).unwrap();
    }
    mode(&home.path("closed"), 0o000);
    mode(&home.path("passable"), 0o311);
    for folder in ["closed", "closed/in", "passable"] {
        let done = home.weft_as_nobody(&["run", "play", "--mount", &format!("repo={folder}")]).exits(2);
        done.tells(&[&format!("the folder {folder} for mount `repo` cannot be read: Permission denied"), "help:"]);
    }
    assert!(!home.path(".local").exists(), "nothing was made");
    mode(&home.path("closed"), 0o700);
}
