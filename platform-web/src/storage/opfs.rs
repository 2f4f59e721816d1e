//! A database in the origin private file system: a file that redb reads and writes through a sync access
//! handle, which only a dedicated worker gets and of which there is one for a file.
//!
//! A database is made whole in memory and then written, its first sector last: a crash at the first start leaves a
//! file that begins with zeros, which is nobody's and is made anew, and never half a database.

use crate::js::{host_error, name_of, scope, wait, words};
use kernel_core::path::Name;
use kernel_core::platform::StorageError;
use redb::StorageBackend;
use send_wrapper::SendWrapper;
use std::io;
use wasm_bindgen::JsValue;
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions, FileSystemGetFileOptions,
    FileSystemReadWriteOptions, FileSystemSyncAccessHandle,
};

/// The folder of the origin that holds one folder for each kernel.
pub(crate) const FOLDER: &str = "weft";

/// The database's name in the folder of its kernel, as on other hosts.
const FILE: &str = "weft.redb";

/// What a disk writes whole or not at all, bytes.
pub(super) const SECTOR: usize = 512;

/// How often a file that another worker holds is asked for again: the browser lets go of a closed tab's files a
/// little after it lets go of its locks.
const TRIES: u32 = 10;

/// How long to wait between two of them, milliseconds.
const PAUSE: i32 = 50;

/// The folder of one kernel.
#[derive(Clone, Debug)]
pub(crate) struct KernelFolder {
    handle: FileSystemDirectoryHandle,
    place: String,
}

/// Why a folder could not be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreachable {
    /// This browser, window or page has no private file system; in words.
    #[error("{0}")]
    NotHere(String),
    /// It has one, and something failed.
    #[error(transparent)]
    Failed(StorageError),
}

impl KernelFolder {
    /// The folder of the kernel `name`, made where it is missing.
    pub(crate) async fn open(name: &Name) -> Result<KernelFolder, Unreachable> {
        let place = format!("{FOLDER}/{name}/{FILE} of this site");
        let storage = scope().navigator().storage();
        if storage.is_undefined() {
            let why = "the page is not served by https or from localhost, so the browser gives it no storage";
            return Err(Unreachable::NotHere(why.to_owned()));
        }
        let root: FileSystemDirectoryHandle = match wait(storage.get_directory()).await {
            Ok(root) => root,
            Err(e) => {
                return Err(Unreachable::NotHere(format!("the browser gives this window no storage ({})", words(&e))));
            }
        };
        let failed = |e: JsValue| Unreachable::Failed(js_error(&place, "opening the folder of the kernel", &e));
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        let mut handle = root;
        for part in [FOLDER, name.as_str()] {
            handle = wait(handle.get_directory_handle_with_options(part, &options)).await.map_err(failed)?;
        }
        Ok(KernelFolder { handle, place })
    }

    /// Where the database is, for a person.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// The database's file, opened, and whether a database is in it; `None` if it is not there and not to be made.
    pub(crate) async fn find(&self, make: bool) -> Result<Option<(OpfsFile, bool)>, StorageError> {
        let doing = "opening the database";
        let options = FileSystemGetFileOptions::new();
        options.set_create(make);
        let handle: FileSystemFileHandle = match wait(self.handle.get_file_handle_with_options(FILE, &options)).await {
            Ok(handle) => handle,
            Err(e) if name_of(&e) == "NotFoundError" => return Ok(None),
            Err(e) => return Err(js_error(&self.place, doing, &e)),
        };
        let file = self.hold(&handle).await?;
        let is_made = file.is_made().map_err(|source| StorageError::Io { doing, source: Box::new(source) })?;
        Ok(Some((file, is_made)))
    }

