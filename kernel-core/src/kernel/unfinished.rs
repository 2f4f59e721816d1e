//! Which of the acts that rows say are under way are so: the log decides, as an outcome that a boot adds is signed.

use super::event::{Content, kind};
use super::receipt::row_of;
use super::start::BootError;
use crate::chain::{Hash, Log, decode_verified, entries, event_key};
use crate::id::ActionId;
use crate::platform::Storage;
use std::collections::BTreeSet;

/// Of `acts` those of which the log has an intent and no outcome, in order. It is read from its verified end back, each
/// event held against the one behind it, until the intents of all have been found.
///
/// # Errors
/// That an event is not the one that belongs there, and what cannot be read.
pub(super) async fn unfinished<S: Storage>(
    storage: &S,
    acts: &[ActionId],
    log: &Log,
) -> Result<Vec<ActionId>, BootError> {
    let mut wanted: BTreeSet<ActionId> = acts.iter().copied().collect();
    let mut open = BTreeSet::new();
    let (mut size, mut hash) = (log.size(), log.head());
    while size > 0 && !wanted.is_empty() {
        let row = storage.get(&event_key(row_of(storage, size - 1).await?)).await?.unwrap_or_default();
        let before = size;
        for entry in entries(&row).flatten().collect::<Vec<_>>().into_iter().rev() {
            let event = decode_verified(entry).ok().filter(|event| event.seq + 1 == size && Hash::leaf(entry) == hash);
            let Some(event) = event else { break };
            match what(event.header.kind, event.content) {
                kind::OUTCOME => drop(wanted.remove(&event.header.action)),
                kind::INTENT if wanted.remove(&event.header.action) => drop(open.insert(event.header.action)),
                _ => {}
            }
            (size, hash) = (event.seq, event.prev);
        }
        if size == before {
            let reason = format!("event {} was changed or is missing; `weft chain verify` says more", size - 1);
            return Err(BootError::Damaged(reason));
        }
    }
    Ok(open.into_iter().collect())
}

/// The kind of an event, also of one that did not fit into the log.
fn what(of: u8, content: &[u8]) -> u8 {
    match of {
        kind::UNFIT => match Content::decode(of, content) {
            Ok(Content::Unfit(unfit)) => unfit.kind,
            _ => of,
        },
        _ => of,
    }
}
