//! Files in memory, per mount, and a hook that makes requests go wrong. No network.
//!
//! Paths are kept as the segments' bytes, so that listings are in byte order of the names and a name
//! that is not UTF-8 comes back as it went.

use super::SimPlatform;
use crate::path::{decode_segment, encode_segment};
use crate::platform::{
    Clock, DeviceError, DeviceReply, DeviceRequest, Devices, Entry, EntryKind, MaybeSend, MaybeSync, Meta, WriteMode,
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The largest file, bytes: an offset beyond it is `Full`, not a test that eats the machine's memory.
const MAX_FILE: u64 = 256 << 20;

/// What becomes of a request.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Plan {
    /// It is performed.
    #[default]
    Perform,
    /// It is not performed and answered with this error.
    Fail(DeviceError),
    /// It is performed after so long.
    Delay(Duration),
    /// It is neither performed nor answered.
    Hang,
}

trait Hook: Fn(&DeviceRequest) -> Plan + MaybeSend + MaybeSync {}
impl<F: Fn(&DeviceRequest) -> Plan + MaybeSend + MaybeSync> Hook for F {}

type Path = Vec<Vec<u8>>;

/// Simulated files. Clones are the same files.
#[derive(Clone)]
pub struct SimDevices {
    files: Arc<Mutex<Files>>,
    platform: SimPlatform,
}

#[derive(Default)]
struct Files {
    mounts: BTreeMap<String, BTreeMap<Path, Node>>,
    hook: Option<Arc<dyn Hook>>,
    performed: Vec<DeviceRequest>,
}

/// What is at a path; the root of a mount is a directory that is not among its nodes.
enum Node {
    Directory,
    File(Vec<u8>),
}

impl SimDevices {
    /// No mounts.
    pub fn new(platform: &SimPlatform) -> SimDevices {
        SimDevices { files: Arc::default(), platform: platform.clone() }
    }

    /// The same files on another machine.
    #[must_use]
    pub fn moved(&self, platform: &SimPlatform) -> SimDevices {
        SimDevices { files: self.files.clone(), platform: platform.clone() }
    }

    /// Adds an empty mount unless it is there.
    pub fn mount(&self, mount: &str) {
        self.files().mounts.entry(mount.to_owned()).or_default();
    }

    /// Puts a file behind the kernel's back. `path` is canonical, below the mount, which is made if missing.
    ///
    /// # Panics
    /// If the path is not canonical or something else is in its way.
    pub fn put(&self, mount: &str, path: &str, body: &[u8]) {
        self.mount(mount);
        let request = DeviceRequest::Write {
            mount: mount.to_owned(),
            path: path.to_owned(),
            mode: WriteMode::Replace,
            body: Bytes::copy_from_slice(body),
            expect: None,
        };
        if let Err(error) = self.files().perform(&request) {
            panic!("/fs/{mount}/{path} could not be put: {error}");
        }
    }

    /// The file at a canonical path, if there is one.
    pub fn get(&self, mount: &str, path: &str) -> Option<Vec<u8>> {
        let path = segments(path).ok()?;
        match self.files().mounts.get(mount)?.get(&path)? {
            Node::File(body) => Some(body.clone()),
            Node::Directory => None,
        }
    }

    /// From now on `hook` is asked about every request before anything is done.
    pub fn hook(&self, hook: impl Fn(&DeviceRequest) -> Plan + MaybeSend + MaybeSync + 'static) {
        self.files().hook = Some(Arc::new(hook));
    }

    /// The requests that were performed, in their order, also those that ended in an error of their own.
    pub fn performed(&self) -> Vec<DeviceRequest> {
        self.files().performed.clone()
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SimDevices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDevices").field("mounts", &self.files().mounts.keys()).finish_non_exhaustive()
    }
}

impl Devices for SimDevices {
    async fn perform(&self, request: DeviceRequest) -> Result<DeviceReply, DeviceError> {
        let hook = self.files().hook.clone();
        match hook.map(|hook| hook(&request)).unwrap_or_default() {
            Plan::Perform => {}
            Plan::Fail(error) => return Err(error),
            Plan::Delay(wait) => self.platform.sleep_until(self.platform.now().after(wait)).await,
            Plan::Hang => std::future::pending().await,
        }
        let mut files = self.files();
        let reply = files.perform(&request);
        files.performed.push(request);
        reply
    }
}

impl Files {
    fn perform(&mut self, request: &DeviceRequest) -> Result<DeviceReply, DeviceError> {
        match request {
            DeviceRequest::List { mount, path, cursor, limit } => {
                list(self.tree(mount)?, path, cursor.as_deref(), *limit)
            }
            DeviceRequest::Read { mount, path, offset, len } => read(self.tree(mount)?, path, *offset, *len),
            DeviceRequest::Write { mount, path, mode, body, expect } => {
                write(self.tree(mount)?, path, *mode, body, *expect)
            }
            DeviceRequest::Remove { mount, path } => remove(self.tree(mount)?, path),
            DeviceRequest::Connect { .. } | DeviceRequest::StreamRead { .. } | DeviceRequest::StreamWrite { .. } => {
                Err(DeviceError::Unsupported("a simulation reaches no other machine".to_owned()))
            }
            DeviceRequest::StreamClose { .. } => Ok(DeviceReply::Done { address: None }),
        }
    }

