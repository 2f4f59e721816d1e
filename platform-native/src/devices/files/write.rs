//! Writing files: whole and atomic, at the end, or at an offset.
//!
//! `Replace` writes a new file beside the old one, makes it durable and renames it over: readers and
//! crashes see one or the other. All modes are durable when they are answered. Writes of one path wait
//! for each other, so that compare-and-set is exact among everything that goes through this host.

use super::{Mount, Place, decode, special};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, File, MetadataExt, OpenOptions, Permissions, PermissionsExt};
use kernel_core::platform::{DeviceError, DeviceReply, WriteMode};
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The largest file whose content is hashed for compare-and-set.
const MAX_EXPECT: u64 = 64 << 20;

/// Temporary files of `Replace` are called this and 16 hexadecimal digits.
pub(super) const TEMPORARY: &str = ".weft-new-";

/// One lock for each path, as far as paths fall on different ones of a fixed number of locks.
#[derive(Debug)]
pub(super) struct Turns {
    // Held on a blocking thread for the length of one write, never across an await.
    locks: [Mutex<()>; 16],
    hash: RandomState,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns { locks: std::array::from_fn(|_| Mutex::new(())), hash: RandomState::new() }
    }
}

impl Turns {
    fn take(&self, path: &str) -> MutexGuard<'_, ()> {
        let at = self.hash.hash_one(path) as usize % self.locks.len();
        self.locks[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mount {
    /// Writes `body` to the file `path`, whose folder is made if it is missing.
    pub(in crate::devices) fn write(
        &self,
        path: &str,
        mode: WriteMode,
        body: &[u8],
        expect: Option<Option<[u8; 32]>>,
    ) -> Result<DeviceReply, DeviceError> {
        let names = decode(path).map_err(|why| self.unfit(path, &why))?;
        let Some((name, folders)) = names.split_last() else { return Err(self.unfit(path, "is the mount itself")) };
        let _turn = self.writes.take(path);
        if let Some(expected) = expect
            && self.found(folders, name, path)? != expected
        {
            return Err(DeviceError::Conflict(self.shown(path)));
        }
        let place = self.make_place(folders, name, path)?;
        let there = self.look(&place, path)?;
        match mode {
            WriteMode::Replace => self.replace(&place, path, body, expect == Some(None))?,
            WriteMode::Append => self.extend(&place, path, None, body)?,
            WriteMode::At(offset) => self.extend(&place, path, Some(offset), body)?,
        }
        // A name that is new or means another file now.
        if !there || mode == WriteMode::Replace {
            self.keep_names(place.folder());
        }
        Ok(DeviceReply::Done { address: None })
    }

    /// The hash of the file that is there now; `None` where there is none. Makes nothing.
    fn found(&self, folders: &[OsString], name: &OsStr, path: &str) -> Result<Option<[u8; 32]>, DeviceError> {
        let opened = match self.walk(folders, path) {
            Ok(opened) => opened.map(Arc::new),
            Err(DeviceError::NotFound(_)) => return Ok(None),
            Err(e) => return Err(e),
        };
        let place = Place { mount: &self.dir, opened, name: Some(name.to_owned()) };
        if self.look(&place, path)? { self.hash(&place, path).map(Some) } else { Ok(None) }
    }

    /// Makes the names in `folder` durable. What was written is in its place by then: that a folder cannot be
    /// synced must not be told as a failed write.
    fn keep_names(&self, folder: &Dir) {
        if let Err(e) = sync(folder) {
            tracing::warn!(folder = %self.folder.display(), error = %e, "a folder could not be made durable");
        }
    }

    /// The folder of a file to be written, made where it is missing.
    fn make_place(&self, folders: &[OsString], name: &OsStr, path: &str) -> Result<Place<'_>, DeviceError> {
        let mut opened: Option<Dir> = None;
        for depth in 0..folders.len() {
            let folder = opened.as_ref().unwrap_or(&self.dir);
            let next = match folder.open_dir_nofollow(&folders[depth]) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    match folder.create_dir(&folders[depth]) {
                        // Whoever else made it meanwhile made it for us too.
                        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                            return Err(self.refused("making the folder of", path, e));
                        }
                        _ => {
                            self.keep_names(folder);
                            folder.open_dir_nofollow(&folders[depth])
                        }
                    }
                }
                other => other,
            };
            match next {
                Ok(next) => {
                    self.stay_inside(&next, path)?;
                    opened = Some(next);
                }
                // A second walk finds the words for what is in the way.
                Err(e) => {
                    self.walk(&folders[..=depth], path)?;
                    return Err(self.refused("opening the folder of", path, e));
                }
            }
        }
        Ok(Place { mount: &self.dir, opened: opened.map(Arc::new), name: Some(name.to_owned()) })
    }

    /// Whether a regular file is there; anything else that is there is refused.
    fn look(&self, place: &Place<'_>, path: &str) -> Result<bool, DeviceError> {
        let name = place.name.as_deref().unwrap_or(OsStr::new(""));
        match place.folder().symlink_metadata(name) {
            Ok(meta) => self.check_regular(&meta, path).map(|()| true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(self.refused("writing", path, e)),
        }
    }

    fn hash(&self, place: &Place<'_>, path: &str) -> Result<[u8; 32], DeviceError> {
        let (mut file, meta) = self.regular(place, path, OpenOptions::new().read(true))?;
        if meta.len() > MAX_EXPECT {
            return Err(DeviceError::Full(format!(
                "{} has {} bytes; `expect` compares files of at most {MAX_EXPECT}",
                self.shown(path),
                meta.len()
            )));
        }
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(hash.finalize().into()),
                Ok(n) => hash.update(&buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.refused("reading", path, e)),
            }
        }
    }

    fn replace(&self, place: &Place<'_>, path: &str, body: &[u8], fresh: bool) -> Result<(), DeviceError> {
        let failed = |e| self.refused("writing", path, e);
        let folder = place.folder();
        let name = place.name.as_deref().unwrap_or(OsStr::new(""));
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| failed(io::Error::other(e)))?;
        let temporary = format!("{TEMPORARY}{:016x}", u64::from_le_bytes(random));
        let options = &mut OpenOptions::new();
        let options = options.write(true).create_new(true).follow(FollowSymlinks::No);
        let mut file = folder.open_with(&temporary, options).map_err(failed)?;
        let written = keep_mode(folder, name, &file)
            .and_then(|()| file.write_all(body))
            .and_then(|()| file.sync_all())
            .and_then(|()| put_in_place(folder, &temporary, name, fresh));
        if let Err(e) = written {
            let _ = folder.remove_file(&temporary);
            if fresh && e.kind() == io::ErrorKind::AlreadyExists {
                return Err(DeviceError::Conflict(self.shown(path)));
            }
            return Err(failed(e));
        }
        Ok(())
    }

    fn extend(&self, place: &Place<'_>, path: &str, at: Option<u64>, body: &[u8]) -> Result<(), DeviceError> {
        let failed = |e| self.refused("writing", path, e);
        let name = place.name.as_deref().unwrap_or(OsStr::new(""));
        let mut options = OpenOptions::new();
        options.create(true).follow(FollowSymlinks::No);
        // Without waiting, should a fifo have taken the place that was looked at.
        cap_fs_ext::OpenOptionsSyncExt::nonblock(&mut options, true);
        if at.is_some() {
            options.write(true)
        } else {
            options.append(true)
        };
        let mut file = place.folder().open_with(name, &options).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        let kind = meta.file_type();
        if !kind.is_file() {
            return Err(self.unfit(path, &format!("is {}", special(kind))));
        }
        // It would change under its other names too, with labels that only this one has.
        if meta.nlink() > 1 {
            return Err(self.unfit(path, "has other names (hard links) and can only be replaced, not changed"));
        }
        match at {
            None => file.write_all(body).map_err(failed)?,
            Some(offset) => write_at(&file, offset, body).map_err(failed)?,
        }
        file.sync_data().map_err(failed)
    }
}

