//! The data directory: one folder that holds everything a kernel keeps, held by one process at a time.
//!
//! It is made with mode 0700. One that exists is used only if nobody but its owner may write to it,
//! because the rows, the key and the compiled code in it are trusted. The lock is an advisory `flock`
//! on the file `lock`, which the operating system lets go of when the process ends, however it ends;
//! the file holds the holder's pid, so that whoever comes second can be told.

use kernel_core::platform::StorageError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A held data directory. Let go of when dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes `path` if it is missing, and takes it.
    ///
    /// # Errors
    ///
    /// [`StorageError::Held`] if another process has it, [`StorageError::Full`] if there is no room for
    /// the lock file, [`StorageError::Io`] if it cannot be made, written to or trusted. Nothing was
    /// changed then, except that the directory may have been made.
    pub fn open(path: &Path) -> Result<DataDir, StorageError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => unfit(path, "is not a directory"),
            _ => refused(path, "be made", e),
        })?;
        let path = path.canonicalize().map_err(|e| refused(path, "be found", e))?;
        trusted(&path)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(|e| refused(&path, "be written to", e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StorageError::Held { place: path.display().to_string(), holder: holder(&mut lock) });
            }
            Err(TryLockError::Error(e)) => return Err(refused(&path, "be locked", e)),
        }
        // Of one length, so that it is written over the last one: truncating costs milliseconds.
        let pid = format!("{:<11}\n", std::process::id());
        lock.write_all(pid.as_bytes()).map_err(|e| refused(&path, "be written to", e))?;
        Ok(DataDir { path, _lock: lock })
    }

    /// Where it is, absolute and without links.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether only the owner may write to the directory, and the owner is who runs this.
fn trusted(path: &Path) -> Result<(), StorageError> {
    let meta = std::fs::metadata(path).map_err(|e| refused(path, "be looked at", e))?;
    let me = rustix::process::geteuid().as_raw();
    let why = if !meta.is_dir() {
        "is not a directory".to_owned()
    } else if meta.mode() & 0o022 != 0 {
        format!("may be written to by others (mode {:03o}); run `chmod 700` on it", meta.mode() & 0o777)
    } else if meta.uid() != me && me != 0 {
        format!("belongs to user {}, not to user {me}, who runs this", meta.uid())
    } else {
        return Ok(());
    };
    Err(unfit(path, &why))
}

fn unfit(path: &Path, why: &str) -> StorageError {
    StorageError::Io {
        doing: "opening the data directory",
        source: format!("the data directory {} {why}", path.display()).into(),
    }
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    // The holder may be just about to write its pid: then nothing is there to be read yet.
    let _ = lock.take(32).read_to_string(&mut text);
    match text.trim().parse::<u32>() {
        Ok(pid) if pid == std::process::id() => format!("this process ({pid})"),
        Ok(pid) => format!("process {pid}"),
        Err(_) => "another process".to_owned(),
    }
}

fn refused(path: &Path, what: &str, error: io::Error) -> StorageError {
    if no_room(&error) {
        return StorageError::Full { place: path.display().to_string() };
    }
    StorageError::Io {
        doing: "opening the data directory",
        source: Box::new(io::Error::new(
            error.kind(),
            format!("the data directory {} cannot {what}: {error}", path.display()),
        )),
    }
}

/// Whether an operating system error means that there is no room: disk, quota or file size.
pub(crate) fn no_room(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Makes the names in `folder` durable: a file is not there after a crash before this.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_made_for_its_owner_alone_and_held_once() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("deep/data");
        let dir = DataDir::open(&path).unwrap();
        assert_eq!(std::fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o700);
        let second = DataDir::open(&path).unwrap_err();
        let said = second.to_string();
        assert!(matches!(second, StorageError::Held { .. }), "{said}");
        assert!(said.contains(&format!("this process ({})", std::process::id())), "{said}");
        drop(dir);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn another_process_is_named() {
        let tmp = tempfile::tempdir().unwrap();
        drop(DataDir::open(tmp.path()).unwrap());
        // `flock` of util-linux holds the lock in a process of its own.
        let lock = tmp.path().join("lock");
        let mut other = std::process::Command::new("flock")
            .args(["--exclusive", "--no-fork"])
            .arg(&lock)
            .args(["sleep", "30"])
            .spawn()
            .expect("this test needs `flock` (util-linux)");
        std::fs::write(&lock, format!("{:<11}\n", other.id())).unwrap();
        let mut said = String::new();
        for _ in 0..500 {
            match DataDir::open(tmp.path()) {
                Err(held @ StorageError::Held { .. }) => {
                    said = held.to_string();
                    break;
                }
                // The other process has not come to its lock yet; give the pid file back to it.
                _ => std::fs::write(&lock, format!("{:<11}\n", other.id())).unwrap(),
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(said.ends_with(&format!("is in use by process {}", other.id())), "{said}");
        other.kill().unwrap();
        other.wait().unwrap();
        DataDir::open(tmp.path()).unwrap();
    }

    #[test]
    fn one_that_others_may_write_to_is_refused() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::set_permissions(tmp.path(), std::fs::Permissions::from_mode(0o770)).unwrap();
        let StorageError::Io { source, .. } = DataDir::open(tmp.path()).unwrap_err() else { panic!("not refused") };
        assert!(source.to_string().contains("may be written to by others (mode 770)"), "{source}");
        assert!(!tmp.path().join("lock").exists());
    }

    #[test]
    fn a_file_in_its_place_is_refused_by_name() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("data");
        std::fs::write(&path, "a file").unwrap();
        let StorageError::Io { source, .. } = DataDir::open(&path).unwrap_err() else { panic!("not refused") };
        assert!(source.to_string().ends_with("is not a directory"), "{source}");
        assert_eq!(std::fs::read(&path).unwrap(), b"a file");
    }
}
