//! Ed25519 keys as files in the data directory that only their owner may read.
//!
//! `log.key` holds the 32-byte seed as 64 hexadecimal digits and a newline. It is written to a
//! temporary file, made durable and then linked to its name, so that there is a whole key or none, and
//! a key that is there is never replaced. One whose permissions are wider than 0600 is refused, not
//! repaired: someone may have read it.

use crate::data_dir::{DataDir, sync_folder};
use ed25519_dalek::{Signer, SigningKey};
use kernel_core::codec::hex;
use kernel_core::platform::{HostError, KeyPurpose, Keys, StorageError};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The file of the key that signs the log.
pub(crate) const LOG_KEY: &str = "log.key";

/// Why a key could not be read or made. No key was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Others may read or change it.
    #[error("the key {} may be read or changed by others (mode {mode:03o}); if nobody did, run `chmod 600` on it", path.display())]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not 64 hexadecimal digits in a regular file.
    #[error("the key {} is not a key; put back the original, without it this log cannot be continued", path.display())]
    Malformed {
        /// The key file.
        path: PathBuf,
    },
    /// The operating system says no.
    #[error("the key {} cannot be {doing}: {source}", path.display())]
    Io {
        /// The key file.
        path: PathBuf,
        /// "read" or "made".
        doing: &'static str,
        /// What it says.
        #[source]
        source: io::Error,
    },
    /// This host keeps no key for that purpose.
    #[error("this host has no key for {0:?}")]
    Purpose(KeyPurpose),
}

/// Keys in the files of a data directory.
#[derive(Debug)]
pub struct FileKeys {
    dir: Arc<DataDir>,
    log: OnceLock<SigningKey>,
}

impl FileKeys {
    /// Keys in `dir`. Nothing is read before a key is asked for.
    pub fn new(dir: Arc<DataDir>) -> FileKeys {
        FileKeys { dir, log: OnceLock::new() }
    }

    /// The key, if there is one. The file is small and used once, so it is read in place.
    fn found(&self, purpose: KeyPurpose) -> Result<Option<&SigningKey>, HostError> {
        let KeyPurpose::Log = purpose else { return Err(KeyError::Purpose(purpose).into()) };
        if let Some(key) = self.log.get() {
            return Ok(Some(key));
        }
        Ok(load(&self.dir.path().join(LOG_KEY))?.map(|key| self.log.get_or_init(|| key)))
    }

    /// The key, read or made at first use.
    fn key(&self, purpose: KeyPurpose) -> Result<&SigningKey, HostError> {
        if let Some(key) = self.found(purpose)? {
            return Ok(key);
        }
        let path = self.dir.path().join(LOG_KEY);
        let key = make(self.dir.path(), &path)?;
        Ok(self.log.get_or_init(|| key))
    }
}

impl Keys for FileKeys {
    async fn find(&self, purpose: KeyPurpose) -> Result<Option<[u8; 32]>, HostError> {
        Ok(self.found(purpose)?.map(|key| key.verifying_key().to_bytes()))
    }

    async fn public(&self, purpose: KeyPurpose) -> Result<[u8; 32], HostError> {
        Ok(self.key(purpose)?.verifying_key().to_bytes())
    }

    async fn sign(&self, purpose: KeyPurpose, message: &[u8]) -> Result<[u8; 64], HostError> {
        Ok(self.key(purpose)?.sign(message).to_bytes())
    }
}

/// The public part of the key that signs the log of the data directory `path`, also while a kernel holds that: the key
/// never changes. `None` where there is none.
///
/// # Errors
/// That the directory is not to be trusted, or that what is there is no key.
pub(crate) fn public_key(path: &Path) -> Result<Option<[u8; 32]>, StorageError> {
    let place = DataDir::trusted(path)?.join(LOG_KEY);
    let key =
        load(&place).map_err(|e| StorageError::Damaged { place: place.display().to_string(), what: e.to_string() })?;
    Ok(key.map(|key| key.verifying_key().to_bytes()))
}

