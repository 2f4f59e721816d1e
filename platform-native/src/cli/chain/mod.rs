//! `weft chain`: reading and verifying the log in a data directory, or of the kernel that runs on it, and proofs of what is in it.

mod checkpoint;
mod evidence;
mod export;
mod filter;
mod follow;
mod line;
mod live;
mod prove;
mod receipt;
mod show;
mod signed;
mod verify;

pub(crate) use evidence::VerifyFile;
pub(crate) use receipt::Receipt;
pub(super) use signed::advice;
pub(in crate::cli) use verify::{kept, read};

use super::client;
use super::exit::{Exit, Failure, HELD};
use super::place::Places;
use super::stored::Stored;
use super::terminal::Terminal;
use super::text::shell;
use crate::keys::public_key;
use filter::Filter;
use kernel_core::chain::VerifierKey;
use kernel_core::kernel::log_key;
use live::Live;
use std::path::PathBuf;

/// What `weft chain` can be asked for.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show what the log says, one event a line
    ///
    /// The log is verified first. If it does not verify, that is said, what is stored is shown all the
    /// same, and the exit code is 4.
    Show(show::Show),
    /// Verify the whole log: nothing changed, missing, swapped or added
    ///
    /// Every event is read once and held against its neighbours, the Merkle tree and the signature, with the kept bodies of
    /// acts, all nodes of the resource tree, and what receipts are found by. Not looked at is what else a kernel keeps
    /// (applications, messages, counts), which no log tells in full: a change around the database in those is found by
    /// --pages, a change through it is not.
    ///
    /// Who holds both the disk and the key could rewrite the whole log. That is only found against a
    /// checkpoint that was kept elsewhere: `--against FILE`.
    Verify(verify::Verify),
    /// Print the last signed checkpoint of the log, to be kept elsewhere
    ///
    /// What is printed is a C2SP signed note: redirect it to a file and give that to `weft chain verify --against FILE`.
    /// A kernel that runs signs one over all that happened so far. The log is not verified.
    Checkpoint(checkpoint::Checkpoint),
    /// Print the proof that the log has one event, for `weft verify`
    ///
    /// It is under the last signed checkpoint. Nothing is verified but that the proof holds.
    Prove(prove::Prove),
    /// Print the proof that the log begins with an earlier state of it, for `weft verify`
    ///
    /// It is under the last signed checkpoint, or an earlier one that was kept. Nothing is verified but that the proof holds.
    Consistency(prove::Consistency),
    /// Write all of it for other programs: as C2SP tiles, or an event a line
    ///
    /// What `--tiles` writes is a C2SP tlog-tiles log, as any static file server can serve it. A folder that holds an
    /// earlier state of the same log is brought up to date; whoever reads it meanwhile finds the earlier state whole.
    Export(export::Export),
}

/// Which log.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The data directory. Default: $WEFT_DATA_DIR, else the only one under ~/.local/share/weft
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Whose log it has to be, as a run prints it. Default: the key in the data directory
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    key: Option<VerifierKey>,
}

impl Which {
    /// Opens it to be read, where no kernel runs on it.
    async fn open(&self) -> Result<Stored, Failure> {
        let path = Places::from_env().existing(self.data_dir.as_deref())?;
        let held = |e: Failure| match e.code {
            HELD => {
                let copy = format!("weft backup COPY --data-dir {}", shell(&path));
                e.help(format!(
                    "a kernel that runs has its log for itself; copy it and read the copy, with --key KEY: {copy}"
                ))
            }
            _ => e,
        };
        Stored::open(&path, self.key.clone()).await.map_err(held)
    }

    /// Opens it to be read, or finds the kernel that runs on it.
    async fn source(&self) -> Result<Source, Failure> {
        let path = Places::from_env().existing(self.data_dir.as_deref())?;
        match Stored::open(&path, self.key.clone()).await {
            Ok(stored) => Ok(Source::Stored(Box::new(stored))),
            Err(held) if held.code == HELD => match client::Which::of(Some(&path), None, None).connect().await {
                Ok(kernel) => {
                    let key = match &self.key {
                        Some(key) => Some(key.clone()),
                        None => public_key(&path)?.map(log_key),
                    };
                    Ok(Source::Kernel(Box::new(Live { kernel, key, path })))
                }
                // It is held by something that does not answer: a run to its end.
                Err(nobody) if nobody.code == "no_kernel" => Err(held),
                Err(other) => Err(other),
            },
            Err(other) => Err(other),
        }
    }
}

/// Where a log is read.
enum Source {
    /// In a data directory that no kernel uses.
    Stored(Box<Stored>),
    /// In the kernel that runs on it.
    Kernel(Box<Live>),
}

/// A key as it is written.
pub(in crate::cli) fn parse_key(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text).ok_or_else(|| "a key is written NAME+ID+BASE64, as a run prints it".to_owned())
}

impl Command {
    /// Whether results are for a program.
    pub(crate) fn json(&self) -> bool {
        match self {
            Command::Show(show) => show.json,
            Command::Verify(verify) => verify.json,
            Command::Checkpoint(checkpoint) => checkpoint.json,
            Command::Prove(prove) => prove.json,
            Command::Consistency(consistency) => consistency.json,
            Command::Export(export) => export.json,
        }
    }

    /// Runs it.
    pub(crate) async fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        match self {
            Command::Show(show) => show.run(terminal).await,
            Command::Verify(verify) => verify.run(terminal).await,
            Command::Checkpoint(checkpoint) => checkpoint.run().await,
            Command::Prove(prove) => prove.run().await,
            Command::Consistency(consistency) => consistency.run().await,
            Command::Export(export) => export.run(terminal).await,
        }
    }
}
