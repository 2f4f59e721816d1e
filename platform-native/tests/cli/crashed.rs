//! A kernel that stays, killed or out of room while several write to it over its API. Whoever writes notes what it asked
//! for and what was acknowledged; afterwards all that was acknowledged is there, nothing that nobody asked for is, and the
//! log verifies.

use crate::chance::{Chance, moments};
use crate::disk::Disk;
use crate::harness::{Done, Home, WEFT};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How many write at once, and to how many nodes each.
const WRITERS: usize = 6;
const NODES: u64 = 4;

/// How many kills a directory lives through.
const LIVES: usize = 10;

/// What was asked and acknowledged of one node.
#[derive(Clone, Debug, Default)]
struct Node {
    asked: u64,
    acknowledged: u64,
}

/// By the path of the node.
type Noted = BTreeMap<String, Node>;

/// A connection on which one request is answered after the other.
struct Api(BufReader<UnixStream>);

impl Api {
    fn open(home: &Home, data: &str) -> Option<Api> {
        let stream = UnixStream::connect(home.path(data).join("run/api.sock")).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Some(Api(BufReader::new(stream)))
    }

    /// The status and the document of an answer, if there is one.
    fn act(&mut self, act: &Value) -> Option<(u16, Value)> {
        let body = act.to_string();
        let length = body.len();
        let head = "POST /v1/acts HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        self.0.get_mut().write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes()).ok()?;
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            status = status.or_else(|| line.split(' ').nth(1)?.parse().ok());
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = n.trim().parse().ok()?;
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer).ok()?;
        Some((status?, serde_json::from_slice(&answer).ok()?))
    }

    /// The number at a node; 0 where there is none.
    fn number(&mut self, node: &str) -> u64 {
        let (status, document) = self.act(&json!({ "verb": "read", "resource": node })).expect("an answer");
        match status {
            404 => 0,
            200 => document["payload"].as_str().and_then(|n| n.trim().parse().ok()).expect("a number"),
            _ => panic!("{node}: {document:#}"),
        }
    }
}

/// Writes numbers that grow to nodes of its own until nobody answers or `refused` is told; what it noted.
fn write(home: &Home, data: &str, writer: usize, mut noted: Noted) -> (Noted, Option<Value>) {
    let Some(mut api) = Api::open(home, data) else { return (noted, None) };
    for n in 0.. {
        let path = format!("/tree/w{writer}-{}", n % NODES);
        let node = noted.entry(path.clone()).or_default();
        node.asked += 1;
        let value = node.asked;
        // Some are too long to be kept in the log's own rows.
        let width = if n % 7 == 3 { 20_000 } else { 200 };
        let act = json!({
            "verb": "write", "resource": path, "body": { "replace": true }, "payload": format!("{value:>width$}"),
        });
        match api.act(&act) {
            Some((200, _)) => node.acknowledged = value,
            Some((_, refused)) => return (noted, Some(refused)),
            None => return (noted, None),
        }
    }
    (noted, None)
}

/// All write at once; what they noted, and what one was refused by. `meanwhile` happens beside them.
fn all_write(home: &Home, data: &str, noted: &mut Noted, meanwhile: impl FnOnce()) -> Option<Value> {
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let own = format!("/tree/w{writer}-");
                let own = noted.iter().filter(|(path, _)| path.starts_with(&own));
                let own = own.map(|(path, node)| (path.clone(), node.clone())).collect();
                scope.spawn(move || write(home, data, writer, own))
            })
            .collect();
        meanwhile();
        let mut refused = None;
        for writer in writers {
            let (own, why) = writer.join().unwrap();
            noted.extend(own);
            refused = refused.or(why);
        }
        refused
    })
}

/// A kernel in `prod`; what it says when it listens, if it comes to that.
fn up(home: &Home, data: &str) -> (Child, Option<Value>) {
    let mut child = home.start(&["up", "--json", "--env", "prod", "--data-dir", data]);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).ok())
}

/// All that was acknowledged is there, and nothing that nobody asked for.
fn check(home: &Home, data: &str, noted: &mut Noted, at: &str) {
    let mut api = Api::open(home, data).expect("it listens");
    for (path, node) in noted {
        let found = api.number(path);
        assert!(
            (node.acknowledged..=node.asked).contains(&found),
            "{at}: {path} is {found}; {} was acknowledged and {} asked",
            node.acknowledged,
            node.asked
        );
        // What was not acknowledged and is not there was not done; its number is not used again.
        node.acknowledged = found;
    }
}

/// Each intent has one outcome, and there are no more of them than were asked for.
fn is_closed(home: &Home, data: &str, noted: &Noted) {
    let shown = home.weft(&["chain", "show", "--data-dir", data, "--verb", "write", "--json"]).exits(0).json();
    let events = shown["events"].as_array().unwrap();
    let of = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count() as u64;
    let asked: u64 = noted.values().map(|node| node.asked).sum();
    assert_eq!((of("intent"), shown["verified"].as_bool()), (of("outcome"), Some(true)));
    assert!(of("intent") <= asked, "{} intents, {asked} asked", of("intent"));
}

