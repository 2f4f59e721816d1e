//! What the entries of picked folders are really called.
//!
//! A disk may take two spellings for one name: capitals, or how an accent is composed. A browser opens the entry under
//! either and calls it as it was asked for, so the same file would have two paths, and with them the labels, the rights
//! and the mode of both. So an entry of a picked folder is used only under the name that a listing of its folder shows.
//! The origin private file system tells all names apart and is not asked.
//!
//! A folder is listed once, and its names are kept; what is made or removed through this host is followed. Where others
//! change how a name is spelled meanwhile, that is seen when the folder is listed again.

use super::{Folder, MAX_NAMES};
use crate::js::wait;
use js_sys::{AsyncIterator, IteratorNext};
use kernel_core::platform::DeviceError;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use wasm_bindgen::JsValue;
use web_sys::FileSystemDirectoryHandle;

/// How many names of all folders together are kept, beside those of the folder that was listed last.
const KEPT: usize = 200_000;

/// How often a folder is listed again because something was removed while it was.
const TRIES: u32 = 5;

/// Names of entries by the names that lead to their folder.
#[derive(Debug, Default)]
pub(super) struct Names {
    kept: RefCell<VecDeque<(Vec<String>, BTreeSet<String>)>>,
    /// How often something was removed: a listing that was begun before may show it still.
    removed: Cell<u64>,
}

impl Names {
    fn has(&self, folder: &[String], name: &str) -> bool {
        self.kept.borrow().iter().any(|(of, names)| of == folder && names.contains(name))
    }

    /// What the folder was found to hold in a listing that was begun when `removed` was [`Names::removed`].
    pub(super) fn keep(&self, folder: &[String], names: BTreeSet<String>, removed: u64) {
        if removed != self.removed.get() {
            return;
        }
        let mut kept = self.kept.borrow_mut();
        kept.retain(|(of, _)| of != folder);
        kept.push_back((folder.to_vec(), names));
        let mut sum: usize = kept.iter().map(|(_, names)| names.len()).sum();
        while sum > KEPT && kept.len() > 1 {
            sum -= kept.pop_front().map_or(0, |(_, names)| names.len());
        }
    }

    /// How often something was removed.
    pub(super) fn removed(&self) -> u64 {
        self.removed.get()
    }

    /// Notes that `name` was made.
    pub(super) fn made(&self, folder: &[String], name: &str) {
        if let Some((_, names)) = self.kept.borrow_mut().iter_mut().find(|(of, _)| of == folder) {
            names.insert(name.to_owned());
        }
    }

    /// Notes that what `path` leads to is being removed, or was.
    pub(super) fn gone(&self, path: &[String]) {
        self.removed.set(self.removed.get() + 1);
        let mut kept = self.kept.borrow_mut();
        kept.retain(|(of, _)| !of.starts_with(path));
        if let Some((name, folder)) = path.split_last()
            && let Some((_, names)) = kept.iter_mut().find(|(of, _)| of == folder)
        {
            names.remove(name);
        }
    }
}

impl Folder {
    /// Refuses `name` in `folder`, to which `names` lead, unless the entry is called exactly that. Where there is none
    /// at all, that is refused too.
    pub(super) async fn exact(
        &self,
        names: &[String],
        folder: &FileSystemDirectoryHandle,
        name: &str,
        path: &str,
    ) -> Result<(), DeviceError> {
        if self.in_opfs || self.names.has(names, name) {
            return Ok(());
        }
        for _ in 0..TRIES {
            let removed = self.names.removed();
            let found = all(folder).await.map_err(|e| self.place.refused("listing the folder of", path, &e))?;
            let is_there = found.contains(name);
            self.names.keep(names, found, removed);
            if removed == self.names.removed() {
                return if is_there { Ok(()) } else { Err(self.other_spelling(path)) };
            }
        }
        let doing = format!("opening {}", self.place.shown(path));
        Err(DeviceError::Io { doing, source: "its folder is being changed all the time".into() })
    }

    fn other_spelling(&self, path: &str) -> DeviceError {
        let what = "is spelled otherwise on the disk (in capitals, or in how a letter is composed), which takes both for \
                    one name; use the name that a listing shows";
        self.place.unfit(path, what)
    }
}

/// The names of all entries; those that the browser does not give are left out.
async fn all(folder: &FileSystemDirectoryHandle) -> Result<BTreeSet<String>, JsValue> {
    let mut all = BTreeSet::new();
    let names: AsyncIterator = folder.keys();
    loop {
        let next: IteratorNext = wait(names.next()?).await?;
        // One that has more cannot be listed by anybody.
        if next.done() || all.len() == MAX_NAMES {
            return Ok(all);
        }
        all.extend(next.value().as_string().filter(|name| !name.is_empty()));
    }
}
