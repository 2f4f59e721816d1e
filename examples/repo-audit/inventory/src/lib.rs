//! The agent that counts what the repository is made of.

use guest::ipc::{self, Mail};
use guest::message::{REPORTER, Scanned, Totals};
use guest::scanner::{Scan, Scanner};
use guest::{Refusal, parts};
use scan::inventory::Inventory;
use serde_json::{Value, json};

#[derive(Debug, Default)]
struct Counter {
    scan: Inventory,
    lines: u64,
    omitted: u64,
    languages: std::collections::BTreeMap<String, u64>,
}

impl Scan for Counter {
    const NAME: &'static str = "inventory";

    fn configure(&mut self, _args: &Value) {}

    fn begin(&mut self, path: &str, _size: u64) {
        self.scan.begin(path);
    }

    fn push(&mut self, bytes: &[u8], last: bool) {
        self.scan.push(bytes, last);
    }

    fn tell(&mut self, last: bool) -> Result<(), Refusal> {
        if !last {
            return Ok(());
        }
        let mut survey = std::mem::take(&mut self.scan).finish();
        self.lines = survey.languages.values().map(|tally| tally.lines).sum();
        self.languages = survey.languages.iter().map(|(name, tally)| (name.clone(), tally.files)).collect();
        let mail = Mail { content_type: "application/json", ..Mail::default() };
        let manifests = std::mem::take(&mut survey.manifests);
        let left_out = parts::each("manifests", &manifests, |part| ipc::send_patiently(REPORTER, &mail, part))?;
        survey.omitted += left_out;
        let licences: Vec<_> = std::mem::take(&mut survey.licences).into_iter().collect();
        survey.omitted_licences +=
            parts::each("licences", &licences, |part| ipc::send_patiently(REPORTER, &mail, part))?;
        self.omitted = survey.omitted;
        let survey = json!({ "about": "inventory", "survey": survey }).to_string();
        ipc::send_patiently(REPORTER, &mail, survey.as_bytes())
    }

    fn totals(&mut self, scanned: Scanned) -> Totals {
        Totals::Inventory(Scanned {
            found: self.lines,
            unlisted: self.omitted,
            kinds: std::mem::take(&mut self.languages),
            ..scanned
        })
    }
}

guest::agent!(Scanner<Counter>);
