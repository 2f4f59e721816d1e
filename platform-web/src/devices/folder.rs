//! A mount that is a folder: picked by the page's user, or in the origin private file system.
//!
//! A handle stands for a path and not for what is there, so handles of folders are kept for a while: reading the
//! files of one does not walk there for each of them. Browsers show no links, sockets or devices.

use super::files::{size, slice};
use super::page;
use super::place::Place;
use super::turns::Turns;
use crate::js::{name_of, wait};
use futures::StreamExt;
use js_sys::{AsyncIterator, IteratorNext};
use kernel_core::path::{Name, encode_segment};
use kernel_core::platform::{DeviceError, DeviceReply, Entry, EntryKind, Meta};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions, FileSystemHandle,
    FileSystemHandleKind,
};

mod names;
mod write;

#[cfg(test)]
pub(super) use write::in_place;

/// The most names that one folder may have to be listed.
const MAX_NAMES: usize = 1_000_000;

/// How many listings are kept between their pages.
const LISTINGS: usize = 8;

/// How many handles of folders are kept.
const FOLDERS: usize = 64;

/// What an entry is called whose name the browser does not give, because it is not UTF-8; the next ones get a number.
const UNNAMED: &str = "\u{FFFD}";

/// How many files are asked for their size at the same time.
const SIZES_AT_ONCE: usize = 64;

/// A folder that was mounted.
#[derive(Debug)]
pub(crate) struct Folder {
    place: Place,
    handle: FileSystemDirectoryHandle,
    /// Whether it lies in the origin private file system, whose files can be changed in place.
    in_opfs: bool,
    /// Where the folders of other mounts begin.
    ends: RefCell<Vec<(Vec<String>, Name)>>,
    listings: RefCell<VecDeque<(String, Rc<Listing>)>>,
    folders: RefCell<VecDeque<(Vec<String>, FileSystemDirectoryHandle)>>,
    names: names::Names,
    turns: Turns,
}

/// What is in a folder, by canonical name in ascending order.
type Listing = Vec<(String, FileSystemHandle)>;

impl Folder {
    pub(super) fn new(name: &Name, handle: FileSystemDirectoryHandle, in_opfs: bool) -> Folder {
        Folder {
            place: Place { mount: name.clone() },
            handle,
            in_opfs,
            ends: RefCell::default(),
            listings: RefCell::default(),
            folders: RefCell::default(),
            names: names::Names::default(),
            turns: Turns::default(),
        }
    }

    pub(super) fn name(&self) -> &Name {
        &self.place.mount
    }

    pub(crate) fn handle(&self) -> &FileSystemDirectoryHandle {
        &self.handle
    }

    /// Notes that the mount `other` begins at `names`.
    pub(super) fn end_at(&self, names: Vec<String>, other: Name) {
        self.ends.borrow_mut().push((names, other));
    }

    /// Notes that the mount `other` is no more.
    pub(super) fn open_up(&self, other: &Name) {
        self.ends.borrow_mut().retain(|(_, name)| name != other);
    }

    /// Entries of the folder `path` after `cursor`.
    pub(super) async fn list(&self, path: &str, cursor: Option<&str>, limit: u32) -> Result<DeviceReply, DeviceError> {
        let names = self.place.decode(path)?;
        let folder = self.walk(&names, path, false).await?;
        let kept = cursor.and_then(|_| self.listing(path));
        let all = match kept {
            Some(all) => all,
            None => Rc::new(self.read_names(&folder, &names, path).await?),
        };
        let range = page::range(all.len(), |i| &all[i].0, cursor, limit);
        let more = range.end < all.len();
        let last = all[range.clone()].last().map(|(name, _)| name.as_str());
        let entries = all[range].iter().map(|(name, handle)| self.entry(&names, name, handle));
        let entries: Vec<Option<Entry>> = futures::stream::iter(entries).buffered(SIZES_AT_ONCE).collect().await;
        let reply = page::reply(entries.into_iter().flatten().collect(), last, more);
        self.keep_listing(path, more.then_some(all));
        Ok(reply)
    }

    /// Bytes of a file.
    pub(super) async fn read(&self, path: &str, offset: u64, len: u32) -> Result<DeviceReply, DeviceError> {
        let failed = |e: JsValue| self.place.refused("reading", path, &e);
        let file = self.file(path).await?;
        let read = match slice(&file, offset, len).await {
            // It was changed between the two: what it is now is read.
            Err(e) if name_of(&e) == "NotReadableError" => {
                let file = self.file(path).await?;
                slice(&file, offset, len).await.map(|body| (body, size(&file)))
            }
            other => other.map(|body| (body, size(&file))),
        };
        let (body, size) = read.map_err(failed)?;
        Ok(DeviceReply::Data { body, meta: Meta { size } })
    }

