//! Whether the bodies that are kept of outward acts are those that the log commits to.

use super::event::{Commitment, Content, kind};
use super::road::KEPT_BODY;
use super::rows::{TABLE_BODY, numbered};
use super::start::BootError;
use crate::chain::{ChainError, TABLE_EVENTS, decode_verified, entries, event_key};
use crate::codec::table_range;
use crate::platform::Storage;

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

/// How many rows are read at once.
const PAGE: usize = 256;

/// Compares every kept body of an outward act with the commitment in the log, which was verified before.
///
/// # Errors
/// The first that is another one, as [`ChainError::Body`]; the first intent that tells no commitment, as
/// [`ChainError::Content`]; what cannot be read. Nothing is changed.
pub async fn check_bodies<S: Storage>(storage: &S) -> Result<Bodies, BootError> {
    let (mut from, to) = (event_key(0), table_range(TABLE_EVENTS).1);
    let mut found = Bodies::default();
    loop {
        let page = storage.scan(&from, &to, PAGE).await?;
        for event in page.rows.iter().flat_map(|(_, row)| entries(row)) {
            // What is no event was found when the log was verified.
            let Some(event) = event.ok().and_then(|event| decode_verified(event).ok()) else { continue };
            if event.header.kind != kind::INTENT {
                continue;
            }
            let Ok(Content::Intent(decided)) = Content::decode(event.header.kind, event.content) else {
                return Err(ChainError::Content { seq: event.seq }.into());
            };
            let Some(Commitment::Hash(hash)) = decided.body else {
                return Err(ChainError::Content { seq: event.seq }.into());
            };
            let action = event.header.action;
            let row = storage.get(&numbered(TABLE_BODY, action.0)).await?;
            let long = decided.facts.body_len > KEPT_BODY as u64;
            let other = |what| Err(ChainError::Body { seq: event.seq, action: action.0, what }.into());
            match row.as_deref().map(<[u8]>::split_first_chunk::<16>) {
                None => found.erased += 1,
                Some(None) => return other("is cut"),
                Some(Some((_, []))) if long => found.long += 1,
                Some(Some((_, body))) if body.len() as u64 != decided.facts.body_len => {
                    return other("has another length");
                }
                Some(Some((salt, body))) => {
                    let committed = Commitment::Open { salt: *salt, body: bytes::Bytes::copy_from_slice(body) };
                    if committed.hash() != hash {
                        return other("was changed");
                    }
                    found.kept += 1;
                }
            }
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(found),
        }
    }
}
