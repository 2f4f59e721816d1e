//! `weft chain checkpoint`.

use super::signed::Signed;
use super::{Source, Which};
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
        let (checkpoint, note, key, unsigned) = match self.which.source().await? {
            Source::Stored(stored) => {
                let signed = Signed::of(&stored).await?;
                signed.tell();
                let unsigned = signed.beyond();
                (signed.checkpoint, signed.note, Some(stored.key.clone()), unsigned)
            }
            Source::Kernel(mut live) => {
                let (checkpoint, note) = live.checkpoint().await?;
                (checkpoint, note, live.key, 0)
            }
        };
        if self.json {
            print_json(&json!({
                "weft": VERSION,
                "origin": checkpoint.origin.as_str(),
                "size": checkpoint.size,
                "root": checkpoint.root.to_base64(),
                "key": key.map(|key| key.to_string()),
                "note": note,
                "unsigned": unsigned,
            }))?;
        } else {
            // A note ends with a newline, which printing adds.
            print(&[note.trim_end_matches('\n').to_owned()])?;
        }
        Ok(Exit::Done)
    }
}
