//! `weft spawn`: starts a process of an agent that the kernel has.

use super::Which;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::terminal::{Terminal, print, print_json};
use kernel_core::path::{Name, Resource};
use serde_json::{Value, json};

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "An agent of an application becomes a process of that application, which has to run: within \
                        what its manifest gives the agent, on the application's budget, and ended with it. Nothing starts it \
                        again, and one that answers for a service which another answers for ends at once.\n\n\
                        /agent/NAME is an agent of the host. This program brings none of its own, so its kernel answers \
                        not_found.\n\nExit codes: 0 it runs; 1 it could not be spawned, as where there is no such \
                        application or agent; 2 usage, or its name is taken; 3 denied.")]
pub(crate) struct Spawn {
    /// Which agent of which application that runs, or /agent/NAME for one of the host
    #[arg(value_name = "APP/AGENT", value_parser = Agent::parse)]
    agent: Agent,
    /// Its name. Default: AGENT-PID for one of an application, else the agent's
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

/// Whom to spawn.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Agent {
    /// The application that has it; none where the host does.
    app: Option<Name>,
    path: String,
}

impl Agent {
    fn parse(text: &str) -> Result<Agent, String> {
        if text.starts_with('/') {
            return Ok(Agent { app: None, path: text.to_owned() });
        }
        let Some((app, agent)) = text.split_once('/') else {
            return Err("it is neither APP/AGENT nor /agent/NAME".to_owned());
        };
        let app = Name::parse(app).map_err(|e| format!("the application's name: {e}"))?;
        let agent = Name::parse(agent).map_err(|e| format!("the agent's name: {e}"))?;
        Ok(Agent { app: Some(app), path: Resource::Agent(agent).to_string() })
    }
}

impl Spawn {
    /// Runs it.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let mut body = json!({ "name": self.name, "args": self.args });
            if let Some(app) = &self.agent.app {
                body["app"] = json!(app);
            }
            let spawned = kernel.act("spawn", &self.agent.path, body).await?;
            let pid = &spawned["body"]["pid"];
            match self.which.json {
                true => print_json(&json!({ "weft": VERSION, "pid": pid }))?,
                false => print(&[format!("/proc/{pid}")])?,
            }
            Ok(Exit::Done)
        })
    }
}
