//! A kernel that stays, from its start to its end, as whoever runs it sees it.

use super::{PATIENCE, Up, echo};
use crate::harness::{Home, agent};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

/// The living processes called `name`.
pub(super) fn called(up: &Up<'_>, name: &str) -> Vec<u64> {
    let rows = up.weft(&["ps", "--json"]).exits(0).json();
    let rows = rows["processes"].as_array().unwrap();
    rows.iter().filter(|row| row["name"] == name).map(|row| row["pid"].as_u64().unwrap()).collect()
}

#[test]
fn a_kernel_that_stays_is_talked_to_and_stopped() {
    let home = echo();
    let up = Up::start(&home, &[]);
    assert_eq!(up.said["environment"], "prod");
    assert!(up.said["boot"].as_array().unwrap().iter().any(|step| step["phase"] == "chain"));
    up.weft(&["app", "install", "play"]).exits(0).says(&["installed play 0.1.0"]);
    up.weft(&["app", "list"]).exits(0).says(&["play  0.1.0    installed"]);
    up.weft(&["app", "start", "play"]).exits(0).says(&["play runs as /proc/"]);
    up.weft(&["app", "start", "play"]).exits(2).tells(&["`play` is running already"]);
    up.weft(&["app", "install", "play"]).exits(2).tells(&["`play` is running; stop it first"]);
    up.weft(&["app", "remove", "play"]).exits(2).tells(&["stop it first"]);
    up.weft(&["services"]).exits(0).says(&["/svc/echo"]);
    up.weft(&["ps", "--tree"]).exits(0).says(&["play", "  echo"]);

    assert_eq!(up.weft(&["call", "/svc/echo", "hello"]).exits(0).out, "hello");
    let called_json = up.weft(&["call", "/svc/echo", "hello", "--json"]).exits(0).json();
    assert_eq!((&called_json["payload"], &called_json["labels"]), (&json!("hello"), &json!([])));
    let labelled = up.weft(&["call", "/svc/echo", "x", "--label", "private"]).exits(0);
    labelled.tells(&["the reply is labelled private"]);
    up.weft(&["send", "/svc/echo", "hello"]).exits(0).says(&["sent as message"]);
    up.weft(&["send", "/svc/none", "hello"]).exits(1).tells(&["there is no service /svc/none now"]);
    up.weft(&["send", "svc", "hello"]).exits(2);
    up.weft(&["spawn", "/agent/echo"]).exits(1).tells(&["there is no agent `echo` to spawn here"]);
    up.weft(&["top", "--every", "100ms"]).exits(0).says(&["CPU %", "echo"]);
    let top = up.weft(&["top", "--every", "100ms", "--json"]).exits(0).json();
    assert!(top["processes"].as_array().unwrap().iter().any(|row| row["name"] == "echo"), "{top}");

    let [pid] = called(&up, "echo")[..] else { panic!("not one") };
    let killed = up.weft(&["kill", &pid.to_string(), "--json"]).exits(0).json();
    let dead = killed["dead"].as_array().unwrap();
    assert_eq!((&dead[0]["pid"], &dead[0]["name"], &dead[0]["app"]), (&json!(pid), &json!("echo"), &json!("play")));
    assert!(dead.len() == 1 && dead[0]["after_ms"].is_u64(), "{killed}");
    assert_eq!(killed["unreachable"], json!([]));
    up.weft(&["kill", &pid.to_string()]).exits(1).tells(&["there is no process"]);
    up.weft(&["ps", "--all"]).exits(0).says(&["killed: by operator.api"]);
    assert!(called(&up, "echo").is_empty());
    let logs = up.weft(&["logs"]).exits(0);
    logs.says(&["echo (", "): here", "ended echo", "killed: by operator.api"]);
    let logs = up.weft(&["logs", &pid.to_string(), "--json"]).exits(0);
    let events: Vec<Value> = logs.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["data"]["pid"] == pid), "{events:?}");
    assert!(events.iter().any(|event| event["event"] == "log" && event["data"]["text"] == "here"));

    up.weft(&["app", "stop", "play"]).exits(0);
    up.weft(&["app", "remove", "play"]).exits(0);
    assert_eq!(up.weft(&["app", "list", "--json"]).exits(0).json()["apps"], json!([]));
    up.weft(&["health"]).exits(0).says(&["A kernel in prod", "it is well"]);
    let stopped = up.weft(&["shutdown", "--reason", "for a test", "--json"]).exits(0).json();
    // It has ended, and nobody holds its directory any more.
    std::fs::write(home.path("kept"), stopped["checkpoint"]["note"].as_str().unwrap()).unwrap();
    home.weft(&["chain", "verify", "--data-dir", "data", "--against", "kept"]).exits(0);
    let last = up.ended();
    assert_eq!((&last["stopped"], &last["checkpoint"]), (&json!("for a test"), &stopped["checkpoint"]));
    assert!(!home.path("data/run/api.sock").exists());
}

