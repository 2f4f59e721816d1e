//! `weft revoke`: takes rights from a process while it runs.

use super::Which;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::terminal::{Terminal, print, print_json};
use kernel_core::capability::Right;
use serde::Deserialize;
use serde_json::json;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is taken from an agent of an application that stays is not there after a restart or the end of the \
                        kernel either, until the application is started anew."
)]
pub(crate) struct Revoke {
    /// Its number, as `weft ps` shows it
    #[arg(value_name = "PID")]
    pid: u64,
    /// What to take, as in "read /fs/project/**": every right that lies within it, to use and to hand on
    #[arg(value_name = "RIGHT", required = true, value_parser = Right::parse)]
    rights: Vec<Right>,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// What it lost. Nothing is told of it where it carries labels that a connection is not cleared for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Taken {
    #[serde(rename = "use")]
    use_: Vec<String>,
    grant: Vec<String>,
}

impl Revoke {
    /// Runs it.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let path = format!("/proc/{}", self.pid);
            let answer = kernel.act("revoke", &path, json!({ "use": self.rights, "grant": self.rights })).await?;
            let taken = Taken::deserialize(&answer["body"]).unwrap_or_default();
            if self.which.json {
                let members = json!({ "weft": VERSION, "pid": self.pid, "use": taken.use_, "grant": taken.grant });
                print_json(&members)?;
            } else {
                let may = taken.use_.iter().map(|right| format!("{path} may no more {right}"));
                let gives = taken.grant.iter().map(|right| format!("{path} gives nobody any more {right}"));
                let mut lines: Vec<String> = may.chain(gives).collect();
                if lines.is_empty() {
                    lines.push(format!("{path} has lost what it had of that"));
                }
                print(&lines)?;
            }
            Ok(Exit::Done)
        })
    }
}
