//! The database of a running kernel: whether it is still the file that was opened.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A database, by what the file system says it is: its name alone can come to mean another one.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    is: Option<(u64, u64)>,
}

impl Database {
    /// The one at `path` now.
    pub(crate) fn at(path: PathBuf) -> Database {
        let is = Database::now(&path);
        Database { path, is }
    }

    fn now(path: &Path) -> Option<(u64, u64)> {
        path.symlink_metadata().ok().map(|meta| (meta.dev(), meta.ino()))
    }

    /// Why what was written to it cannot be found there any more.
    pub(crate) fn lost(&self) -> Option<String> {
        let (path, now) = (self.path.display(), Database::now(&self.path));
        match now {
            now if now == self.is => None,
            None => Some(format!("{path} was removed while it was in use, and the log of this kernel with it")),
            Some(_) => Some(format!("{path} was replaced while it was in use, and the log of this kernel is gone")),
        }
    }
}
