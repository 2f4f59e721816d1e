//! One mounted folder: requests never leave it, and never pass through a link.
//!
//! A path is walked from the mount's handle one name at a time, each folder opened relative to the one
//! before without following links, so a name that is exchanged for a link meanwhile is met as a link,
//! not passed through. cap-std's own resolution (`RESOLVE_BENEATH`) is the second fence. Links inside
//! the mount are not followed either: a grant and the labels of a file belong to its path, and a link
//! would be a second path to it. The refusal names the path to use instead.
//!
//! What is not a regular file (fifo, socket, device) is looked at before it would be opened and refused;
//! should one take a file's place at that very moment, it is opened without blocking and refused then.

use crate::pace::{InPlace, Pace};
use cap_fs_ext::{DirExt, FileTypeExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, File, FileType, Metadata, OpenOptions};
use kernel_core::path::{Name, decode_segment, encode_segment};
use kernel_core::platform::{DeviceError, DeviceReply, Meta};
use rustix::buffer::spare_capacity;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

mod folders;
mod list;
mod roots;
mod write;

use roots::End;
pub(super) use roots::{Root, Roots};

/// Why a folder could not be mounted. Nothing was bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// There is nothing there.
    #[error("the folder {} for mount `{name}` does not exist", folder.display())]
    Missing {
        /// The mount.
        name: Name,
        /// As it was given.
        folder: PathBuf,
    },
    /// There is something else there.
    #[error("{} for mount `{name}` is not a folder; name the folder that it lies in", folder.display())]
    NotFolder {
        /// The mount.
        name: Name,
        /// As it was given.
        folder: PathBuf,
    },
    /// It is the folder of another mount, so its files would have two paths each.
    #[error("the folder {} for mount `{name}` is mounted as `{other}` already; a folder is mounted once", folder.display())]
    Twice {
        /// The mount.
        name: Name,
        /// As it was given.
        folder: PathBuf,
        /// The mount that it is bound to.
        other: Name,
    },
    /// It may not or cannot be listed.
    #[error("the folder {} for mount `{name}` cannot be read: {source}", folder.display())]
    Unreadable {
        /// The mount.
        name: Name,
        /// As it was given.
        folder: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
}

/// A folder that was mounted.
#[derive(Debug)]
pub(super) struct Mount {
    name: Name,
    folder: PathBuf,
    dir: Dir,
    root: Root,
    roots: Arc<Roots>,
    listings: list::Listings,
    folders: folders::Folders,
    writes: write::Turns,
    pace: Pace,
}

/// What a path led to: the folder that holds it, and its name there; no name means the mount itself.
struct Place<'m> {
    // The mount's own handle, or one that was opened on the way.
    mount: &'m Dir,
    opened: Option<Arc<Dir>>,
    name: Option<OsString>,
}

impl Place<'_> {
    fn folder(&self) -> &Dir {
        self.opened.as_deref().unwrap_or(self.mount)
    }
}

impl Mount {
    /// Opens `folder`. The folder itself may be reached through links; what is below it may not.
    pub(super) fn open(name: &Name, folder: &Path, roots: Arc<Roots>) -> Result<Mount, MountError> {
        let (named, at) = (name.clone(), folder.to_owned());
        let open = || -> io::Result<(PathBuf, Dir, Root)> {
            let folder = folder.canonicalize()?;
            let dir = Dir::open_ambient_dir(&folder, cap_std::ambient_authority())?;
            dir.entries()?.next().transpose()?;
            let root = Root::of(&dir)?;
            Ok((folder, dir, root))
        };
        match open() {
            Ok((folder, dir, root)) => Ok(Mount {
                name: named,
                folder,
                pace: Pace::of(&dir),
                dir,
                root,
                roots,
                listings: list::Listings::default(),
                folders: folders::Folders::new(),
                writes: write::Turns::default(),
            }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(MountError::Missing { name: named, folder: at }),
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
                Err(MountError::NotFolder { name: named, folder: at })
            }
            Err(source) => Err(MountError::Unreadable { name: named, folder: at, source }),
        }
    }

    /// Where the folder is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the folder is.
    pub(super) fn root(&self) -> Root {
        self.root
    }

    /// Forgets which folders were reached a moment ago.
    pub(super) fn forget(&self) {
        self.folders.forget();
    }

