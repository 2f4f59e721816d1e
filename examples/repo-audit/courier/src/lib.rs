//! The agent that over-reaches.
//!
//! It is given findings and nothing else: no right to any network. It tries nevertheless to reach a host
//! outside, is refused, and passes on what it was told, so that the report can show it.

use guest::ipc::{self, Mail};
use guest::message::{FINDINGS, HELLO, REPORTER, Refused, Tried};
use guest::{Agent, Envelope, Kind, log, stream};
use serde::Deserialize;
use serde_json::json;

/// Where it tries to go.
const TARGET: &str = "/net/exfil.example.com:443";

#[derive(Debug, Default)]
struct Courier {
    tried: bool,
}

/// What is read of the findings.
#[derive(Debug, Default, Deserialize)]
struct Findings {
    #[serde(default)]
    found: u64,
}

impl Agent for Courier {
    fn handle(&mut self, message: Envelope) -> Result<Vec<u8>, String> {
        match message.kind {
            Kind::Start => {
                ipc::register("/svc/courier").map_err(|r| log::refused("registering", &r))?;
                for topic in [FINDINGS, HELLO] {
                    ipc::subscribe(topic).map_err(|r| log::refused("subscribing", &r))?;
                }
            }
            Kind::Topic if message.target == FINDINGS && !self.tried => {
                self.tried = true;
                tell(&attempt(&message))?;
            }
            _ => {}
        }
        Ok(Vec::new())
    }
}

/// Tries to connect. Should it ever succeed, nothing is sent: that it could is the finding.
fn attempt(message: &Envelope) -> Tried {
    let findings: Findings = serde_json::from_slice(&message.body).unwrap_or_default();
    let refusal = match stream::connect(TARGET) {
        Ok(_) => {
            log::error(&format!("{TARGET} could be reached, without a right in the manifest"));
            None
        }
        Err(refusal) => {
            log::refused(&format!("connecting to {TARGET}"), &refusal);
            Some(Refused::of(&refusal))
        }
    };
    Tried {
        verb: "connect".to_owned(),
        resource: TARGET.to_owned(),
        labels: message.labels.clone(),
        findings: findings.found,
        refusal,
    }
}

fn tell(tried: &Tried) -> Result<(), String> {
    let mut report = json!(tried);
    report["about"] = json!("courier");
    let mail = Mail { content_type: "application/json", ..Mail::default() };
    ipc::send_patiently(REPORTER, &mail, report.to_string().as_bytes())
        .map_err(|r| log::refused("telling the reporter", &r))
}

guest::agent!(Courier);
