//! `weft doctor`: what this machine can do, what it cannot and why, and how the data directories are.

use super::VERSION;
use super::exit::{Exit, Failure};
use super::place::{DATABASE, Places, held_by_a_kernel};
use super::space::{self, RESERVE};
use super::stored::{Stored, head};
use super::terminal::{Terminal, print_fitted, print_json};
use super::text::{self, bytes, counted, plain, shell, shown};
use crate::sandbox::{WasmOptions, WasmSandbox};
use kernel_core::platform::{Durability, KeyCustody, Profile, Suspension};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// A data directory to look at. Default: $WEFT_DATA_DIR, else all under ~/.local/share/weft
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

impl Doctor {
    /// Runs it. What components need to run is tried, so nothing that is said here is guessed.
    pub(super) async fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        let profile = crate::profile::profile();
        let sandbox = sandbox();
        let places = Places::from_env();
        let named = places.named(self.data_dir.as_deref());
        let mut directories = Vec::new();
        for path in named.as_ref().map_or_else(|| places.found(), |path| vec![path.clone()]) {
            directories.push(Directory::look(path).await);
        }
        if self.json {
            print_json(&document(&profile, &sandbox, &directories, places.base()))?;
        } else {
            print_fitted(&lines(&profile, &sandbox, &directories, places.base(), terminal), terminal)?;
        }
        Ok(if sandbox.is_ok() { Exit::Done } else { Exit::Unsupported })
    }
}

/// How components get their memory here: one word, and the rest of the sentence; or why there are none.
fn sandbox() -> Result<(&'static str, String), String> {
    let sandbox = WasmSandbox::new(WasmOptions::default(), tokio::runtime::Handle::current());
    sandbox.allocation().map(described).map_err(|fault| fault.reason)
}

#[cfg(feature = "wasm-sandbox")]
fn described(allocation: crate::sandbox::Allocation) -> (&'static str, String) {
    use crate::sandbox::Allocation;
    match allocation {
        Allocation::Pooling { instances } => ("pooling", format!("from a pool, at most {instances} instances at once")),
        Allocation::OnDemand { why } => ("on_demand", format!("on demand, which is slower to start: {why}")),
    }
}

#[cfg(not(feature = "wasm-sandbox"))]
fn described(allocation: crate::sandbox::Allocation) -> (&'static str, String) {
    match allocation {}
}

/// What the key that signs the log protects against.
fn custody(custody: KeyCustody) -> &'static str {
    match custody {
        KeyCustody::File => {
            "a file that only its owner may read, on the same disk as the log: separation holds against agents, not \
             against the machine's owner. Keep checkpoints elsewhere (`weft chain checkpoint`)"
        }
        KeyCustody::NonExtractable => "held by the platform and not exportable",
        KeyCustody::Fixed => "a constant that everybody knows: for tests only",
    }
}

/// One data directory.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    /// One word: "ready", "new", or the code of what is wrong.
    state: &'static str,
    /// The same for a person.
    said: String,
    bytes: Option<u64>,
    events: Option<u64>,
    /// What is left on its disk, or on the one that it would be made on.
    free: Option<u64>,
}

impl Directory {
    async fn look(path: PathBuf) -> Directory {
        let found = path.join(DATABASE).metadata();
        let bytes = found.as_ref().ok().map(std::fs::Metadata::len);
        let free = path.ancestors().find_map(|path| space::free(path).ok());
        let of = |state, said: String, events| Directory { path: path.clone(), state, said, bytes, events, free };
        if let Err(e) = found {
            if let Err(failure) = held_by_a_kernel(&path)
                && failure.code != "usage"
            {
                return of(failure.code, failure.message, None);
            }
            return match path.metadata() {
                Err(no) if no.kind() == ErrorKind::NotFound => {
                    of("new", "not there yet; the first run makes it".to_owned(), None)
                }
                Err(_) => of("data_dir", format!("cannot be looked at: {e}"), None),
                Ok(meta) if meta.is_dir() => of("new", "no kernel has been in it yet".to_owned(), None),
                Ok(_) => of("data_dir", "is not a directory".to_owned(), None),
            };
        }
        let head = match Stored::open(&path, None).await {
            Ok(stored) => head(&stored.rows).await,
            Err(failure) => Err(failure),
        };
        match head {
            Ok(head) => {
                let events = head.map_or(0, |head| head.size);
                let said = format!(
                    "{}; `weft chain verify --data-dir {}` verifies them",
                    counted(events, "event"),
                    shell(&path)
                );
                of("ready", said, Some(events))
            }
            Err(failure) => of(failure.code, failure.message, None),
        }
    }
}

