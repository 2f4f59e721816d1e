//! Signed notes, checkpoints and verifier keys: what `weft chain verify --against FILE` reads.

use crate::sample;
use kernel_core::chain::{Checkpoint, CheckpointError, Hash, MAX_NOTE, Note, NoteError, Origin, VerifierKey};

/// How many checkpoints the key has ever signed, in the eyes of this target: those of the seeds.
pub const SIGNED: u64 = 3;

/// The checkpoint of `size` that was signed. They are made up, so that seeds outlive changes of what kernels log.
pub fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint { origin: sample::key().name, size, root: Hash::leaf(&size.to_be_bytes()), every_batch: size % 2 == 1 }
}

/// A note is text and signatures and nothing else; no checkpoint is believed that the key did not sign.
pub fn body(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let mut any = false;
    if let Some(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text, "one text per key");
        any = true;
    }
    if let Some(origin) = Origin::parse(text) {
        assert_eq!(origin.as_str(), text);
    }
    if let Ok(note) = Note::parse(text) {
        assert!(text.len() <= MAX_NOTE);
        assert!(!note.signatures.is_empty());
        assert_eq!(note.to_string(), text, "one text per note");
        any = true;
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(Checkpoint::parse(&checkpoint.body()).as_ref(), Ok(&checkpoint));
        // What else it says stands behind the root.
        let lines = Checkpoint { every_batch: false, ..checkpoint }.body();
        assert!(text.starts_with(lines.trim_end_matches('\n')));
        any = true;
    }
    match Checkpoint::open(text, &[sample::key()]) {
        Ok(opened) => {
            let was = |size| checkpoint(size) == opened;
            assert!((0..SIGNED).any(was), "a checkpoint that was never signed: {opened:?}");
            assert_eq!(Checkpoint::open_unverified(text).as_ref(), Ok(&opened));
        }
        Err(CheckpointError::Note(NoteError::Untrusted { signers })) => assert!(!signers.is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    any
}
