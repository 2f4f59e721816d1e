//! The folders that are mounted, by what they are and not by how they are called.
//!
//! A file is reached through one mount only: its labels belong to that path, and the mode and the clearance
//! of that mount hold for it. So one folder is mounted once, and a mount ends where the folder of another
//! begins. Folders are compared by device and number, which no link, no second name and no bind mount
//! changes.

use cap_std::fs::{Dir, Metadata, MetadataExt};
use kernel_core::path::Name;
use std::io;
use std::sync::{PoisonError, RwLock};

/// What a folder is: device and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devices) struct Root(u64, u64);

impl Root {
    pub(super) fn of(dir: &Dir) -> io::Result<Root> {
        dir.dir_metadata().map(|meta| Root::from(&meta))
    }
}

impl From<&Metadata> for Root {
    fn from(meta: &Metadata) -> Root {
        Root(meta.dev(), meta.ino())
    }
}

/// Every mounted folder with its mount.
#[derive(Debug, Default)]
pub(in crate::devices) struct Roots {
    // Read for every folder that is passed through and written when one is bound: held only to look.
    bound: RwLock<Vec<(Root, Name)>>,
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

    /// Whether there is more than one mount, so that one could begin inside another.
    pub(super) fn are_several(&self) -> bool {
        self.bound.read().unwrap_or_else(PoisonError::into_inner).len() > 1
    }

    /// The mount of which `root` is the folder, unless that is `own`.
    pub(super) fn find(&self, root: Root, own: &Name) -> Option<Name> {
        let bound = self.bound.read().unwrap_or_else(PoisonError::into_inner);
        bound.iter().find(|(known, name)| *known == root && name != own).map(|(_, name)| name.clone())
    }
}
