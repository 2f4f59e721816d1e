//! The agent that looks for what should not be left in a repository.

use guest::batch::{Record, What};
use guest::ipc::{self, Mail};
use guest::message::{REPORTER, Scanned, Totals};
use guest::scanner::{Scan, Scanner};
use guest::{Refusal, parts};
use scan::hygiene::Hygiene;
use serde_json::Value;
use std::collections::BTreeMap;

/// Findings that are told in detail, at most; more are only counted.
const MOST_LISTED: u64 = 20_000;
/// Findings that wait until they are told, unless the walk ends before.
const WAITING: usize = 200;
/// What counts as a very large file unless the manifest says otherwise, in bytes.
const LARGE: u64 = 10 << 20;

#[derive(Debug)]
struct Finder {
    scan: Hygiene,
    kinds: BTreeMap<String, u64>,
    found: u64,
    unlisted: u64,
}

impl Default for Finder {
    fn default() -> Finder {
        Finder { scan: Hygiene::new(LARGE), kinds: BTreeMap::new(), found: 0, unlisted: 0 }
    }
}

impl Scan for Finder {
    const NAME: &'static str = "hygiene";

    fn configure(&mut self, args: &Value) {
        if let Some(large) = args.get("large").and_then(Value::as_u64) {
            self.scan = Hygiene::new(large);
        }
    }

    fn begin(&mut self, path: &str, size: u64) {
        self.scan.begin(path, size);
    }

    fn push(&mut self, bytes: &[u8], last: bool) {
        self.scan.push(bytes, last);
    }

    fn entry(&mut self, record: &Record<'_>) {
        let why = String::from_utf8_lossy(record.data);
        match record.what {
            What::BrokenLink => self.scan.entry(record.path, "broken-link", "its target is missing, or itself"),
            What::Special => self.scan.entry(record.path, "special-file", "a socket, fifo or device"),
            What::Unreadable => self.scan.entry(record.path, "unreadable", &why),
            What::Piece => {
                let scanned = record.offset + record.data.len() as u64;
                let detail = if scanned > record.size {
                    format!("the first {scanned} bytes; it was listed with {} and grew while it was read", record.size)
                } else {
                    format!("the first {scanned} of {} bytes", record.size)
                };
                self.scan.entry(record.path, "partly-scanned", &detail);
            }
        }
    }

    fn tell(&mut self, last: bool) -> Result<(), Refusal> {
        if self.scan.waiting() < WAITING && !last {
            return Ok(());
        }
        let mut found = self.scan.take();
        for defect in &found {
            *self.kinds.entry(defect.kind.clone()).or_default() += 1;
        }
        let listed = usize::try_from(MOST_LISTED.saturating_sub(self.found)).unwrap_or(usize::MAX);
        self.found += found.len() as u64;
        self.unlisted += found.len().saturating_sub(listed) as u64;
        found.truncate(listed);
        let mail = Mail { content_type: "application/json", ..Mail::default() };
        self.unlisted += parts::each("hygiene", &found, |part| ipc::send_patiently(REPORTER, &mail, part))?;
        Ok(())
    }

    fn totals(&mut self, scanned: Scanned) -> Totals {
        Totals::Hygiene(Scanned {
            found: self.found,
            unlisted: self.unlisted,
            kinds: std::mem::take(&mut self.kinds),
            ..scanned
        })
    }
}

guest::agent!(Scanner<Finder>);
