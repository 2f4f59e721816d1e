//! The log: events chained by their hashes, a Merkle tree over them, and signed checkpoints.
//!
//! Everything here is sans-io: [`Log`] returns the rows to store, [`Opening`] says which rows it wants to
//! see. An event has one hash, its RFC 6962 leaf hash, which is also its successor's `prev`.
//! Merkle nodes are kept as C2SP tlog tiles and checkpoints as C2SP signed notes, so that what leaves the
//! kernel is a copy of what is stored. `kernel-core/FORMAT.md` gives every byte.
//!
//! What an event is about is not known here: its content is one CBOR item that `kernel/event.rs` makes.

mod checkpoint;
mod edge;
mod error;
mod event;
mod evidence;
mod hash;
mod log;
mod merkle;
mod note;
mod opening;
mod proof;
mod rows;
mod tail;
mod tiles;
mod torn;
mod trust;

#[cfg(test)]
mod tests;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use error::{ChainError, Witness};
pub use event::{AppendError, Decoded, EventError, Header, MAX_CONTENT, MAX_EVENT, decode, decode_verified};
pub use evidence::{
    Consistency, Evidence, EvidenceError, Inclusion, MAX_EVENTS, MAX_EVIDENCE, NodeProof, NotEvidence, Receipt,
    SaltedBody, Sealed,
};
pub use hash::Hash;
pub use log::{AttachError, Log};
pub use merkle::{TILE_WIDTH, TileId, Tree};
pub use note::{MAX_NOTE, Note, NoteError, Origin, Signature, VerifierKey};
pub use opening::{Opened, Opening, Want};
pub use proof::{ProofError, check_against, consistency, inclusion, root_at, verify_consistency, verify_inclusion};
pub use rows::{
    CutOff, Entries, Head, ROW_BYTES, Row, TABLE_EVENTS, TABLE_HEAD, TABLE_TILES, entries, event_key, event_seq,
    head_key, tile_id, tile_key,
};
pub use torn::Torn;
pub use trust::Trust;
