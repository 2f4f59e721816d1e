//! Endpoints: a host and a port, in the one spelling that names them.
//!
//! A host is a DNS name (RFC 1123 2.1, with `_`), an IPv4 literal or an IPv6 literal in brackets. What some
//! resolvers would read as an address in another spelling (`127.1`, `0x7f.1`, `2130706433`, an
//! IPv4-mapped IPv6 address) is not a host, so a rule about an address cannot be walked around by spelling.

use super::{PathError, text_codec};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A host and a port, as in `api.example.com:443`, `192.0.2.7:80` or `[2001:db8::1]:443`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    host: Arc<str>,
    port: u16,
}

impl Endpoint {
    /// The endpoint `text`, or [`PathError::Host`], [`PathError::Port`] or [`PathError::Shape`].
    pub fn parse(text: &str) -> Result<Endpoint, PathError> {
        let (host, port) = split(text)?;
        check_host(host)?;
        Ok(Endpoint { host: host.into(), port: parse_port(port)? })
    }

    /// The host as it is written in the path; an IPv6 literal with its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 1 to 65,535.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, if the host is an IP literal and so needs no resolving.
    pub fn address(&self) -> Option<IpAddr> {
        literal(&self.host)
    }
}

/// Host and port of a text; either may still be wrong.
pub(super) fn split(text: &str) -> Result<(&str, &str), PathError> {
    text.rsplit_once(':').ok_or(PathError::Shape("/net/HOST:PORT"))
}

/// The port `text`.
pub(super) fn parse_port(text: &str) -> Result<u16, PathError> {
    let port = if text.starts_with(|c: char| matches!(c, '1'..='9')) { text.parse().ok() } else { None };
    port.ok_or_else(|| PathError::Port(text.to_owned()))
}

/// The address that the canonical host `host` is a literal of.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None if ends_in_number(host) => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        None => None,
    }
}

/// Whether `host` is a canonical host.
pub(super) fn check_host(host: &str) -> Result<(), PathError> {
    let no = |why| Err(PathError::Host(host.to_owned(), why));
    if let Some(rest) = host.strip_prefix('[') {
        let Some(address) = rest.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok()) else {
            return no("an IPv6 address in brackets is written as in [2001:db8::1]");
        };
        if address.to_ipv4_mapped().is_some() {
            return no("an IPv4-mapped address is written as the IPv4 address");
        }
        if host != format!("[{address}]") {
            return no("an IPv6 address is written in its shortest form, lower case (RFC 5952)");
        }
        return Ok(());
    }
    if ends_in_number(host) {
        return match host.parse::<Ipv4Addr>() {
            Ok(_) => Ok(()),
            Err(_) => no("what ends in a number is an IPv4 address of four decimal numbers without leading zeros"),
        };
    }
    check_labels(host, host)
}

/// Whether `name` is a DNS name in lower case; errors quote `host`, which it is part of.
pub(super) fn check_dns(name: &str, host: &str) -> Result<(), PathError> {
    if ends_in_number(name) {
        return Err(PathError::Host(host.to_owned(), "a name does not end in a number"));
    }
    check_labels(name, host)
}

fn check_labels(name: &str, host: &str) -> Result<(), PathError> {
    let no = |why| Err(PathError::Host(host.to_owned(), why));
    if host.len() > 253 {
        return no("a host has at most 253 bytes");
    }
    for label in name.split('.') {
        if !(1..=63).contains(&label.len()) {
            return no("between its dots a host has 1 to 63 bytes");
        }
        if !label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_')) {
            return no("a host has only a-z 0-9 - _ and dots, in lower case");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return no("no part of a host starts or ends with `-`");
        }
    }
    Ok(())
}

/// Whether a resolver might read `host` as an IPv4 address: its last part is a number, decimal or hexadecimal
/// (WHATWG URL, "ends in a number").
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    match hex {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Endpoint {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Endpoint, PathError> {
        Endpoint::parse(text)
    }
}

text_codec!(Endpoint);
