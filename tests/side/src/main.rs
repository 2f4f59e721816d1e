//! What an in-process agent of Weft costs beside what does the same without a kernel: raw tokio tasks and channels, and
//! the actors of `ractor` and `kameo`.
//!
//! CPU time of the whole process for each operation, the median of several samples in which all four take turns. Weft's
//! numbers hold what the others do not do: the gate decides, budgets are drawn, the log is written.

mod actors_kameo;
mod actors_ractor;
mod raw;
#[allow(dead_code)]
#[path = "../../../platform-native/benches/rig/mod.rs"]
mod rig;
mod weft;

use cpu_time::ProcessTime;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How many samples of each there are.
const SAMPLES: usize = 11;

/// What is measured, and how often it is done in a sample.
const WHAT: [(&str, u64); 4] = [("spawn", 10_000), ("send", 100_000), ("call", 50_000), ("restart", 5_000)];

/// Who does it.
const WHO: [&str; 4] = ["tokio", "ractor", "kameo", "weft"];

/// The CPU time of `work`, which runs inside a task of `runtime`.
pub fn spent<F>(runtime: &Runtime, work: F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    runtime.block_on(async {
        let timed = async {
            let begun = ProcessTime::now();
            work.await;
            begun.elapsed()
        };
        tokio::spawn(timed).await.expect("no panic")
    })
}

fn measured(who: &str, what: &str, runtime: &Runtime, n: u64) -> Duration {
    match (who, what) {
        ("tokio", "spawn") => spent(runtime, raw::spawn(n)),
        ("tokio", "send") => spent(runtime, raw::send(n)),
        ("tokio", "call") => spent(runtime, raw::call(n)),
        ("tokio", "restart") => spent(runtime, raw::restart(n)),
        ("ractor", "spawn") => spent(runtime, actors_ractor::spawn(n)),
        ("ractor", "send") => spent(runtime, actors_ractor::send(n)),
        ("ractor", "call") => spent(runtime, actors_ractor::call(n)),
        ("ractor", "restart") => spent(runtime, actors_ractor::restart(n)),
        ("kameo", "spawn") => spent(runtime, actors_kameo::spawn(n)),
        ("kameo", "send") => spent(runtime, actors_kameo::send(n)),
        ("kameo", "call") => spent(runtime, actors_kameo::call(n)),
        ("kameo", "restart") => spent(runtime, actors_kameo::restart(n)),
        ("weft", "spawn") => weft::spawn(n),
        ("weft", "send") => weft::send(n),
        ("weft", "call") => weft::call(n),
        ("weft", "restart") => weft::restart(n),
        other => unreachable!("{other:?}"),
    }
}

fn main() {
    let scale: u64 = if std::env::args().any(|arg| arg == "--test") { 100 } else { 1 };
    let samples = if scale > 1 { 1 } else { SAMPLES };
    let runtime = platform_native::runtime().expect("tokio");
    println!("CPU-us for each operation, median of {samples}; in brackets how many times that Weft takes");
    for (what, n) in WHAT {
        let n = (n / scale).max(10);
        let mut all = WHO.map(|_| Vec::new());
        for _ in 0..samples {
            for (who, told) in WHO.iter().zip(&mut all) {
                told.push(measured(who, what, &runtime, n).as_secs_f64() * 1e6 / n as f64);
            }
        }
        let medians = all.map(|mut told| {
            told.sort_by(f64::total_cmp);
            told[told.len() / 2]
        });
        let weft = medians[3];
        let each = WHO.iter().zip(medians).map(|(who, micros)| format!("{who} {micros:.3} ({:.1} x)", weft / micros));
        println!("side: {what:<8} {}", each.collect::<Vec<_>>().join("  "));
    }
}
