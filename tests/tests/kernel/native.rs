//! The native host, in a temporary folder.

use bytes::Bytes;
use kernel_core::kernel::Parts;
use kernel_core::platform::StorageError;
use kernel_tests::world::{Host, Kind, MOUNTS, name, programs};
use platform_native::{HostError, HostOptions, NativePlatform};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The most components at once: few enough to be filled, and enough for what the other clauses start.
const INSTANCES: u32 = 64;

/// How long a write that a crash left in the middle may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A data directory and the folders of the mounts, gone with it.
#[derive(Debug)]
pub(crate) struct NativeHost {
    folder: tempfile::TempDir,
    kind: Kind,
}

impl NativeHost {
    /// Empty, with the folders that are bound.
    pub(crate) fn new(kind: Kind) -> NativeHost {
        let folder = tempfile::tempdir().expect("a folder");
        for mount in MOUNTS {
            std::fs::create_dir(folder.path().join(mount)).expect("a folder");
        }
        NativeHost { folder, kind }
    }

    fn file(&self, mount: &str, path: &str) -> PathBuf {
        self.folder.path().join(mount).join(path)
    }
}

impl Host for NativeHost {
    type Platform = NativePlatform;

    async fn open(&self) -> Parts<NativePlatform> {
        let mut options = HostOptions::new(self.folder.path().join("data"));
        options.mounts = MOUNTS.iter().map(|mount| (name(mount), self.folder.path().join(mount))).collect();
        options.natives = programs(|| panic!("told to"));
        options.instances = INSTANCES;
        let begun = Instant::now();
        // A write that a crash left in the middle is over soon.
        let host = loop {
            match platform_native::Host::open(options.clone()).await {
                Err(HostError::Storage(StorageError::Held { .. })) if begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                host => break host.expect("a host"),
            }
        };
        let platform_native::Host { platform, storage, sandbox, devices, keys, .. } = host;
        Parts { platform, storage, sandbox, devices, keys }
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn is_soon_full(&self) -> bool {
        self.kind == Kind::Component
    }

    fn sees_usage(&self) -> bool {
        self.kind == Kind::Component
    }

    async fn put(&self, mount: &str, path: &str, body: &[u8]) {
        let file = self.file(mount, path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
        std::fs::write(file, body).expect("a file");
    }

    async fn get(&self, mount: &str, path: &str) -> Option<Bytes> {
        std::fs::read(self.file(mount, path)).ok().map(Bytes::from)
    }
}
