//! `weft kill`: ends a process and all that it started, and says what was seen dead and what was not.

use super::Which;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::{Terminal, print, print_json};
use crate::cli::text::plain;
use kernel_core::app::parse_duration;
use serde_json::{Value, json};
use std::time::Duration;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Kill {
    /// Its number, as `weft ps` shows it
    #[arg(value_name = "PID")]
    pid: u64,
    /// With all that it started, which is so with and without this
    #[arg(long)]
    #[allow(dead_code)] // Nothing is killed without what it started.
    tree: bool,
    /// How long to wait until all is seen dead, as in 5s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    deadline: Duration,
    #[command(flatten)]
    pub(crate) which: Which,
}

impl Kill {
    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let deadline = u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX);
            let body = json!({ "deadline_ms": deadline });
            let killed = kernel.act("kill", &format!("/proc/{}", self.pid), body).await?["body"].take();
            let list = |name: &str| killed[name].as_array().map(Vec::as_slice).unwrap_or_default();
            let (dead, unreachable) = (list("dead"), list("unreachable"));
            if self.which.json {
                print_json(&json!({ "weft": VERSION, "dead": dead, "unreachable": unreachable }))?;
            } else {
                print(&lines(dead, unreachable, terminal))?;
            }
            Ok(if unreachable.is_empty() { Exit::Done } else { Exit::Failed })
        })
    }
}

fn lines(dead: &[Value], unreachable: &[Value], terminal: Terminal) -> Vec<String> {
    let mut table =
        Table::new(&[("DEAD", Align::Right), ("NAME", Align::Left), ("APP", Align::Left), ("AFTER", Align::Right)]);
    let text = |of: &Value, name: &str| of[name].as_str().map(plain).unwrap_or_default();
    for one in dead {
        let after = format!("{} ms", one["after_ms"].as_u64().unwrap_or_default());
        table.row([one["pid"].to_string(), text(one, "name"), text(one, "app"), after]);
    }
    let mut lines = table.lines();
    for one in unreachable {
        let said =
            format!("{} ({}), a {}, was not seen dead in time", text(one, "name"), one["pid"], text(one, "what"));
        lines.push(terminal.out.bad(&said));
    }
    lines
}
