//! The pieces of files that the walker publishes, many to a message.
//!
//! A batch is, all numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | number of the batch, from 1 |
//! | 4 | 1 in the last batch of the walk, else 0 |
//! | 4 | number of records |
//!
//! and then the records:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | what it is: 0 a piece of a file, 1 a broken link, 2 a special file, 3 an entry that could not be read |
//! | 1 | bit 0: the last piece of its file; bit 1: the file is longer, but no more of it is read |
//! | 2 | length of the path |
//! | 4 | length of the data |
//! | 8 | offset of the piece in its file |
//! | 8 | size of the file, as the directory told it |
//! | … | the path, UTF-8 |
//! | … | the data: bytes of the file, or for other records why, UTF-8 |
//!
//! Pieces of one file follow each other without gaps, and no other file's come between.

use crate::Refusal;
use crate::ipc;

/// The most bytes of a batch.
pub const SIZE: usize = 512 * 1024;
/// The most that a record adds to its data: its head and the longest path.
pub const OVERHEAD: usize = RECORD + 4096;

const HEAD: usize = 16;
const RECORD: usize = 24;

/// What a record tells about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A piece of a file.
    Piece,
    /// A link that leads nowhere, or to itself.
    BrokenLink,
    /// A socket, fifo or device.
    Special,
    /// An entry that could not be read, or not to its end.
    Unreadable,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it tells about.
    pub what: What,
    /// Whether its file ends with it.
    pub last: bool,
    /// Whether the file is longer, or grows, but no more of it is read.
    pub partly: bool,
    /// The path below the mount, see [`crate::path::display`].
    pub path: &'a str,
    /// Where the piece begins in its file.
    pub offset: u64,
    /// The file's size, as the directory told it.
    pub size: u64,
    /// Bytes of the file, or why.
    pub data: &'a [u8],
}

/// A batch that is being filled. It is framed for `publish` from the start, so nothing is copied when it goes.
#[derive(Debug)]
pub struct Batch {
    body: Vec<u8>,
    head: usize,
    records: u32,
}

/// The arguments of the publish; the payload follows the newline.
const ARGUMENTS: &[u8] = b"{\"content_type\":\"application/vnd.weft.repo-audit.chunks\"}\n";

impl Default for Batch {
    fn default() -> Batch {
        let mut body = Vec::with_capacity(ARGUMENTS.len() + SIZE + OVERHEAD);
        body.extend_from_slice(ARGUMENTS);
        body.extend_from_slice(&[0; HEAD]);
        Batch { body, head: ARGUMENTS.len(), records: 0 }
    }
}

impl Batch {
    /// How many bytes of data still fit, besides their record's overhead; 0 when it is time to publish.
    pub fn room(&self) -> usize {
        SIZE.saturating_sub(self.body.len() - self.head + OVERHEAD)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Adds a record. Paths longer than the kernel allows are cut.
    pub fn push(&mut self, record: &Record<'_>) {
        let path = &record.path.as_bytes()[..record.path.floor_char_boundary(OVERHEAD - RECORD)];
        let what = match record.what {
            What::Piece => 0,
            What::BrokenLink => 1,
            What::Special => 2,
            What::Unreadable => 3,
        };
        let flags = u8::from(record.last) | u8::from(record.partly) << 1;
        self.body.extend_from_slice(&[what, flags]);
        self.body.extend_from_slice(&(path.len() as u16).to_le_bytes());
        self.body.extend_from_slice(&(record.data.len() as u32).to_le_bytes());
        self.body.extend_from_slice(&record.offset.to_le_bytes());
        self.body.extend_from_slice(&record.size.to_le_bytes());
        self.body.extend_from_slice(path);
        self.body.extend_from_slice(record.data);
        self.records += 1;
    }

    /// Publishes it as number `number` and empties it; answers how many received it.
    pub fn publish(&mut self, topic: &str, number: u64, last: bool) -> Result<u64, Refusal> {
        self.seal(number, last);
        let sent = ipc::publish_framed(topic, &self.body);
        self.clear();
        sent
    }

    fn seal(&mut self, number: u64, last: bool) {
        let head = &mut self.body[self.head..self.head + HEAD];
        head[..8].copy_from_slice(&number.to_le_bytes());
        head[8..12].copy_from_slice(&u32::from(last).to_le_bytes());
        head[12..].copy_from_slice(&self.records.to_le_bytes());
    }

    fn clear(&mut self) {
        self.body.truncate(self.head + HEAD);
        self.records = 0;
    }
}

/// A batch that was received.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// Whether it is the walk's last.
    pub last: bool,
    records: u32,
    rest: &'a [u8],
}

/// Opens a batch; `None` if it is none.
pub fn open(bytes: &[u8]) -> Option<Opened<'_>> {
    let (number, rest) = bytes.split_first_chunk()?;
    let (last, rest) = rest.split_first_chunk()?;
    let (records, rest) = rest.split_first_chunk()?;
    Some(Opened {
        number: u64::from_le_bytes(*number),
        last: u32::from_le_bytes(*last) == 1,
        records: u32::from_le_bytes(*records),
        rest,
    })
}

impl<'a> Opened<'a> {
    /// Its records in order. Ends early where they are malformed.
    pub fn records(self) -> impl Iterator<Item = Record<'a>> {
        let (mut left, mut rest) = (self.records, self.rest);
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let (record, after) = take(rest)?;
            rest = after;
            Some(record)
        })
    }
}

fn take(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (&[what, flags], rest) = bytes.split_first_chunk()?;
    let (path_length, rest) = rest.split_first_chunk()?;
    let (data_length, rest) = rest.split_first_chunk()?;
    let (offset, rest) = rest.split_first_chunk()?;
    let (size, rest) = rest.split_first_chunk()?;
    let (path, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*path_length)))?;
    let (data, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*data_length)).ok()?)?;
    let what = match what {
        0 => What::Piece,
        1 => What::BrokenLink,
        2 => What::Special,
        3 => What::Unreadable,
        _ => return None,
    };
    let record = Record {
        what,
        last: flags & 1 != 0,
        partly: flags & 2 != 0,
        path: std::str::from_utf8(path).ok()?,
        offset: u64::from_le_bytes(*offset),
        size: u64::from_le_bytes(*size),
        data,
    };
    Some((record, rest))
}

#[cfg(test)]
mod tests;
