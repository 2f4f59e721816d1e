//! Receipts of a kernel that runs.

use super::openapi::unfit;
use super::{Up, echo};
use crate::harness::Home;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::time::Duration;

#[test]
fn a_kernel_that_runs_gives_receipts() {
    let home = echo();
    let up = Up::start(&home, &["--env", "prod"]).with_play();
    assert!(up.act("write", "/tree/x", json!({ "replace": true })).status == 200);
    // The act before was the kernel's last but for what the connection left.
    let mut found = None;
    for number in (1..60).rev() {
        let answer = up.ask("GET", &format!("/v1/receipts/{number}"), None);
        if answer.status == 200 && answer.json()["events"].as_array().unwrap().len() == 2 {
            found = Some((number.to_string(), answer.json()));
            break;
        }
    }
    let (number, receipt) = found.expect("a receipt of an outward act");
    let document = up.ask("GET", "/v1/openapi.json", None).is(200);
    let schema = &document["components"]["schemas"]["Receipt"];
    assert_eq!(unfit(&document, schema, &receipt, "receipt"), [""; 0]);
    let with_body = up.ask("GET", &format!("/v1/receipts/{number}?body"), None).is(200);
    assert_eq!(unfit(&document, schema, &with_body, "receipt"), [""; 0]);
    assert!(with_body["body"].is_object() && receipt.get("body").is_none());
    assert_eq!(up.ask("GET", "/v1/receipts/7777777", None).refuses(404), "not_found");
    assert_eq!(up.ask("GET", "/v1/receipts/x", None).refuses(400), "invalid");

    // The same by the command, which finds the kernel by its directory, and verified while it runs.
    let printed = up.weft(&["receipt", &number]).exits(0);
    assert_eq!(printed.json()["events"][0]["event"], receipt["events"][0]["event"]);
    std::fs::write(home.path("r.json"), &printed.out).unwrap();
    let told = up.weft(&["verify", "r.json", "--json"]).exits(0).json();
    assert_eq!(told["action"].to_string(), number);
    let socket = up.socket().display().to_string();
    home.weft(&["receipt", &number, "--at", &socket]).exits(0);
    up.weft(&["receipt", "7777777"]).exits(1).tells(&["tells of no act 7777777"]);
    up.weft(&["shutdown"]).exits(0);
    up.ended();
    // It held for what it covered, and holds on.
    home.weft(&["verify", "r.json", "--data-dir", "data"]).exits(0).says(&["The receipt holds"]);
}

/// A directory in which a kernel in dev was killed before it signed its last events: the number of signed ones, and of all.
fn killed(home: &Home) -> (u64, u64) {
    let patience = || std::thread::sleep(Duration::from_millis(300));
    // On a machine that is slow it may sign just then, once a second.
    for _ in 0..10 {
        let up = Up::start(home, &["--env", "dev"]);
        for (node, wait) in [("/tree/first", 4), ("/tree/signs", 1), ("/tree/last", 1)] {
            up.act("write", node, json!({ "replace": true })).is(200);
            (0..wait).for_each(|_| patience());
        }
        up.kill();
        let found = home.weft(&["chain", "verify", "--json", "--data-dir", "data"]).exits(0).json();
        let (signed, size) = (found["signed"].as_u64().unwrap(), found["events"].as_u64().unwrap());
        if signed < size {
            return (signed, size);
        }
    }
    panic!("it signed all, ten times");
}

/// Whoever reads a log signs nothing: what its kernel had not signed is no evidence, until one has.
#[test]
fn what_nobody_signed_is_no_evidence() {
    let home = echo();
    let (signed, size) = killed(&home);
    let weft = |arguments: &[&str]| home.weft(&[arguments, &["--data-dir", "data"]].concat());
    let data = std::fs::read(home.path("data/weft.redb")).unwrap();
    let done = weft(&["chain", "checkpoint", "--json"]).exits(0).tells(&["are left out"]);
    assert_eq!((&done.json()["size"], &done.json()["unsigned"]), (&json!(signed), &json!(size - signed)));
    let writes = weft(&["chain", "show", "--json", "--verb", "write"]).exits(0).json();
    let act = |event: Option<&Value>| event.unwrap()["action"].to_string();
    let writes = writes["events"].as_array().unwrap();
    let (first, last) = (act(writes.first()), act(writes.last()));
    weft(&["receipt", &first]).exits(0);
    weft(&["chain", "prove", &(signed - 1).to_string()]).exits(0);
    weft(&["chain", "consistency", "2"]).exits(0);
    let (event, all) = (signed.to_string(), size.to_string());
    for command in [&["receipt", &last][..], &["chain", "prove", &event], &["chain", "consistency", &all]] {
        let refused = weft(&[command, &["--json"]].concat()).exits(4).json();
        assert_eq!((&refused["error"]["code"], &refused["error"]["signed"]), (&json!("unsigned"), &json!(signed)));
    }
    weft(&["receipt", "999999"]).exits(1);
    let exported = weft(&["chain", "export", "--tiles", "tiles", "--json"]).exits(0).json();
    assert_eq!((&exported["size"], &exported["unsigned"]), (&json!(signed), &json!(size - signed)));
    let lines = weft(&["chain", "export", "--jsonl"]).exits(0).out;
    assert_eq!(lines.lines().count() as u64, size);
    assert!(std::fs::read(home.path("data/weft.redb")).unwrap() == data, "what is read is not changed");

    // The kernel whose log it is goes on from it.
    let up = Up::start(&home, &["--env", "dev"]);
    assert_eq!(up.said["unsigned"], json!(size - signed));
    up.weft(&["shutdown"]).exits(0);
    up.ended();
    weft(&["receipt", &last]).exits(0);
    weft(&["chain", "export", "--tiles", "tiles"]).exits(0);
}

