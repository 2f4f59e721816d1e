//! What lies in the tree, for its operator: a page of what is directly below a node.

use crate::kernel::rows::{TABLE_TREE, key};
use crate::kernel::start::BootError;
use crate::path::TreePath;
use crate::platform::{Storage, StorageError};
use crate::tree::{Record, Sealed};
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;

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

/// At most `most` of what is directly below `path`, from `cursor` on: `next` of the page before. A row that cannot be read
/// is a node of version 0.
///
/// # Errors
/// What storage fails with.
pub async fn tree_children<S: Storage>(
    storage: &S,
    path: &TreePath,
    cursor: Option<&str>,
    most: usize,
) -> Result<Children, StorageError> {
    let below = if path.as_str().is_empty() { String::new() } else { format!("{}/", path.as_str()) };
    let at = |rest: &str| key(TABLE_TREE, format!("{below}{rest}").as_bytes());
    // No name begins with a greater byte, and the row of the root itself lies before the first.
    let (mut from, to) = (at(cursor.unwrap_or("\x01")), at("\x7f"));
    let mut found = Children::default();
    loop {
        let page = storage.scan(&from, &to, 1).await?;
        let Some((row_key, row)) = page.rows.first() else { return Ok(found) };
        let rest = String::from_utf8_lossy(&row_key[1 + below.len()..]).into_owned();
        let (name, after) = match rest.split_once('/') {
            // The byte behind the separator: everything below this one is skipped.
            Some((name, _)) => (name.to_owned(), format!("{name}0")),
            None => (rest.clone(), format!("{rest}\x01")),
        };
        if found.children.len() >= most && !found.children.contains_key(&name) {
            found.next = Some(rest);
            return Ok(found);
        }
        let child = found.children.entry(name.clone()).or_default();
        if rest == name {
            let record = minicbor::decode::<Record>(row).ok();
            child.bytes = record.as_ref().and_then(|record| record.value.as_ref()).map(|value| value.len() as u64);
            child.node = Some(record.map_or_else(Sealed::default, |record| record.seal()));
        } else {
            child.parent = true;
        }
        from = at(&after);
    }
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