    /// A turn to read where one is asked to, instead of on a blocking thread.
    pub(super) fn in_place(&self) -> Option<InPlace<'_>> {
        self.pace.in_place()
    }

    /// Bytes of a regular file.
    pub(super) fn read(&self, path: &str, offset: u64, len: u32) -> Result<DeviceReply, DeviceError> {
        let (file, meta) = self.open_to_read(path)?;
        let failed = |e: io::Error| self.refused("reading", path, e);
        let size = meta.len();
        let wanted = usize::try_from(len).unwrap_or(usize::MAX);
        let there = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        // Files of some file systems say that they are empty and are not: those are read until they end.
        let hides = size == 0 && offset <= i64::MAX as u64;
        let enough = if hides { wanted } else { wanted.min(there) };
        let mut body = Vec::with_capacity(wanted.min(there));
        while body.len() < enough {
            let left = enough - body.len();
            body.reserve(left.min(64 << 10));
            let at = offset.saturating_add(body.len() as u64);
            match rustix::io::pread(&file, spare_capacity(&mut body), at) {
                Ok(0) => break,
                Ok(_) => body.truncate(enough),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(failed(e.into())),
            }
        }
        Ok(DeviceReply::Data { body: body.into(), meta: Meta { size } })
    }

    /// Removes a file, a link or an empty folder.
    pub(super) fn remove(&self, path: &str) -> Result<DeviceReply, DeviceError> {
        let place = self.place(path)?;
        let Some(name) = &place.name else { return Err(self.unfit(path, "is the mount itself")) };
        let failed = |e| self.refused("removing", path, e);
        let meta = place.folder().symlink_metadata(name).map_err(failed)?;
        let kind = meta.file_type();
        if kind.is_dir() {
            self.refuse_root(Root::from(&meta), path)?;
            place.folder().remove_dir(name).map_err(failed)?;
            self.folders.forget();
        } else if kind.is_file() || kind.is_symlink() {
            place.folder().remove_file_or_symlink(name).map_err(failed)?;
        } else {
            return Err(self.unfit(path, &format!("is {}", special(kind))));
        }
        Ok(DeviceReply::Done { address: None })
    }

    /// Opens the regular file `path`, by a handle on its folder if one was opened a moment ago.
    fn open_to_read(&self, path: &str) -> Result<(File, Metadata), DeviceError> {
        let folder = path.rsplit_once('/').map(|(folder, _)| folder);
        let mut options = OpenOptions::new();
        options.read(true);
        if let Some(dir) = folder.and_then(|folder| self.folders.find(folder)) {
            let name = decode(path).ok().and_then(|mut names| names.pop());
            let place = Place { mount: &self.dir, opened: Some(dir), name };
            if let Ok(opened) = self.regular(&place, path, &mut options) {
                return Ok(opened);
            }
        }
        let begun = Instant::now();
        let place = self.place(path)?;
        if let (Some(folder), Some(dir)) = (folder, &place.opened) {
            self.folders.keep(folder, dir, begun);
        }
        self.regular(&place, path, &mut options)
    }

    /// Opens the regular file at `place` without blocking and without following a link.
    fn regular(
        &self,
        place: &Place<'_>,
        path: &str,
        options: &mut OpenOptions,
    ) -> Result<(File, Metadata), DeviceError> {
        let Some(name) = &place.name else { return Err(self.unfit(path, "is a folder")) };
        let failed = |e| self.refused("opening", path, e);
        // First a look, because opening some devices does something.
        let meta = place.folder().symlink_metadata(name).map_err(failed)?;
        self.check_regular(&meta, path)?;
        let options = options.follow(FollowSymlinks::No).nonblock(true);
        let file = place.folder().open_with(name, options).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        self.check_regular(&meta, path)?;
        Ok((file, meta))
    }

    fn check_regular(&self, meta: &Metadata, path: &str) -> Result<(), DeviceError> {
        let kind = meta.file_type();
        if kind.is_file() {
            Ok(())
        } else if kind.is_dir() {
            Err(self.unfit(path, "is a folder"))
        } else if kind.is_symlink() {
            Err(self.link(&decode(path).unwrap_or_default(), path))
        } else {
            Err(self.unfit(path, &format!("is {}", special(kind))))
        }
    }

    /// Walks to the folder that holds the last name of `path`.
    fn place(&self, path: &str) -> Result<Place<'_>, DeviceError> {
        let mut names = decode(path).map_err(|why| self.unfit(path, &why))?;
        let name = names.pop();
        let opened = self.walk(&names, path)?.map(Arc::new);
        Ok(Place { mount: &self.dir, opened, name })
    }

    /// The folder that `names` lead to; `None` is the mount's own.
    fn walk(&self, names: &[OsString], path: &str) -> Result<Option<Dir>, DeviceError> {
        let mut at: Option<Dir> = None;
        for (depth, name) in names.iter().enumerate() {
            let folder = at.as_ref().unwrap_or(&self.dir);
            match folder.open_dir_nofollow(name) {
                Ok(next) => {
                    self.stay_inside(&next, path)?;
                    at = Some(next);
                }
                Err(e) => {
                    let met = folder.symlink_metadata(name).map(|m| m.file_type());
                    return Err(match met {
                        Ok(kind) if kind.is_symlink() => self.link(&names[..=depth], path),
                        Ok(kind) if !kind.is_dir() => {
                            let part = encode(&names[..=depth]);
                            if part == path {
                                self.unfit(path, "is not a folder")
                            } else {
                                let what = format!("does not exist, because {} is not a folder", self.shown(&part));
                                self.unfit(path, &what)
                            }
                        }
                        _ => self.refused("opening", path, e),
                    });
                }
            }
        }
        Ok(at)
    }

    /// Refuses to pass into `folder` if this mount ends there.
    fn stay_inside(&self, folder: &Dir, path: &str) -> Result<(), DeviceError> {
        if !self.roots.are_several() {
            return Ok(());
        }
        let root = Root::of(folder).map_err(|e| self.refused("opening", path, e))?;
        self.refuse_root(root, path)
    }

    fn refuse_root(&self, root: Root, path: &str) -> Result<(), DeviceError> {
        let what = match self.roots.end(root, &self.name) {
            Some(End::Mount(other)) => {
                format!("lies in the folder of the mount `{other}`; its path begins with /fs/{other}")
            }
            Some(End::Shut) => "lies in the data directory of this kernel, which no mount reaches".to_owned(),
            None => return Ok(()),
        };
        Err(self.unfit(path, &what))
    }

    /// The refusal of a link at `names`, which says what to name instead.
    fn link(&self, names: &[OsString], path: &str) -> DeviceError {
        let part: PathBuf = names.iter().collect();
        let target = self.dir.canonicalize(&part).ok().and_then(|target| {
            let names: Option<Vec<OsString>> = target
                .components()
                .map(|c| if let Component::Normal(name) = c { Some(name.to_owned()) } else { None })
                .collect();
            names.filter(|names| !names.is_empty())
        });
        let what = match target {
            Some(target) => format!(
                "passes through a link, and links are not followed; name /fs/{}/{} itself",
                self.name,
                encode(&target)
            ),
            None => "passes through a link that leads nowhere or out of the mount".to_owned(),
        };
        self.unfit(path, &what)
    }

    fn shown(&self, path: &str) -> String {
        if path.is_empty() { format!("/fs/{}", self.name) } else { format!("/fs/{}/{path}", self.name) }
    }

    fn unfit(&self, path: &str, what: &str) -> DeviceError {
        DeviceError::Unfit(format!("{} {what}", self.shown(path)))
    }

    /// An operating system's error in the words of the seam.
    fn refused(&self, doing: &str, path: &str, error: io::Error) -> DeviceError {
        use io::ErrorKind as K;
        let shown = self.shown(path);
        match error.kind() {
            K::NotFound => DeviceError::NotFound(shown),
            K::StorageFull => DeviceError::Full(format!("no space is left on the device that holds {shown}")),
            K::QuotaExceeded => DeviceError::Full(format!("the disk quota is used up where {shown} lies")),
            K::FileTooLarge => DeviceError::Full(format!("{shown} would be larger than its file system allows")),
            K::ReadOnlyFilesystem => DeviceError::Refused(format!("{shown} lies on a read-only file system")),
            K::PermissionDenied => match error.raw_os_error() {
                Some(_) => DeviceError::Refused(format!("{shown}: permission denied by the operating system")),
                // cap-std's own: the path would have left the folder.
                None => self.unfit(path, "leads out of the mount"),
            },
            K::NotADirectory => self.unfit(path, "is not a folder"),
            K::IsADirectory => self.unfit(path, "is a folder"),
            K::DirectoryNotEmpty => self.unfit(path, "is a folder that is not empty"),
            K::InvalidFilename => self.unfit(path, "is a name that its file system does not allow"),
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                self.link(&decode(path).unwrap_or_default(), path)
            }
            _ => DeviceError::Io { doing: format!("{doing} {shown}"), source: Box::new(error) },
        }
    }
}

/// The names of a canonical path below a mount; none for the mount itself.
fn decode(path: &str) -> Result<Vec<OsString>, String> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let name = |segment: &str| -> Result<OsString, String> {
        let bytes = decode_segment(segment).map_err(|e| format!("is not a path: {e}"))?;
        // The parser refuses these too. Here they would be a way out, so nothing is left to chance.
        if bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.iter().any(|b| matches!(b, b'/' | 0)) {
            return Err("is not a path".to_owned());
        }
        Ok(OsString::from_vec(bytes))
    };
    path.split('/').map(name).collect()
}

fn encode(names: &[OsString]) -> String {
    names.iter().map(|name| encode_name(name)).collect::<Vec<_>>().join("/")
}

fn encode_name(name: &OsStr) -> String {
    encode_segment(name.as_bytes())
}

/// What something that is neither file, folder nor link is called.
fn special(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a fifo"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "neither a file nor a folder"
    }
}
