//! A data directory opened to be read: no kernel is started, nothing is made, and nothing is changed.
//!
//! The rows are opened read-only. Only a database that was not closed in order, after a `kill -9`, has
//! to be opened for writing: the database then repairs itself as the next kernel would let it, and the
//! log is as it was acknowledged.

use super::ahead::Ahead;
use super::exit::{Exit, Failure, HELD, of_key};
use super::place::{DATABASE, held_by_a_kernel};
use super::terminal::{Progress, Terminal};
use super::text::{count, counted};
use crate::DataDir;
use crate::data_dir::regular;
use crate::keys::{FileKeys, LOG_KEY};
use crate::storage::{CACHE, ROWS, RedbStorage, Table, page};
use bytes::Bytes;
use kernel_core::chain::{ChainError, Checkpoint, Head, Log, VerifierKey, head_key};
use kernel_core::kernel::{BootError, Verified, log_key, open_log, open_log_end, opening, verify};
use kernel_core::platform::{Batch, KeyPurpose, Keys, Page, Storage, StorageError};
use redb::{Database, DatabaseError, ReadOnlyDatabase, ReadableDatabase, TableError};
use std::fs::OpenOptions;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a reader waits for the database while another has it for itself, to repair it or to check its pages.
const PATIENCE: Duration = Duration::from_secs(5);

/// A data directory, held for as long as this lives.
pub(crate) struct Stored {
    /// The rows.
    pub(crate) rows: Ahead<Rows>,
    /// Whose log it has to be.
    pub(crate) key: VerifierKey,
    /// Where it is, absolute.
    pub(crate) path: PathBuf,
}

impl Stored {
    /// Opens `path`. `key` is whose log it has to be; without it, the directory's own key says so.
    ///
    /// # Errors
    /// When a kernel holds it, when it cannot be read, or when there is no key.
    pub(crate) async fn open(path: &Path, key: Option<VerifierKey>) -> Result<Stored, Failure> {
        let opened = Stored::open_as(path, key, Unclosed::Repaired).await?;
        opened.ok_or_else(|| not_closed(&path.join(DATABASE).display().to_string()))
    }

    /// The same, which repairs nothing: `None` where the database was not closed in order.
    ///
    /// # Errors
    /// As those of [`Stored::open`].
    pub(crate) async fn open_unchanged(path: &Path) -> Result<Option<Stored>, Failure> {
        Stored::open_as(path, None, Unclosed::Left).await
    }

    async fn open_as(path: &Path, key: Option<VerifierKey>, unclosed: Unclosed) -> Result<Option<Stored>, Failure> {
        held_by_a_kernel(path)?;
        let dir = match DataDir::open_to_read(path) {
            Ok(dir) => Some(Arc::new(dir)),
            Err(held @ StorageError::Held { .. }) => {
                return Err(Failure::from(held).help("a log can be read when the kernel that writes it has ended"));
            }
            // A copy that cannot be written to, or that belongs to someone else, can still be read.
            Err(_) if key.is_some() => None,
            Err(other) => {
                return Err(
                    Failure::from(other).help("to read a log there, say whose it is: --key KEY, as a run prints it")
                );
            }
        };
        let keys = dir.clone().filter(|_| path.join(LOG_KEY).symlink_metadata().is_ok()).map(FileKeys::new);
        let key = match (key, keys) {
            (Some(key), _) => key,
            (None, Some(keys)) => {
                let public = keys.public(KeyPurpose::Log).await;
                log_key(public.map_err(of_key)?)
            }
            (None, None) => {
                let message =
                    format!("there is no {LOG_KEY} in {}, so nothing says who signed the log", path.display());
                return Err(
                    Failure::new(Exit::Integrity, "keys", message).help("say it: --key KEY, as a run prints it")
                );
            }
        };
        let Some(rows) = patiently(|| Rows::open(path, dir.clone(), unclosed)).await? else { return Ok(None) };
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Ok(Some(Stored { rows: Ahead::of(rows), key, path }))
    }

