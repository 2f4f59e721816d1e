//! `weft services`: who answers for what.

use super::Which;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::{Terminal, print, print_json};
use crate::cli::text::plain;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Services {
    #[command(flatten)]
    pub(crate) which: Which,
}

impl Services {
    /// Runs it.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let document = self.which.connect().await?.get("/v1/services").await?;
            if self.which.json {
                print_json(&document)?;
                return Ok(Exit::Done);
            }
            let mut table = Table::new(&[
                ("SERVICE", Align::Left),
                ("PID", Align::Right),
                ("PROCESS", Align::Left),
                ("APP", Align::Left),
            ]);
            for row in document["services"].as_array().into_iter().flatten() {
                let text = |name: &str| plain(row[name].as_str().unwrap_or_default());
                table.row([format!("/svc/{}", text("name")), row["pid"].to_string(), text("process"), text("app")]);
            }
            print(&table.lines())?;
            Ok(Exit::Done)
        })
    }
}
