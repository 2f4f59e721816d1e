//! TCP connections: which address a name has, whether it may be connected to, and connecting.
//!
//! A grant for a name is not a grant for whatever the name resolves to: addresses of this machine and of
//! private networks need a grant of their own, or a name server could open them. The address that was
//! checked is the address that is connected to; the name is not resolved a second time.

use kernel_core::platform::DeviceError;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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

/// What an address is for, as far as it decides who may connect to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// Reachable over the internet, as far as the number tells.
    Public,
    /// This machine.
    Loopback,
    /// A private network (RFC 1918, RFC 6598, RFC 4193).
    Private,
    /// This link only (RFC 3927, RFC 4291).
    LinkLocal,
    /// Set aside: documentation, benchmarks, future use, or a way through to another address.
    Reserved,
    /// Many machines, which TCP has no connection to.
    Multicast,
}

impl AddressClass {
    /// The class of `address`. An IPv6 address that carries an IPv4 one is at least what that is.
    pub fn of(address: IpAddr) -> AddressClass {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            AddressClass::Public => "a public address",
            AddressClass::Loopback => "a loopback address",
            AddressClass::Private => "a private address",
            AddressClass::LinkLocal => "a link-local address",
            AddressClass::Reserved => "a reserved address",
            AddressClass::Multicast => "a multicast address",
        }
    }
}

fn of_v4(address: Ipv4Addr) -> AddressClass {
    match address.octets() {
        // 0.0.0.0 reaches this machine on most systems.
        [0, ..] | [127, ..] => AddressClass::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => AddressClass::Private,
        [169, 254, ..] => AddressClass::LinkLocal,
        [224..=239, ..] => AddressClass::Multicast,
        [240..=255, ..] | [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18..=19, ..] => {
            AddressClass::Reserved
        }
        _ => AddressClass::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressClass {
    let v4 = |high: u16, low: u16| of_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => AddressClass::Loopback,
        // IPv4 mapped (RFC 4291 2.5.5.2), IPv4 compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            v4(high, low)
        }
        [0x2002, high, low, ..] => v4(high, low),
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => AddressClass::Private,
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        // Only 2000::/3 is given out (RFC 4291 2.4); in it, Teredo and documentation are set aside.
        [0x2001, 0, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressClass::Reserved,
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        _ => AddressClass::Reserved,
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
    host: &str,
    port: u16,
    private: bool,
) -> Result<Connection, DeviceError> {
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
        (true, None) => Err(DeviceError::NotFound(format!("{named}: the name has no address, so it"))),
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

    fn class(text: &str) -> AddressClass {
        AddressClass::of(text.parse().unwrap())
    }

    #[test]
    fn addresses_are_what_the_registries_say() {
        use AddressClass as A;
        for (text, expected) in [
            ("8.8.8.8", A::Public),
            ("172.15.0.1", A::Public),
            ("172.32.0.1", A::Public),
            ("100.63.255.255", A::Public),
            ("100.128.0.1", A::Public),
            ("2606:4700::1111", A::Public),
            ("127.0.0.1", A::Loopback),
            ("127.255.255.254", A::Loopback),
            ("0.0.0.0", A::Loopback),
            ("::1", A::Loopback),
            ("::", A::Loopback),
            ("::ffff:127.0.0.1", A::Loopback),
            ("64:ff9b::7f00:1", A::Loopback),
            ("2002:7f00:1::", A::Loopback),
            ("10.1.2.3", A::Private),
            ("172.16.0.1", A::Private),
            ("172.31.255.255", A::Private),
            ("192.168.1.1", A::Private),
            ("100.64.0.1", A::Private),
            ("::ffff:10.0.0.1", A::Private),
            ("::10.0.0.1", A::Private),
            ("fd00::1", A::Private),
            ("fec0::1", A::Private),
            ("169.254.169.254", A::LinkLocal),
            ("::ffff:169.254.169.254", A::LinkLocal),
            ("fe80::1", A::LinkLocal),
            ("224.0.0.1", A::Multicast),
            ("ff02::1", A::Multicast),
            ("255.255.255.255", A::Reserved),
            ("192.0.2.7", A::Reserved),
            ("198.18.0.1", A::Reserved),
            ("2001:db8::1", A::Reserved),
            ("2001::1", A::Reserved),
            ("100::1", A::Reserved),
            ("64:ff9b:1::1", A::Reserved),
        ] {
            assert_eq!(class(text), expected, "{text}");
        }
    }

    #[test]
    fn only_public_addresses_are_left_without_a_private_grant() {
        let all: Vec<SocketAddr> =
            ["10.0.0.1:1", "8.8.8.8:1", "[::1]:1", "224.0.0.1:1"].iter().map(|a| a.parse().unwrap()).collect();
        assert_eq!(allowed("h:1", &all, false).unwrap(), [all[1]]);
        assert_eq!(allowed("h:1", &all, true).unwrap(), all[..3]);
        let refused = allowed("h:1", &all[..1], false).unwrap_err().to_string();
        assert_eq!(refused, "h:1 resolves to 10.0.0.1, a private address, which needs a grant that names the address itself");
        assert!(matches!(allowed("h:1", &all[3..], true), Err(DeviceError::Forbidden(_))));
        assert!(matches!(allowed("h:1", &[], true), Err(DeviceError::NotFound(_))));
    }
}
