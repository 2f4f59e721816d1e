//! What a write to a node of the resource tree costs in memory, while the tree grows to 1,000,000 nodes: the whole road,
//! with the hashes and both events. The bar is 20 us.
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
use std::collections::HashMap;

/// How many nodes there are in the end.
const NODES: u64 = 1_000_000;
/// How many folders they lie in.
const FOLDERS: u64 = 100;
/// After how many it is told.
const SAMPLE: u64 = 100_000;

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
        let path = format!("/tree/app/notes/folder-{}/node-{n}", n % FOLDERS);
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
        if (n + 1).is_multiple_of(SAMPLE) {
            let each = begun.elapsed().as_secs_f64() * 1e6 / SAMPLE as f64;
            println!("{:>9} nodes: {each:.2} us of CPU time for a write", n + 1);
            begun = ProcessTime::now();
        }
    }
}
