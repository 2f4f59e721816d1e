//! What an in-process agent of Weft costs beside what does the same without a kernel: raw tokio tasks and channels, and
//! the actors of `ractor` and `kameo`.
//!
//! CPU time of the whole process for each operation, the median of several samples in which all four take turns. A spawn
//! is over when its agent runs, a send when its message is handled, a call when its reply is there, a restart when the next
//! one runs; mailboxes are bounded but for those of `ractor`, which has no others. What Weft does besides is in its numbers,
//! and is printed above them.

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

/// Does something so many times and tells how much CPU time that took.
type Run = fn(&Runtime, u64) -> Duration;

/// Who does it.
const WHO: [&str; 4] = ["tokio", "ractor", "kameo", "weft"];

/// What is measured, how often it is done in a sample, and how each of them does it.
const WHAT: [(&str, u64, [Run; 4]); 4] = [
    ("spawn", 10_000, [raw::spawn, actors_ractor::spawn, actors_kameo::spawn, weft::spawn]),
    ("send", 100_000, [raw::send, actors_ractor::send, actors_kameo::send, weft::send]),
    ("call", 50_000, [raw::call, actors_ractor::call, actors_kameo::call, weft::call]),
    ("restart", 5_000, [raw::restart, actors_ractor::restart, actors_kameo::restart, weft::restart]),
];

/// The CPU time of `work`, which runs inside a task of `runtime`, and what it leaves.
pub fn spent<F>(runtime: &Runtime, work: F) -> (Duration, F::Output)
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    runtime.block_on(async {
        let timed = async {
            let begun = ProcessTime::now();
            let left = work.await;
            (begun.elapsed(), left)
        };
        tokio::spawn(timed).await.expect("no panic")
    })
}

fn main() {
    // Whether it works at all, and nothing about how well.
    let (samples, scale) = if std::env::args().any(|arg| arg == "--test") { (1, 100) } else { (SAMPLES, 1) };
    let runtime = platform_native::runtime().expect("tokio");
    println!(
        "CPU-us for each operation, median of {samples}; in brackets how many times that Weft takes.\n\
         What Weft does besides, and the others do not: each act is parsed from text and judged by rights, labels, effect and\n\
         rules (equal sends and calls once, then they are counted), budgets are drawn, what is used is counted, and the log is\n\
         hashed, signed and written to a disk (environment dev: nobody waits for that; its CPU time is in the numbers)."
    );
    for (what, n, runs) in WHAT {
        let n = n / scale;
        let mut all = WHO.map(|_| Vec::new());
        for _ in 0..samples {
            for (run, told) in runs.iter().zip(&mut all) {
                told.push(run(&runtime, n).as_secs_f64() * 1e6 / n as f64);
            }
        }
        let medians = all.map(|mut told| {
            told.sort_by(f64::total_cmp);
            told[told.len() / 2]
        });
        let weft = medians[WHO.len() - 1];
        let each = WHO.iter().zip(medians).map(|(who, micros)| format!("{who} {micros:.3} ({:.1} x)", weft / micros));
        println!("side: {what:<8} {}", each.collect::<Vec<_>>().join("  "));
    }
}
