//! Appending durably, by the clock: events of 300 bytes into the log and its rows into storage, 1,000 to a commit, as the
//! kernel's committer does it. Beside it the same bytes in one flushed write.

mod flushed;

use criterion::{Criterion, criterion_group, criterion_main};
use flushed::{Flushed, median};
use kernel_core::chain::{Header, Log, Origin};
use kernel_core::id::ActionId;
use kernel_core::platform::{Batch, Storage};
use kernel_core::time::WallTime;
use platform_native::{Host, HostOptions};
use std::time::{Duration, Instant};

const SAMPLES: usize = 11;
const GROUP: u64 = 1_000;
/// A second, at least.
const BAR: f64 = 100_000.0;

/// A map of texts, which makes an event of about 300 bytes.
fn content() -> Vec<u8> {
    let mut content = vec![0xa8];
    for key in 0..8 {
        content.extend([key, 0x78, 28]);
        content.extend([b'a' + key; 28]);
    }
    content
}

fn append(c: &mut Criterion) {
    let runtime = platform_native::runtime().expect("tokio");
    let directory = tempfile::tempdir().expect("a directory");
    let opened = runtime.block_on(Host::open(HostOptions::new(directory.path().join("data"))));
    let storage = opened.expect("a host").storage;
    let mut log = Log::new(Origin::parse("weft.example/bench").expect("an origin"));
    let (content, mut number) = (content(), 0);
    let mut group = |log: &mut Log| {
        for _ in 0..GROUP {
            number += 1;
            let header =
                Header { wall: WallTime(1_700_000_000_000_000_000 + number), action: ActionId(number), kind: 1 };
            log.append(header, &content).expect("appended");
        }
        log.seal()
    };
    let bytes = group(&mut log.clone()).iter().map(|(_, value)| value.as_ref().map_or(0, |value| value.len())).sum();
    assert!((300_000..400_000).contains(&bytes), "{GROUP} events and what proves them have {bytes} bytes");
    let (mut flushed, mut works, mut floors) = (Flushed::new(), Vec::new(), Vec::new());
    c.bench_function("append durably, an event in commits of 1,000", |b| {
        b.iter_custom(|n| {
            let groups = n.div_ceil(GROUP);
            let (mut work, mut floor) = (Duration::ZERO, Duration::ZERO);
            for _ in 0..groups {
                floor += flushed.write(bytes);
                let begun = Instant::now();
                let batch = Batch { changes: group(&mut log) };
                runtime.block_on(storage.commit(batch)).expect("committed");
                work += begun.elapsed();
            }
            let events = (groups * GROUP) as f64;
            works.push(work.as_secs_f64() / events);
            floors.push(floor.as_secs_f64() / events);
            work.mul_f64(n as f64 / events)
        });
    });
    // With `--test`, or where a filter left it out, nothing was measured.
    if works.len() < SAMPLES {
        return;
    }
    let (work, floor) = (median(&mut works), median(&mut floors));
    let met = if 1.0 / work >= BAR { "met" } else { "MISSED" };
    println!(
        "bar: append durably, 300-byte events, 1,000 a commit of {:.2} ms: {:.0} a second; floor {:.0} a second (the same \
         bytes in one flushed write); bar at least {BAR:.0}: {met}\n",
        work * GROUP as f64 * 1e3,
        1.0 / work,
        1.0 / floor
    );
}

fn config() -> Criterion {
    Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! { name = appends; config = config(); targets = append }
criterion_main!(appends);
