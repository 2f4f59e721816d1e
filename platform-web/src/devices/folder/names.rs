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
use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use wasm_bindgen::JsValue;
use web_sys::FileSystemDirectoryHandle;

/// How many names of all folders together are kept, those of the folders among them, beside those of the folder that
/// was listed last.
const KEPT: usize = 200_000;

/// How often a folder is listed again because something was removed from it while it was.
const TRIES: u32 = 5;

/// Ends the path of a folder, in front of a name in it. No name has it, nor the `/` of paths.
const IN: char = '\0';

/// Names of entries by the names that lead to their folder.
#[derive(Debug, Default)]
pub(super) struct Names {
    // Borrowed to look and to change, never while a promise is waited for.
    known: RefCell<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// All names, each behind the path of its folder; and each folder by its path, in front of them. In one set, so
    /// that what lies below a folder lies together.
    all: BTreeSet<String>,
    /// The folders in the order in which they became known, those that were forgotten since among them.
    order: VecDeque<String>,
    /// The folders that are being listed, each with the number of the listing, and whether something was removed
    /// meanwhile that it may show still.
    listings: Vec<(u64, Vec<String>, bool)>,
    begun: u64,
}

/// A listing that has begun; over when it is dropped.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    of: &'a Names,
    number: u64,
}

/// What a folder is called among all names.
fn path_of(folder: &[String]) -> String {
    let mut path = folder.join("/");
    path.push(IN);
    path
}

impl Names {
    fn has(&self, folder: &[String], name: &str) -> bool {
        self.known.borrow().all.contains(&(path_of(folder) + name))
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
        let path = path_of(folder);
        if known.all.contains(&path) {
            known.all.insert(path + name);
            known.bound();
        }
    }

    /// Notes that what `path` leads to is being removed, or was.
    pub(super) fn gone(&self, path: &[String]) {
        let mut known = self.known.borrow_mut();
        // The folder itself that was picked is not removed.
        let Some((name, parent)) = path.split_last() else { return };
        known.all.remove(&(path_of(parent) + name));
        known.forget(&path_of(path));
        known.forget(&(path.join("/") + "/"));
        for (_, of, stale) in &mut known.listings {
            *stale |= *of == parent || of.starts_with(path);
        }
    }
}

impl Known {
    /// Forgets all that begins so.
    fn forget(&mut self, begin: &str) {
        let from = self.all.range::<str, _>((Bound::Included(begin), Bound::Unbounded));
        let found: Vec<String> = from.take_while(|one| one.starts_with(begin)).cloned().collect();
        for one in found {
            self.all.remove(&one);
        }
    }

    /// Forgets folders while there are too many names, the one first that was known first.
    fn bound(&mut self) {
        while (self.all.len() > KEPT || self.order.len() > KEPT) && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else { return };
            self.forget(&oldest);
        }
    }
}

impl Listing<'_> {
    /// Keeps the `names` that were found, unless one of them may have been removed meanwhile; whether they were kept.
    pub(super) fn keep(self, names: BTreeSet<String>) -> bool {
        let mut known = self.of.known.borrow_mut();
        let Some((_, folder, false)) = known.listings.iter().find(|(number, ..)| *number == self.number) else {
            return false;
        };
        let path = path_of(folder);
        if known.all.contains(&path) {
            known.forget(&path);
        } else {
            known.order.push_back(path.clone());
        }
        for name in names {
            known.all.insert(path.clone() + &name);
        }
        known.all.insert(path);
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
        (known.all.len(), known.all.iter().filter(|one| one.ends_with(IN)).count())
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
}
