//! What opens a TCP address: a bearer token in a file of the data directory that only its owner may read.
//!
//! It is made at the first need and stays; whoever removes the file while no kernel runs gets another one at the next
//! start. It is compared in constant time, and stands in no log, error or command line.

use crate::cli::exit::{Exit, Failure};
use crate::cli::text::shown;
use crate::data_dir::{regular, sync_folder};
use kernel_core::codec::hex;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use subtle::ConstantTimeEq;

/// The file of the token.
pub(crate) const TOKEN: &str = "api.token";

/// The most bytes of the file.
const MOST: u64 = 1_024;

/// The fewest characters of a token: 128 bits in hexadecimal digits.
const FEWEST: usize = 32;

/// A token, as the hash of it.
#[derive(Clone)]
pub(crate) struct Token([u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The token of the data directory `data_dir`, which is made if there is none.
    ///
    /// # Errors
    /// When it cannot be read or made, or when others may read it.
    pub(crate) fn of(data_dir: &Path) -> Result<Token, Failure> {
        let path = data_dir.join(TOKEN);
        match read(&path) {
            Ok(text) => Ok(Token(Sha256::digest(text).into())),
            Err(Unread::None) => {
                make(data_dir, &path).map_err(|e| unusable(&path, &format!("cannot be made: {e}")))?;
                read(&path).map(|text| Token(Sha256::digest(text).into())).map_err(|unread| unread.at(&path))
            }
            Err(unread) => Err(unread.at(&path)),
        }
    }

    /// Whether `given` is it. What is compared are hashes, in constant time.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.ct_eq(&given).into()
    }
}

/// The text of the token in the file at `path`, to be sent.
///
/// # Errors
/// When there is none, or it is none to be used.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    read(path).map_err(|unread| unread.at(path))
}

enum Unread {
    None,
    Exposed(u32),
    Malformed,
    Io(io::Error),
}

impl Unread {
    fn at(&self, path: &Path) -> Failure {
        match self {
            Unread::None => unusable(path, "does not exist"),
            Unread::Exposed(mode) => unusable(
                path,
                &format!("may be read or changed by others (mode {mode:03o}); if nobody did, run `chmod 600` on it"),
            ),
            Unread::Malformed => {
                unusable(path, &format!("does not hold one line of {FEWEST} or more letters and digits"))
            }
            Unread::Io(e) => unusable(path, &format!("cannot be read: {e}")),
        }
    }
}

fn unusable(path: &Path, what: &str) -> Failure {
    let message = format!("the token of the API, {}, {what}", shown(path));
    Failure::new(Exit::Usage, "token", message)
        .help("a kernel that listens on TCP makes it in its data directory; name another one: --token-file FILE")
}

fn read(path: &Path) -> Result<String, Unread> {
    let file = match regular(OpenOptions::new().read(true), path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Unread::None),
        Err(e) => return Err(Unread::Io(e)),
    };
    let mode = file.metadata().map_err(Unread::Io)?.mode();
    if mode & 0o177 != 0 {
        return Err(Unread::Exposed(mode & 0o777));
    }
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).map_err(|_| Unread::Malformed)?;
    let token = text.trim_end_matches('\n');
    let fits = token.len() >= FEWEST && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
    if fits { Ok(token.to_owned()) } else { Err(Unread::Malformed) }
}

fn make(data_dir: &Path, path: &Path) -> io::Result<()> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let fresh = data_dir.join("api.token.new");
    match std::fs::remove_file(&fresh) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = regular(OpenOptions::new().write(true).create_new(true), &fresh)?;
    file.write_all(format!("{}\n", hex(&random)).as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    sync_folder(data_dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_made_once_and_nobody_else_may_read_it() {
        let tmp = tempfile::tempdir().unwrap();
        let token = Token::of(tmp.path()).unwrap();
        let path = tmp.path().join(TOKEN);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let written = text(&path).unwrap();
        assert_eq!(written.len(), 64);
        assert!(token.is(written.as_bytes()) && Token::of(tmp.path()).unwrap().is(written.as_bytes()));
        for wrong in ["", &written[1..], &written.to_uppercase(), &format!("{written}0")] {
            assert!(!token.is(wrong.as_bytes()), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Token::of(tmp.path()).unwrap_err().message.contains("mode 640"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "short\n").unwrap();
        let failure = Token::of(tmp.path()).unwrap_err();
        assert!(failure.message.contains("does not hold one line") && !failure.message.contains("short"));
    }
}
