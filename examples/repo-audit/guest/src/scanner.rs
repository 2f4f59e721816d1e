//! What the three scanners have in common: they take in batches, acknowledge them, tell what they find, and
//! after the last batch publish their totals.
//!
//! Nothing here waits: a scanner works when something arrives, and rests otherwise.

use crate::batch::{self, Record, What};
use crate::ipc::{self, Mail};
use crate::message::{Acknowledged, CHUNKS, HELLO, Scanned, TOTALS, Totals, WALKER};
use crate::{Agent, Envelope, Kind, Refusal, log};
use serde_json::Value;

/// One of the scans.
pub trait Scan: Default {
    /// The agent's name, and its service's.
    const NAME: &'static str;

    /// Takes the `args` of the manifest.
    fn configure(&mut self, args: &Value);
    /// A file begins.
    fn begin(&mut self, path: &str, size: u64);
    /// Its next bytes; `last` says that it ends with them.
    fn push(&mut self, bytes: &[u8], last: bool);
    /// A record that is no piece of a file.
    fn entry(&mut self, _record: &Record<'_>) {}
    /// Tells the reporter what was found since; called after each batch, at the end with `last`.
    fn tell(&mut self, last: bool) -> Result<(), Refusal>;
    /// Adds what was found to the counts.
    fn totals(&mut self, scanned: Scanned) -> Totals;
}

/// The agent around a scan.
#[derive(Debug, Default)]
pub struct Scanner<S> {
    scan: S,
    scanned: Scanned,
    /// The number of the last batch.
    seen: u64,
    /// Where the next piece of the open file begins.
    open: Option<u64>,
    done: bool,
}

impl<S: Scan> Agent for Scanner<S> {
    fn handle(&mut self, message: Envelope) -> Result<Vec<u8>, String> {
        match message.kind {
            Kind::Start => {
                self.scan.configure(&serde_json::from_slice(&message.body).unwrap_or_default());
                ipc::register(&format!("/svc/{}", S::NAME)).map_err(|r| log::refused("registering", &r))?;
                for topic in [CHUNKS, HELLO] {
                    ipc::subscribe(topic).map_err(|r| log::refused("subscribing", &r))?;
                }
            }
            Kind::Topic if message.target == CHUNKS => self.batch(&message.body)?,
            // The walker asks whether we are ready: we are, since `start` came first.
            _ => {}
        }
        Ok(Vec::new())
    }
}

impl<S: Scan> Scanner<S> {
    fn batch(&mut self, body: &[u8]) -> Result<(), String> {
        let opened = batch::open(body).ok_or("a batch was malformed")?;
        if self.done || opened.number <= self.seen {
            return Ok(());
        }
        let lost = opened.number - self.seen - 1;
        if lost > 0 {
            self.scanned.lost_batches += lost;
            self.close();
            log::warn(&format!(
                "{lost} batches before number {} did not arrive; what they held is not scanned",
                opened.number
            ));
        }
        self.seen = opened.number;
        for record in opened.records() {
            self.record(&record);
        }
        if opened.last {
            self.close();
        }
        self.scan.tell(opened.last).map_err(|r| log::refused("telling the reporter", &r))?;
        if opened.last {
            self.done = true;
            let totals = self.scan.totals(std::mem::take(&mut self.scanned));
            let totals = serde_json::to_vec(&totals).map_err(|e| e.to_string())?;
            ipc::publish(TOTALS, &Mail { content_type: "application/json", ..Mail::default() }, &totals)
                .map_err(|r| log::refused("publishing totals", &r))?;
        }
        let acknowledged =
            serde_json::to_vec(&Acknowledged { scanner: S::NAME.to_owned() }).map_err(|e| e.to_string())?;
        let mail = Mail { correlation: Some(opened.number), content_type: "application/json", ..Mail::default() };
        ipc::send_patiently(WALKER, &mail, &acknowledged).map_err(|r| log::refused("acknowledging a batch", &r))
    }

    fn record(&mut self, record: &Record<'_>) {
        if record.what != What::Piece {
            // Of a file that was begun, it says that no more comes.
            self.close();
            self.scan.entry(record);
            return;
        }
        if record.offset == 0 {
            self.close();
            self.scanned.files += 1;
            self.scan.begin(record.path, record.size);
        } else if self.open != Some(record.offset) {
            // Its beginning was in a lost batch.
            return;
        }
        self.scanned.bytes += record.data.len() as u64;
        self.scan.push(record.data, record.last);
        self.open = (!record.last).then_some(record.offset + record.data.len() as u64);
        if record.partly {
            self.scan.entry(record);
        }
    }

    /// Ends a file whose last piece did not come.
    fn close(&mut self) {
        if self.open.take().is_some() {
            self.scan.push(&[], true);
        }
    }
}
