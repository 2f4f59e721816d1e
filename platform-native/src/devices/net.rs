//! TCP connections: which address a name has, whether it may be connected to, and connecting.
//!
//! A grant for a name is not a grant for whatever the name resolves to: addresses of this machine and of
//! private networks need a grant of their own, or a name server could open them. The address that was
//! checked is the address that is connected to; the name is not resolved a second time.

use kernel_core::path::AddressClass;
use kernel_core::platform::DeviceError;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(10);

/// How long one address may take to connect.
const CONNECT: Duration = Duration::from_secs(10);

/// How many names are looked up at once. A lookup whose asker has given up goes on until the system's own
/// resolver ends it, and keeps a thread for that long.
pub(super) const LOOKUPS: usize = 16;

/// Names that mean something on this machine alone.
const HOSTS: &str = "/etc/hosts";

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// The class of `address` on this machine: what [`AddressClass::of`] says, and that one of its own interfaces has it.
/// Asks the operating system, without waiting.
pub(super) fn here(address: IpAddr) -> AddressClass {
    match AddressClass::of(address) {
        AddressClass::Public if is_own(address) => AddressClass::Own,
        class => class,
    }
}

/// Whether this machine has `address`: only then something can be bound to it. Where that cannot be told, it has.
fn is_own(address: IpAddr) -> bool {
    use io::ErrorKind::{AddrNotAvailable, Unsupported};
    match UdpSocket::bind((address, 0)) {
        Ok(_) => true,
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) => false,
        Err(e) => !matches!(e.kind(), AddrNotAvailable | Unsupported),
    }
}

/// A connection, and the address that it was made to.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    pub(super) address: IpAddr,
}

/// Connects to the first address of `host` that may be and can be connected to.
pub(super) async fn connect(
    runtime: &Handle,
    lookups: Arc<Semaphore>,
    host: &str,
    port: u16,
    private: bool,
) -> Result<Connection, DeviceError> {
    let named = format!("{host}:{port}");
    // Timers and sockets belong to a runtime, and whoever polls this may be outside of it.
    let (host, name) = (host.to_owned(), named.clone());
    let work = runtime.spawn(async move {
        let addresses = allowed(&name, &resolve(lookups, &host, port, &name).await?, private)?;
        first(&name, &addresses).await
    });
    let mut work = AbortOnDrop(work);
    match (&mut work.0).await {
        Ok(result) => result,
        Err(e) => Err(DeviceError::Io { doing: format!("connecting to {named}"), source: Box::new(e) }),
    }
}

/// A task that ends when whoever waits for it gives up.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn resolve(lookups: Arc<Semaphore>, host: &str, port: u16, named: &str) -> Result<Vec<SocketAddr>, DeviceError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failed = |source: io::Error| DeviceError::Io { doing: format!("resolving {named}"), source: Box::new(source) };
    let bare = bare.to_owned();
    let lookup = async {
        let turn = lookups.acquire_owned().await.map_err(io::Error::other)?;
        let found = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let hosts = std::fs::read_to_string(HOSTS).unwrap_or_default();
            (absolute(&bare, &hosts), port).to_socket_addrs()
        });
        found.await.map_err(io::Error::other)?
    };
    let found = timeout(RESOLVE, lookup).await.unwrap_or_else(|_| Err(too_slow(RESOLVE))).map_err(failed)?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// The name as the resolver takes it for this name and no other: with a dot behind it, so that the search
/// domains of this machine do not make another one of it. What this machine itself calls so, in its file of
/// `hosts` or by RFC 6761, has no dot.
fn absolute(name: &str, hosts: &str) -> String {
    let is_local = name == "localhost" || name.ends_with(".localhost") || name.ends_with('.');
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut names = lines.flat_map(|line| line.split_ascii_whitespace().skip(1));
    if is_local || names.any(|known| known.eq_ignore_ascii_case(name)) { name.to_owned() } else { format!("{name}.") }
}

