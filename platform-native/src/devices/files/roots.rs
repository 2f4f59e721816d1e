//! The folders that are mounted, by what they are and not by how they are called.
//!
//! A file is reached through one mount only: its labels belong to that path, and the mode and the clearance
//! of that mount hold for it. So one folder is mounted once, and a mount ends where the folder of another
//! begins. No mount reaches the folder in which the host keeps what it keeps. Folders are compared by device and number, which no link, no second name and no bind mount
//! changes.

use cap_std::fs::{Dir, Metadata, MetadataExt};
use kernel_core::path::Name;
use std::io;
use std::path::Path;
use std::sync::{OnceLock, PoisonError, RwLock};

/// What a folder is: device and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devices) struct Root(u64, u64);

impl Root {
    pub(super) fn of(dir: &Dir) -> io::Result<Root> {
        dir.dir_metadata().map(|meta| Root::from(&meta))
    }

    /// What the folder at `path` is, links followed.
    pub(in crate::devices) fn at(path: &Path) -> io::Result<Root> {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).map(|meta| Root(meta.dev(), meta.ino()))
    }
}

impl From<&Metadata> for Root {
    fn from(meta: &Metadata) -> Root {
        Root(meta.dev(), meta.ino())
    }
}

/// Where a mount ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The folder of another mount begins.
    Mount(Name),
    /// A folder begins that no mount reaches.
    Shut,
}

/// Every mounted folder with its mount, and the folder that no mount reaches.
#[derive(Debug, Default)]
pub(in crate::devices) struct Roots {
    // Read for every folder that is passed through and written when one is bound: held only to look.
    bound: RwLock<Vec<(Root, Name)>>,
    shut: OnceLock<Root>,
}

impl Roots {
    /// Notes that `name` is bound to `root`, in place of what it was bound to.
    ///
    /// # Errors
    /// The mount that is bound to the same folder. Nothing has changed then.
    pub(in crate::devices) fn bind(&self, name: &Name, root: Root) -> Result<(), Name> {
        let mut bound = self.bound.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, other)) = bound.iter().find(|(known, other)| *known == root && other != name) {
            return Err(other.clone());
        }
        bound.retain(|(_, other)| other != name);
        bound.push((root, name.clone()));
        Ok(())
    }

    pub(in crate::devices) fn unbind(&self, name: &Name) {
        self.bound.write().unwrap_or_else(PoisonError::into_inner).retain(|(_, other)| other != name);
    }

    /// Notes that no mount reaches `root`, the first time that this is called.
    pub(in crate::devices) fn shut(&self, root: Root) {
        let _ = self.shut.set(root);
    }

    /// Whether a mount can end at all: where there is another one, or a folder that none reaches.
    pub(super) fn are_several(&self) -> bool {
        self.shut.get().is_some() || self.bound.read().unwrap_or_else(PoisonError::into_inner).len() > 1
    }

    /// Whether the mount `own` ends at `root`, and why.
    pub(super) fn end(&self, root: Root, own: &Name) -> Option<End> {
        if self.shut.get() == Some(&root) {
            return Some(End::Shut);
        }
        let bound = self.bound.read().unwrap_or_else(PoisonError::into_inner);
        bound.iter().find(|(known, name)| *known == root && name != own).map(|(_, name)| End::Mount(name.clone()))
    }
}