/// Gives the new file the permissions of the one that it replaces.
fn keep_mode(folder: &Dir, name: &OsStr, file: &File) -> io::Result<()> {
    match folder.symlink_metadata(name) {
        Ok(old) => file.set_permissions(Permissions::from_mode(old.permissions().mode() & 0o777)),
        Err(_) => Ok(()),
    }
}

/// Moves the temporary file to its name. A fresh one is linked first, which fails if the name is taken.
fn put_in_place(folder: &Dir, temporary: &str, name: &OsStr, fresh: bool) -> io::Result<()> {
    if fresh {
        match folder.hard_link(temporary, folder, name) {
            Ok(()) => return folder.remove_file(temporary),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(e),
            // A file system without hard links: what was looked at before must do.
            Err(_) => {}
        }
    }
    folder.rename(temporary, folder, name)
}

fn write_at(file: &File, mut offset: u64, mut body: &[u8]) -> io::Result<()> {
    let end = offset.checked_add(body.len() as u64);
    if end.is_none_or(|end| end > i64::MAX as u64) {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    while !body.is_empty() {
        match rustix::io::pwrite(file, body, offset) {
            Ok(n) => {
                body = &body[n..];
                offset += n as u64;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Syncs a folder. The handle may be one that cannot be synced, so it is reopened.
fn sync(folder: &Dir) -> io::Result<()> {
    folder.open(OsStr::from_bytes(b"."))?.sync_all()
}
