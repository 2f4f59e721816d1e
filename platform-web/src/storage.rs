//! Rows in one redb database, of the same format as on other hosts: one table maps bytes to bytes.

use bytes::Bytes;
use kernel_core::platform::{Batch, Key, Page, Storage, StorageError};
use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase, StorageBackend, TableDefinition, TableError};
use std::io;

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

/// Bytes of pages that redb may keep in memory.
const CACHE: usize = 32 << 20;

/// About how many bytes one page of a scan holds.
const PAGE_BYTES: usize = 4 << 20;

/// Rows in a redb database.
#[derive(Debug)]
pub struct RedbStorage {
    db: Database,
    place: String,
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
        Ok(RedbStorage { db, place })
    }

    fn rows(&self, doing: &'static str) -> Result<redb::ReadOnlyTable<&'static [u8], &'static [u8]>, StorageError> {
        let snapshot = self.db.begin_read().map_err(|e| from_redb(&self.place, doing, e.into()))?;
        snapshot.open_table(ROWS).map_err(|e| from_redb(&self.place, doing, e.into()))
    }
}

impl Storage for RedbStorage {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        let doing = "reading a row";
        let value = self.rows(doing)?.get(key).map_err(|e| from_redb(&self.place, doing, e.into()))?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    async fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, StorageError> {
        let doing = "reading rows";
        let mut page = Page::default();
        if from >= to {
            return Ok(page);
        }
        let rows = self.rows(doing)?;
        let mut bytes = 0;
        for row in rows.range(from..to).map_err(|e| from_redb(&self.place, doing, e.into()))? {
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

    async fn commit(&self, batch: Batch) -> Result<(), StorageError> {
        write(&self.db, &batch.changes).map_err(|e| from_redb(&self.place, "committing", e))
    }
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
    use io::ErrorKind::{InvalidData, StorageFull, UnexpectedEof};
    match error.kind() {
        StorageFull => StorageError::Full { place: place.to_owned() },
        InvalidData | UnexpectedEof => StorageError::Damaged { place: place.to_owned(), what: error.to_string() },
        _ => StorageError::Io { doing, source: Box::new(error) },
    }
}
