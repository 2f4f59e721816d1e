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

#[cfg(test)]
mod tests;

pub use files::Dropped;
pub use mounts::MountError;

use mounts::{Mount, Mounts};

/// How many bytes of a file are read at once where all of it is wanted.
const PIECE: u32 = 1 << 20;

/// The devices of a tab. Clones share mounts and streams.
#[derive(Clone, Debug, Default)]
pub struct WebDevices {
    // Borrowed to look up or add one, never while a promise is waited for.
    mounts: Rc<RefCell<Mounts>>,
    streams: Rc<fetch::Streams>,
}

impl WebDevices {
    /// Makes the folder `handle` reachable as `/fs/NAME`, in place of what was there.
    ///
    /// # Errors
    ///
    /// [`MountError`] if it cannot be listed, is mounted already, or holds what kernels keep. Nothing was bound then.
    pub async fn bind(&self, name: &Name, handle: FileSystemDirectoryHandle) -> Result<(), MountError> {
        mounts::bind(&self.mounts, name, handle).await
    }

    /// Makes a list of files, each with its path in the mount, reachable as `/fs/NAME`, to be read only.
    ///
    /// # Errors
    ///
    /// [`MountError::BadPath`] for a path that is none, or that two files have. Nothing was bound then.
    pub fn bind_files(&self, name: &Name, files: Vec<(String, Dropped)>) -> Result<(), MountError> {
        let files = files::Files::new(name, files)?;
        self.mounts.borrow_mut().insert(name, Mount::Files(Rc::new(files)));
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

    /// All of a file, for the page's user: it is his own, and no process reads it.
    ///
    /// # Errors
    ///
    /// What a read of it would answer.
    pub async fn read_whole(&self, mount: &str, path: &str) -> Result<Vec<u8>, DeviceError> {
        let mut whole = Vec::new();
        loop {
            let (mount, path, offset) = (mount.to_owned(), path.to_owned(), whole.len() as u64);
            match self.perform(DeviceRequest::Read { mount, path, offset, len: PIECE }).await? {
                DeviceReply::Data { body, meta: Meta { size } } => {
                    whole.extend_from_slice(&body);
                    if body.is_empty() || whole.len() as u64 >= size {
                        return Ok(whole);
                    }
                }
                other => unreachable!("a read answers data, not {other:?}"),
            }
        }
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
