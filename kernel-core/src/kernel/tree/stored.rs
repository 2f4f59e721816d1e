//! The tree as it is stored: held against the log, and its hashes made from its nodes.

use super::changes::old_rows;
use super::quotas::{held_key, held_row};
use super::snapshots::payer;
use super::taken::Taken;
use super::{Snapshot, apps, head_key, quotas, read_head, snapshots};
use crate::chain::{Hash, decode_verified};
use crate::codec::table_range;
use crate::kernel::index::{NotFound, events_of};
use crate::kernel::rows::{TABLE_APP, TABLE_HELD, TABLE_SNAPSHOT, TABLE_SNAPSHOT_NODE, TABLE_TREE, key, numbered};
use crate::kernel::start::{BootError, PAGE};
use crate::platform::{Batch, Key, Storage, StorageError};
use crate::tree::{Node, Record, TABLE_BRANCHES, branch_key, build};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// How many rows are written at once where hashes are made.
const BATCH: usize = 4_096;

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

/// Makes the hashes of all nodes, as for a tree that has none yet, and the sums of whose they are, and stores them but for the
/// head row.
///
/// # Errors
/// [`BootError::Tree`] where a node cannot be read, and what storage fails with. It can be done again.
pub(in crate::kernel) async fn rebuild<S: Storage>(storage: &S) -> Result<Node, BootError> {
    let Made { head, rows, mut held, .. } = made(storage, &BTreeMap::new()).await?;
    let mut changes = Vec::new();
    let mut kept = snapshots(storage).await?;
    for (place, bytes) in bytes_kept(storage, &kept).await?.into_iter().enumerate() {
        quotas::add(&mut held, payer(&kept[..=place]), bytes);
        kept[place].kept.bytes = bytes;
        changes.push((numbered(TABLE_SNAPSHOT, kept[place].action.0), Some(kept[place].row()?)));
    }
    // There are none, unless it was done before and not to the end.
    for table in [TABLE_BRANCHES, TABLE_HELD] {
        each(storage, table, |key, _| {
            changes.push((key, None));
            Ok(())
        })
        .await?;
    }
    changes.extend(rows.into_iter().map(|(key, row)| (key, Some(row))));
    changes.extend(held.iter().map(|(holder, bytes)| (held_key(holder), Some(held_row(*bytes)))));
    while !changes.is_empty() {
        let rest = changes.split_off(changes.len().min(BATCH));
        storage.commit(Batch { changes }).await?;
        changes = rest;
    }
    Ok(head)
}

/// Makes all hashes of the tree anew from its nodes and compares them with those that are stored, and its root with `told`,
/// the last that the log tells; `None` where the log tells of none. Then it holds against the tree and the log whatever goes by
/// them: snapshots, how many bytes are held of whom, and the plans of applications.
///
/// # Errors
/// [`BootError::Tree`] with what differs, and what cannot be read. Nothing is changed.
pub async fn check_tree<S: Storage>(storage: &S, told: Option<Hash>) -> Result<Option<CheckedTree>, BootError> {
    let Some(told) = told else { return Ok(None) };
    let Some(stored) = found(storage, Some(told)).await? else { return Ok(None) };
    let Made { head, mut rows, mut held, mut plans, nodes } = made(storage, &BTreeMap::new()).await?;
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
    each(storage, TABLE_APP, |key, row| match plans.remove(&key[1..]) {
        Some(plan) if plan == Hash(Sha256::digest(&row).into()) => Ok(()),
        _ => Err(other_plan(&key[1..])),
    })
    .await?;
    if let Some(app) = plans.keys().next() {
        return Err(other_plan(app));
    }
    let kept = snapshots(storage).await?;
    for (place, bytes) in bytes_kept(storage, &kept).await?.into_iter().enumerate() {
        if kept[place].kept.bytes != bytes {
            return Err(BootError::Tree("how many bytes are kept for a snapshot was changed".to_owned()));
        }
        quotas::add(&mut held, payer(&kept[..=place]), bytes);
    }
    let sums = super::held(storage).await?;
    if let Some((holder, _)) = sums.iter().find(|(holder, bytes)| held.remove(holder) != Some(*bytes)) {
        return Err(BootError::Tree(format!("how many bytes it holds of {holder} was changed")));
    }
    if let Some(holder) = held.keys().next() {
        return Err(BootError::Tree(format!("how many bytes it holds of {holder} is gone")));
    }
    let mut taken = Taken::of(&kept);
    for snapshot in kept.iter().filter(|snapshot| !snapshot.kept.name.is_empty()) {
        let found = events_of(storage, snapshot.action, u64::MAX).await.map_err(|e| match e {
            NotFound::Storage(e) => BootError::Storage(e),
            changed @ NotFound::Changed(_) => BootError::Damaged(changed.to_string()),
        })?;
        for event in found.events.iter().filter_map(|(_, event)| decode_verified(event).ok()) {
            taken.event(&event.header, event.content);
        }
        let made = made(storage, &old_rows(storage, snapshot, |_, row| Ok(row)).await?).await?;
        if made.head.root() != snapshot.kept.root || !taken.tells(snapshot) {
            return Err(BootError::Tree(format!("the snapshot `{}` was changed", snapshot.kept.name)));
        }
    }
    Ok(Some(CheckedTree { root: told, nodes }))
}

