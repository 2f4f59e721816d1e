//! `weft kill`: ends a process and all that it started, and says what was observed dead.

use super::Which;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::{Terminal, print, print_json};
use crate::cli::text::plain;
use serde_json::{Value, json};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Kill {
    /// Its number, as `weft ps` shows it
    #[arg(value_name = "PID")]
    pid: u64,
    #[command(flatten)]
    pub(crate) which: Which,
}

impl Kill {
    /// Runs it.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let killed = kernel.act("kill", &format!("/proc/{}", self.pid), json!({})).await?;
            let dead: Vec<u64> =
                killed["body"]["dead"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
            let all = kernel.get("/v1/processes?all").await?;
            let rows = all["processes"].as_array().map(Vec::as_slice).unwrap_or_default();
            let row = |pid: u64| rows.iter().find(|row| row["pid"] == pid && row["state"] == "exited");
            if self.which.json {
                let dead: Vec<Value> = dead
                    .iter()
                    .map(|pid| {
                        let text = |name: &str| row(*pid).map_or(Value::Null, |row| row[name].clone());
                        json!({ "pid": pid, "name": text("name"), "app": text("app"), "exit": text("exit"), "detail": text("detail") })
                    })
                    .collect();
                print_json(&json!({ "weft": VERSION, "dead": dead }))?;
            } else {
                let mut table = Table::new(&[
                    ("DEAD", Align::Right),
                    ("NAME", Align::Left),
                    ("APP", Align::Left),
                    ("EXIT", Align::Left),
                ]);
                for pid in dead {
                    let text = |name: &str| row(pid).and_then(|row| row[name].as_str()).map(plain).unwrap_or_default();
                    table.row([pid.to_string(), text("name"), text("app"), text("exit")]);
                }
                print(&table.lines())?;
            }
            Ok(Exit::Done)
        })
    }
}
