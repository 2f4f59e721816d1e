//! Writing files: whole and atomic, at the end, or at an offset.
//!
//! `Replace` writes through a stream that the browser keeps beside the file and exchanges for it when it is closed:
//! readers see the old or the new, also after a crash. What the platform cannot give: a file that was not there is
//! made empty first, so that a reader or a crash in between may see it empty, never in part; and a browser does not
//! say when a picked folder's disk has what it was given.
//!
//! Files of the origin private file system are extended and changed in place and flushed. Files of picked folders
//! are not: the browser copies them, changes the copy and exchanges it, which for a large file costs its size.

use super::Folder;
use crate::devices::files::{size, slice};
use crate::js::wait;
use bytes::Bytes;
use kernel_core::platform::{DeviceError, DeviceReply, WriteMode};
use sha2::{Digest, Sha256};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use web_sys::{
    File, FileSystemCreateWritableOptions, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetFileOptions,
    FileSystemReadWriteOptions, FileSystemSyncAccessHandle, FileSystemWritableFileStream,
};

/// The largest file whose content is hashed for compare-and-set.
const MAX_EXPECT: u64 = 64 << 20;

/// How many bytes of it are read at once.
const PIECE: u32 = 1 << 20;

/// The largest offset that JavaScript counts exactly.
const MAX_OFFSET: u64 = 1 << 53;

impl Folder {
    /// Writes `body` to the file `path`, whose folder is made if it is missing. Goes on when whoever asked has gone:
    /// a stream that is left open would keep its file locked.
    pub(in crate::devices) async fn write(
        self: &Rc<Self>,
        path: String,
        mode: WriteMode,
        body: Bytes,
        expect: Option<Option<[u8; 32]>>,
    ) -> Result<DeviceReply, DeviceError> {
        let (tell, told) = futures::channel::oneshot::channel();
        let (folder, shown) = (self.clone(), self.place.shown(&path));
        wasm_bindgen_futures::spawn_local(async move {
            drop(tell.send(folder.write_whole(&path, mode, &body, expect).await));
        });
        let stopped = |e| DeviceError::Io { doing: format!("writing {shown}"), source: Box::new(e) };
        told.await.unwrap_or_else(|e| Err(stopped(e)))
    }

    async fn write_whole(
        &self,
        path: &str,
        mode: WriteMode,
        body: &[u8],
        expect: Option<Option<[u8; 32]>>,
    ) -> Result<DeviceReply, DeviceError> {
        let names = self.place.decode(path)?;
        let Some((name, folders)) = names.split_last() else {
            return Err(self.place.unfit(path, "is the mount itself"));
        };
        if let WriteMode::At(offset) = mode
            && offset.saturating_add(body.len() as u64) > MAX_OFFSET
        {
            let shown = self.place.shown(path);
            return Err(DeviceError::Full(format!("{shown} would be larger than a browser's files can be")));
        }
        self.stay_inside(&names, path)?;
        let _turn = self.turns.take(path).await;
        if let Some(expected) = expect
            && self.found(path).await? != expected
        {
            return Err(DeviceError::Conflict(self.place.shown(path)));
        }
        let folder = self.walk(folders, path, true).await?;
        let (file, made) = self.place_of(&folder, folders, name, path).await?;
        let written = match mode {
            WriteMode::Replace => replace(&file, body).await,
            WriteMode::Append => self.extend(&file, None, body).await,
            WriteMode::At(offset) => self.extend(&file, Some(offset), body).await,
        };
        if let Err(e) = written {
            if made {
                // It was made for these bytes alone.
                self.names.gone(&names);
                let _ = wait::<JsValue>(folder.remove_entry(name)).await;
                self.names.gone(&names);
            }
            return Err(self.place.refused("writing", path, &e));
        }
        Ok(DeviceReply::Done { address: None })
    }

    /// The hash of the file that is there now; `None` where there is none. Makes nothing.
    async fn found(&self, path: &str) -> Result<Option<[u8; 32]>, DeviceError> {
        let failed = |e: JsValue| self.place.refused("reading", path, &e);
        let file = match self.file(path).await {
            Ok(file) => file,
            Err(DeviceError::NotFound(_)) => return Ok(None),
            Err(e) => return Err(e),
        };
        let size = size(&file);
        if size > MAX_EXPECT {
            let shown = self.place.shown(path);
            let what = format!("{shown} has {size} bytes; `expect` compares files of at most {MAX_EXPECT}");
            return Err(DeviceError::Full(what));
        }
        let (mut hash, mut offset) = (Sha256::new(), 0);
        while offset < size {
            let piece = slice(&file, offset, PIECE).await.map_err(failed)?;
            offset += piece.len() as u64;
            hash.update(&piece);
        }
        Ok(Some(hash.finalize().into()))
    }

