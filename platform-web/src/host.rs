//! The whole host: every role opened, in the order in which a kernel boots.

use crate::clock::WebClock;
use crate::devices::WebDevices;
use crate::entropy::WebEntropy;
use crate::keys::{KeyError, WebKeys};
use crate::profile::profile;
use crate::sandbox::WebSandbox;
use crate::spawn::WebSpawn;
use crate::storage::opfs::{KernelFolder, Unreachable};
use crate::storage::{RedbStorage, persist};
use kernel_core::path::Name;
use kernel_core::platform::{Clock, Durability, Entropy, Platform, Profile, Programs, Spawn, StorageError};
use kernel_core::time::{Instant, WallTime};
use std::future::Future;
use std::rc::Rc;

/// Clocks, entropy and tasks of this worker, and the names of the other roles. Clones are the same host.
#[derive(Clone, Debug)]
pub struct WebPlatform {
    clock: WebClock,
    profile: Rc<Profile>,
}

/// Where rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageKind {
    /// In the origin private file system, kept as long as the browser keeps what belongs to the site. Where the
    /// browser gives a window none, rows are in memory instead, and the profile says so.
    Opfs,
    /// In the worker's memory, gone with it.
    Memory,
}

/// What to open.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The kernel's name: rows and keys are kept under it.
    pub name: Name,
    /// Where rows are kept.
    pub storage: StorageKind,
    /// Programs that are compiled into the host. Default: none.
    pub natives: Programs,
}

impl HostOptions {
    /// The kernel `name` with the defaults.
    pub fn new(name: Name, storage: StorageKind) -> HostOptions {
        HostOptions { name, storage, natives: Programs::new() }
    }
}

/// An opened host: what a kernel is booted with.
#[derive(Debug)]
pub struct Host {
    /// Clocks, entropy, tasks and the profile.
    pub platform: WebPlatform,
    /// Rows.
    pub storage: RedbStorage,
    /// Programs.
    pub sandbox: WebSandbox,
    /// Files and connections. A clone kept aside can bind further mounts.
    pub devices: WebDevices,
    /// Signatures.
    pub keys: WebKeys,
    /// Whether the browser promised not to clear what is stored by itself; `None` for rows in memory.
    pub persisted: Option<bool>,
}

/// Why a host could not be opened. What was opened is closed again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The signing key.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl Host {
    /// Opens everything that `options` name, in the worker that calls.
    ///
    /// # Errors
    ///
    /// [`HostError`]; nothing stays open.
    pub async fn open(options: HostOptions) -> Result<Host, HostError> {
        let folder = match options.storage {
            StorageKind::Memory => None,
            StorageKind::Opfs => Some(KernelFolder::open(&options.name).await),
        };
        let (storage, keys, profile, persisted) = match folder {
            Some(Ok(folder)) => {
                let keys = WebKeys::open(&options.name).await?;
                let storage = RedbStorage::open(&folder, keys.are_kept()).await?;
                (storage, keys, profile(Durability::Disk, None), Some(persist().await))
            }
            Some(Err(Unreachable::Failed(error))) => return Err(error.into()),
            in_memory => {
                let why = in_memory.and_then(Result::err).map(|unreachable| unreachable.to_string());
                let (storage, keys) = (RedbStorage::in_memory()?, WebKeys::in_memory().await?);
                (storage, keys, profile(Durability::Memory, why), None)
            }
        };
        Ok(Host {
            platform: WebPlatform { clock: WebClock::new(), profile: Rc::new(profile) },
            storage,
            sandbox: WebSandbox::new(options.natives),
            devices: WebDevices::default(),
            keys,
            persisted,
        })
    }
}

impl Clock for WebPlatform {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn wall(&self) -> WallTime {
        self.clock.wall()
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + 'static {
        self.clock.sleep_until(at)
    }
}

impl Entropy for WebPlatform {
    fn fill(&self, out: &mut [u8]) {
        WebEntropy.fill(out);
    }
}

impl Spawn for WebPlatform {
    fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + 'static) {
        WebSpawn.spawn(name, future);
    }
}

impl Platform for WebPlatform {
    type Storage = RedbStorage;
    type Sandbox = WebSandbox;
    type Devices = WebDevices;
    type Keys = WebKeys;

    fn profile(&self) -> &Profile {
        &self.profile
    }
}
