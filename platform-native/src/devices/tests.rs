//! The contract of `Devices`: real folders and real sockets, and what must not be reached.

use super::*;
use bytes::Bytes;
use kernel_core::id::StreamId;
use kernel_core::platform::{Entry, EntryKind, WriteMode};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use tempfile::TempDir;

mod files;
mod mounts;
mod streams;

struct Bench {
    devices: NativeDevices,
    /// The mount `m` is `root/m`; what lies beside it must not be reached.
    root: TempDir,
}

impl Bench {
    fn new() -> Bench {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("m")).unwrap();
        fs::write(root.path().join("outside"), "a secret of the host").unwrap();
        fs::create_dir(root.path().join("other")).unwrap();
        fs::write(root.path().join("other/file"), "another secret").unwrap();
        let devices = NativeDevices::new(tokio::runtime::Handle::current());
        devices.bind(&name("m"), &root.path().join("m")).unwrap();
        Bench { devices, root }
    }

    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.path().join("m").join(path)
    }

    async fn list(&self, path: &str) -> Result<Vec<Entry>, DeviceError> {
        self.page(path, None, 10_000).await.map(|(entries, _)| entries)
    }

    async fn page(
        &self,
        path: &str,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<(Vec<Entry>, Option<String>), DeviceError> {
        let request = DeviceRequest::List { mount: "m".to_owned(), path: path.to_owned(), cursor, limit };
        match self.devices.perform(request).await? {
            DeviceReply::Entries { entries, next } => Ok((entries, next)),
            other => panic!("{other:?}"),
        }
    }

    async fn read(&self, path: &str, offset: u64, len: u32) -> Result<(Bytes, u64), DeviceError> {
        let request = DeviceRequest::Read { mount: "m".to_owned(), path: path.to_owned(), offset, len };
        match self.devices.perform(request).await? {
            DeviceReply::Data { body, meta } => Ok((body, meta.size)),
            other => panic!("{other:?}"),
        }
    }

    async fn write(&self, path: &str, mode: WriteMode, body: &str) -> Result<(), DeviceError> {
        self.write_if(path, mode, body, None).await
    }

    async fn write_if(
        &self,
        path: &str,
        mode: WriteMode,
        body: &str,
        expect: Option<Option<[u8; 32]>>,
    ) -> Result<(), DeviceError> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let request = DeviceRequest::Write { mount: "m".to_owned(), path: path.to_owned(), mode, body, expect };
        self.devices.perform(request).await.map(drop)
    }

    async fn remove(&self, path: &str) -> Result<(), DeviceError> {
        let request = DeviceRequest::Remove { mount: "m".to_owned(), path: path.to_owned() };
        self.devices.perform(request).await.map(drop)
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}
