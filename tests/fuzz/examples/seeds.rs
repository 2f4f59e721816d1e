//! Writes the seeds that are made, not written: `cargo run -p kernel-fuzz --example seeds`. To be run again when
//! a format moves.

use kernel_core::chain::{TABLE_EVENTS, decode, entries};
use kernel_core::codec::table_range;
use kernel_fuzz::sample::{key, sample, signed};
use kernel_fuzz::{note, store};
use std::collections::BTreeMap;
use std::path::Path;

fn main() {
    let sample = sample();
    put("store", "log", &store::write(&sample.rows));
    for size in 0..note::SIGNED {
        put("note", &format!("checkpoint-{size}"), signed(&note::checkpoint(size)).as_bytes());
    }
    put("note", "key", key().to_string().as_bytes());

    for (name, evidence) in &sample.evidence {
        put("evidence", name, evidence.to_json().as_bytes());
    }

    // One event of each kind, whole and as its content.
    let (from, to) = table_range(TABLE_EVENTS);
    let mut kinds = BTreeMap::new();
    for (_, row) in sample.rows.range(from..to) {
        for entry in entries(row) {
            let entry = entry.expect("a whole event");
            let event = decode(entry).expect("an event");
            kinds.entry(event.header.kind).or_insert((entry.to_vec(), event.content.to_vec()));
        }
    }
    for (kind, (event, content)) in kinds {
        put("event", &format!("{kind:02}"), &event);
        put("event", &format!("{kind:02}-content"), &[&[kind], &content[..]].concat());
        if kind < 4 {
            put("cbor", &format!("content-{kind:02}"), &content);
        }
    }

    let few = &sample.journal[..sample.journal.len().min(30)];
    put("journal", "run", &serde_json::to_vec(few).expect("JSON"));
    put("journal", "boot", &serde_json::to_vec(&sample.journal[..1]).expect("JSON"));

    for name in ["small", "everything"] {
        let plan = kernel_fuzz::manifest::planned(name);
        put("plan", name, &plan);
        let install = [format!("install\n/app/{name}\n\n").as_bytes(), &plan].concat();
        put("acts", name, &[&install[..], format!("\x1estart\n/app/{name}\n").as_bytes()].concat());
        put("request", &format!("install-{name}"), &install);
        // The same as the row of an installed application.
        let mut row = vec![0x45, 1, b'a'];
        row.extend_from_slice(&u16::try_from(plan.len()).expect("a short plan").to_be_bytes());
        put("rows", &format!("app-{name}"), &[row, plan].concat());
    }

    // What does not parse is told in the log as it came, escaped: much longer than it was.
    put(
        "acts",
        "unprintable",
        &[[0x7f; 5_000].as_slice(), b"\n", &[0x7f; 5_000], b"\nbody\x1eread\n/tree/x\n"].concat(),
    );

    // The longest paths with as many labels as there may be, written, refused, and not delivered.
    let labels: Vec<String> = (0..64).map(|n| format!("{:a<64}", format!("label-{n:02}-"))).collect();
    let header = serde_json::json!({ "labels": labels, "replace": true, "expect": "e".repeat(64) });
    let message = serde_json::json!({ "labels": labels, "content_type": "t".repeat(255) });
    let long = vec!["%FE".repeat(80); 17].join("/");
    let act = |verb: &str, resource: &str, header: &serde_json::Value| format!("{verb}\n{resource}\n{header}\nx\x1e");
    let acts = [
        act("write", &format!("/tree/{long}"), &header),
        act("write", &format!("/fs/repo/{long}"), &header),
        act("write", &format!("/fs/none/{long}"), &header),
        act("send", "/svc/echo", &message),
        act("publish", "/topic/a.b", &message),
        act("call", "/svc/none", &message),
    ];
    put("acts", "longest", acts.concat().as_bytes());

    // The rows of state, a few of each table.
    let mut seen: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    let mut counts: BTreeMap<u8, usize> = BTreeMap::new();
    for (key, value) in sample.rows.iter().filter(|(key, _)| key[0] >= 0x40 && key[0] < 0x50) {
        let count = counts.entry(key[0]).or_default();
        *count += 1;
        if *count <= 3 {
            let out = seen.entry(key[0]).or_default();
            out.push(key[0]);
            out.push(u8::try_from(key.len() - 1).expect("a short key"));
            out.extend_from_slice(&key[1..]);
            out.extend_from_slice(&u16::try_from(value.len()).expect("a short row").to_be_bytes());
            out.extend_from_slice(value);
        }
    }
    for (table, rows) in seen {
        put("rows", &format!("table-{table:02x}"), &rows);
    }
}

fn put(target: &str, name: &str, data: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(name), data).expect("a seed");
}