#[test]
fn what_was_acknowledged_over_the_api_is_there_after_a_kill_at_any_moment() {
    let home = Home::with_script(&[]);
    let (mut chance, mut noted, mut data) = (Chance::new(), Noted::new(), String::new());
    let (mut acknowledged, mut booting) = (0, 0);
    let rounds = moments("WEFT_KILLS", 30);
    for round in 0..rounds {
        if round % LIVES == 0 {
            (data, noted) = (format!("data{round}"), Noted::new());
        }
        let at = format!("kill {round}");
        if round % 5 == 4 {
            // One that is killed while it starts, over what the last one left.
            let mut child = home.start(&["up", "--json", "--env", "prod", "--data-dir", &data]);
            std::thread::sleep(chance.within(Duration::from_millis(60)));
            child.kill().unwrap();
            Done::of_child(child);
            booting += 1;
        }
        // Whoever looks first repairs what a kill left behind; otherwise the next kernel does.
        if round % 3 == 1 && round % LIVES > 0 {
            home.weft(&["chain", "verify", "--data-dir", &data]).exits(0);
        }
        let (mut child, said) = up(&home, &data);
        let Some(said) = said else { panic!("{at}: it does not start: {:#?}", Done::of_child(child)) };
        assert!(said["verified_from"].is_u64(), "{at}: {said}");
        check(&home, &data, &mut noted, &at);
        let before: u64 = noted.values().map(|node| node.acknowledged).sum();
        all_write(&home, &data, &mut noted, || {
            std::thread::sleep(chance.within(Duration::from_millis(400)));
            child.kill().unwrap();
        });
        child.wait().unwrap();
        acknowledged += noted.values().map(|node| node.acknowledged).sum::<u64>().saturating_sub(before);
        if round % LIVES == LIVES - 1 || round + 1 == rounds {
            let (child, _) = up(&home, &data);
            check(&home, &data, &mut noted, &at);
            home.weft(&["shutdown", "--data-dir", &data]).exits(0);
            Done::of_child(child).exits(0);
            home.weft(&["chain", "verify", "--data-dir", &data]).exits(0);
            is_closed(&home, &data, &noted);
        }
    }
    eprintln!("{rounds} kills under load, {booting} while it started; {acknowledged} writes were acknowledged");
    assert!(acknowledged > rounds as u64 * 5, "{acknowledged} writes show little");
}

/// Waits for the end of a kernel whose log cannot be written.
fn not_durable(child: Child) {
    Done::of_child(child).exits(4).tells(&["the log could not be kept"]);
}

#[test]
fn what_was_acknowledged_over_the_api_is_there_after_a_disk_has_filled() {
    let home = Home::with_script(&[]);
    let (disk, mut noted) = (Disk::mount(home.path("data"), "3m"), Noted::new());
    let (child, said) = up(&home, "data");
    assert!(said.is_some());
    let refused = all_write(&home, "data", &mut noted, || ());
    if let Some(refused) = refused {
        assert_eq!(refused["error"]["code"], "not_durable", "{refused:#}");
    }
    not_durable(child);
    disk.remount("size=64m");
    after(&home, &mut noted);
}

/// A file that may not grow any more is met as a full disk is, and is no end by a signal.
#[test]
fn what_was_acknowledged_over_the_api_is_there_after_the_database_may_not_grow() {
    let home = Home::with_script(&[]);
    let mut noted = Noted::new();
    let plain = home.command(&[]);
    let mut limited = Command::new("bash");
    limited.args(["-c", &format!("ulimit -f 2600; exec {WEFT} up --json --env prod --data-dir data")]);
    limited.current_dir(home.path("")).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    limited.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = limited.spawn().expect("this test needs `bash`");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with('{'), "{:#?}", Done::of_child(child));
    all_write(&home, "data", &mut noted, || ());
    not_durable(child);
    after(&home, &mut noted);
}

/// The next start goes on with all that was acknowledged.
fn after(home: &Home, noted: &mut Noted) {
    let acknowledged: u64 = noted.values().map(|node| node.acknowledged).sum();
    assert!(acknowledged > 10, "only {acknowledged} were acknowledged");
    home.weft(&["chain", "verify", "--data-dir", "data"]).exits(0);
    let (child, said) = up(home, "data");
    assert!(said.is_some());
    check(home, "data", noted, "after it was full");
    home.weft(&["shutdown", "--data-dir", "data"]).exits(0);
    Done::of_child(child).exits(0);
    home.weft(&["chain", "verify", "--data-dir", "data"]).exits(0);
    is_closed(home, "data", noted);
}
