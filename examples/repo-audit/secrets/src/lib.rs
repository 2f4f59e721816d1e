//! The agent that looks for credentials.
//!
//! What it finds goes to the reporter under the label `secret`, and so does the digest that the courier
//! gets. Only counts leave it without the label.

use guest::ipc::{self, Mail};
use guest::message::{FINDINGS, REPORTER, SECRET, Scanned, Totals};
use guest::scanner::{Scan, Scanner};
use guest::{Refusal, parts};
use scan::secrets::Secrets;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Findings that are told in detail, at most; more are only counted.
const MOST_LISTED: u64 = 20_000;
/// Findings that wait until they are told, unless the walk ends before.
const WAITING: usize = 200;
/// Findings that the courier is given.
const DIGEST: usize = 20;

#[derive(Debug, Default)]
struct Finder {
    scan: Secrets,
    kinds: BTreeMap<String, u64>,
    found: u64,
    unlisted: u64,
    digest: Vec<Value>,
}

impl Scan for Finder {
    const NAME: &'static str = "secrets";

    fn configure(&mut self, _args: &Value) {}

    fn begin(&mut self, path: &str, _size: u64) {
        self.scan.begin(path);
    }

    fn push(&mut self, bytes: &[u8], last: bool) {
        self.scan.push(bytes, last);
    }

    fn tell(&mut self, last: bool) -> Result<(), Refusal> {
        if self.scan.waiting() >= WAITING || last {
            let mut found = self.scan.take();
            for secret in &found {
                *self.kinds.entry(secret.kind.clone()).or_default() += 1;
            }
            let listed = usize::try_from(MOST_LISTED.saturating_sub(self.found)).unwrap_or(usize::MAX);
            self.found += found.len() as u64;
            self.unlisted += found.len().saturating_sub(listed) as u64;
            found.truncate(listed);
            let digest = found.iter().take(DIGEST - self.digest.len().min(DIGEST));
            self.digest.extend(digest.map(|s| json!({ "path": s.path, "line": s.line, "kind": s.kind })));
            self.unlisted += parts::each("secrets", &found, |part| ipc::send_patiently(REPORTER, &labelled(), part))?;
        }
        if last {
            let digest = json!({ "found": self.found, "digest": self.digest });
            ipc::publish(FINDINGS, &labelled(), digest.to_string().as_bytes())?;
        }
        Ok(())
    }

    fn totals(&mut self, scanned: Scanned) -> Totals {
        Totals::Secrets(Scanned {
            found: self.found,
            unlisted: self.unlisted,
            kinds: std::mem::take(&mut self.kinds),
            ..scanned
        })
    }
}

fn labelled() -> Mail<'static> {
    Mail { labels: &[SECRET], content_type: "application/json", ..Mail::default() }
}

guest::agent!(Scanner<Finder>);
