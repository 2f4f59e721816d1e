//! The native host, whose rows others than the kernel can read, also when it has stopped.
//!
//! The kernel owns its storage. What a run reports is read from the log itself, after the last flush, and which
//! applications are installed from their rows, so the rows are shared with the kernel instead of being opened a
//! second time.

use crate::NativePlatform;
use crate::devices::NativeDevices;
use crate::keys::FileKeys;
use crate::sandbox::NativeSandbox;
use crate::storage::{Pages, RedbStorage};
use bytes::Bytes;
use kernel_core::platform::{Batch, Clock, Entropy, Page, Platform, Profile, Spawn, Storage, StorageError};
use kernel_core::time::{Instant, Now, WallTime};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// How long a kernel that has stopped may take to let go of its rows.
const LET_GO: Duration = Duration::from_secs(2);

/// Rows with several readers. Clones are the same rows.
#[derive(Clone, Debug)]
pub(crate) struct SharedRows(Arc<RedbStorage>);

impl SharedRows {
    /// The rows of `storage`.
    pub(crate) fn new(storage: RedbStorage) -> SharedRows {
        SharedRows(Arc::new(storage))
    }

    /// All rows as they are now: [`RedbStorage::all`].
    pub(crate) fn all(&self) -> Pages {
        self.0.all()
    }

    /// Waits until nobody else holds them, and closes the database in order: the next opening need not
    /// repair it then.
    pub(crate) async fn close(self) {
        let until = tokio::time::Instant::now() + LET_GO;
        while Arc::strong_count(&self.0) > 1 && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Storage for SharedRows {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.0.get(key).await
    }

    async fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, StorageError> {
        self.0.scan(from, to, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StorageError> {
        self.0.commit(batch).await
    }
}

/// The native platform over [`SharedRows`].
#[derive(Clone, Debug)]
pub(crate) struct SharedPlatform(pub(crate) NativePlatform);

impl Clock for SharedPlatform {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn wall(&self) -> WallTime {
        self.0.wall()
    }

    fn stamp(&self) -> Now {
        self.0.stamp()
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send + 'static {
        self.0.sleep_until(at)
    }
}

impl Entropy for SharedPlatform {
    fn fill(&self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

impl Spawn for SharedPlatform {
    fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(name, future);
    }
}

impl Platform for SharedPlatform {
    type Storage = SharedRows;
    type Sandbox = NativeSandbox;
    type Devices = NativeDevices;
    type Keys = FileKeys;

    fn profile(&self) -> &Profile {
        self.0.profile()
    }
}
