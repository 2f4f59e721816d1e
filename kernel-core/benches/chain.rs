//! Appending to and verifying a log of 300-byte events, beside the floor: the hash that each event needs.
//!
//! Bars (CPU time of one thread): append at most 1.0 us an event; verify at least 1,000,000 events a second.

mod cpu;

use bytes::Bytes;
use cpu::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kernel_core::chain::{Hash, Header, Log, Opening, Origin, Row, TileId, Trust, inclusion, tile_id};
use kernel_core::codec;
use kernel_core::id::ActionId;
use kernel_core::time::WallTime;
use std::collections::BTreeMap;
use std::hint::black_box;

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

fn append(c: &mut Criterion<CpuTime>) {
    let content = content();
    let mut log_of_one = log();
    log_of_one.append(header(1 << 40), &content).unwrap();
    let event = log_of_one.seal()[0].1.clone().unwrap().slice(2..);
    assert!((290..=310).contains(&event.len()), "an event has {} bytes", event.len());

    let mut group = c.benchmark_group("chain");
    group.throughput(Throughput::Elements(1));
    group.bench_function("floor: SHA-256 of one event", |b| b.iter(|| Hash::leaf(black_box(&event))));
    group.bench_function("floor: SHA-256 of one tree node", |b| {
        let hash = Hash::leaf(&event);
        b.iter(|| Hash::node(black_box(&hash), black_box(&hash)));
    });
    group.bench_function("check the form of one content", |b| b.iter(|| codec::check(black_box(&content))));
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("append and seal 1,000 events", |b| {
        b.iter_batched_ref(
            log,
            |log| {
                for n in 0..BATCH {
                    log.append(header(n), black_box(&content)).unwrap();
                }
                log.seal()
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn verify(c: &mut Criterion<CpuTime>) {
    let rows: Vec<(Bytes, Bytes)> = rows().into_iter().map(|(key, value)| (key, value.unwrap())).collect();
    let mut group = c.benchmark_group("chain");
    group.sample_size(20).throughput(Throughput::Elements(EVENTS));
    group.bench_function("verify 100,000 events", |b| {
        b.iter(|| {
            let mut opening = Opening::new(log().origin().clone(), Trust::Unsigned);
            while let Some(want) = opening.wants() {
                let from = rows.partition_point(|(key, _)| *key < want.from);
                let to = rows.partition_point(|(key, _)| *key < want.to).min(from + 16);
                let next = rows.get(to).map(|(key, _)| key.clone()).filter(|key| *key < want.to);
                opening.feed(&rows[from..to], next).unwrap();
            }
            opening.finish().unwrap()
        });
    });
    let tiles: BTreeMap<TileId, Bytes> = rows.iter().filter_map(|(k, v)| Some((tile_id(k)?, v.clone()))).collect();
    group.throughput(Throughput::Elements(1));
    group.bench_function("prove inclusion in 100,000 events", |b| {
        b.iter(|| inclusion(black_box(77_777), EVENTS, &mut |id| tiles.get(&id).cloned()).unwrap());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = append, verify
}
criterion_main!(benches);
