//! The data directory: one folder that holds everything a kernel keeps, held by one process at a time.
//!
//! It is made with mode 0700. One that exists is used only if nobody but its owner may write to it,
//! because the rows, the key and the compiled code in it are trusted. The lock is an advisory `flock`
//! on the file `lock`, which the operating system lets go of when the process ends, however it ends. A kernel
//! has it for itself, and the file holds its pid, so that whoever comes second can be told; those who only read
//! share it.

use kernel_core::platform::StorageError;
use rustix::fs::{Access, OFlags};
use rustix::io::Errno;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file that is locked.
const LOCK: &str = "lock";

/// A held data directory. Let go of when dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    writable: bool,
    _lock: Option<File>,
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
        trusted(&path, false)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = regular(&mut options, &path.join(LOCK)).map_err(|e| refused(&path, "be written to", e))?;
        take(&path, &mut lock, false)?;
        // Of one length, so that it is written over the last one: truncating costs milliseconds.
        let pid = format!("{:<11}\n", std::process::id());
        lock.write_all(pid.as_bytes()).map_err(|e| refused(&path, "be written to", e))?;
        Ok(DataDir { path, writable: true, _lock: Some(lock) })
    }

    /// Takes `path`, in which a kernel has been, to be read: nothing in it is made or written, and no kernel
    /// opens it meanwhile; others who read may. Root may read what belongs to others, which is how evidence is looked at.
    ///
    /// # Errors
    ///
    /// As [`DataDir::open`].
    pub fn open_to_read(path: &Path) -> Result<DataDir, StorageError> {
        let path = path.canonicalize().map_err(|e| refused(path, "be found", e))?;
        let mine = trusted(&path, true)?;
        let writable = mine && rustix::fs::access(&path, Access::WRITE_OK).is_ok();
        let lock = match regular(OpenOptions::new().read(true), &path.join(LOCK)) {
            Ok(mut lock) => {
                take(&path, &mut lock, true)?;
                Some(lock)
            }
            // A copy that was made without it: no kernel has been in that.
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(refused(&path, "be held", e)),
        };
        Ok(DataDir { path, writable, _lock: lock })
    }

    /// `path` without links, if what lies in it may be believed; nobody is kept from it.
    ///
    /// # Errors
    ///
    /// [`StorageError::Io`] if it cannot be found, or others may write to it.
    pub(crate) fn trusted(path: &Path) -> Result<PathBuf, StorageError> {
        let path = path.canonicalize().map_err(|e| refused(path, "be found", e))?;
        trusted(&path, true).map(|_| path)
    }

    /// Whether files in it may be written by whoever holds it.
    pub fn writable(&self) -> bool {
        self.writable
    }

    /// Whether `folder` lies in it or it lies in `folder`, by what the file system says they are and not by
    /// how they are called: a folder can be mounted in several places.
    ///
    /// # Errors
    ///
    /// What cannot be looked at.
    pub fn overlaps(&self, folder: &Path) -> io::Result<bool> {
        let folder = folder.canonicalize()?;
        Ok(is_within(&self.path, &folder)? || is_within(&folder, &self.path)?)
    }

    /// Where it is, absolute and without links.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Opens a file of the data directory, and nothing else that may stand in its place: no link, which could
/// lead out of the directory, and no pipe or device, which could be waited for.
pub(crate) fn regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
    let file = options.mode(0o600).custom_flags(flags.cast_signed()).open(path).map_err(|e| {
        if e.raw_os_error() == Some(Errno::LOOP.raw_os_error()) { not_a_file(path, "a symbolic link") } else { e }
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file(path, "something else")) }
}

fn not_a_file(path: &Path, found: &str) -> io::Error {
    let name = path.file_name().unwrap_or_default().display();
    io::Error::new(io::ErrorKind::InvalidInput, format!("`{name}` in it is {found} and not a file"))
}

fn take(path: &Path, lock: &mut File, shared: bool) -> Result<(), StorageError> {
    match if shared { lock.try_lock_shared() } else { lock.try_lock() } {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            // The pid in the file is that of the last kernel, which has ended where readers have the lock.
            let is_read = !shared && lock.try_lock_shared().is_ok();
            let holder = if is_read { "another process that reads it".to_owned() } else { holder(lock) };
            Err(StorageError::Held { place: path.display().to_string(), holder })
        }
        Err(TryLockError::Error(e)) => Err(refused(path, "be locked", e)),
    }
}

