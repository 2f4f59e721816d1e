//! Files of mounts, and connections that `fetch` carries.
//!
//! A mount is a folder that the page's user picked or that lies in the origin private file system, or a list of
//! files that he dropped. Nothing outside of what was handed over can be named: a handle has no parent. What
//! connects to `/net` speaks HTTP/1.1 into a stream (see [`fetch`]).

use kernel_core::path::Name;
use kernel_core::platform::{DeviceError, DeviceReply, DeviceRequest, Devices, Meta};
use std::cell::RefCell;
use std::rc::Rc;
use web_sys::FileSystemDirectoryHandle;

mod fetch;
mod files;
mod folder;
mod mounts;
mod page;
mod place;
mod turns;

#[cfg(test)]
mod tests;

pub use files::Dropped;
pub(crate) use mounts::Mount;
pub use mounts::MountError;
pub(crate) use turns::Turn;

use mounts::Mounts;

/// How many bytes of a file are read at once where all of it is wanted.
const PIECE: u32 = 1 << 20;

/// The largest file that is handed over whole, bytes.
pub(crate) const MAX_WHOLE: u64 = 64 << 20;

/// The devices of a tab. Clones share mounts and streams.
#[derive(Clone, Debug, Default)]
pub struct WebDevices {
    // Borrowed to look up or add one, never while a promise is waited for.
    mounts: Rc<RefCell<Mounts>>,
    mounting: turns::Turns,
    streams: Rc<fetch::Streams>,
}

impl WebDevices {
    /// Makes the folder `handle` reachable as `/fs/NAME`, in place of what was there.
    ///
    /// # Errors
    ///
    /// [`MountError`] if it cannot be listed, is mounted already, or holds what kernels keep. Nothing was bound then.
    pub async fn bind(&self, name: &Name, handle: FileSystemDirectoryHandle) -> Result<(), MountError> {
        let mount = mounts::open(name, handle).await?;
        self.put(name, mount).await
    }

    /// Makes a list of files, each with its path in the mount, reachable as `/fs/NAME`, to be read only.
    ///
    /// # Errors
    ///
    /// [`MountError::BadPath`] for a path that is none, or that two files have. Nothing was bound then.
    pub fn bind_files(&self, name: &Name, files: Vec<(String, Dropped)>) -> Result<(), MountError> {
        let mount = WebDevices::list_of(name, files)?;
        self.mounts.borrow_mut().insert(name, mount);
        Ok(())
    }

    /// Takes the mount away; requests that have begun still end. Whether there was one.
    pub fn unbind(&self, name: &Name) -> bool {
        self.mounts.borrow_mut().remove(name)
    }

    /// The mounts, in order of name.
    pub fn mounts(&self) -> Vec<Name> {
        self.mounts.borrow().names().cloned().collect()
    }

    /// All of a file of at most 64 MiB, for the page's user: it is his own, and no process reads it.
    ///
    /// # Errors
    ///
    /// `Full` for one that is larger; what a read of it would answer.
    pub async fn read_whole(&self, mount: &str, path: &str) -> Result<Vec<u8>, DeviceError> {
        let mut whole = Vec::new();
        loop {
            let (mount, path, offset) = (mount.to_owned(), path.to_owned(), whole.len() as u64);
            let read = DeviceRequest::Read { mount: mount.clone(), path: path.clone(), offset, len: PIECE };
            match self.perform(read).await? {
                // One that grows meanwhile is as large as it has become.
                DeviceReply::Data { meta: Meta { size }, .. } if size > MAX_WHOLE => {
                    let what =
                        format!("/fs/{mount}/{path} has {size} bytes; at most {MAX_WHOLE} are handed over whole");
                    return Err(DeviceError::Full(what));
                }
                DeviceReply::Data { body, meta: Meta { size } } => {
                    whole.reserve_exact((size as usize).saturating_sub(whole.len()));
                    whole.extend_from_slice(&body);
                    if body.is_empty() || whole.len() as u64 >= size {
                        return Ok(whole);
                    }
                }
                other => unreachable!("a read answers data, not {other:?}"),
            }
        }
    }

