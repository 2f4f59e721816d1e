//! What the tree holds and how it is proved: shown to the operator, as it is stored. To read a node as a process does is
//! an act.

use super::Api;
use super::refused::Refused;
use crate::cli::VERSION;
use kernel_core::kernel::tree_children;
use kernel_core::path::{Resource, TreePath};
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
    let proof = api.kernel.prove_node(&node(path)?).await?;
    Ok(json!({ "weft": VERSION, "proof": proof }))
}

fn node(path: Resource) -> Result<TreePath, Refused> {
    match path {
        Resource::Tree(path) => Ok(path),
        other => Err(Refused::new(Code::Invalid, format!("{other} is not in the tree"))),
    }
}
