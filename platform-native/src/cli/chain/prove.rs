//! `weft chain prove` and `weft chain consistency`.

use super::signed::Signed;
use super::verify::{as_signed, kept, read};
use super::{Source, Which};
use crate::cli::exit::{Exit, Failure};
use crate::cli::stored::Stored;
use crate::cli::terminal::print;
use crate::cli::text::plain_json;
use kernel_core::chain::{ChainError, Evidence, VerifierKey, Witness};
use kernel_core::kernel::{prove, prove_consistency};
use std::path::PathBuf;

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
    /// A file with the signed checkpoint of what it had later, or their number if it is the last that is signed. Default: that
    #[arg(value_name = "NEW")]
    new: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
    /// Print a failure as JSON, too; the proof always is
    #[arg(long)]
    pub(super) json: bool,
}

impl Prove {
    pub(super) async fn run(&self) -> Result<Exit, Failure> {
        let event = self.event;
        match self.which.source().await? {
            Source::Stored(stored) => {
                let signed = Signed::of(&stored).await?;
                if signed.lacks(event) {
                    return Err(signed.unsigned(&format!("event {event}")));
                }
                let proof = prove(&stored.rows, event, &signed.note).await?;
                proven(Evidence::Inclusion(proof), Some(&stored.key))
            }
            Source::Kernel(mut live) => {
                let proof = live.evidence(&format!("/v1/log/{event}/proof")).await?;
                proven(proof, live.key.as_ref())
            }
        }
    }
}

impl Consistency {
    pub(super) async fn run(&self) -> Result<Exit, Failure> {
        let old = self.old;
        match self.which.source().await? {
            Source::Stored(stored) => {
                let note = self.note(&stored).await?;
                let proof = prove_consistency(&stored.rows, old, &note).await?;
                proven(Evidence::Consistency(proof), Some(&stored.key))
            }
            Source::Kernel(_) if self.new.is_some() => Err(Failure::usage(
                "a kernel that runs proves what its log goes on from up to now, and not up to an earlier state",
            )
            .help("leave out the later one, or read a copy: weft backup COPY")),
            Source::Kernel(mut live) => {
                let proof = live.evidence(&format!("/v1/log/{old}/consistency")).await?;
                proven(proof, live.key.as_ref())
            }
        }
    }

    /// The note of the later state.
    async fn note(&self, stored: &Stored) -> Result<String, Failure> {
        let signed = Signed::of(stored).await?;
        let size = signed.checkpoint.size;
        if (size + 1..=size + signed.beyond()).contains(&self.old) {
            return Err(signed.unsigned(&format!("what the log was with {} events", self.old)));
        }
        let Some(new) = &self.new else { return Ok(signed.note) };
        match new.to_str().and_then(|new| new.parse::<u64>().ok()) {
            Some(last) if last == size => Ok(signed.note),
            Some(other) => Err(Failure::usage(format!(
                "the later state has to be signed, and the last that is signed has {size} events, not {other}"
            ))
            .help(format!(
                "give the file with the checkpoint over {other} events, if it was kept, in place of the number"
            ))),
            None => {
                let text = read(new)?;
                let later = kept(new, text.clone(), &stored.key)?;
                if later.size > size {
                    return Err(ChainError::Truncated { seq: size, size: later.size, by: Witness::Checkpoint }.into());
                }
                Ok(as_signed(&String::from_utf8_lossy(&text)))
            }
        }
    }
}

/// Prints a proof that holds. What it was made of was not verified before: what does not lead to what `key` signed was changed.
fn proven(evidence: Evidence, key: Option<&VerifierKey>) -> Result<Exit, Failure> {
    let checked = match &evidence {
        Evidence::Inclusion(inclusion) => inclusion.verify(key).map(drop),
        Evidence::Consistency(consistency) => consistency.verify(key).map(drop),
        Evidence::Receipt(receipt) => receipt.verify(key).map(drop),
        Evidence::Node(node) => node.verify(key).map(drop),
    };
    checked.map_err(|e| {
        Failure::new(Exit::Integrity, e.code(), format!("the log does not give such a proof: {e}"))
            .help("`weft chain verify` says what was changed; keep the data directory as evidence")
    })?;
    told(&evidence)
}

/// Prints a file of evidence.
pub(super) fn told(evidence: &Evidence) -> Result<Exit, Failure> {
    print(&[plain_json(&evidence.to_json())])?;
    Ok(Exit::Done)
}
