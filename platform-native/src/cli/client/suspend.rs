//! `weft suspend` and `weft resume`: keep a process from going on, and let it.

use super::Which;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::terminal::{Terminal, print, print_json};
use serde_json::json;

/// The arguments of both.
#[derive(Debug, clap::Args)]
pub(crate) struct Process {
    /// Its number, as `weft ps` shows it
    #[arg(value_name = "PID")]
    pid: u64,
    #[command(flatten)]
    pub(crate) which: Which,
}

impl Process {
    /// Suspends it.
    pub(crate) fn suspend(&self, _: Terminal) -> Result<Exit, Failure> {
        self.act("suspend", "is suspended")
    }

    /// Lets it go on.
    pub(crate) fn resume(&self, _: Terminal) -> Result<Exit, Failure> {
        self.act("resume", "goes on")
    }

    fn act(&self, verb: &str, said: &str) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let path = format!("/proc/{}", self.pid);
            kernel.act(verb, &path, json!({})).await?;
            match self.which.json {
                true => print_json(&json!({ "weft": VERSION, "pid": self.pid }))?,
                false => print(&[format!("{path} {said}")])?,
            }
            Ok(Exit::Done)
        })
    }
}
