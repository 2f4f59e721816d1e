//! `weft chain checkpoint`.

use super::Which;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::{print, print_json};
use serde_json::json;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Checkpoint {
    #[command(flatten)]
    which: Which,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

impl Checkpoint {
    pub(super) async fn run(&self) -> Result<Exit, Failure> {
        let (stored, log) = self.which.verified().await?;
        let note = stored.note(log.signed(), &log.checkpoint()).await?;
        if self.json {
            print_json(&json!({
                "weft": VERSION,
                "origin": log.origin().as_str(),
                "size": log.size(),
                "root": log.root().to_base64(),
                "key": stored.key.to_string(),
                "note": note,
            }))?;
        } else {
            // A note ends with a newline, which printing adds.
            print(&[note.trim_end_matches('\n').to_owned()])?;
        }
        Ok(Exit::Done)
    }
}
