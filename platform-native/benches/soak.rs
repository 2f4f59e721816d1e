//! Spawns, crashes and kills without an end: whether memory stays what it was.
//!
//! `WEFT_SOAK_SECONDS` says for how long, ten minutes if it is not set. What is held in the second fifth is what the last is
//! compared with: by then every bounded history is full. It is looked at whenever the log is written, as what waits for a slow
//! disk comes and goes; and the middle of many looks, as an allocator keeps now more and now less.

#[allow(dead_code)]
mod rig;

use bytes::Bytes;
use kernel_core::environment::Environment;
use kernel_core::ipc::Envelope;
use kernel_core::platform::{BoxFuture, Port, Programs};
use rig::{Rig, idle, name};
use serde_json::Value;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What the memory of the process may grow by from the second fifth to the last, bytes.
const GROWTH: u64 = 16 << 20;

/// How many agents live at a time that nobody kills.
const LIVING: usize = 1_000;

/// Ends at its first message, which is its start, every time.
fn crasher(_: Port) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> + Send {
    |_| Box::pin(std::future::ready(Err("it fails".to_owned())))
}

/// Bytes of memory that this process holds, as Linux says.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells of its processes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the resident size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
}

fn main() {
    let test = std::env::args().any(|arg| arg == "--test");
    let seconds = std::env::var("WEFT_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds: u64 = seconds.unwrap_or(if test { 2 } else { 600 });
    let programs = Programs::new().with(name("idle"), idle).with(name("crasher"), crasher);
    let rig = Rig::with(Environment::dev(), &["idle", "crasher"], programs);
    let (begun, whole) = (Instant::now(), Duration::from_secs(seconds));
    let (mut rounds, mut kills) = (0u64, 0u64);
    // What was held, by fifths.
    let mut held: [Vec<u64>; 5] = Default::default();
    // However slow a machine is, what is tested kills some.
    let most_living = if test { 10 } else { LIVING };
    let mut living: VecDeque<u64> = VecDeque::new();
    while begun.elapsed() < whole {
        rig.runtime.block_on(async {
            for _ in 0..100 {
                rounds += 1;
                let body = format!("{{\"name\":\"i{rounds}\",\"use\":[]}}");
                let reply = rig.session.act("spawn", "/agent/idle", body).await.expect("spawned");
                let reply: Value = serde_json::from_slice(&reply).expect("JSON");
                living.push_back(reply["pid"].as_u64().expect("a pid"));
                // One that crashes: its end may come before its spawn is answered, which is then a refusal.
                let body = format!("{{\"name\":\"c{rounds}\",\"use\":[]}}");
                let _ = rig.session.act("spawn", "/agent/crasher", body).await;
                if living.len() > most_living
                    && let Some(pid) = living.pop_front()
                {
                    rig.session.act("kill", &format!("/proc/{pid}"), "").await.expect("killed");
                    kills += 1;
                }
            }
            rig.kernel.flushed().await.expect("written");
        });
        let fifth = begun.elapsed().as_secs_f64() * 5.0 / whole.as_secs_f64();
        held[(fifth as usize).min(4)].push(resident());
    }
    let [_, settled, .., last] = held.map(|mut looks| {
        looks.sort_unstable();
        looks.get(looks.len() / 2).copied().unwrap_or_default()
    });
    let growth = last.saturating_sub(settled);
    let rate = (rounds * 2 + kills) as f64 / begun.elapsed().as_secs_f64();
    println!(
        "soak: {rounds} rounds of a spawn and a crash, {kills} kills in {seconds} s ({rate:.0} a second); {:.1} MB in the second \
         fifth, {:.1} MB in the last",
        settled as f64 / 1e6,
        last as f64 / 1e6
    );
    // Of the latest that have ended, which are remembered.
    let ended = rig.kernel.summary().processes;
    let crashes = ended.iter().filter(|row| row.name.as_str().starts_with('c') && row.exit == "error").count();
    assert!(crashes > 0 && kills > 0, "{crashes} crashes and {kills} kills show nothing");
    assert!(growth <= GROWTH, "memory grew by {growth} bytes, and {GROWTH} are allowed");
}
