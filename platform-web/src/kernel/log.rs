//! The stored log, read and verified beside the kernel that writes it.

use super::error::{Failure, Fallible};
use crate::storage::RedbStorage;
use js_sys::Date;
use kernel_core::chain::{
    Decoded, Head, Header, TABLE_EVENTS, VerifierKey, decode, entries, event_key, event_seq, head_key,
};
use kernel_core::codec::table_range;
use kernel_core::id::ActionId;
use kernel_core::kernel::event::Content;
use kernel_core::kernel::{self, BootError, Verified};
use kernel_core::platform::Storage;
use kernel_core::time::WallTime;
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;

/// Rows read at once.
const PAGE: usize = 64;

/// The most events of one answer.
const MOST: u64 = 10_000;

/// Which events.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Range {
    from: u64,
    limit: u64,
}

impl Default for Range {
    fn default() -> Range {
        Range { from: 0, limit: MOST }
    }
}

/// `{events: [..], size}`.
pub(super) async fn events(rows: &RedbStorage, range: Range) -> Fallible<Value> {
    let size = size(rows).await?;
    let until = range.from.saturating_add(range.limit.min(MOST)).min(size);
    let mut found: Vec<Value> = Vec::new();
    if range.from >= until {
        return Ok(json!({ "events": found, "size": size }));
    }
    let mut from = first_row(rows, range.from).await?;
    'rows: loop {
        let page = rows.scan(&from, &table_range(TABLE_EVENTS).1, PAGE).await?;
        for (key, row) in &page.rows {
            for entry in entries(row) {
                match entry.map_err(|e| e.to_string()).and_then(|e| decode(e).map_err(|e| e.to_string())) {
                    Ok(event) if event.seq >= until => break 'rows,
                    Ok(event) if event.seq < range.from => {}
                    Ok(event) => found.push(as_json(&event)),
                    Err(reason) => found.push(json!({ "row": event_seq(key), "unreadable": reason })),
                }
            }
        }
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    Ok(json!({ "events": found, "size": size }))
}

/// The row that holds event `seq`: rows are called by their first event.
async fn first_row(rows: &RedbStorage, seq: u64) -> Fallible<bytes::Bytes> {
    let last = rows.last_before(&event_key(0), &event_key(seq.saturating_add(1)))?;
    Ok(last.unwrap_or_else(|| event_key(seq)))
}

/// How many events are stored.
async fn size(rows: &impl Storage) -> Fallible<u64> {
    let Some(row) = rows.get(&head_key()).await? else { return Ok(0) };
    let unreadable = |e| Failure::new("failed", format!("the head of the log cannot be read: {e}"));
    Ok(Head::decode(&row).map_err(unreadable)?.size)
}

/// An event as `weft chain show --json` prints it.
pub(super) fn as_json(event: &Decoded<'_>) -> Value {
    let Header { kind, action, wall, .. } = event.header;
    event_json(event.seq, wall, action, kind, Content::decode(kind, event.content))
}

/// The same from its parts.
pub(super) fn event_json(
    seq: u64,
    wall: WallTime,
    action: ActionId,
    kind: u8,
    content: Result<Content, String>,
) -> Value {
    let (name, content, unreadable) = match content {
        Ok(content) => (content.name().to_owned(), json!(content), None),
        Err(reason) => (format!("kind_{kind}"), Value::Null, Some(reason)),
    };
    json!({
        "seq": seq,
        "time": time(wall),
        "action": action,
        "kind": name,
        "content": content,
        "unreadable": unreadable,
    })
}

/// RFC 3339 with milliseconds, UTC.
fn time(wall: WallTime) -> String {
    Date::new(&JsValue::from_f64((wall.0 / 1_000_000) as f64)).to_iso_string().into()
}

/// `{ok, size, root, signed, bodies, tree, problem?}`: what does not verify is an answer, not an error.
pub(super) async fn verify(rows: &RedbStorage, key: &VerifierKey) -> Fallible<Value> {
    // The log goes on while it is verified: what is verified is the log of one moment.
    let rows = &rows.snapshot()?;
    let verified = kernel::verify(rows, kernel::opening(key), |_, _| {});
    let problem = match verified.await {
        Ok(Verified { opened, bodies, tree, .. }) => {
            return Ok(json!({
                "ok": true,
                "size": opened.log.size(),
                "root": opened.log.root().to_base64(),
                "signed": opened.signed,
                "bodies": bodies,
                "tree": tree,
            }));
        }
        Err(BootError::Chain(error)) => {
            json!({ "code": error.code(), "text": error.to_string(), "hint": error.advice(), "seq": error.seq() })
        }
        Err(error @ (BootError::Tree(_) | BootError::Damaged(_))) => {
            let code = if matches!(error, BootError::Tree(_)) { "tree_changed" } else { "damaged" };
            let hint = "What the site has stored was changed by something else than the kernel: keep a copy of it.";
            json!({ "code": code, "text": error.to_string(), "hint": hint, "seq": Value::Null })
        }
        Err(other) => return Err(other.into()),
    };
    Ok(json!({ "ok": false, "size": size(rows).await?, "root": Value::Null, "problem": problem }))
}
