//! `weft health`: how a kernel is.

use super::Which;
use super::connection::other_version;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::terminal::{Palette, Terminal, print, print_json, tell};
use crate::cli::text::{bytes, count, counted, duration, plain};
use serde_json::Value;
use std::time::Duration;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 it is well, 1 it is stopping or lacks room on its disk, 4 its log cannot be written, 5 there is none."
)]
pub(crate) struct Health {
    #[command(flatten)]
    pub(crate) which: Which,
}

impl Health {
    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let health = self.which.connect().await?.get("/v1/health").await?;
            let status = health["status"].as_str().unwrap_or_default();
            let exit = match status {
                "ok" => Exit::Done,
                "not_durable" => Exit::Integrity,
                _ => Exit::Failed,
            };
            if self.which.json {
                print_json(&health)?;
                return Ok(exit);
            }
            other_version(&health).iter().for_each(|other| tell(other));
            let palette = terminal.out;
            let said = match exit {
                Exit::Done => palette.good("it is well"),
                Exit::Integrity => palette.bad(&format!(
                    "its log cannot be written: {}",
                    plain(health["reason"].as_str().unwrap_or_default())
                )),
                _ if status == "no_room" => {
                    palette.bad("its disk has too little room, and what applications do is refused")
                }
                _ => palette.warn("it is stopping"),
            };
            let number = |name: &str| health[name].as_u64().unwrap_or(0);
            let text = |name: &str| plain(health[name].as_str().unwrap_or_default());
            let verdict = |name: &str| health["verdicts"][name].as_u64().unwrap_or(0);
            let mut lines = vec![
                format!("A kernel in {}, process {}: {said}", text("environment"), number("pid")),
                format!(
                    "  {}, {}, {}; {} in mailboxes, {}; up for {}",
                    processes(number("processes")),
                    counted(number("apps"), "application"),
                    counted(number("services"), "service"),
                    bytes(number("waiting_bytes")),
                    counted(number("letters"), "dead letter"),
                    duration(Duration::from_millis(number("uptime_ms"))),
                ),
                format!(
                    "  {} permitted, {} warned of, {} asked about, {} denied, {} refused in all",
                    verdict("permitted"),
                    verdict("warned"),
                    verdict("escalated"),
                    verdict("denied"),
                    verdict("refused"),
                ),
                format!("  {}{}", text("data_dir"), disk(&health["disk"])),
            ];
            for (app, reason) in health["failed"].as_object().into_iter().flatten() {
                lines.push(failed(app, reason.as_str().unwrap_or_default(), palette));
            }
            print(&lines)?;
            Ok(exit)
        })
    }
}

/// The room on the disk, where that is known.
fn disk(disk: &Value) -> String {
    let Some(free) = disk["free"].as_u64() else { return String::new() };
    format!(
        ": {} are left on its disk, {} of them in reserve",
        bytes(free),
        bytes(disk["reserve"].as_u64().unwrap_or(0))
    )
}

/// What an application has failed by, and what is to be done.
pub(super) fn failed(app: &str, reason: &str, palette: Palette) -> String {
    let app = plain(app);
    let help = format!("weft app start {app} starts it again; weft logs tells what happened");
    format!("  {} {app} has failed: {}; {help}", palette.warn("warning:"), plain(reason))
}

fn processes(n: u64) -> String {
    format!("{} process{}", count(n), if n == 1 { "" } else { "es" })
}
