//! Appending to, verifying and proving of a log of 300-byte events, beside the floor: the hash that each event needs. At most
//! 1.0 us to verify one is at least 1,000,000 a second.

mod bars;
mod cpu;

use bars::{Bar, SAMPLES, beside};
use bytes::Bytes;
use cpu::CpuTime;
use cpu_time::ProcessTime;
use criterion::{Criterion, criterion_group, criterion_main};
use kernel_core::chain::{
    Hash, Header, Log, Opening, Origin, Row, TileId, Tree, Trust, consistency, inclusion, root_at, tile_id,
    verify_consistency, verify_inclusion,
};
use kernel_core::codec;
use kernel_core::id::ActionId;
use kernel_core::time::WallTime;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

const EVENTS: u64 = 100_000;
const BATCH: u64 = 1_000;

fn header(n: u64) -> Header {
    Header { wall: WallTime(1_700_000_000_000_000_000 + n), action: ActionId(n), kind: 1 }
}

/// A content that makes an event of about 300 bytes and looks like one of the kernel's: a map of small
/// numbers, short texts and lists.
fn content() -> Vec<u8> {
    #[derive(minicbor::Encode)]
    #[cbor(map)]
    struct Facts {
        #[n(0)]
        pid: u64,
        #[n(1)]
        agent: &'static str,
        #[n(2)]
        verb: &'static str,
        #[n(3)]
        resource: &'static str,
        #[n(4)]
        grant: &'static str,
        #[n(5)]
        labels: [&'static str; 2],
        #[n(6)]
        effect: [u16; 5],
        #[n(7)]
        environment: (&'static str, u16, u8),
        #[n(8)]
        charter: u64,
        #[n(9)]
        commitment: minicbor::bytes::ByteArray<32>,
        #[n(10)]
        length: u64,
    }
    codec::encode(&Facts {
        pid: 4711,
        agent: "repo-audit.secrets-scanner",
        verb: "read",
        resource: "/fs/repo/src/services/payment/handlers/v2/public/create_invoice_with_discount.rs",
        grant: "read /fs/repo/src/services/**",
        labels: ["private", "secret"],
        effect: [500, 0, 1000, 125, 500],
        environment: ("prod", 3000, 1),
        charter: 7,
        commitment: [0xab; 32].into(),
        length: 65_536,
    })
    .unwrap()
}

fn log() -> Log {
    Log::new(Origin::parse("weft.example/bench").unwrap())
}

fn rows() -> Vec<Row> {
    let (mut log, content, mut rows) = (log(), content(), BTreeMap::new());
    for n in 0..EVENTS {
        log.append(header(n), &content).unwrap();
        if log.size() % BATCH == 0 {
            rows.extend(log.seal());
        }
    }
    rows.into_iter().collect()
}

/// The CPU time of `n` times `work`.
fn times<T>(n: u64, mut work: impl FnMut(u64) -> T) -> Duration {
    let begun = ProcessTime::now();
    for i in 0..n {
        black_box(work(i));
    }
    begun.elapsed()
}

fn append(c: &mut Criterion<CpuTime>) {
    let content = content();
    let mut log_of_one = log();
    log_of_one.append(header(1 << 40), &content).unwrap();
    let event = log_of_one.seal()[0].1.clone().unwrap().slice(2..);
    assert!((290..=310).contains(&event.len()), "an event has {} bytes", event.len());

    let mut floor = |n| times(n, |_| Hash::leaf(black_box(&event)));
    let floor = ("SHA-256 of one event", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "append and seal, an event in batches of 1,000", Bar::Micros(1.0), floor, |n| {
        let mut log = log();
        times(n, |i| {
            log.append(header(i), black_box(&content)).unwrap();
            ((i + 1) % BATCH == 0 || i + 1 == n).then(|| log.seal())
        })
    });
    let mut floor = |n| times(n, |_| Hash::leaf(black_box(&event)));
    let floor = ("SHA-256 of one event", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "check the form of one content", Bar::None, floor, |n| times(n, |_| codec::check(black_box(&content))));
}

fn open(rows: &[(Bytes, Bytes)]) {
    let mut opening = Opening::new(log().origin().clone(), Trust::Unsigned);
    while let Some(want) = opening.wants() {
        let from = rows.partition_point(|(key, _)| *key < want.from);
        let to = rows.partition_point(|(key, _)| *key < want.to).min(from + 16);
        let next = rows.get(to).map(|(key, _)| key.clone()).filter(|key| *key < want.to);
        opening.feed(&rows[from..to], next, &mut |_| {}).unwrap();
    }
    black_box(opening.finish().unwrap());
}

fn verify(c: &mut Criterion<CpuTime>) {
    let rows: Vec<(Bytes, Bytes)> = rows().into_iter().map(|(key, value)| (key, value.unwrap())).collect();
    let event = [7; 300];
    let mut floor = |n| times(n, |_| Hash::leaf(black_box(&event)));
    let floor = ("SHA-256 of 300 bytes", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "verify, an event of 100,000", Bar::Micros(1.0), floor, |n| {
        let logs = n.div_ceil(EVENTS);
        times(logs, |_| open(&rows)).mul_f64(n as f64 / (logs * EVENTS) as f64)
    });
    let tiles: BTreeMap<TileId, Bytes> = rows.iter().filter_map(|(k, v)| Some((tile_id(k)?, v.clone()))).collect();
    let hash = Hash::leaf(&event);
    let mut floor = |n| times(n, |_| Hash::node(black_box(&hash), black_box(&hash)));
    let floor = ("SHA-256 of one tree node", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "prove inclusion in 100,000 events", Bar::Micros(100.0), floor, |n| {
        times(n, |_| inclusion(black_box(77_777), EVENTS, &mut |id| tiles.get(&id).cloned()).unwrap())
    });
}

/// The events of a large log.
const MANY: u64 = 10_000_000;
/// The most bytes of a proof, as a file of evidence has it.
const PROOF_BYTES: usize = 2_048;

#[allow(clippy::disallowed_macros)] // A bench prints.
fn prove(c: &mut Criterion<CpuTime>) {
    let (mut tree, mut tiles) = (Tree::new(), BTreeMap::new());
    for n in 0..MANY {
        tree.push(Hash::leaf(&n.to_be_bytes()), |id, tile| drop(tiles.insert(id, Bytes::from(tile))));
    }
    let partial = (0..tree.levels()).filter_map(|level| tree.partial(level));
    tiles.extend(partial.map(|(id, tile)| (id, Bytes::copy_from_slice(tile))));
    let (root, mut at) = (tree.root(), |id| tiles.get(&id).cloned());
    // The last full subtree is as deep as any.
    let seq = MANY / 2 + 4_321;
    let proof = inclusion(seq, MANY, &mut at).unwrap();
    let old = MANY - 12_345;
    let old_root = root_at(old, &mut at).unwrap();
    let longest = consistency(old, MANY, &mut at).unwrap();
    for (what, proof) in [("inclusion", &proof), ("consistency", &longest)] {
        // Each hash in base64, in quotes, on a line of its own.
        let bytes = proof.iter().map(|hash| hash.to_base64().len() + 12).sum::<usize>();
        let met = if bytes <= PROOF_BYTES { "met" } else { "MISSED" };
        println!("bar: proof of {what} in 10,000,000 events: {bytes} bytes; bar at most {PROOF_BYTES}: {met}\n");
    }
    let hash = Hash::leaf(b"x");
    let floor = || move |n| times(n, |_| Hash::node(black_box(&hash), black_box(&hash)));
    let name = "SHA-256 of one tree node";
    beside(c, "prove inclusion in 10,000,000 events", Bar::Micros(100.0), (name, &mut floor()), |n| {
        times(n, |_| inclusion(black_box(seq), MANY, &mut |id| tiles.get(&id).cloned()).unwrap())
    });
    let leaf = Hash::leaf(&seq.to_be_bytes());
    beside(c, "check inclusion in 10,000,000 events", Bar::Micros(100.0), (name, &mut floor()), |n| {
        times(n, |_| verify_inclusion(black_box(leaf), seq, MANY, root, &proof).unwrap())
    });
    beside(c, "prove consistency of 10,000,000 events", Bar::Micros(100.0), (name, &mut floor()), |n| {
        times(n, |_| consistency(black_box(old), MANY, &mut |id| tiles.get(&id).cloned()).unwrap())
    });
    beside(c, "check consistency of 10,000,000 events", Bar::Micros(100.0), (name, &mut floor()), |n| {
        times(n, |_| verify_consistency(black_box(old), old_root, MANY, root, &longest).unwrap())
    });
}

fn config() -> Criterion<CpuTime> {
    Criterion::default()
        .with_measurement(CpuTime)
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! { name = chain; config = config(); targets = append, verify, prove }
criterion_main!(chain);
