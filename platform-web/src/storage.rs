//! Rows in one redb database, of the same table and file format as on other hosts: a database that was written
//! on a machine opens in a tab and the other way round.
//!
//! Commits and reads are done where they are asked for: a worker has nothing else to do them on, and a sync
//! access handle answers in microseconds. Between the pages of a long scan the event loop turns. Each commit is flushed before it returns. redb keeps a checksummed
//! previous state until the next one is written, so a commit that a crash or a full quota cut short is not there
//! at the next open.
//!
//! A file that was altered by anything but redb can end in a panic, which redb uses where its pages do not fit
//! together. WebAssembly does not unwind, so the kernel then ends as after any other panic, and changes nothing.

use crate::clock::Pieces;
use crate::js::scope;
use bytes::Bytes;
use kernel_core::platform::{Batch, Key, Page, Storage, StorageError};
use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase, StorageBackend, TableDefinition, TableError};
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use wasm_bindgen_futures::JsFuture;

pub(crate) mod opfs;
#[cfg(test)]
pub(crate) mod tests;

use opfs::KernelFolder;

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

/// Bytes of pages that redb may keep in memory.
const CACHE: usize = 32 << 20;

/// About how many bytes one page of a scan holds.
const PAGE_BYTES: usize = 4 << 20;

/// Rows in a redb database. Clones are the same; it is closed with the last of them.
#[derive(Clone, Debug)]
pub struct RedbStorage {
    db: Arc<Database>,
    place: Arc<str>,
    pieces: Rc<Pieces>,
}

impl RedbStorage {
    /// Rows that are gone with the worker.
    ///
    /// # Errors
    ///
    /// What redb says of an empty database in memory: nothing.
    pub fn in_memory() -> Result<RedbStorage, StorageError> {
        RedbStorage::over(InMemoryBackend::new(), "memory".to_owned())
    }

    /// The rows in `folder`; made if there are none, unless the kernel's key is there, which has signed a log
    /// (`signed`).
    ///
    /// # Errors
    ///
    /// [`StorageError::Held`] where another worker has them; [`StorageError::Damaged`] if what is there is no
    /// database, or if it is missing beside a key; [`StorageError::Full`] and [`StorageError::Io`] as the browser
    /// says. What is stored was not changed.
    pub(crate) async fn open(folder: &KernelFolder, signed: bool) -> Result<RedbStorage, StorageError> {
        let place = folder.place().to_owned();
        let file = match folder.find(!signed).await? {
            Some((file, true)) => file,
            Some((file, false)) if !signed => {
                file.make(&RedbStorage::fresh()?).map_err(|e| io_error(&place, "making the database", e))?;
                file
            }
            _ => {
                let what = "it is gone, and the key of this kernel has signed what was in it".to_owned();
                return Err(StorageError::Damaged { place, what });
            }
        };
        RedbStorage::over(file, place)
    }

