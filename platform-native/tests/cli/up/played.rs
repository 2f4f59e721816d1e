//! `weft run --attach` on a kernel that is played, so that what it tells can be too little, too late and of others.

use crate::harness::{Done, Home, agent};
use crate::terminal::at_terminal;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// The number of the process that asks; those of the run come after it.
const ASKING: u64 = 10;

/// An event: its kind and its data.
type Told = (&'static str, Value);

/// What the kernel is played to do.
#[derive(Default)]
struct Play {
    /// What it tells whoever comes to read.
    early: Vec<Told>,
    /// What it tells once the application is to be started; `wait` is a second in which it tells nothing.
    events: Vec<Told>,
    /// How many readers' connections break off at once.
    breaks: usize,
    /// Whether the start takes a while to come to it, and is answered, and told of, only when the application is stopped.
    slow: bool,
    /// The code that it refuses the start with.
    refused: Option<&'static str>,
    /// Whether the application runs.
    runs: bool,
    stopped: bool,
    /// Rows of processes; `None` is no answer.
    processes: Option<Value>,
    /// What waits for an answer.
    approvals: Vec<Value>,
    /// What was asked for so far.
    asked: Vec<String>,
}

/// A kernel that is played.
#[derive(Clone)]
struct Kernel(Arc<(Mutex<Play>, Condvar)>);

impl Kernel {
    /// One that listens in `home`.
    fn at(home: &Home, play: Play) -> Kernel {
        let listener = UnixListener::bind(home.path("k.sock")).unwrap();
        let kernel = Kernel(Arc::new((Mutex::new(play), Condvar::new())));
        let listening = kernel.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kernel = listening.clone();
                std::thread::spawn(move || kernel.serve(stream));
            }
        });
        kernel
    }

    fn with<T>(&self, look: impl FnOnce(&mut Play) -> T) -> T {
        let (play, changed) = &*self.0;
        let found = look(&mut play.lock().unwrap());
        changed.notify_all();
        found
    }

    fn until(&self, is: impl Fn(&Play) -> bool) {
        let (play, changed) = &*self.0;
        let guard = play.lock().unwrap();
        let waited = changed.wait_timeout_while(guard, Duration::from_secs(40), |play| !is(play)).unwrap();
        assert!(!waited.1.timed_out(), "it never comes to that");
    }

    /// How often that was asked for.
    fn asked(&self, what: &str) -> usize {
        self.with(|play| play.asked.iter().filter(|asked| asked.starts_with(what)).count())
    }

    fn serve(&self, mut stream: UnixStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some((what, body)) = request(&mut reader) {
            let act = body["verb"].as_str().map_or_else(String::new, |verb| format!(" {verb}"));
            self.with(|play| play.asked.push(format!("{what}{act}")));
            if what.starts_with("GET /v1/events") {
                // Whoever reads may be gone.
                let _ = self.tell(&mut stream);
                return;
            }
            let (status, answer) = match self.answer(&format!("{what}{act}")) {
                Ok(answer) => (200, answer),
                Err(code) => (500, json!({ "error": { "code": code, "reason": "it is played" } })),
            };
            let text = answer.to_string();
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n", text.len());
            if stream.write_all(format!("{head}{text}").as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, what: &str) -> Result<Value, &'static str> {
        Ok(match what {
            "GET /v1/health" => json!({ "environment": "dev", "data_dir": "/played" }),
            "GET /v1/apps" => {
                let state = self.with(|play| if play.runs { "running" } else { "installed" });
                let is_installed = self.asked("POST /v1/apps") > 0;
                let app = is_installed.then(|| json!({ "name": "play", "state": state, "pid": ASKING + 1 }));
                json!({ "apps": app.into_iter().collect::<Vec<_>>() })
            }
            "GET /v1/approvals" => json!({ "approvals": self.with(|play| play.approvals.clone()) }),
            "GET /v1/processes?all" => {
                json!({ "processes": self.with(|play| play.processes.clone()).ok_or("failed")? })
            }
            "POST /v1/apps/play/start" => {
                if let Some(code) = self.with(|play| play.refused) {
                    return Err(code);
                }
                if self.with(|play| play.slow) {
                    std::thread::sleep(Duration::from_millis(500));
                    self.with(|play| play.runs = true);
                    self.until(|play| play.stopped);
                }
                json!({ "app": "play", "pid": ASKING + 1 })
            }
            "POST /v1/acts stop" => {
                let stopped = self.with(|play| {
                    play.stopped |= play.runs;
                    std::mem::take(&mut play.runs)
                });
                stopped.then(|| json!({})).ok_or("not_found")?
            }
            "POST /v1/acts read" => json!({ "pid": ASKING, "body": {} }),
            _ => json!({}),
        })
    }

    fn tell(&self, stream: &mut UnixStream) -> std::io::Result<()> {
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n: events\n\n\r\n")?;
        let (breaks, early) = self.with(|play| {
            let breaks = play.breaks > 0;
            play.breaks = play.breaks.saturating_sub(1);
            (breaks, play.early.clone())
        });
        if breaks {
            self.until(|play| play.asked.iter().any(|asked| asked.ends_with("/start")));
            return Ok(());
        }
        let mut number = 0;
        let mut told = |(kind, data): &Told| {
            if *kind == "wait" {
                std::thread::sleep(Duration::from_secs(1));
                return Ok(());
            }
            number += 1;
            let event = format!("id: 7-{number}\nevent: {kind}\ndata: {data}\n\n");
            stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())
        };
        early.iter().try_for_each(&mut told)?;
        self.until(|play| play.asked.iter().any(|asked| asked.ends_with("/start")));
        self.until(|play| !play.slow || play.stopped);
        self.with(|play| play.events.clone()).iter().try_for_each(&mut told)?;
        // It stays there, and tells nothing more.
        let _ = stream.read(&mut [0]);
        Ok(())
    }
}

