//! The room that is left on the disk of a data directory, against what is kept there in reserve.
//!
//! A kernel that stays stops for good when its log cannot be written any more. Before that its applications do nothing, so
//! that what is left is enough to look at it, to end what fills the disk and to stop in order.

use kernel_core::kernel::input::Lack;
use std::path::{Path, PathBuf};

/// The reserve where nobody says another, bytes.
pub(crate) const RESERVE: u64 = 64 << 20;

/// A disk, and what is kept there in reserve.
#[derive(Debug)]
pub(crate) struct Space {
    data_dir: PathBuf,
    reserve: u64,
}

impl Space {
    pub(crate) fn new(data_dir: &Path, reserve: u64) -> Space {
        Space { data_dir: data_dir.to_owned(), reserve }
    }

    /// How many bytes are kept in reserve.
    pub(crate) fn reserve(&self) -> u64 {
        self.reserve
    }

    /// How many are left, where that can be said.
    pub(crate) fn free(&self) -> Option<u64> {
        free(&self.data_dir).ok()
    }

    /// What is missing now. Of a disk of which it cannot be said nothing is: writing to it will tell.
    pub(crate) fn lack(&self) -> Option<Lack> {
        let free = self.free()?;
        (free < self.reserve).then_some(Lack { free, reserve: self.reserve })
    }
}

/// How many bytes whoever asks may still write to the disk that holds `path`.
///
/// # Errors
/// The system's own.
pub(crate) fn free(path: &Path) -> std::io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
