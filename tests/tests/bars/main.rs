//! What a kernel in a tab takes where only Rust can ask it, each beside its bar: appending to the private file system, agents
//! that are compiled in, and messages between them. By the clock, for a worker has no other.
//!
//! Empty on other targets. `tests/ci.sh bars` builds it as the package is built; a bar that is missed fails nothing.
#![cfg(target_arch = "wasm32")]

use kernel_core::agency::Role;
use kernel_core::capability::{Capabilities, Right};
use kernel_core::chain::{Header, Log, Origin};
use kernel_core::environment::Environment;
use kernel_core::id::ActionId;
use kernel_core::ipc::Envelope;
use kernel_core::kernel::{BootOptions, Kernel, Parts, Session, Summary};
use kernel_core::platform::{Batch, BoxFuture, Port, Programs, Storage};
use kernel_core::process::InstanceKind;
use kernel_core::time::WallTime;
use kernel_tests::world::name;
use platform_web::{Host, HostOptions, StorageKind, WebPlatform};
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};
use web_sys::WorkerGlobalScope;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

const SAMPLES: usize = 11;
/// Events of one commit.
const GROUP: u64 = 1_000;
const AGENTS: u64 = 10_000;
/// Fewer than one mailbox holds.
const MESSAGES: u64 = 1_000;

/// Milliseconds of this worker's clock.
fn now() -> f64 {
    js_sys::global().unchecked_into::<WorkerGlobalScope>().performance().expect("a clock").now()
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn tell(what: &str, measured: &str, bar: &str, met: bool) {
    console_log!("bar: {what}: {measured}; bar {bar}: {}", if met { "met" } else { "MISSED" });
}

/// A map of texts, which makes an event of about 300 bytes.
fn content() -> Vec<u8> {
    let mut content = vec![0xa8];
    for key in 0..8 {
        content.extend([key, 0x78, 28]);
        content.extend([b'a' + key; 28]);
    }
    content
}

/// As the kernel's committer does it, and as `platform-native/benches/append.rs` measures it on a machine.
#[wasm_bindgen_test]
async fn appending_durably() {
    let host = Host::open(HostOptions::new(name("bars"), StorageKind::Opfs)).await.expect("a host");
    assert!(host.persisted.is_some(), "the rows are in the private file system");
    let mut log = Log::new(Origin::parse("weft.example/bench").expect("an origin"));
    let (content, mut number) = (content(), 0);
    let mut took = Vec::new();
    for sample in 0..2 * SAMPLES {
        let begun = now();
        for _ in 0..10 {
            for _ in 0..GROUP {
                number += 1;
                let header =
                    Header { wall: WallTime(1_700_000_000_000_000_000 + number), action: ActionId(number), kind: 1 };
                log.append(header, &content).expect("appended");
            }
            host.storage.commit(Batch { changes: log.seal() }).await.expect("committed");
        }
        // What came first was warming up.
        if sample >= SAMPLES {
            took.push(now() - begun);
        }
    }
    let rate = 10.0 * GROUP as f64 / median(took) * 1e3;
    let what = format!("append durably, 300-byte events, {GROUP} a commit, private file system");
    tell(&what, &format!("{rate:.0} a second"), "at least 20000", rate >= 20_000.0);
}

/// What outward acts and reads cost when they are acknowledged durably: 256 sessions that read nodes of the tree, of which each act is
/// an event of its own.
#[wasm_bindgen_test]
async fn acts_recorded_durably() {
    const CALLERS: usize = 256;
    const ACTS: usize = 40;
    let kernel = booted("bars-acts", StorageKind::Opfs).await;
    let session = attached(&kernel, "reader", &["read /tree/**", "write /tree/**"]).await;
    session.act("write", "/tree/x", "{\"replace\":true}").await.expect("written");
    let mut rates = Vec::new();
    for _ in 0..SAMPLES {
        let before = kernel.checkpoint().await.expect("a checkpoint").0;
        let begun = now();
        let callers = (0..CALLERS).map(|_| async {
            for _ in 0..ACTS {
                session.act("read", "/tree/x", "{}").await.expect("read");
            }
        });
        futures::future::join_all(callers).await;
        let after = kernel.checkpoint().await.expect("a checkpoint").0;
        rates.push((after.size - before.size) as f64 / (now() - begun) * 1e3);
    }
    let rate = median(rates);
    let what = format!("acts of {CALLERS} callers, recorded durably, private file system");
    tell(&what, &format!("{rate:.0} events a second"), "at least 20000", rate >= 20_000.0);
    kernel.shutdown("measured").await.expect("it stops");
    kernel.close().await;
}

fn idle(_: Port) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<bytes::Bytes, String>> {
    |message: Envelope| Box::pin(std::future::ready(Ok(message.body)))
}

async fn booted(kernel: &str, storage: StorageKind) -> Kernel<WebPlatform> {
    let mut options = HostOptions::new(name(kernel), storage);
    options.natives = Programs::new().with(name("idle"), idle);
    let Host { platform, storage, sandbox, devices, keys, .. } = Host::open(options).await.expect("a host");
    let mut boot = BootOptions::new(Environment::dev());
    boot.natives = vec![(name("idle"), InstanceKind::Kept)];
    Kernel::boot(Parts { platform, storage, sandbox, devices, keys }, boot).await.expect("a kernel")
}

async fn attached(kernel: &Kernel<WebPlatform>, text: &str, rights: &[&str]) -> Session {
    let rights = rights.iter().map(|text| Right::parse(text).expect("a right")).collect();
    let held = Capabilities::new(rights, Vec::new()).expect("few");
    kernel.attach(name(text), Role::User, held).await.expect("a session")
}

/// Bytes of memory that this worker's WebAssembly has taken.
fn memory() -> f64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    f64::from(memory.buffer().unchecked_into::<js_sys::ArrayBuffer>().byte_length())
}

