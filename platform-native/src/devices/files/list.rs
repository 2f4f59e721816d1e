//! Listing folders page by page.
//!
//! The first page reads all names of a folder and sorts them; if there are more pages, the names are
//! kept for a while, so that a folder of 100,000 entries is read once and not once per page. A listing
//! that starts anew always reads anew; one that goes on may not show what was made since it began. Kinds and sizes are looked up for the entries of a page only.

use super::{Mount, Root, decode, encode_name};
use cap_std::fs::{Dir, FileType};
use kernel_core::platform::{DeviceError, DeviceReply, Entry, EntryKind};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most names that one folder may have to be listed.
pub(super) const MAX_NAMES: usize = 1_000_000;

/// The most entries of one page.
const MAX_PAGE: u32 = 10_000;

/// How many folders' names are kept, how many bytes of names besides the newest, and for how long unused.
const KEPT: usize = 8;
const KEPT_BYTES: usize = 16 << 20;
const KEPT_FOR: Duration = Duration::from_secs(60);

/// All names of a folder in order, packed: one text, and where each name ends in it.
#[derive(Debug)]
struct Names {
    text: String,
    ends: Vec<u32>,
}

impl Names {
    fn pack(mut names: Vec<String>) -> Names {
        names.sort_unstable();
        let mut packed = Names {
            text: String::with_capacity(names.iter().map(String::len).sum()),
            ends: Vec::with_capacity(names.len()),
        };
        for name in names {
            packed.text.push_str(&name);
            // A million names of at most 765 bytes stay below 2^32.
            packed.ends.push(packed.text.len() as u32);
        }
        packed
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, i: usize) -> &str {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        &self.text[start..self.ends[i] as usize]
    }

    /// The index of the first name after `cursor`.
    fn after(&self, cursor: &str) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle) <= cursor { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * 4
    }
}

/// The names of folders that are being paged through, newest last.
#[derive(Debug, Default)]
pub(super) struct Listings {
    // Held to look up or exchange an entry, never while a folder is read.
    kept: Mutex<VecDeque<(String, Arc<Names>, Instant)>>,
}

impl Listings {
    fn find(&self, path: &str) -> Option<Arc<Names>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        kept.retain(|(_, _, used)| now.duration_since(*used) < KEPT_FOR);
        let at = kept.iter().position(|(of, _, _)| of == path)?;
        let (of, names, _) = kept.remove(at)?;
        kept.push_back((of, names.clone(), now));
        Some(names)
    }

    fn keep(&self, path: &str, names: &Arc<Names>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(of, _, _)| of != path);
        kept.push_back((path.to_owned(), names.clone(), Instant::now()));
        let older = |kept: &VecDeque<(String, Arc<Names>, Instant)>| {
            kept.iter().rev().skip(1).map(|(_, names, _)| names.bytes()).sum::<usize>()
        };
        while kept.len() > KEPT || older(&kept) > KEPT_BYTES {
            kept.pop_front();
        }
    }

    fn drop_one(&self, path: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _, _)| of != path);
    }
}

impl Mount {
    /// Entries of the folder `path` after `cursor`.
    pub(in crate::devices) fn list(
        &self,
        path: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<DeviceReply, DeviceError> {
        let names = decode(path).map_err(|why| self.unfit(path, &why))?;
        let opened = self.walk(&names, path)?;
        let dir = opened.as_ref().unwrap_or(&self.dir);
        let all = match cursor.and_then(|_| self.listings.find(path)) {
            Some(all) => all,
            None => Arc::new(self.names(dir, path)?),
        };
        let start = cursor.map_or(0, |cursor| all.after(cursor));
        let end = all.len().min(start + limit.clamp(1, MAX_PAGE) as usize);
        let mut entries = Vec::with_capacity(end - start);
        for i in start..end {
            entries.extend(self.entry(dir, &names, all.get(i)));
        }
        let next = (end < all.len()).then(|| all.get(end - 1).to_owned());
        match next {
            Some(_) => self.listings.keep(path, &all),
            None => self.listings.drop_one(path),
        }
        Ok(DeviceReply::Entries { entries, next })
    }

    fn names(&self, dir: &Dir, path: &str) -> Result<Names, DeviceError> {
        let failed = |e| self.refused("listing", path, e);
        let mut names = Vec::new();
        for entry in dir.entries().map_err(failed)? {
            if names.len() == MAX_NAMES {
                return Err(DeviceError::Full(format!(
                    "{} has more than {MAX_NAMES} entries, which is more than can be listed",
                    self.shown(path)
                )));
            }
            names.push(encode_name(&entry.map_err(failed)?.file_name()));
        }
        Ok(Names::pack(names))
    }

    /// One entry; `None` if it is gone meanwhile.
    fn entry(&self, dir: &Dir, folder: &[OsString], name: &str) -> Option<Entry> {
        let file_name = decode(name).ok()?.pop()?;
        let meta = match dir.symlink_metadata(&file_name) {
            Ok(meta) => meta,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            // It is there and cannot be looked at: it is listed, and a read will say why.
            Err(_) => return Some(Entry { name: name.to_owned(), kind: EntryKind::Other, size: 0 }),
        };
        let kind = if meta.file_type().is_symlink() {
            // From the mount's handle, because a link may lead up and down again inside the mount.
            let whole: PathBuf = folder.iter().chain([&file_name]).collect();
            self.dir.metadata(whole).map_or_else(|e| unfollowed(&e), |_| EntryKind::Link)
        } else if meta.is_dir() && self.roots.end(Root::from(&meta), &self.name).is_some() {
            // What is in it is reached through another mount, or through none.
            EntryKind::Mount
        } else {
            plain(meta.file_type())
        };
        let size = if kind == EntryKind::File { meta.len() } else { 0 };
        Some(Entry { name: name.to_owned(), kind, size })
    }
}

/// What a link is that could not be followed.
fn unfollowed(error: &io::Error) -> EntryKind {
    match (error.kind(), error.raw_os_error()) {
        // cap-std's own: the path would have left the folder.
        (io::ErrorKind::PermissionDenied, None) => EntryKind::OutsideLink,
        (io::ErrorKind::PermissionDenied, Some(_)) => EntryKind::Link,
        _ => EntryKind::BrokenLink,
    }
}

fn plain(kind: FileType) -> EntryKind {
    if kind.is_file() {
        EntryKind::File
    } else if kind.is_dir() {
        EntryKind::Directory
    } else {
        EntryKind::Other
    }
}
