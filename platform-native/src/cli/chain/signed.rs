//! How much of a stored log is signed. Evidence is of that alone: whoever reads a log signs nothing, or whoever has only its
//! disk would get evidence of what the kernel never wrote.

use crate::cli::events;
use crate::cli::exit::{Exit, Failure};
use crate::cli::stored::{Stored, head};
use crate::cli::terminal::tell;
use crate::cli::text::{count, counted, shell};
use kernel_core::chain::{ChainError, Checkpoint};
use kernel_core::id::ActionId;
use kernel_core::kernel::{root_of, row_of};
use kernel_core::platform::Storage;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// The last signed state of a stored log.
pub(super) struct Signed {
    /// It, as its key signed it.
    pub(super) note: String,
    /// The same, read.
    pub(super) checkpoint: Checkpoint,
    /// How many events the log has: after a crash some that nobody signed.
    size: u64,
    path: PathBuf,
}

impl Signed {
    /// That of `stored`. Its signature is checked, and that the tiles lead to what it is over; events are not read.
    ///
    /// # Errors
    /// That nothing is signed, that it is signed by somebody else, or that it is of another log than the stored one.
    pub(super) async fn of(stored: &Stored) -> Result<Signed, Failure> {
        let path = stored.path.clone();
        let head = head(&stored.rows).await?;
        let Some((size, Some(note))) = head.map(|head| (head.size, head.checkpoint)) else {
            let message = format!("nothing of the log in {} is signed", path.display());
            return Err(Failure::new(Exit::Integrity, "unsigned", message).help(advice(&path)));
        };
        let untrusted = |source| ChainError::KeyUntrusted { size, source };
        let checkpoint = Checkpoint::open(&note, std::slice::from_ref(&stored.key)).map_err(untrusted)?;
        if checkpoint.origin != stored.key.name {
            let (found, expected) = (checkpoint.origin.to_string(), stored.key.name.to_string());
            return Err(ChainError::WrongOrigin { found, expected }.into());
        }
        if checkpoint.size > size || root_of(&stored.rows, checkpoint.size, size).await? != checkpoint.root {
            return Err(ChainError::Rewritten { since: 0, size: checkpoint.size }.into());
        }
        Ok(Signed { note, checkpoint, size, path })
    }

    /// How many events came after it.
    pub(super) fn beyond(&self) -> u64 {
        self.size - self.checkpoint.size
    }

    /// Whether event `seq` is one of these.
    pub(super) fn lacks(&self, seq: u64) -> bool {
        (self.checkpoint.size..self.size).contains(&seq)
    }

    /// Why there is no evidence of `what` came after it.
    pub(super) fn unsigned(&self, what: &str) -> Failure {
        let (signed, size) = (self.checkpoint.size, counted(self.size, "event"));
        let first = count(signed);
        let message = format!("{what} came after the last signature, which covers the first {first} of {size}");
        Failure::new(Exit::Integrity, "unsigned", message).help(advice(&self.path)).with("signed", signed)
    }

    /// Whether one of the events after it is of `action`.
    pub(super) async fn tells_later<S: Storage>(&self, rows: &S, action: ActionId) -> Result<bool, Failure> {
        let mut found = false;
        if self.beyond() > 0 {
            let first = row_of(rows, self.checkpoint.size).await?;
            events::each(
                rows,
                first,
                |header| header.action == action,
                |entry| {
                    found = entry.is_ok_and(|entry| entry.seq >= self.checkpoint.size);
                    if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                },
            )
            .await?;
        }
        Ok(found && action != ActionId(0))
    }

    /// Says what it leaves out, where it leaves anything out.
    pub(super) fn tell(&self) {
        if self.beyond() > 0 {
            let (signed, left) = (count(self.checkpoint.size), counted(self.beyond(), "event"));
            tell(&format!(
                "weft: it covers the first {signed}; {left} that came after the last signature are left out"
            ));
        }
    }
}

/// How the end of a log comes to be signed.
pub(in crate::cli) fn advice(path: &Path) -> String {
    let path = shell(path);
    format!(
        "a kernel signs the end of its own log when it is started on it, or says why not: weft up --data-dir {path}"
    )
}
