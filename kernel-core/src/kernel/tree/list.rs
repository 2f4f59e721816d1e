//! What lies in the tree, for its operator: a page of what is directly below a node.

use crate::kernel::rows::{TABLE_TREE, key};
use crate::kernel::start::BootError;
use crate::path::TreePath;
use crate::platform::Storage;
use crate::tree::{Record, Sealed};
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;

/// How many rows a page may look at beyond twice as many as it may have.
const MORE: usize = 1_000;

/// What is directly below a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Child {
    /// What it holds; null where only something below it does.
    pub node: Option<Sealed>,
    /// The bytes of its value; null where it has none.
    pub bytes: Option<u64>,
    /// Whether something is below it.
    pub parent: bool,
}

/// A page of them, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Children {
    /// They. One that has a node and something below it may be on two pages.
    pub children: BTreeMap<String, Child>,
    /// Where the next page begins; null where there is none.
    pub next: Option<String>,
}

/// At most `most` of what is directly below `path`, from `cursor` on: `next` of the page before. What was removed and left a
/// row is there with version 0.
///
/// # Errors
/// [`BootError::Tree`] where a row cannot be read, and what storage fails with.
pub async fn tree_children<S: Storage>(
    storage: &S,
    path: &TreePath,
    cursor: Option<&str>,
    most: usize,
) -> Result<Children, BootError> {
    children(storage, path, cursor, most, |_| true).await
}

/// The same of those that `shows` takes for there. It is given each record that is looked at: whether the node is told of.
pub(super) async fn children<S: Storage>(
    storage: &S,
    path: &TreePath,
    cursor: Option<&str>,
    most: usize,
    mut shows: impl FnMut(&Record) -> bool,
) -> Result<Children, BootError> {
    let below = if path.as_str().is_empty() { String::new() } else { format!("{}/", path.as_str()) };
    let at = |rest: &str| key(TABLE_TREE, format!("{below}{rest}").as_bytes());
    // No name begins with a greater byte, and the row of the root itself lies before the first.
    let (first, to) = (at("\x01"), at("\x7f"));
    // A cursor is whatever its bearer says.
    let mut from = cursor.map_or_else(|| first.clone(), at).max(first);
    let mut found = Children::default();
    for looked in 0.. {
        if from >= to {
            break;
        }
        let page = storage.scan(&from, &to, 1).await?;
        let Some((row_key, row)) = page.rows.first() else { break };
        let rest = String::from_utf8_lossy(&row_key[1 + below.len()..]).into_owned();
        let (name, is_below) = match rest.split_once('/') {
            Some((name, _)) => (name.to_owned(), true),
            None => (rest.clone(), false),
        };
        let record = minicbor::decode::<Record>(row);
        let record =
            record.map_err(|e| BootError::Tree(format!("the node /tree/{below}{rest} cannot be read: {e}")))?;
        // Where the next page begins is told of, too.
        let shown = shows(&record);
        // What is not shown is looked at all the same, so a page is bounded by that, too.
        if looked >= 2 * most + MORE || found.children.len() >= most && !found.children.contains_key(&name) {
            found.next = Some(rest);
            break;
        }
        // Where one is told of that is below another, the rest of those below that is skipped: the byte behind the separator.
        from = at(&if is_below && shown { format!("{name}0") } else { format!("{rest}\x01") });
        if !shown {
            continue;
        }
        let child = found.children.entry(name).or_default();
        if is_below {
            child.parent = true;
        } else {
            child.bytes = record.value.as_ref().map(|value| value.len() as u64);
            child.node = Some(record.seal());
        }
    }
    Ok(found)
}

/// The record at `path`.
///
/// # Errors
/// [`BootError::Tree`] where it cannot be read, and what storage fails with.
pub async fn tree_record<S: Storage>(storage: &S, path: &TreePath) -> Result<Option<Record>, BootError> {
    let row: Option<Bytes> = storage.get(&super::node_key(path)).await?;
    let unread = |e| BootError::Tree(format!("the node /tree/{} cannot be read: {e}", path.as_str()));
    row.map(|row| minicbor::decode(&row).map_err(unread)).transpose()
}
