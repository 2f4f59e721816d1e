//! Trees that are not what they were when they were listed, and mounts that lie in others.

use super::{audit, report};
use crate::harness::Home;
use serde_json::json;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A log that somebody writes to faster than one byte an act.
#[test]
fn a_file_that_grows_while_it_is_read_ends() {
    let home = Home::with_script(&[]);
    // The folder is listed before this is read, and the log grows meanwhile.
    std::fs::write(home.path("repo/a.bin"), vec![0; 30 << 20]).unwrap();
    std::fs::write(home.path("repo/z.log"), "s\n").unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut log = std::fs::File::options().append(true).open(home.path("repo/z.log")).unwrap();
            for _ in 0..30_000 {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                log.write_all(&[b'x'; 4096]).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let run = audit(&home, &["--timeout", "60s"]);
        done.store(true, Ordering::Relaxed);
        run.exits(0);
    });
    // Unless it grew by more than is read of what grows, which the report says.
    let report = report(&home);
    assert_eq!(report["complete"], json!(report["scanned"]["partly_scanned"] == 0), "{report:#}");
    let events = home.weft(&["chain", "show", "--data-dir", "data", "--json"]).exits(0).json();
    let facts = events["events"].as_array().unwrap().iter().map(|event| &event["content"]["facts"]);
    let reads = facts.filter(|f| f["verb"] == "read" && f["resource"] == "/fs/repo/z.log").count();
    // Of a file that is what its folder told, one read is enough.
    assert!((2..200).contains(&reads), "{reads} events of reading one file");
}

/// The README suggests it: what is written to is no part of what is read.
#[test]
fn the_folder_of_the_report_may_lie_in_the_one_that_is_audited() {
    let home = Home::with_script(&[]);
    std::fs::create_dir(home.path("repo/rep")).unwrap();
    std::fs::write(home.path("repo/rep/old.txt"), "<<<<<<< HEAD\n=======\n>>>>>>> b\n").unwrap();
    let run = ["run", super::APP, "--mount", "repo=repo", "--mount", "out=repo/rep", "--data-dir", "data", "--json"];
    home.weft(&run).exits(0);
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(home.path("repo/rep/report.json")).unwrap()).unwrap();
    assert_eq!(report["hygiene"]["findings"], json!([]));
    assert_eq!(report["scanned"]["other_mounts"], 1);
}
