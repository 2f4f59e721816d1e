//! The check that bytes are one CBOR item in deterministic form.
//!
//! Core deterministic encoding, RFC 8949 4.2.1: shortest integers, lengths and floats, no indefinite
//! lengths, map keys in strictly ascending order of their encoded bytes. Of 4.2.2 one choice is made:
//! every NaN is `f9 7e 00`. Tags are allowed and not interpreted.

use super::CborError;
use super::float::{is_double_short, is_single_short};

/// The deepest nesting of arrays, maps and tags that is accepted. JSON bodies nest at most 128 deep.
pub const MAX_DEPTH: u32 = 160;

/// Accepts `bytes` that are exactly one item in deterministic form.
pub fn check(bytes: &[u8]) -> Result<(), CborError> {
    let len = item(bytes)?;
    if len == bytes.len() { Ok(()) } else { Err(fault(len, "bytes follow the item")) }
}

/// The length in bytes of the item in deterministic form that `bytes` begins with.
pub fn item(bytes: &[u8]) -> Result<usize, CborError> {
    let mut scan = Scan { bytes, at: 0 };
    scan.item(0)?;
    Ok(scan.at)
}

fn fault(at: usize, what: &'static str) -> CborError {
    CborError::Form { at: at as u64, what }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    /// Most items are numbers and short texts: they are read here, without a call for each.
    #[inline(always)]
    fn item(&mut self, depth: u32) -> Result<(), CborError> {
        let start = self.at;
        let Some(&first) = self.bytes.get(start) else {
            return Err(fault(start, "an item is missing"));
        };
        self.at += 1;
        let (major, info) = (first >> 5, first & 0x1f);
        if major == 7 {
            return self.simple_or_float(start, info);
        }
        let argument = if info < 24 { u64::from(info) } else { self.argument(start, info)? };
        match major {
            0 | 1 => Ok(()),
            2 => self.take(start, argument).map(drop),
            3 => {
                let text = self.take(start, argument)?;
                if std::str::from_utf8(text).is_ok() { Ok(()) } else { Err(fault(start, "text is not UTF-8")) }
            }
            _ if depth == MAX_DEPTH => Err(fault(start, "nested too deeply")),
            _ => self.nested(major, argument, depth + 1),
        }
    }

    /// What is inside an array, a map or a tag.
    #[inline(never)]
    fn nested(&mut self, major: u8, argument: u64, depth: u32) -> Result<(), CborError> {
        match major {
            4 => {
                for _ in 0..argument {
                    self.item(depth)?;
                }
                Ok(())
            }
            5 => self.map(argument, depth),
            _ => self.item(depth),
        }
    }

    fn map(&mut self, pairs: u64, depth: u32) -> Result<(), CborError> {
        let mut last: &[u8] = &[];
        for _ in 0..pairs {
            let start = self.at;
            self.item(depth)?;
            let key = &self.bytes[start..self.at];
            if key <= last {
                return Err(fault(start, "a map key is out of order or repeated"));
            }
            last = key;
            self.item(depth)?;
        }
        Ok(())
    }

    fn argument(&mut self, start: usize, info: u8) -> Result<u64, CborError> {
        let (value, least) = match info {
            24 => (u64::from(self.array::<1>(start)?[0]), 24),
            25 => (u64::from(u16::from_be_bytes(self.array(start)?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(self.array(start)?)), 1 << 16),
            27 => (u64::from_be_bytes(self.array(start)?), 1 << 32),
            31 => return Err(fault(start, "indefinite length")),
            _ => return Err(fault(start, "reserved initial byte")),
        };
        if value >= least { Ok(value) } else { Err(fault(start, "a number or length is not in its shortest form")) }
    }

    fn simple_or_float(&mut self, start: usize, info: u8) -> Result<(), CborError> {
        let short = match info {
            0..=23 => true,
            24 if self.array::<1>(start)?[0] >= 32 => true,
            24 => return Err(fault(start, "a simple value is not in its shortest form")),
            25 => {
                let bits = u16::from_be_bytes(self.array(start)?);
                bits & 0x7c00 != 0x7c00 || bits & 0x03ff == 0 || bits == 0x7e00
            }
            26 => is_single_short(f32::from_be_bytes(self.array(start)?)),
            27 => is_double_short(f64::from_be_bytes(self.array(start)?)),
            31 => return Err(fault(start, "a break without an indefinite length")),
            _ => return Err(fault(start, "reserved initial byte")),
        };
        if short { Ok(()) } else { Err(fault(start, "a floating-point number is not in its shortest form")) }
    }

    fn take(&mut self, start: usize, len: u64) -> Result<&'a [u8], CborError> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(len) {
            Ok(len) if len <= rest.len() => {
                self.at += len;
                Ok(&rest[..len])
            }
            _ => Err(fault(start, "cut off")),
        }
    }

    fn array<const N: usize>(&mut self, start: usize) -> Result<[u8; N], CborError> {
        match self.bytes[self.at..].first_chunk::<N>() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => Err(fault(start, "cut off")),
        }
    }
}
