//! What an IP address is for: whether a grant for a name, or for any host, is one for it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for, as far as it decides who may connect to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// Reachable over the internet, as far as the number tells.
    Public,
    /// This machine.
    Loopback,
    /// This machine too, by the address of one of its interfaces, whatever that is for others: only a host can tell.
    Own,
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

    /// In a sentence: "a loopback address".
    pub fn phrase(self) -> &'static str {
        match self {
            AddressClass::Public => "a public address",
            AddressClass::Loopback => "a loopback address",
            AddressClass::Own => "an address of this machine",
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
}
