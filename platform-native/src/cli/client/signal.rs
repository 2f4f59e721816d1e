//! `weft signal`: interrupts a process, or tells it to look again.

use super::Which;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::terminal::{Terminal, print, print_json};
use serde_json::json;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Signal {
    /// Its number, as `weft ps` shows it
    #[arg(value_name = "PID")]
    pid: u64,
    /// What to signal: interrupt cancels what it waits for, reload and user are handed to it before all that waits
    #[arg(value_name = "NAME", value_parser = ["interrupt", "reload", "user"])]
    name: String,
    #[command(flatten)]
    pub(crate) which: Which,
}

impl Signal {
    /// Runs it.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let path = format!("/proc/{}", self.pid);
            kernel.act("signal", &path, json!({ "signal": self.name })).await?;
            match self.which.json {
                true => print_json(&json!({ "weft": VERSION, "pid": self.pid, "signal": self.name }))?,
                false => print(&[format!("{path} was signalled {}", self.name)])?,
            }
            Ok(Exit::Done)
        })
    }
}
