//! The rows in which the log is stored: their keys and what is in them.

use super::{Hash, MAX_EVENT, Origin, TileId};
use crate::codec::{CborError, KeyReader, KeyWriter, check};
use bytes::Bytes;
use minicbor::{Decoder, Encoder};

/// The table of the one head row.
pub const TABLE_HEAD: u8 = 0x01;
/// The table of events, many to a row.
pub const TABLE_EVENTS: u8 = 0x02;
/// The table of Merkle tiles.
pub const TABLE_TILES: u8 = 0x03;

/// A row of events is closed when the next event would make it longer than this many bytes: with its key and what a database
/// keeps beside it, it fills a page whose size is a power of two, and does not need one twice as large.
pub const ROW_BYTES: usize = 256 * 1024 - 128;

/// A change to storage: a key with its new value, or `None` to remove it.
pub type Row = (Bytes, Option<Bytes>);

/// The key of the head row.
pub fn head_key() -> Bytes {
    KeyWriter::new(TABLE_HEAD).finish()
}

/// The key of the row whose first event is `seq`.
pub fn event_key(seq: u64) -> Bytes {
    KeyWriter::new(TABLE_EVENTS).u64(seq).finish()
}

/// The first event of the row at `key`.
pub fn event_seq(key: &[u8]) -> Option<u64> {
    let mut parts = KeyReader::new(key, TABLE_EVENTS)?;
    let seq = parts.u64()?;
    parts.finish().map(|()| seq)
}

/// The key of a tile.
pub fn tile_key(id: TileId) -> Bytes {
    KeyWriter::new(TABLE_TILES).u8(id.level).u64(id.index).finish()
}

/// The tile at `key`.
pub fn tile_id(key: &[u8]) -> Option<TileId> {
    let mut parts = KeyReader::new(key, TABLE_TILES)?;
    let id = TileId { level: parts.u8()?, index: parts.u64()? };
    parts.finish().map(|()| id)
}

/// A row of events ends inside one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the row ends inside it")]
pub struct CutOff;

/// The events of a row in order, each as its bytes. See [`entries`].
#[derive(Clone, Debug)]
pub struct Entries<'a>(&'a [u8]);

/// Walks a row of events. After an error the walk is over.
pub fn entries(row: &[u8]) -> Entries<'_> {
    Entries(row)
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<&'a [u8], CutOff>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let found = self.0.split_first_chunk::<2>().and_then(|(len, rest)| {
            let len = usize::from(u16::from_be_bytes(*len));
            (len <= rest.len()).then(|| rest.split_at(len))
        });
        match found {
            Some((event, rest)) => {
                self.0 = rest;
                Some(Ok(event))
            }
            None => {
                self.0 = &[];
                Some(Err(CutOff))
            }
        }
    }
}

/// Makes room for an entry in `row` and returns where its length goes.
pub(super) fn begin_entry(row: &mut Vec<u8>) -> usize {
    row.extend_from_slice(&[0, 0]);
    row.len() - 2
}

/// Writes the length of the entry that [`begin_entry`] began and returns its bytes.
pub(super) fn end_entry(row: &mut [u8], at: usize) -> &[u8] {
    let len = row.len() - at - 2;
    debug_assert!(len <= MAX_EVENT, "contents are checked before they are written");
    row[at..at + 2].copy_from_slice(&(len as u16).to_be_bytes());
    &row[at + 2..]
}

/// The head row: where the log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose log it is.
    pub origin: Origin,
    /// How many events there are.
    pub size: u64,
    /// The hash of the last event, or [`Hash::ZERO`].
    pub hash: Hash,
    /// The root of the tree.
    pub root: Hash,
    /// The first event of the row that holds the last event.
    pub last_row: u64,
    /// The last signed checkpoint, as the text of its note; of this size or an earlier one.
    pub checkpoint: Option<String>,
}

const HEAD_VERSION: u64 = 1;

impl Head {
    /// The bytes of the row.
    pub fn encode(&self) -> Bytes {
        let mut e = Encoder::new(Vec::with_capacity(512));
        let done: Result<_, minicbor::encode::Error<std::convert::Infallible>> = (|| {
            e.array(7)?.u64(HEAD_VERSION)?.str(self.origin.as_str())?.u64(self.size)?.encode(self.hash)?;
            e.encode(self.root)?.u64(self.last_row)?.encode(&self.checkpoint)?.ok()
        })();
        debug_assert!(done.is_ok(), "writing to memory cannot fail");
        Bytes::from(e.into_writer())
    }

    /// Reads what [`Head::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Head, CborError> {
        check(bytes)?;
        Head::read(&mut Decoder::new(bytes)).map_err(|e| CborError::Shape(e.to_string()))
    }

    fn read(d: &mut Decoder<'_>) -> Result<Head, minicbor::decode::Error> {
        let refuse = minicbor::decode::Error::message::<String>;
        let parts = d.array()?;
        let version = d.u64()?;
        if version != HEAD_VERSION {
            return Err(refuse(format!("a head row of version {version}, this program reads version {HEAD_VERSION}")));
        }
        if parts != Some(7) {
            return Err(refuse("a head row has seven parts".to_owned()));
        }
        let origin = d.str()?;
        let origin = Origin::parse(origin).ok_or_else(|| refuse(format!("`{origin}` is not an origin")))?;
        Ok(Head {
            origin,
            size: d.u64()?,
            hash: d.decode()?,
            root: d.decode()?,
            last_row: d.u64()?,
            checkpoint: d.decode()?,
        })
    }
}