    /// Removes a file or an empty folder.
    pub(super) async fn remove(&self, path: &str) -> Result<DeviceReply, DeviceError> {
        let names = self.place.decode(path)?;
        let Some((name, folders)) = names.split_last() else {
            return Err(self.place.unfit(path, "is the mount itself"));
        };
        let _turn = self.turns.take(path).await;
        let folder = self.walk(folders, path, false).await?;
        self.stay_inside(&names, path)?;
        if let Err(missing @ DeviceError::NotFound(_)) = self.file_in(&folder, name, path).await {
            return Err(missing);
        }
        self.exact(folders, &folder, name, path).await?;
        self.names.gone(&names);
        let removed = wait::<JsValue>(folder.remove_entry(name)).await;
        // Once more: it may have been listed in between.
        self.names.gone(&names);
        removed.map_err(|e| self.place.refused("removing", path, &e))?;
        // Whoever makes a folder of that name makes it anew.
        self.folders.borrow_mut().retain(|(kept, _)| !kept.starts_with(&names));
        Ok(DeviceReply::Done { address: None })
    }

    /// The file at `path` as it is now.
    async fn file(&self, path: &str) -> Result<File, DeviceError> {
        let names = self.place.decode(path)?;
        let Some((name, folders)) = names.split_last() else { return Err(self.place.unfit(path, "is a folder")) };
        let folder = self.walk(folders, path, false).await?;
        let handle = self.file_in(&folder, name, path).await?;
        let file: File = wait(handle.get_file()).await.map_err(|e| self.place.refused("reading", path, &e))?;
        // After it was opened: what is read is what had this name then.
        self.exact(folders, &folder, name, path).await?;
        Ok(file)
    }

    /// The file that the browser opens as `name`, which may be spelled otherwise.
    async fn file_in(
        &self,
        folder: &FileSystemDirectoryHandle,
        name: &str,
        path: &str,
    ) -> Result<FileSystemFileHandle, DeviceError> {
        wait(folder.get_file_handle(name)).await.map_err(|e| match &*name_of(&e) {
            "TypeMismatchError" => self.place.unfit(path, "is a folder"),
            "NotFoundError" if name.starts_with(UNNAMED) => {
                self.place.unfit(path, "stands for an entry whose name is not UTF-8, which the browser does not give")
            }
            _ => self.place.refused("opening", path, &e),
        })
    }

    /// The folder that `names` lead to, made where it is missing if `make` says so.
    async fn walk(&self, names: &[String], path: &str, make: bool) -> Result<FileSystemDirectoryHandle, DeviceError> {
        self.stay_inside(names, path)?;
        let mut at = self.handle.clone();
        let mut depth = 0;
        // A folder that was kept may be gone meanwhile, and one that is to be made is made anew then.
        if let (false, Some(kept)) = (make, self.kept_folder(names)) {
            (at, depth) = (kept, names.len());
        }
        while depth < names.len() {
            at = self.folder_in(&at, &names[..=depth], path, make).await?;
            depth += 1;
        }
        self.keep_folder(names, &at);
        Ok(at)
    }

    /// The folder in `above` that `names` lead to.
    async fn folder_in(
        &self,
        above: &FileSystemDirectoryHandle,
        names: &[String],
        path: &str,
        make: bool,
    ) -> Result<FileSystemDirectoryHandle, DeviceError> {
        let Some((name, folders)) = names.split_last() else { return Ok(above.clone()) };
        let open = async |make: bool| {
            let options = FileSystemGetDirectoryOptions::new();
            options.set_create(make);
            wait(above.get_directory_handle_with_options(name, &options)).await.map_err(|e| match &*name_of(&e) {
                "TypeMismatchError" => self.place.in_the_way(path, names.len()),
                _ => self.place.refused("opening", path, &e),
            })
        };
        if self.in_opfs {
            return open(make).await;
        }
        // As for files: what is made at once could be two spellings of one.
        let _turn = if make { Some(self.turns.take("").await) } else { None };
        match open(false).await {
            Ok(folder) => self.exact(folders, above, name, path).await.map(|()| folder),
            Err(DeviceError::NotFound(_)) if make => {
                let folder = open(true).await?;
                self.names.made(folders, name);
                Ok(folder)
            }
            Err(e) => Err(e),
        }
    }

