//! `weft restore`: a data directory from a backup, verified before it is there.

use super::copy::Copy;
use super::{ABOUT, about, all_of, document, unless_interrupted, warn_of_fork};
use crate::cli::chain::{kept, parse_key, read};
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::stored::Stored;
use crate::cli::terminal::{Terminal, print, print_json};
use crate::cli::text::{self, shell, shown};
use crate::data_dir::text_of;
use crate::keys::LOG_KEY;
use kernel_core::chain::VerifierKey;
use serde_json::json;
use std::path::PathBuf;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It verifies everything that it writes before DIR is there. A log that goes on in two places has parted: \
                  stop the kernel that the backup is of first, or never go on with the restored one.\n\nExit codes: 0 it \
                  is restored; 2 usage; 4 the backup does not verify, or there is no room; nothing half is left."
)]
pub(crate) struct Restore {
    /// What `weft backup` made
    #[arg(value_name = "BACKUP")]
    from: PathBuf,
    /// The data directory to make: not there yet, or empty
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Whose log it has to be. Default: whoever the backup says
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    key: Option<VerifierKey>,
    /// A checkpoint that was kept elsewhere, which the log has to go on from
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

impl Restore {
    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        on_runtime(unless_interrupted(self.restore(terminal), terminal))
    }

    async fn restore(&self, terminal: Terminal) -> Result<Exit, Failure> {
        let note = self.against.as_deref().map(|file| Ok::<_, Failure>((file, read(file)?))).transpose()?;
        let about = about(&self.from)?;
        let is_empty = |path: &PathBuf| std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if self.to.symlink_metadata().is_ok() && !is_empty(&self.to) {
            let message = format!("{} exists and is not empty; nothing is restored over anything", shown(&self.to));
            return Err(Failure::usage(message).help("name a directory that does not exist"));
        }
        let said = VerifierKey::parse(&about.key)
            .ok_or_else(|| damaged(&format!("{ABOUT} says a key that is none: {}", text::plain(&about.key))))?;
        let key = self.key.clone().unwrap_or_else(|| said.clone());
        if key != said {
            let message = format!("the backup is of the log of {said}, not of {key}");
            return Err(Failure::new(Exit::Integrity, "key_untrusted", message).help("keep it as evidence"));
        }
        let kept = note.map(|(file, note)| kept(file, note, &key)).transpose()?;
        let stored = Stored::open(&self.from, Some(key.clone())).await?;
        let mut copy = Copy::begin(&self.to, terminal)?;
        all_of(&stored, &mut copy).await?;
        let verified = copy.verified(&key, kept).await?;
        if copy.digest() != about.sha256 || verified.events != about.events || verified.root != about.root {
            return Err(damaged(&format!("what is in it is not what {ABOUT} says was put there")));
        }
        let signing = text_of(&self.from.join(LOG_KEY));
        let signing = signing.map_err(|e| damaged(&format!("its {LOG_KEY} cannot be read: {e}")))?;
        if let Some(signing) = &signing {
            copy.key(signing, &key).await?;
        }
        copy.place()?;
        let to = self.to.canonicalize().unwrap_or_else(|_| self.to.clone());
        warn_of_fork(terminal);
        if self.json {
            let more = json!({ "restored": text::path(&to), "backup": text::path(&self.from), "signing_key": signing.is_some() });
            print_json(&document(&about, more))?;
            return Ok(Exit::Done);
        }
        let palette = terminal.out;
        let mut lines = vec![format!("{} {}", palette.good("Restored, verified:"), shown(&to))];
        lines.push(format!("  as of {}, by weft {}", text::plain(&about.made), text::plain(&about.weft)));
        lines.extend(about.lines(terminal)?);
        lines.push(match &signing {
            Some(_) => palette.dim(&format!("    weft up --data-dir {}", shell(&to))),
            None => palette.warn(&format!(
                "  warning  the key is not in the backup: no kernel goes on before {} is put there",
                shell(&to.join(LOG_KEY))
            )),
        });
        print(&lines)?;
        Ok(Exit::Done)
    }
}

fn damaged(what: &str) -> Failure {
    Failure::new(Exit::Integrity, "damaged", format!("the backup is damaged: {what}"))
        .help("nothing was restored; take another backup")
}