#[test]
fn a_kernel_that_runs_shows_and_proves_its_log() {
    let home = echo();
    let up = Up::start(&home, &["--env", "prod"]).with_play();
    let kept = up.weft(&["chain", "checkpoint", "--json"]).exits(0).json();
    std::fs::write(home.path("kept"), up.weft(&["chain", "checkpoint"]).exits(0).out).unwrap();
    up.act("write", "/tree/x", json!({ "replace": true })).is(200);
    let size = kept["size"].to_string();
    for (name, command) in [("event", ["chain", "prove", "3"]), ("grown", ["chain", "consistency", &size])] {
        std::fs::write(home.path(name), up.weft(&command).exits(0).out).unwrap();
        let told = up.weft(&["verify", name, "--json"]).exits(0).json();
        assert!(told["size"].as_u64() > kept["size"].as_u64(), "{told:#}");
        assert!(name == "event" || told["old"]["root"] == kept["root"], "{told:#}");
    }
    up.weft(&["chain", "prove", "7777777"]).exits(1).tells(&["has no event 7777777"]);
    up.weft(&["chain", "consistency", "7777777"]).exits(1).tells(&["never had 7777777"]);
    up.weft(&["chain", "consistency", "2", &size]).exits(2).tells(&["leave out the later one"]);

    let writes = ["chain", "show", "--json", "--resource", "/tree/**"];
    let shown = up.weft(&writes).exits(0).json();
    assert_eq!((&shown["verified"], &shown["problem"], &shown["stopped"]), (&json!(true), &Value::Null, &Value::Null));
    let kinds: Vec<&Value> = shown["events"].as_array().unwrap().iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds, ["intent", "outcome"]);
    up.weft(&["chain", "show", "--limit", "1"]).exits(0);
    up.weft(&["chain", "show", "--pid", "99"]).exits(0).tells(&["is of process 99"]);
    let other = "weft.example/log+03431d25+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
    for command in [&["chain", "checkpoint"][..], &["chain", "show"], &["chain", "prove", "3"]] {
        let refused = up.weft(&[command, &["--json", "--key", other]].concat()).exits(4).json();
        assert_eq!(refused["error"]["code"], "key_untrusted", "{command:?}");
    }
    for command in [&["chain", "verify"][..], &["chain", "export", "--jsonl"]] {
        up.weft(command).exits(2).tells(&["weft backup COPY --data-dir"]);
    }

    up.weft(&["shutdown"]).exits(0);
    up.ended();
    home.weft(&["chain", "verify", "--against", "kept", "--data-dir", "data"]).exits(0);
    let stored = home.weft(&[&writes[..], &["--data-dir", "data"]].concat()).exits(0).json();
    assert_eq!(stored["events"], shown["events"]);
}

#[test]
fn the_log_of_a_kernel_that_runs_is_followed() {
    let home = echo();
    let up = Up::start(&home, &["--env", "prod"]).with_play();
    let page = up.ask("GET", "/v1/log/2", None).is(200);
    assert_eq!((page["events"][0]["seq"].as_u64(), &page["events"][0]["kind"]), (Some(2), &json!("phase")));
    let end = up.ask("GET", "/v1/log/18446744073709551615", None).is(200);
    assert!(end["events"].as_array().unwrap().is_empty() && end["next"].as_u64() >= page["next"].as_u64());
    assert_eq!(up.ask("GET", "/v1/log/x", None).refuses(400), "invalid");

    let arguments = ["chain", "show", "--follow", "--json", "--resource", "/tree/**", "--data-dir", "data"];
    let mut follower = home.start(&[&arguments[..], &["--since", "0"]].concat());
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    for name in ["a", "b"] {
        up.act("write", &format!("/tree/{name}"), json!({ "replace": true })).is(200);
        for kind in ["intent", "outcome"] {
            let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            assert_eq!(event["kind"], kind, "{event}");
        }
    }
    up.weft(&["shutdown"]).exits(0);
    up.ended();
    assert!(lines.next().is_none(), "nothing of that is said after its end");
    assert!(follower.wait().unwrap().success());
}
