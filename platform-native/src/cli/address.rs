//! Where a kernel listens, and where it is looked for.
//!
//! `unix:PATH` or a path is a Unix socket, `tcp:HOST:PORT` a TCP address. A kernel always listens on the socket of its
//! data directory, so that whoever knows the directory finds it. The addresses of Unix sockets are short; a longer
//! path is reached by a handle on its folder.

use crate::cli::text::shown;
use rustix::fs::{Mode, OFlags};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The folder of what only runs: made with mode 0700.
const FOLDER: &str = "run";

/// The socket in it.
const SOCKET: &str = "api.sock";

/// The most bytes of the path of a socket that the operating system takes, of its 108 one for the end.
const LONGEST: usize = 107;

/// One place to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// A name or an IP address, without brackets, and a port.
    Tcp {
        /// The host.
        host: String,
        /// The port; 0 takes any that is free.
        port: u16,
    },
}

impl Address {
    /// As it is written on a command line.
    pub(crate) fn parse(text: OsString) -> Result<Address, String> {
        let bytes = text.into_vec();
        if let Some(rest) = bytes.strip_prefix(b"tcp:") {
            let form = "a TCP address is given as tcp:HOST:PORT, as in tcp:127.0.0.1:7777";
            let rest = std::str::from_utf8(rest).map_err(|_| form)?;
            return tcp(rest).ok_or_else(|| form.to_owned());
        }
        let path = bytes.strip_prefix(b"unix:").unwrap_or(&bytes);
        if path.is_empty() || path.contains(&0) {
            return Err("an address is given as unix:PATH or as tcp:HOST:PORT".to_owned());
        }
        let named = path.len() < bytes.len() || path.contains(&b'/');
        match std::str::from_utf8(path) {
            Ok(text) if !named && tcp(text).is_some() => {
                Err(format!("is it a TCP address or a file? Write tcp:{text} or unix:{text}"))
            }
            _ => Ok(Address::Unix(PathBuf::from(OsString::from_vec(path.to_vec())))),
        }
    }

    /// The socket of the data directory `data_dir`.
    pub(crate) fn of(data_dir: &Path) -> Address {
        Address::Unix(data_dir.join(FOLDER).join(SOCKET))
    }
}

fn tcp(text: &str) -> Option<Address> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|_| port.bytes().all(|b| b.is_ascii_digit()))?;
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|inner| inner.contains(':'))?,
        None => Some(host).filter(|host| !host.contains(':'))?,
    };
    let fits = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:%".contains(&b));
    fits.then(|| Address::Tcp { host: bare.to_ascii_lowercase(), port })
}

/// A host and a port as they are written in `Host` and in URLs.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{}", shown(path)),
            Address::Tcp { host, port } => write!(f, "tcp:{}", authority(host, *port)),
        }
    }
}

/// A path that the operating system takes for a socket, and what has to be kept until it was used.
pub(crate) struct SocketPath {
    path: PathBuf,
    _folder: Option<OwnedFd>,
}

impl SocketPath {
    /// For the socket at `path`, whose folder exists.
    ///
    /// # Errors
    /// When the path is too long and its folder cannot be opened.
    pub(crate) fn of(path: &Path) -> io::Result<SocketPath> {
        if path.as_os_str().as_bytes().len() <= LONGEST {
            return Ok(SocketPath { path: path.to_owned(), _folder: None });
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(folder, flags, Mode::empty())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd())).join(name);
        Ok(SocketPath { path, _folder: Some(handle) })
    }

    /// The path to bind or to connect to.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        Address::parse(text.into()).map(|address| address.to_string())
    }

    #[test]
    fn addresses_are_paths_or_say_that_they_are_tcp() {
        for (text, expected) in [
            ("x.sock", "unix:x.sock"),
            ("/run/x:80", "unix:/run/x:80"),
            ("unix:a:1", "unix:a:1"),
            ("tcp:LocalHost:80", "tcp:localhost:80"),
            ("tcp:127.0.0.1:0", "tcp:127.0.0.1:0"),
            ("tcp:[::1]:80", "tcp:[::1]:80"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(expected));
        }
        for wrong in [
            "",
            "unix:",
            "tcp:",
            "tcp:80",
            "tcp::80",
            "tcp:a",
            "tcp:a:",
            "tcp:a:+1",
            "tcp:a:99999",
            "tcp:::1:80",
            "tcp:a/b:1",
            "a:80",
            "127.0.0.1:80",
            "[::1]:80",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_socket_is_reached_however_long_its_path_is() {
        let tmp = tempfile::tempdir().unwrap();
        let folder = tmp.path().join("x".repeat(100)).join("y".repeat(100));
        std::fs::create_dir_all(&folder).unwrap();
        let long = folder.join("api.sock");
        let place = SocketPath::of(&long).unwrap();
        let listener = std::os::unix::net::UnixListener::bind(place.path()).unwrap();
        drop(place);
        assert!(long.exists());
        std::os::unix::net::UnixStream::connect(SocketPath::of(&long).unwrap().path()).unwrap();
        drop(listener);
    }
}