    /// Verifies the whole log and what belongs to it, also against `checkpoint`. How far that has come is drawn on a terminal.
    ///
    /// # Errors
    /// What does not verify, and where.
    pub(crate) async fn verify(&self, checkpoint: Option<Checkpoint>, terminal: Terminal) -> Result<Verified, Failure> {
        let mut opening = opening(&self.key);
        if let Some(checkpoint) = checkpoint {
            opening = opening.against(checkpoint)?;
        }
        let mut progress = Progress::new(terminal);
        let told = |read, of| progress.tell(|| format!("verified {} of {}", count(read), counted(of, "event")));
        Ok(verify(&self.rows, opening, told).await?)
    }

    /// Verifies the whole log, and nothing beside it.
    ///
    /// # Errors
    /// What does not verify, and where.
    pub(crate) async fn log(&self) -> Result<Log, Failure> {
        // Its commits are whole or nothing, as its profile says.
        Ok(open_log(&self.rows, &self.key).await?.whole()?.log)
    }

    /// Verifies the end of the log, and that it leads to what is signed, as a start does: however long it is.
    ///
    /// # Errors
    /// What does not verify, and where.
    pub(crate) async fn log_end(&self) -> Result<Log, Failure> {
        Ok(open_log_end(&self.rows, &self.key).await?.whole()?.log)
    }

    /// Verifies the checksum of every page of the database, also of what is no part of the log. Says
    /// whether it could: a directory that cannot be held, or that others read too, is only read.
    ///
    /// # Errors
    /// That something was changed by anything but the database.
    pub(crate) async fn check_pages(self) -> Result<bool, Failure> {
        // The database has to be closed before it is opened again.
        let dir = match self.rows.into_inner().await {
            Some(Rows::ReadOnly { dir: Some(dir), db, .. }) if dir.writable() => {
                drop(db);
                dir
            }
            Some(Rows::ReadOnly { .. }) | None => return Ok(false),
            Some(Rows::Repaired { dir, storage }) => {
                drop(storage);
                dir
            }
        };
        let check = || Ok(RedbStorage::open(&dir, true, tokio::runtime::Handle::current()).map(drop)?);
        match patiently(check).await {
            Err(held) if held.code == HELD => Ok(false),
            checked => checked.map(|()| true),
        }
    }
}

/// Opens what another may have for itself, once more every few milliseconds for as long as [`PATIENCE`].
async fn patiently<T>(open: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        match open() {
            Err(held) if held.code == HELD && Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            opened => return opened,
        }
    }
}

/// The head row of any storage.
pub(crate) async fn head<S: Storage>(storage: &S) -> Result<Option<Head>, Failure> {
    let row = storage.get(&head_key()).await?;
    let unreadable = |e: kernel_core::codec::CborError| {
        Failure::from(BootError::Chain(ChainError::HeadMismatch { size: 0, what: format!("it cannot be read: {e}") }))
    };
    row.map(|row| Head::decode(&row).map_err(unreadable)).transpose()
}

/// What is done with a database that was not closed in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unclosed {
    /// It repairs itself.
    Repaired,
    /// It is left as it is.
    Left,
}

fn not_closed(place: &str) -> Failure {
    let message = format!("{place} was not closed in order and has to be repaired before it is read");
    Failure::usage(message).help("copy the directory to where you may write")
}

/// Rows that are only read.
pub(crate) enum Rows {
    /// Opened read-only.
    ReadOnly {
        /// The database.
        db: ReadOnlyDatabase,
        /// Where it is.
        place: String,
        /// The directory, where it could be held.
        dir: Option<Arc<DataDir>>,
    },
    /// Opened after it had repaired itself.
    Repaired {
        /// The database.
        storage: RedbStorage,
        /// The directory.
        dir: Arc<DataDir>,
    },
}

