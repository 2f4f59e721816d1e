//! The tree as it is stored: held against the log, and its hashes made from its nodes.

use super::changes::old_rows;
use super::{Kept, Snapshot, head_key, read_head, snapshots};
use crate::chain::{Hash, decode_verified};
use crate::codec::table_range;
use crate::id::ActionId;
use crate::kernel::event::tree_root;
use crate::kernel::index::{NotFound, events_of};
use crate::kernel::rows::{TABLE_TREE, key};
use crate::kernel::start::{BootError, PAGE};
use crate::platform::{Batch, Key, Storage, StorageError};
use crate::tree::{Node, Record, TABLE_BRANCHES, branch_key, build};
use bytes::Bytes;
use std::collections::BTreeMap;

/// How many rows are written at once where hashes are made.
pub(super) const BATCH: usize = 4_096;

/// A tree that is the one that the log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CheckedTree {
    /// Its root.
    pub root: Hash,
    /// How many nodes it has.
    pub nodes: u64,
}

/// The uppermost node of the stored tree, if its root is `told`, the last that the log tells; `None` where the log tells of
/// none, so that the tree has no hashes yet. What lies below the first row is held against it when it is used.
///
/// # Errors
/// [`BootError::Tree`] where it is another one, and what cannot be read.
pub(in crate::kernel) async fn found<S: Storage>(storage: &S, told: Option<Hash>) -> Result<Option<Node>, BootError> {
    let Some(told) = told else { return Ok(None) };
    let damaged = |what: &str| BootError::Tree(what.to_owned());
    let row = storage.get(&head_key()).await?;
    let head = row.as_deref().and_then(read_head).ok_or_else(|| damaged("the row of its root is gone or cut"))?;
    if head.root() != told {
        return Err(BootError::Tree(format!("its root is {}, and the log's last is {told}", head.root())));
    }
    if !head.begins_with(storage.get(&branch_key("", &Hash::ZERO, 0)).await?.as_deref()) {
        return Err(damaged("its first row does not fit its root"));
    }
    let own = storage.get(&key(TABLE_TREE, b"")).await?;
    let own = own.map(|row| record_hash(&row).ok_or_else(|| damaged("the node /tree cannot be read"))).transpose()?;
    if own.unwrap_or_default() != head.record {
        return Err(damaged("the node /tree does not fit its root"));
    }
    Ok(Some(head))
}

/// Makes the hashes of all nodes, as for a tree that has none yet, and stores them but for the head row.
///
/// # Errors
/// [`BootError::Tree`] where a node cannot be read, and what storage fails with. It can be done again.
pub(in crate::kernel) async fn rebuild<S: Storage>(storage: &S) -> Result<Node, BootError> {
    let (head, rows) = hashed(storage, BTreeMap::new()).await?;
    let mut changes = Vec::new();
    // There are none, unless it was done before and not to the end.
    each(storage, TABLE_BRANCHES, |key, _| {
        changes.push((key, None));
        Ok(())
    })
    .await?;
    changes.extend(rows.into_iter().map(|(key, row)| (key, Some(row))));
    while !changes.is_empty() {
        let rest = changes.split_off(changes.len().min(BATCH));
        storage.commit(Batch { changes }).await?;
        changes = rest;
    }
    Ok(head)
}

