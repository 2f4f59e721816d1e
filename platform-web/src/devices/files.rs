//! A mount that is a list of files, as a drop or a file input gives them: read only, because such a file is what
//! it was when it was dropped, and nothing leads back to its folder.

use super::mounts::MountError;
use super::page;
use super::place::Place;
use crate::js::{name_of, wait};
use bytes::Bytes;
use js_sys::{ArrayBuffer, Uint8Array};
use kernel_core::path::{Name, encode_segment};
use kernel_core::platform::{DeviceError, DeviceReply, Entry, EntryKind, Meta};
use std::collections::BTreeMap;
use wasm_bindgen::JsValue;
use web_sys::{Blob, File};

/// The files, by their canonical names.
#[derive(Debug)]
pub(crate) struct Files {
    place: Place,
    root: BTreeMap<String, Node>,
}

#[derive(Debug)]
enum Node {
    Folder(BTreeMap<String, Node>),
    File(Dropped),
}

/// What lies at a path of such a list.
#[derive(Clone, Debug)]
pub enum Dropped {
    /// A file.
    File(File),
    /// Something that could not be opened, with the reason. It is listed as an empty file, and a read tells why.
    Unreadable(String),
}

impl From<File> for Dropped {
    fn from(file: File) -> Dropped {
        Dropped::File(file)
    }
}

impl Files {
    pub(super) fn new(name: &Name, files: Vec<(String, Dropped)>) -> Result<Files, MountError> {
        let mut root = BTreeMap::new();
        for (path, file) in files {
            insert(&mut root, &path, file).map_err(|why| MountError::BadPath { name: name.clone(), path, why })?;
        }
        Ok(Files { place: Place { mount: name.clone() }, root })
    }

    pub(super) fn list(&self, path: &str, cursor: Option<&str>, limit: u32) -> Result<DeviceReply, DeviceError> {
        let folder = match self.find(path)? {
            None => &self.root,
            Some(Node::Folder(folder)) => folder,
            Some(Node::File(_)) => return Err(self.place.unfit(path, "is not a folder")),
        };
        let all: Vec<(&String, &Node)> = folder.iter().collect();
        let range = page::range(all.len(), |i| all[i].0, cursor, limit);
        let entry = |(name, node): &(&String, &Node)| {
            let (kind, size) = match node {
                Node::Folder(_) => (EntryKind::Directory, 0),
                Node::File(Dropped::File(file)) => (EntryKind::File, size(file)),
                Node::File(Dropped::Unreadable(_)) => (EntryKind::File, 0),
            };
            Entry { name: (*name).clone(), kind, size }
        };
        let more = range.end < all.len();
        let entries: Vec<Entry> = all[range].iter().map(entry).collect();
        let last = entries.last().map(|entry| entry.name.clone());
        Ok(page::reply(entries, last.as_deref(), more))
    }

    pub(super) async fn read(&self, path: &str, offset: u64, len: u32) -> Result<DeviceReply, DeviceError> {
        match self.find(path)? {
            Some(Node::File(Dropped::Unreadable(why))) => {
                Err(DeviceError::Refused(format!("{} could not be opened: {why}", self.place.shown(path))))
            }
            Some(Node::File(Dropped::File(file))) => {
                let body = slice(file, offset, len).await.map_err(|e| changed(&self.place, path, &e))?;
                Ok(DeviceReply::Data { body, meta: Meta { size: size(file) } })
            }
            _ => Err(self.place.unfit(path, "is a folder")),
        }
    }

    /// Why nothing here is written or removed.
    pub(super) fn read_only(&self, path: &str) -> DeviceError {
        DeviceError::Refused(format!(
            "{} cannot be changed: the mount `{}` is a list of files that was dropped on the page, and a browser lets \
             nobody write to those; pick the folder instead, or mount another one to write to",
            self.place.shown(path),
            self.place.mount
        ))
    }

    /// What is at `path`; `None` is the mount itself. The names of a request are canonical, as the keys are.
    fn find(&self, path: &str) -> Result<Option<&Node>, DeviceError> {
        self.place.decode(path)?;
        let mut found: Option<&Node> = None;
        for (walked, segment) in path.split('/').filter(|segment| !segment.is_empty()).enumerate() {
            let folder = match found {
                None => &self.root,
                Some(Node::Folder(folder)) => folder,
                Some(Node::File(_)) => return Err(self.place.in_the_way(path, walked)),
            };
            found = Some(folder.get(segment).ok_or_else(|| self.place.missing(path))?);
        }
        Ok(found)
    }
}

fn insert(root: &mut BTreeMap<String, Node>, path: &str, file: Dropped) -> Result<(), &'static str> {
    let mut names: Vec<&str> = path.split('/').collect();
    if names.iter().any(|name| matches!(*name, "" | "." | "..") || name.contains('\0')) {
        return Err("is not a path");
    }
    let last = names.pop().unwrap_or_default();
    let mut folder = root;
    for name in names {
        let next = folder.entry(encode_segment(name.as_bytes())).or_insert_with(|| Node::Folder(BTreeMap::new()));
        folder = match next {
            Node::Folder(next) => next,
            Node::File(_) => return Err("lies in what is a file in another path"),
        };
    }
    match folder.insert(encode_segment(last.as_bytes()), Node::File(file)) {
        None => Ok(()),
        Some(Node::File(_)) => Err("is given twice"),
        Some(Node::Folder(_)) => Err("is a folder in another path"),
    }
}

/// A file's size. Sizes are whole numbers below 2^53.
pub(super) fn size(file: &File) -> u64 {
    file.size() as u64
}

/// Bytes `offset .. offset + len` of `file`, fewer only at its end.
pub(super) async fn slice(file: &File, offset: u64, len: u32) -> Result<Bytes, JsValue> {
    let size = size(file);
    let start = offset.min(size);
    let end = offset.saturating_add(u64::from(len)).min(size);
    if start == end {
        return Ok(Bytes::new());
    }
    let part: Blob = file.slice_with_f64_and_f64(start as f64, end as f64)?;
    let buffer: ArrayBuffer = wait(part.array_buffer()).await?;
    Ok(Uint8Array::new(&buffer).to_vec().into())
}

/// What it means that a file cannot be read although it was there.
fn changed(place: &Place, path: &str, error: &JsValue) -> DeviceError {
    match &*name_of(error) {
        "NotReadableError" => {
            place.unfit(path, "was changed or taken away since it was dropped on the page; drop it again")
        }
        _ => place.refused("reading", path, error),
    }
}
