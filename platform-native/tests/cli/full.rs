//! Disks that fill or can no longer be written to, below the data directory and below a mount.

use crate::disk::Disk;
use crate::harness::{Done, Home, agent};
use std::collections::BTreeSet;
use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

const OUT: &str = "[[mount]]\nname = \"out\"\nmode = \"write\"\n";
const USES: &str = "use = [\"write /fs/out/**\"]";

/// More writes than a small disk has room for the log of.
const FLOOD: usize = 3_000;

/// One that writes as many small files as this.
fn writer(files: usize, size: usize) -> Home {
    let payload = "x".repeat(size);
    let steps: Vec<String> =
        (0..files).map(|i| format!("act write /fs/out/f{i} {{\"replace\":true}} {payload}")).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    Home::new(&format!("{OUT}{}", agent("writer", &steps, USES)))
}

fn run(home: &Home, environment: &str, more: &[&str]) -> Done {
    let run = ["run", "play", "--mount", "out=out", "--data-dir", "data", "--env", environment];
    home.weft(&[&run[..], more].concat())
}

fn verifies(home: &Home) {
    home.weft(&["chain", "verify", "--data-dir", "data"]).exits(0).says(&["The log verifies"]);
}

/// The files that the log says were going to be written.
fn intents(home: &Home) -> BTreeSet<String> {
    let shown = home.weft(&["chain", "show", "--data-dir", "data", "--verb", "write", "--json"]).exits(0).json();
    let events = shown["events"].as_array().unwrap().iter();
    let intents = events.filter(|event| event["kind"] == "intent");
    let resource = |event: &serde_json::Value| event["content"]["facts"]["resource"].as_str().unwrap().to_owned();
    intents.map(|event| resource(event).trim_start_matches("/fs/out/").to_owned()).collect()
}

fn files(home: &Home) -> BTreeSet<String> {
    let names = std::fs::read_dir(home.path("out")).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap());
    // What a crash left half written has no name yet.
    names.filter(|name| !name.starts_with(".weft-new-")).collect()
}

#[test]
fn a_log_whose_disk_fills_stops_everything_and_is_whole_when_there_is_room_again() {
    for environment in ["dev", "prod"] {
        let home = writer(FLOOD, 10);
        let disk = Disk::mount(home.path("data"), "1m");
        let _out = Disk::mount(home.path("out"), "64m");
        run(&home, environment, &[]).exits(4).says(&[
            "the log could not be written",
            "no space left at",
            "data/weft.redb",
            "What was acknowledged before is intact: make room there",
        ]);
        let written = files(&home);
        assert!(!written.is_empty() && written.len() < FLOOD, "{}", written.len());
        verifies(&home);
        if environment == "prod" {
            let unlogged: Vec<String> = written.difference(&intents(&home)).cloned().collect();
            assert_eq!(unlogged, Vec::<String>::new(), "written, and the log does not know of it");
        }
        let document = run(&home, environment, &["--json"]).exits(4).json();
        let outcome = document["outcome"].as_str().or(document["error"]["code"].as_str()).unwrap();
        assert!(["not_durable", "disk_full"].contains(&outcome), "{document}");
        verifies(&home);
        disk.remount("size=64m");
        verifies(&home);
        run(&home, environment, &[]).exits(0);
        assert_eq!(files(&home).len(), FLOOD);
        verifies(&home);
    }
}

#[test]
fn a_log_that_could_not_be_written_is_told_also_where_the_report_cannot_be_printed() {
    let home = writer(FLOOD, 10);
    let _disk = Disk::mount(home.path("data"), "1m");
    let _out = Disk::mount(home.path("out"), "64m");
    for more in [&["--json"][..], &[]] {
        let run = ["run", "play", "--mount", "out=out", "--data-dir", "data"];
        let mut command = home.command(&[&run[..], more].concat());
        command.stdout(File::options().write(true).open("/dev/full").unwrap()).stderr(Stdio::piped());
        Done::of_child(command.spawn().unwrap()).exits(4).tells(&["no space left at", "data/weft.redb"]);
    }
}

