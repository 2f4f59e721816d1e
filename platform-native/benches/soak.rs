//! Spawns, crashes and kills without an end: whether memory stays what it was.
//!
//! `WEFT_SOAK_SECONDS` says for how long, ten minutes if it is not set. What is held after the first fifth is what the
//! end is compared with: by then every bounded history is full.

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

/// What the memory of the process may grow by after the first fifth, bytes.
const GROWTH: u64 = 24 << 20;

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
    let (mut rounds, mut settled, mut most) = (0u64, None, 0u64);
    let mut kills = 0u64;
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
        });
        let now = resident();
        match settled {
            None if begun.elapsed() >= whole / 5 => settled = Some(now),
            Some(_) => most = most.max(now),
            None => {}
        }
    }
    let settled = settled.unwrap_or(most);
    let growth = most.saturating_sub(settled);
    let rate = (rounds * 2 + kills) as f64 / begun.elapsed().as_secs_f64();
    println!(
        "soak: {rounds} rounds of a spawn and a crash, {kills} kills in {seconds} s ({rate:.0} a second); {:.1} MB after a fifth, \
         at most {:.1} MB later",
        settled as f64 / 1e6,
        most as f64 / 1e6
    );
    // Of the latest that have ended, which are remembered.
    let ended = rig.kernel.summary().processes;
    let crashes = ended.iter().filter(|row| row.name.as_str().starts_with('c') && row.exit == "error").count();
    assert!(crashes > 0 && kills > 0, "{crashes} crashes and {kills} kills show nothing");
    assert!(growth <= GROWTH, "memory grew by {growth} bytes, and {GROWTH} are allowed");
}