    /// Waits for the turn to change what is mounted, and to whom it is given: from looking to the end of the change
    /// nobody else does.
    pub(crate) async fn turn(&self) -> Turn {
        self.mounting.take("").await
    }

    /// The folder `handle`, to be mounted as `name`. Nothing is bound yet.
    pub(crate) async fn folder(name: &Name, handle: FileSystemDirectoryHandle) -> Result<Mount, MountError> {
        mounts::open(name, handle).await
    }

    /// The list `files`, to be mounted as `name`. Nothing is bound yet.
    pub(crate) fn list_of(name: &Name, files: Vec<(String, Dropped)>) -> Result<Mount, MountError> {
        files::Files::new(name, files).map(|files| Mount::Files(Rc::new(files)))
    }

    /// Whether `mount` could be bound to `name` beside the others.
    pub(crate) async fn fits(&self, name: &Name, mount: &Mount) -> Result<(), MountError> {
        mounts::nested(&self.mounts, name, mount).await.map(drop)
    }

    /// Binds `mount` to `name`, in place of what was bound to it and given to somebody.
    pub(crate) async fn put(&self, name: &Name, mount: Mount) -> Result<(), MountError> {
        mounts::bind(&self.mounts, name, mount).await
    }

    /// Whether `name` is bound to the folder `mount`.
    pub(crate) async fn is_bound_to(&self, name: &Name, mount: &Mount) -> bool {
        match self.mounted(name) {
            Some(bound) => bound.is_same(mount).await,
            None => false,
        }
    }

    /// What is bound to `name`.
    pub(crate) fn mounted(&self, name: &Name) -> Option<Mount> {
        self.mounts.borrow().get(name.as_str())
    }

    /// The applications that what is bound to `name` was given to; `None` where nothing is bound.
    pub(crate) fn given(&self, name: &Name) -> Option<Vec<Name>> {
        self.mounts.borrow().given(name).map(|given| given.iter().cloned().collect())
    }

    /// Notes that what is bound to `name` was given to the application `app`.
    pub(crate) fn give(&self, name: &Name, app: &Name) {
        self.mounts.borrow_mut().give(name, app);
    }

    /// Notes that the application `app` has nothing any more.
    pub(crate) fn take_back(&self, app: &Name) {
        self.mounts.borrow_mut().take_back(app);
    }

    fn mount(&self, name: &str) -> Result<Mount, DeviceError> {
        let unbound = || DeviceError::NotFound(format!("the mount /fs/{name}"));
        self.mounts.borrow().get(name).ok_or_else(unbound)
    }
}

impl Devices for WebDevices {
    async fn perform(&self, request: DeviceRequest) -> Result<DeviceReply, DeviceError> {
        match request {
            DeviceRequest::List { mount, path, cursor, limit } => match self.mount(&mount)? {
                Mount::Folder(folder) => folder.list(&path, cursor.as_deref(), limit).await,
                Mount::Files(files) => files.list(&path, cursor.as_deref(), limit),
            },
            DeviceRequest::Read { mount, path, offset, len } => match self.mount(&mount)? {
                Mount::Folder(folder) => folder.read(&path, offset, len).await,
                Mount::Files(files) => files.read(&path, offset, len).await,
            },
            DeviceRequest::Write { mount, path, mode, body, expect } => match self.mount(&mount)? {
                Mount::Folder(folder) => folder.write(path, mode, body, expect).await,
                Mount::Files(files) => Err(files.read_only(&path)),
            },
            DeviceRequest::Remove { mount, path } => match self.mount(&mount)? {
                Mount::Folder(folder) => folder.remove(&path).await,
                Mount::Files(files) => Err(files.read_only(&path)),
            },
            DeviceRequest::Connect { stream, host, port, private } => {
                self.streams.connect(stream, &host, port, private)
            }
            DeviceRequest::StreamRead { stream, len } => self.streams.read(stream, len).await,
            DeviceRequest::StreamWrite { stream, body } => self.streams.write(stream, &body),
            DeviceRequest::StreamClose { stream } => {
                self.streams.close(stream);
                Ok(DeviceReply::Done { address: None })
            }
            other => Err(DeviceError::Unsupported(format!("this host has no device for {other:?}"))),
        }
    }
}
