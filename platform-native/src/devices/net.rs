//! TCP connections: which address a name has, whether it may be connected to, and connecting.
//!
//! A grant for a name is not a grant for whatever the name resolves to: addresses of this machine and of
//! private networks need a grant of their own, or a name server could open them. The address that was
//! checked is the address that is connected to; the name is not resolved a second time.

use kernel_core::path::AddressClass;
use kernel_core::platform::DeviceError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(10);

/// How long one address may take to connect.
const CONNECT: Duration = Duration::from_secs(10);

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// A connection, and the address that it was made to.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    pub(super) address: IpAddr,
}

/// Connects to the first address of `host` that may be and can be connected to.
pub(super) async fn connect(runtime: &Handle, host: &str, port: u16, private: bool) -> Result<Connection, DeviceError> {
    let named = format!("{host}:{port}");
    // Timers and sockets belong to a runtime, and whoever polls this may be outside of it.
    let (host, name) = (host.to_owned(), named.clone());
    let work = runtime.spawn(async move {
        let addresses = allowed(&name, &resolve(&host, port, &name).await?, private)?;
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

async fn resolve(host: &str, port: u16, named: &str) -> Result<Vec<SocketAddr>, DeviceError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let doing = || format!("resolving {named}");
    match timeout(RESOLVE, tokio::net::lookup_host((bare, port))).await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in found {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(addresses)
        }
        Ok(Err(source)) => Err(DeviceError::Io { doing: doing(), source: Box::new(source) }),
        Err(_) => Err(DeviceError::Io { doing: doing(), source: Box::new(too_slow(RESOLVE)) }),
    }
}

/// The addresses that may be connected to, or why none may.
fn allowed(named: &str, found: &[SocketAddr], private: bool) -> Result<Vec<SocketAddr>, DeviceError> {
    let may = |address: &&SocketAddr| match AddressClass::of(address.ip()) {
        AddressClass::Public => true,
        AddressClass::Multicast => false,
        _ => private,
    };
    let may: Vec<SocketAddr> = found.iter().filter(may).take(MAX_ADDRESSES).copied().collect();
    match (may.is_empty(), found.first()) {
        (false, _) => Ok(may),
        (true, None) => Err(DeviceError::NotFound(format!("an address for {named}"))),
        (true, Some(address)) => {
            let class = AddressClass::of(address.ip());
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
