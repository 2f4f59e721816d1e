//! Compiled code on disk, so that a component is compiled once on a machine.
//!
//! A file is named by the component's hash and by a hash of everything that the code depends on (the
//! engine's version, settings and processor, and the version of the fuel meter). It starts with a SHA-256 over both and the rest, so that a
//! file that was cut, mixed up or hit by a bad disk is compiled anew instead of run. The directory has
//! mode 0700 and must belong to who runs this: whoever could write there could run code in the host.

use kernel_core::codec::hex;
use kernel_core::meter;
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use wasmtime::Engine;
use wasmtime::component::Component;

/// The first bytes of a file: what it is, and its version.
const MAGIC: &[u8; 12] = b"weft-code-2\n";

/// The most bytes that are kept; the files that were made first go first.
const MAX_BYTES: u64 = 1 << 30;

/// A component as machine code.
pub(super) struct Compiled {
    pub(super) component: Component,
    /// Bytes that an instance of it has beside memories and tables: the first 8 bytes of what is kept, big-endian.
    pub(super) state: u64,
}

/// A directory of compiled code.
#[derive(Clone, Debug)]
pub(super) struct CodeCache {
    dir: Arc<PathBuf>,
    engine: [u8; 16],
    temporary: Arc<AtomicU64>,
}

impl CodeCache {
    /// Opens or makes the directory; refuses one that others may write to.
    pub(super) fn open(dir: &Path, engine: &Engine) -> io::Result<CodeCache> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let meta = std::fs::symlink_metadata(dir)?;
        let mine = meta.uid() == rustix::process::geteuid().as_raw();
        if !meta.is_dir() || meta.mode() & 0o077 != 0 || !mine {
            let why = "must be a directory of its owner alone (mode 0700)";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} {why}", dir.display())));
        }
        let mut hash = HashBytes(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hash);
        meter::VERSION.hash(&mut hash);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.0.finalize()[..16]);
        Ok(CodeCache { dir: Arc::new(dir.to_owned()), engine: id, temporary: Arc::default() })
    }

    /// The component `hash`, if its code is here and whole.
    #[allow(unsafe_code)]
    pub(super) fn load(&self, engine: &Engine, hash: &[u8; 32]) -> Option<Compiled> {
        let path = self.path(hash);
        let file = std::fs::read(&path).ok()?;
        let (state, code) = self.open_file(hash, &file)?.split_first_chunk()?;
        // SAFETY: `deserialize` runs what it is given as machine code, so the bytes must be what
        // `Component::serialize` made, for this engine.
        // - Only `store` writes here, and it writes what `serialize` returned, behind 8 bytes. No one but the
        //   owner can write into the directory: `open` checked that it is the owner's with mode 0700, and
        //   the data directory around it is refused if others may write to that.
        // - The digest, just checked over the very bytes that are handed on, ties them to this component
        //   and to the compatibility hash of this engine, so a file that was cut short, altered by
        //   accident, renamed or made by another version is not run.
        // - The bytes are in memory of ours and are copied: a later change of the file changes nothing.
        match unsafe { Component::deserialize(engine, code) } {
            Ok(component) => Some(Compiled { component, state: u64::from_be_bytes(*state) }),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "compiled code is not used");
                None
            }
        }
    }

    /// Keeps the code of a component. A failure costs a compilation later and nothing else.
    pub(super) fn store(&self, hash: &[u8; 32], compiled: &Compiled) {
        let code = compiled.component.serialize().map_err(io::Error::other);
        let kept = code.and_then(|code| self.write(hash, &[&compiled.state.to_be_bytes()[..], &code].concat()));
        if let Err(error) = kept.and_then(|()| self.prune()) {
            tracing::warn!(dir = %self.dir.display(), %error, "compiled code was not kept");
        }
    }

    fn write(&self, hash: &[u8; 32], code: &[u8]) -> io::Result<()> {
        let n = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.dir.join(format!("new-{}-{n}", std::process::id()));
        let written = (|| {
            let _ = std::fs::remove_file(&temporary);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
            file.write_all(MAGIC)?;
            file.write_all(&self.digest(hash, code))?;
            file.write_all(code)?;
            file.sync_data()?;
            std::fs::rename(&temporary, self.path(hash))
        })();
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }

    /// What is kept in a file, if the file is whole and of this component and engine.
    fn open_file<'f>(&self, hash: &[u8; 32], file: &'f [u8]) -> Option<&'f [u8]> {
        let rest = file.strip_prefix(MAGIC)?;
        let (digest, code) = rest.split_at_checked(32)?;
        (digest == self.digest(hash, code)).then_some(code)
    }

    fn digest(&self, hash: &[u8; 32], code: &[u8]) -> [u8; 32] {
        let digest = Sha256::new().chain_update(MAGIC).chain_update(hash).chain_update(self.engine);
        digest.chain_update(code).finalize().into()
    }

    fn path(&self, hash: &[u8; 32]) -> PathBuf {
        self.dir.join(format!("{}-{}", hex(hash), hex(&self.engine)))
    }

    /// Removes the oldest files until the rest is small enough.
    fn prune(&self) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&*self.dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            files.push((meta.modified()?, meta.len(), entry.path()));
        }
        let mut sum: u64 = files.iter().map(|(_, len, _)| len).sum();
        files.sort();
        for (_, len, path) in files {
            if sum <= MAX_BYTES {
                break;
            }
            std::fs::remove_file(path)?;
            sum -= len;
        }
        File::open(&*self.dir)?.sync_all()
    }
}

/// Hashes by SHA-256 whatever implements `Hash`.
struct HashBytes(Sha256);

impl Hasher for HashBytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        u64::from_le_bytes(first)
    }
}
