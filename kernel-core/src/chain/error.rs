//! What can be wrong with a stored log, each with the event it starts at and what to do about it.

use super::{CheckpointError, Entries, event};
use crate::codec::hex;

/// Who says how long the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// The head row beside it.
    Head,
    /// A checkpoint that was kept elsewhere.
    Checkpoint,
}

/// Why a stored log was not accepted. Nothing was changed; nothing is repaired.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Events are missing from the middle.
    #[error("{} missing", span(*seq, found.saturating_sub(1)))]
    Gap {
        /// The first that is missing.
        seq: u64,
        /// The first that is there again.
        found: u64,
    },
    /// Events are missing from the end.
    #[error("the log ends before event {seq}, but {} covers {size} events", match by {
        Witness::Head => "its head row",
        Witness::Checkpoint => "the checkpoint that was kept elsewhere",
    })]
    Truncated {
        /// The first that is missing.
        seq: u64,
        /// How many there should be.
        size: u64,
        /// Who says so.
        by: Witness,
    },
    /// Events stand at each other's place.
    #[error("event {found} stands at the place of event {seq}")]
    Swapped {
        /// The place.
        seq: u64,
        /// The event that stands there.
        found: u64,
    },
    /// An event is not the one that was sealed.
    #[error("event {seq} was changed: {what}")]
    Tampered {
        /// The event.
        seq: u64,
        /// How it shows.
        what: String,
    },
    /// From an event on, the log is another one than was sealed: it does not follow what is before it, or
    /// head and tiles speak of other events.
    #[error("from event {seq} on the log is not the one that was sealed here")]
    Forked {
        /// The first event of the other log.
        seq: u64,
    },
    /// A checkpoint that was kept elsewhere covers other events.
    #[error("{} not what the checkpoint over {size} events covers", span(*since, size.saturating_sub(1)))]
    Rewritten {
        /// Where the first difference can be at the earliest: checkpoints up to here agree.
        since: u64,
        /// The size of the checkpoint.
        size: u64,
    },
    /// The events agree with each other and with the tiles, but not with the head row.
    #[error("the head row after event {} is wrong: {what}", size.saturating_sub(1))]
    HeadMismatch {
        /// How many events the head row speaks of.
        size: u64,
        /// What does not fit.
        what: String,
    },
    /// There are rows of events or tiles and no head row.
    #[error("there are rows of a log, but its head row is missing")]
    HeadMissing,
    /// The events agree with each other and with the head row, but not with a Merkle tile.
    #[error("tile {index} of level {level}, over the events from {seq} on, is {what}")]
    Tile {
        /// The level of the tile.
        level: u8,
        /// The index of the tile.
        index: u64,
        /// The first event over which it is wrong.
        seq: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The signed checkpoint in the head row does not hold.
    #[error("the signature over the first {size} events is not to be trusted: {source}")]
    KeyUntrusted {
        /// How many events the head row speaks of.
        size: u64,
        /// What is wrong with the note.
        source: CheckpointError,
    },
    /// The body that is kept of an outward act is not the one that the log commits to.
    #[error("the body that is kept of act {action} {what}: event {seq} commits to another")]
    Body {
        /// The event.
        seq: u64,
        /// The act.
        action: u64,
        /// How it shows.
        what: &'static str,
    },
    /// Events are not covered by a signed checkpoint, though all must be.
    #[error("events from {seq} on are not covered by a signed checkpoint")]
    Unsigned {
        /// The first that is not covered.
        seq: u64,
    },
    /// An event does not fit what the log says of its act before.
    #[error("event {seq}, of act {action}, {what}")]
    Act {
        /// The event.
        seq: u64,
        /// The act.
        action: u64,
        /// What it does.
        what: &'static str,
    },
    /// The rows of the kernel's state do not fit the log.
    #[error("the state does not fit the log up to event {seq}: {what}")]
    State {
        /// The event that they do not fit.
        seq: u64,
        /// The act; 0 if it is about none.
        action: u64,
        /// What does not fit.
        what: String,
    },
    /// Events at the end are not covered by a signed checkpoint, and cannot be the kernel's own.
    #[error("{} behind the last signature, over the first {seq}, and not this kernel's own: {}", span(*seq, size.saturating_sub(1)),
        match started {
            Some(start) => format!("event {start} begins a start, which is signed with the batch that stores it"),
            None => "the kernel that signed it signs every batch".to_owned(),
        })]
    Appended {
        /// The first that is not covered.
        seq: u64,
        /// How many events there are.
        size: u64,
        /// The first of them that begins a start.
        started: Option<u64>,
    },
    /// It is the log of someone else.
    #[error("this is the log of {found}, not of {expected}")]
    WrongOrigin {
        /// The origin in the head row or checkpoint.
        found: String,
        /// The origin that was asked for.
        expected: String,
    },
    /// An event has a version that this program does not know.
    #[error("event {seq} has version {found}, which this program does not read")]
    Version {
        /// The event.
        seq: u64,
        /// Its version.
        found: u64,
    },
    /// An event has its form, but what it says is nothing that this program reads.
    #[error("event {seq} says something that this program does not read")]
    Content {
        /// The event.
        seq: u64,
    },
    /// A row has a key that no row of a log has.
    #[error("a row of the log has the malformed key {key}")]
    MalformedRow {
        /// The key in hexadecimal.
        key: String,
    },
}

