//! Events: followed, resumed, and what a reader that was too slow is told.

use super::{Up, request};
use crate::harness::Home;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How many events a kernel keeps, and some more.
const MANY: usize = 6_000;

/// A reader of events.
struct Events {
    lines: BufReader<UnixStream>,
}

/// One: its id, its kind, its data.
type Event = (String, String, Value);

impl Events {
    fn open(up: &Up<'_>, query: &str, more: &str) -> Events {
        let mut stream = up.unix();
        stream.write_all(request("GET", &format!("/v1/events{query}"), more, "").as_bytes()).unwrap();
        Events { lines: BufReader::new(stream) }
    }

    /// The next event; `None` at the end.
    fn next(&mut self) -> Option<Event> {
        let (mut id, mut kind) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", rest)) => id = rest.to_owned(),
                Some(("event", rest)) => kind = rest.to_owned(),
                Some(("data", rest)) => return Some((id, kind, serde_json::from_str(rest).unwrap())),
                _ => {}
            }
        }
    }
}

/// Has the kernel tell of `n` refusals: on connections with fewer than would have their processes suspended.
fn refusals(up: &Up<'_>, n: usize) {
    let act = json!({ "verb": "send", "resource": "/svc/none" }).to_string();
    let one = format!(
        "POST /v1/acts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{act}",
        act.len()
    );
    for from in (0..n).step_by(50) {
        let batch = (n - from).min(50);
        let mut stream = up.unix();
        stream.write_all(one.repeat(batch - 1).as_bytes()).unwrap();
        stream.write_all(one.replacen("host: x", "host: x\r\nconnection: close", 1).as_bytes()).unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        assert_eq!(all.matches("HTTP/1.1 404").count(), batch, "{all}");
    }
}

fn number(id: &str) -> u64 {
    id.split_once('-').unwrap().1.parse().unwrap()
}

#[test]
fn a_reader_goes_on_where_it_was_and_is_told_what_it_missed() {
    let home = Home::new("");
    let up = Up::start(&home, &["--env", "dev"]);
    let mut reader = Events::open(&up, "?from=oldest", "");
    let (_, kind, _) = reader.next().unwrap();
    assert_eq!(kind, "phase");
    refusals(&up, 3);
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let (id, kind, data) = reader.next().unwrap();
        if kind == "verdict" {
            assert_eq!((&data["what"], &data["resource"]), (&json!("not_found"), &json!("/svc/none")));
            seen.push(id);
        }
    }
    drop(reader);
    // From the second on: the third, and whatever came since.
    let last = format!("last-event-id: {}\r\n", seen[1]);
    let mut resumed = Events::open(&up, "", &last);
    assert_eq!(resumed.next().unwrap().0, seen[2]);
    drop(resumed);

    // One that reads nothing while more happens than is kept.
    let slow = Events::open(&up, "", &last);
    refusals(&up, MANY);
    let mut all = Events::open(&up, "?follow=false", &last);
    let (id, kind, data) = all.next().unwrap();
    assert_eq!((&*kind, data["from"].as_u64()), ("lagged", Some(number(&seen[1]) + 1)));
    assert_eq!(data["to"].as_u64(), Some(number(&id)));
    let mut at = number(&id);
    let mut kept = 0;
    while let Some((id, kind, _)) = all.next() {
        assert_eq!((number(&id), &*kind == "lagged"), (at + 1, false), "behind a gap there is none");
        (at, kept) = (at + 1, kept + 1);
    }
    assert!(kept > 1_000 && at > MANY as u64, "{kept} of {at}");

    // It gets what was under way to it, is told of the gap, and of nothing else that is missing.
    let mut slow = slow;
    let mut expected = number(&seen[1]) + 1;
    let mut gaps = 0;
    while expected <= at {
        let (id, kind, data) = slow.next().expect("it was dropped, although it had not been waited for long");
        if kind == "lagged" {
            assert_eq!(data["from"].as_u64(), Some(expected));
            gaps += 1;
        } else {
            assert_eq!(number(&id), expected);
        }
        expected = number(&id) + 1;
    }
    assert_eq!(gaps, 1);

    // The last one of all, for whoever is still there.
    up.weft(&["shutdown"]).exits(0);
    let mut last = None;
    while let Some((_, kind, _)) = slow.next() {
        last = Some(kind);
    }
    assert_eq!(last.as_deref(), Some("stopped"));
    up.ended();

    // An id of an earlier start is known to be one.
    let up = Up::start(&home, &["--env", "dev"]);
    let mut reader = Events::open(&up, "", &format!("last-event-id: {}\r\n", seen[1]));
    let kinds: Vec<String> = (0..2).map(|_| reader.next().unwrap().1).collect();
    assert_eq!(kinds, ["restarted", "phase"]);
    let refused = super::ask(up.unix(), &request("GET", "/v1/events", "last-event-id: x\r\n", ""));
    assert_eq!(refused.refuses(400), "invalid");
}

#[test]
fn logs_are_followed_to_the_end() {
    let home = super::echo();
    let up = Up::start(&home, &["--env", "dev"]);
    let follower = home.start(&["logs", "--follow", "--data-dir", "data"]);
    let up = up.with_play();
    std::thread::sleep(Duration::from_millis(100));
    up.weft(&["shutdown"]).exits(0);
    let done = crate::harness::Done::of_child(follower).exits(0);
    done.says(&["echo (", "): here", "application play: ", "the kernel has stopped"]);
}
