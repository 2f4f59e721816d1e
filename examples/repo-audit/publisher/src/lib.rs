//! The agent that posts the totals, if the operator gave it where to.
//!
//! Its manifest asks for an optional right to connect. It looks up what it holds: it posts to the first right that
//! names one host and port, and says so where there are others. A pattern tells it of no place to post to. Its
//! clearance is empty, so nothing labelled reaches it.

use guest::ipc::{self, Mail};
use guest::message::{HELLO, Published, REPORTER, TOTALS};
use guest::process;
use guest::stream::{self, Stream};
use guest::{Agent, Code, Envelope, Kind, Refusal, code_name, log};
use serde_json::{Map, Value, json};

/// How long it waits for each piece of the response, in milliseconds.
const PATIENCE: u64 = 10_000;
/// How much of the response is read in search of the status line, in bytes.
const STATUS_LINE: usize = 4096;

#[derive(Debug, Default)]
struct Publisher {
    totals: Map<String, Value>,
    done: bool,
}

impl Agent for Publisher {
    fn handle(&mut self, message: Envelope) -> Result<Vec<u8>, String> {
        match message.kind {
            Kind::Start => {
                ipc::register("/svc/publisher").map_err(|r| log::refused("registering", &r))?;
                for topic in [TOTALS, HELLO] {
                    ipc::subscribe(topic).map_err(|r| log::refused("subscribing", &r))?;
                }
            }
            Kind::Topic if message.target == TOTALS && !self.done => self.take(&message.body)?,
            _ => {}
        }
        Ok(Vec::new())
    }
}

impl Publisher {
    fn take(&mut self, body: &[u8]) -> Result<(), String> {
        let mut totals: Map<String, Value> =
            serde_json::from_slice(body).map_err(|e| format!("totals were malformed: {e}"))?;
        let Some(Value::String(from)) = totals.remove("from") else {
            return Err("totals do not say whose they are".to_owned());
        };
        let last = from == "walker";
        self.totals.insert(from, totals.into());
        if !last {
            return Ok(());
        }
        self.done = true;
        let published = self.publish();
        let mut report = json!(published);
        report["about"] = json!("publisher");
        let mail = Mail { content_type: "application/json", ..Mail::default() };
        ipc::send_patiently(REPORTER, &mail, report.to_string().as_bytes())
            .map_err(|r| log::refused("telling the reporter", &r))
    }

    fn publish(&self) -> Published {
        let identity = match process::identity() {
            Ok(identity) => identity,
            Err(refusal) => {
                return Published {
                    problem: Some(log::refused("reading what it holds", &refusal)),
                    ..Published::default()
                };
            }
        };
        let connecting: Vec<&String> = identity.rights.iter().filter(|right| right.starts_with("connect ")).collect();
        let endpoints: Vec<String> = connecting.iter().filter_map(|right| endpoint(right)).collect();
        let Some(endpoint) = endpoints.first().cloned() else {
            let Some(pattern) = connecting.first() else {
                log::info("no right to connect was given, so nothing is posted");
                return Published::default();
            };
            let problem = format!("`{pattern}` names no place to post to; it takes `connect /net/HOST:PORT`");
            log::warn(&problem);
            return Published { problem: Some(problem), ..Published::default() };
        };
        if connecting.len() > 1 {
            log::warn(&format!("it may connect to {}, and posts to {endpoint} alone", listed(&connecting)));
        }
        let summary = json!({ "application": "repo-audit", "version": 1, "totals": self.totals }).to_string();
        let (status, problem) = match post(&endpoint, &summary) {
            Ok(Some(status)) => {
                log::info(&format!("posted the totals to {endpoint}: HTTP status {status}"));
                (Some(status), None)
            }
            Ok(None) => (None, Some("the response was not HTTP".to_owned())),
            Err(refusal) => {
                log::refused(&format!("posting the totals to {endpoint}"), &refusal);
                // The report says what was tried, and that it failed.
                let problem = match refusal.code {
                    Code::Failed => refusal.reason,
                    code => format!("{}: {}", code_name(code), refusal.reason),
                };
                (None, Some(problem))
            }
        };
        Published { endpoint: Some(endpoint), status, problem }
    }
}

/// Rights to connect as a sentence lists them.
fn listed(rights: &[&String]) -> String {
    let places = rights.iter().map(|right| right.trim_start_matches("connect /net/"));
    places.collect::<Vec<_>>().join(" and ")
}

/// `host:port` of a right to connect to exactly that; a pattern names no host to connect to.
fn endpoint(right: &str) -> Option<String> {
    let endpoint = right.strip_prefix("connect /net/")?;
    let (host, port) = endpoint.rsplit_once(':')?;
    (!host.is_empty() && !host.contains(['*', '/']) && port.parse::<u16>().is_ok()).then(|| endpoint.to_owned())
}

/// Posts `summary` by HTTP/1.1 and answers the status.
fn post(endpoint: &str, summary: &str) -> Result<Option<u16>, Refusal> {
    let stream = stream::connect(&format!("/net/{endpoint}"))?;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {endpoint}\r\nUser-Agent: repo-audit\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{summary}",
        summary.len()
    );
    stream.write(request.as_bytes())?;
    status(&stream)
}

fn status(stream: &Stream) -> Result<Option<u16>, Refusal> {
    let mut head = Vec::new();
    while head.len() < STATUS_LINE && !head.contains(&b'\n') {
        let piece = stream.read(STATUS_LINE, PATIENCE)?;
        if piece.is_empty() {
            break;
        }
        head.extend_from_slice(&piece);
    }
    let line = String::from_utf8_lossy(head.split(|b| *b == b'\n').next().unwrap_or_default()).into_owned();
    let mut words = line.split_ascii_whitespace();
    let version = words.next().unwrap_or_default();
    Ok(words.next().filter(|_| version.starts_with("HTTP/1.")).and_then(|code| code.parse().ok()))
}

guest::agent!(Publisher);