impl ChainError {
    /// The kind of failure in one word, as in JSON and receipts.
    pub fn code(&self) -> &'static str {
        match self {
            ChainError::Gap { .. } => "chain_gap",
            ChainError::Truncated { .. } => "truncated",
            ChainError::Swapped { .. } => "swapped",
            ChainError::Tampered { .. } => "tampered",
            ChainError::Forked { .. } | ChainError::Rewritten { .. } => "forked",
            ChainError::HeadMismatch { .. } => "head_mismatch",
            ChainError::HeadMissing => "head_missing",
            ChainError::Tile { .. } => "tile_mismatch",
            ChainError::KeyUntrusted { .. } => "key_untrusted",
            ChainError::Body { .. } => "body_changed",
            ChainError::Act { .. } => "act_mismatch",
            ChainError::State { .. } => "state_mismatch",
            ChainError::Unsigned { .. } => "unsigned",
            ChainError::Appended { .. } => "appended",
            ChainError::WrongOrigin { .. } => "wrong_origin",
            ChainError::Version { .. } | ChainError::Content { .. } => "version",
            ChainError::MalformedRow { .. } => "malformed_row",
        }
    }

    /// The first event that the failure is about; `None` if it is about the log as a whole.
    pub fn seq(&self) -> Option<u64> {
        match self {
            ChainError::Gap { seq, .. }
            | ChainError::Truncated { seq, .. }
            | ChainError::Swapped { seq, .. }
            | ChainError::Tampered { seq, .. }
            | ChainError::Forked { seq }
            | ChainError::Tile { seq, .. }
            | ChainError::Body { seq, .. }
            | ChainError::Act { seq, .. }
            | ChainError::State { seq, .. }
            | ChainError::Unsigned { seq }
            | ChainError::Appended { seq, .. }
            | ChainError::Version { seq, .. }
            | ChainError::Content { seq } => Some(*seq),
            ChainError::Rewritten { since, .. } => Some(*since),
            ChainError::HeadMismatch { size, .. } | ChainError::KeyUntrusted { size, .. } => {
                Some(size.saturating_sub(1))
            }
            ChainError::HeadMissing | ChainError::WrongOrigin { .. } | ChainError::MalformedRow { .. } => None,
        }
    }

    /// What a person can do about it, as one sentence.
    pub fn advice(&self) -> &'static str {
        match self {
            ChainError::Version { .. } => "Use a newer weft with this data directory.",
            ChainError::Content { .. } => "Use the version of weft that wrote this data directory, or a newer one.",
            ChainError::WrongOrigin { .. } => "Give the data directory, or the checkpoint, that belongs to this log.",
            ChainError::KeyUntrusted { .. } | ChainError::Unsigned { .. } => {
                "Give the public key that signed this log; if that is the one that was used, keep the data directory as \
                 evidence and restore a copy that verifies."
            }
            ChainError::Rewritten { .. } | ChainError::Truncated { by: Witness::Checkpoint, .. } => {
                "Keep the data directory and the checkpoint as evidence: together they prove that the log was rewritten \
                 or rolled back. Restore a copy that verifies against the checkpoint."
            }
            ChainError::Appended { .. } => {
                "Keep the data directory as evidence: whoever wrote these events has this disk and not the key. `weft chain \
                 show` shows them. Restore a copy that verifies."
            }
            ChainError::Tile { .. } | ChainError::Body { .. } | ChainError::State { .. } => {
                "The events themselves verify. Keep the data directory as evidence and restore a copy that verifies."
            }
            _ => "Keep the data directory as evidence and restore a copy that verifies.",
        }
    }
}

/// "events 3 to 5 are", "event 3 is".
fn span(first: u64, last: u64) -> String {
    if first < last { format!("events {first} to {last} are") } else { format!("event {first} is") }
}

pub(super) fn tampered(seq: u64, what: &str) -> ChainError {
    ChainError::Tampered { seq, what: what.to_owned() }
}

pub(super) fn head_mismatch(size: u64, what: &str) -> ChainError {
    ChainError::HeadMismatch { size, what: what.to_owned() }
}

pub(super) fn malformed(key: &[u8]) -> ChainError {
    ChainError::MalformedRow { key: hex(key) }
}

/// Why event `found` stands where `seq` should, as the order of the events after it in the row tells.
pub(super) fn out_of_place(seq: u64, found: u64, starts_row: bool, size: u64, rest: Entries<'_>) -> ChainError {
    let after: Vec<u64> = rest.map_while(Result::ok).map_while(|e| event::decode(e).ok()).map(|e| e.seq).collect();
    let next = after.first().copied();
    if found >= size || (starts_row && next == Some(seq + 1)) {
        tampered(seq, &format!("it says that it is event {found}"))
    } else if after.contains(&seq) || starts_row || found < seq {
        ChainError::Swapped { seq, found }
    } else if next.is_none_or(|next| next == found + 1) {
        ChainError::Gap { seq, found }
    } else {
        tampered(seq, &format!("it says that it is event {found}"))
    }
}
