//! The events of a stored log, one after the other, decoded as far as this version can.

use super::text::time;
use kernel_core::chain::{Decoded, Header, TABLE_EVENTS, decode, entries, event_key, event_seq};
use kernel_core::codec::table_range;
use kernel_core::id::ActionId;
use kernel_core::kernel::event::Content;
use kernel_core::platform::{Storage, StorageError};
use kernel_core::time::WallTime;
use serde_json::{Value, json};
use std::ops::ControlFlow;

/// Rows read at once.
const PAGE: usize = 64;

/// One event.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its place in the log.
    pub(crate) seq: u64,
    /// When it was recorded.
    pub(crate) wall: WallTime,
    /// The act that it belongs to; 0 for none.
    pub(crate) action: ActionId,
    /// What its content is.
    pub(crate) kind: u8,
    /// What it says, or why that cannot be read.
    pub(crate) content: Result<Content, String>,
}

/// Shows `visit` every event whose header is `wanted`, from the row that begins with event `from` on,
/// until it breaks. An event that is none is shown as the reason, with the first event of its row.
pub(crate) async fn each<S: Storage>(
    storage: &S,
    from: u64,
    wanted: impl Fn(&Header) -> bool,
    mut visit: impl FnMut(Result<Entry, (u64, String)>) -> ControlFlow<()>,
) -> Result<(), StorageError> {
    let (mut from, to) = (event_key(from), table_range(TABLE_EVENTS).1);
    loop {
        let page = storage.scan(&from, &to, PAGE).await?;
        for (key, row) in &page.rows {
            let first = event_seq(key).unwrap_or(0);
            for entry in entries(row) {
                let shown = match entry.map_err(|e| e.to_string()).and_then(|e| decode(e).map_err(|e| e.to_string())) {
                    Ok(event) if wanted(&event.header) => visit(Ok(Entry::of(&event))),
                    Ok(_) => ControlFlow::Continue(()),
                    Err(reason) => visit(Err((first, reason))),
                };
                if shown.is_break() {
                    return Ok(());
                }
            }
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}

impl Entry {
    /// The same as it is told to programs.
    pub(crate) fn json(&self) -> Value {
        let (content, unreadable) = match &self.content {
            Ok(content) => (json!(content), None),
            Err(reason) => (Value::Null, Some(reason)),
        };
        json!({
            "seq": self.seq,
            "time": time(self.wall),
            "action": self.action,
            "kind": self.kind_name(),
            "content": content,
            "unreadable": unreadable,
        })
    }

    /// What an event of a log says.
    pub(crate) fn of(event: &Decoded<'_>) -> Entry {
        let (header, seq) = (event.header, event.seq);
        let content = Content::decode(header.kind, event.content);
        Entry { seq, wall: header.wall, action: header.action, kind: header.kind, content }
    }

    /// The kind in words.
    pub(crate) fn kind_name(&self) -> String {
        match &self.content {
            Ok(content) => content.name().to_owned(),
            Err(_) => format!("kind_{}", self.kind),
        }
    }
}
