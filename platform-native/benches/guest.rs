//! What a component costs: to instantiate, to call, and to let it act, each beside the same done with
//! wasmtime alone (no limits, no meter, no epoch). CPU time of the whole process.
#![allow(missing_docs, unreachable_pub)]

#[path = "../../kernel-core/benches/bars/mod.rs"]
mod bars;
#[path = "../../kernel-core/benches/cpu/mod.rs"]
mod cpu;

use bars::{Bar, SAMPLES, beside};
use bytes::Bytes;
use cpu::CpuTime;
use cpu_time::ProcessTime;
use criterion::{Criterion, criterion_group, criterion_main};
use platform_native::kernel_core::app::inspect;
use platform_native::kernel_core::id::{MessageId, Pid};
use platform_native::kernel_core::ipc::{Envelope, EnvelopeKind};
use platform_native::kernel_core::label::Labels;
use platform_native::kernel_core::meter::meter;
use platform_native::kernel_core::path::Resource;
use platform_native::kernel_core::platform::{
    ActReply, Guest, Limits, LogLevel, Port, Program, Programs, Sandbox, StartRequest, Syscalls,
};
use platform_native::kernel_core::time::Instant;
use platform_native::sandbox::{NativeGuest, NativeSandbox, WasmOptions, WasmSandbox};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use wasmtime::Engine;

const ECHO: &[u8] = include_bytes!("../../tests/fixtures/guests/echo.wasm");
const INVENTORY: &[u8] = include_bytes!("../../examples/repo-audit/components/inventory.wasm");

/// A kernel that answers every act with its body: at once, or by another task after the guest was suspended.
struct Answering;

impl Syscalls for Answering {
    fn act(&self, _: Pid, _: &str, resource: &str, body: Bytes) -> ActReply {
        if resource == "/svc/later" {
            let (answer, reply) = futures::channel::oneshot::channel();
            tokio::spawn(async move { answer.send(Ok(body)) });
            return ActReply::Wait(reply);
        }
        ActReply::ready(Ok(body))
    }

    fn log(&self, _: Pid, _: LogLevel, _: &str) {}

    fn now(&self, _: Pid) -> Instant {
        Instant(0)
    }
}

fn envelope(body: &Bytes) -> Envelope {
    Envelope {
        id: MessageId(1),
        sender: Resource::Proc(Pid(5)),
        target: Resource::Proc(Pid(7)),
        kind: EnvelopeKind::Request,
        correlation: None,
        deadline: None,
        labels: Labels::NONE,
        content_type: "".into(),
        body: body.clone(),
    }
}

async fn start(sandbox: &NativeSandbox, hash: [u8; 32]) -> NativeGuest {
    let request = StartRequest {
        pid: Pid(7),
        program: Program::Wasm { hash },
        limits: Limits::default(),
        seed: [0; 32],
        again: false,
    };
    let component = || -> futures::future::BoxFuture<'static, _> { Box::pin(async { Ok(Bytes::from_static(ECHO)) }) };
    sandbox.start(request, component, Port::new(Arc::new(Answering), Pid(7))).await.expect("the guest starts")
}

mod floor {
    //! The same component on wasmtime with nothing around it.

    use super::ECHO;
    use wasmtime::component::{Component, HasSelf, Linker};
    use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

    wasmtime::component::bindgen!({ path: "../kernel-core/wit", world: "agent", exports: { default: async } });

    pub use exports::weft::guest::guest::Envelope;

    pub struct Answering;

    impl weft::guest::kernel::Host for Answering {
        fn act(&mut self, _: String, _: String, body: Vec<u8>) -> Result<Vec<u8>, weft::guest::kernel::Refusal> {
            Ok(body)
        }
        fn log(&mut self, _: weft::guest::kernel::Level, _: String) {}
        fn now(&mut self) -> u64 {
            0
        }
        fn random(&mut self, _: u32) -> Vec<u8> {
            Vec::new()
        }
    }

    impl weft::guest::types::Host for Answering {}

