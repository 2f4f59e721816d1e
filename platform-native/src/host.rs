//! The whole host: every role opened, in the order in which a kernel boots.

use crate::clock::TokioClock;
use crate::data_dir::DataDir;
use crate::devices::{MountError, NativeDevices};
use crate::entropy::OsEntropy;
use crate::keys::FileKeys;
use crate::profile::profile;
use crate::sandbox::{NativePrograms, NativeSandbox, WasmSandbox};
use crate::spawn::TokioSpawn;
use crate::storage::RedbStorage;
use kernel_core::path::Name;
use kernel_core::platform::{Clock, Entropy, Platform, Profile, Spawn, StorageError};
use kernel_core::time::{Instant, WallTime};
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
    pub natives: NativePrograms,
    /// Whether to verify every page of the database, which reads it once. Default: no.
    pub check: bool,
}

impl HostOptions {
    /// The data directory `data_dir` and the defaults.
    pub fn new(data_dir: impl Into<PathBuf>) -> HostOptions {
        HostOptions { data_dir: data_dir.into(), mounts: Vec::new(), natives: NativePrograms::new(), check: false }
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
    /// Where all this is kept. It is held until the storage and the keys are dropped too.
    pub data_dir: Arc<DataDir>,
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
    /// There is no tokio runtime.
    #[error("a host is opened inside a tokio runtime, with its timer and its network")]
    NoRuntime,
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
        let storage = RedbStorage::open(&data_dir, options.check, runtime.clone())?;
        let cache = data_dir.path().join("cache");
        Ok(Host {
            platform: NativePlatform {
                clock: TokioClock::new(runtime.clone()),
                spawn: TokioSpawn::new(runtime.clone()),
                profile: Arc::new(profile()),
            },
            storage,
            sandbox: NativeSandbox::new(WasmSandbox::new(Some(cache), runtime), options.natives),
            devices,
            keys: FileKeys::new(data_dir.clone()),
            data_dir,
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