    /// The bytes of a database without rows.
    fn fresh() -> Result<Vec<u8>, StorageError> {
        let bytes = Shared::default();
        drop(RedbStorage::over(bytes.clone(), "memory".to_owned())?);
        Ok(std::mem::take(&mut *bytes.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn over(backend: impl StorageBackend, place: String) -> Result<RedbStorage, StorageError> {
        let doing = "opening the database";
        let db = Database::builder()
            .set_cache_size(CACHE)
            .create_with_backend(backend)
            .map_err(|e| from_redb(&place, doing, e.into()))?;
        let snapshot = db.begin_read().map_err(|e| from_redb(&place, doing, e.into()))?;
        match snapshot.open_table(ROWS) {
            Ok(_) => {}
            // A new file: the table comes into being with an empty first commit.
            Err(TableError::TableDoesNotExist(_)) => write(&db, &[]).map_err(|e| from_redb(&place, doing, e))?,
            Err(e) => return Err(from_redb(&place, doing, e.into())),
        }
        drop(snapshot);
        Ok(RedbStorage { db: Arc::new(db), place: place.into(), pieces: Rc::default() })
    }

    /// The last key with `from <= key < to`.
    ///
    /// # Errors
    ///
    /// As for a scan.
    pub(crate) fn last_before(&self, from: &[u8], to: &[u8]) -> Result<Option<Key>, StorageError> {
        let doing = "reading rows";
        let rows = self.rows(doing)?;
        let last = rows.range(from..to).map_err(|e| from_redb(&self.place, doing, e.into()))?.next_back();
        let last = last.transpose().map_err(|e| from_redb(&self.place, doing, e.into()))?;
        Ok(last.map(|(key, _)| Bytes::copy_from_slice(key.value())))
    }

    /// The rows as they are now, whatever is committed from here on.
    ///
    /// # Errors
    ///
    /// As for a read.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StorageError> {
        Ok(Snapshot { rows: self.rows("reading rows")?, place: self.place.clone(), pieces: self.pieces.clone() })
    }

    fn rows(&self, doing: &'static str) -> Result<Rows, StorageError> {
        let snapshot = self.db.begin_read().map_err(|e| from_redb(&self.place, doing, e.into()))?;
        snapshot.open_table(ROWS).map_err(|e| from_redb(&self.place, doing, e.into()))
    }
}

impl Storage for RedbStorage {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.snapshot()?.get(key).await
    }

    async fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, StorageError> {
        // First, so that what is read is as of then.
        self.pieces.between().await;
        self.snapshot()?.scan(from, to, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StorageError> {
        write(&self.db, &batch.changes).map_err(|e| from_redb(&self.place, "committing", e))
    }
}

type Rows = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The rows of one moment, to be read only.
pub(crate) struct Snapshot {
    rows: Rows,
    place: Arc<str>,
    pieces: Rc<Pieces>,
}

impl Storage for Snapshot {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        let value = self.rows.get(key).map_err(|e| from_redb(&self.place, "reading a row", e.into()))?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    async fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, StorageError> {
        let doing = "reading rows";
        let mut page = Page::default();
        if from >= to {
            return Ok(page);
        }
        // Whoever verifies a log asks for one page after the other, and is not all that this worker has to do.
        self.pieces.between().await;
        let mut bytes = 0;
        for row in self.rows.range(from..to).map_err(|e| from_redb(&self.place, doing, e.into()))? {
            let (key, value) = row.map_err(|e| from_redb(&self.place, doing, e.into()))?;
            let key = Bytes::copy_from_slice(key.value());
            // The first row always goes, whatever its size, so that every page gets on.
            if page.rows.len() >= limit || (bytes >= PAGE_BYTES && !page.rows.is_empty()) {
                page.next = Some(key);
                break;
            }
            let value = Bytes::copy_from_slice(value.value());
            bytes += key.len() + value.len();
            page.rows.push((key, value));
        }
        Ok(page)
    }

    async fn commit(&self, _batch: Batch) -> Result<(), StorageError> {
        let source = "what was is not changed".into();
        Err(StorageError::Io { doing: "committing to a snapshot", source })
    }
}

/// A file in memory whose bytes can be taken out when the database over it is closed.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        Ok(work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        self.with(|bytes| bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = offset as usize;
        self.with(|bytes| match bytes.get(start..start + out.len()) {
            Some(there) => {
                out.copy_from_slice(there);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        })?
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|bytes| bytes.resize(len as usize, 0))
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = offset as usize;
        self.with(|bytes| match bytes.get_mut(start..start + data.len()) {
            Some(there) => {
                there.copy_from_slice(data);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        })?
    }
}

/// Asks the browser not to clear what belongs to this site by itself; what it answers. Only a page may ask in some
/// browsers: then the answer is what holds already.
pub(crate) async fn persist() -> bool {
    let storage = scope().navigator().storage();
    for promise in [storage.persist(), storage.persisted()].into_iter().flatten() {
        if let Ok(answer) = JsFuture::from(promise).await
            && answer.is_truthy()
        {
            return true;
        }
    }
    false
}

fn write(db: &Database, changes: &[(Key, Option<Bytes>)]) -> Result<(), redb::Error> {
    // redb's default durability is `Immediate`: on disk when `commit` returns.
    let transaction = db.begin_write()?;
    {
        let mut rows = transaction.open_table(ROWS)?;
        for (key, value) in changes {
            match value {
                Some(value) => drop(rows.insert(&key[..], &value[..])?),
                None => drop(rows.remove(&key[..])?),
            }
        }
    }
    Ok(transaction.commit()?)
}

fn from_redb(place: &str, doing: &'static str, error: redb::Error) -> StorageError {
    use redb::Error as E;
    let damaged = |what: String| StorageError::Damaged { place: place.to_owned(), what };
    match error {
        E::Io(error) => io_error(place, doing, error),
        E::Corrupted(what) => damaged(what),
        E::UpgradeRequired(format) => {
            damaged(format!("it has format {format} of redb, which this version cannot read"))
        }
        E::TableTypeMismatch { .. } | E::TableIsMultimap(_) | E::TypeDefinitionChanged { .. } => {
            damaged(format!("it is not a database of weft: {error}"))
        }
        other => StorageError::Io { doing, source: Box::new(other) },
    }
}

fn io_error(place: &str, doing: &'static str, error: io::Error) -> StorageError {
    use io::ErrorKind::{InvalidData, QuotaExceeded, StorageFull, UnexpectedEof};
    match error.kind() {
        StorageFull | QuotaExceeded => StorageError::Full { place: place.to_owned() },
        InvalidData | UnexpectedEof => StorageError::Damaged { place: place.to_owned(), what: error.to_string() },
        _ => StorageError::Io { doing, source: Box::new(error) },
    }
}
