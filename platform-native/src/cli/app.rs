//! `weft app`: everything that can be known of an application without running it; installing, starting, stopping and
//! removing are in `client`.

use super::application;
use super::client;
use super::exit::{Exit, Failure};
use super::terminal::{Terminal, print_fitted, print_json};
use super::text::{bytes, counted, plain};
use kernel_core::app::{Ask, Checked, Consent, Need, Program, asks, needs, resolve};
use kernel_core::codec::hex;
use kernel_core::kernel::FEATURES;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What `weft app` can be asked for.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check an application without running it
    ///
    /// Reads its manifest and its programs and lists what is wrong with its place: first how the manifest is
    /// written, and when that is in order what it means and what its programs are. Also says what the
    /// application asks for, with the flags that give it. Nothing is run. Exit code 0 if nothing is wrong,
    /// 2 if something is, 5 if nothing is wrong and this version cannot run it.
    Check {
        /// The folder of the application, or its weft.toml
        #[arg(value_name = "APP")]
        app: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Install an application in a kernel that stays
    ///
    /// Checks it first. What it needs and is not given by --mount and --allow is asked for on a terminal; elsewhere the
    /// exit code is 3 and the missing flags are named. A folder that it is given is bound in that kernel for as long as
    /// the application is installed.
    Install(client::Install),
    /// Start an installed application, and wait until all its agents run
    Start(client::Start),
    /// Stop a running application
    Stop(client::Stop),
    /// List the applications of a kernel that stays
    List(client::List),
    /// Remove an application that does not run
    Remove(client::Remove),
}

impl Command {
    /// Whether results are for a program.
    pub(crate) fn json(&self) -> bool {
        match self {
            Command::Check { json, .. } => *json,
            Command::Install(install) => install.which.json,
            Command::Start(start) => start.which.json,
            Command::Stop(stop) => stop.which.json,
            Command::List(list) => list.which.json,
            Command::Remove(remove) => remove.which.json,
        }
    }

    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        match self {
            Command::Check { app, json } => look(app, *json, terminal),
            Command::Install(install) => install.run(terminal),
            Command::Start(start) => start.run(terminal),
            Command::Stop(stop) => stop.run(terminal),
            Command::List(list) => list.run(terminal),
            Command::Remove(remove) => remove.run(terminal),
        }
    }
}

/// What is known of the application at `app`.
fn look(app: &Path, json: bool, terminal: Terminal) -> Result<Exit, Failure> {
    let checked = application::load(app)?;
    let lacking: Vec<Need> =
        needs(checked.manifest()).into_iter().filter(|need| !FEATURES.contains(&need.feature)).collect();
    if json {
        print_json(&document(&checked, &lacking))?;
    } else {
        print_fitted(&lines(&checked, &lacking, terminal), terminal)?;
    }
    Ok(if lacking.is_empty() { Exit::Done } else { Exit::Unsupported })
}

/// A right that is asked for, with the flag that gives it.
fn with_flags(checked: &Checked) -> Vec<(Ask, String)> {
    let missing = resolve(checked.manifest(), &Consent::default()).err().unwrap_or_default();
    let flag = |ask: &Ask| {
        let known = missing.iter().find(|one| one.right == ask.right).map(|one| one.flag.clone());
        known.unwrap_or_else(|| match ask.right.to_string() {
            // Nobody connects to a pattern, and what is optional can be given in parts.
            any if ask.optional && any == "connect /net/**" => "--allow \"connect /net/HOST:PORT\"".to_owned(),
            right => format!("--allow \"{right}\""),
        })
    };
    asks(checked.manifest()).into_iter().map(|ask| (ask.clone(), flag(&ask))).collect()
}

