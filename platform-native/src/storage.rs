//! Rows in one redb file, `weft.redb` in the data directory.
//!
//! One table maps bytes to bytes. Commits run one after the other on a thread of their own, each with
//! immediate durability. Reads see a snapshot; scans run on tokio's blocking threads, gets too unless reads
//! have been quick. redb keeps
//! a checksummed previous state until the next one is on disk, so a commit that a crash or a full disk
//! cut short is not there at the next open.
//!
//! Which pages are free is known to redb in memory alone until it is closed, and after a crash it reads the whole file
//! to learn it. That is as nothing in a small one. In a large one every commit stores what a commit changes of it, and is
//! flushed in two steps, so that an open after a crash takes no longer than any other.
//!
//! A database is made under another name and renamed when it is whole: redb takes a file whose making was
//! cut short for one that is damaged, and a crash or a full disk at the first start must not cost the
//! directory. One that is missing although the key beside it has signed a log is damage, not a beginning.

use crate::data_dir::{DataDir, no_room, regular, sync_folder};
use crate::keys::LOG_KEY;
use crate::pace::Pace;
use crate::spawn::panic_text;
use bytes::Bytes;
use futures::channel::oneshot;
use kernel_core::platform::{Batch, HostError, Key, Page, Storage, StorageError};
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, StorageBackend, TableDefinition, TableError};
use std::fs::OpenOptions;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

#[cfg(test)]
mod tests;

/// The file's name in the data directory.
pub const FILE: &str = "weft.redb";

/// What a database is called until it is whole.
const FRESH: &str = "weft.redb.new";

/// The one table.
pub(crate) const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

/// The table, as it is read.
pub(crate) type Table = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Pages of rows on their way; without an error at its end, these are all.
pub(crate) type Pages = tokio::sync::mpsc::Receiver<Result<Vec<(Bytes, Bytes)>, StorageError>>;

/// Bytes of pages that redb may keep in memory.
pub(crate) const CACHE: usize = 32 << 20;

/// From this many bytes on a file is not to be read as a whole after a crash.
const LARGE: u64 = 64 << 20;

/// About how many bytes one page of a scan holds.
const PAGE_BYTES: usize = 4 << 20;

/// Rows in a redb file. Dropping it waits for a commit that has begun.
#[derive(Debug)]
pub struct RedbStorage {
    shared: Arc<Shared>,
    jobs: Option<mpsc::Sender<Job>>,
    committer: Option<JoinHandle<()>>,
    runtime: tokio::runtime::Handle,
}

/// Fields are dropped in this order: the directory is let go of after the file is closed.
#[derive(Debug)]
struct Shared {
    db: Database,
    place: String,
    pace: Option<Pace>,
    dir: Option<Arc<DataDir>>,
}

#[derive(Debug)]
struct Job {
    batch: Batch,
    done: oneshot::Sender<Result<(), StorageError>>,
}

