//! Restarts in process: an agent that ends as soon as it has begun, started again by its application.
//!
//! Each restart is what it always is: an end, a decision, a spawn by the supervisor that takes the road, a fresh instance,
//! and what the log tells of all of that. CPU time of the whole process, the writing of the log with it.

#[allow(dead_code)]
mod rig;

use bytes::Bytes;
use cpu_time::ProcessTime;
use kernel_core::environment::Environment;
use kernel_core::ipc::Envelope;
use kernel_core::platform::{BoxFuture, Port, Programs};
use rig::{Rig, name};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often the agent is started in one sample, and how many samples there are.
const RESTARTS: u64 = 20_000;
const SAMPLES: usize = 11;

/// How often it still fails.
static LEFT: AtomicU64 = AtomicU64::new(0);

/// Ends at its start as often as it has to.
fn crasher(_: Port) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> + Send {
    |_| {
        let fails = LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        Box::pin(std::future::ready(if fails { Err("it fails".to_owned()) } else { Ok(Bytes::new()) }))
    }
}

fn sample(rig: &Rig, restarts: u64) -> (Duration, Duration) {
    LEFT.store(restarts, Ordering::Relaxed);
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    rig.runtime.block_on(async {
        rig.crasher().await;
        while LEFT.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        rig.kernel.checkpoint().await.expect("a checkpoint");
    });
    (cpu.elapsed(), wall.elapsed())
}

fn main() {
    let test = std::env::args().any(|arg| arg == "--test");
    let (restarts, samples) = if test { (100, 1) } else { (RESTARTS, SAMPLES) };
    let mut told: Vec<(f64, f64)> = (0..samples)
        .map(|_| {
            let rig = Rig::with(Environment::dev(), &["crasher"], Programs::new().with(name("crasher"), crasher));
            let (cpu, wall) = sample(&rig, restarts);
            (cpu.as_secs_f64() * 1e6 / restarts as f64, wall.as_secs_f64())
        })
        .collect();
    told.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (micros, wall) = told[told.len() / 2];
    let met = if micros <= 10.0 { "met" } else { "MISSED" };
    println!(
        "bar: restart in process: {micros:.2} CPU-us, {:.0} restarts/s of CPU time; bar 100,000/s: {met}",
        1e6 / micros
    );
    println!("     {:.0} restarts/s of wall time", restarts as f64 / wall);
}