impl Rows {
    /// `None` for what was not closed in order and is to be left so.
    fn open(path: &Path, dir: Option<Arc<DataDir>>, unclosed: Unclosed) -> Result<Option<Rows>, Failure> {
        let file = path.join(DATABASE);
        let place = file.display().to_string();
        let damaged = |what: String| StorageError::Damaged { place: place.clone(), what };
        // The database opens whatever is there, and would wait for a pipe.
        if let Err(e) = regular(OpenOptions::new().read(true), &file)
            && e.kind() == std::io::ErrorKind::InvalidInput
        {
            return Err(damaged(e.to_string()).into());
        }
        match guarded(&place, || Ok(Database::builder().set_cache_size(CACHE).open_read_only(&file)))? {
            Ok(db) => Ok(Some(Rows::ReadOnly { db, place, dir })),
            Err(DatabaseError::RepairAborted) if unclosed == Unclosed::Left => Ok(None),
            Err(DatabaseError::RepairAborted) => {
                let dir = dir.filter(|dir| dir.writable()).ok_or_else(|| not_closed(&place))?;
                let runtime = tokio::runtime::Handle::current();
                Ok(Some(Rows::Repaired { storage: RedbStorage::open(&dir, false, runtime)?, dir }))
            }
            Err(DatabaseError::DatabaseAlreadyOpen) => {
                Err(StorageError::Held { place, holder: "another program".to_owned() }.into())
            }
            Err(DatabaseError::Storage(redb::StorageError::Io(e))) => {
                let (doing, source) = ("opening the database", std::io::Error::new(e.kind(), format!("{place}: {e}")));
                Err(match e.kind() {
                    std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                        damaged(e.to_string()).into()
                    }
                    std::io::ErrorKind::PermissionDenied => {
                        Failure::new(Exit::Usage, "data_dir", format!("{place} cannot be read: {e}"))
                            .help("run this as whoever it belongs to")
                    }
                    _ => StorageError::Io { doing, source: Box::new(source) }.into(),
                })
            }
            Err(other) => Err(damaged(other.to_string()).into()),
        }
    }
}

impl Storage for Rows {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        match self {
            Rows::Repaired { storage, .. } => storage.get(key).await,
            Rows::ReadOnly { db, place, .. } => read(place, db, |rows| {
                let value = rows.get(key).map_err(redb::Error::from)?;
                Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
            })
            .map(Option::flatten),
        }
    }

    async fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, StorageError> {
        match self {
            Rows::Repaired { storage, .. } => storage.scan(from, to, limit).await,
            Rows::ReadOnly { db, place, .. } => {
                read(place, db, |rows| page(rows, from, to, limit)).map(Option::unwrap_or_default)
            }
        }
    }

    async fn commit(&self, _: Batch) -> Result<(), StorageError> {
        Err(StorageError::Io { doing: "committing", source: "it was opened to be read".into() })
    }
}

/// Reads from the table; `None` where there is none, as in a database that was made and never used.
fn read<T>(
    place: &str,
    db: &ReadOnlyDatabase,
    work: impl FnOnce(&Table) -> Result<T, redb::Error>,
) -> Result<Option<T>, StorageError> {
    let failed = |e: redb::Error| match e {
        redb::Error::Io(e) => StorageError::Io { doing: "reading rows", source: Box::new(e) },
        other => StorageError::Damaged { place: place.to_owned(), what: other.to_string() },
    };
    guarded(place, || {
        let snapshot = db.begin_read().map_err(|e| failed(e.into()))?;
        match snapshot.open_table(ROWS) {
            Ok(rows) => work(&rows).map(Some).map_err(failed),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(e) => Err(failed(e.into())),
        }
    })
}

/// redb checks some of what it reads with assertions: a panic is the same damage, told another way. What
/// it would print is kept from the terminal where the command begins.
fn guarded<T>(place: &str, work: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let what = "its pages do not fit together".to_owned();
        Err(StorageError::Damaged { place: place.to_owned(), what })
    })
}
