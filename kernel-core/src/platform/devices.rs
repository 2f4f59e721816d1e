//! The role that reaches outside: files of mounts and network connections.
//!
//! Requests are data, made by the pure step after the act was permitted; a device checks nothing but
//! what only the host can know (that a path stays inside its folder, which address a name has).

use super::{HostError, MaybeSend, MaybeSync};
use crate::id::StreamId;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::future::Future;

/// What kind of thing a directory entry is. Links are reported, never followed out of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link whose target is inside the mount and exists, or is where the operating system lets nobody look.
    Link,
    /// A symbolic link whose target is missing, or part of a loop.
    BrokenLink,
    /// A symbolic link that leads out of the mount. Whether anything is there is not looked at, so that nobody learns it.
    OutsideLink,
    /// The folder of another mount: what is in it is reached through that mount, and not here.
    Mount,
    /// A socket, fifo or device, or what cannot be looked at; it can be listed but not read.
    Other,
}

/// One directory entry. `name` is one canonical path segment: bytes outside the unreserved set are
/// percent-encoded, so a name that is not UTF-8 comes back as it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The canonical segment.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes, for files; else 0.
    pub size: u64,
}

/// What a read found besides the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Meta {
    /// The file's size when it was read.
    pub size: u64,
}

/// What a device is asked to do. `path` is the canonical rest of the path below the mount
/// ("src/main.rs", "" for the mount itself); devices decode the percent-encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs)] // The fields are explained with their variant.
pub enum DeviceRequest {
    /// Entries of a directory in byte order of their names, after `cursor`, at most `limit`.
    List { mount: String, path: String, cursor: Option<String>, limit: u32 },
    /// Bytes `offset .. offset + len` of a regular file; fewer only at its end.
    Read { mount: String, path: String, offset: u64, len: u32 },
    /// Writes a file; its folder is made if missing. Exactly one way of `mode`.
    Write { mount: String, path: String, mode: WriteMode, body: Bytes, expect: Option<Option<[u8; 32]>> },
    /// Removes a file or an empty directory.
    Remove { mount: String, path: String },
    /// Opens a TCP connection to `host`:`port`; the answer is the stream `stream`.
    /// `private`: whether loopback, private and link-local addresses are granted too.
    Connect { stream: StreamId, host: String, port: u16, private: bool },
    /// Reads what has arrived, at most `len`; waits for the first byte; empty at the end.
    StreamRead { stream: StreamId, len: u32 },
    /// Writes all of `body`.
    StreamWrite { stream: StreamId, body: Bytes },
    /// Closes; always succeeds.
    StreamClose { stream: StreamId },
}

/// How a write meets what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// The whole file, atomically: readers see the old or the new, also after a crash.
    Replace,
    /// At the end.
    Append,
    /// At this offset, growing the file as needed.
    At(u64),
}

/// What a device answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs)] // The fields are explained with their variant.
pub enum DeviceReply {
    /// For `List`: entries, and the cursor of the next page if there is one.
    Entries { entries: Vec<Entry>, next: Option<String> },
    /// For `Read` and `StreamRead`.
    Data { body: Bytes, meta: Meta },
    /// For the rest. `address` is what a name resolved to, for `Connect`.
    Done { address: Option<String> },
}

/// Why a device could not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// It does not exist.
    #[error("{0} does not exist")]
    NotFound(String),
    /// It exists and is not what the request needs ("is a directory", "is a fifo", "leads out of the mount").
    #[error("{0}")]
    Unfit(String),
    /// The grant does not reach it ("resolves to 127.0.0.1, a loopback address"): a refusal of the gate, of which only
    /// the host can know.
    #[error("{0}")]
    Forbidden(String),
    /// The host itself does not let it be done ("permission denied", "a read-only file system"). No word of the gate.
    #[error("{0}")]
    Refused(String),
    /// The `expect` of a write does not hold.
    #[error("{0} was changed meanwhile")]
    Conflict(String),
    /// No room, or over a limit.
    #[error("{0}")]
    Full(String),
    /// This host has no such device.
    #[error("{0}")]
    Unsupported(String),
    /// Anything else. A write may have been done in part, but never a `Replace`.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// The host's own error.
        #[source]
        source: HostError,
    },
}

/// Performs device requests.
///
/// `perform` may be called many times at once; requests on one stream are not overlapped by the kernel
/// except that a close may come while a read waits: the read then ends empty. Dropping the future
/// abandons the wait; a write that was begun may still happen.
pub trait Devices: MaybeSend + MaybeSync + 'static {
    /// Answers a request at once, where it is asked, if that takes no longer than handing it to another task would;
    /// `None` otherwise, and for all that is not only looked at: then [`Devices::perform`] is called. Optional.
    fn at_once(&self, _request: &DeviceRequest) -> Option<Result<DeviceReply, DeviceError>> {
        None
    }

    /// Performs one request.
    fn perform(&self, request: DeviceRequest) -> impl Future<Output = Result<DeviceReply, DeviceError>> + MaybeSend;
}
