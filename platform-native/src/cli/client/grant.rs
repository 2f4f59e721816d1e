//! `weft grant`: gives rights to a process while it runs.

use super::{Which, ask_of};
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::run::seconds;
use crate::cli::terminal::{Terminal, print, print_json, tell};
use kernel_core::capability::Right;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It may be given what whoever talks to the kernel may do there, as in \"publish /topic/news\" or \"call \
                        /svc/*\". What lies outside, as files and connections, is given when an application is \
                        installed: weft app install --allow. In prod somebody has to allow it, in another terminal: weft approvals.\n\nIt has \
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

/// How often it is looked whether somebody has to allow it.
const LOOK: Duration = Duration::from_millis(250);

impl Grant {
    /// Says what it waits for where somebody has to allow it, once. Ends only by a failure.
    async fn tell_of_question(&self, path: &str) -> Failure {
        let mut told = BTreeSet::new();
        loop {
            tokio::time::sleep(LOOK).await;
            let waiting = match self.which.connect().await {
                Ok(mut kernel) => kernel.get("/v1/approvals").await,
                Err(failure) => Err(failure),
            };
            let waiting = match waiting {
                Ok(waiting) => waiting,
                Err(failure) => return failure,
            };
            let asks = waiting["approvals"].as_array().into_iter().flatten().map(ask_of);
            for ask in asks.filter(|ask| ask.verb == "grant" && ask.resource == path) {
                if told.insert(ask.action) {
                    let (action, left) = (ask.action, seconds(ask.wait));
                    tell(&format!(
                        "it waits {left} s for somebody to allow it; in another terminal: weft approvals approve \
                         {action}, or deny {action}"
                    ));
                }
            }
        }
    }

    /// Runs it.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let path = format!("/proc/{}", self.pid);
            let mut kernel = self.which.connect().await?;
            let given = kernel.act("grant", &path, json!({ "use": self.rights }));
            tokio::select! {
                given = given => drop(given?),
                failure = self.tell_of_question(&path) => return Err(failure),
            }
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
