//! Ctrl-C at any moment: a run stops in order, and its log verifies.

use crate::chance::{Chance, moments};
use crate::harness::{AUDITING, Done, Home, agent};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long a run may take to stop in order.
const ORDER: Duration = Duration::from_secs(10);

fn writer() -> Home {
    let steps: Vec<String> =
        (0..400).map(|i| format!("act write /fs/out/f{} {{\"replace\":true}} text", i % 10)).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let mount = "[[mount]]\nname = \"out\"\nmode = \"write\"\n";
    Home::new(&format!("{mount}{}", agent("writer", &steps, "use = [\"write /fs/out/**\"]")))
}

const RUN: [&str; 5] = ["run", "play", "--mount", "out=out", "--json"];

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
}

/// Whether the program has come to listen for SIGINT, as `SigCgt` of its status says.
fn listens(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
    u64::from_str_radix(caught.trim(), 16).unwrap_or(0) & 2 != 0
}

fn events(home: &Home) -> u64 {
    home.weft(&["chain", "verify", "--json"]).exits(0).json()["events"].as_u64().unwrap()
}

/// Starts and interrupts as many runs, each at some moment `within` of its listening; each stops in order, and what it
/// signed stands in the log.
fn interrupted(home: &Home, run: &[&str], rounds: usize, within: Duration) {
    let mut chance = Chance::new();
    let mut stopped = 0;
    for round in 0..rounds {
        let child = home.start(run);
        let limit = Instant::now() + ORDER;
        while !listens(&child) {
            assert!(Instant::now() < limit, "it never listens");
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(chance.within(within));
        interrupt(&child);
        let begun = Instant::now();
        let done = Done::of_child(child);
        assert!(begun.elapsed() < ORDER, "round {round}: {done:#?}");
        let document = done.json();
        let outcome = document["outcome"].as_str().or(document["error"]["code"].as_str()).unwrap();
        match done.status.code() {
            Some(1) => assert_eq!(outcome, "interrupted", "round {round}: {done:#?}"),
            // It was done, and only said so, when the signal came.
            Some(0) => assert_eq!(outcome, "done", "round {round}: {done:#?}"),
            _ => panic!("round {round}: {done:#?}"),
        }
        stopped += usize::from(outcome == "interrupted");
        let verified = home.weft(&["chain", "verify", "--json"]).exits(0).json();
        if let Some(size) = document["checkpoint"]["size"].as_u64() {
            assert_eq!((&verified["events"], &verified["signed"]), (&size.into(), &size.into()), "round {round}");
        }
    }
    assert!(stopped > 0, "no signal came in time");
    home.weft(run).exits(0);
}

#[test]
fn a_run_that_is_interrupted_at_any_moment_stops_in_order() {
    let home = writer();
    home.weft(&RUN).exits(0);
    interrupted(&home, &RUN, moments("WEFT_INTERRUPTS", 20), Duration::from_millis(400));
}

#[test]
fn an_audit_that_is_interrupted_at_any_moment_stops_in_order() {
    let home = Home::with_script(&[]).with_audit();
    let took = home.auditing();
    interrupted(&home, &AUDITING, moments("WEFT_INTERRUPTS", 8), took);
}

#[test]
fn a_guest_that_never_answers_holds_up_no_signal() {
    let home = Home::new(
        "[[agent]]\nname = \"spinner\"\nprogram = { wasm = \"looper.wasm\" }\nlimits = { handle = \"10m\" }\n",
    );
    let child = home.start(&["run", "play"]);
    while !listens(&child) {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_secs(1));
    interrupt(&child);
    let begun = Instant::now();
    Done::of_child(child).exits(1).says(&["interrupted", "Checkpoint over"]).tells(&["stopping in order"]);
    assert!(begun.elapsed() < ORDER, "{:?}", begun.elapsed());
    home.weft(&["chain", "verify"]).exits(0).says(&["all of them"]);
}

#[test]
fn before_it_listens_nothing_was_begun() {
    let home = writer();
    home.weft(&RUN).exits(0);
    for _ in 0..5 {
        let before = events(&home);
        let child = home.start(&RUN);
        // Until then it is `env`, which may have been told to ignore it.
        while !std::fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap().starts_with("weft") {
            std::thread::yield_now();
        }
        interrupt(&child);
        let done = Done::of_child(child);
        if done.status.signal().is_some() {
            assert_eq!(events(&home), before, "{done:#?}");
        } else {
            done.exits(1);
        }
    }
}

#[test]
fn the_second_signal_ends_at_once_and_the_log_verifies() {
    let home = writer();
    home.weft(&RUN).exits(0);
    let mut chance = Chance::new();
    for _ in 0..5 {
        let child = home.start(&RUN);
        while !listens(&child) {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(chance.within(Duration::from_millis(100)));
        interrupt(&child);
        interrupt(&child);
        let done = Done::of_child(child);
        assert!(matches!(done.status.code(), Some(0 | 1)), "{done:#?}");
        home.weft(&["chain", "verify"]).exits(0);
    }
}
