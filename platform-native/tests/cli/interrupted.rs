//! Runs that do not end by themselves, or not at all.

use crate::harness::{Done, Home, WEFT};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn waiting() -> Home {
    Home::with_script(&["wait 60000"])
}

/// Waits until the kernel in the home's data directory has an agent that runs.
fn until_it_runs(home: &Home) {
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        // The pid in the lock file comes with the data directory; the agent needs a moment more.
        if home.data().join("weft.redb").exists() {
            std::thread::sleep(Duration::from_millis(400));
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it does not start");
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap().success());
}

fn end(child: Child) -> Done {
    Done::of_child(child)
}

#[test]
fn a_run_that_takes_too_long_is_stopped_in_order() {
    let home = waiting();
    let begun = Instant::now();
    home.weft(&["run", "play", "--timeout", "500ms"]).exits(1).says(&["timed out", "--timeout", "Checkpoint over"]);
    assert!(begun.elapsed() < Duration::from_secs(20));
    home.weft(&["chain", "verify"]).exits(0);
    home.weft(&["chain", "show"]).exits(0).says(&["the run was not over within 500 ms (--timeout)"]);
}

#[test]
fn a_signal_stops_a_run_in_order() {
    for name in ["INT", "TERM", "HUP"] {
        let home = waiting();
        let child = home.start(&["run", "play"]);
        until_it_runs(&home);
        signal(&child, name);
        end(child).exits(1).says(&["interrupted", "Checkpoint over"]).tells(&["stopping in order"]);
        home.weft(&["chain", "verify"]).exits(0).says(&["all of them"]);
    }
}

#[test]
fn a_signal_at_any_moment_leaves_a_log_that_verifies() {
    let home = waiting();
    home.weft(&["run", "play", "--timeout", "10ms"]);
    for after in [1, 5, 10, 20, 40, 80, 160] {
        let child = home.start(&["run", "play", "--json"]);
        std::thread::sleep(Duration::from_millis(after));
        signal(&child, if after % 2 == 0 { "INT" } else { "KILL" });
        end(child);
        home.weft(&["chain", "verify"]).exits(0);
    }
    home.weft(&["run", "play", "--timeout", "10ms"]).exits(1);
}

#[test]
fn a_second_run_is_told_who_holds_the_directory() {
    let home = waiting();
    let child = home.start(&["run", "play"]);
    until_it_runs(&home);
    let holder = format!("is in use by process {}", child.id());
    home.weft(&["run", "play"]).exits(2).tells(&[&holder, "--data-dir"]);
    home.weft(&["chain", "show"]).exits(2).tells(&[&holder]);
    let document = home.weft(&["doctor", "--json"]).exits(0).json();
    assert_eq!(document["data"]["directories"][0]["state"], "held");
    signal(&child, "TERM");
    end(child).exits(1);
}

/// Starts a run that has more to warn of than a pipe holds, and nobody reads it.
fn unheard(home: &Home, more: &[&str]) -> Child {
    let host = ["a".repeat(60), "b".repeat(60), "c".repeat(60)].join(".");
    let mut arguments = vec!["run".to_owned(), "play".to_owned()];
    (0..250).for_each(|n| arguments.extend(["--allow".to_owned(), format!("connect /net/n{n}.{host}:{}", n + 1)]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
    home.start(&arguments)
}

/// Waits for the end of a command whose standard error stays unread.
fn ends_unheard(mut child: Child) -> Option<i32> {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("it waits for somebody to read");
}

#[test]
fn nobody_has_to_read_what_is_told_for_a_run_to_end() {
    let home = waiting();
    assert_eq!(ends_unheard(unheard(&home, &["--timeout", "500ms"])), Some(1));
    home.weft(&["chain", "show"]).exits(0).says(&["the run was not over within 500 ms (--timeout)"]);
    let child = unheard(&home, &[]);
    std::thread::sleep(Duration::from_millis(1_500));
    signal(&child, "TERM");
    assert_eq!(ends_unheard(child), Some(1));
    home.weft(&["chain", "show"]).exits(0).says(&["the operator interrupted the run (SIGTERM)"]);
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let home = waiting();
    home.weft(&["run", "play", "--timeout", "10ms"]).exits(1);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("trap '' HUP; exec {WEFT} run play --timeout 2s")]).current_dir(home.path(""));
    shell.env_clear().env("HOME", home.path(""));
    let child = shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1_000));
    signal(&child, "HUP");
    end(child).exits(1).says(&["timed out"]);
}

#[test]
fn a_log_that_cannot_be_written_is_exit_4_and_stays_whole() {
    let home = Home::with_script(&["repeat 50 list /fs/none"]);
    home.weft(&["run", "play"]).exits(0);
    // No file may grow beyond what the database already is; `ulimit -f` counts blocks of 1,024 bytes.
    let blocks = std::fs::metadata(home.data().join("weft.redb")).unwrap().len().div_ceil(1024);
    let script = format!("ulimit -f {blocks}; for i in $(seq 40); do {WEFT} run play || exit $?; done");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(home.path(""))
        .env_clear()
        .env("HOME", home.path(""))
        .env("PATH", std::env::var_os("PATH").unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Done::of(output).exits(4).says(&["the log could not be written", "no space left at"]);
    home.weft(&["chain", "verify"]).exits(0);
    home.weft(&["run", "play"]).exits(0);
}