/// What nodes make.
struct Made {
    /// The uppermost node.
    head: Node,
    /// All rows below it.
    rows: Vec<(Key, Bytes)>,
    /// How many bytes they hold of whom.
    held: BTreeMap<String, u64>,
    /// What the nodes of applications tell of their plans, by name.
    plans: BTreeMap<Vec<u8>, Hash>,
    /// How many there are.
    nodes: u64,
}

/// What the stored nodes make, with `old` rows in the place of those of the same paths; an empty one is of none.
async fn made<S: Storage>(storage: &S, old: &BTreeMap<String, Bytes>) -> Result<Made, BootError> {
    let (mut list, mut held, mut plans) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut add = |key: &Key, row: &Bytes| {
        let unread = || BootError::Tree(format!("{} cannot be read", named(key)));
        let path = std::str::from_utf8(&key[1..]).map_err(|_| unread())?.to_owned();
        let record: Record = minicbor::decode(row).map_err(|_| unread())?;
        if let Some(app) = apps::app_of_node(key).filter(|_| record.value.is_some()) {
            plans.insert(app.to_owned(), apps::told(&record).ok_or_else(unread)?.plan);
        }
        quotas::add(&mut held, record.holder.as_deref(), record.bytes());
        list.push((path, record.seal().hash()));
        Ok::<_, BootError>(())
    };
    each(storage, TABLE_TREE, |node, row| {
        let is_old = std::str::from_utf8(&node[1..]).is_ok_and(|path| old.contains_key(path));
        if is_old { Ok(()) } else { add(&node, &row) }
    })
    .await?;
    for (path, row) in old.iter().filter(|(_, row)| !row.is_empty()) {
        add(&key(TABLE_TREE, path.as_bytes()), row)?;
    }
    let (nodes, mut rows) = (list.len() as u64, Vec::new());
    let head = build(list, &mut |key, row| rows.push((key, row)));
    Ok(Made { head, rows, held, plans, nodes })
}

/// How many bytes of values are kept under the number of each snapshot.
async fn bytes_kept<S: Storage>(storage: &S, kept: &[Snapshot]) -> Result<Vec<u64>, BootError> {
    let mut sums = vec![0; kept.len()];
    each(storage, TABLE_SNAPSHOT_NODE, |key, row| {
        let number = key.get(1..9).and_then(|number| number.try_into().ok()).map(u64::from_be_bytes);
        // What no snapshot goes by is on its way out.
        let Some(place) = kept.iter().position(|snapshot| Some(snapshot.action.0) == number) else { return Ok(()) };
        if !row.is_empty() {
            let unread = |_| BootError::Tree("a row that is kept for a snapshot cannot be read".to_owned());
            sums[place] += minicbor::decode::<Record>(&row).map_err(unread)?.bytes();
        }
        Ok(())
    })
    .await?;
    Ok(sums)
}

/// The hash of the record in a node's row.
fn record_hash(row: &[u8]) -> Option<Hash> {
    minicbor::decode::<Record>(row).ok().map(|record| record.seal().hash())
}

fn other_plan(app: &[u8]) -> BootError {
    let app = String::from_utf8_lossy(app).into_owned();
    BootError::Tree(format!("the plan of the application `{app}` is not the one that was installed"))
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