/// Refuses a directory that others than its owner may write to, or that is not of who runs this: root may only
/// read what belongs to others. Answers whether it is of who runs this.
fn trusted(path: &Path, to_read: bool) -> Result<bool, StorageError> {
    let meta = std::fs::metadata(path).map_err(|e| refused(path, "be looked at", e))?;
    let me = rustix::process::geteuid().as_raw();
    let why = if !meta.is_dir() {
        "is not a directory".to_owned()
    } else if meta.mode() & 0o022 != 0 {
        format!("may be written to by others (mode {:03o}); run `chmod 700` on it", meta.mode() & 0o777)
    } else if meta.uid() != me && !(to_read && me == 0) {
        format!("belongs to user {}, not to user {me}, who runs this", meta.uid())
    } else {
        return Ok(meta.uid() == me);
    };
    Err(unfit(path, &why))
}

/// Whether `outer` is `inner` or one of the directories above it.
fn is_within(inner: &Path, outer: &Path) -> io::Result<bool> {
    let outer = std::fs::metadata(outer)?;
    for above in inner.ancestors() {
        let above = std::fs::metadata(above)?;
        if (above.dev(), above.ino()) == (outer.dev(), outer.ino()) {
            return Ok(true);
        }
    }
    Ok(false)
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

/// The most bytes of a text that the host keeps beside the database.
const TEXT: u64 = 16 << 20;

/// A text that was kept at `path`; `None` where there is none.
pub(crate) fn text_of(path: &Path) -> io::Result<Option<String>> {
    let file = match regular(OpenOptions::new().read(true), path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut text = String::new();
    file.take(TEXT).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Keeps `text` as `name` in `folder`: all of it or what was there before, also after a crash.
pub(crate) fn keep_text(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let fresh = folder.join(format!("{name}.new"));
    let mut file = regular(OpenOptions::new().write(true).create(true).truncate(true), &fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, folder.join(name))?;
    sync_folder(folder)
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
    fn nothing_that_stands_in_the_place_of_a_file_is_followed_or_waited_for() {
        let tmp = tempfile::tempdir().unwrap();
        let (data, victim) = (tmp.path().join("data"), tmp.path().join("victim"));
        std::fs::create_dir(&data).unwrap();
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::write(&victim, "as it was").unwrap();
        std::os::unix::fs::symlink(&victim, data.join(LOCK)).unwrap();
        for opened in [DataDir::open(&data), DataDir::open_to_read(&data)] {
            let StorageError::Io { source, .. } = opened.unwrap_err() else { panic!("not refused") };
            assert!(source.to_string().contains("`lock` in it is a symbolic link"), "{source}");
        }
        assert_eq!(std::fs::read(&victim).unwrap(), b"as it was");
        std::fs::remove_file(data.join(LOCK)).unwrap();
        std::fs::create_dir(data.join(LOCK)).unwrap();
        assert!(DataDir::open(&data).is_err() && DataDir::open_to_read(&data).is_err());
    }

    #[test]
    fn a_reader_changes_nothing_and_keeps_kernels_out() {
        let tmp = tempfile::tempdir().unwrap();
        drop(DataDir::open(tmp.path()).unwrap());
        let lock = tmp.path().join(LOCK);
        std::fs::write(&lock, "1          \n").unwrap();
        let reader = DataDir::open_to_read(tmp.path()).unwrap();
        assert!(reader.writable());
        assert_eq!(std::fs::read(&lock).unwrap(), b"1          \n");
        let second = DataDir::open_to_read(tmp.path()).unwrap();
        let held = DataDir::open(tmp.path()).unwrap_err();
        assert!(
            matches!(&held, StorageError::Held { holder, .. } if holder == "another process that reads it"),
            "{held}"
        );
        drop((reader, second));
        std::fs::remove_file(&lock).unwrap();
        DataDir::open_to_read(tmp.path()).unwrap();
        assert!(!lock.exists());
    }

    #[test]
    fn what_lies_in_each_other_is_found_by_what_it_is() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&tmp.path().join("repo/data")).unwrap();
        for (folder, expected) in [("repo", true), ("repo/data", true), ("repo/data/in", true), ("other", false)] {
            let folder = tmp.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            assert_eq!(dir.overlaps(&folder).unwrap(), expected, "{}", folder.display());
        }
        assert!(dir.overlaps(&tmp.path().join("none")).is_err());
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
