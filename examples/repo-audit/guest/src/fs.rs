//! Files of a mount.

use crate::Refusal;
use crate::acts::{act, act_with, unexpected};
use serde::Deserialize;
use std::io::{self, Write};

/// The most bytes that one `write` takes, with room for its arguments: acts carry at most 1 MiB.
const PIECE: usize = 1000 * 1024;

/// What a directory entry is; what the kernel may add later counts as `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A link whose target is in the mount.
    Link,
    /// A link that leads nowhere, or to itself.
    BrokenLink,
    /// A link that leads out of the mount; whether anything is there is not told.
    OutsideLink,
    /// The folder of another mount.
    Mount,
    /// A socket, fifo or device.
    #[serde(other)]
    Other,
}

/// A directory entry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// One canonical path segment.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes, for files.
    #[serde(default)]
    pub size: u64,
}

/// A page of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Page {
    /// Entries in byte order of their names.
    pub entries: Vec<Entry>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// Lists the directory at `path` from `cursor` on.
pub fn list(path: &str, cursor: Option<&str>) -> Result<Page, Refusal> {
    let reply = act("list", path, &serde_json::json!({ "cursor": cursor }).to_string())?;
    serde_json::from_slice(&reply).map_err(|_| unexpected("list"))
}

/// Reads at most `len` bytes from `offset` on; fewer only at the end.
pub fn read(path: &str, offset: u64, len: usize) -> Result<Vec<u8>, Refusal> {
    act("read", path, &format!("{{\"offset\":{offset},\"len\":{len}}}"))
}

/// Puts `bytes` in the place of the file at `path`, as a [`Writer`] does.
pub fn write_all(path: &str, bytes: &[u8]) -> Result<(), Refusal> {
    let mut file = Writer::new(path);
    for piece in bytes.chunks(PIECE) {
        // What went wrong is told at the end.
        let _ = file.write(piece);
    }
    file.finish()
}

/// Writes a file piece by piece: the first replaces it, the others are appended. A reader may see the beginning of a file of
/// more than a megabyte before its end is there.
#[derive(Debug)]
pub struct Writer {
    path: String,
    held: Vec<u8>,
    begun: bool,
    refused: Option<Refusal>,
}

impl Writer {
    /// Of the file at `path`, which is not touched yet.
    pub fn new(path: &str) -> Writer {
        Writer { path: path.to_owned(), held: Vec::new(), begun: false, refused: None }
    }

    /// Writes what is left, and answers what went wrong on the way.
    pub fn finish(mut self) -> Result<(), Refusal> {
        if !self.held.is_empty() || !self.begun {
            self.send();
        }
        self.refused.map_or(Ok(()), Err)
    }

    fn send(&mut self) {
        if self.refused.is_none() {
            let how = if self.begun { "{\"append\":true}" } else { "{\"replace\":true}" };
            self.refused = act_with("write", &self.path, how, &self.held).err();
        }
        self.begun = true;
        self.held.clear();
    }
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.len() + bytes.len() > PIECE {
            self.send();
        }
        let taken = bytes.len().min(PIECE);
        self.held.extend_from_slice(&bytes[..taken]);
        match self.refused {
            Some(_) => Err(io::Error::other("the kernel refused an earlier piece")),
            None => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
