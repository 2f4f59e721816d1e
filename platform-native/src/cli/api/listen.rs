//! What is listened on: Unix sockets that only their owner reaches, and TCP addresses that a token opens.
//!
//! A socket lies in a folder of mode 0700 and has mode 0600, and whoever connects has to be who runs the kernel. One
//! that a dead kernel left behind is replaced. One that somebody answers at, or whose lock another kernel holds, is
//! left alone.

use super::door::Door;
use super::token::Token;
use crate::cli::address::{Address, SocketPath, authority};
use crate::cli::exit::{Exit, Failure, HELD};
use crate::cli::text::shown;
use crate::data_dir::regular;
use rustix::process::geteuid;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// How long whoever may answer at a socket is waited for.
const ANSWER: Duration = Duration::from_secs(1);

/// One place that is listened on, and who may come in there.
pub(crate) struct Listener {
    /// Where, with the port that was taken.
    pub(crate) address: Address,
    pub(super) door: Arc<Door>,
    pub(super) socket: Socket,
    _file: Option<SocketFile>,
}

pub(super) enum Socket {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// A connection.
pub(super) enum Peer {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    pub(super) async fn accept(&self) -> io::Result<Peer> {
        match self {
            Socket::Unix(listener) => listener.accept().await.map(|(stream, _)| Peer::Unix(stream)),
            Socket::Tcp(listener) => listener.accept().await.map(|(stream, _)| Peer::Tcp(stream)),
        }
    }
}

/// A socket in the file system, removed when it is not listened on any more.
struct SocketFile {
    path: PathBuf,
    /// Held as long as it is ours.
    _lock: File,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The lock is still held, so it is nobody else's.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Listener {
    /// Listens on a Unix socket.
    ///
    /// # Errors
    /// When somebody else has it, or when others could reach it.
    pub(crate) async fn unix(path: &Path) -> Result<Listener, Failure> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let address = Address::Unix(path.clone());
        let failed = |what: &str, e: io::Error| cannot(&address, &format!("{what}: {e}"));
        let folder = path.parent().ok_or_else(|| cannot(&address, "it has no folder"))?;
        private(folder).map_err(|why| cannot(&address, &why))?;
        let lock = lock(&path).map_err(|e| failed("its lock cannot be taken", e))?;
        let Some(lock) = lock else { return Err(held(&address, "another kernel listens there")) };
        let place = SocketPath::of(&path).map_err(|e| failed("its folder cannot be opened", e))?;
        clear(&path, &place, &address).await?;
        let listener = UnixListener::bind(place.path()).map_err(|e| failed("it cannot be made", e))?;
        let file = SocketFile { path: path.clone(), _lock: lock };
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))
            .map_err(|e| failed("it cannot be closed to others", e))?;
        Ok(Listener { address, door: Arc::new(Door::owner()), socket: Socket::Unix(listener), _file: Some(file) })
    }

    /// Listens on a TCP address.
    ///
    /// # Errors
    /// When it cannot be had, or is every address of this machine.
    pub(crate) async fn tcp(host: &str, port: u16, token: Token) -> Result<Listener, Failure> {
        let asked = Address::Tcp { host: host.to_owned(), port };
        let listener = TcpListener::bind((host, port)).await.map_err(|e| cannot(&asked, &e.to_string()))?;
        let bound = listener.local_addr().map_err(|e| cannot(&asked, &e.to_string()))?;
        if bound.ip().is_unspecified() {
            return Err(Failure::usage(format!("{asked} is every address of this machine"))
                .help("name the one that is meant, as in tcp:127.0.0.1:7777"));
        }
        let port = bound.port();
        let mut names = vec![authority(host, port), authority(&bound.ip().to_string(), port)];
        if bound.ip().is_loopback() {
            names.push(authority("localhost", port));
        }
        let address = Address::Tcp { host: host.to_owned(), port };
        Ok(Listener { address, door: Arc::new(Door::token(token, names)), socket: Socket::Tcp(listener), _file: None })
    }

    /// Whether what is said there can be read on the way.
    pub(crate) fn is_open(&self) -> bool {
        let Socket::Tcp(listener) = &self.socket else { return false };
        !listener.local_addr().is_ok_and(|address| address.ip().is_loopback())
    }
}

