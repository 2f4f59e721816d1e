//! What a snapshot holds that is not as it is now, or not as in another one.

use super::snapshots::{Snapshot, snapshot};
use super::stored::each;
use super::tree_record;
use crate::codec::table_range;
use crate::kernel::rows::{TABLE_SNAPSHOT, TABLE_SNAPSHOT_NODE, numbered};
use crate::kernel::start::BootError;
use crate::path::{Resource, TreePath};
use crate::platform::Storage;
use crate::tree::{Record, Sealed};
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;

/// One node that is not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `/tree/...`
    pub path: Resource,
    /// What it was; null where it was not there.
    pub before: Option<Sealed>,
    /// What it is.
    pub after: Option<Sealed>,
}

/// All snapshots, the oldest first, with those that are let go of and still have a number.
///
/// # Errors
/// What cannot be read.
pub async fn snapshots<S: Storage>(storage: &S) -> Result<Vec<Snapshot>, BootError> {
    let mut found = Vec::new();
    each(storage, TABLE_SNAPSHOT, |key, row| {
        let damaged = || BootError::Tree("a row of a snapshot cannot be read".to_owned());
        found.push(snapshot(&key, &row).ok_or_else(damaged)?);
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The old rows that a snapshot goes by, by path, as `take` takes them; an empty one is of a node that was not there. Where it
/// does not go by one, a node is as it is now.
pub(super) async fn old_rows<S: Storage, T>(
    storage: &S,
    of: &Snapshot,
    take: impl Fn(&str, Bytes) -> Result<T, BootError>,
) -> Result<BTreeMap<String, T>, BootError> {
    let mut found: BTreeMap<String, T> = BTreeMap::new();
    let (mut from, to) = (numbered(TABLE_SNAPSHOT_NODE, of.action.0), table_range(TABLE_SNAPSHOT_NODE).1);
    loop {
        let page = storage.scan(&from, &to, crate::kernel::start::PAGE).await?;
        for (key, row) in page.rows {
            let path = key.get(9..).and_then(|path| std::str::from_utf8(path).ok());
            let path = path.ok_or_else(|| BootError::Tree("an old row of a node names none".to_owned()))?;
            if !found.contains_key(path) {
                found.insert(path.to_owned(), take(path, row)?);
            }
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(found),
        }
    }
}

/// What is told of an old row: nothing of its value but the hash, so that what is compared takes no more memory than that.
fn sealed(path: &str, row: Bytes) -> Result<Option<Sealed>, BootError> {
    let unread = |_| BootError::Tree(format!("the node /tree/{path} cannot be read"));
    let record = (!row.is_empty()).then(|| minicbor::decode::<Record>(&row).map_err(unread)).transpose()?;
    Ok(record.map(|record| record.seal()))
}

/// Which nodes are not in `to`, or now, as they are in `from`, which is older, by path.
///
/// # Errors
/// What cannot be read.
pub async fn tree_changes<S: Storage>(
    storage: &S,
    from: &Snapshot,
    to: Option<&Snapshot>,
) -> Result<Vec<Change>, BootError> {
    let before = old_rows(storage, from, sealed).await?;
    let mut after = match to {
        Some(to) => old_rows(storage, to, sealed).await?,
        None => BTreeMap::new(),
    };
    let mut changes = Vec::new();
    for (path, before) in before {
        let unreadable = |e: String| BootError::Tree(format!("the node /tree/{path} {e}"));
        let parsed = TreePath::parse(&path).map_err(|e| unreadable(e.to_string()))?;
        let after = match after.remove(&path) {
            Some(after) => after,
            None => tree_record(storage, &parsed).await?.map(|record| record.seal()),
        };
        if before != after {
            changes.push(Change { path: Resource::Tree(parsed), before, after });
        }
    }
    Ok(changes)
}
