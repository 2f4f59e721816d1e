//! `weft approvals`: what waits for an answer, and the answer, from any terminal.

use super::Which;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::run::{about, seconds};
use crate::cli::terminal::{Terminal, indent, print, print_json};
use crate::cli::text::fitted;
use kernel_core::id::{ActionId, Pid};
use kernel_core::kernel::effects::Ask;
use kernel_core::path::Name;
use serde_json::{Value, json};
use std::time::Duration;

/// What is done with what waits.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Approvals {
    /// Show the acts that wait for an answer
    List(List),
    /// Allow one, this once
    Approve(Answer),
    /// Refuse one
    Deny(Answer),
}

/// The arguments of `weft approvals list`.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    which: Which,
}

/// The arguments of `weft approvals approve` and `deny`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 the answer counted; 1 there is no such question; 2 it was answered already, nobody \
                        did in time, or its act has ended; 5 no kernel answers."
)]
pub(crate) struct Answer {
    /// The number of the act, as `weft approvals list` shows it
    #[arg(value_name = "ACTION")]
    action: u64,
    #[command(flatten)]
    which: Which,
}

impl Approvals {
    pub(crate) fn json(&self) -> bool {
        match self {
            Approvals::List(list) => list.which.json,
            Approvals::Approve(answer) | Approvals::Deny(answer) => answer.which.json,
        }
    }

    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        match self {
            Approvals::List(list) => list.run(terminal),
            Approvals::Approve(answer) => answer.run(true),
            Approvals::Deny(answer) => answer.run(false),
        }
    }
}

impl List {
    fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let document = self.which.connect().await?.get("/v1/approvals").await?;
            if self.which.json {
                print_json(&document)?;
                return Ok(Exit::Done);
            }
            let asks: Vec<Ask> = document["approvals"].as_array().into_iter().flatten().map(ask_of).collect();
            if asks.is_empty() {
                print(&["nothing waits for an answer".to_owned()])?;
            }
            let palette = terminal.out;
            for ask in &asks {
                let (action, pid, left) = (ask.action, ask.pid, seconds(ask.wait));
                let mut lines =
                    vec![palette.bold(&format!("act {action} of process {pid} waits {left} s more for an answer"))];
                lines.extend(about(ask, palette));
                lines.push(palette.dim(&format!("    weft approvals approve {action}, or deny {action}")));
                let fit = |line: &String| fitted(line, terminal.out_columns, indent(line) + 2);
                print(&lines.iter().flat_map(fit).collect::<Vec<_>>())?;
            }
            Ok(Exit::Done)
        })
    }
}

impl Answer {
    fn run(&self, allow: bool) -> Result<Exit, Failure> {
        let path = format!("/v1/approvals/{}", self.action);
        on_runtime(async {
            let answered = self.which.connect().await?.post(&path, &json!({ "allow": allow })).await?;
            let said = if allow { "allowed" } else { "refused" };
            match self.which.json {
                true => print_json(&answered)?,
                false => print(&[format!("act {} is {said}", self.action)])?,
            }
            Ok(Exit::Done)
        })
    }
}

/// A question as a kernel tells it.
pub(in crate::cli) fn ask_of(told: &Value) -> Ask {
    let number = |name: &str| told[name].as_u64().unwrap_or(0);
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    Ask {
        action: ActionId(number("action")),
        pid: Pid(number("pid")),
        name: text("name"),
        app: told["app"].as_str().and_then(|app| Name::parse(app).ok()),
        verb: text("verb"),
        resource: text("resource"),
        detail: told["detail"].to_string(),
        wait: Duration::from_millis(number("wait_ms")),
    }
}
