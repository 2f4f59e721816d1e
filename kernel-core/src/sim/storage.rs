//! Rows in memory that outlive the machine, with the faults of real disks.

use super::SimPlatform;
use crate::platform::{Batch, Key, Page, Storage, StorageError};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// About how much one page of a scan holds, in bytes.
const PAGE_BYTES: usize = 4 << 20;

/// What goes wrong. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// From the commit of this number on (the first is 0) there is no room left: nothing is applied.
    pub fail_from: Option<u64>,
    /// The power fails within a commit: a part is applied, and nothing works any more until
    /// [`SimStorage::moved`] takes the rows to another machine.
    pub tear: Option<Tear>,
    /// The longest that each operation takes, in virtual time; each draws how long. A commit takes as
    /// long again between being applied and being acknowledged.
    pub slow: Duration,
}

/// A commit that is applied in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tear {
    /// The number of the commit; the first is 0.
    pub commit: u64,
    /// How many of its changes are applied.
    pub changes: usize,
    /// Of the row that the next change writes so many bytes are stored in its place, if any are.
    pub bytes: Option<usize>,
}

/// Rows on a simulated disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimStorage {
    disk: Arc<Mutex<Disk>>,
    platform: SimPlatform,
}

#[derive(Default)]
struct Disk {
    rows: BTreeMap<Key, Bytes>,
    /// Commits that were asked for.
    begun: u64,
    /// Commits that were applied.
    applied: u64,
    faults: Faults,
    dead: bool,
    /// What the last commit that was asked for changes.
    last: Vec<(Key, Option<Bytes>)>,
}

impl SimStorage {
    /// An empty disk.
    pub fn new(platform: &SimPlatform) -> SimStorage {
        SimStorage { disk: Arc::default(), platform: platform.clone() }
    }

    /// The same disk in another machine, without its faults: what a reboot finds.
    #[must_use]
    pub fn moved(&self, platform: &SimPlatform) -> SimStorage {
        let mut disk = self.disk();
        if disk.dead {
            disk.dead = false;
            disk.faults = Faults::default();
        }
        drop(disk);
        SimStorage { disk: self.disk.clone(), platform: platform.clone() }
    }

    /// Another disk with the same rows and no faults.
    #[must_use]
    pub fn copied(&self) -> SimStorage {
        let disk = Disk { rows: self.rows(), ..Disk::default() };
        SimStorage { disk: Arc::new(Mutex::new(disk)), platform: self.platform.clone() }
    }

    /// From now on this goes wrong, and nothing else.
    pub fn set_faults(&self, faults: Faults) {
        self.disk().faults = faults;
    }

    /// How many commits were applied.
    pub fn commits(&self) -> u64 {
        self.disk().applied
    }

    /// How many commits were asked for: the number of the next one.
    pub fn next_commit(&self) -> u64 {
        self.disk().begun
    }

    /// What the commit changes that was asked for last, in its order.
    pub fn last_batch(&self) -> Vec<(Key, Option<Bytes>)> {
        self.disk().last.clone()
    }

    /// All rows.
    pub fn rows(&self) -> BTreeMap<Key, Bytes> {
        self.disk().rows.clone()
    }

    /// Changes rows behind the kernel's back, as whoever holds the disk can.
    pub fn tamper<T>(&self, change: impl FnOnce(&mut BTreeMap<Key, Bytes>) -> T) -> T {
        change(&mut self.disk().rows)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time that one operation takes.
    async fn wait(&self) {
        let slow = self.disk().faults.slow;
        self.platform.dawdle(slow).await;
    }
}

impl fmt::Debug for SimStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disk = self.disk();
        f.debug_struct("SimStorage")
            .field("rows", &disk.rows.len())
            .field("commits", &disk.applied)
            .field("faults", &disk.faults)
            .finish_non_exhaustive()
    }
}

impl Disk {
    fn alive(&self, doing: &'static str) -> Result<(), StorageError> {
        match self.dead {
            true => Err(StorageError::Io { doing, source: "the power has failed".into() }),
            false => Ok(()),
        }
    }

    fn apply(&mut self, changes: impl IntoIterator<Item = (Key, Option<Bytes>)>) {
        for (key, value) in changes {
            match value {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
    }

    fn commit(&mut self, number: u64, batch: Batch) -> Result<(), StorageError> {
        self.alive("writing")?;
        self.last.clone_from(&batch.changes);
        if self.faults.fail_from.is_some_and(|from| number >= from) {
            return Err(StorageError::Full { place: "the simulated disk".to_owned() });
        }
        if let Some(tear) = self.faults.tear.filter(|tear| tear.commit == number) {
            let mut changes = batch.changes.into_iter();
            self.apply(changes.by_ref().take(tear.changes));
            if let (Some(bytes), Some((key, Some(value)))) = (tear.bytes, changes.next()) {
                self.apply([(key, Some(value.slice(..bytes.min(value.len()))))]);
            }
            self.dead = true;
            return self.alive("writing");
        }
        self.apply(batch.changes);
        self.applied += 1;
        Ok(())
    }
}

impl Storage for SimStorage {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.wait().await;
        let disk = self.disk();
        disk.alive("reading")?;
        Ok(disk.rows.get(key).cloned())
    }

    async fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, StorageError> {
        self.wait().await;
        let disk = self.disk();
        disk.alive("reading")?;
        let mut page = Page::default();
        let mut size = 0;
        if from >= to {
            return Ok(page);
        }
        for (key, value) in disk.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))) {
            if page.rows.len() >= limit || (size > PAGE_BYTES && !page.rows.is_empty()) {
                page.next = Some(key.clone());
                break;
            }
            size += key.len() + value.len();
            page.rows.push((key.clone(), value.clone()));
        }
        Ok(page)
    }

    async fn commit(&self, batch: Batch) -> Result<(), StorageError> {
        let number = {
            let mut disk = self.disk();
            disk.begun += 1;
            disk.begun - 1
        };
        self.wait().await;
        self.disk().commit(number, batch)?;
        self.wait().await;
        Ok(())
    }
}
