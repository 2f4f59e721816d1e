//! `weft app install`, `start`, `stop`, `list` and `remove`: applications of a kernel that stays.
//!
//! What an application needs is given as `weft run` gives it: by flags, and by a yes on a terminal for what they left
//! out.

use super::Which;
use super::health::failed;
use crate::cli::VERSION;
use crate::cli::application;
use crate::cli::consent::{Agreed, Gifts, Given, agree};
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::{Terminal, print, print_json, tell};
use crate::cli::text::{bytes, plain, shown};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use kernel_core::app::Checked;
use kernel_core::capability::Right;
use kernel_core::path::Name;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// The arguments of `weft app install`.
#[derive(Debug, clap::Args)]
pub(crate) struct Install {
    /// The folder of the application: it holds a weft.toml
    #[arg(value_name = "APP")]
    app: PathBuf,
    #[command(flatten)]
    gifts: Gifts,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// When an application is over.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Until {
    /// When it is stopped
    Stopped,
    /// When nothing is left to do
    Quiet,
}

/// The arguments of `weft app start`.
#[derive(Debug, clap::Args)]
pub(crate) struct Start {
    #[command(flatten)]
    named: Named,
    /// When it is over
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Until::Stopped)]
    until: Until,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// The arguments of `weft app stop`.
#[derive(Debug, clap::Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// The arguments of `weft app remove`.
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// The arguments of `weft app list`.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Which application.
#[derive(Debug, clap::Args)]
struct Named {
    /// The name of the application
    #[arg(value_name = "NAME", value_parser = parse_name)]
    name: Name,
}

fn parse_name(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|e| e.to_string())
}

impl Install {
    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        let given = self.gifts.given()?;
        let checked = application::load(&self.app)?;
        let agreed = agree(&checked, &given, terminal)?;
        let body = request_of(&checked, &agreed, &given)?;
        on_runtime(async {
            let mut installed = self.which.connect().await?.post("/v1/apps", &body).await?;
            for unused in &agreed.unused {
                tell(&format!("{} {}", terminal.err.warn("warning:"), plain(&unused.to_string())));
            }
            installed["given_on_terminal"] = json!(agreed.said_yes);
            let app = &installed["app"];
            let text = |name: &str| plain(app[name].as_str().unwrap_or_default());
            match self.which.json {
                true => print_json(&installed)?,
                false => {
                    print(&[format!("installed {} {}; weft app start {0} starts it", text("name"), text("version"))])?
                }
            }
            Ok(Exit::Done)
        })
    }
}

/// What is sent to have an application installed, with what it is given.
///
/// # Errors
/// A folder that a kernel cannot be told of.
pub(in crate::cli) fn request_of(checked: &Checked, agreed: &Agreed, given: &Given) -> Result<Value, Failure> {
    let allow: Vec<&Right> = given.allow.iter().chain(&agreed.said_yes).collect();
    let mut mounts = Map::new();
    for (name, path) in &given.mounts {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let Some(text) = absolute.to_str() else {
            let message = format!("the folder {} of mount `{name}` has a name that is not UTF-8", shown(path));
            return Err(
                Failure::usage(message).help("a kernel that stays cannot be told of it: name it by another way")
            );
        };
        mounts.insert(name.to_string(), json!(text));
    }
    let programs = checked.programs().iter();
    let programs: Map<String, Value> =
        programs.map(|(path, program)| (path.to_string(), json!(STANDARD.encode(&program.bytes)))).collect();
    let manifest = checked.manifest().source.text();
    Ok(json!({ "manifest": manifest, "programs": programs, "allow": allow, "mounts": mounts }))
}

impl Start {
    /// Runs it: it returns when all agents run.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        let until = match self.until {
            Until::Stopped => "stopped",
            Until::Quiet => "quiet",
        };
        let name = &self.named.name;
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let started = kernel.post(&format!("/v1/apps/{name}/start"), &json!({ "until": until })).await?;
            match self.which.json {
                true => print_json(&started)?,
                false => print(&[format!("{name} runs as /proc/{}", started["pid"])])?,
            }
            Ok(Exit::Done)
        })
    }
}

impl Stop {
    /// Runs it: it returns when the agents are gone.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        let name = &self.named.name;
        on_runtime(async {
            self.which.connect().await?.act("stop", &format!("/app/{name}"), json!({})).await?;
            match self.which.json {
                true => print_json(&json!({ "weft": VERSION, "app": name }))?,
                false => print(&[format!("{name} has stopped")])?,
            }
            Ok(Exit::Done)
        })
    }
}

impl Remove {
    /// Runs it.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        let name = &self.named.name;
        on_runtime(async {
            let removed = self.which.connect().await?.delete(&format!("/v1/apps/{name}")).await?;
            match self.which.json {
                true => print_json(&removed)?,
                false => print(&[format!("{name} is removed")])?,
            }
            Ok(Exit::Done)
        })
    }
}

impl List {
    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let document = self.which.connect().await?.get("/v1/apps").await?;
            if self.which.json {
                print_json(&document)?;
                return Ok(Exit::Done);
            }
            use Align::{Left, Right};
            let columns = [
                ("APP", Left),
                ("VERSION", Left),
                ("STATE", Left),
                ("PID", Right),
                ("AGENTS", Right),
                ("MOUNTS", Left),
            ];
            let mut table = Table::new(&columns);
            for app in document["apps"].as_array().into_iter().flatten() {
                let text = |value: &Value| plain(value.as_str().unwrap_or_default());
                let mount = |mount: &Value| format!("{}={}", text(&mount["name"]), text(&mount["path"]));
                let mounts: Vec<String> = app["mounts"].as_array().into_iter().flatten().map(mount).collect();
                table.row([
                    text(&app["name"]),
                    text(&app["version"]),
                    text(&app["state"]),
                    app["pid"].as_u64().map_or_else(String::new, |pid| pid.to_string()),
                    app["agents"].as_array().map_or(0, Vec::len).to_string(),
                    mounts.join(" "),
                ]);
            }
            let mut lines = table.lines();
            for app in document["apps"].as_array().into_iter().flatten() {
                let name = app["name"].as_str().unwrap_or_default();
                lines.extend(app["reason"].as_str().map(|reason| failed(name, reason, terminal.out)));
                if let Some(waiting) = app["log"]["waiting"].as_u64().filter(|waiting| *waiting > 0) {
                    let limit = bytes(app["log"]["limit"].as_u64().unwrap_or(0));
                    let warning = terminal.out.warn("warning:");
                    let waits = format!("may add {limit} to the log in an hour, and has: acts that wait: {waiting}");
                    lines.push(format!("  {warning} {} {waits}", plain(name)));
                }
            }
            print(&lines)?;
            Ok(Exit::Done)
        })
    }
}
