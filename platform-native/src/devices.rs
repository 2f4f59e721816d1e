//! Files of mounted folders and TCP connections.
//!
//! A mount is a handle on a folder, and everything below it is reached from that handle one name at a
//! time (see [`files`]). Work on files runs on tokio's blocking threads, at most [`FILES_AT_ONCE`]
//! pieces of it at a time, so that many waiting readers do not hold many buffers; reads of what the
//! operating system has in memory are done in place.

use crate::spawn::panic_text;
pub use kernel_core::path::AddressClass;
use kernel_core::path::Name;
use kernel_core::platform::{DeviceError, DeviceReply, DeviceRequest, Devices};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Semaphore;

pub use files::MountError;

pub mod files;
pub mod net;
mod streams;

#[cfg(test)]
mod tests;

/// How many file requests are worked on at the same time; the others wait in order. Fewer where this process may
/// have fewer than eight descriptors for each.
pub const FILES_AT_ONCE: usize = 32;

/// How many descriptors this process may have.
fn descriptors() -> usize {
    let soft = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    soft.map_or(usize::MAX, |soft| usize::try_from(soft).unwrap_or(usize::MAX))
}

/// The devices of this machine. Clones share mounts and streams.
#[derive(Clone, Debug)]
pub struct NativeDevices {
    // Read for every file request and written when a folder is bound: held only to look up a name.
    mounts: Arc<RwLock<BTreeMap<Name, Arc<files::Mount>>>>,
    roots: Arc<files::Roots>,
    streams: Arc<streams::Streams>,
    at_once: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
    runtime: tokio::runtime::Handle,
}

impl NativeDevices {
    /// Devices without mounts, whose work runs on `runtime`.
    pub fn new(runtime: tokio::runtime::Handle) -> NativeDevices {
        NativeDevices {
            mounts: Arc::default(),
            roots: Arc::default(),
            streams: Arc::new(streams::Streams::new(streams::most())),
            lookups: Arc::new(Semaphore::new(net::LOOKUPS)),
            at_once: Arc::new(Semaphore::new((descriptors() / 8).clamp(1, FILES_AT_ONCE))),
            runtime,
        }
    }

    /// Makes the folder `folder` reachable as `/fs/NAME`, in place of what was there. Blocks briefly.
    ///
    /// # Errors
    ///
    /// [`MountError`] if it does not exist, is no folder, cannot be listed or is mounted already. Nothing was
    /// bound then.
    pub fn bind(&self, name: &Name, folder: &Path) -> Result<(), MountError> {
        let mount = Arc::new(files::Mount::open(name, folder, self.roots.clone())?);
        let mut mounts = self.mounts.write().unwrap_or_else(PoisonError::into_inner);
        self.roots.bind(name, mount.root()).map_err(|other| MountError::Twice {
            name: name.clone(),
            folder: folder.to_owned(),
            other,
        })?;
        mounts.insert(name.clone(), mount);
        // What was reached a moment ago may lie in the new mount, where the others end.
        mounts.values().for_each(|mount| mount.forget());
        Ok(())
    }

    /// Keeps `folder` out of every mount, also where it is mounted in one by another name: what the host keeps
    /// there is for no agent. Only one folder is kept out.
    ///
    /// # Errors
    ///
    /// What cannot be looked at. Nothing is kept out then.
    pub fn shut(&self, folder: &Path) -> std::io::Result<()> {
        self.roots.shut(files::Root::at(folder)?);
        let mounts = self.mounts.read().unwrap_or_else(PoisonError::into_inner);
        mounts.values().for_each(|mount| mount.forget());
        Ok(())
    }

    /// Takes the mount away; requests that have begun still end. Whether there was one.
    pub fn unbind(&self, name: &Name) -> bool {
        let mut mounts = self.mounts.write().unwrap_or_else(PoisonError::into_inner);
        self.roots.unbind(name);
        mounts.remove(name).is_some()
    }

    /// Every mount with its folder, in order of name.
    pub fn mounts(&self) -> Vec<(Name, PathBuf)> {
        let mounts = self.mounts.read().unwrap_or_else(PoisonError::into_inner);
        mounts.iter().map(|(name, mount)| (name.clone(), mount.folder().to_owned())).collect()
    }

    fn mount(&self, name: &str) -> Result<Arc<files::Mount>, DeviceError> {
        let unbound = || DeviceError::NotFound(format!("the mount /fs/{name}"));
        let name = Name::parse(name).map_err(|_| unbound())?;
        self.mounts.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned().ok_or_else(unbound)
    }

    /// Does `work` on the mount `name` on a blocking thread.
    async fn on_mount(
        &self,
        name: String,
        work: impl FnOnce(&files::Mount) -> Result<DeviceReply, DeviceError> + Send + 'static,
    ) -> Result<DeviceReply, DeviceError> {
        let mount = self.mount(&name)?;
        let stopped = |source| DeviceError::Io { doing: format!("working in /fs/{name}"), source };
        let turn = self.at_once.clone().acquire_owned().await.map_err(|e| stopped(Box::new(e)))?;
        let done = self.runtime.spawn_blocking(move || {
            let _turn = turn;
            work(&mount)
        });
        match done.await {
            Ok(result) => result,
            Err(e) if e.is_panic() => Err(stopped(panic_text(&*e.into_panic()).into())),
            Err(e) => Err(stopped(Box::new(e))),
        }
    }
}

impl Devices for NativeDevices {
    fn at_once(&self, request: &DeviceRequest) -> Option<Result<DeviceReply, DeviceError>> {
        let DeviceRequest::Read { mount, path, offset, len } = request else { return None };
        let mount = self.mount(mount).ok()?;
        let _turn = mount.in_place()?;
        Some(mount.read(path, *offset, *len))
    }

    async fn perform(&self, request: DeviceRequest) -> Result<DeviceReply, DeviceError> {
        match request {
            DeviceRequest::List { mount, path, cursor, limit } => {
                self.on_mount(mount, move |m| m.list(&path, cursor.as_deref(), limit)).await
            }
            DeviceRequest::Read { mount, path, offset, len } => {
                self.on_mount(mount, move |m| m.read(&path, offset, len)).await
            }
            DeviceRequest::Write { mount, path, mode, body, expect } => {
                self.on_mount(mount, move |m| m.write(&path, mode, &body, expect)).await
            }
            DeviceRequest::Remove { mount, path } => self.on_mount(mount, move |m| m.remove(&path)).await,
            DeviceRequest::Connect { stream, host, port, private } => {
                let room = self.streams.room()?;
                let connection = net::connect(&self.runtime, self.lookups.clone(), &host, port, private).await?;
                let address = connection.address.to_string();
                self.streams.insert(stream, connection.socket, room)?;
                Ok(DeviceReply::Done { address: Some(address) })
            }
            DeviceRequest::StreamRead { stream, len } => self.streams.read(stream, len).await,
            DeviceRequest::StreamWrite { stream, body } => self.streams.write(stream, &body).await,
            DeviceRequest::StreamClose { stream } => {
                self.streams.close(stream);
                Ok(DeviceReply::Done { address: None })
            }
            other => Err(DeviceError::Unsupported(format!("this host has no device for {other:?}"))),
        }
    }
}
