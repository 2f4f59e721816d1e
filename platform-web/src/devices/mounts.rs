//! What is mounted. One folder is mounted once, and a mount ends where the folder of another begins: a file is
//! reached through one mount only, because its labels belong to that path, and the mode and the clearance of that
//! mount hold for it. What kernels keep in the origin private file system is mounted never.
//!
//! Beside each mount stands to which applications it was given; what follows from that is for whoever binds it
//! (`kernel::mounting`).

use super::files::Files;
use super::folder::Folder;
use crate::js::{scope, wait, words};
use crate::storage::opfs;
use js_sys::{Array, AsyncIterator};
use kernel_core::path::Name;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
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
pub(crate) enum Mount {
    Folder(Rc<Folder>),
    Files(Rc<Files>),
}

impl Mount {
    /// Whether both are one folder. Two lists of files never are: nothing tells what they were dropped from.
    pub(crate) async fn is_same(&self, other: &Mount) -> bool {
        match (self, other) {
            (Mount::Folder(a), Mount::Folder(b)) => {
                // What cannot be compared is another one.
                wait::<JsValue>(a.handle().is_same_entry(b.handle())).await.is_ok_and(|same| same.is_truthy())
            }
            (Mount::Files(a), Mount::Files(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// All of them by name.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    by_name: BTreeMap<Name, Bound>,
}

/// What a name stands for.
#[derive(Debug)]
struct Bound {
    mount: Mount,
    /// The applications that it was given to.
    given: BTreeSet<Name>,
}

impl Mounts {
    pub(super) fn get(&self, name: &str) -> Option<Mount> {
        self.by_name.get(name).map(|bound| bound.mount.clone())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.by_name.keys()
    }

    pub(super) fn insert(&mut self, name: &Name, mount: Mount) {
        self.remove(name);
        self.by_name.insert(name.clone(), Bound { mount, given: BTreeSet::new() });
    }

    pub(super) fn remove(&mut self, name: &Name) -> bool {
        self.folders().for_each(|folder| folder.open_up(name));
        self.by_name.remove(name).is_some()
    }

    /// The applications that what is bound to `name` was given to; `None` where nothing is bound.
    pub(super) fn given(&self, name: &Name) -> Option<&BTreeSet<Name>> {
        self.by_name.get(name).map(|bound| &bound.given)
    }

    /// Notes that what is bound to `name` was given to the application `app`.
    pub(super) fn give(&mut self, name: &Name, app: &Name) {
        if let Some(bound) = self.by_name.get_mut(name) {
            bound.given.insert(app.clone());
        }
    }

    /// Notes that the application `app` has nothing any more.
    pub(super) fn take_back(&mut self, app: &Name) {
        for bound in self.by_name.values_mut() {
            bound.given.remove(app);
        }
    }

    fn folders(&self) -> impl Iterator<Item = &Rc<Folder>> {
        self.by_name.values().filter_map(|bound| match &bound.mount {
            Mount::Folder(folder) => Some(folder),
            Mount::Files(_) => None,
        })
    }
}

/// The folder `handle`, to be mounted as `name`.
pub(super) async fn open(name: &Name, handle: FileSystemDirectoryHandle) -> Result<Mount, MountError> {
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
    Ok(Mount::Folder(Rc::new(Folder::new(name, handle, in_opfs))))
}

/// Binds `mount` to `name`, in place of what was bound to it.
pub(super) async fn bind(mounts: &RefCell<Mounts>, name: &Name, mount: Mount) -> Result<(), MountError> {
    let nested = nested(mounts, name, &mount).await?;
    mounts.borrow_mut().insert(name, mount);
    // After the insertion, which opens up what ended at the mount that had this name before.
    for (outer, inner, inside) in nested {
        outer.end_at(inside, inner.name().clone());
    }
    Ok(())
}

/// Each of the other mounts in which `mount` lies or that lies in it: the outer, the inner and the way between.
pub(super) async fn nested(
    mounts: &RefCell<Mounts>,
    name: &Name,
    mount: &Mount,
) -> Result<Vec<(Rc<Folder>, Rc<Folder>, Vec<String>)>, MountError> {
    let mut nested = Vec::new();
    let Mount::Folder(folder) = mount else { return Ok(nested) };
    let unreadable = |e: JsValue| MountError::Unreadable { name: name.clone(), said: words(&e) };
    let others: Vec<Rc<Folder>> = mounts.borrow().folders().filter(|other| other.name() != name).cloned().collect();
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
    Ok(nested)
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
