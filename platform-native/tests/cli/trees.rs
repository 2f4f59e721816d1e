//! What may lie in a mounted folder, however odd: `repo-audit` goes through all of it, and its report
//! names what it did not read.

use crate::disk::Disk;
use crate::harness::{Done, Home};
use cap_std::fs::Dir;
use serde_json::Value;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No tree may make the program larger than this: 300 MB, in KiB.
const MOST_MEMORY: u64 = 300_000_000 >> 10;

/// The folder itself may be reached through a link, as `project` is one to `tree`; what lies in it may not.
const AUDIT: [&str; 6] = ["run", "audit", "--mount", "repo=project", "--mount", "out=out"];

/// A line that has to be found, whatever the file is called.
const SECRET: &str = "key = AKIAQ3EGUO7SLTJ4KBVD\n";

fn audited() -> Home {
    let home = Home::with_script(&[]).with_audit();
    std::fs::create_dir(home.path("tree")).unwrap();
    symlink("tree", home.path("project")).unwrap();
    home
}

fn report(home: &Home) -> Value {
    serde_json::from_slice(&std::fs::read(home.path("out/report.json")).unwrap()).unwrap()
}

/// Waits for a run, which may take long where others have much to do; also the most memory that it had, in KiB.
fn watched(child: Child) -> (Done, u64) {
    let status = format!("/proc/{}/status", child.id());
    let watcher = std::thread::spawn(move || {
        let mut most = 0;
        // The peak only grows, and the last look is at most some milliseconds old.
        while let Ok(text) = std::fs::read_to_string(&status) {
            let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) else { break };
            most = most.max(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
            std::thread::sleep(Duration::from_millis(10));
        }
        most
    });
    let done = Done::within(Duration::from_secs(1_200), child);
    (done, watcher.join().unwrap())
}