    /// The file `name`, and whether it was made just now.
    async fn place_of(
        &self,
        folder: &FileSystemDirectoryHandle,
        folders: &[String],
        name: &str,
        path: &str,
    ) -> Result<(FileSystemFileHandle, bool), DeviceError> {
        // In a picked folder one after the other is made: two that are made at once could be two spellings of one.
        let _turn = if self.in_opfs { None } else { Some(self.turns.take("").await) };
        match self.file_in(folder, name, path).await {
            Ok(file) => {
                self.exact(folders, folder, name, path).await?;
                Ok((file, false))
            }
            Err(DeviceError::NotFound(_)) => {
                let options = FileSystemGetFileOptions::new();
                options.set_create(true);
                let made = wait(folder.get_file_handle_with_options(name, &options)).await;
                let file = made.map_err(|e| self.place.refused("writing", path, &e))?;
                self.names.made(folders, name);
                Ok((file, true))
            }
            Err(e) => Err(e),
        }
    }

    async fn extend(&self, file: &FileSystemFileHandle, at: Option<u64>, body: &[u8]) -> Result<(), JsValue> {
        if self.in_opfs { in_place(file, at, body).await } else { in_a_copy(file, at, body).await }
    }
}

async fn replace(file: &FileSystemFileHandle, body: &[u8]) -> Result<(), JsValue> {
    let stream: FileSystemWritableFileStream = wait(file.create_writable()).await?;
    finish(&stream, put(&stream, body).await).await
}

async fn put(stream: &FileSystemWritableFileStream, body: &[u8]) -> Result<(), JsValue> {
    // From a copy outside of this memory, which may grow and move while the promise is waited for.
    let body = js_sys::Uint8Array::from(body);
    wait::<JsValue>(stream.write_with_js_u8_array(&body)?).await.map(drop)
}

/// Exchanges the file for what was written, or leaves it as it was.
async fn finish(stream: &FileSystemWritableFileStream, written: Result<(), JsValue>) -> Result<(), JsValue> {
    match written {
        Ok(()) => wait::<JsValue>(stream.close()).await.map(drop),
        Err(e) => {
            let _ = wait::<JsValue>(stream.abort()).await;
            Err(e)
        }
    }
}

async fn in_a_copy(file: &FileSystemFileHandle, at: Option<u64>, body: &[u8]) -> Result<(), JsValue> {
    let old: File = wait(file.get_file()).await?;
    let options = FileSystemCreateWritableOptions::new();
    options.set_keep_existing_data(true);
    let stream: FileSystemWritableFileStream = wait(file.create_writable_with_options(&options)).await?;
    let written = async {
        let old = size(&old);
        let at = at.unwrap_or(old);
        if at > old {
            wait::<JsValue>(stream.truncate_with_f64(at as f64)?).await?;
        }
        wait::<JsValue>(stream.seek_with_f64(at as f64)?).await?;
        put(&stream, body).await
    };
    let written = written.await;
    finish(&stream, written).await
}

/// What a browser throws that has no room and says so.
fn no_room() -> JsValue {
    let error = js_sys::Error::new("the browser wrote nothing");
    error.set_name("QuotaExceededError");
    error.into()
}

/// Changes the file itself. Where that fails in the middle, it is cut back to what it was; bytes that were
/// overwritten stay so.
pub(in crate::devices) async fn in_place(
    file: &FileSystemFileHandle,
    at: Option<u64>,
    body: &[u8],
) -> Result<(), JsValue> {
    let handle: FileSystemSyncAccessHandle = wait(file.create_sync_access_handle()).await?;
    let written = || -> Result<(), JsValue> {
        let old = handle.get_size()?;
        let at = at.map_or(old, |at| at as f64);
        let mut done = 0;
        while done < body.len() {
            let options = FileSystemReadWriteOptions::new();
            options.set_at_f64(at + done as f64);
            match handle.write_with_u8_array_and_options(&body[done..], &options) {
                // In a private window Chrome says that there is no room by a count of about 2^32.
                Ok(n) if n > 0.0 && n <= (body.len() - done) as f64 => done += n as usize,
                refused => {
                    let _ = handle.truncate_with_f64(old);
                    return refused.and(Err(no_room()));
                }
            }
        }
        handle.flush()
    };
    let written = written();
    handle.close();
    written
}
