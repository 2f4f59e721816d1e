//! The log of a kernel that runs, as far as it is on disk.

use super::Api;
use super::refused::Refused;
use crate::cli::VERSION;
use crate::cli::events::Entry;
use crate::cli::stored::head;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel_core::chain::{TABLE_EVENTS, decode, entries, event_key};
use kernel_core::codec::table_range;
use kernel_core::kernel::row_of;
use kernel_core::platform::Storage;
use kernel_core::refusal::Code;
use serde_json::{Value, json};

/// How many rows are told at once: each has at most 256 KiB.
const ROWS: usize = 4;

/// The events from number `from` on, some rows of them.
pub(super) async fn log(api: &Api, from: u64) -> Result<Value, Refused> {
    let unread = |e: String| Refused::new(Code::Failed, format!("the log cannot be read: {e}"));
    let size = head(&api.rows).await?.map_or(0, |head| head.size);
    let mut events = Vec::new();
    if from >= size {
        return Ok(json!({ "weft": VERSION, "next": size, "events": events }));
    }
    let first = row_of(&api.rows, from).await.map_err(|e| unread(e.to_string()))?;
    let page = api.rows.scan(&event_key(first), &table_range(TABLE_EVENTS).1, ROWS).await;
    let page = page.map_err(|e| unread(e.to_string()))?;
    let mut next = from;
    for bytes in page.rows.iter().flat_map(|(_, row)| entries(row)) {
        let bytes = bytes.map_err(|e| unread(e.to_string()))?;
        let event = decode(bytes).map_err(|e| unread(e.to_string()))?;
        if event.seq < from {
            continue;
        }
        next = event.seq + 1;
        let mut told = Entry::of(&event).json();
        told["event"] = json!(STANDARD.encode(bytes));
        events.push(told);
    }
    Ok(json!({ "weft": VERSION, "next": next, "events": events }))
}
