//! What is mounted. One folder is mounted once, and a mount ends where the folder of another begins: a file is
//! reached through one mount only, because its labels belong to that path, and the mode and the clearance of that
//! mount hold for it. What kernels keep in the origin private file system is mounted never.

use super::files::Files;
use super::folder::Folder;
use crate::js::{scope, wait, words};
use crate::storage::opfs;
use js_sys::{Array, AsyncIterator};
use kernel_core::path::Name;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use web_sys::{FileSystemDirectoryHandle, FileSystemHandle};

/// Why something could not be mounted. Nothing was bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// It may not or cannot be listed.
    #[error("the folder for mount `{name}` cannot be read: {said}")]
    Unreadable {
        /// The mount.
        name: Name,
        /// What the browser says.
        said: String,
    },
    /// It is the folder of another mount, so its files would have two paths each.
    #[error("the folder for mount `{name}` is mounted as `{other}` already; a folder is mounted once")]
    Twice {
        /// The mount.
        name: Name,
        /// The mount that it is bound to.
        other: Name,
    },
    /// It holds, or lies in, what kernels keep.
    #[error("the folder for mount `{name}` holds what kernels of this site keep: their logs; choose another")]
    Ours {
        /// The mount.
        name: Name,
    },
    /// A path in a list of files is none.
    #[error("`{path}` in the files for mount `{name}` {why}")]
    BadPath {
        /// The mount.
        name: Name,
        /// As it was given.
        path: String,
        /// "is given twice", ...
        why: &'static str,
    },
}

/// One mount. Clones are the same.
#[derive(Clone, Debug)]
pub(super) enum Mount {
    Folder(Rc<Folder>),
    Files(Rc<Files>),
}

/// All of them by name.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    by_name: BTreeMap<Name, Mount>,
}

impl Mounts {
    pub(super) fn get(&self, name: &str) -> Option<Mount> {
        self.by_name.get(name).cloned()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.by_name.keys()
    }

    pub(super) fn insert(&mut self, name: &Name, mount: Mount) {
        self.remove(name);
        self.by_name.insert(name.clone(), mount);
    }

    pub(super) fn remove(&mut self, name: &Name) -> bool {
        self.folders().for_each(|folder| folder.open_up(name));
        self.by_name.remove(name).is_some()
    }

    fn folders(&self) -> impl Iterator<Item = &Rc<Folder>> {
        self.by_name.values().filter_map(|mount| if let Mount::Folder(folder) = mount { Some(folder) } else { None })
    }
}

/// Binds the folder `handle`; see [`super::WebDevices::bind`].
pub(super) async fn bind(
    mounts: &RefCell<Mounts>,
    name: &Name,
    handle: FileSystemDirectoryHandle,
) -> Result<(), MountError> {
    let unreadable = |e: JsValue| MountError::Unreadable { name: name.clone(), said: words(&e) };
    let first: AsyncIterator = handle.values();
    wait::<JsValue>(first.next().map_err(unreadable)?).await.map_err(unreadable)?;
    let in_opfs = match place_in_opfs(&handle).await {
        None => false,
        Some(path) if path.first().is_none_or(|first| first == opfs::FOLDER) => {
            return Err(MountError::Ours { name: name.clone() });
        }
        Some(_) => true,
    };
    let folder = Rc::new(Folder::new(name, handle, in_opfs));
    let others: Vec<Rc<Folder>> = mounts.borrow().folders().filter(|other| other.name() != name).cloned().collect();
    let mut nested = Vec::new();
    for other in others {
        if let Some(inside) = below(other.handle(), folder.handle()).await.map_err(unreadable)? {
            if inside.is_empty() {
                return Err(MountError::Twice { name: name.clone(), other: other.name().clone() });
            }
            nested.push((other, folder.clone(), inside));
        } else if let Some(inside) = below(folder.handle(), other.handle()).await.map_err(unreadable)? {
            nested.push((folder.clone(), other, inside));
        }
    }
    mounts.borrow_mut().insert(name, Mount::Folder(folder));
    // After the insertion, which opens up what ended at the mount that had this name before.
    for (outer, inner, inside) in nested {
        outer.end_at(inside, inner.name().clone());
    }
    Ok(())
}

/// The names that lead from `outer` down to `inner`, if it is there: none where both are the same folder.
async fn below(outer: &FileSystemDirectoryHandle, inner: &FileSystemHandle) -> Result<Option<Vec<String>>, JsValue> {
    let path: JsValue = wait(outer.resolve(inner)).await?;
    let names = |path: Array| path.iter().filter_map(|name| name.as_string()).collect();
    Ok((!path.is_null()).then(|| names(Array::from(&path))))
}

/// Where `handle` lies in the origin private file system, if it does.
async fn place_in_opfs(handle: &FileSystemDirectoryHandle) -> Option<Vec<String>> {
    let storage = scope().navigator().storage();
    if storage.is_undefined() {
        return None;
    }
    let root: FileSystemDirectoryHandle = wait(storage.get_directory()).await.ok()?;
    below(&root, handle).await.ok().flatten()
}
