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
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use wasm_bindgen::JsValue;
use web_sys::FileSystemDirectoryHandle;

/// How many names of all folders together are kept, those of the folders among them, beside those of the folder that
/// was listed last.
const KEPT: usize = 200_000;

/// How often a folder is listed again because something was removed from it while it was.
const TRIES: u32 = 5;

/// Names of entries by the names that lead to their folder.
#[derive(Debug, Default)]
pub(super) struct Names {
    // Borrowed to look and to change, never while a promise is waited for.
    known: RefCell<Known>,
}

#[derive(Debug, Default)]
struct Known {
    folders: BTreeMap<Vec<String>, Kept>,
    /// The folders by the number of their listing.
    order: BTreeMap<u64, Vec<String>>,
    /// How many names there are, with one for each folder.
    sum: usize,
    /// The folders that are being listed, by the number of the listing, and whether something was removed meanwhile
    /// that it may show still.
    listings: BTreeMap<u64, (Vec<String>, bool)>,
    begun: u64,
}

/// What one folder holds.
#[derive(Debug)]
struct Kept {
    listing: u64,
    names: BTreeSet<String>,
}

/// A listing that has begun; over when it is dropped.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    of: &'a Names,
    number: u64,
}

impl Names {
    fn has(&self, folder: &[String], name: &str) -> bool {
        self.known.borrow().folders.get(folder).is_some_and(|kept| kept.names.contains(name))
    }

    /// Begins to list `folder`.
    pub(super) fn list(&self, folder: &[String]) -> Listing<'_> {
        let mut known = self.known.borrow_mut();
        known.begun += 1;
        let number = known.begun;
        known.listings.insert(number, (folder.to_vec(), false));
        Listing { of: self, number }
    }

    /// Notes that `name` was made.
    pub(super) fn made(&self, folder: &[String], name: &str) {
        let known = &mut *self.known.borrow_mut();
        if let Some(kept) = known.folders.get_mut(folder)
            && kept.names.insert(name.to_owned())
        {
            known.sum += 1;
            known.bound();
        }
    }

    /// Notes that what `path` leads to is being removed, or was.
    pub(super) fn gone(&self, path: &[String]) {
        let known = &mut *self.known.borrow_mut();
        let below = known.folders.range::<[String], _>((Bound::Included(path), Bound::Unbounded));
        let below: Vec<Vec<String>> = below.map(|(of, _)| of).take_while(|of| of.starts_with(path)).cloned().collect();
        below.iter().for_each(|folder| known.forget(folder));
        let Some((name, parent)) = path.split_last() else { return };
        if let Some(kept) = known.folders.get_mut(parent)
            && kept.names.remove(name)
        {
            known.sum -= 1;
        }
        for (of, stale) in known.listings.values_mut() {
            *stale |= *of == parent || of.starts_with(path);
        }
    }
}

impl Known {
    fn forget(&mut self, folder: &[String]) {
        if let Some(kept) = self.folders.remove(folder) {
            self.order.remove(&kept.listing);
            self.sum -= kept.names.len() + 1;
        }
    }

    /// Forgets folders while there are too many names, the one first that was listed first.
    fn bound(&mut self) {
        while self.sum > KEPT && self.folders.len() > 1 {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            self.forget(&oldest);
        }
    }
}

impl Listing<'_> {
    /// Keeps the `names` that were found, unless one of them may have been removed meanwhile; whether they were kept.
    pub(super) fn keep(self, names: BTreeSet<String>) -> bool {
        let known = &mut *self.of.known.borrow_mut();
        let Some((folder, false)) = known.listings.remove(&self.number) else { return false };
        known.forget(&folder);
        known.sum += names.len() + 1;
        known.order.insert(self.number, folder.clone());
        known.folders.insert(folder, Kept { listing: self.number, names });
        known.bound();
        true
    }
}

impl Drop for Listing<'_> {
    fn drop(&mut self) {
        self.of.known.borrow_mut().listings.remove(&self.number);
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
            let listing = self.names.list(names);
            let found = all(folder).await.map_err(|e| self.place.refused("listing the folder of", path, &e))?;
            let is_there = found.contains(name);
            if listing.keep(found) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn path(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        path(names).into_iter().collect()
    }

    /// What is counted beside what is there.
    fn counted(names: &Names) -> (usize, usize) {
        let known = names.known.borrow();
        assert_eq!(known.order.len(), known.folders.len());
        (known.sum, known.folders.values().map(|kept| kept.names.len() + 1).sum())
    }

    #[wasm_bindgen_test]
    fn what_is_made_and_removed_is_followed_and_counted() {
        let names = Names::default();
        for folder in [&[][..], &["a"], &["a", "b"], &["ab"], &["b"]] {
            assert!(names.list(&path(folder)).keep(set(&["x", "y"])));
        }
        assert_eq!(counted(&names), (15, 15));
        names.made(&path(&["a"]), "z");
        names.made(&path(&["a"]), "z");
        names.made(&path(&["nowhere"]), "z");
        assert!(names.has(&path(&["a"]), "z"));
        assert_eq!(counted(&names), (16, 16));
        names.gone(&path(&["ab", "x"]));
        assert!(!names.has(&path(&["ab"]), "x") && names.has(&path(&["ab"]), "y"));
        assert_eq!(counted(&names), (15, 15));
        names.gone(&path(&["a"]));
        assert!(!names.has(&path(&["a"]), "x") && !names.has(&path(&["a", "b"]), "x"));
        assert!(names.has(&path(&["ab"]), "y") && names.has(&path(&["b"]), "x") && names.has(&[], "x"));
        assert_eq!(counted(&names), (8, 8));
        assert!(names.list(&path(&["b"])).keep(set(&["x"])));
        assert_eq!(counted(&names), (7, 7));
    }

    #[wasm_bindgen_test]
    fn only_what_a_listing_may_show_still_makes_it_void() {
        let names = Names::default();
        let listed = |removed: &[&str]| {
            let listing = names.list(&path(&["a", "b"]));
            names.gone(&path(removed));
            listing.keep(set(&["x"]))
        };
        assert!(!listed(&["a", "b", "x"]), "from the folder itself");
        assert!(!listed(&["a", "b"]), "the folder");
        assert!(!listed(&["a"]), "what it lies in");
        assert!(listed(&["a", "x"]), "beside it");
        assert!(listed(&["a", "b", "c", "x"]), "deeper");
        assert!(listed(&["c", "b", "x"]), "elsewhere");
        drop(names.list(&[]));
        assert!(names.known.borrow().listings.is_empty());
    }

    #[wasm_bindgen_test]
    fn folders_without_names_are_bounded_too_and_none_costs_more_for_the_others() {
        let names = Names::default();
        let begun = js_sys::Date::now();
        for n in 0..KEPT + 1_000 {
            let folder = path(&["deep", &n.to_string()]);
            assert!(names.list(&folder).keep(BTreeSet::new()));
            if n % 4 == 0 {
                names.gone(&folder);
                assert!(names.list(&folder).keep(BTreeSet::new()));
            }
        }
        let took = js_sys::Date::now() - begun;
        assert_eq!(counted(&names), (KEPT, KEPT));
        assert!(took < 20_000.0, "{took} ms");
        let large: Vec<String> = (0..=KEPT).map(|n| n.to_string()).collect();
        assert!(names.list(&path(&["large"])).keep(large.into_iter().collect()));
        assert_eq!(names.known.borrow().folders.len(), 1, "that one is kept, and no other");
    }
}
