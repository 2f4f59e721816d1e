//! `weft run --attach`: an application on a kernel that stays, which has afterwards what was installed before.

use super::Up;
use crate::harness::{Done, Home, agent};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

/// An application that does these steps and then is done.
fn doing(steps: &[&str]) -> Home {
    let mount = "[[mount]]\nname = \"repo\"\n";
    Home::new(&format!("{mount}{}", agent("worker", steps, "use = [\"read /fs/repo/**\"]")))
}

const RUN: [&str; 5] = ["run", "play", "--attach", "--mount", "repo=repo"];

fn run(up: &Up<'_>, more: &[&str]) -> Done {
    up.weft(&[&RUN[..], more].concat())
}

/// The applications that the kernel has, each with its state.
fn apps(up: &Up<'_>) -> Vec<String> {
    let document = up.weft(&["app", "list", "--json"]).exits(0).json();
    let apps = document["apps"].as_array().unwrap().iter();
    apps.map(|app| format!("{} {}", app["name"].as_str().unwrap(), app["state"].as_str().unwrap())).collect()
}

#[test]
fn an_application_runs_there_and_is_gone_when_it_is_done() {
    let home = doing(&["log here", "act read /fs/repo/a.txt", "act write /fs/repo/b {\"replace\":true} x"]);
    let up = Up::start(&home, &["--env", "dev"]);
    let done = run(&up, &[]).exits(0);
    done.says(&["play 0.1.0 in dev: done", "worker", "Refused (1)", "write /fs/repo/b"])
        .tells(&["worker (", "): here"]);
    assert_eq!(apps(&up), [""; 0]);
    let document = run(&up, &["--json"]).exits(0).json();
    assert_eq!((&document["outcome"], &document["environment"]), (&json!("done"), &json!("dev")));
    assert_eq!((&document["checkpoint"], &document["events"]), (&Value::Null, &Value::Null));
    let [refusal] = &document["refusals"].as_array().unwrap()[..] else { panic!("{document}") };
    assert_eq!((&refusal["agent"], &refusal["asked"]), (&json!("worker"), &json!("write /fs/repo/b")));
    let names: Vec<&str> =
        document["processes"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["play", "worker"], "of this run alone");
    assert_eq!(document["verdicts"]["denied"], 1);
    run(&up, &["--strict"]).exits(3);

    // What was there before is there afterwards, and what is something else is left alone.
    up.weft(&["app", "install", "play", "--mount", "repo=repo"]).exits(0);
    run(&up, &[]).exits(0);
    assert_eq!(apps(&up), ["play installed"]);
    let manifest = std::fs::read_to_string(home.path("play/weft.toml")).unwrap();
    home.manifest(&manifest.replace("0.1.0", "0.2.0"));
    run(&up, &[]).exits(2).tells(&["is installed as version 0.1.0,", "weft app remove play"]);
    assert_eq!(apps(&up), ["play installed"]);
    home.weft(&[&RUN[..], &["--data-dir", "none"]].concat()).exits(5).tells(&["no kernel answers"]);
    run(&up, &["--env", "dev"]).exits(2);
    home.weft(&["run", "play", "--at", "x.sock"]).exits(2).tells(&["--attach"]);
}

#[test]
fn what_fails_there_has_failed_here() {
    let home = doing(&["fail it is broken"]);
    let up = Up::start(&home, &["--env", "dev"]);
    let failed = run(&up, &["--json"]).exits(1).json();
    assert_eq!(failed["outcome"], "failed");
    assert!(failed["reason"].as_str().unwrap().contains("worker"), "{failed}");
    assert_eq!(apps(&up), [""; 0]);
}

#[test]
fn it_is_stopped_by_a_signal_and_by_time_and_the_kernel_stays() {
    let home = doing(&["wait 60000"]);
    let up = Up::start(&home, &["--env", "dev"]);
    let late = run(&up, &["--timeout", "500ms", "--json"]).exits(1).json();
    assert_eq!(late["outcome"], "timed_out");
    assert_eq!(apps(&up), [""; 0]);

    let child = home.start(&[&RUN[..], &["--data-dir", "data", "--json"]].concat());
    let limit = Instant::now() + Duration::from_secs(20);
    while apps(&up) != ["play running"] {
        assert!(Instant::now() < limit, "it never runs");
    }
    run(&up, &[]).exits(2).tells(&["runs already"]);
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    let done = Done::of_child(child).exits(1);
    assert_eq!(done.json()["outcome"], "interrupted");
    assert_eq!(apps(&up), [""; 0]);
    up.weft(&["health"]).exits(0);
}
