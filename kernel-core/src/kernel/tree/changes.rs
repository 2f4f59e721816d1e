//! What a snapshot holds that is not as it is now, or not as in another one.

use super::snapshots::{Snapshot, snapshot};
use super::stored::each;
use super::tree_record;
use crate::codec::table_range;
use crate::kernel::rows::{TABLE_SNAPSHOT, TABLE_SNAPSHOT_NODE, numbered};
use crate::kernel::start::BootError;
use crate::path::{Resource, TreePath};
use crate::platform::{Batch, Storage};
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

/// Removes the old rows that no snapshot goes by.
///
/// # Errors
/// What storage fails with.
pub(in crate::kernel) async fn sweep<S: Storage>(storage: &S, kept: &[Snapshot]) -> Result<(), BootError> {
    let (start, end) = table_range(TABLE_SNAPSHOT_NODE);
    let to = kept.first().map_or(end, |oldest| numbered(TABLE_SNAPSHOT_NODE, oldest.action.0));
    loop {
        let page = storage.scan(&start, &to, super::stored::BATCH).await?;
        if page.rows.is_empty() {
            return Ok(());
        }
        let changes = page.rows.into_iter().map(|(key, _)| (key, None)).collect();
        storage.commit(Batch { changes }).await?;
    }
}

/// The old rows that a snapshot goes by, by path; an empty one is of a node that was not there. Where it does not go by one,
/// a node is as it is now.
pub(super) async fn old_rows<S: Storage>(storage: &S, of: &Snapshot) -> Result<BTreeMap<String, Bytes>, BootError> {
    let mut found: BTreeMap<String, Bytes> = BTreeMap::new();
    let (mut from, to) = (numbered(TABLE_SNAPSHOT_NODE, of.action.0), table_range(TABLE_SNAPSHOT_NODE).1);
    loop {
        let page = storage.scan(&from, &to, crate::kernel::start::PAGE).await?;
        for (key, row) in page.rows {
            let path = key.get(9..).and_then(|path| std::str::from_utf8(path).ok());
            let path = path.ok_or_else(|| BootError::Tree("an old row of a node names none".to_owned()))?;
            found.entry(path.to_owned()).or_insert(row);
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(found),
        }
    }
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
    let before = old_rows(storage, from).await?;
    let after = match to {
        Some(to) => old_rows(storage, to).await?,
        None => BTreeMap::new(),
    };
    let mut changes = Vec::new();
    for (path, row) in before {
        let unreadable = |what: &str| BootError::Tree(format!("the node /tree/{path} {what}"));
        let parsed = TreePath::parse(&path).map_err(|e| unreadable(&e.to_string()))?;
        let sealed = |row: &Bytes| match row.is_empty() {
            true => Ok(None),
            false => {
                let record = minicbor::decode::<Record>(row).map_err(|_| unreadable("cannot be read"))?;
                Ok::<_, BootError>(Some(record.seal()))
            }
        };
        let now = match after.get(&path) {
            Some(row) => sealed(row)?,
            None => tree_record(storage, &parsed).await?.map(|record| record.seal()),
        };
        let before = sealed(&row)?;
        if before != now {
            changes.push(Change { path: Resource::Tree(parsed), before, after: now });
        }
    }
    Ok(changes)
}
