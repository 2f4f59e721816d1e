//! `weft up --check`: what a start with a configuration would do. Nothing is changed, and no kernel is started: what was
//! not closed in order is not repaired, so what it has is not known.

use super::apps::tombstones;
use super::config::{Settings, Wanted, can_be_given};
use super::report::left_out;
use crate::cli::VERSION;
use crate::cli::address::Address;
use crate::cli::api::{AgreedPlans, InPlace, compared, folders_of};
use crate::cli::exit::{Exit, Failure, HELD};
use crate::cli::place::is_fresh;
use crate::cli::stored::Stored;
use crate::cli::terminal::{Terminal, print, print_json, tell};
use crate::cli::text::{path, plain, shown};
use kernel_core::environment::Environment;
use kernel_core::kernel::Tombstones;
use kernel_core::kernel::rows::{TABLE_APP, key};
use kernel_core::platform::Storage;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// What would be done.
pub(super) struct Check<'a> {
    pub(super) settings: &'a Settings,
    pub(super) environment: &'a Environment,
    pub(super) listen: &'a [Address],
    pub(super) data_dir: &'a Path,
}

impl Check<'_> {
    /// Says it.
    ///
    /// # Errors
    /// When a folder cannot be given, or what is stored cannot be read.
    pub(super) async fn say(&self, json: bool, terminal: Terminal) -> Result<Exit, Failure> {
        let stored = self.stored().await?;
        let installed = match &stored {
            Found::Held | Found::Unclosed => None,
            Found::Nothing => Some(BTreeSet::new()),
            Found::Stored(stored) => Some(AgreedPlans::open(self.data_dir)?.installed(&stored.rows).await?),
        };
        can_be_given(&self.settings.apps, self.data_dir, installed.as_ref())?;
        let mut would = Vec::new();
        for wanted in &self.settings.apps {
            let before = match &stored {
                Found::Held | Found::Unclosed => None,
                Found::Nothing => Some((InPlace::Nothing, Tombstones::default())),
                Found::Stored(stored) => {
                    Some((self.before(stored, wanted).await?, tombstones(&stored.rows, wanted).await?))
                }
            };
            would.push((wanted, before));
        }
        if json {
            let listen = self.listen.iter().map(ToString::to_string).collect::<Vec<_>>();
            print_json(&json!({
                "weft": VERSION, "data_dir": path(self.data_dir), "environment": self.environment.name(), "listen": listen,
                "stored": stored.word(),
                "apps": would.iter().map(|(wanted, before)| document(wanted, before.as_ref())).collect::<Vec<_>>(),
            }))?;
            return Ok(Exit::Done);
        }
        for wanted in &self.settings.apps {
            wanted.warn(terminal);
        }
        let mut lines = vec![
            format!("a kernel in {}, in {}", self.environment.name(), shown(self.data_dir)),
            format!("  listens on {}", Address::of(self.data_dir)),
        ];
        lines.extend(self.listen.iter().map(|address| format!("  listens on {address}")));
        lines.extend(would.iter().map(|(wanted, before)| line(wanted, before.as_ref(), &stored)));
        print(&lines)?;
        Ok(Exit::Done)
    }

    async fn stored(&self) -> Result<Found, Failure> {
        if is_fresh(self.data_dir)? {
            return Ok(Found::Nothing);
        }
        match Stored::open_unchanged(self.data_dir).await {
            Ok(Some(stored)) => Ok(Found::Stored(Box::new(stored))),
            Ok(None) => Ok(Found::Unclosed),
            Err(held) if held.code == HELD => Ok(Found::Held),
            Err(failure) => Err(failure),
        }
    }

    async fn before(&self, stored: &Stored, wanted: &Wanted) -> Result<InPlace, Failure> {
        let app = &wanted.plan.app;
        let row = stored.rows.get(&key(TABLE_APP, app.as_str().as_bytes())).await?;
        let (agreed, folders) = (AgreedPlans::open(self.data_dir)?, folders_of(self.data_dir, app)?);
        Ok(compared(row.as_deref(), &agreed, &folders, &wanted.plan, &wanted.mounts)?)
    }
}

/// What a data directory has.
enum Found {
    Nothing,
    Stored(Box<Stored>),
    /// A kernel has it.
    Held,
    /// The kernel before did not stop in order.
    Unclosed,
}

impl Found {
    /// One word for programs.
    fn word(&self) -> &'static str {
        match self {
            Found::Nothing => "nothing",
            Found::Stored(_) => "read",
            Found::Held => "held",
            Found::Unclosed => "unclosed",
        }
    }
}

impl Wanted {
    /// Says what it is given in vain.
    pub(super) fn warn(&self, terminal: Terminal) {
        for unused in &self.unused {
            let warning = terminal.err.warn("warning:");
            tell(&format!("{warning} {}: {}", plain(&self.place), plain(&unused.to_string())));
        }
    }
}

fn document(wanted: &Wanted, before: Option<&(InPlace, Tombstones)>) -> Value {
    let (would, from) = match before {
        None => (None, None),
        Some((InPlace::Nothing, _)) => (Some("install"), None),
        Some((InPlace::Other(version), _)) => (Some("replace"), Some(version)),
        Some((InPlace::Same, _)) => (Some("keep"), None),
    };
    let killed = before.map(|(_, tombstones)| json!({ "whole": tombstones.whole, "agents": tombstones.agents }));
    json!({
        "app": wanted.plan.app, "version": wanted.plan.version, "path": path(&wanted.folder), "would": would, "from": from,
        "killed": killed, "unused": wanted.unused,
    })
}

fn line(wanted: &Wanted, before: Option<&(InPlace, Tombstones)>, stored: &Found) -> String {
    let Some((before, Tombstones { whole, agents })) = before else {
        let why = match stored {
            Found::Unclosed => "what is stored was not closed in order and is repaired by the next start",
            _ => "a kernel has the data directory",
        };
        let nothing = format!("nothing is wrong with it; {why}, so what is there is not known");
        return format!("  {} {}: {nothing}", wanted.plan.app, wanted.plan.version);
    };
    let is = match before {
        InPlace::Nothing => "is installed and".to_owned(),
        InPlace::Other(version) => format!("takes the place of {version}, and is"),
        InPlace::Same => "is there already, and is".to_owned(),
    };
    let started = match whole {
        true => "not started: it was killed".to_owned(),
        false => format!("started{}", left_out(agents)),
    };
    format!("  {} {}: {is} {started}", wanted.plan.app, wanted.plan.version)
}
