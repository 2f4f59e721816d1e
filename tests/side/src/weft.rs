//! In-process agents of Weft: handlers of the trusted base, driven by a session, each act decided and recorded.

use crate::rig::{Rig, idle, name};
use crate::spent;
use bytes::Bytes;
use kernel_core::environment::Environment;
use kernel_core::ipc::Envelope;
use kernel_core::platform::{BoxFuture, Port, Programs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// How many messages are sent until it is waited until they have been handled: fewer than a mailbox holds.
const MESSAGES: u64 = 1_000;

/// How often the agent of [`restart`] still fails.
static LEFT: AtomicU64 = AtomicU64::new(0);
/// That one of them runs that does not fail.
static RUNS: Notify = Notify::const_new();

/// Fails so often on its first message, and lives after that.
fn crasher(_: Port) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> + Send {
    |_| {
        let fails = LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if !fails {
            RUNS.notify_one();
        }
        Box::pin(std::future::ready(if fails { Err("it fails".to_owned()) } else { Ok(Bytes::new()) }))
    }
}

pub fn spawn(_: &Runtime, n: u64) -> Duration {
    let rig = Rig::new(Environment::dev());
    let (session, kernel) = (rig.session.clone(), rig.kernel.clone());
    let work = async move {
        for number in 0..n {
            let body = format!("{{\"name\":\"a{number}\",\"use\":[]}}");
            session.act("spawn", "/agent/idle", body).await.expect("spawned");
        }
        kernel.checkpoint().await.expect("a checkpoint");
    };
    spent(&rig.runtime, work).0
}

pub fn send(_: &Runtime, n: u64) -> Duration {
    let rig = Rig::new(Environment::dev());
    rig.service("desk");
    let (session, kernel) = (rig.session.clone(), rig.kernel.clone());
    let work = async move {
        for number in 0..n {
            session.act("send", "/svc/desk", "\nhello").await.expect("sent");
            if number % MESSAGES == MESSAGES - 1 {
                session.act("call", "/svc/desk", "\nhello").await.expect("a reply");
            }
        }
        kernel.checkpoint().await.expect("a checkpoint");
    };
    spent(&rig.runtime, work).0
}

pub fn call(_: &Runtime, n: u64) -> Duration {
    let rig = Rig::new(Environment::dev());
    rig.service("desk");
    let (session, kernel) = (rig.session.clone(), rig.kernel.clone());
    let work = async move {
        for _ in 0..n {
            session.act("call", "/svc/desk", "\nhello").await.expect("a reply");
        }
        kernel.checkpoint().await.expect("a checkpoint");
    };
    spent(&rig.runtime, work).0
}

pub fn restart(_: &Runtime, n: u64) -> Duration {
    LEFT.store(n, Ordering::Relaxed);
    let names = ["crasher", "idle"];
    let programs = Programs::new().with(name("crasher"), crasher).with(name("idle"), idle);
    let rig = Rig::with(Environment::dev(), &names, programs);
    let begun = cpu_time::ProcessTime::now();
    rig.runtime.block_on(async {
        rig.crasher().await;
        RUNS.notified().await;
        rig.kernel.checkpoint().await.expect("a checkpoint");
    });
    begun.elapsed()
}