/// The addresses that may be connected to, or why none may.
fn allowed(named: &str, found: &[SocketAddr], private: bool) -> Result<Vec<SocketAddr>, DeviceError> {
    let may = |address: &&SocketAddr| match here(address.ip()) {
        AddressClass::Public => true,
        AddressClass::Multicast => false,
        _ => private,
    };
    let may: Vec<SocketAddr> = found.iter().filter(may).take(MAX_ADDRESSES).copied().collect();
    match (may.is_empty(), found.first()) {
        (false, _) => Ok(may),
        (true, None) => Err(DeviceError::NotFound(format!("an address for {named}"))),
        (true, Some(address)) => {
            let class = here(address.ip());
            let why = if class == AddressClass::Multicast {
                "which cannot be connected to"
            } else {
                "which needs a grant that names the address itself"
            };
            Err(DeviceError::Forbidden(format!("{named} resolves to {}, {}, {why}", address.ip(), class.phrase())))
        }
    }
}

/// Connects to the first of `addresses` that answers.
async fn first(named: &str, addresses: &[SocketAddr]) -> Result<Connection, DeviceError> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => {
                // Messages are small and someone waits for each.
                let _ = socket.set_nodelay(true);
                return Ok(Connection { socket, address: address.ip() });
            }
            Ok(Err(e)) => last = io::Error::new(e.kind(), format!("{}: {e}", address.ip())),
            Err(_) => last = too_slow(CONNECT),
        }
    }
    Err(DeviceError::Io { doing: format!("connecting to {named}"), source: Box::new(last) })
}

fn too_slow(limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_can_bind_is_its_own() {
        assert!(is_own("127.0.0.1".parse().unwrap()));
        for other in ["8.8.8.8", "203.0.113.7", "2606:4700::1111"] {
            assert!(!is_own(other.parse().unwrap()), "{other}");
        }
        assert_eq!(here("8.8.8.8".parse().unwrap()), AddressClass::Public);
        assert_eq!(here("127.0.0.1".parse().unwrap()), AddressClass::Loopback);
    }

    #[test]
    fn no_name_is_made_another_by_a_search_domain() {
        let hosts = "127.0.0.1 localhost\n10.0.0.7\tbox box.lan # and-not-this\n# 1.2.3.4 commented\n";
        for (name, expected) in [
            ("example.com", "example.com."),
            ("redis", "redis."),
            ("box", "box"),
            ("BOX.lan", "BOX.lan"),
            ("and-not-this", "and-not-this."),
            ("commented", "commented."),
            ("localhost", "localhost"),
            ("a.localhost", "a.localhost"),
            ("example.com.", "example.com."),
        ] {
            assert_eq!(absolute(name, hosts), expected);
        }
    }

    #[tokio::test]
    async fn lookups_that_nobody_waits_for_do_not_pile_up() {
        let lookups = Arc::new(Semaphore::new(1));
        let turn = lookups.clone().acquire_owned().await.unwrap();
        let name = resolve(lookups.clone(), "localhost", 1, "localhost:1");
        assert!(timeout(Duration::from_millis(50), name).await.is_err(), "another one is being looked up");
        let address = resolve(lookups.clone(), "127.0.0.1", 1, "127.0.0.1:1").await.unwrap();
        assert_eq!(address, ["127.0.0.1:1".parse().unwrap()], "an address needs no lookup");
        drop(turn);
        assert!(!resolve(lookups, "localhost", 1, "localhost:1").await.unwrap().is_empty());
    }

    #[test]
    fn only_public_addresses_are_left_without_a_private_grant() {
        let all: Vec<SocketAddr> =
            ["10.0.0.1:1", "8.8.8.8:1", "[::1]:1", "224.0.0.1:1"].iter().map(|a| a.parse().unwrap()).collect();
        assert_eq!(allowed("h:1", &all, false).unwrap(), [all[1]]);
        assert_eq!(allowed("h:1", &all, true).unwrap(), all[..3]);
        let refused = allowed("h:1", &all[..1], false).unwrap_err().to_string();
        assert_eq!(
            refused,
            "h:1 resolves to 10.0.0.1, a private address, which needs a grant that names the address itself"
        );
        assert!(matches!(allowed("h:1", &all[3..], true), Err(DeviceError::Forbidden(_))));
        assert!(matches!(allowed("h:1", &[], true), Err(DeviceError::NotFound(_))));
    }
}
