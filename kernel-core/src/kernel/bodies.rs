//! Whether the bodies that are kept of outward acts are those that the log commits to.

use super::event::{Commitment, committed, kind};
use super::road::KEPT_BODY;
use super::rows::TABLE_BODY;
use crate::chain::{ChainError, Decoded};
use crate::platform::{Storage, StorageError};
use bytes::Bytes;

/// How many bodies each was found to be true of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Bodies {
    /// Kept, and what the log commits to.
    pub kept: u64,
    /// Too long to be kept: of these there is the salt.
    pub long: u64,
    /// Erased since.
    pub erased: u64,
}

/// How far apart the numbers of two acts may be whose rows are read at once.
const NEAR: u64 = 1_024;

/// Compares every kept body with the commitment in the log: it is shown the events, and compares what they tell of when it is
/// given the rows.
#[derive(Debug, Default)]
pub(super) struct BodyCheck {
    wanted: Vec<Wanted>,
    found: Bodies,
    /// The first that is another one, as [`ChainError::Body`], or the first intent that tells no commitment, as
    /// [`ChainError::Content`].
    fault: Option<(u64, ChainError)>,
}

/// The key of the row of an act, which is made for each of many.
fn row_key(action: u64) -> [u8; 9] {
    let mut key = [TABLE_BODY; 9];
    key[1..].copy_from_slice(&action.to_be_bytes());
    key
}

/// What an intent commits to.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    action: u64,
    seq: u64,
    hash: [u8; 32],
    len: u64,
}

impl BodyCheck {
    /// Takes the next event.
    pub(super) fn event(&mut self, event: &Decoded<'_>) {
        if event.header.kind != kind::INTENT || self.fault.is_some() {
            return;
        }
        let (seq, action) = (event.seq, event.header.action.0);
        match committed(event.content) {
            Some((hash, len)) => self.wanted.push(Wanted { action, seq, hash, len }),
            None => self.fault = Some((seq, ChainError::Content { seq })),
        }
    }

    /// Compares what the events since the last time commit to. Rows are numbered by act, so those of neighbouring events lie
    /// side by side, but for the few acts that waited long: each neighbourhood is read at once.
    pub(super) async fn compare<S: Storage>(&mut self, storage: &S) -> Result<(), StorageError> {
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.sort_unstable_by_key(|wanted| (wanted.action, wanted.seq));
        let mut rest = &wanted[..];
        while let Some(first) = rest.first() {
            let near = rest.partition_point(|wanted| wanted.action - first.action < NEAR);
            let mut after_last = [0; 10];
            after_last[..9].copy_from_slice(&row_key(rest[near - 1].action));
            let page = storage.scan(&row_key(first.action), &after_last, near).await?;
            let is_read = |wanted: &Wanted| page.next.as_ref().is_none_or(|next| row_key(wanted.action)[..] < next[..]);
            let read = rest[..near].partition_point(is_read);
            let mut rows = page.rows.iter().peekable();
            for wanted in &rest[..read] {
                let own = row_key(wanted.action);
                while rows.next_if(|(key, _)| key[..] < own[..]).is_some() {}
                self.one(wanted, rows.peek().filter(|(key, _)| key[..] == own[..]).map(|(_, row)| row));
            }
            rest = &rest[read..];
        }
        wanted.clear();
        self.wanted = wanted;
        Ok(())
    }

    fn one(&mut self, wanted: &Wanted, row: Option<&Bytes>) {
        let Wanted { action, seq, hash, len } = *wanted;
        let long = len > KEPT_BODY as u64;
        let what = match row.map(|row| (row, row.split_first_chunk::<16>())) {
            None => return self.found.erased += 1,
            Some((_, Some((_, [])))) if long => return self.found.long += 1,
            Some((_, None)) => "is cut",
            Some((_, Some((_, body)))) if body.len() as u64 != len => "has another length",
            Some((row, Some((salt, _)))) => {
                if (Commitment::Open { salt: *salt, body: row.slice(16..) }).hash() == hash {
                    return self.found.kept += 1;
                }
                "was changed"
            }
        };
        if self.fault.as_ref().is_none_or(|(first, _)| seq < *first) {
            self.fault = Some((seq, ChainError::Body { seq, action, what }));
        }
    }

    /// What was found.
    pub(super) fn found(self) -> Result<Bodies, ChainError> {
        self.fault.map_or(Ok(self.found), |(_, fault)| Err(fault))
    }
}
