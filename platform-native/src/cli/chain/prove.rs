//! `weft chain prove` and `weft chain consistency`.

use super::Which;
use crate::cli::exit::{Exit, Failure};
use crate::cli::stored::Stored;
use crate::cli::terminal::print;
use crate::cli::text::plain_json;
use kernel_core::chain::{Checkpoint, Evidence, Log};
use kernel_core::kernel::{prove, prove_consistency, root_of};

/// The arguments of `weft chain prove`.
#[derive(Debug, clap::Args)]
pub(crate) struct Prove {
    /// The event, by its number
    #[arg(value_name = "EVENT")]
    event: u64,
    #[command(flatten)]
    which: Which,
    /// Print a failure as JSON, too; the proof always is
    #[arg(long)]
    pub(super) json: bool,
}

/// The arguments of `weft chain consistency`.
#[derive(Debug, clap::Args)]
pub(crate) struct Consistency {
    /// How many events the log had then
    #[arg(value_name = "OLD")]
    old: u64,
    /// How many it had later. Default: all that it has
    #[arg(value_name = "NEW")]
    new: Option<u64>,
    #[command(flatten)]
    which: Which,
    /// Print a failure as JSON, too; the proof always is
    #[arg(long)]
    pub(super) json: bool,
}

impl Prove {
    pub(super) async fn run(&self) -> Result<Exit, Failure> {
        let stored = self.which.open().await?;
        let log = stored.log_end().await?;
        let note = stored.note(log.signed(), &log.checkpoint()).await?;
        told(&Evidence::Inclusion(prove(&stored.rows, self.event, &note).await?))
    }
}

impl Consistency {
    pub(super) async fn run(&self) -> Result<Exit, Failure> {
        let (stored, log) = self.which.verified().await?;
        let note = self.note(&stored, &log).await?;
        told(&Evidence::Consistency(prove_consistency(&stored.rows, self.old, &note).await?))
    }

    /// The note of the later state.
    async fn note(&self, stored: &Stored, log: &Log) -> Result<String, Failure> {
        let size = self.new.unwrap_or(log.size());
        let root = root_of(&stored.rows, size, log.size()).await?;
        stored.note(log.signed(), &Checkpoint { size, root, ..log.checkpoint() }).await
    }
}

/// Prints a file of evidence.
pub(super) fn told(evidence: &Evidence) -> Result<Exit, Failure> {
    print(&[plain_json(&evidence.to_json())])?;
    Ok(Exit::Done)
}
