//! Evidence of what a node of the resource tree is. What the rows of the tree say is not known here: `kernel/tree/prove.rs`
//! looks at that.

use super::{EvidenceError, NotEvidence, STANDARD, Sealed, Wire, read_bytes, refuse, signed};
use crate::chain::event::Decoded;
use crate::chain::{Checkpoint, VerifierKey};
use base64::Engine;

/// What a node of the tree is, or that it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeProof {
    /// The node, as in `/tree/app/x`.
    pub path: String,
    /// What the root covers of its record; none where it has none.
    pub record: Option<Vec<u8>>,
    /// The two hashes that the root is made of.
    pub head: [u8; 64],
    /// The rows on the way from the root to the node.
    pub rows: Vec<Vec<u8>>,
    /// The event that tells the root.
    pub event: Sealed,
    /// The note of the checkpoint to which its proof leads.
    pub checkpoint: String,
}

impl NodeProof {
    /// Checks that `key` signed the checkpoint and that the log under it has the event.
    ///
    /// # Errors
    /// What does not hold; what the event and the rows say is not looked at.
    pub fn verify(&self, key: Option<&VerifierKey>) -> Result<(Checkpoint, Decoded<'_>), EvidenceError> {
        let checkpoint = signed(&self.checkpoint, key)?;
        let event = self.event.verify(&checkpoint)?;
        Ok((checkpoint, event))
    }

    pub(super) fn read(
        event: Sealed,
        path: String,
        (record, head, rows): (Option<String>, &str, Vec<String>),
        checkpoint: String,
    ) -> Result<NodeProof, NotEvidence> {
        let head = read_bytes(head)?.try_into().or_else(|_| refuse("a head has 64 bytes".to_owned()))?;
        let record = record.map(|record| read_bytes(&record)).transpose()?;
        let rows = rows.iter().map(|row| read_bytes(row)).collect::<Result<Vec<_>, _>>()?;
        Ok(NodeProof { path, record, head, rows, event, checkpoint })
    }

    pub(super) fn write(&self, wire: &mut Wire) {
        let NodeProof { path, record, head, rows, event, checkpoint } = self;
        "node".clone_into(&mut wire.evidence);
        wire.path = Some(path.clone());
        wire.record = record.as_ref().map(|record| STANDARD.encode(record));
        wire.head = Some(STANDARD.encode(head));
        wire.rows = Some(rows.iter().map(|row| STANDARD.encode(row)).collect());
        wire.events = Some(vec![event.written()]);
        wire.checkpoint.clone_from(checkpoint);
    }
}