    pub fn prepare() -> (Engine, AgentPre<Answering>) {
        let mut pool = PoolingAllocationConfig::new();
        pool.linear_memory_keep_resident(64 << 10).table_keep_resident(16 << 10);
        let mut config = Config::new();
        config.concurrency_support(false).allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).expect("an engine");
        let mut linker = Linker::new(&engine);
        Agent::add_to_linker::<_, HasSelf<Answering>>(&mut linker, |a| a).expect("a linker");
        let component = Component::from_binary(&engine, ECHO).expect("a component");
        let pre = linker.instantiate_pre(&component).expect("its imports");
        (engine, AgentPre::new(pre).expect("its exports"))
    }

    pub async fn start(engine: &Engine, pre: &AgentPre<Answering>) -> (Store<Answering>, Agent) {
        let mut store = Store::new(engine, Answering);
        let agent = pre.instantiate_async(&mut store).await.expect("an instance");
        (store, agent)
    }

    pub fn envelope(body: &[u8]) -> Envelope {
        Envelope {
            id: 1,
            sender: "/proc/5".to_owned(),
            target: "/proc/7".to_owned(),
            kind: weft::guest::types::Kind::Request,
            correlation: None,
            deadline: None,
            labels: Vec::new(),
            content_type: String::new(),
            body: body.to_vec(),
        }
    }
}

/// CPU time of `n` calls of one instance.
async fn calls(sandbox: &NativeSandbox, hash: [u8; 32], body: &Bytes, n: u64) -> Duration {
    let mut guest = start(sandbox, hash).await;
    let begun = ProcessTime::now();
    for _ in 0..n {
        guest.handle(envelope(body)).await.result.expect("no fault").expect("a reply");
    }
    begun.elapsed()
}

/// The same with wasmtime alone.
async fn floor_calls(engine: &Engine, pre: &floor::AgentPre<floor::Answering>, body: &Bytes, n: u64) -> Duration {
    let (mut store, agent) = floor::start(engine, pre).await;
    let begun = ProcessTime::now();
    for _ in 0..n {
        let message = floor::envelope(body);
        agent.weft_guest_guest().call_handle(&mut store, &message).await.expect("no trap").expect("a reply");
    }
    begun.elapsed()
}

fn guests(c: &mut Criterion<CpuTime>) {
    let runtime: Runtime = platform_native::runtime().expect("a runtime");
    let sandbox =
        NativeSandbox::new(WasmSandbox::new(WasmOptions::default(), runtime.handle().clone()), Programs::new());
    let hash: [u8; 32] = Sha256::digest(ECHO).into();
    runtime.block_on(start(&sandbox, hash));
    let (engine, pre) = floor::prepare();

    let mut floor = |n: u64| {
        runtime.block_on(async {
            let begun = ProcessTime::now();
            for _ in 0..n {
                drop(floor::start(&engine, &pre).await);
            }
            begun.elapsed()
        })
    };
    let floor = ("wasmtime alone", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "instantiate a guest, warm", Bar::Micros(30.0), floor, |n| {
        runtime.block_on(async {
            let begun = ProcessTime::now();
            for _ in 0..n {
                drop(start(&sandbox, hash).await);
            }
            begun.elapsed()
        })
    });

    for (what, bar, body) in [
        ("call a guest", Bar::Micros(2.0), "hello"),
        ("call a guest that acts and is answered at once", Bar::Micros(3.0), "act call /svc/echo\n{}"),
        ("call a guest with 64 KiB", Bar::None, &*format!("\n{}", "x".repeat(64 << 10))),
    ] {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let mut floor = |n: u64| runtime.block_on(floor_calls(&engine, &pre, &body, n));
        let floor = ("wasmtime alone", &mut floor as &mut dyn FnMut(u64) -> Duration);
        beside(c, what, bar, floor, |n| runtime.block_on(calls(&sandbox, hash, &body, n)));
    }

    // Once for a component on a machine; beside it, what checking the same component takes.
    let time = |n: u64, work: &dyn Fn()| {
        let begun = ProcessTime::now();
        (0..n).for_each(|_| work());
        begun.elapsed()
    };
    let mut floor = |n: u64| time(n, &|| drop(std::hint::black_box(inspect(INVENTORY))));
    let floor = ("looking at it", &mut floor as &mut dyn FnMut(u64) -> Duration);
    let what = format!("meter a component of {} KiB", INVENTORY.len() >> 10);
    beside(c, &what, Bar::None, floor, |n| time(n, &|| drop(std::hint::black_box(meter(INVENTORY)))));

    // On one thread, so that suspending and resuming is measured and not the waking of another thread.
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let body = Bytes::from_static(b"act call /svc/later\n{}");
    let mut floor = |n: u64| one.block_on(floor_calls(&engine, &pre, &body, n));
    let floor = ("wasmtime alone, answered at once", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, "call a guest that acts and is suspended", Bar::None, floor, |n| {
        one.block_on(calls(&sandbox, hash, &body, n))
    });
}

fn config() -> Criterion<CpuTime> {
    Criterion::default()
        .with_measurement(CpuTime)
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group! { name = components; config = config(); targets = guests }
criterion_main!(components);
