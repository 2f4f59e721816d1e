//! What a write to a node of the resource tree costs in memory, while the tree grows to 1,000,000 nodes: the whole road,
//! with the hashes and both events. The bar is 20 us. Then what reading and proving nodes of that tree costs.
//!
//! The state is stepped by itself, over a map of rows in the place of storage; it keeps at hand what it keeps with any host.

#![allow(clippy::disallowed_macros)] // A bench prints.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // A bench measures.

#[path = "../tests/bare/mod.rs"]
mod bare;

use bytes::Bytes;
use cpu_time::ProcessTime;
use kernel_core::agency::Role;
use kernel_core::capability::{Capabilities, Right};
use kernel_core::id::{CallId, Pid};
use kernel_core::kernel::effects::Effects;
use kernel_core::kernel::input::Input;
use kernel_core::kernel::request::Request;
use kernel_core::path::Name;
use kernel_core::time::{Instant, Now, WallTime};
use kernel_core::tree::Broken;
use std::collections::HashMap;

/// How many nodes there are in the end.
const NODES: u64 = 1_000_000;
/// How many folders they lie in.
const FOLDERS: u64 = 100;
/// At how many it is told, and for how many before that.
const SAMPLES: [(u64, u64); 4] = [(1_000, 1_000), (10_000, 9_000), (100_000, 90_000), (NODES, 100_000)];
/// How many are read and proved.
const LOOKS: u64 = 10_000;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut fx = Effects::default();
    let mut state = bare::boot(&[], &mut fx);
    let mut rows: HashMap<Bytes, Bytes> = HashMap::new();
    let now = Now { at: Instant(0), wall: WallTime(0) };
    let held =
        Capabilities::new(vec![Right::parse("write /tree/**").expect("a right")], Vec::new()).expect("few rights");
    let name = Name::parse("writer").expect("a name");
    bare::step(&mut state, &Input::Attach { call: CallId(0), name, role: Role::User, capabilities: held }, &mut fx);
    let mut begun = ProcessTime::now();
    for n in 0..NODES {
        let path = format!("/tree/{}", path(n));
        let body = Bytes::from_static(b"{\"replace\":true}\na value of a few words");
        let request = Request::parse(Pid(1), "write", &path, body);
        let input = Input::Act { pid: Pid(1), call: CallId(n + 1), request };
        while let Err(need) = state.step(&input, now, &mut fx) {
            for key in need.keys {
                let row = rows.get(&key).cloned();
                state.load(key, row);
            }
        }
        assert!(fx.replies.drain(..).all(|reply| reply.result.is_ok()), "a write that is done");
        for (key, row) in fx.rows.drain(..) {
            match row {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
        fx.records.clear();
        if SAMPLES.iter().any(|(at, of)| n + 1 == at - of) {
            begun = ProcessTime::now();
        }
        if let Some((at, of)) = SAMPLES.iter().find(|(at, _)| *at == n + 1) {
            println!("{at:>9} nodes: {:.2} us of CPU time for a write", each(begun, *of));
            begun = ProcessTime::now();
        }
    }
    let bytes: usize = rows.iter().map(|(key, row)| key.len() + row.len()).sum();
    println!("{:>9} bytes in {} rows, {} for a node", bytes, rows.len(), bytes as u64 / NODES);
    let head = kernel_core::tree::Node::from_bytes(&rows[&b"\x51"[..]][..64]).expect("an uppermost node");
    let begun = ProcessTime::now();
    for n in 0..LOOKS {
        let path = path(n * (NODES / LOOKS));
        let proof =
            kernel_core::tree::prove(head, &path, |key| Ok::<_, Broken>(rows.get(key).cloned())).expect("a proof");
        kernel_core::tree::verify(head.root(), &path, &proof).expect("a proof that holds").expect("a node");
    }
    println!("{NODES:>9} nodes: {:.2} us of CPU time to prove one and check it", each(begun, LOOKS));
}

/// Without `/tree/`.
fn path(n: u64) -> String {
    format!("app/notes/folder-{}/node-{n}", n % FOLDERS)
}

/// Microseconds of CPU time since `begun` for each of so many.
fn each(begun: ProcessTime, of: u64) -> f64 {
    begun.elapsed().as_secs_f64() * 1e6 / of as f64
}
