//! The kernel's hot paths on this host, in CPU time of the whole process, each beside its bar and its floor.
//!
//! Everything runs inside a task of the runtime, as guests and the command line do. What `send` costs is told
//! apart from what handling costs: the receiver is a session, which takes and handles nothing by itself.

#[path = "../../kernel-core/benches/bars/mod.rs"]
mod bars;
#[path = "../../kernel-core/benches/cpu/mod.rs"]
mod cpu;
mod flushed;
mod rig;

use bars::{Bar, SAMPLES, beside};
use cpu::CpuTime;
use cpu_time::ProcessTime;
use criterion::{Criterion, criterion_group, criterion_main};
use flushed::{Flushed, median};
use kernel_core::environment::Environment;
use kernel_core::kernel::{Kernel, Session};
use platform_native::NativePlatform;
use rig::Rig;
use std::future::Future;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

/// Callers at once in the durable bench.
const CALLERS: u64 = 256;
/// What an act leaves in the log, bytes: an intent and an outcome.
const EVENTS: usize = 600;
/// Fewer than one mailbox holds.
const MESSAGES: u64 = 1_000;

/// The CPU time of `work`, which runs inside the runtime.
fn spent<F>(runtime: &Runtime, work: F) -> Duration
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

/// Spawns `n` tokio tasks and waits for each.
fn tasks(runtime: &Runtime, n: u64) -> Duration {
    spent(runtime, async move {
        for _ in 0..n {
            tokio::spawn(async { black_box(1) }).await.expect("a number");
        }
    })
}

/// Sends `n` messages over a tokio channel, in pieces, and takes them out again.
fn channel(runtime: &Runtime, n: u64) -> Duration {
    spent(runtime, async move {
        let (sender, mut receiver) = mpsc::channel::<[u64; 12]>(MESSAGES as usize);
        let mut left = n;
        while left > 0 {
            for number in 0..left.min(MESSAGES) {
                sender.send([number; 12]).await.expect("sent");
            }
            for _ in 0..left.min(MESSAGES) {
                black_box(receiver.recv().await);
            }
            left -= left.min(MESSAGES);
        }
    })
}

/// `n` round trips between two tokio tasks over oneshots.
fn oneshots(runtime: &Runtime, n: u64) -> Duration {
    spent(runtime, async move {
        let (sender, mut receiver) = mpsc::channel::<(u64, oneshot::Sender<u64>)>(8);
        tokio::spawn(async move {
            while let Some((number, reply)) = receiver.recv().await {
                let _ = reply.send(number);
            }
        });
        for number in 0..n {
            let (reply, answer) = oneshot::channel();
            sender.send((number, reply)).await.expect("sent");
            black_box(answer.await.expect("a reply"));
        }
    })
}

/// Hashes 300 bytes, which every outward act does at least twice.
fn hashes(n: u64) -> Duration {
    use sha2::{Digest, Sha256};
    let begun = ProcessTime::now();
    for number in 0..n {
        black_box(Sha256::digest([number as u8; 300]));
    }
    begun.elapsed()
}

/// Waits until the log has written all that was done, so that what this takes is counted with it.
async fn written(kernel: &Kernel<NativePlatform>) {
    kernel.checkpoint().await.expect("a checkpoint");
}

fn spawn(c: &mut Criterion<CpuTime>) {
    let rig = Rig::new(Environment::dev());
    let mut next = 0u64;
    let mut floor = |n| tasks(&rig.runtime, n);
    let floor = ("spawn and join a tokio task", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "spawn an in-process agent", Bar::Micros(4.0), floor, |n| {
        let bodies: Vec<String> = (next..next + n).map(|i| format!("{{\"name\":\"a{i}\",\"use\":[]}}")).collect();
        next += n;
        let (session, kernel) = (rig.session.clone(), rig.kernel.clone());
        spent(&rig.runtime, async move {
            for body in bodies {
                session.act("spawn", "/agent/idle", body).await.expect("spawned");
            }
            written(&kernel).await;
        })
    });
}

/// `n` sends to a session in pieces that its mailbox holds; what it takes to empty the mailbox is left out.
fn sends(rig: &Rig, receiver: &Session, n: u64) -> Duration {
    let target = format!("/proc/{}", receiver.pid());
    let mut total = Duration::ZERO;
    let mut left = n;
    while left > 0 {
        let some = left.min(MESSAGES);
        let (session, target) = (rig.session.clone(), target.clone());
        total += spent(&rig.runtime, async move {
            for _ in 0..some {
                session.act("send", &target, "").await.expect("sent");
            }
        });
        rig.runtime.block_on(async {
            for _ in 0..some {
                receiver.act("read", "/proc/self/inbox", "").await.expect("a message");
            }
        });
        left -= some;
    }
    total
}