    /// Refuses to pass into the folder of another mount.
    fn stay_inside(&self, names: &[String], path: &str) -> Result<(), DeviceError> {
        match self.ends.borrow().iter().find(|(end, _)| names.starts_with(end)) {
            Some((_, other)) => {
                let what = format!("lies in the folder of the mount `{other}`; its path begins with /fs/{other}");
                Err(self.place.unfit(path, &what))
            }
            None => Ok(()),
        }
    }

    async fn read_names(
        &self,
        folder: &FileSystemDirectoryHandle,
        names: &[String],
        path: &str,
    ) -> Result<Listing, DeviceError> {
        let listing = self.names.list(names);
        let failed = |e: JsValue| {
            self.forget(path);
            self.place.refused("listing", path, &e)
        };
        let mut all = Listing::new();
        let mut unnamed = 0;
        let handles: AsyncIterator = folder.values();
        loop {
            let next: IteratorNext = wait(handles.next().map_err(failed)?).await.map_err(failed)?;
            if next.done() {
                break;
            }
            if all.len() == MAX_NAMES {
                let shown = self.place.shown(path);
                let what = format!("{shown} has more than {MAX_NAMES} entries, which is more than can be listed");
                return Err(DeviceError::Full(what));
            }
            let handle: FileSystemHandle = next.value().unchecked_into();
            let name = match handle.name() {
                empty if empty.is_empty() => {
                    unnamed += 1;
                    if unnamed == 1 { UNNAMED.to_owned() } else { format!("{UNNAMED}{unnamed}") }
                }
                name => name,
            };
            all.push((encode_segment(name.as_bytes()), handle));
        }
        if !self.in_opfs {
            listing.keep(all.iter().map(|(_, handle)| handle.name()).collect());
        }
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(all)
    }

    /// One entry; `None` if it is gone meanwhile.
    async fn entry(&self, folder: &[String], name: &str, handle: &FileSystemHandle) -> Option<Entry> {
        let entry = |kind, size| Some(Entry { name: name.to_owned(), kind, size });
        // Nothing leads to it, whatever it is; a read will say why.
        if handle.name().is_empty() {
            return entry(EntryKind::File, 0);
        }
        if handle.kind() == FileSystemHandleKind::Directory {
            let whole = [folder, &[handle.name()]].concat();
            let of_another = self.ends.borrow().iter().any(|(end, _)| *end == whole);
            return entry(if of_another { EntryKind::Mount } else { EntryKind::Directory }, 0);
        }
        let handle: &FileSystemFileHandle = handle.unchecked_ref();
        match wait::<File>(handle.get_file()).await {
            Ok(file) => entry(EntryKind::File, size(&file)),
            Err(e) if name_of(&e) == "NotFoundError" => None,
            // It is there and cannot be looked at: it is listed, and a read will say why.
            Err(_) => entry(EntryKind::File, 0),
        }
    }

    fn listing(&self, path: &str) -> Option<Rc<Listing>> {
        self.listings.borrow().iter().find(|(of, _)| of == path).map(|(_, all)| all.clone())
    }

    /// Keeps what the next page needs, and nothing after the last one.
    fn keep_listing(&self, path: &str, all: Option<Rc<Listing>>) {
        let mut kept = self.listings.borrow_mut();
        kept.retain(|(of, _)| of != path);
        kept.extend(all.map(|all| (path.to_owned(), all)));
        if kept.len() > LISTINGS {
            kept.pop_front();
        }
    }

    fn kept_folder(&self, names: &[String]) -> Option<FileSystemDirectoryHandle> {
        self.folders.borrow().iter().find(|(of, _)| of == names).map(|(_, handle)| handle.clone())
    }

    fn keep_folder(&self, names: &[String], handle: &FileSystemDirectoryHandle) {
        let mut kept = self.folders.borrow_mut();
        if !names.is_empty() && kept.iter().all(|(of, _)| of != names) {
            kept.push_back((names.to_vec(), handle.clone()));
            if kept.len() > FOLDERS {
                kept.pop_front();
            }
        }
    }

    /// Forgets the folder at `path`, which may be gone.
    fn forget(&self, path: &str) {
        if let Ok(names) = self.place.decode(path) {
            self.folders.borrow_mut().retain(|(of, _)| !of.starts_with(&names));
        }
    }
}