    /// The one handle of `file`, or who has it.
    async fn hold(&self, file: &FileSystemFileHandle) -> Result<OpfsFile, StorageError> {
        for again in (0..TRIES).rev() {
            match wait(file.create_sync_access_handle()).await {
                Ok(handle) => return Ok(OpfsFile { handle: SendWrapper::new(handle) }),
                Err(e) if name_of(&e) != "NoModificationAllowedError" => {
                    return Err(js_error(&self.place, "opening the database", &e));
                }
                Err(_) if again > 0 => crate::clock::pause(PAUSE).await,
                Err(_) => {}
            }
        }
        Err(StorageError::Held { place: self.place.clone(), holder: "another tab or worker of this site".to_owned() })
    }
}

/// An open file, closed when it is dropped.
#[derive(Debug)]
pub(crate) struct OpfsFile {
    /// redb asks for `Send` and `Sync`. The wrapper panics where another thread than its own touches what is in
    /// it, and this crate has one thread for each of its memories: it is built without shared memory.
    handle: SendWrapper<FileSystemSyncAccessHandle>,
}

impl OpfsFile {
    /// Whether a database was made here, whole or damaged since: what was cut short has an empty first sector.
    fn is_made(&self) -> io::Result<bool> {
        let mut sector = [0; SECTOR];
        let there = usize::try_from(self.len()?).unwrap_or(SECTOR).min(SECTOR);
        self.read(0, &mut sector[..there])?;
        Ok(sector.iter().any(|byte| *byte != 0))
    }

    /// Makes the file `whole`, the database's magic number last.
    pub(crate) fn make(&self, whole: &[u8]) -> io::Result<()> {
        self.set_len(0)?;
        self.set_len(whole.len() as u64)?;
        let (sector, rest) = whole.split_at(SECTOR.min(whole.len()));
        self.write(sector.len() as u64, rest)?;
        self.sync_data()?;
        self.write(0, sector)?;
        self.sync_data()
    }
}

impl Drop for OpfsFile {
    fn drop(&mut self) {
        // One that was closed already stays closed.
        self.handle.close();
    }
}

impl StorageBackend for OpfsFile {
    fn len(&self) -> io::Result<u64> {
        // Sizes are whole numbers below 2^53.
        self.handle.get_size().map(|size| size as u64).map_err(|e| io_of(&e))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < out.len() {
            let at = at(offset + done as u64);
            match self.handle.read_with_u8_array_and_options(&mut out[done..], &at) {
                Ok(0.0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => done += n as usize,
                Err(e) => return Err(io_of(&e)),
            }
        }
        Ok(())
    }

    /// A file grows whole or not at all. Where there is no more room the browser says so; in a private window Chrome says
    /// nothing and leaves the file as it was, and what is written behind its end is lost.
    fn set_len(&self, len: u64) -> io::Result<()> {
        let before = self.len()?;
        let resized = self.handle.truncate_with_f64(len as f64).map_err(|e| io_of(&e));
        let found = self.len()?;
        if found == len {
            return resized;
        }
        self.handle.truncate_with_f64(before as f64).map_err(|e| io_of(&e))?;
        resized.and(Err(io::ErrorKind::StorageFull.into()))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.handle.flush().map_err(|e| io_of(&e))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < data.len() {
            let at = at(offset + done as u64);
            match self.handle.write_with_u8_array_and_options(&data[done..], &at) {
                // In a private window Chrome says that there is no room by a count of about 2^32.
                Ok(n) if n <= 0.0 || n > (data.len() - done) as f64 => return Err(io::ErrorKind::StorageFull.into()),
                Ok(n) => done += n as usize,
                Err(e) => return Err(io_of(&e)),
            }
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.handle.close();
        Ok(())
    }
}

fn at(offset: u64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    options.set_at_f64(offset as f64);
    options
}

/// An exception of a file as the error that redb passes on.
fn io_of(error: &JsValue) -> io::Error {
    let kind = match &*name_of(error) {
        "QuotaExceededError" => io::ErrorKind::StorageFull,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, words(error))
}

/// An exception on the way to the file.
fn js_error(place: &str, doing: &'static str, error: &JsValue) -> StorageError {
    match &*name_of(error) {
        "QuotaExceededError" => StorageError::Full { place: place.to_owned() },
        _ => StorageError::Io { doing, source: host_error(error) },
    }
}