fn document(
    profile: &Profile,
    sandbox: &Result<(&'static str, String), String>,
    directories: &[Directory],
    base: Option<&Path>,
) -> Value {
    let directories = directories.iter().map(|directory| {
        let Directory { path, state, said, bytes, events, free } = directory;
        json!({
            "path": text::path(path), "state": state, "said": said, "bytes": bytes, "events": events, "free": free,
        })
    });
    let sandbox = match sandbox {
        Ok((mode, said)) => json!({ "mode": mode, "said": said }),
        Err(why) => json!({ "mode": null, "said": why }),
    };
    json!({
        "weft": VERSION,
        "profile": profile,
        "sandbox": sandbox,
        "keys": { "custody": profile.key_custody, "said": custody(profile.key_custody) },
        "data": { "base": base.map(text::path), "directories": directories.collect::<Vec<_>>() },
    })
}

fn lines(
    profile: &Profile,
    sandbox: &Result<(&'static str, String), String>,
    directories: &[Directory],
    base: Option<&Path>,
    terminal: Terminal,
) -> Vec<String> {
    let palette = terminal.out;
    let row = |name: &str, said: &str| format!("  {}  {said}", palette.bold(&format!("{name:<10}")));
    let kinds: Vec<String> =
        profile.programs.iter().map(|kind| json!(kind).as_str().unwrap_or_default().to_owned()).collect();
    let yes = |can: bool| if can { "yes" } else { "no" };
    let mut lines = vec![
        format!("weft {VERSION} on the {} host", profile.host),
        row("programs", &kinds.join(", ")),
        row(
            "wasm",
            &match sandbox {
                Ok((_, said)) => said.clone(),
                Err(why) => palette.bad(&format!("cannot run here: {why}")),
            },
        ),
        row("network", yes(profile.net)),
        row("mounts", yes(profile.mounts)),
        row("parallel", &profile.parallelism.to_string()),
        row(
            "durable",
            match profile.durability {
                Durability::Disk => "what was acknowledged is on disk and survives the loss of power",
                Durability::Memory => "nothing survives the process",
            },
        ),
        row(
            "suspends",
            match profile.suspension {
                Suspension::Anywhere => "a guest stops wherever it is, and uses no CPU time",
                Suspension::NextAct => "a guest stops at its next act",
            },
        ),
        row("key", custody(profile.key_custody)),
    ];
    for (what, why) in &profile.missing {
        lines.push(row("missing", &format!("{}: {why}", palette.warn(what))));
    }
    for directory in directories {
        let size = directory.bytes.map(|n| format!(" ({})", bytes(n))).unwrap_or_default();
        let said = if matches!(directory.state, "ready" | "new" | "held") {
            plain(&directory.said)
        } else {
            palette.bad(&plain(&directory.said))
        };
        lines.push(row("data", &format!("{}{size}: {said}", shown(&directory.path))));
        if let Some(free) = directory.free.filter(|free| *free < RESERVE) {
            let (free, reserve) = (bytes(free), bytes(RESERVE));
            let said = format!(
                "{free} are left on its disk: with less than {reserve}, or what --reserve says, `weft up` refuses what \
                 applications do"
            );
            lines.push(row("disk", &palette.warn(&said)));
        }
    }
    if let (true, Some(base)) = (directories.is_empty(), base) {
        lines.push(row("data", &format!("nothing in {} yet", shown(base))));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_about_the_key_is_said() {
        let document = document(&crate::profile::profile(), &Err("none".to_owned()), &[], None);
        let said = document["keys"]["said"].as_str().unwrap();
        assert!(said.contains("separation holds against agents, not against the machine's owner"));
        assert!(document["sandbox"]["mode"].is_null());
        assert_eq!(document["profile"]["host"], "native");
    }

    #[tokio::test]
    async fn what_is_not_there_yet_is_not_made() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("data");
        let directory = Directory::look(path.clone()).await;
        assert_eq!(directory.state, "new");
        assert!(!path.exists());
        let directory = Directory::look(tmp.path().to_owned()).await;
        assert_eq!(directory.state, "new");
        assert_eq!(std::fs::read_dir(tmp.path()).unwrap().count(), 0);
    }
}
