//! `weft chain`: reading and verifying the log of a kernel that is not running, and proofs of what is in it.

mod checkpoint;
mod evidence;
mod export;
mod filter;
mod follow;
mod line;
mod prove;
mod receipt;
mod show;
mod verify;

pub(crate) use evidence::VerifyFile;
pub(crate) use receipt::Receipt;
pub(in crate::cli) use verify::{kept, read};

use super::exit::{Exit, Failure};
use super::place::Places;
use super::stored::Stored;
use super::terminal::Terminal;
use filter::Filter;
use kernel_core::chain::{Log, VerifierKey};
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
    /// Print the signed checkpoint over the whole log, to be kept elsewhere
    ///
    /// The log is verified first. What is printed is a C2SP signed note: redirect it to a file and give
    /// that to `weft chain verify --against FILE`.
    Checkpoint(checkpoint::Checkpoint),
    /// Print the proof that the log has one event, for `weft verify`
    Prove(prove::Prove),
    /// Print the proof that the log begins with an earlier state of it, for `weft verify`
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
    /// Opens it to be read.
    async fn open(&self) -> Result<Stored, Failure> {
        let path = Places::from_env().existing(self.data_dir.as_deref())?;
        Stored::open(&path, self.key.clone()).await
    }

    /// The same, and its log once that is verified.
    async fn verified(&self) -> Result<(Stored, Log), Failure> {
        let stored = self.open().await?;
        let log = stored.log().await?;
        Ok((stored, log))
    }
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
