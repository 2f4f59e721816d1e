//! Little room on the disk, applications that have failed, and what there is not.

use super::{Up, ask, request};
use crate::disk::Disk;
use crate::harness::{Done, Home, agent};
use serde_json::json;
use std::io::Read;
use std::time::{Duration, Instant};

/// Waits until a command of `up` says `part`.
fn until(up: &Up<'_>, command: &[&str], part: &str) -> Done {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let done = up.weft(command);
        if done.out.contains(part) {
            return done;
        }
        assert!(Instant::now() < limit, "no {part:?} in {done:#?}");
    }
}

#[test]
fn with_too_little_room_on_the_disk_applications_do_nothing_and_operators_act_on() {
    let act = "act publish /topic/play.news {} hello";
    let home = Home::with_script(&[act, "log one", "wait 600000", act, "log two"]);
    let disk = Disk::mount(home.path("data"), "64m");
    let up = Up::start(&home, &["--env", "dev", "--reserve", "32MiB"]).with_play();
    until(&up, &["logs"], ": one");
    let health = up.weft(&["health", "--json"]).exits(0).json();
    assert_eq!((&health["status"], &health["disk"]["reserve"]), (&json!("ok"), &json!(32 << 20)));
    assert!(health["disk"]["free"].as_u64().unwrap() > 32 << 20, "{health}");

    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![0; 40 << 20]).unwrap();
    let no_room = up.weft(&["health"]).exits(1);
    no_room.says(&["its disk has too little room", "32.0 MiB of them in reserve"]);
    assert_eq!(up.weft(&["health", "--json"]).exits(1).json()["status"], "no_room");
    // The kernel is told within a second.
    std::thread::sleep(Duration::from_secs(2));
    let rows = up.weft(&["ps", "--json"]).exits(0).json();
    let row = rows["processes"].as_array().unwrap().iter().find(|row| row["name"] == "actor").unwrap();
    let pid = row["pid"].to_string();
    up.weft(&["signal", &pid, "interrupt"]).exits(0);
    let logs = until(&up, &["logs"], ": two");
    assert_eq!(logs.out.matches("Code::Full").count(), 1, "{logs:#?}");
    up.weft(&["doctor"]).says(&["are left on its disk: with less than 64.0 MiB"]);

    std::fs::remove_file(&filler).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    up.weft(&["health"]).exits(0).says(&["it is well"]);
    // A kernel that lacks room stops in order, too.
    std::fs::write(&filler, vec![0; 40 << 20]).unwrap();
    up.weft(&["health"]).exits(1);
    up.weft(&["shutdown"]).exits(0);
    up.ended();
}

#[test]
fn too_little_room_is_told_of_at_the_start() {
    let home = Home::new("");
    let mut up = Up::start(&home, &["--reserve", "1000000GiB"]);
    up.weft(&["health"]).exits(1);
    up.weft(&["shutdown"]).exits(0);
    let mut err = String::new();
    up.child.as_mut().unwrap().stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(err.contains("are left on the disk") && err.contains("is refused until there is room"), "{err}");
}

#[test]
fn an_application_that_has_failed_is_shown_with_what_it_failed_by() {
    let home = Home::with_script(&["fail so it is"]);
    let up = Up::start(&home, &["--env", "dev"]);
    up.weft(&["app", "install", "play"]).exits(0);
    up.weft(&["app", "start", "play"]);
    // Nobody ends an application by the end of one agent: it is killed as a whole.
    let rows = up.weft(&["ps", "--json"]).exits(0).json();
    let root = rows["processes"].as_array().unwrap().iter().find(|row| row["name"] == "play").map(|row| &row["pid"]);
    if let Some(root) = root {
        up.weft(&["kill", &root.to_string()]).exits(0);
    }
    let listed = up.weft(&["app", "list"]).exits(0);
    listed.says(&["play  0.1.0    failed", "play has failed: ", "so it is", "weft app start play starts it again"]);
    let listed = up.weft(&["app", "list", "--json"]).exits(0).json();
    let app = &listed["apps"][0];
    assert!(app["state"] == "failed" && app["reason"].as_str().unwrap().contains("so it is"), "{app}");
    up.weft(&["health"]).exits(0).says(&["play has failed: "]);
    let health = up.weft(&["health", "--json"]).exits(0).json();
    assert!(health["failed"]["play"].as_str().unwrap().contains("so it is"), "{health}");
    up.weft(&["app", "remove", "play"]).exits(0);
    assert_eq!(up.weft(&["health", "--json"]).exits(0).json()["failed"], json!({}));
}

#[test]
fn an_application_that_writes_too_much_waits_and_is_told_of() {
    let sections = agent("actor", &["repeat 1000 read /fs/repo/a.txt"], "use = [\"read /fs/repo/**\"]");
    let home = Home::new(&format!("[[mount]]\nname = \"repo\"\n[budget]\nlog = \"64KiB\"\n{sections}"));
    let up = Up::start(&home, &["--env", "dev"]);
    up.weft(&["app", "install", "play", "--mount", "repo=repo"]).exits(0);
    up.weft(&["app", "start", "play"]).exits(0);
    until(&up, &["app", "list"], "to the log in an hour, and has: acts that wait: 1");
    let listed = up.weft(&["app", "list", "--json"]).exits(0).json();
    let log = &listed["apps"][0]["log"];
    assert_eq!((&log["limit"], &log["waiting"]), (&json!(64 << 10), &json!(1)), "{log}");
    assert!(log["used"].as_u64().unwrap() > 60 << 10, "{log}");
    up.weft(&["logs"]).exits(0).says(&["limit", "play ("]);
    up.weft(&["app", "stop", "play"]).exits(0);
}

#[test]
fn what_there_is_not_is_said_not_to_be_there() {
    let home = Home::new("");
    let up = Up::start(&home, &[]);
    up.weft(&["logs", "77"]).exits(1).tells(&["there is no process 77", "weft ps --all"]);
    up.weft(&["letters", "show", "77777"]).exits(1).tells(&["there is no letter 77777: the latest number is "]);
    let id = up.weft(&["logs", "--json"]).exits(0).out.lines().last().map(str::to_owned).unwrap();
    let id: serde_json::Value = serde_json::from_str(&id).unwrap();
    let (boot, _) = id["id"].as_str().unwrap().split_once('-').unwrap();
    let future = format!("last-event-id: {boot}-99999\r\n");
    let refused = ask(up.unix(), &request("GET", "/v1/events?follow=false", &future, ""));
    assert_eq!(refused.refuses(400), "invalid");
    assert!(refused.body.contains("the latest event is"), "{refused:?}");
}

#[test]
fn a_message_of_zero_bytes_is_as_long_as_any_other() {
    let home = super::echo();
    let _up = Up::start(&home, &["--env", "dev"]).with_play();
    std::fs::write(home.path("zeros"), vec![0; 1 << 20]).unwrap();
    let send = |file: &str| {
        let mut command = home.command(&["send", "/svc/echo", "-", "--data-dir", "data"]);
        command.stdin(std::fs::File::open(home.path(file)).unwrap());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        Done::of_child(command.spawn().unwrap())
    };
    send("zeros").exits(0).says(&["sent as message"]);
    std::fs::write(home.path("more"), vec![0; (1 << 20) + 1]).unwrap();
    send("more").exits(2).tells(&["a message may have 1048576 bytes, and this one has more"]);
}
