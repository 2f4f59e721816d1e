//! A data directory that is written beside the place that it is for, verified there and renamed: it is there as a whole
//! or not at all.

use crate::DataDir;
use crate::cli::ahead::Ahead;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::{Progress, Terminal};
use crate::cli::text::{self, count, counted, shown};
use crate::data_dir::{keep_text, no_room, sync_folder};
use crate::keys::{FileKeys, LOG_KEY};
use crate::storage::RedbStorage;
use bytes::Bytes;
use kernel_core::chain::{Checkpoint, VerifierKey};
use kernel_core::codec::hex;
use kernel_core::kernel::{log_key, opening, verify};
use kernel_core::platform::{Batch, Key, KeyPurpose, Keys, Storage, StorageError};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many bytes of rows are committed at once.
const BATCH: usize = 8 << 20;

/// One under way. Dropped before it is in its place, it leaves nothing.
pub(super) struct Copy {
    to: PathBuf,
    beside: PathBuf,
    dir: Arc<DataDir>,
    storage: Option<Ahead<RedbStorage>>,
    pending: Vec<(Key, Option<Bytes>)>,
    pending_bytes: usize,
    digest: Sha256,
    rows: u64,
    bytes: u64,
    placed: bool,
    progress: Progress,
}

/// What was found in it.
pub(super) struct Verified {
    pub(super) events: u64,
    pub(super) root: String,
    pub(super) signed: u64,
    pub(super) checkpoint: String,
}

impl Copy {
    /// Begins one that is for `to`, which is not there or an empty folder.
    pub(super) fn begin(to: &Path, terminal: Terminal) -> Result<Copy, Failure> {
        let absolute = std::path::absolute(to).unwrap_or_else(|_| to.to_owned());
        let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(Failure::usage(format!("{} is no place for a directory", shown(to))));
        };
        if !folder.is_dir() {
            return Err(Failure::usage(format!("the folder {} does not exist", shown(folder))).help("make it first"));
        }
        // A name that nobody else has, and a folder that was not there: nothing of anybody else's is touched, and nothing but
        // what was made here is taken away.
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|e| Failure::usage(format!("this machine gives no random numbers: {e}")))?;
        let mut part = OsString::from(".");
        part.push(name);
        part.push(format!(".{}.part", hex(&random)));
        let beside = folder.join(part);
        DirBuilder::new().mode(0o700).create(&beside).map_err(|e| unwritten(&beside, &e))?;
        let dir = Arc::new(DataDir::open(&beside).map_err(in_use)?);
        let mut copy = Copy {
            to: absolute,
            beside,
            dir,
            storage: None,
            pending: Vec::new(),
            pending_bytes: 0,
            digest: Sha256::new(),
            rows: 0,
            bytes: 0,
            placed: false,
            progress: Progress::new(terminal),
        };
        copy.storage = Some(Ahead::of(RedbStorage::open(&copy.dir, false, tokio::runtime::Handle::current())?));
        Ok(copy)
    }

    /// Takes a file that lies beside the rows. Files come first, in one order.
    pub(super) fn file(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        self.count(name.as_bytes(), text.as_bytes());
        self.note(name, text)
    }

    /// Takes a row; they come in order.
    pub(super) async fn row(&mut self, key: Bytes, value: Bytes) -> Result<(), Failure> {
        self.count(&key, &value);
        self.rows += 1;
        self.pending_bytes += key.len() + value.len();
        self.bytes += (key.len() + value.len()) as u64;
        self.pending.push((key, Some(value)));
        if self.pending_bytes >= BATCH {
            self.flush().await?;
        }
        Ok(())
    }

    /// Puts what is said of it beside it, which is no part of what was copied.
    pub(super) fn note(&self, name: &str, text: &str) -> Result<(), Failure> {
        keep_text(&self.beside, name, text).map_err(|e| unwritten(&self.beside.join(name), &e))
    }

    /// Puts the key that signs the log of `key` into it.
    pub(super) async fn key(&self, signing: &str, key: &VerifierKey) -> Result<(), Failure> {
        self.note(LOG_KEY, signing)?;
        let public = FileKeys::new(self.dir.clone()).public(KeyPurpose::Log).await;
        let own = public.map_err(crate::cli::exit::of_key)?;
        if log_key(own) == *key {
            return Ok(());
        }
        let message = format!("{LOG_KEY} is not the key that signed this log");
        Err(Failure::new(Exit::Integrity, "key_untrusted", message).help("keep both as evidence: one was replaced"))
    }

    /// Verifies all that was copied, also against `checkpoint`.
    pub(super) async fn verified(
        &mut self,
        key: &VerifierKey,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Verified, Failure> {
        self.flush().await?;
        let mut opening = opening(key);
        if let Some(checkpoint) = checkpoint {
            opening = opening.against(checkpoint)?;
        }
        let storage = self.storage.as_ref().ok_or_else(|| Failure::usage("it was placed already"))?;
        let progress = &mut self.progress;
        let told = |read, of| progress.tell(|| format!("verified {} of {}", count(read), counted(of, "event")));
        let opened = verify(storage, opening, told).await?.opened;
        let log = opened.log;
        if log.size() == 0 {
            return Err(Failure::usage("there is no log in it: no kernel has been there yet"));
        }
        let checkpoint = log.signed().unwrap_or_default().to_owned();
        Ok(Verified { events: log.size(), root: log.root().to_base64(), signed: opened.signed, checkpoint })
    }

    /// How many rows were copied.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// How many bytes they have.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 over all that was copied, in hexadecimal.
    pub(super) fn digest(&self) -> String {
        hex(&self.digest.clone().finalize())
    }

    /// Moves it to its place.
    pub(super) fn place(mut self) -> Result<(), Failure> {
        // Closed in order, so that it need not be repaired where nothing can be written.
        self.storage = None;
        let folder = self.to.parent().unwrap_or(Path::new("/")).to_owned();
        sync_folder(&self.beside)
            .and_then(|()| std::fs::rename(&self.beside, &self.to))
            .and_then(|()| sync_folder(&folder))
            .map_err(|e| unwritten(&self.to, &e))?;
        self.placed = true;
        Ok(())
    }

    /// Lengths go before what they are of, so that no two copies are one row of bytes.
    fn count(&mut self, key: &[u8], value: &[u8]) {
        for part in [key, value] {
            self.digest.update((part.len() as u64).to_be_bytes());
            self.digest.update(part);
        }
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        self.pending_bytes = 0;
        let changes = std::mem::take(&mut self.pending);
        if let Some(storage) = &self.storage {
            storage.commit(Batch { changes }).await?;
        }
        let (rows, bytes) = (self.rows, self.bytes);
        self.progress.tell(|| format!("{}, {}", counted(rows, "row"), text::bytes(bytes)));
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.placed {
            self.storage = None;
            let _ = std::fs::remove_dir_all(&self.beside);
        }
    }
}

fn in_use(error: StorageError) -> Failure {
    match error {
        StorageError::Held { .. } => Failure::from(error).help("wait until that has ended, or name another place"),
        other => other.into(),
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    if no_room(error) {
        return StorageError::Full { place: path.display().to_string() }.into();
    }
    Failure::usage(format!("{} cannot be written: {error}", shown(path))).help("name a place that you may write to")
}
