//! The agent that goes through the repository.
//!
//! It lists folders page by page and reads files piece by piece, packs the pieces into batches and
//! publishes them to the scanners. A full mailbox would lose a batch, so only a few are under way: before
//! it publishes another, it waits until the scanners have acknowledged an older one. A scanner that does
//! not answer in time is left behind and named in the totals. It follows no link.
//!
//! One `handle` does a slice of the walk; between slices it sends itself a message, so that no single
//! activation runs long, however large the repository is.

mod credit;
mod walk;

use guest::ipc::{self, Mail};
use guest::message::{HELLO, REPORTER, SCANNERS, TOTALS, Totals, WALKER};
use guest::{Agent, Envelope, Kind, log};
use serde::Deserialize;
use serde_json::json;
use walk::Walk;

/// Batches that one activation publishes, at most.
const SLICE: u64 = 256;
/// Batches between two messages that tell the reporter that the walk goes on.
const PROGRESS: u64 = 16;
/// How long the others have to start, in tries and milliseconds between them.
const TRIES: u32 = 1000;
const BETWEEN: u64 = 10;
/// Who has to be there besides the scanners.
const OTHERS: [&str; 3] = ["reporter", "courier", "publisher"];

/// The `args` of the manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Args {
    /// The mount or folder to go through.
    root: String,
    /// Bytes of one file that are read, at most.
    max_scan: u64,
    /// Folders that are left out, by the end of their path.
    skip: Vec<String>,
    /// How long a scanner may take for a batch, in milliseconds.
    patience_ms: u64,
}

impl Default for Args {
    fn default() -> Args {
        Args {
            root: "/fs/repo".to_owned(),
            max_scan: 1 << 30,
            skip: vec![".git/objects".to_owned()],
            patience_ms: 30_000,
        }
    }
}

#[derive(Debug, Default)]
struct Walker {
    walk: Option<Walk>,
}

impl Agent for Walker {
    fn handle(&mut self, message: Envelope) -> Result<Vec<u8>, String> {
        match message.kind {
            Kind::Start => {
                let args = if message.body.is_empty() { b"{}" } else { &message.body[..] };
                let args: Args = serde_json::from_slice(args).map_err(|e| format!("args: {e}"))?;
                ipc::register(WALKER).map_err(|r| log::refused("registering", &r))?;
                let scanners = ready(args.patience_ms);
                let walk = self.walk.insert(Walk::new(args, scanners));
                walk.begin();
                self.slice()?;
            }
            Kind::Message => match (&mut self.walk, message.correlation) {
                // An acknowledgement that arrived between two slices.
                (Some(walk), Some(number)) => walk.credit.acknowledged(number, &message.body),
                (Some(_), None) => self.slice()?,
                (None, _) => {}
            },
            _ => {}
        }
        Ok(Vec::new())
    }
}

impl Walker {
    /// Does a slice of the walk, and at its end tells the totals.
    fn slice(&mut self) -> Result<(), String> {
        let Some(walk) = &mut self.walk else { return Ok(()) };
        for _ in 0..SLICE {
            if !walk.batch() {
                return self.finish();
            }
            if walk.walked.batches.is_multiple_of(PROGRESS) {
                let progress = json!({ "about": "progress", "files": walk.walked.files, "bytes": walk.walked.bytes });
                // The next one says more; a full mailbox may lose this one.
                let _ = ipc::send(REPORTER, &Mail::default(), progress.to_string().as_bytes());
            }
        }
        ipc::send_patiently(WALKER, &Mail::default(), b"{}").map_err(|r| log::refused("going on", &r))
    }

    fn finish(&mut self) -> Result<(), String> {
        let Some(walk) = self.walk.take() else { return Ok(()) };
        let (walked, failed) = walk.finish();
        let totals = serde_json::to_vec(&Totals::Walker(walked)).map_err(|e| e.to_string())?;
        ipc::publish(TOTALS, &Mail { content_type: "application/json", ..Mail::default() }, &totals)
            .map_err(|r| log::refused("publishing totals", &r))?;
        failed.map_or(Ok(()), Err)
    }
}

/// Waits until all others have started, and answers which scanners have. Each subscribes to the topic of greetings
/// last of all in its start, so nothing that is published from now on is missed.
fn ready(patience_ms: u64) -> Vec<String> {
    for _ in 0..TRIES {
        match ipc::publish(HELLO, &Mail::default(), b"") {
            Ok(there) if there >= OTHERS.len() as u64 + SCANNERS.len() as u64 => {
                return SCANNERS.map(str::to_owned).to_vec();
            }
            Ok(_) => ipc::pause(BETWEEN),
            Err(refusal) => {
                log::refused("greeting the others", &refusal);
                break;
            }
        }
    }
    // Somebody did not come. A service answers once its agent's start was handled.
    let mut scanners = Vec::new();
    for name in OTHERS.iter().chain(&SCANNERS) {
        let service = format!("/svc/{name}");
        match ipc::call(&service, patience_ms, b"{}") {
            Ok(_) if SCANNERS.contains(name) => scanners.push((*name).to_owned()),
            Ok(_) => {}
            Err(refusal) => {
                log::refused(&format!("waiting for {service}"), &refusal);
            }
        }
    }
    scanners
}

guest::agent!(Walker);