/// A guest that never comes to an end is found by what it uses, and its row keeps that when it was killed.
#[test]
fn what_computes_for_ever_is_found() {
    let agent = "[[agent]]\nname = \"spinner\"\nprogram = { wasm = \"looper.wasm\" }\nlimits = { handle = \"10m\" }\n";
    let home = Home::new(agent);
    let up = Up::start(&home, &[]).with_play();
    let row_of = |rows: &Value| {
        let rows = rows["processes"].as_array().unwrap();
        rows.iter().rfind(|row| row["name"] == "spinner").unwrap().clone()
    };
    let begun = Instant::now();
    loop {
        let row = row_of(&up.weft(&["top", "--every", "200ms", "--json"]).exits(0).json());
        if row["cpu_percent"].as_f64().unwrap() > 0.0 {
            assert!(row["memory"].as_u64().unwrap() > 0, "{row}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{row}");
    }
    let [pid] = called(&up, "spinner")[..] else { panic!("not one") };
    let during = row_of(&up.weft(&["ps", "--json"]).exits(0).json());
    assert!(during["memory_now"].as_u64().unwrap() > 0, "{during}");
    up.weft(&["kill", &pid.to_string()]).exits(0);
    let rows = up.weft(&["ps", "--all", "--json"]).exits(0).json();
    let (gone, number) = (row_of(&rows), |row: &Value, name: &str| row[name].as_u64().unwrap());
    assert_eq!((&gone["state"], number(&gone, "memory_now")), (&json!("exited"), 0));
    for name in ["cpu", "memory"] {
        assert!(number(&gone, name) >= number(&during, name) && number(&during, name) > 0, "{name}: {during} {gone}");
    }
    let play = rows["processes"].as_array().unwrap().iter().rfind(|row| row["name"] == "play").unwrap();
    assert!(number(&play["tree"], "cpu") >= number(&gone, "cpu"), "{rows}");
}

/// What was to run until it was quiet and was cut short is named by the next start, also by one that then fails.
#[test]
fn what_was_cut_short_is_named_also_where_the_start_fails() {
    let home = Home::new(&agent("waits", &["wait 600000"], "limits = { handle = \"20m\" }"));
    let begin = |up: &Up<'_>| drop(up.weft(&["app", "start", "play", "--until", "quiet"]).exits(0));
    let up = Up::start(&home, &[]);
    up.weft(&["app", "install", "play"]).exits(0);
    begin(&up);
    up.kill();
    let fails = ["up", "--data-dir", "data", "--listen", "unix:play/weft.toml/x.sock"];
    let parts = ["the kernel before did not stop in order", "play was to run until it is quiet: cut short"];
    home.weft(&fails).exits(2).tells(&parts);
    let up = Up::start(&home, &[]);
    assert_eq!(up.said["crash"], json!(null));
    begin(&up);
    up.kill();
    let crash = home.weft(&[&fails[..], &["--json"]].concat()).json()["error"]["crash"].clone();
    assert_eq!(crash["apps_cut_short"], json!(["play"]), "{crash}");
}

/// What an operator suspended or took stays so over a crash.
#[test]
fn what_was_suspended_or_taken_stays_so_after_a_crash() {
    let home = super::echo();
    let up = Up::start(&home, &[]).with_play();
    let [pid] = called(&up, "echo")[..] else { panic!("not one") };
    up.weft(&["suspend", &pid.to_string()]).exits(0);
    up.kill();
    let up = Up::start(&home, &[]);
    assert_eq!(up.said["started_again"][0]["suspended"], json!(["echo"]), "{}", up.said);
    let [pid] = called(&up, "echo")[..] else { panic!("not one") };
    up.weft(&["call", "/svc/echo", "hello"]).exits(1);
    up.weft(&["resume", &pid.to_string()]).exits(0);
    let until = Instant::now() + Duration::from_secs(30);
    while !up.weft(&["services"]).exits(0).out.contains("/svc/echo") {
        assert!(Instant::now() < until, "it never registered");
    }
    up.weft(&["revoke", &pid.to_string(), "register /svc/echo"]).exits(0);
    up.kill();
    let up = Up::start(&home, &[]);
    assert_eq!(up.said["started_again"][0]["suspended"], json!([]), "{}", up.said);
    let [pid] = called(&up, "echo")[..] else { panic!("not one") };
    up.weft(&["revoke", &pid.to_string(), "register /svc/echo"]).exits(1).tells(&["holds nothing of that"]);
}

#[test]
fn what_a_durable_inbox_accepted_outlives_the_kernel() {
    // What it has taken it has handled only when all of its start is over.
    let steps = ["act register /svc/keep", "act read /proc/self/inbox {}", "wait 60000"];
    let agent = agent("keep", &steps, "inbox = \"durable\"\nuse = [\"register /svc/keep\"]");
    let home = Home::new(&format!("{agent}[[service]]\nname = \"keep\"\nowner = \"keep\"\n"));
    let mut up = Up::start(&home, &[]).with_play();
    assert_eq!(up.said["crash"], json!(null));
    let until = Instant::now() + Duration::from_secs(30);
    while !up.weft(&["services"]).exits(0).out.contains("/svc/keep") {
        assert!(Instant::now() < until, "it never registered");
    }
    up.weft(&["send", "/svc/keep", "hello"]).exits(0);
    let took = |up: &Up<'_>| up.weft(&["logs"]).exits(0).out.contains("read /proc/self/inbox: ");
    while !took(&up) {
        assert!(Instant::now() < until, "it never took it");
    }
    for _ in 0..2 {
        up.kill();
        up = Up::start(&home, &[]);
        // In prod each batch is stored with its signature.
        assert_eq!(up.said["unsigned"], json!(0));
        let crash = &up.said["crash"];
        assert_eq!((&crash["messages_kept"], &crash["messages_lost"]), (&json!(1), &json!(0)), "{crash}");
        assert_eq!((&crash["acts_unknown"], &crash["letters"]), (&json!(0), &json!(0)), "{crash}");
        let until = Instant::now() + Duration::from_secs(30);
        while !took(&up) {
            assert!(Instant::now() < until, "it was never handed it again");
        }
    }
    up.weft(&["shutdown"]).exits(0);
    up.ended();
    let up = Up::start(&home, &[]);
    assert_eq!(up.said["crash"], json!(null));
}

#[test]
fn dead_letters_outlive_the_kernel_and_are_dealt_with() {
    // It receives messages, and no requests, for some time after it has begun to answer for its service.
    let steps = ["act register /svc/busy", "wait 1500"];
    let agent = agent("busy", &steps, "use = [\"register /svc/busy\"]");
    let home = Home::new(&format!("{agent}[[service]]\nname = \"busy\"\nowner = \"busy\"\n"));
    let up = Up::start(&home, &[]).with_play();
    let listed = |up: &Up<'_>| up.weft(&["letters", "--json"]).exits(0).json()["letters"].as_array().unwrap().clone();
    up.weft(&["call", "/svc/busy", "late", "--deadline", "200ms", "--label", "private"]).exits(1).tells(&["in time"]);
    let until = Instant::now() + Duration::from_secs(30);
    while listed(&up).is_empty() {
        assert!(Instant::now() < until, "the reply that came too late is nowhere");
        std::thread::sleep(Duration::from_millis(50));
    }
    let all = listed(&up);
    assert_eq!((&all[0]["kind"], &all[0]["labels"]), (&json!("reply"), &json!(["private"])));
    up.kill();
    let up = Up::start(&home, &[]);
    assert_eq!(listed(&up), all);
    let number = all[0]["letter"].to_string();
    up.weft(&["letters"]).exits(0).says(&["LETTER", &number, "timed_out"]);
    up.weft(&["health"]).exits(0).says(&["1 dead letter"]);
    let shown = up.weft(&["letters", "show", &number]).exits(0).tells(&["a reply from /proc/", "labelled private"]);
    assert_eq!(shown.out, "late");
    let shown = up.weft(&["letters", "show", &number, "--json"]).exits(0).json();
    assert_eq!((&shown["payload"], &shown["bytes"]), (&json!("late"), &json!(4)));
    // Whoever called is long gone.
    up.weft(&["letters", "send", &number]).exits(1).tells(&["there is no process"]);
    assert_eq!(listed(&up), all);
    up.weft(&["letters", "remove", &number]).exits(0).says(&["is gone"]);
    up.weft(&["letters", "show", &number]).exits(1).tells(&["was sent again or removed"]);
    assert!(listed(&up).is_empty());
}

#[test]
fn without_a_kernel_it_is_said_what_to_do() {
    let home = Home::new("");
    for command in
        [&["ps"][..], &["health"], &["kill", "1"], &["shutdown"], &["logs"], &["app", "list"], &["call", "/svc/x"]]
    {
        let done = home.weft(&[command, &["--data-dir", "data"]].concat()).exits(5);
        done.tells(&["no kernel answers at unix:data/run/api.sock", "weft up --data-dir data"]);
    }
    let document = home.weft(&["ps", "--json"]).exits(5).json();
    assert_eq!(document["error"]["code"], "no_kernel");
    assert!(document["error"]["address"].as_str().unwrap().ends_with(".local/share/weft/kernel.d/run/api.sock"));
    home.weft(&["ps", "--at", "tcp:127.0.0.1:1"]).exits(2).tells(&["api.token", "does not exist"]);
    home.weft(&["ps", "--at", "127.0.0.1:1"]).exits(2).tells(&["tcp:127.0.0.1:1"]);
}

#[test]
fn one_directory_has_one_kernel() {
    let home = Home::new("");
    let up = Up::start(&home, &[]);
    let second = home.weft(&["up", "--data-dir", "data", "--json"]).exits(2);
    second.tells(&[&format!("is in use by process {}", up.said["pid"])]);
    home.weft(&["chain", "verify", "--data-dir", "data"]).exits(2);
    // It was not disturbed, and its socket is where it was.
    up.weft(&["health"]).exits(0);
}

#[test]
fn a_kernel_that_was_killed_comes_up_again_with_its_log_and_its_applications() {
    let read = ["act read /fs/repo/a.txt", "act register /svc/echo"];
    let sections = format!(
        "[[mount]]\nname = \"repo\"\n{}[[service]]\nname = \"echo\"\nowner = \"echo\"\n",
        agent("echo", &read, "use = [\"read /fs/repo/**\", \"register /svc/echo\"]")
    );
    let home = Home::new(&sections);
    let up = Up::start(&home, &[]);
    let refused = up.weft(&["app", "install", "play", "--json"]).exits(3);
    assert_eq!(refused.json()["error"]["flags"], json!(["--mount repo=PATH"]));
    up.weft(&["app", "install", "play", "--mount", "repo=nowhere"]).exits(2).tells(&["nowhere"]);
    up.weft(&["app", "install", "play", "--mount", "repo=data"]).exits(2).tells(&["the data directory"]);
    up.weft(&["app", "install", "play", "--mount", "repo=repo", "--mount", "x=y"]).exits(0).tells(&["--mount x=PATH"]);
    up.weft(&["app", "start", "play"]).exits(0);
    assert_eq!(up.weft(&["call", "/svc/echo", "one"]).exits(0).out, "one");
    up.kill();
    assert!(home.path("data/run/api.sock").exists(), "it was killed");

    let up = Up::start(&home, &[]);
    let apps = up.weft(&["app", "list", "--json"]).exits(0).json();
    assert_eq!((&apps["apps"][0]["name"], &apps["apps"][0]["state"]), (&json!("play"), &json!("running")));
    assert_eq!(apps["apps"][0]["mounts"][0]["path"], json!(home.path("repo").to_str().unwrap()));
    assert_eq!(
        (&up.said["started_again"][0]["app"], &up.said["started_again"][0]["reason"]),
        (&json!("play"), &Value::Null)
    );
    up.weft(&["app", "start", "play"]).exits(2).tells(&["`play` is running already"]);
    let limit = Instant::now() + Duration::from_secs(20);
    while !up.weft(&["logs"]).exits(0).out.contains("read /fs/repo/a.txt: 6 bytes") {
        assert!(Instant::now() < limit, "it never read its file");
    }
    up.weft(&["shutdown"]).exits(0).says(&["Checkpoint over"]);
    up.ended();
    let verified = home.weft(&["chain", "verify", "--data-dir", "data", "--json"]).exits(0).json();
    let shown = home.weft(&["chain", "show", "--data-dir", "data", "--json"]).exits(0).json();
    let boots = shown["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "boot").count();
    assert_eq!((boots, &verified["signed"]), (2, &verified["events"]));
}

#[test]
fn what_should_run_runs_again_and_what_should_not_does_not() {
    let read = ["act register /svc/echo"];
    let sections = format!(
        "[[mount]]\nname = \"repo\"\n[[service]]\nname = \"echo\"\nowner = \"echo\"\n{}{}",
        agent("echo", &read, "restart = \"permanent\"\nuse = [\"read /fs/repo/**\", \"register /svc/echo\"]"),
        agent("idle", &[], "")
    );
    let home = Home::new(&sections);
    let up = Up::start(&home, &[]);
    up.weft(&["app", "install", "play", "--mount", "repo=repo"]).exits(0);
    up.weft(&["app", "start", "play"]).exits(0);
    let [idle] = called(&up, "idle")[..] else { panic!("not one") };
    up.weft(&["kill", &idle.to_string()]).exits(0);
    up.weft(&["shutdown"]).exits(0);
    up.ended();
    // What was killed stays dead; what has no folder waits, and is tried again.
    std::fs::rename(home.path("repo"), home.path("moved")).unwrap();
    let up = Up::start(&home, &[]);
    let [again] = &up.said["started_again"].as_array().unwrap()[..] else { panic!("{}", up.said) };
    assert!(again["pid"].is_null() && again["reason"].as_str().unwrap().contains("mount `repo`"), "{again}");
    assert!(called(&up, "echo").is_empty());
    up.kill();
    std::fs::rename(home.path("moved"), home.path("repo")).unwrap();
    let up = Up::start(&home, &[]);
    assert!(up.said["started_again"][0]["pid"].is_u64(), "{}", up.said);
    assert_eq!((called(&up, "echo").len(), called(&up, "idle").len()), (1, 0));
    up.weft(&["app", "stop", "play"]).exits(0);
    up.kill();
    let up = Up::start(&home, &[]);
    assert_eq!(up.said["started_again"], json!([]));
}

#[test]
fn who_was_killed_comes_again_with_what_was_left_of_its_budget() {
    let agent = agent("busy", &["act read /proc/self"; 8], "");
    let home = Home::new(&format!("{agent}[budget]\nacts = 20\n"));
    let up = Up::start(&home, &[]);
    up.weft(&["app", "install", "play"]).exits(0);
    up.weft(&["app", "start", "play"]).exits(0);
    let has_acted = |up: &Up<'_>| {
        let limit = Instant::now() + Duration::from_secs(20);
        let acts = |row: &Value| row["name"] == "busy" && row["acts"] == 8;
        // What is answered is in the log by then.
        while !up.weft(&["ps", "--json"]).exits(0).json()["processes"].as_array().unwrap().iter().any(acts) {
            assert!(Instant::now() < limit, "it does not act");
        }
    };
    has_acted(&up);
    up.kill();
    // A spawn and eight acts, twice, are eighteen of twenty; at sixteen it is told.
    let up = Up::start(&home, &[]);
    assert!(up.said["started_again"][0]["pid"].is_u64(), "{}", up.said);
    has_acted(&up);
    up.weft(&["logs"]).exits(0).says(&["limit play (", "has used 80 % of its acts: 16 of 20"]);
    up.kill();
    let up = Up::start(&home, &[]);
    let limit = Instant::now() + Duration::from_secs(20);
    while !up.weft(&["logs"]).exits(0).out.contains("is used up: 20 of 20 are drawn") {
        assert!(Instant::now() < limit, "{}", up.weft(&["logs"]).out);
    }
    assert_eq!(called(&up, "busy"), [0; 0]);
    // Who starts it anew gives it a new budget.
    up.weft(&["app", "start", "play"]).exits(0);
    has_acted(&up);
    up.weft(&["shutdown"]).exits(0);
    up.ended();
    home.weft(&["chain", "show", "--data-dir", "data"]).exits(0).says(&["limit_near"]);
}

#[test]
fn who_keeps_failing_is_started_again_and_then_its_application_has_failed() {
    let home = Home::new(&agent("bad", &["trap"], "restart = \"permanent\""));
    let up = Up::start(&home, &[]);
    up.weft(&["app", "install", "play"]).exits(0);
    // It may have failed as often as it may before whoever starts it is told that it ran.
    up.weft(&["app", "start", "play"]);
    let limit = Instant::now() + Duration::from_secs(20);
    while !up.weft(&["logs"]).exits(0).out.contains("application play: ") {
        assert!(Instant::now() < limit, "{}", up.weft(&["logs"]).out);
    }
    let again =
        ["again bad is started again after 0 ms", "after 100 ms", "after 200 ms", "3 restarts in 5000 ms is the most"];
    up.weft(&["logs"]).exits(0).says(&again);
    assert_eq!(called(&up, "bad"), [0; 0]);
    up.weft(&["shutdown"]).exits(0);
    up.ended();
    let shown = home.weft(&["chain", "show", "--data-dir", "data"]).exits(0);
    shown.says(&["restarting", "and is started again after 200 ms"]);
}

#[test]
fn a_signal_stops_it_in_order() {
    let home = echo();
    let up = Up::start(&home, &["--env", "dev"]).with_play();
    let pid = up.said["pid"].to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    let last = up.ended();
    assert!(last["stopped"].as_str().unwrap().contains("SIGTERM"), "{last}");
    let verified = home.weft(&["chain", "verify", "--data-dir", "data", "--json"]).exits(0).json();
    assert_eq!(verified["events"], last["checkpoint"]["size"]);
}

#[test]
fn what_was_started_outlives_whoever_started_it() {
    let home = Home::new(&agent("worker", &["wait 3000"], ""));
    let up = Up::start(&home, &["--env", "dev"]);
    up.weft(&["app", "install", "play"]).exits(0);
    up.weft(&["app", "start", "play", "--until", "quiet"]).exits(0);
    let limit = Instant::now() + Duration::from_secs(20);
    let mut alone = false;
    while !called(&up, "worker").is_empty() {
        alone |= called(&up, "operator.api").is_empty();
        assert!(Instant::now() < limit, "{}", up.weft(&["ps"]).out);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(alone, "{}", up.weft(&["ps", "--all"]).out);
    up.weft(&["logs"]).exits(0).says(&["application play: done"]);
}

#[test]
fn a_person_sees_where_it_listens_and_how_it_ended() {
    let home = Home::new("");
    let child = home.start(&["up", "--data-dir", "data", "--listen", "tcp:127.0.0.1:0"]);
    let limit = Instant::now() + Duration::from_secs(20);
    while home.weft(&["health", "--data-dir", "data"]).status.code() != Some(0) {
        assert!(Instant::now() < limit, "it never listens");
    }
    home.weft(&["shutdown", "--data-dir", "data"]).exits(0);
    let done = crate::harness::Done::of_child(child).exits(0);
    done.says(&[
        "a kernel in prod",
        "Listening on unix:",
        "Listening on tcp:127.0.0.1:",
        "The token for TCP lies in",
        "Stopped: the operator asked for it",
        "Checkpoint over",
    ]);
}
