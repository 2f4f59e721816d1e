//! Events of the log, and what their contents say.
//!
//! The bytes are an event, or, after a first byte that names a kind, a content.

use kernel_core::chain::{Log, MAX_CONTENT, MAX_EVENT, Origin, decode, entries};
use kernel_core::codec;
use kernel_core::kernel::event::Content;

/// What is read is written again as it was; what a content says fits into an event.
pub fn body(data: &[u8]) -> bool {
    let mut any = false;
    if let Ok(event) = decode(data) {
        assert!(codec::check(event.content).is_ok(), "a content is one item");
        if event.seq == 0 && event.prev == kernel_core::chain::Hash::ZERO && data.len() <= MAX_EVENT {
            assert_eq!(written(event.header, event.content), data, "one encoding per event");
        }
        any = true;
        let _ = content(event.header.kind, event.content);
    }
    if let Some((kind, rest)) = data.split_first() {
        any |= content(*kind, rest);
    }
    for entry in entries(data) {
        let Ok(entry) = entry else { break };
        let _ = decode(entry);
    }
    any
}

fn content(kind: u8, bytes: &[u8]) -> bool {
    let Ok(content) = Content::decode(kind, bytes) else { return false };
    assert_eq!(content.kind(), kind);
    serde_json::to_string(&content).expect("every content is JSON");
    let mut once = Vec::new();
    content.encode(&mut once);
    codec::check(&once).expect("contents are deterministic");
    let mut twice = Vec::new();
    Content::decode(kind, &once).expect("what was encoded decodes").encode(&mut twice);
    assert_eq!(once, twice, "one encoding per content");
    true
}

/// The first event of a log, with this header and content.
fn written(header: kernel_core::chain::Header, content: &[u8]) -> Vec<u8> {
    assert!(content.len() <= MAX_CONTENT + 16);
    let mut log = Log::new(Origin::parse("fuzz").expect("an origin"));
    if log.append(header, content).is_err() {
        return Vec::new();
    }
    let (_, row) = log.seal().into_iter().next().expect("a row of events");
    let row = row.expect("a row that is written");
    entries(&row).next().expect("an event").expect("a whole one").to_vec()
}
