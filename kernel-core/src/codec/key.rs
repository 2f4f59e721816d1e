//! Keys of stored rows: a table byte, then fixed-width parts whose byte order is their order.
//!
//! `kernel-core/FORMAT.md` lists the tables. Numbers are big-endian; bytes of free length may only come
//! last, so that two keys of one table never mean the same row.

use bytes::Bytes;

/// Builds a key.
#[derive(Clone, Debug)]
pub struct KeyWriter(Vec<u8>);

impl KeyWriter {
    /// A key of `table`, which is at most `0xfe`.
    pub fn new(table: u8) -> KeyWriter {
        let mut bytes = Vec::with_capacity(24);
        bytes.push(table);
        KeyWriter(bytes)
    }

    /// One byte.
    #[must_use]
    pub fn u8(mut self, part: u8) -> KeyWriter {
        self.0.push(part);
        self
    }

    /// Eight bytes, big-endian.
    #[must_use]
    pub fn u64(mut self, part: u64) -> KeyWriter {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    /// All of `last`, and the key is complete.
    pub fn bytes(mut self, last: &[u8]) -> Bytes {
        self.0.extend_from_slice(last);
        self.finish()
    }

    /// The key.
    pub fn finish(self) -> Bytes {
        Bytes::from(self.0)
    }
}

/// Takes a key apart, in the order in which it was built.
#[derive(Clone, Debug)]
pub struct KeyReader<'a>(&'a [u8]);

impl<'a> KeyReader<'a> {
    /// The parts of `key` if it is one of `table`.
    pub fn new(key: &'a [u8], table: u8) -> Option<KeyReader<'a>> {
        key.strip_prefix(&[table]).map(KeyReader)
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Whatever is left.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether nothing is left.
    pub fn finish(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }
}

/// The keys of `table`: from the first, up to and without the second. `table` is at most `0xfe`.
pub fn table_range(table: u8) -> (Bytes, Bytes) {
    (Bytes::copy_from_slice(&[table]), Bytes::copy_from_slice(&[table.saturating_add(1)]))
}
