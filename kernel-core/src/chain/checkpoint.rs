//! Checkpoints (C2SP tlog-checkpoint): the size and root of a log, as the text that its key signs, and in an extension line
//! whether what follows has to be signed.

use super::{Hash, Note, NoteError, Origin, VerifierKey};

/// What a log committed to when it had `size` events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log.
    pub origin: Origin,
    /// How many events.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// Whether the kernel that signed it signs every batch until it ends: then an event behind this one that no signature
    /// covers is not its own.
    pub every_batch: bool,
}

/// The extension line that says so.
const EVERY_BATCH: &str = "every batch is signed";

/// Why a text is not a checkpoint to rely on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The note around it was not accepted.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text of the note is not a checkpoint.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
}

impl Checkpoint {
    /// The text to sign: origin, size and root, a line each, and the extension line where every batch is signed.
    pub fn body(&self) -> String {
        let mut body = format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64());
        if self.every_batch {
            body.extend([EVERY_BATCH, "\n"]);
        }
        body
    }

    /// The signed note, given the log's key and its signature of [`Checkpoint::body`].
    pub fn sign(&self, key: &VerifierKey, signature: [u8; 64]) -> String {
        Note { text: self.body(), signatures: vec![key.signature(signature)] }.to_string()
    }

    /// Reads the text that was signed. Other lines after the third are ignored, as the specification asks.
    pub fn parse(body: &str) -> Result<Checkpoint, CheckpointError> {
        let refuse = CheckpointError::Malformed;
        let body = body.strip_suffix('\n').ok_or(refuse("no final newline"))?;
        let mut lines = body.split('\n');
        let origin = lines.next().and_then(Origin::parse).ok_or(refuse("no origin in line 1"))?;
        let size = lines.next().and_then(decimal).ok_or(refuse("no size in line 2"))?;
        let root = lines.next().and_then(Hash::from_base64).ok_or(refuse("no root hash in line 3"))?;
        let mut every_batch = false;
        for line in lines {
            if line.is_empty() {
                return Err(refuse("an empty extension line"));
            }
            every_batch |= line == EVERY_BATCH;
        }
        Ok(Checkpoint { origin, size, root, every_batch })
    }

    /// The checkpoint in `note` if one of `keys` signed it.
    pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Checkpoint, CheckpointError> {
        let note = Note::parse(note)?;
        note.verify(keys)?;
        Checkpoint::parse(&note.text)
    }

    /// The checkpoint in `note`, whoever signed it.
    pub fn open_unverified(note: &str) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::parse(&Note::parse(note)?.text)
    }
}

/// A decimal number in its one form: digits without a leading zero.
fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}