/// Makes all hashes of the tree anew from its nodes and compares them with those that are stored, and its root with `told`,
/// the last that the log tells; `None` where the log tells of none.
///
/// # Errors
/// [`BootError::Tree`] with what differs, and what cannot be read. Nothing is changed.
pub async fn check_tree<S: Storage>(storage: &S, told: Option<Hash>) -> Result<Option<CheckedTree>, BootError> {
    let Some(told) = told else { return Ok(None) };
    let Some(stored) = found(storage, Some(told)).await? else { return Ok(None) };
    let (head, mut rows) = hashed(storage, BTreeMap::new()).await?;
    rows.sort_unstable();
    let mut expected = rows.into_iter().peekable();
    each(storage, TABLE_BRANCHES, |key, row| match expected.next() {
        Some(next) if next == (key.clone(), row) => Ok(()),
        Some((next, _)) => Err(differs(&next.min(key))),
        None => Err(differs(&key)),
    })
    .await?;
    if let Some((key, _)) = expected.next() {
        return Err(differs(&key));
    }
    if head != stored {
        return Err(BootError::Tree("its nodes make another root".to_owned()));
    }
    let mut kept = snapshots(storage).await?;
    kept.retain(|snapshot| !snapshot.kept.name.is_empty());
    for snapshot in &kept {
        let Snapshot { action, kept: Kept { name, root, .. } } = snapshot;
        let (head, _) = hashed(storage, old_rows(storage, snapshot).await?).await?;
        if head.root() != *root || root_told(storage, *action).await? != Some(*root) {
            return Err(BootError::Tree(format!("the snapshot `{name}` was changed")));
        }
    }
    let mut nodes = 0;
    each(storage, TABLE_TREE, |_, _| {
        nodes += 1;
        Ok(())
    })
    .await?;
    Ok(Some(CheckedTree { root: told, nodes }))
}

/// The uppermost node that the stored nodes make, with `old` rows in the place of those of the same paths, and all rows
/// below it.
async fn hashed<S: Storage>(storage: &S, old: BTreeMap<String, Bytes>) -> Result<(Node, Vec<(Key, Bytes)>), BootError> {
    let mut nodes = Vec::new();
    let mut add = |key: &Key, row: &Bytes| {
        let path = std::str::from_utf8(&key[1..]).ok().map(str::to_owned);
        let node = path.zip(record_hash(row));
        nodes.push(node.ok_or_else(|| BootError::Tree(format!("{} cannot be read", named(key))))?);
        Ok::<_, BootError>(())
    };
    each(storage, TABLE_TREE, |node, row| {
        let is_old = std::str::from_utf8(&node[1..]).is_ok_and(|path| old.contains_key(path));
        if is_old { Ok(()) } else { add(&node, &row) }
    })
    .await?;
    // What was not there then is an empty row.
    for (path, row) in old.iter().filter(|(_, row)| !row.is_empty()) {
        add(&key(TABLE_TREE, path.as_bytes()), row)?;
    }
    let mut rows = Vec::new();
    let head = build(nodes, &mut |key, row| rows.push((key, row)));
    Ok((head, rows))
}

/// The root that the log, verified before, tells of the act that took a snapshot.
async fn root_told<S: Storage>(storage: &S, action: ActionId) -> Result<Option<Hash>, BootError> {
    let found = events_of(storage, action, u64::MAX).await.map_err(|e| match e {
        NotFound::Storage(e) => BootError::Storage(e),
        changed @ NotFound::Changed(_) => BootError::Damaged(changed.to_string()),
    })?;
    let events = found.events.iter().rev().filter_map(|(_, bytes)| decode_verified(bytes).ok());
    Ok(events.filter_map(|event| tree_root(event.header.kind, event.content)).next())
}

/// The hash of the record in a node's row.
fn record_hash(row: &[u8]) -> Option<Hash> {
    minicbor::decode::<Record>(row).ok().map(|record| record.seal().hash())
}

fn differs(key: &Key) -> BootError {
    BootError::Tree(format!("{}, or what is below it, was changed", named(key)))
}

/// The node that a row is about.
fn named(key: &Key) -> String {
    let path = key[1..].split(|byte| *byte == 0).next().unwrap_or_default();
    format!("the node /tree/{}", String::from_utf8_lossy(path))
}

/// Takes every row of a table in order.
pub(super) async fn each<S: Storage>(
    storage: &S,
    table: u8,
    mut take: impl FnMut(Key, Bytes) -> Result<(), BootError>,
) -> Result<(), BootError> {
    let (mut from, to) = table_range(table);
    loop {
        let page = storage.scan(&from, &to, PAGE).await.map_err(<StorageError as Into<BootError>>::into)?;
        for (key, row) in page.rows {
            take(key, row)?;
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}
