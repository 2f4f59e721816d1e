//! `kill -9` at any moment: the next start works, the log verifies, and whatever anybody outside has seen of
//! the run stands in it.

use crate::chance::{Chance, moments};
use crate::harness::{AUDITING, Done, Home, agent};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

const OUT: &str = "[[mount]]\nname = \"out\"\nmode = \"write\"\n";
const USES: &str = "use = [\"write /fs/out/**\"]\noptional = [\"connect /net/**\"]";

/// What this test remembers of what it saw, beside the log.
#[derive(Default)]
struct Seen {
    connections: usize,
    notes: Vec<String>,
}

/// The events of one verb.
fn events(home: &Home, verb: &str) -> Vec<Value> {
    let shown = home.weft(&["chain", "show", "--verb", verb, "--json"]).exits(0).json();
    assert_eq!(shown["verified"], true);
    shown["events"].as_array().unwrap().clone()
}

fn of_kind<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["kind"] == kind).collect()
}

/// Everything that was seen outside stands in the log.
fn check(home: &Home, seen: &Seen) {
    let writes = events(home, "write");
    let resource = |event: &Value| event["content"]["facts"]["resource"].as_str().unwrap().to_owned();
    let intended: BTreeSet<String> = of_kind(&writes, "intent").into_iter().map(resource).collect();
    for file in std::fs::read_dir(home.path("out")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        // A file under this name is one that a kill kept from getting its own.
        if !name.starts_with(".weft-new-") {
            assert!(intended.contains(&format!("/fs/out/{name}")), "{name} was written, and no intent says so");
        }
    }
    let connects = events(home, "connect");
    let intended = of_kind(&connects, "intent").len();
    assert!(intended >= seen.connections, "{} connections, {intended} intents", seen.connections);
    for note in &seen.notes {
        std::fs::write(home.path("kept"), note).unwrap();
        home.weft(&["chain", "verify", "--against", "kept"]).exits(0);
    }
}

/// How many connections have come.
fn accepted(listener: &TcpListener) -> usize {
    std::iter::from_fn(|| listener.accept().ok()).count()
}

#[test]
fn whatever_was_seen_outside_stands_in_the_log_after_a_kill_at_any_moment() {
    let home = Home::new("");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let connect = format!("connect /net/{}", listener.local_addr().unwrap());
    let (mut chance, mut seen, mut killed) = (Chance::new(), Seen::default(), 0);
    let rounds = moments("WEFT_KILLS", 30);
    for round in 0..=rounds {
        // In prod a connection is asked about, and nobody is there to answer; staging lets it pass.
        let staging = round % 2 == 0;
        // Some are long and are met in the middle, some are short and are met at their end.
        let many = if round % 3 == 0 { 5 } else { 300 };
        let mut steps = Vec::new();
        for i in 0..many {
            steps.push(format!("act write /fs/out/r{round}-{i} {{\"replace\":true}} text"));
            if staging {
                steps.push(format!("act {connect}"));
            }
        }
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        home.manifest(&format!("[app]\nname = \"play\"\nversion = \"0.1.0\"\n{OUT}{}", agent("w", &steps, USES)));
        let environment = if staging { "staging" } else { "prod" };
        let run = ["run", "play", "--mount", "out=out", "--env", environment, "--allow", &connect, "--json"];
        let mut child = home.start(&run);
        // The first one compiles, and the last one proves that all of them can be gone on with.
        if round > 0 && round < rounds {
            std::thread::sleep(chance.within(Duration::from_millis(if many == 5 { 150 } else { 500 })));
            child.kill().unwrap();
        }
        let done = Done::of_child(child);
        killed += usize::from(done.status.signal() == Some(9));
        assert!(done.status.signal() == Some(9) || done.status.code() == Some(0), "round {round}: {done:#?}");
        seen.connections += accepted(&listener);
        // What was printed whole was told to somebody.
        if let Ok(document) = serde_json::from_str::<Value>(&done.out) {
            seen.notes.push(document["checkpoint"]["note"].as_str().unwrap().to_owned());
        }
        // Looking repairs what a kill left behind; every other start has to do that itself.
        if round % 2 == 1 || round == rounds {
            check(&home, &seen);
        }
    }
    assert!(killed > rounds / 4, "only {killed} were met while they ran");
    for verb in ["write", "connect"] {
        let events = events(&home, verb);
        assert_eq!(of_kind(&events, "intent").len(), of_kind(&events, "outcome").len(), "each act is closed");
    }
}

#[test]
fn an_audit_can_be_run_again_after_a_kill_at_any_moment() {
    let home = Home::with_script(&[]).with_audit();
    let took = home.auditing();
    let (mut chance, mut killed) = (Chance::new(), 0);
    for _ in 0..moments("WEFT_KILLS", 30).div_ceil(4) {
        let mut child = home.start(&AUDITING);
        std::thread::sleep(chance.within(took));
        child.kill().unwrap();
        killed += usize::from(Done::of_child(child).status.signal() == Some(9));
        home.weft(&["chain", "verify"]).exits(0);
    }
    assert!(killed > 0, "none was met while it ran");
    home.weft(&AUDITING).exits(0);
    let report: Value = serde_json::from_slice(&std::fs::read(home.path("out/report.json")).unwrap()).unwrap();
    assert_eq!((&report["complete"], &report["scanned"]["files"]), (&true.into(), &4_001.into()));
}

#[test]
fn a_kill_in_the_very_first_start_leaves_a_directory_that_works() {
    let mut chance = Chance::new();
    let home = Home::with_script(&[]);
    for round in 0..12 {
        let dir = format!("data{round}");
        let mut child = home.start(&["run", "play", "--data-dir", &dir]);
        std::thread::sleep(chance.within(Duration::from_millis(30)));
        child.kill().unwrap();
        Done::of_child(child);
        home.weft(&["run", "play", "--data-dir", &dir, "--timeout", "30s"]).exits(0);
        home.weft(&["chain", "verify", "--data-dir", &dir]).exits(0);
    }
}

/// Takes connections and answers no more: whoever else connects waits.
fn jammed() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let waiting = std::iter::from_fn(|| TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok());
    let waiting: Vec<TcpStream> = waiting.take(10_000).collect();
    (listener, waiting)
}

#[test]
fn acts_whose_end_a_kill_hid_are_told_at_the_next_start() {
    let (listener, _waiting) = jammed();
    let connect = format!("connect /net/{}", listener.local_addr().unwrap());
    let home = Home::new(&agent("caller", &[&format!("act {connect}")], "optional = [\"connect /net/**\"]"));
    let mut child = home.start(&["run", "play", "--env", "staging", "--allow", &connect]);
    std::thread::sleep(Duration::from_secs(2));
    child.kill().unwrap();
    Done::of_child(child);
    let connects = events(&home, "connect");
    assert_eq!((of_kind(&connects, "intent").len(), of_kind(&connects, "outcome").len()), (1, 0), "{connects:?}");
    let told = "Nobody knows what came of 1 act that an earlier run had begun";
    home.weft(&["run", "play"]).exits(0).says(&[told]);
    let connects = events(&home, "connect");
    assert_eq!(of_kind(&connects, "outcome")[0]["content"]["result"], "unknown");
    home.weft(&["chain", "verify"]).exits(0);
}