fn cannot(address: &Address, why: &str) -> Failure {
    Failure::new(Exit::Usage, "listen", format!("{address} cannot be listened on: {why}"))
        .help("name another one: --listen unix:PATH or --listen tcp:HOST:PORT")
}

fn held(address: &Address, why: &str) -> Failure {
    Failure { code: HELD, ..cannot(address, why) }
}

/// Makes the folder of a socket, or refuses one that others could reach into.
fn private(folder: &Path) -> Result<(), String> {
    let shown = shown(folder);
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            return Err(format!("the folder {shown} cannot be made: {e}"));
        }
        _ => {}
    }
    let meta = folder.symlink_metadata().map_err(|e| format!("the folder {shown} cannot be looked at: {e}"))?;
    if !meta.is_dir() {
        return Err(format!("{shown} is not a folder"));
    }
    if meta.uid() != geteuid().as_raw() {
        return Err(format!("the folder {shown} belongs to user {}", meta.uid()));
    }
    match meta.mode() & 0o077 {
        0 => Ok(()),
        _ => Err(format!(
            "others may use the folder {shown} (mode {:03o}); make one for it, or run `chmod 700` on it",
            meta.mode() & 0o777
        )),
    }
}

/// The lock of the socket at `path`; `None` where another kernel has it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let file = regular(OpenOptions::new().write(true).create(true).truncate(false), &path.with_file_name(name))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(e)) => Err(e),
    }
}

/// Takes away what a dead kernel left at `path`, and nothing else.
async fn clear(path: &Path, place: &SocketPath, address: &Address) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(cannot(address, &format!("it cannot be looked at: {e}"))),
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(cannot(address, "there is something else than a socket"));
        }
        Ok(_) => {}
    }
    match tokio::time::timeout(ANSWER, UnixStream::connect(place.path())).await {
        Ok(Err(e)) if e.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|e| cannot(address, &format!("the old socket cannot be removed: {e}")))
        }
        Ok(Err(e)) => Err(cannot(address, &format!("nobody knows who has it: {e}"))),
        Ok(Ok(_)) | Err(_) => Err(held(address, "somebody answers there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    async fn refused(path: &Path) -> Failure {
        Listener::unix(path).await.map(drop).unwrap_err()
    }

    #[tokio::test]
    async fn a_socket_is_its_owners_alone_and_goes_when_nobody_listens() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("run/api.sock");
        let listener = Listener::unix(&path).await.unwrap();
        assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
        let second = refused(&path).await;
        assert!(second.code == HELD && second.message.contains("another kernel listens there"), "{second:?}");
        assert!(path.exists());
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_living_one_or_anything_else_is_not() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("run/x.sock");
        private(path.parent().unwrap()).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Listener::unix(&path).await.unwrap());
        let living = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(refused(&path).await.message.contains("somebody answers there"));
        assert!(path.exists());
        drop(living);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "a file").unwrap();
        assert!(refused(&path).await.message.contains("something else than a socket"));
        assert_eq!(std::fs::read(&path).unwrap(), b"a file");
    }

    #[tokio::test]
    async fn a_folder_that_others_may_use_is_refused() {
        let tmp = tempfile::tempdir().unwrap();
        let folder = tmp.path().join("shared");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        assert!(refused(&folder.join("x.sock")).await.message.contains("mode 755"));
        assert!(refused(&tmp.path().join("none/deeper/x.sock")).await.message.contains("cannot be made"));
    }

    #[tokio::test]
    async fn every_address_of_a_machine_is_none() {
        let tmp = tempfile::tempdir().unwrap();
        let token = || Token::of(tmp.path()).unwrap();
        assert!(Listener::tcp("0.0.0.0", 0, token()).await.map(drop).unwrap_err().message.contains("every address"));
        let listener = Listener::tcp("127.0.0.1", 0, token()).await.unwrap();
        assert!(!listener.is_open());
        let Address::Tcp { port, .. } = listener.address else { panic!("not TCP") };
        let second = Listener::tcp("127.0.0.1", port, token()).await.map(drop).unwrap_err();
        assert!(second.message.contains("cannot be listened on"), "{second:?}");
    }
}
