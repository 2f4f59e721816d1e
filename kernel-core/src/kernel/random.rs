//! Everything random in the kernel: SHA-256 of a seed and a counter, so that a journal replays exactly.

use crate::id::MessageId;
use sha2::{Digest, Sha256};

/// The seed of the instance of one message of a process: the process has one seed, and no two of its instances may
/// draw the same.
pub(crate) fn of_message(seed: &[u8; 32], message: MessageId) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(seed);
    hasher.update(message.0.to_be_bytes());
    hasher.finalize().into()
}

/// A stream of unpredictable bytes that the seed determines.
#[derive(Debug)]
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Random {
        Random { seed, counter: 0 }
    }

    /// The next 32 bytes.
    pub(crate) fn next(&mut self) -> [u8; 32] {
        self.counter += 1;
        let mut hasher = Sha256::new();
        hasher.update(self.seed);
        hasher.update(self.counter.to_be_bytes());
        hasher.finalize().into()
    }

    /// The next 16 bytes.
    pub(crate) fn salt(&mut self) -> [u8; 16] {
        let mut salt = [0; 16];
        salt.copy_from_slice(&self.next()[..16]);
        salt
    }
}