impl RedbStorage {
    /// Opens the rows in `dir`, making the file if there is none. Blocks; after a crash it repairs what
    /// the file system may have left behind, which reads a small file once.
    ///
    /// With `check` the checksum of every page is verified, which also reads the file once: an
    /// alteration by anything but redb is then `Damaged` here, not when the row is met.
    ///
    /// # Errors
    ///
    /// [`StorageError::Damaged`] if it is not a database, if its pages do not fit together, or if it is
    /// missing beside a key; [`StorageError::Full`] and [`StorageError::Io`] as the operating system says.
    /// What is stored was not changed.
    pub fn open(dir: &Arc<DataDir>, check: bool, runtime: tokio::runtime::Handle) -> Result<RedbStorage, StorageError> {
        let path = dir.path().join(FILE);
        match path.symlink_metadata() {
            Ok(meta) if !(meta.is_file() && meta.len() == 0) => RedbStorage::of_file(dir, &path, check, runtime),
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(io_error(&path.display().to_string(), "opening the database", e))
            }
            _ => RedbStorage::make(dir, &path, runtime),
        }
    }

    /// Makes the rows in a place of their own and moves them to `path` when they are on disk.
    fn make(dir: &Arc<DataDir>, path: &Path, runtime: tokio::runtime::Handle) -> Result<RedbStorage, StorageError> {
        let place = path.display().to_string();
        if dir.path().join(LOG_KEY).symlink_metadata().is_ok() {
            let what = format!("it is gone, and {LOG_KEY} beside it has signed what was in it");
            return Err(StorageError::Damaged { place, what });
        }
        let failed = |e| io_error(&place, "making the database", e);
        let fresh = dir.path().join(FRESH);
        // What a crash left here was never anybody's log.
        match std::fs::remove_file(&fresh) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let made = RedbStorage::of_file(dir, &fresh, false, runtime).and_then(|made| {
            std::fs::rename(&fresh, path).and_then(|()| sync_folder(dir.path())).map_err(failed)?;
            Ok(made)
        });
        if made.is_err() {
            let _ = std::fs::remove_file(&fresh);
        }
        made
    }

    /// The rows in the file `at`, which are called by the name that the file has in the end.
    fn of_file(
        dir: &Arc<DataDir>,
        at: &Path,
        check: bool,
        runtime: tokio::runtime::Handle,
    ) -> Result<RedbStorage, StorageError> {
        let place = dir.path().join(FILE).display().to_string();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(at.ends_with(FRESH)).truncate(false);
        let file = regular(&mut options, at).map_err(|e| io_error(&place, "opening the database", e))?;
        let pace = Pace::of(&file);
        let backend = guarded(&place, || {
            FileBackend::new(file).map_err(|e| from_redb(&place, "opening the database", e.into()))
        })?;
        RedbStorage::over(backend, place, Some((dir.clone(), pace)), check, runtime)
    }

    fn over(
        backend: impl StorageBackend,
        place: String,
        on_disk: Option<(Arc<DataDir>, Pace)>,
        check: bool,
        runtime: tokio::runtime::Handle,
    ) -> Result<RedbStorage, StorageError> {
        let db = guarded(&place, || open_database(&place, backend, check))?;
        let (dir, pace) = on_disk.unzip();
        let shared = Arc::new(Shared { db, place, pace, dir });
        let (jobs, work) = mpsc::channel::<Job>();
        let theirs = shared.clone();
        let committer = std::thread::Builder::new()
            .name("weft-commit".to_owned())
            .spawn(move || {
                for job in work {
                    let done = guarded(&theirs.place, || theirs.commit(&job.batch));
                    // Whoever waited may have gone; the batch is committed all the same.
                    let _ = job.done.send(done);
                }
            })
            .map_err(|e| io_error(&shared.place, "starting the thread that commits", e))?;
        Ok(RedbStorage { shared, jobs: Some(jobs), committer: Some(committer), runtime })
    }

    /// All rows as they are at one moment, page after page; commits go on meanwhile. It ends where nobody takes them.
    pub(crate) fn all(&self) -> Pages {
        // Whoever takes them is never far behind, so that few wait in memory.
        let (sender, pages) = tokio::sync::mpsc::channel(1);
        let shared = self.shared.clone();
        self.runtime.spawn_blocking(move || {
            let doing = "reading rows";
            let read = guarded(&shared.place, || {
                let (rows, mut from) = (shared.rows(doing)?, Bytes::new());
                loop {
                    let page =
                        page(&rows, &from, &[0xff], usize::MAX).map_err(|e| from_redb(&shared.place, doing, e))?;
                    match (sender.blocking_send(Ok(page.rows)), page.next) {
                        (Ok(()), Some(next)) => from = next,
                        _ => return Ok(()),
                    }
                }
            });
            if let Err(error) = read {
                let _ = sender.blocking_send(Err(error));
            }
        });
        pages
    }

    /// Runs a read on a blocking thread: a page that is not cached is read from disk.
    async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Shared) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let shared = self.shared.clone();
        match self.runtime.spawn_blocking(move || guarded(&shared.place, || read(&shared))).await {
            Ok(result) => result,
            Err(stopped) => Err(StorageError::Io { doing, source: Box::new(stopped) }),
        }
    }
}

impl Drop for RedbStorage {
    fn drop(&mut self) {
        // Without a sender the thread ends after the jobs that it has.
        self.jobs = None;
        if let Some(committer) = self.committer.take() {
            let _ = committer.join();
        }
    }
}