fn document(checked: &Checked, lacking: &[Need]) -> Value {
    let manifest = checked.manifest();
    let programs = checked.programs().iter().map(|(path, component)| {
        let info = &component.info;
        json!({ "path": path, "sha256": hex(&info.sha256), "bytes": info.size, "imports": info.imports })
    });
    let agents = manifest.agents.iter().map(|agent| {
        let program = match &agent.program.value {
            Program::Wasm(path) => json!({ "wasm": path }),
            Program::Native(name) => json!({ "native": name }),
        };
        json!({ "name": agent.name.value, "role": agent.role.value, "program": program })
    });
    let asks = with_flags(checked)
        .into_iter()
        .map(|(ask, flag)| json!({ "agent": ask.agent, "right": ask.right, "optional": ask.optional, "flag": flag }));
    json!({
        "weft": super::VERSION,
        "app": {
            "name": manifest.app.name.value,
            "version": manifest.app.version.value,
            "description": manifest.app.description,
            "content": hex(&checked.content()),
        },
        "agents": agents.collect::<Vec<_>>(),
        "programs": programs.collect::<Vec<_>>(),
        "asks": asks.collect::<Vec<_>>(),
        "unsupported": lacking,
    })
}

fn lines(checked: &Checked, lacking: &[Need], terminal: Terminal) -> Vec<String> {
    let (manifest, palette) = (checked.manifest(), terminal.out);
    let size: u64 = checked.programs().values().map(|program| program.info.size).sum();
    let found = if lacking.is_empty() { "nothing is wrong" } else { "nothing is wrong, but it cannot run here yet" };
    let mut lines = vec![format!(
        "{} {}: {found}; nothing was run; {}, {} ({})",
        palette.bold(manifest.app.name.as_str()),
        manifest.app.version.value,
        counted(manifest.agents.len() as u64, "agent"),
        counted(checked.programs().len() as u64, "program"),
        bytes(size),
    )];
    let mut section = |title: &str, optional: bool| {
        let asks = with_flags(checked).into_iter().filter(|(ask, _)| ask.optional == optional);
        let rows: Vec<String> = asks
            .map(|(ask, flag)| format!("    {}: {}   {}", ask.agent, plain(&ask.right.to_string()), palette.dim(&flag)))
            .collect();
        if !rows.is_empty() {
            lines.push(title.to_owned());
            lines.extend(rows);
        }
    };
    section("It needs from whoever runs it:", false);
    section("It uses, where it is given:", true);
    if !lacking.is_empty() {
        lines.push(palette.warn("What it needs and this version lacks:"));
        lines.extend(lacking.iter().map(|need| format!("    {need}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        [app]
        name = "a"
        version = "0.1.0"
        [[mount]]
        name = "repo"
        [[agent]]
        name = "x"
        program = { wasm = "echo.wasm" }
        use = ["read /fs/repo/**"]
        optional = ["connect /net/**"]
        restart = "permanent"
    "#;
    const GUEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/guests/echo.wasm");

    fn checked() -> Checked {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join(application::MANIFEST), MANIFEST).unwrap();
        std::fs::copy(GUEST, tmp.path().join("echo.wasm")).unwrap();
        application::load(tmp.path()).unwrap()
    }

    #[test]
    fn what_it_asks_for_is_told_with_the_flags_that_give_it() {
        let asks = with_flags(&checked());
        let flags: Vec<(&str, bool)> = asks.iter().map(|(ask, flag)| (flag.as_str(), ask.optional)).collect();
        assert_eq!(flags, [("--mount repo=PATH", false), ("--allow \"connect /net/HOST:PORT\"", true)]);
    }

    #[test]
    fn what_this_kernel_lacks_is_told_in_the_first_line() {
        let checked = checked();
        let lacking = needs(checked.manifest());
        assert_eq!(lacking.len(), 1);
        let document = document(&checked, &lacking);
        assert_eq!(document["app"]["name"], "a");
        assert_eq!(document["unsupported"][0]["feature"], "restart");
        let text = lines(&checked, &lacking, Terminal::default()).join("\n");
        assert!(
            text.starts_with("a 0.1.0: nothing is wrong, but it cannot run here yet; nothing was run; 1 agent"),
            "{text}"
        );
        assert!(text.contains("restarts by a supervisor are not supported by this kernel"), "{text}");
    }
}
