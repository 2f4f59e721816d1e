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
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wasm_bindgen::JsValue;
use web_sys::FileSystemDirectoryHandle;

/// How many names of all folders together are kept, the folders counted as well, beside those of the folder that was
/// listed last.
const KEPT: usize = 200_000;

/// How many bytes the paths of the folders may have together.
const KEPT_PATHS: usize = 16 << 20;

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
    /// The folders that are known, by their paths, each with a number of its own.
    folders: BTreeMap<String, u64>,
    /// How many bytes these paths have together.
    paths: usize,
    /// The names in them.
    names: BTreeSet<(u64, String)>,
    /// The folders in the order in which they became known, those that were forgotten since among them.
    order: VecDeque<(u64, String)>,
    /// The folders that are being listed, each with the number of the listing, and whether something was removed
    /// meanwhile that it may show still.
    listings: Vec<(u64, Vec<String>, bool)>,
    /// The last number that was given.
    begun: u64,
}

/// A listing that has begun; over when it is dropped.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    of: &'a Names,
    number: u64,
}

impl Names {
    fn has(&self, folder: &[String], name: &str) -> bool {
        let known = self.known.borrow();
        let number = known.folders.get(&folder.join("/"));
        number.is_some_and(|number| known.names.contains(&(*number, name.to_owned())))
    }

    /// Begins to list `folder`.
    pub(super) fn list(&self, folder: &[String]) -> Listing<'_> {
        let mut known = self.known.borrow_mut();
        known.begun += 1;
        let number = known.begun;
        known.listings.push((number, folder.to_vec(), false));
        Listing { of: self, number }
    }

    /// Notes that `name` was made.
    pub(super) fn made(&self, folder: &[String], name: &str) {
        let mut known = self.known.borrow_mut();
        if let Some(number) = known.folders.get(&folder.join("/")).copied() {
            known.names.insert((number, name.to_owned()));
            known.bound();
        }
    }

    /// Notes that what `path` leads to is being removed, or was.
    pub(super) fn gone(&self, path: &[String]) {
        let mut known = self.known.borrow_mut();
        // The folder itself that was picked is not removed.
        let Some((name, parent)) = path.split_last() else { return };
        if let Some(number) = known.folders.get(&parent.join("/")).copied() {
            known.names.remove(&(number, name.clone()));
        }
        let path_of = path.join("/");
        let below = format!("{path_of}/");
        let found = known.folders.range(below.clone()..).map(|(folder, _)| folder);
        let found: Vec<String> = found.take_while(|folder| folder.starts_with(&below)).cloned().collect();
        for folder in std::iter::once(path_of).chain(found) {
            known.forget(&folder);
        }
        for (_, of, stale) in &mut known.listings {
            *stale |= *of == parent || of.starts_with(path);
        }
    }
}

impl Known {
    /// Forgets what is in a folder.
    fn forget(&mut self, folder: &str) {
        let Some(number) = self.folders.remove(folder) else { return };
        self.paths -= folder.len();
        self.names.extract_if((number, String::new())..(number + 1, String::new()), |_| true).for_each(drop);
    }

    /// Forgets folders while there is too much, the one first that was known first.
    fn bound(&mut self) {
        let much = |known: &Known| {
            known.names.len() + known.folders.len() > KEPT || known.order.len() > KEPT || known.paths > KEPT_PATHS
        };
        while much(self) && self.order.len() > 1 {
            let Some((number, oldest)) = self.order.pop_front() else { return };
            if self.folders.get(&oldest) == Some(&number) {
                self.forget(&oldest);
            }
        }
    }
}

impl Listing<'_> {
    /// Keeps the `names` that were found, unless one of them may have been removed meanwhile; whether they were kept.
    pub(super) fn keep(self, names: BTreeSet<String>) -> bool {
        let mut known = self.of.known.borrow_mut();
        let Some((number, folder, false)) = known.listings.iter().find(|(number, ..)| *number == self.number) else {
            return false;
        };
        let (number, folder) = (*number, folder.join("/"));
        known.forget(&folder);
        known.paths += folder.len();
        known.names.extend(names.into_iter().map(|name| (number, name)));
        known.folders.insert(folder.clone(), number);
        known.order.push_back((number, folder));
        known.bound();
        true
    }
}

impl Drop for Listing<'_> {
    fn drop(&mut self) {
        self.of.known.borrow_mut().listings.retain(|(number, ..)| *number != self.number);
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

    /// How many names there are, and in how many folders.
    fn counted(names: &Names) -> (usize, usize) {
        let known = names.known.borrow();
        assert_eq!(known.paths, known.folders.keys().map(String::len).sum::<usize>());
        (known.names.len() + known.folders.len(), known.folders.len())
    }

    #[wasm_bindgen_test]
    fn what_is_made_and_removed_is_followed_and_counted() {
        let names = Names::default();
        for folder in [&[][..], &["a"], &["a", "b"], &["ab"], &["b"]] {
            assert!(names.list(&path(folder)).keep(set(&["x", "y"])));
        }
        assert_eq!(counted(&names), (15, 5));
        names.made(&path(&["a"]), "z");
        names.made(&path(&["a"]), "z");
        names.made(&path(&["nowhere"]), "z");
        assert!(names.has(&path(&["a"]), "z"));
        assert_eq!(counted(&names), (16, 5));
        names.gone(&path(&["ab", "x"]));
        assert!(!names.has(&path(&["ab"]), "x") && names.has(&path(&["ab"]), "y"));
        assert_eq!(counted(&names), (15, 5));
        names.gone(&path(&["a"]));
        assert!(!names.has(&path(&["a"]), "x") && !names.has(&path(&["a", "b"]), "x"));
        assert!(names.has(&path(&["ab"]), "y") && names.has(&path(&["b"]), "x") && names.has(&[], "x"));
        assert_eq!(counted(&names), (8, 3));
        assert!(names.list(&path(&["b"])).keep(set(&["x"])));
        assert_eq!(counted(&names), (7, 3));
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
        // Of those that were forgotten and known again the first place counts, too.
        let (all, folders) = counted(&names);
        assert!(all == folders && all <= KEPT && all > KEPT / 4 * 3, "{all}");
        assert!(names.known.borrow().order.len() <= KEPT);
        assert!(took < 20_000.0, "{took} ms");
        let large: Vec<String> = (0..=KEPT).map(|n| n.to_string()).collect();
        assert!(names.list(&path(&["large"])).keep(large.into_iter().collect()));
        assert_eq!(counted(&names), (KEPT + 2, 1), "that one is kept, and no other");
    }

    #[wasm_bindgen_test]
    fn long_paths_are_bounded_by_their_bytes() {
        let names = Names::default();
        let long = "d".repeat(4_000);
        for n in 0..5_000 {
            assert!(names.list(&path(&[&long, &n.to_string()])).keep(set(&["x"])));
        }
        let known = names.known.borrow();
        assert!(known.paths <= KEPT_PATHS && known.folders.len() > 4_000, "{}", known.folders.len());
    }
}
