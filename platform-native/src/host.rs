//! The whole host: every role opened, in the order in which a kernel boots.

use crate::clock::TokioClock;
use crate::data_dir::DataDir;
use crate::devices::{MountError, NativeDevices};
use crate::entropy::OsEntropy;
use crate::keys::FileKeys;
use crate::profile::profile;
use crate::sandbox::{NativeSandbox, WasmOptions, WasmSandbox};
use crate::spawn::TokioSpawn;
use crate::storage::RedbStorage;
use kernel_core::path::Name;
use kernel_core::platform::{Clock, Entropy, Platform, Profile, Programs, Spawn, StorageError};
use kernel_core::time::{Instant, Now, WallTime};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

/// Clocks, entropy and tasks of this machine, and the names of the other roles. Clones are the same host.
#[derive(Clone, Debug)]
pub struct NativePlatform {
    clock: TokioClock,
    spawn: TokioSpawn,
    profile: Arc<Profile>,
}

/// What to open.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The data directory; made with mode 0700 if it is missing.
    pub data_dir: PathBuf,
    /// Folders to mount: each under its name.
    pub mounts: Vec<(Name, PathBuf)>,
    /// Programs that are compiled into the host. Default: none.
    pub natives: Programs,
    /// The most components that run at once (see [`WasmOptions::instances`]). Default: 1,000.
    pub instances: u32,
    /// Whether to verify every page of the database, which reads it once. Default: no.
    pub check: bool,
}

impl HostOptions {
    /// The data directory `data_dir` and the defaults.
    pub fn new(data_dir: impl Into<PathBuf>) -> HostOptions {
        HostOptions {
            data_dir: data_dir.into(),
            mounts: Vec::new(),
            natives: Programs::new(),
            instances: 1_000,
            check: false,
        }
    }
}

/// An opened host: what a kernel is booted with.
#[derive(Debug)]
pub struct Host {
    /// Clocks, entropy, tasks and the profile.
    pub platform: NativePlatform,
    /// Rows.
    pub storage: RedbStorage,
    /// Programs.
    pub sandbox: NativeSandbox,
    /// Files and connections. A clone kept aside can bind further mounts.
    pub devices: NativeDevices,
    /// Signatures.
    pub keys: FileKeys,
    /// Where all this is kept, absolute. It is held until the storage and the keys are dropped.
    pub data_dir: PathBuf,
}

/// Why a host could not be opened. What was opened is closed again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The data directory or its database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A folder to mount.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// A mounted folder and the data directory lie within each other: agents could then read the key that signs the log.
    #[error("the folder of mount `{name}`, {}, and the data directory {} lie in each other", folder.display(), data_dir.display())]
    Overlap {
        /// The mount.
        name: Name,
        /// Its folder.
        folder: PathBuf,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// There is no tokio runtime.
    #[error("a host is opened inside a tokio runtime, with its timer and its network")]
    NoRuntime,
}

/// The runtime that a host runs well on: as many workers as the machine has processors.
///
/// A guest that computes keeps its worker for some milliseconds at a time. By default a busy worker looks
/// for timers and sockets after 61 turns, which with such guests on every worker would be a third of a
/// second; here it looks after 4.
///
/// # Errors
///
/// What the operating system says when threads or its event queue cannot be made.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().event_interval(4).thread_name("weft").build()
}

impl Host {
    /// Opens everything that `options` name. Must be called inside a tokio runtime, on which the host
    /// then lives. Mounts are looked at first: a wrong one leaves the data directory untouched.
    ///
    /// # Errors
    ///
    /// [`HostError`]; nothing stays open.
    pub async fn open(options: HostOptions) -> Result<Host, HostError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| HostError::NoRuntime)?;
        let theirs = runtime.clone();
        let opened = runtime.spawn_blocking(move || Host::open_blocking(options, theirs)).await;
        match opened {
            Ok(host) => host,
            Err(e) => Err(StorageError::Io { doing: "opening the host", source: Box::new(e) }.into()),
        }
    }

    fn open_blocking(options: HostOptions, runtime: tokio::runtime::Handle) -> Result<Host, HostError> {
        let devices = NativeDevices::new(runtime.clone());
        for (name, folder) in &options.mounts {
            devices.bind(name, folder)?;
        }
        let data_dir = Arc::new(DataDir::open(&options.data_dir)?);
        let unseen = |e| StorageError::Io { doing: "looking at a mount", source: Box::new(e) };
        devices.shut(data_dir.path()).map_err(unseen)?;
        for (name, folder) in devices.mounts() {
            if data_dir.overlaps(&folder).map_err(unseen)? {
                return Err(HostError::Overlap { name, folder, data_dir: data_dir.path().to_owned() });
            }
        }
        let storage = RedbStorage::open(&data_dir, options.check, runtime.clone())?;
        let wasm = WasmOptions { cache: Some(data_dir.path().join("cache")), instances: options.instances };
        Ok(Host {
            platform: NativePlatform {
                clock: TokioClock::new(runtime.clone()),
                spawn: TokioSpawn::new(runtime.clone()),
                profile: Arc::new(profile()),
            },
            storage,
            sandbox: NativeSandbox::new(WasmSandbox::new(wasm, runtime), options.natives),
            devices,
            data_dir: data_dir.path().to_owned(),
            keys: FileKeys::new(data_dir),
        })
    }
}