#[test]
fn loops_sockets_fifos_devices_and_names_that_are_no_text() {
    let home = audited();
    let tree = home.path("tree");
    symlink(".", tree.join("self")).unwrap();
    symlink("b", tree.join("a")).unwrap();
    symlink("a", tree.join("b")).unwrap();
    symlink("/", tree.join("root")).unwrap();
    std::fs::create_dir(tree.join("d")).unwrap();
    symlink("..", tree.join("d/up")).unwrap();
    assert!(Command::new("mkfifo").arg(tree.join("fifo")).status().expect("this test needs `mkfifo`").success());
    let _socket = UnixListener::bind(tree.join("socket")).unwrap();
    let odd = tree.join(OsStr::from_bytes(b"\xff\xfe"));
    std::fs::create_dir(&odd).unwrap();
    std::fs::write(odd.join(OsStr::from_bytes(b"caf\xe9")), SECRET).unwrap();
    for name in ["new\nline", "esc\u{1b}[31m", "a%20b", &"x".repeat(255)] {
        std::fs::write(tree.join(name), SECRET).unwrap();
    }
    // A path that is longer than a path may be.
    let mut deep = Dir::open_ambient_dir(&tree, cap_std::ambient_authority()).unwrap();
    for _ in 0..30 {
        let name = "d".repeat(200);
        deep.create_dir(&name).unwrap();
        deep = deep.open_dir(&name).unwrap();
    }
    deep.write("bottom", SECRET).unwrap();
    for (name, mode) in [("unreadable", 0o000), ("closed/in", 0o600)] {
        std::fs::create_dir_all(tree.join(name).parent().unwrap()).unwrap();
        std::fs::write(tree.join(name), SECRET).unwrap();
        std::fs::set_permissions(tree.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    std::fs::set_permissions(tree.join("closed"), std::fs::Permissions::from_mode(0o000)).unwrap();

    let done = home.weft_as_nobody(&AUDIT).exits(0);
    assert!(!done.out.contains('\u{1b}') && !done.err.contains('\u{1b}'), "{done:#?}");
    done.says(&["repo-audit 0.1.0 in dev: done", "a path has at most 4,096 bytes"]);
    std::fs::set_permissions(tree.join("closed"), std::fs::Permissions::from_mode(0o700)).unwrap();

    let report = report(&home);
    let text = report.to_string();
    let found: Vec<&str> =
        report["secrets"]["findings"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(found.len(), 5, "{text}");
    assert!(found.contains(&"%FF%FE/caf%E9") && !text.contains('\u{1b}'), "{text}");
    let tidy = |path: &str| {
        let all = report["hygiene"]["findings"].as_array().unwrap();
        let one = all.iter().find(|one| one["path"] == path);
        one.unwrap_or_else(|| panic!("nothing about {path}: {text}"))["kind"].as_str().unwrap().to_owned()
    };
    for (path, rule) in [
        ("a", "broken-link"),
        ("b", "broken-link"),
        ("fifo", "special-file"),
        ("socket", "special-file"),
        ("unreadable", "unreadable"),
        ("closed", "unreadable"),
    ] {
        assert_eq!(tidy(path), rule, "{path}");
    }
    assert!(report["hygiene"]["findings"].as_array().unwrap().iter().all(|one| one["path"] != "root"), "{text}");
    assert_eq!(report["scanned"]["outside_links"], 1, "{text}");
}

#[test]
fn five_gigabytes_in_one_file_and_a_hundred_thousand_files_fit_into_little_memory() {
    let home = audited();
    // In memory, because a disk that others use too may take minutes to remove as many files.
    let _tree = Disk::mount(home.path("tree"), "1g");
    let big = std::fs::File::create(home.path("tree/big.bin")).unwrap();
    big.set_len(5 << 30).unwrap();
    big.write_at(SECRET.as_bytes(), 900_000_000).unwrap();
    many(&home.path("tree/many"));
    let begun = Instant::now();
    let (done, memory) = watched(home.start(&AUDIT));
    done.exits(0);
    println!("{} KiB at most, {:.1} s", memory, begun.elapsed().as_secs_f64());
    assert!(memory > 0 && memory < MOST_MEMORY, "{memory} KiB");
    let report = report(&home);
    assert_eq!(report["scanned"]["files"], 100_001, "{report}");
    assert_eq!((&report["scanned"]["partly_scanned"], &report["complete"]), (&1.into(), &false.into()));
    assert_eq!(report["problems"], serde_json::json!(["1 file was scanned only in part, see `partly-scanned`."]));
    assert_eq!(report["secrets"]["findings"][0]["path"], "big.bin");
    let notes = report["hygiene"]["findings"].to_string();
    assert!(notes.contains("partly-scanned") && notes.contains("1073741824 of 5368709120"), "{notes}");
    home.weft(&["chain", "verify"]).exits(0);
}

#[test]
fn few_descriptors_leave_nothing_out() {
    let home = audited();
    for i in 0..60 {
        let folder = home.path(&format!("tree/d{i}/inner"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("f.rs"), "fn main() {}\n").unwrap();
    }
    let plain = home.command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n 40; exec \"$0\" {}", AUDIT.join(" "))]).arg(plain.get_program());
    shell.current_dir(home.path("")).env_clear();
    shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    let child = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    Done::of_child(child).exits(0);
    let report = report(&home);
    assert_eq!((&report["scanned"]["files"], &report["scanned"]["folders"]), (&60.into(), &121.into()), "{report}");
    assert_eq!(report["hygiene"]["findings"].as_array().unwrap().len(), 0, "{report}");
}

fn many(folder: &Path) {
    for i in 0..100_000 {
        let folder = folder.join(format!("{:02}", i / 1_000));
        if i % 1_000 == 0 {
            std::fs::create_dir_all(&folder).unwrap();
        }
        std::fs::write(folder.join(format!("f{i}.rs")), "fn main() {}\n").unwrap();
    }
}
