//! `weft run --attach`: an application on a kernel that stays, which has afterwards what was installed before.

use super::Up;
use super::between::{Course, between};
use crate::harness::{Done, Home, WEFT, agent};
use serde_json::{Value, json};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
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

/// One that runs.
fn attached(up: &Up<'_>) -> Child {
    let child = up.home.start(&[&RUN[..], &["--data-dir", "data", "--json"]].concat());
    let limit = Instant::now() + Duration::from_secs(20);
    while apps(up) != ["play running"] {
        assert!(Instant::now() < limit, "it never runs");
    }
    child
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

    let child = attached(&up);
    run(&up, &[]).exits(2).tells(&["runs already"]);
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    let done = Done::of_child(child).exits(1);
    assert_eq!(done.json()["outcome"], "interrupted");
    assert_eq!(apps(&up), [""; 0]);
    up.weft(&["health"]).exits(0);
}

/// Somebody else starts the application between its installation and its start.
#[test]
fn what_somebody_else_has_started_is_left_alone() {
    let home = doing(&["wait 60000"]);
    let up = Up::start(&home, &["--env", "dev"]);
    let data = home.path("data");
    let at = between(&up, move |line| {
        if line.starts_with("POST /v1/apps/play/start ") {
            let started = Command::new(WEFT).args(["app", "start", "play", "--data-dir"]).arg(&data).output().unwrap();
            assert!(started.status.success(), "{started:?}");
        }
        Course::Through
    });
    let refused = run(&up, &["--at", &at, "--json"]).exits(2);
    let document = refused.json();
    assert_eq!((&document["outcome"], &document["processes"]), (&json!("refused"), &json!([])));
    assert!(document["reason"].as_str().unwrap().contains("is running already"), "{document}");
    assert_eq!(apps(&up), ["play running"]);
    up.weft(&["app", "stop", "play"]).exits(0);
    // The same where it was there before.
    run(&up, &["--at", &at]).exits(2);
    assert_eq!(apps(&up), ["play running"]);
}

#[test]
fn whoever_attached_is_told_who_stopped_it() {
    let home = doing(&["wait 60000"]);
    let up = Up::start(&home, &["--env", "dev"]);
    let child = attached(&up);
    up.weft(&["app", "stop", "play"]).exits(0);
    let document = Done::of_child(child).exits(1).json();
    assert_eq!((&document["outcome"], &document["reason"]), (&json!("stopped"), &json!("operator.api stopped it")));
    assert_eq!(apps(&up), [""; 0]);
    up.weft(&["logs"]).exits(0).says(&["application play: operator.api stopped it"]);
    let child = attached(&up);
    up.weft(&["shutdown"]).exits(0);
    let document = Done::of_child(child).exits(1).json();
    assert_eq!(document["outcome"], "failed");
    assert!(document["reason"].as_str().unwrap().contains("told to stop"), "{document}");
}

/// Its agent waits for an answer that comes later than anything else is waited for.
#[test]
fn a_stop_is_waited_for_as_long_as_it_takes() {
    let uses = "use = [\"register /svc/slow\"]";
    let slow = agent("slow", &["act register /svc/slow", "wait 100000"], uses);
    let service = "[[service]]\nname = \"slow\"\nowner = \"slow\"\n";
    let steps = ["wait 1", "act call /svc/slow {\"deadline_ms\":33000} hello"];
    let asks = agent("asks", &steps, "depends_on = [\"slow\"]\nuse = [\"call /svc/slow\"]\nshutdown = \"60s\"");
    let home = Home::new(&format!("{slow}{asks}{service}"));
    let up = Up::start(&home, &["--env", "dev"]);
    let begun = Instant::now();
    let done = up.weft(&["run", "play", "--attach", "--timeout", "500ms", "--json"]).exits(1);
    assert_eq!(done.json()["outcome"], "timed_out");
    assert!(begun.elapsed() > Duration::from_secs(32) && !done.err.contains("could not be removed"), "{done:#?}");
    assert_eq!(apps(&up), [""; 0]);
}

/// The connection on which events come breaks off, and on the next one they come when it is seen that nothing runs any more.
#[test]
fn an_end_that_is_still_to_be_told_is_waited_for() {
    let home = doing(&["log here"]);
    let up = Up::start(&home, &["--env", "dev"]);
    let (readers, seen) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    let at = between(&up, move |line| {
        if line.starts_with("GET /v1/apps ") && readers.load(Relaxed) > 1 {
            seen.store(true, Relaxed);
        }
        if !line.starts_with("GET /v1/events?") {
            return Course::Through;
        }
        if readers.fetch_add(1, Relaxed) == 0 {
            return Course::Until("event: ended");
        }
        let seen = seen.clone();
        let late = move || {
            while !seen.load(Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_millis(150));
        };
        Course::After(line.replace("from=now", "from=oldest"), Box::new(late))
    });
    let document = run(&up, &["--at", &at, "--json"]).exits(0).json();
    assert_eq!(document["outcome"], "done");
}
