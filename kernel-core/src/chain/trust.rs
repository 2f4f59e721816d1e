//! Who must have signed a log, and the reading of a head row under that demand.

use super::error::head_mismatch;
use super::{ChainError, Checkpoint, Head, Origin, VerifierKey};

/// What a log must be signed with to be accepted.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Nothing: only that the log is whole and agrees with itself is checked.
    Unsigned,
    /// One of `keys` must have signed the checkpoint in the head row.
    Signed {
        /// The keys.
        keys: Vec<VerifierKey>,
        /// Whether the checkpoint must cover every event. If not, [`Opened::signed`](super::Opened::signed)
        /// tells how many it covers.
        whole: bool,
    },
}

/// Reads a head row, and the checkpoint in it if a signature is asked for.
pub(super) fn open_head(
    value: &[u8],
    origin: &Origin,
    trust: &Trust,
) -> Result<(Head, Option<Checkpoint>), ChainError> {
    let unreadable = |e| ChainError::HeadMismatch { size: 0, what: format!("it cannot be read: {e}") };
    let head = Head::decode(value).map_err(unreadable)?;
    let other = || ChainError::WrongOrigin { found: head.origin.to_string(), expected: origin.to_string() };
    let own = head.origin == *origin;
    let Trust::Signed { keys, whole } = trust else { return if own { Ok((head, None)) } else { Err(other()) } };
    let Some(note) = &head.checkpoint else { return Err(if own { ChainError::Unsigned { seq: 0 } } else { other() }) };
    // Asked first: a log is named after its key, so beside another key it has the wrong name, too.
    let untrusted = |source| ChainError::KeyUntrusted { size: head.size, source };
    let checkpoint = Checkpoint::open(note, keys).map_err(untrusted)?;
    if !own {
        return Err(other());
    }
    if checkpoint.origin != *origin || checkpoint.size > head.size {
        return Err(head_mismatch(head.size, "its signed checkpoint is for another log"));
    }
    if *whole && checkpoint.size < head.size {
        return Err(ChainError::Unsigned { seq: checkpoint.size });
    }
    Ok((head, Some(checkpoint)))
}
