//! The agent that gathers what the others tell and writes the report.
//!
//! It writes when all have spoken, or when nothing more comes: then it says whose word is missing. It is
//! told secrets, so it carries the label `secret` from then on; only the mount `out` is cleared for that.

mod gathered;
mod json;
mod markdown;

use gathered::Gathered;
use guest::ipc;
use guest::message::{HELLO, REPORTER, TOTALS};
use guest::{Agent, Envelope, Kind, fs, log, process};
use serde::Deserialize;

const TIMER: &str = "patience";

/// The `args` of the manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Args {
    /// Where the report for a program goes.
    json: String,
    /// Where the report for a person goes.
    markdown: String,
    /// How long nothing may come before the report is written without the rest, in milliseconds.
    patience_ms: u64,
}

impl Default for Args {
    fn default() -> Args {
        Args { json: "/fs/out/report.json".to_owned(), markdown: "/fs/out/report.md".to_owned(), patience_ms: 60_000 }
    }
}

#[derive(Debug, Default)]
struct Reporter {
    args: Args,
    gathered: Gathered,
    /// Messages since the timer was started.
    heard: u64,
    written: bool,
}

impl Agent for Reporter {
    fn handle(&mut self, message: Envelope) -> Result<Vec<u8>, String> {
        match message.kind {
            Kind::Start => self.start(&message.body)?,
            Kind::Message => {
                self.heard += 1;
                self.gathered.take(&message.body).map_err(|e| format!("a message was malformed: {e}"))?;
            }
            Kind::Topic if message.target == TOTALS => {
                self.heard += 1;
                self.gathered.totals(&message.body).map_err(|e| format!("totals were malformed: {e}"))?;
            }
            Kind::Timer => return self.look_again().map(|()| Vec::new()),
            _ => {}
        }
        if !self.written && self.gathered.is_complete() {
            let _ = process::stop_timer(TIMER);
            self.write()?;
        }
        Ok(Vec::new())
    }
}

impl Reporter {
    fn start(&mut self, args: &[u8]) -> Result<(), String> {
        let args = if args.is_empty() { b"{}" } else { args };
        self.args = serde_json::from_slice(args).map_err(|e| format!("args: {e}"))?;
        ipc::register(REPORTER).map_err(|r| log::refused("registering", &r))?;
        for topic in [TOTALS, HELLO] {
            ipc::subscribe(topic).map_err(|r| log::refused("subscribing", &r))?;
        }
        self.wait();
        Ok(())
    }

    fn wait(&mut self) {
        self.heard = 0;
        if let Err(refusal) = process::start_timer(TIMER, self.args.patience_ms) {
            log::refused("starting a timer; if another agent dies there will be no report", &refusal);
        }
    }

    /// The timer fired: goes on waiting if something came meanwhile, else writes what there is.
    fn look_again(&mut self) -> Result<(), String> {
        if self.written {
            return Ok(());
        }
        if self.heard > 0 {
            self.wait();
            return Ok(());
        }
        self.gathered.give_up(self.args.patience_ms);
        self.write()
    }

    fn write_json(&self) -> Result<(), String> {
        let path = &self.args.json;
        let mut file = fs::Writer::new(path);
        let rendered = json::render(&self.gathered, &mut file);
        file.finish().map_err(|r| log::refused(&format!("writing {path}"), &r))?;
        rendered
    }

    fn write(&mut self) -> Result<(), String> {
        self.written = true;
        self.gathered.settle();
        // The second is tried even if the first cannot be written.
        let json = self.write_json();
        let markdown = &self.args.markdown;
        fs::write_all(markdown, markdown::render(&self.gathered).as_bytes())
            .map_err(|r| log::refused(&format!("writing {markdown}"), &r))?;
        json?;
        log::info(&format!("wrote {} and {}", self.args.markdown, self.args.json));
        Ok(())
    }
}

guest::agent!(Reporter);