/// The next request: method and path, and its body.
fn request(reader: &mut impl BufRead) -> Option<(String, Value)> {
    let (mut first, mut length) = (String::new(), 0);
    if reader.read_line(&mut first).ok()? == 0 {
        return None;
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.to_ascii_lowercase().split_once(": ") {
            Some(("content-length", text)) => length = text.trim().parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split(' ');
    Some((format!("{} {}", words.next()?, words.next()?), serde_json::from_slice(&body).unwrap_or_default()))
}

fn running(pid: u64) -> Told {
    ("running", json!({ "pid": pid, "name": "worker", "app": "play" }))
}

fn ended(ok: bool) -> Told {
    ("ended", json!({ "name": "play", "ok": ok, "reason": "worker" }))
}

fn lagged() -> Told {
    ("lagged", json!({ "from": 1, "to": 9 }))
}

fn asks() -> Value {
    json!({
        "action": 77, "pid": ASKING + 2, "name": "worker", "app": "play", "verb": "write", "resource": "/fs/out/a",
        "detail": {}, "wait_ms": 30_000,
    })
}

/// An event about the process `pid`, of an act that the gate did not let pass or warned of.
fn verdict(pid: u64, what: &str) -> Told {
    let data = json!({
        "action": 50, "pid": pid, "name": "worker", "app": "play", "what": what, "verb": "write",
        "resource": "/fs/out/a", "reason": "no",
    });
    ("verdict", data)
}

fn home() -> Home {
    Home::new(&agent("worker", &[], ""))
}

const RUN: [&str; 6] = ["run", "play", "--attach", "--at", "k.sock", "--json"];

/// A run on what is played.
fn run(play: Play) -> (Done, Kernel) {
    let home = home();
    let kernel = Kernel::at(&home, Play { processes: play.processes.or_else(|| Some(json!([]))), ..play });
    (home.weft(&RUN), kernel)
}

#[test]
fn an_end_that_was_told_too_fast_is_not_waited_for() {
    let (done, kernel) = run(Play { events: vec![running(12), lagged()], ..Play::default() });
    let document = done.exits(1).json();
    assert_eq!(document["outcome"], "failed");
    assert!(document["reason"].as_str().unwrap().contains("told too fast"), "{document}");
    assert_eq!(kernel.asked("DELETE /v1/apps/play"), 1);
    // The connection broke off before anything was told.
    let (done, _) = run(Play { breaks: 1, ..Play::default() });
    assert_eq!(done.exits(1).json()["outcome"], "failed");
    // What is told of afterwards counts.
    let events = vec![running(12), lagged(), ("wait", Value::Null), ended(true)];
    let (done, _) = run(Play { events, runs: true, ..Play::default() });
    assert_eq!(done.exits(0).json()["outcome"], "done");
}

#[test]
fn a_question_that_was_missed_is_asked_all_the_same() {
    let events = vec![running(12), lagged(), ("wait", Value::Null), ended(true)];
    let (done, _) = run(Play { events, runs: true, approvals: vec![asks()], ..Play::default() });
    done.exits(0).tells(&["worker wants to write /fs/out/a: nobody can be asked here"]);
}

#[test]
fn what_an_earlier_run_is_told_of_is_not_of_this_one() {
    let early = vec![running(5), verdict(5, "denied"), ended(false)];
    let events = vec![running(12), verdict(12, "warned"), ended(true)];
    let (done, _) = run(Play { early, events, ..Play::default() });
    let document = done.exits(0).json();
    assert_eq!((&document["outcome"], &document["refusals"]), (&json!("done"), &json!([])));
    assert_eq!(document["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_interrupted_while_it_is_started_does_not_stay() {
    let home = home();
    let kernel = Kernel::at(
        &home,
        Play { slow: true, events: vec![running(12), ended(false)], processes: Some(json!([])), ..Play::default() },
    );
    let child = home.start(&RUN);
    kernel.until(|play| play.asked.iter().any(|asked| asked.ends_with("/start")));
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    let document = Done::of_child(child).exits(1).json();
    assert_eq!(document["outcome"], "interrupted");
    assert!(kernel.asked("POST /v1/acts stop") > 1, "the first came before it ran");
    assert!(!kernel.with(|play| play.runs));
    assert_eq!(kernel.asked("DELETE /v1/apps/play"), 1);
}

#[test]
fn a_kernel_that_is_gone_has_refused_nothing_and_one_that_keeps_nothing_is_told_apart() {
    let stopped = |reason: Value| ("stopped", json!({ "not_durable": reason }));
    let (done, _) = run(Play { events: vec![running(12), stopped(Value::Null)], ..Play::default() });
    let document = done.exits(1).json();
    assert_eq!(
        (&document["outcome"], &document["reason"]),
        (&json!("failed"), &json!("the kernel is gone: it has stopped"))
    );
    let (done, _) = run(Play { events: vec![running(12), stopped(json!("it is full"))], ..Play::default() });
    let document = done.exits(4).json();
    assert_eq!((&document["outcome"], &document["reason"]), (&json!("not_durable"), &json!("it is full")));
    let (done, _) = run(Play { refused: Some("not_durable"), ..Play::default() });
    assert_eq!(done.exits(4).json()["outcome"], "not_durable");
    let restarted = ("restarted", json!({ "from": 1, "to": 7 }));
    let (done, _) = run(Play { events: vec![running(12), restarted], ..Play::default() });
    assert_eq!(done.exits(1).json()["outcome"], "failed");
}

#[test]
fn a_run_keeps_its_exit_code_where_its_report_cannot_be_written() {
    let home = home();
    let refused = Some("not_durable");
    let _kernel = Kernel::at(&home, Play { refused, processes: Some(json!([])), ..Play::default() });
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = home.command(&RUN).stdout(full).output().unwrap();
    Done::of(output).exits(4).tells(&["the run: it is played"]);
}

#[test]
fn whoever_types_no_more_has_not_said_no() {
    let home = home();
    let answered = json!({
        "action": 77, "pid": ASKING + 2, "name": "worker", "app": "play", "allow": false, "by": "nobody",
    });
    let events = vec![running(12), ("ask", asks()), ("wait", Value::Null), ("answered", answered), ended(true)];
    let kernel = Kernel::at(&home, Play { events, processes: Some(json!([])), ..Play::default() });
    let (seen, code) = at_terminal(&home, "run play --attach --at k.sock", &["\u{4}"], false);
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("nobody answers here any more; act 77 waits"), "{seen}");
    assert_eq!(kernel.asked("POST /v1/approvals"), 0);
}

#[test]
fn what_passed_is_counted_and_what_cannot_be_read_is_told() {
    let used = json!({
        "messages": 1, "sent": 0, "tool_calls": 0, "acts": 10, "refused": 3, "cpu": 0, "memory": 0, "memory_now": 0,
        "fuel": 0, "stored": 0,
    });
    let mut row = used.clone();
    let more = json!({
        "pid": 12, "parent": 11, "name": "worker", "app": "play", "role": "worker", "state": "exited", "exit": "normal",
        "detail": "", "wall": 0, "tree": used, "limits": [],
    });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let events = vec![running(12), verdict(12, "warned"), verdict(12, "denied"), ended(true)];
    let (done, _) = run(Play { events: events.clone(), processes: Some(json!([row])), ..Play::default() });
    let verdicts = done.exits(0).json()["verdicts"].clone();
    assert_eq!((&verdicts["permitted"], &verdicts["warned"], &verdicts["denied"]), (&json!(6), &json!(1), &json!(1)));
    let (done, _) = run(Play { events, processes: Some(json!([{ "app": "play", "pid": 12 }])), ..Play::default() });
    done.exits(0).tells(&["what its processes have used is not known"]);
}
