//! `weft grant`: gives rights to a process while it runs.

use super::Which;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::terminal::{Terminal, print, print_json};
use kernel_core::capability::Right;
use serde_json::json;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It may be given what whoever talks to the kernel may do there, as in \"publish /topic/news\" or \"call \
                        /svc/*\". What lies outside, as files and connections, is given when an application is \
                        installed: weft app install --allow. In prod somebody has to allow it: weft approvals.\n\nIt has \
                        it until it ends, or until weft revoke takes it."
)]
pub(crate) struct Grant {
    /// Its number, as `weft ps` shows it
    #[arg(value_name = "PID")]
    pid: u64,
    /// What to give, as in "publish /topic/news": to use, and not to hand on
    #[arg(value_name = "RIGHT", required = true, value_parser = Right::parse)]
    rights: Vec<Right>,
    #[command(flatten)]
    pub(crate) which: Which,
}

impl Grant {
    /// Runs it.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let path = format!("/proc/{}", self.pid);
            self.which.connect().await?.act("grant", &path, json!({ "use": self.rights })).await?;
            match self.which.json {
                true => print_json(&json!({ "weft": VERSION, "pid": self.pid, "use": self.rights }))?,
                false => {
                    let lines: Vec<String> = self.rights.iter().map(|right| format!("{path} may {right}")).collect();
                    print(&lines)?;
                }
            }
            Ok(Exit::Done)
        })
    }
}
