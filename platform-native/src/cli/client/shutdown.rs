//! `weft shutdown`: stops a kernel in order, and prints the checkpoint over all that it did.

use super::Which;
use crate::cli::api::Signed;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::terminal::{Terminal, print, print_json};
use crate::cli::up::checkpoint;
use serde_json::json;
use std::time::Duration;

/// How long the process of a kernel that has stopped may take to end.
const LAST: Duration = Duration::from_secs(10);

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Shutdown {
    /// Why, for the log
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    pub(crate) which: Which,
}

impl Shutdown {
    /// Runs it. When it returns, everything has stopped.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let stopped = kernel.post("/v1/shutdown", &json!({ "reason": self.reason })).await?;
            // It has stopped already, and only closes its files.
            kernel.ended(LAST).await;
            if self.which.json {
                print_json(&stopped)?;
                return Ok(Exit::Done);
            }
            let signed: Signed = serde_json::from_value(stopped["checkpoint"].clone())
                .map_err(|e| kernel.broke_off(&format!("it did not say what its checkpoint is ({e})")))?;
            print(&checkpoint(&signed, "", terminal))?;
            Ok(Exit::Done)
        })
    }
}
