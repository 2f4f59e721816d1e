//! `weft spawn`: starts a process of an agent that the kernel has.

use super::Which;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::terminal::{Terminal, print, print_json};
use serde_json::{Value, json};

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "An agent of an application is spawned by the processes of that application alone, and this \
                        program brings none of its own: such a kernel answers not_found.")]
pub(crate) struct Spawn {
    /// Which, as in /agent/NAME
    #[arg(value_name = "PATH")]
    path: String,
    /// Its name. Default: the agent's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What it is given with its first message, as JSON
    #[arg(long, value_name = "JSON", value_parser = parse_args)]
    args: Option<Value>,
    #[command(flatten)]
    pub(crate) which: Which,
}

fn parse_args(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| format!("it is not JSON: {e}"))
}

impl Spawn {
    /// Runs it.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let spawned = kernel.act("spawn", &self.path, json!({ "name": self.name, "args": self.args })).await?;
            let pid = &spawned["body"]["pid"];
            match self.which.json {
                true => print_json(&json!({ "weft": VERSION, "pid": pid }))?,
                false => print(&[format!("/proc/{pid}")])?,
            }
            Ok(Exit::Done)
        })
    }
}