fn messages(c: &mut Criterion<CpuTime>) {
    let rig = Rig::new(Environment::dev());
    rig.service("echo");
    let receiver = rig.attach("receiver");
    let mut floor = |n| channel(&rig.runtime, n);
    let floor = ("a tokio channel", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "send on an open route", Bar::Micros(0.5), floor, |n| sends(&rig, &receiver, n));

    let mut floor = |n| channel(&rig.runtime, n);
    let floor = ("a tokio channel", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "send on an open route, and its handling", Bar::None, floor, |n| {
        let session = rig.session.clone();
        spent(&rig.runtime, async move {
            for _ in 0..n {
                session.act("send", "/svc/echo", "").await.expect("sent");
            }
        })
    });

    // A route is closed when the sender has 64 others, so every send to one of many sessions is a first one. They are as
    // many as share a commit: fewer than within the 50 ms for which the log gathers when nobody waits.
    let receivers: Vec<Session> = (0..MESSAGES).map(|i| rig.attach(&format!("receiver-{i}"))).collect();
    let mut floor = |n| channel(&rig.runtime, n);
    let floor = ("a tokio channel", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "first send on a route", Bar::Micros(5.0), floor, |n| {
        let mut total = Duration::ZERO;
        let mut left = n;
        while left > 0 {
            let some = left.min(receivers.len() as u64);
            let targets: Vec<String> =
                receivers.iter().take(some as usize).map(|r| format!("/proc/{}", r.pid())).collect();
            let (session, kernel) = (rig.session.clone(), rig.kernel.clone());
            total += spent(&rig.runtime, async move {
                for target in &targets {
                    session.act("send", target, "").await.expect("sent");
                }
                written(&kernel).await;
            });
            rig.runtime.block_on(async {
                for receiver in receivers.iter().take(some as usize) {
                    receiver.act("read", "/proc/self/inbox", "").await.expect("a message");
                }
            });
            left -= some;
        }
        total
    });

    let mut floor = |n| oneshots(&rig.runtime, n);
    let floor = ("a round trip between two tokio tasks", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "call round trip", Bar::Times(4.0), floor, |n| {
        let session = rig.session.clone();
        spent(&rig.runtime, async move {
            for _ in 0..n {
                session.act("call", "/svc/echo", "\nhello").await.expect("a reply");
            }
        })
    });
}

fn outward(c: &mut Criterion<CpuTime>) {
    let rig = Rig::new(Environment::dev());
    let mut floor = hashes;
    let floor = ("SHA-256 of 300 bytes", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "governed outward act in memory (dev)", Bar::Micros(25.0), floor, |n| {
        let (session, kernel) = (rig.session.clone(), rig.kernel.clone());
        spent(&rig.runtime, async move {
            for _ in 0..n {
                session.act("write", "/tree/bench", "{\"replace\":true}\nvalue").await.expect("written");
            }
            written(&kernel).await;
        })
    });
    durable(c);
}

/// Acts that are answered only when they are on disk: by CPU time, and by the clock how many and how soon.
fn durable(c: &mut Criterion<CpuTime>) {
    let rig = Rig::new(Environment::prod());
    let (mut rates, mut middles) = (Vec::new(), Vec::new());
    let (mut flushed, mut flushes) = (Flushed::new(), Vec::new());
    let mut floor = |n| {
        flushes.push(flushed.write(CALLERS as usize * EVENTS).as_secs_f64());
        hashes(n)
    };
    let floor = ("SHA-256 of 300 bytes", &mut floor as &mut dyn FnMut(u64) -> Duration);
    let what = "governed outward act, durable, 256 callers";
    beside(c, what, Bar::Micros(20.0), floor, |n| {
        let each = n.div_ceil(CALLERS).max(4);
        let session = rig.session.clone();
        let (tell, told) = std::sync::mpsc::channel();
        let spent = spent(&rig.runtime, async move {
            let begun = Instant::now();
            let callers: Vec<_> = (0..CALLERS)
                .map(|caller| {
                    let session = session.clone();
                    tokio::spawn(async move {
                        let path = format!("/tree/bench/{caller}");
                        let mut waits = Vec::with_capacity(each as usize);
                        for _ in 0..each {
                            let asked = Instant::now();
                            session.act("write", &path, "{\"replace\":true}\nvalue").await.expect("written");
                            waits.push(asked.elapsed());
                        }
                        waits
                    })
                })
                .collect();
            let mut waits = Vec::new();
            for caller in callers {
                waits.extend(caller.await.expect("done"));
            }
            waits.sort_unstable();
            let _ = tell.send(((each * CALLERS) as f64 / begun.elapsed().as_secs_f64(), waits[waits.len() / 2]));
        });
        if let Ok((rate, middle)) = told.recv() {
            rates.push(rate);
            middles.push(middle);
        }
        spent.mul_f64(n as f64 / (each * CALLERS) as f64)
    });
    if rates.len() < 3 {
        return;
    }
    let (rate, middle, flush) = (median(&mut rates), median(&mut middles), median(&mut flushes));
    let (millis, flushed) = (middle.as_secs_f64() * 1e3, flush * 1e3);
    let (most, floor) = (CALLERS as f64 / flush, "their 256 acts' events in one flushed write");
    let met = |met| if met { "met" } else { "MISSED" };
    println!(
        "bar: {what}, by the clock: {rate:.0} a second; floor {most:.0} a second ({floor}); bar at least 50000: {}",
        met(rate >= 50_000.0)
    );
    println!(
        "bar: {what}, waiting: {millis:.2} ms p50; floor {flushed:.2} ms (the same); bar at most 10 ms: {}\n",
        met(millis <= 10.0)
    );
}

fn config() -> Criterion<CpuTime> {
    Criterion::default()
        .with_measurement(CpuTime)
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! { name = kernel; config = config(); targets = spawn, messages, outward }
criterion_main!(kernel);