fn load(path: &Path) -> Result<Option<SigningKey>, KeyError> {
    let failed = |source| KeyError::Io { path: path.to_owned(), doing: "read", source };
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(KeyError::Malformed { path: path.to_owned() });
    }
    if meta.mode() & 0o177 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode: meta.mode() & 0o777 });
    }
    let mut text = String::new();
    file.take(128).read_to_string(&mut text).map_err(failed)?;
    match unhex(text.trim_end()) {
        Some(seed) => Ok(Some(SigningKey::from_bytes(&seed))),
        None => Err(KeyError::Malformed { path: path.to_owned() }),
    }
}

fn make(dir: &Path, path: &Path) -> Result<SigningKey, KeyError> {
    let failed = |source| KeyError::Io { path: path.to_owned(), doing: "made", source };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| failed(io::Error::other(e)))?;
    let fresh = dir.join("log.key.new");
    // What a crash left here was never anybody's key.
    match std::fs::remove_file(&fresh) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(failed)?;
    let made = file
        .write_all(format!("{}\n", hex(&seed)).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&fresh, path));
    let removed = std::fs::remove_file(&fresh);
    made.and(removed).and_then(|()| sync_folder(dir)).map_err(failed)?;
    Ok(SigningKey::from_bytes(&seed))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |d: u8| char::from(d).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signature, VerifyingKey};
    use std::os::unix::fs::PermissionsExt;

    fn keys(path: &Path) -> FileKeys {
        FileKeys::new(Arc::new(DataDir::open(path).unwrap()))
    }

    async fn refused(path: &Path) -> KeyError {
        *keys(path).public(KeyPurpose::Log).await.unwrap_err().downcast::<KeyError>().unwrap()
    }

    #[tokio::test]
    async fn a_key_is_made_once_and_stays_and_signs() {
        let tmp = tempfile::tempdir().unwrap();
        let first = keys(tmp.path());
        assert_eq!(first.find(KeyPurpose::Log).await.unwrap(), None);
        assert!(!tmp.path().join("log.key").exists(), "looking makes no key");
        let public = first.public(KeyPurpose::Log).await.unwrap();
        let signature = first.sign(KeyPurpose::Log, b"checkpoint").await.unwrap();
        VerifyingKey::from_bytes(&public)
            .unwrap()
            .verify_strict(b"checkpoint", &Signature::from_bytes(&signature))
            .unwrap();
        drop(first);
        assert_eq!(keys(tmp.path()).public(KeyPurpose::Log).await.unwrap(), public);
        let mode = std::fs::metadata(tmp.path().join("log.key")).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert!(!tmp.path().join("log.key.new").exists());
    }

    #[tokio::test]
    async fn two_directories_have_two_keys() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (a, b) = (keys(a.path()), keys(b.path()));
        assert_ne!(a.public(KeyPurpose::Log).await.unwrap(), b.public(KeyPurpose::Log).await.unwrap());
    }

    #[tokio::test]
    async fn wider_permissions_are_refused_and_left_alone() {
        let tmp = tempfile::tempdir().unwrap();
        keys(tmp.path()).public(KeyPurpose::Log).await.unwrap();
        let path = tmp.path().join("log.key");
        for mode in [0o640, 0o604, 0o620, 0o700] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(refused(tmp.path()).await, KeyError::Exposed { mode: told, .. } if told == mode));
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[tokio::test]
    async fn what_is_not_a_key_is_refused_and_left_alone() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("log.key");
        for text in ["", "short", &"g".repeat(64), &"0".repeat(63), &"0".repeat(300)] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(refused(tmp.path()).await, KeyError::Malformed { .. }), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[tokio::test]
    async fn a_link_in_its_place_is_refused() {
        let tmp = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("k"), tmp.path().join("log.key")).unwrap();
        assert!(matches!(refused(tmp.path()).await, KeyError::Io { doing: "read", .. }));
    }

    #[tokio::test]
    async fn what_a_crash_left_half_made_is_no_key() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("log.key.new"), "12").unwrap();
        keys(tmp.path()).public(KeyPurpose::Log).await.unwrap();
        assert!(!tmp.path().join("log.key.new").exists());
    }
}
