//! Evidence: files about the log and the tree, made beside the kernel that writes them and checked without any.

use super::error::{Failure, Fallible};
use super::{Running, log};
use kernel_core::chain::{Checkpoint, Evidence, EvidenceError, VerifierKey};
use kernel_core::id::ActionId;
use kernel_core::kernel::{self, Child, Proven, ProvenNode, ReceiptError, tree_children, verify_node, verify_receipt};
use kernel_core::path::{Resource, TreePath};
use serde_json::{Value, json};

/// How many children one answer has at most.
const MOST: usize = 1_000;

/// The receipt of an act, as the file that it is, under a checkpoint of this moment.
pub(super) async fn receipt(running: &Running, action: ActionId, with_body: bool) -> Fallible<String> {
    let (_, note) = running.kernel.0.checkpoint().await?;
    let made = kernel::receipt(&running.rows, action, &note, with_body).await.map_err(|e| {
        let code = match e {
            ReceiptError::Storage(error) => return Failure::from(error),
            ReceiptError::NotFound(_) | ReceiptError::NoBody { .. } => "not_found",
            _ => "failed",
        };
        Failure::new(code, e.to_string())
    })?;
    Ok(Evidence::Receipt(made).to_json())
}

/// What is directly below a node: `{children: [{name, node, bytes, parent}, ..], next}`.
pub(super) async fn children(running: &Running, path: &str, cursor: Option<&str>) -> Fallible<Value> {
    let path = node(path)?;
    running.kernel.0.flushed().await?;
    let found = tree_children(&running.rows, &path, cursor, MOST).await?;
    let children: Vec<Value> = found.children.iter().map(named).collect();
    Ok(json!({ "children": children, "next": found.next }))
}

fn named((name, Child { node, bytes, parent }): (&String, &Child)) -> Value {
    json!({ "name": name, "node": node, "bytes": bytes, "parent": parent })
}

/// The proof of what a node is, or that it is not there, as the file that it is.
pub(super) async fn prove(running: &Running, path: &str) -> Fallible<String> {
    let proof = running.kernel.0.prove_node(&node(path)?).await?;
    Ok(Evidence::Node(proof).to_json())
}

fn node(path: &str) -> Fallible<TreePath> {
    match path.parse() {
        Ok(Resource::Tree(path)) => Ok(path),
        _ => Err(Failure::new("invalid", format!("`{path}` is no node of the tree, which is written /tree/NAME/NAME"))),
    }
}

/// Checks a file of evidence, and says what it is evidence of.
pub(super) fn verify(text: &str, key: Option<&str>) -> Fallible<Value> {
    let malformed = || Failure::new("invalid", "a key is written NAME+ID+BASE64, as a kernel tells it".to_owned());
    let key = key.map(|key| VerifierKey::parse(key).ok_or_else(malformed)).transpose()?;
    let (checkpoint, mut said) = check(text, key.as_ref())?;
    said["origin"] = json!(checkpoint.origin.as_str());
    said["key"] = json!(key.map(|key| key.to_string()));
    said["size"] = json!(checkpoint.size);
    said["root"] = json!(checkpoint.root.to_base64());
    Ok(said)
}

fn check(text: &str, key: Option<&VerifierKey>) -> Fallible<(Checkpoint, Value)> {
    let evidence = Evidence::parse(text.as_bytes()).map_err(|e| Failure::new("invalid", e.to_string()))?;
    Ok(match evidence {
        Evidence::Receipt(receipt) => {
            let proven = verify_receipt(&receipt, key)?;
            let said = of_receipt(&proven);
            (proven.checkpoint, said)
        }
        Evidence::Inclusion(inclusion) => {
            let (checkpoint, event) = inclusion.verify(key)?;
            (checkpoint, json!({ "evidence": "inclusion", "event": log::as_json(&event) }))
        }
        Evidence::Consistency(consistency) => {
            let checkpoint = consistency.verify(key)?;
            let old = json!({ "size": consistency.size, "root": consistency.root.to_base64() });
            (checkpoint, json!({ "evidence": "consistency", "old": old }))
        }
        Evidence::Node(proof) => {
            let ProvenNode { checkpoint, path, node, seq } = verify_node(&proof, key)?;
            (checkpoint, json!({ "evidence": "node", "path": path, "node": node, "seq": seq }))
        }
    })
}

fn of_receipt(proven: &Proven) -> Value {
    let told = proven.explain();
    let events = proven.events.iter().map(|event| {
        log::event_json(event.seq, event.wall, proven.action, event.content.kind(), Ok(event.content.clone()))
    });
    json!({
        "evidence": "receipt",
        "action": proven.action,
        "events": events.collect::<Vec<Value>>(),
        "body": proven.body,
        "intended": told.intended,
        "decided": told.decided,
        "outcome": told.outcome,
        "detail": told.detail,
    })
}

impl From<EvidenceError> for Failure {
    fn from(error: EvidenceError) -> Failure {
        Failure::new(error.code(), format!("it does not hold: {error}"))
    }
}