    fn tree(&mut self, mount: &str) -> Result<&mut BTreeMap<Path, Node>, DeviceError> {
        self.mounts.get_mut(mount).ok_or_else(|| DeviceError::NotFound(format!("the mount {mount}")))
    }
}

fn segments(path: &str) -> Result<Path, DeviceError> {
    let decoded: Result<Path, _> = path.split('/').filter(|_| !path.is_empty()).map(decode_segment).collect();
    decoded.map_err(|e| DeviceError::Unfit(e.to_string()))
}

/// The directory at `path`: its segments.
fn directory(tree: &BTreeMap<Path, Node>, path: &str) -> Result<Path, DeviceError> {
    let at = segments(path)?;
    match tree.get(&at) {
        None if at.is_empty() => Ok(at),
        None => Err(DeviceError::NotFound(path.to_owned())),
        Some(Node::Directory) => Ok(at),
        Some(Node::File(_)) => Err(DeviceError::Unfit(format!("{path} is a file, not a folder"))),
    }
}

/// Everything below `at`, in order.
fn below<'a>(tree: &'a BTreeMap<Path, Node>, at: &'a Path) -> impl Iterator<Item = (&'a Path, &'a Node)> {
    tree.range(at.clone()..)
        .filter(move |(path, _)| path.len() > at.len())
        .take_while(move |(path, _)| path.starts_with(at))
}

fn list(tree: &BTreeMap<Path, Node>, path: &str, cursor: Option<&str>, limit: u32) -> Result<DeviceReply, DeviceError> {
    let at = directory(tree, path)?;
    let after = cursor.map(decode_segment).transpose().map_err(|e| DeviceError::Unfit(e.to_string()))?;
    let mut children = below(tree, &at)
        .filter(|(path, _)| path.len() == at.len() + 1)
        .filter_map(|(path, node)| Some((path.last()?, node)))
        .filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after));
    let mut entries = Vec::new();
    for (name, node) in children.by_ref().take(limit as usize) {
        let (kind, size) = match node {
            Node::Directory => (EntryKind::Directory, 0),
            Node::File(body) => (EntryKind::File, body.len() as u64),
        };
        entries.push(Entry { name: encode_segment(name), kind, size });
    }
    let next = children.next().and(entries.last()).map(|entry| entry.name.clone());
    Ok(DeviceReply::Entries { entries, next })
}

fn read(tree: &BTreeMap<Path, Node>, path: &str, offset: u64, len: u32) -> Result<DeviceReply, DeviceError> {
    let at = segments(path)?;
    match tree.get(&at) {
        Some(Node::File(body)) => {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(body.len());
            let end = start.saturating_add(len as usize).min(body.len());
            let meta = Meta { size: body.len() as u64 };
            Ok(DeviceReply::Data { body: Bytes::copy_from_slice(&body[start..end]), meta })
        }
        None if !at.is_empty() => Err(DeviceError::NotFound(path.to_owned())),
        _ => Err(DeviceError::Unfit(format!("{path} is a folder"))),
    }
}

fn write(
    tree: &mut BTreeMap<Path, Node>,
    path: &str,
    mode: WriteMode,
    body: &Bytes,
    expect: Option<Option<[u8; 32]>>,
) -> Result<DeviceReply, DeviceError> {
    let at = segments(path)?;
    for end in 1..at.len() {
        if let Some(Node::File(_)) = tree.get(&at[..end]) {
            return Err(DeviceError::Unfit(format!("a part of {path} is a file")));
        }
    }
    let before = match tree.get(&at) {
        Some(Node::Directory) => return Err(DeviceError::Unfit(format!("{path} is a folder"))),
        None if at.is_empty() => return Err(DeviceError::Unfit("the mount itself is a folder".to_owned())),
        None => None,
        Some(Node::File(before)) => Some(before),
    };
    if expect.is_some_and(|expect| expect != before.map(|body| Sha256::digest(body).into())) {
        return Err(DeviceError::Conflict(path.to_owned()));
    }
    let before = before.cloned().unwrap_or_default();
    let after = changed(before, mode, body).ok_or_else(|| DeviceError::Full(format!("{path} would be too large")))?;
    for end in 1..at.len() {
        tree.insert(at[..end].to_vec(), Node::Directory);
    }
    tree.insert(at, Node::File(after));
    Ok(DeviceReply::Done { address: None })
}

/// The file after a write, or `None` if it would be too large.
fn changed(mut file: Vec<u8>, mode: WriteMode, body: &[u8]) -> Option<Vec<u8>> {
    let start = match mode {
        WriteMode::Replace => {
            file.clear();
            0
        }
        WriteMode::Append => file.len() as u64,
        WriteMode::At(offset) => offset,
    };
    let end = start.checked_add(body.len() as u64).filter(|end| *end <= MAX_FILE)?;
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    if file.len() < end {
        file.resize(end, 0);
    }
    file[start..end].copy_from_slice(body);
    Some(file)
}

fn remove(tree: &mut BTreeMap<Path, Node>, path: &str) -> Result<DeviceReply, DeviceError> {
    let at = segments(path)?;
    if at.is_empty() {
        return Err(DeviceError::Unfit("the mount itself cannot be removed".to_owned()));
    }
    if below(tree, &at).next().is_some() {
        return Err(DeviceError::Unfit(format!("{path} is a folder that is not empty")));
    }
    match tree.remove(&at) {
        Some(_) => Ok(DeviceReply::Done { address: None }),
        None => Err(DeviceError::NotFound(path.to_owned())),
    }
}
