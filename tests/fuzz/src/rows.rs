//! Rows of state behind the kernel's back: what whoever holds the disk can leave there for the next start.
//!
//! The bytes are rows: a table from 0x40 on, a u8 length and the rest of the key, a u16 length and the value.

use crate::sample;
use bytes::Bytes;
use kernel_core::refusal::Code;
use kernel_core::sim::Sim;

/// The most rows that are put.
const MOST: usize = 64;

/// A start over such rows is refused or goes well; what is read from them is refused or read; the log verifies.
pub fn body(data: &[u8]) -> bool {
    let sim = Sim::new(11);
    let storage = sim.storage();
    storage.tamper(|rows| {
        rows.clone_from(&sample::sample().rows);
        for (key, value) in decode(data).into_iter().take(MOST) {
            rows.insert(key, value);
        }
    });
    sim.run(async {
        let kernel = match sample::boot(&sim, storage.clone()).await {
            Ok(kernel) => kernel,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return false;
            }
        };
        let session = sample::session(&kernel).await.expect("a kernel that has booted takes sessions");
        let acts = [
            ("read", "/tree/app/node-1", ""),
            ("write", "/tree/app/node-1", "{\"replace\":true}\nnew"),
            ("read", "/tree/a", ""),
            ("write", "/fs/repo/README", "{\"replace\":true}\nnew"),
            ("read", "/fs/repo/README", ""),
            ("spawn", "/agent/echo", "{\"use\":[\"register /svc/echo\"]}"),
            ("call", "/svc/echo", "\nhello"),
            ("start", "/app/a", ""),
            ("read", "/fs/repo/README", ""),
            ("write", "/fs/repo/README", "{\"replace\":true}\nnew"),
            ("remove", "/app/a", ""),
            ("send", "/svc/echo", ""),
            ("list", "/letter", ""),
            ("read", "/letter/0", ""),
            ("send", "/letter/0", ""),
            ("remove", "/letter/0", ""),
        ];
        for (verb, resource, body) in acts {
            if let Err(refusal) = session.act(verb, resource, body).await {
                assert_ne!(refusal.code, Code::NotDurable, "{verb} {resource}: {refusal}");
            }
        }
        assert!(session.pid().0 > 2, "a number was used twice");
        kernel.shutdown("done").await.expect("no row stops the log");
        sample::verify(&storage).await.expect("the log verifies");
        true
    })
}

/// The rows that the bytes spell; what is left over is none.
fn decode(mut data: &[u8]) -> Vec<(Bytes, Bytes)> {
    let mut rows = Vec::new();
    while let Some((table, rest)) = data.split_first() {
        let Some((key, rest)) = sized(rest, 1) else { break };
        let Some((value, rest)) = sized(rest, 2) else { break };
        // The log's own tables are the business of `store` and `edits`.
        let table = 0x40 | table & 0x0f;
        rows.push((Bytes::from([&[table], key].concat()), Bytes::copy_from_slice(value)));
        data = rest;
    }
    rows
}

/// The bytes after a length of `width` bytes, and what follows them.
pub(crate) fn sized(data: &[u8], width: usize) -> Option<(&[u8], &[u8])> {
    let (len, rest) = data.split_at_checked(width)?;
    let len = len.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    rest.split_at_checked(len)
}