#[wasm_bindgen_test]
async fn agents_that_are_compiled_in_and_messages_between_them() {
    let kernel = booted("bars-kernel", StorageKind::Memory).await;
    let session = attached(&kernel, "bars", &["spawn /agent/*", "send /proc/*"]).await;
    let (before, begun) = (memory(), now());
    for number in 0..AGENTS {
        let body = format!("{{\"name\":\"a{number}\",\"use\":[]}}");
        session.act("spawn", "/agent/idle", body).await.expect("spawned");
    }
    kernel.checkpoint().await.expect("a checkpoint");
    let took = (now() - begun) / AGENTS as f64 * 1e3;
    let each = (memory() - before) / AGENTS as f64 / 1e3;
    let living = living(&kernel.summary());
    let measured = format!("{living} live, {took:.1} us and {each:.2} kB each");
    tell(&format!("{AGENTS} agents that are compiled in"), &measured, &format!("{AGENTS}"), living >= AGENTS);

    // Beside all of these. The receiver is a session, which takes and handles nothing by itself.
    let receiver = attached(&kernel, "receiver", &[]).await;
    let target = format!("/proc/{}", receiver.pid());
    let mut took = Vec::new();
    for sample in 0..2 * SAMPLES {
        let mut sum = 0.0;
        for _ in 0..10 {
            let begun = now();
            for _ in 0..MESSAGES {
                session.act("send", &target, "").await.expect("sent");
            }
            sum += now() - begun;
            for _ in 0..MESSAGES {
                receiver.act("read", "/proc/self/inbox", "").await.expect("a message");
            }
        }
        if sample >= SAMPLES {
            took.push(sum * 1e3 / (10 * MESSAGES) as f64);
        }
    }
    let took = median(took);
    tell("send on an open route", &format!("{took:.2} us"), "at most 2 us", took <= 2.0);
    kernel.shutdown("measured").await.expect("it stops");
    kernel.close().await;
}

/// Processes of the program that lies still.
fn living(summary: &Summary) -> u64 {
    summary.processes.iter().filter(|process| process.exit.is_empty() && process.name.as_str().starts_with('a')).count()
        as u64
}