#[test]
fn a_disk_that_is_full_before_the_first_start_costs_nothing() {
    for size in ["4k", "8k", "16k", "32k", "64k", "128k"] {
        let home = writer(1, 10);
        let disk = Disk::mount(home.path("data"), size);
        let done = run(&home, "prod", &[]).exits(4);
        assert!((done.out + &done.err).contains("no space left at"), "{size}");
        disk.remount("size=64m");
        run(&home, "prod", &[]).exits(0);
        verifies(&home);
    }
}

#[test]
fn a_disk_that_somebody_else_fills_meanwhile_stops_everything_too() {
    let home = writer(FLOOD, 10);
    let disk = Disk::mount(home.path("data"), "8m");
    let _out = Disk::mount(home.path("out"), "64m");
    let child = home.start(&["run", "play", "--mount", "out=out", "--data-dir", "data", "--env", "prod"]);
    until(|| files(&home).len() > 50);
    let filler = home.path("data/filler");
    std::fs::write(&filler, vec![0; 8 << 20]).unwrap_err();
    let done = Done::of_child(child).exits(4).says(&["the log could not be written", "no space left at"]);
    let unlogged: Vec<String> = files(&home).difference(&intents(&home)).cloned().collect();
    assert_eq!(unlogged, Vec::<String>::new(), "{done:#?}");
    std::fs::remove_file(&filler).unwrap();
    disk.remount("size=64m");
    run(&home, "prod", &[]).exits(0);
    verifies(&home);
}

#[test]
fn an_output_folder_that_fills_half_way_is_told_act_by_act_and_is_no_damage() {
    let home = writer(40, 3_000);
    let disk = Disk::mount(home.path("out"), "64k");
    let done = run(&home, "prod", &[]).exits(0).says(&[
        "Permitted, and could not be done (",
        "write /fs/out/f",
        "full: no space is left on the device that holds /fs/out/f",
        "and ",
    ]);
    let document = run(&home, "prod", &["--json"]).exits(0).json();
    let failures = document["failures"].as_array().unwrap();
    assert_eq!((&failures[0]["agent"], &failures[0]["code"]), (&"writer".into(), &"full".into()), "{done:#?}");
    verifies(&home);
    for name in files(&home) {
        assert_eq!(std::fs::metadata(home.path("out").join(&name)).unwrap().len(), 3_000, "{name} is whole");
    }
    disk.remount("size=1m");
    let document = run(&home, "prod", &["--json"]).exits(0).json();
    assert_eq!(document["failures"], serde_json::json!([]));
    assert_eq!(files(&home).len(), 40);
}

#[test]
fn an_output_folder_that_becomes_read_only_half_way_is_told() {
    let home = writer(FLOOD, 10);
    let disk = Disk::mount(home.path("out"), "64m");
    let child = home.start(&["run", "play", "--mount", "out=out", "--data-dir", "data", "--env", "prod"]);
    until(|| files(&home).len() > 20);
    disk.remount("ro");
    // Only that writer's own errors: it is not stopped for them.
    Done::of_child(child).exits(0).says(&[
        "Permitted, and could not be done (",
        "failed: ",
        "lies on a read-only file system",
    ]);
    verifies(&home);
}

#[test]
fn a_report_that_has_no_room_fails_the_audit() {
    let home = Home::with_script(&[]).with_audit();
    let disk = Disk::mount(home.path("out"), "4k");
    let audit = ["run", "audit", "--mount", "repo=repo", "--mount", "out=out"];
    home.weft(&audit).exits(1).says(&["reporter error: writing /fs/out/report", "no space is left on the device"]);
    disk.remount("size=1m");
    home.weft(&audit).exits(0);
    assert!(disk.path().join("report.md").exists());
}

fn until(done: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < limit, "it does not come to that");
        std::thread::sleep(Duration::from_millis(2));
    }
}
