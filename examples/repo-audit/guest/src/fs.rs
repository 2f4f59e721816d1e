//! Files of a mount.

use crate::Refusal;
use crate::acts::{act, act_with, unexpected};
use serde::Deserialize;

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

/// Puts `bytes` in the place of the file at `path`: a first piece replaces it, the others are appended.
/// A reader may see the beginning of a file of more than a megabyte before its end is there.
pub fn write_all(path: &str, bytes: &[u8]) -> Result<(), Refusal> {
    let first = bytes.len().min(PIECE);
    act_with("write", path, "{\"replace\":true}", &bytes[..first])?;
    for piece in bytes[first..].chunks(PIECE) {
        act_with("write", path, "{\"append\":true}", piece)?;
    }
    Ok(())
}