impl Clock for NativePlatform {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn wall(&self) -> WallTime {
        self.clock.wall()
    }

    fn stamp(&self) -> Now {
        self.clock.stamp()
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send + 'static {
        self.clock.sleep_until(at)
    }
}

impl Entropy for NativePlatform {
    fn fill(&self, out: &mut [u8]) {
        OsEntropy.fill(out);
    }
}

impl Spawn for NativePlatform {
    fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.spawn.spawn(name, future);
    }
}

impl Platform for NativePlatform {
    type Storage = RedbStorage;
    type Sandbox = NativeSandbox;
    type Devices = NativeDevices;
    type Keys = FileKeys;

    fn profile(&self) -> &Profile {
        &self.profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::platform::{Batch, DeviceRequest, Devices, KeyPurpose, Keys, Storage};

    fn assert_platform<P: Platform>() {}

    #[tokio::test]
    async fn every_role_of_an_opened_host_works_and_all_is_there_after_a_reopen() {
        assert_platform::<NativePlatform>();
        let tmp = tempfile::tempdir().unwrap();
        let mut options = HostOptions::new(tmp.path().join("data"));
        std::fs::create_dir(tmp.path().join("files")).unwrap();
        options.mounts.push((Name::parse("m").unwrap(), tmp.path().join("files")));
        let host = Host::open(options.clone()).await.unwrap();
        let key = host.keys.public(KeyPurpose::Log).await.unwrap();
        host.storage.commit(Batch { changes: vec![("k".into(), Some("v".into()))] }).await.unwrap();
        let list = DeviceRequest::List { mount: "m".to_owned(), path: String::new(), cursor: None, limit: 1 };
        host.devices.perform(list).await.unwrap();
        assert!(host.platform.now() <= host.platform.now());
        assert_eq!(host.platform.profile().host, "native");

        let second = Host::open(options.clone()).await.unwrap_err();
        assert!(matches!(second, HostError::Storage(StorageError::Held { .. })), "{second}");
        drop(host);
        let host = Host::open(HostOptions { check: true, ..options }).await.unwrap();
        assert_eq!(host.storage.get(b"k").await.unwrap().unwrap(), "v");
        assert_eq!(host.keys.public(KeyPurpose::Log).await.unwrap(), key);
    }

    #[tokio::test]
    async fn a_wrong_mount_leaves_no_data_directory_behind() {
        let tmp = tempfile::tempdir().unwrap();
        let mut options = HostOptions::new(tmp.path().join("data"));
        options.mounts.push((Name::parse("m").unwrap(), tmp.path().join("nowhere")));
        assert!(matches!(Host::open(options).await, Err(HostError::Mount(MountError::Missing { .. }))));
        assert!(!tmp.path().join("data").exists());
    }

    #[tokio::test]
    async fn a_data_directory_in_a_mount_is_refused_however_it_is_called() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::create_dir(tmp.path().join("repo")).unwrap();
        let mut options = HostOptions::new(tmp.path().join("new/../repo/data"));
        options.mounts.push((Name::parse("m").unwrap(), tmp.path().join("repo")));
        let refused = Host::open(options).await.unwrap_err();
        assert!(matches!(refused, HostError::Overlap { .. }), "{refused}");
        assert!(!tmp.path().join("repo/data/log.key").exists());
    }

    #[tokio::test]
    async fn a_data_directory_that_comes_to_lie_in_a_mount_is_reached_by_nobody() {
        let tmp = tempfile::tempdir().unwrap();
        let (data, files) = (tmp.path().join("data"), tmp.path().join("files"));
        std::fs::create_dir(&files).unwrap();
        let mut options = HostOptions::new(&data);
        options.mounts.push((Name::parse("m").unwrap(), files.clone()));
        let host = Host::open(options).await.unwrap();
        host.keys.public(KeyPurpose::Log).await.unwrap();
        // As a bind mount would have it, for which one has to be root.
        std::fs::rename(&data, files.join("data")).unwrap();
        let (mount, path) = ("m".to_owned(), "data/log.key".to_owned());
        let read = DeviceRequest::Read { mount: mount.clone(), path, offset: 0, len: 64 };
        let list = DeviceRequest::List { mount, path: "data".to_owned(), cursor: None, limit: 9 };
        for request in [read, list] {
            let refused = host.devices.perform(request).await.unwrap_err().to_string();
            assert!(refused.contains("lies in the data directory of this kernel"), "{refused}");
        }
    }

    #[test]
    fn a_host_needs_a_runtime() {
        let tmp = tempfile::tempdir().unwrap();
        let opening = Host::open(HostOptions::new(tmp.path()));
        assert!(matches!(futures::FutureExt::now_or_never(opening), Some(Err(HostError::NoRuntime))));
    }

    #[test]
    fn the_runtime_runs() {
        assert_eq!(runtime().unwrap().block_on(async { tokio::spawn(async { 7 }).await.unwrap() }), 7);
    }
}
