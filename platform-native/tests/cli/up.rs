//! `weft up` and what talks to it: a kernel that stays, its API, and the commands.

mod approvals;
mod attached;
mod between;
mod configuration;
mod events;
mod granted;
mod hostile;
mod life;
mod nodes;
mod openapi;
mod peers;
mod played;
mod receipts;
mod revoked;
mod room;
mod spawned;
mod suspended;

use crate::harness::{Done, Home, agent};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout};
use std::time::Duration;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An application `play` with one agent that answers `/svc/echo` with what it is sent, and logs that it is there.
fn echo() -> Home {
    let steps = ["log here", "act register /svc/echo"];
    let service = "[[service]]\nname = \"echo\"\nowner = \"echo\"\n";
    Home::new(&format!("{}{service}", agent("echo", &steps, "use = [\"register /svc/echo\"]")))
}

/// A kernel that stays, in the data directory `data` of a home.
struct Up<'h> {
    home: &'h Home,
    child: Option<Child>,
    out: BufReader<ChildStdout>,
    /// What it said when it came to listen.
    said: Value,
}

impl Up<'_> {
    /// One that listens.
    fn start<'h>(home: &'h Home, more: &[&str]) -> Up<'h> {
        let mut child = home.start(&[&["up", "--json", "--data-dir", "data"], more].concat());
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|e| {
            let mut err = String::new();
            child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
            panic!("{e}: {line:?} {err}")
        });
        Up { home, child: Some(child), out, said }
    }

    /// A command that talks to it.
    fn weft(&self, arguments: &[&str]) -> Done {
        self.home.weft(&[arguments, &["--data-dir", "data"]].concat())
    }

    /// With `play` installed and started.
    fn with_play(self) -> Self {
        self.weft(&["app", "install", "play"]).exits(0);
        self.weft(&["app", "start", "play"]).exits(0);
        self
    }

    fn socket(&self) -> PathBuf {
        self.home.path("data/run/api.sock")
    }

    /// The TCP address that it listens on.
    fn tcp(&self) -> String {
        let listening = self.said["listening"].as_array().unwrap();
        let mut addresses = listening.iter().filter_map(|address| address.as_str()?.strip_prefix("tcp:"));
        addresses.next().unwrap().to_owned()
    }

    fn token(&self) -> String {
        std::fs::read_to_string(self.home.path("data/api.token")).unwrap().trim().to_owned()
    }

    fn unix(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// One request over its socket.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let more = body.map_or("", |_| "content-type: application/json\r\n");
        ask(self.unix(), &request(method, path, more, &body.map_or_else(String::new, Value::to_string)))
    }

    /// One act over its socket, of a process of its own.
    fn act(&self, verb: &str, resource: &str, body: Value) -> Answer {
        self.ask("POST", "/v1/acts", Some(&serde_json::json!({ "verb": verb, "resource": resource, "body": body })))
    }

    /// Ends it by force.
    fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits for its end in order; what it said last.
    fn ended(mut self) -> Value {
        let child = self.child.take().unwrap();
        let done = Done::of_child(child).exits(0);
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        serde_json::from_str(&rest).unwrap_or_else(|e| panic!("{e}: {rest:?} {done:#?}"))
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An answer, as it came.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Asserts the status, and gives the document.
    fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// Asserts that it is refused in the one shape that there is; the code.
    fn refuses(&self, status: u16) -> String {
        let document = self.is(status);
        let error = document["error"].as_object().unwrap_or_else(|| panic!("{self:?}"));
        for member in ["code", "reason", "help", "action", "ticket", "detail"] {
            assert!(error.contains_key(member), "no {member} in {self:?}");
        }
        error["code"].as_str().unwrap().to_owned()
    }
}

/// A request, after which the connection is over.
fn request(method: &str, path: &str, more: &str, body: &str) -> String {
    let host = if more.contains("host:") { "" } else { "host: localhost\r\n" };
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\n{host}connection: close\r\ncontent-length: {length}\r\n{more}\r\n{body}")
}

fn ask(mut stream: impl Read + Write, request: &str) -> Answer {
    // Whoever is turned away may not have read all of it.
    let _ = stream.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    if let Err(e) = stream.read_to_end(&mut bytes) {
        assert!(!bytes.is_empty(), "{e}");
    }
    answer(&String::from_utf8(bytes).unwrap())
}

fn answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{head:?}"));
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn tcp(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