impl Storage for RedbStorage {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        if let Some(_turn) = self.shared.pace.as_ref().and_then(Pace::in_place) {
            return guarded(&self.shared.place, || self.shared.get(key));
        }
        let key = Bytes::copy_from_slice(key);
        self.read("reading a row", move |shared| shared.get(&key)).await
    }

    async fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, StorageError> {
        let (from, to) = (Bytes::copy_from_slice(from), Bytes::copy_from_slice(to));
        self.read("reading rows", move |shared| shared.scan(&from, &to, limit)).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StorageError> {
        let (done, committed) = oneshot::channel();
        let stopped = || StorageError::Io { doing: "committing", source: "the thread that commits has ended".into() };
        match &self.jobs {
            Some(jobs) => jobs.send(Job { batch, done }).map_err(|_| stopped())?,
            None => return Err(stopped()),
        }
        committed.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Shared {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        let doing = "reading a row";
        let rows = self.rows(doing)?;
        let value = rows.get(key).map_err(|e| from_redb(&self.place, doing, e.into()))?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, StorageError> {
        let doing = "reading rows";
        page(&self.rows(doing)?, from, to, limit).map_err(|e| from_redb(&self.place, doing, e))
    }

    fn rows(&self, doing: &'static str) -> Result<Table, StorageError> {
        let snapshot = self.db.begin_read().map_err(|e| from_redb(&self.place, doing, e.into()))?;
        snapshot.open_table(ROWS).map_err(|e| from_redb(&self.place, doing, e.into()))
    }

    fn commit(&self, batch: &Batch) -> Result<(), StorageError> {
        // While it is made it has another name, and is small.
        let file = self.dir.as_ref().and_then(|dir| dir.path().join(FILE).metadata().ok());
        let large = file.is_some_and(|file| file.len() >= LARGE);
        write(&self.db, &batch.changes, large).map_err(|e| from_redb(&self.place, "committing", e))
    }
}

/// One page of a scan.
pub(crate) fn page(rows: &Table, from: &[u8], to: &[u8], limit: usize) -> Result<Page, redb::Error> {
    let mut page = Page::default();
    if from >= to {
        return Ok(page);
    }
    let mut bytes = 0;
    for row in rows.range(from..to)? {
        let (key, value) = row?;
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

fn open_database(place: &str, backend: impl StorageBackend, check: bool) -> Result<Database, StorageError> {
    let doing = "opening the database";
    let db = Database::builder()
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(check)
        .create_with_backend(backend)
        .map_err(|e| from_redb(place, doing, e.into()))?;
    let snapshot = db.begin_read().map_err(|e| from_redb(place, doing, e.into()))?;
    match snapshot.open_table(ROWS) {
        Ok(_) => {}
        // A new file: the table comes into being with an empty first commit.
        Err(TableError::TableDoesNotExist(_)) => write(&db, &[], false).map_err(|e| from_redb(place, doing, e))?,
        Err(e) => return Err(from_redb(place, doing, e.into())),
    }
    drop(snapshot);
    Ok(db)
}

fn write(db: &Database, changes: &[(Key, Option<Bytes>)], large: bool) -> Result<(), redb::Error> {
    // redb's default durability is `Immediate`: on disk when `commit` returns.
    let mut transaction = db.begin_write()?;
    transaction.set_quick_repair(large);
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

/// redb checks some of what it reads with assertions, so a damaged file can end in a panic: the same
/// damage, told another way. The panic is not passed on; every later use of the database fails too.
fn guarded<T>(place: &str, work: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(StorageError::Damaged { place: place.to_owned(), what: panic_text(&*panic).to_owned() })
    })
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
        E::DatabaseAlreadyOpen => StorageError::Held {
            place: place.to_owned(),
            holder: "another program that opened the database itself".to_owned(),
        },
        other => StorageError::Io { doing, source: Box::new(other) },
    }
}

fn io_error(place: &str, doing: &'static str, error: std::io::Error) -> StorageError {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    if no_room(&error) {
        StorageError::Full { place: place.to_owned() }
    } else if matches!(error.kind(), InvalidData | UnexpectedEof) {
        StorageError::Damaged { place: place.to_owned(), what: error.to_string() }
    } else {
        let source: HostError = Box::new(std::io::Error::new(error.kind(), format!("{place}: {error}")));
        StorageError::Io { doing, source }
    }
}
