//! What the tree holds and how it is proved: shown to the operator, as it is stored. To read a node as a process does is
//! an act.

use super::Api;
use super::refused::Refused;
use crate::cli::VERSION;
use kernel_core::chain::Evidence;
use kernel_core::kernel::{BootError, Change, Kept, Snapshot, snapshots, tree_changes, tree_children};
use kernel_core::path::{Resource, TreePath};
use kernel_core::platform::Storage;
use kernel_core::refusal::{Code, Refusal};
use serde::Deserialize;
use serde_json::{Value, json};

/// How many children a page has at most.
const MOST: usize = 1_000;

/// Which children.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Children {
    path: Resource,
    #[serde(default)]
    cursor: Option<String>,
}

/// Which snapshots to compare: with what there is now where the second is not named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Diff {
    from: String,
    #[serde(default)]
    to: Option<String>,
}

/// Which node.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    path: Resource,
}

pub(super) async fn children(api: &Api, Children { path, cursor }: Children) -> Result<Value, Refused> {
    let path = node(path)?;
    api.kernel.flushed().await?;
    let found = tree_children(&api.rows, &path, cursor.as_deref(), MOST).await;
    let found = found.map_err(|e| Refusal::new(Code::Failed, format!("the tree cannot be read: {e}")))?;
    Ok(json!({ "weft": VERSION, "children": found.children, "next": found.next }))
}

pub(super) async fn prove(api: &Api, Node { path }: Node) -> Result<Value, Refused> {
    let proof = Evidence::Node(api.kernel.prove_node(&node(path)?).await?);
    let proof: Value = serde_json::from_str(&proof.to_json()).map_err(|e| Refused::new(Code::Failed, e.to_string()))?;
    Ok(json!({ "weft": VERSION, "proof": proof }))
}

pub(super) async fn list(api: &Api) -> Result<Value, Refused> {
    api.kernel.flushed().await?;
    let kept = snapshots(&api.rows).await.map_err(unread)?;
    let named = |one: &Snapshot| {
        let Kept { name, root, labels, holder, bytes, at, by } = &one.kept;
        (!name.is_empty()).then(|| {
            json!({
                "name": name, "action": one.action, "root": root, "labels": labels, "holder": holder, "bytes": bytes, "at": at,
                "by": by,
            })
        })
    };
    Ok(json!({ "weft": VERSION, "snapshots": kept.iter().filter_map(named).collect::<Vec<_>>() }))
}

pub(super) async fn diff(api: &Api, Diff { from, to }: Diff) -> Result<Value, Refused> {
    let full = |_| Refused::new(Code::Full, "other snapshots are being compared; try again");
    let _large = api.room.large.try_acquire().map_err(full)?;
    api.kernel.flushed().await?;
    let kept = snapshots(&api.rows).await.map_err(unread)?;
    let changes = changes_of(&api.rows, &kept, &from, to.as_deref()).await?;
    Ok(json!({ "weft": VERSION, "changes": changes }))
}

/// What is not in the later of two snapshots, or now, as it is in the earlier.
pub(crate) async fn changes_of<S: Storage>(
    rows: &S,
    kept: &[Snapshot],
    from: &str,
    to: Option<&str>,
) -> Result<Vec<Change>, Refusal> {
    let find = |name: &str| {
        let place = kept.iter().position(|one| !name.is_empty() && one.kept.name == name);
        place.ok_or_else(|| Refusal::new(Code::NotFound, format!("there is no snapshot `{name}`")))
    };
    let (from, to) = (find(from)?, to.map(find).transpose()?);
    if to.is_some_and(|to| to < from) {
        return Err(Refusal::new(Code::Invalid, "the snapshot that is compared with is older than the first"));
    }
    tree_changes(rows, &kept[from], to.map(|to| &kept[to])).await.map_err(unread)
}

fn unread(error: BootError) -> Refusal {
    Refusal::new(Code::Failed, error.to_string())
}

fn node(path: Resource) -> Result<TreePath, Refused> {
    match path {
        Resource::Tree(path) => Ok(path),
        other => Err(Refused::new(Code::Invalid, format!("{other} is not in the tree"))),
    }
}
