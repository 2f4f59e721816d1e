//! Components: what they can do, what stops them, and that nothing stops with them.

use super::*;
use futures::FutureExt;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

pub(super) const ECHO: &[u8] = include_bytes!("../../../../tests/fixtures/guests/echo.wasm");
pub(super) const LOOPER: &[u8] = include_bytes!("../../../../tests/fixtures/guests/looper.wasm");
pub(super) const HOG: &[u8] = include_bytes!("../../../../tests/fixtures/guests/hog.wasm");
const TRAPPER: &[u8] = include_bytes!("../../../../tests/fixtures/guests/trapper.wasm");
const FLOODER: &[u8] = include_bytes!("../../../../tests/fixtures/guests/flooder.wasm");
const ALIEN: &[u8] = include_bytes!("../../../../tests/fixtures/guests/alien.wasm");

/// A core module and a component, both without anything in them.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

pub(super) struct Bench {
    sandbox: NativeSandbox,
    kernel: Arc<Scripted>,
    loads: Arc<AtomicU64>,
}

impl Bench {
    fn of(wasm: WasmSandbox) -> Bench {
        let sandbox = NativeSandbox::new(wasm, Programs::new());
        Bench { sandbox, kernel: Arc::default(), loads: Arc::default() }
    }

    pub(super) fn new() -> Bench {
        Bench::of(WasmSandbox::new(WasmOptions::default(), tokio::runtime::Handle::current()))
    }

    fn cached(dir: &Path) -> Bench {
        Bench::of(WasmSandbox::new(
            WasmOptions { cache: Some(dir.to_owned()), ..WasmOptions::default() },
            tokio::runtime::Handle::current(),
        ))
    }

    async fn start_as(&self, hash: [u8; 32], program: &'static [u8], limits: Limits) -> Result<NativeGuest, Fault> {
        self.start_so(request(Program::Wasm { hash }, limits), program).await
    }

    async fn start_so(&self, request: StartRequest, program: &'static [u8]) -> Result<NativeGuest, Fault> {
        let loads = self.loads.clone();
        let component = move || {
            loads.fetch_add(1, Ordering::SeqCst);
            async move { Ok(Bytes::from_static(program)) }.boxed()
        };
        let port = Port::new(self.kernel.clone(), PID);
        self.sandbox.start(request, component, port).await
    }

    pub(super) async fn start(&self, program: &'static [u8], limits: Limits) -> Result<NativeGuest, Fault> {
        self.start_as(Sha256::digest(program).into(), program, limits).await
    }

    pub(super) async fn guest(&self, program: &'static [u8]) -> NativeGuest {
        self.start(program, Limits::default()).await.unwrap()
    }
}

fn on_demand() -> WasmSandbox {
    WasmSandbox::new(WasmOptions { cache: None, instances: 0 }, tokio::runtime::Handle::current())
}

fn limits(memory: u64, handle: Duration) -> Limits {
    Limits { memory, handle, fuel: None }
}

async fn ask(guest: &mut NativeGuest, body: &str) -> Result<String, String> {
    let handled = guest.handle(envelope(body.to_owned())).await;
    handled.result.unwrap().map(|reply| String::from_utf8_lossy(&reply).into_owned())
}

#[tokio::test]
async fn an_envelope_arrives_whole_and_the_reply_comes_back() {
    let bench = Bench::new();
    let mut guest = bench.guest(ECHO).await;
    assert!(!guest.inline());
    assert_eq!(ask(&mut guest, "hello").await.unwrap(), "hello");
    assert_eq!(ask(&mut guest, "fail with care").await.unwrap_err(), "with care");
    assert_eq!(
        ask(&mut guest, "envelope").await.unwrap(),
        "id 3\nsender /proc/5\ntarget /svc/echo\nkind Kind::Request\ncorrelation Some(9)\ndeadline Some(1000)\n\
         labels [\"private\", \"secret\"]\ncontent-type text/plain\nbody 8"
    );
    let large = "x".repeat(1 << 20);
    assert_eq!(ask(&mut guest, &large).await.unwrap(), large);
}

#[tokio::test]
async fn acts_reach_the_kernel_at_once_later_or_not() {
    let bench = Bench::new();
    let mut guest = bench.guest(ECHO).await;
    assert_eq!(ask(&mut guest, "act call /svc/echo\n{}\npayload").await.unwrap(), "{}\npayload");
    assert_eq!(ask(&mut guest, "act call /svc/later\nabc").await.unwrap(), "abc");
    assert_eq!(
        ask(&mut guest, "act connect /net/example.org:80\n{}").await.unwrap_err(),
        "Code::NotDurable: no connect of /net/example.org:80"
    );
    assert_eq!(bench.kernel.acts.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn time_is_the_kernels_and_logs_go_to_it() {
    let bench = Bench::new();
    let mut guest = bench.guest(ECHO).await;
    assert_eq!(ask(&mut guest, "now").await.unwrap(), "42");
    ask(&mut guest, "log a line").await.unwrap();
    assert_eq!(*bench.kernel.logs.lock().unwrap(), [(LogLevel::Info, "a line".to_owned())]);
}

#[tokio::test]
async fn randomness_is_one_stream_of_the_seed() {
    let bench = Bench::new();
    let mut guest = bench.guest(ECHO).await;
    let mut expected = ChaCha20Rng::from_seed([1; 32]);
    for (asked, given) in [(32, 32), (7, 7), (0, 0), (65_536, 65_536), (65_537, 65_536), (1, 1)] {
        let mut bytes = vec![0; given];
        expected.fill_bytes(&mut bytes);
        let handled = guest.handle(envelope(format!("random {asked}"))).await;
        assert_eq!(handled.result.unwrap().unwrap(), bytes, "{asked}");
    }
}

#[tokio::test]
async fn an_instance_keeps_its_memory_and_shares_it_with_none() {
    let bench = Bench::new();
    let (mut a, mut b) = (bench.guest(ECHO).await, bench.guest(ECHO).await);
    for n in ["1", "2", "3"] {
        assert_eq!(ask(&mut a, "count").await.unwrap(), n);
    }
    assert_eq!(ask(&mut b, "count").await.unwrap(), "1");
    drop((a, b));
    assert_eq!(ask(&mut bench.guest(ECHO).await, "count").await.unwrap(), "1");
    assert_eq!(bench.loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn memory_is_measured_and_one_that_takes_without_end_is_stopped_at_its_limit() {
    for wasm in [WasmSandbox::new(WasmOptions::default(), tokio::runtime::Handle::current()), on_demand()] {
        let bench = Bench::of(wasm);
        let mut bystander = bench.guest(ECHO).await;
        let mut hog = bench.start(HOG, limits(16 << 20, Duration::from_secs(10))).await.unwrap();
        let handled = hog.handle(envelope("")).await;
        assert!((12 << 20..=16 << 20).contains(&handled.usage.memory), "{}", handled.usage.memory);
        let reason = fault(handled.result, FaultKind::Memory);
        assert!(reason.ends_with("of a limit of 16777216"), "{reason}");
        assert_eq!(ask(&mut bystander, "still here").await.unwrap(), "still here");
        let before = bystander.handle(envelope("")).await.usage.memory;
        ask(&mut bystander, "hold 1000000").await.unwrap();
        let after = bystander.handle(envelope("")).await.usage.memory;
        assert!((1_000_000..1_200_000).contains(&(after - before)), "{before} {after}");
    }
}

#[tokio::test]
async fn a_component_that_needs_more_than_its_limit_does_not_start() {
    let bench = Bench::new();
    for memory in [0, 64 << 10] {
        let reason = fault(bench.start(ECHO, limits(memory, Duration::from_secs(1))).await, FaultKind::Memory);
        assert!(reason.ends_with(&format!(" of a limit of {memory}")), "{reason}");
    }
}

/// One thread runs everything, so a guest that did not yield would be alone.
#[test]
fn a_loop_without_end_stops_near_its_limit_while_others_run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(4).build().unwrap();
    runtime.block_on(async {
        let bench = Bench::new();
        let mut looper = bench.start(LOOPER, limits(1 << 22, Duration::from_millis(150))).await.unwrap();
        let mut other = bench.guest(ECHO).await;
        let looping = tokio::spawn(async move {
            let handled = looper.handle(envelope("")).await;
            (handled, looper.handle(envelope("")).await)
        });
        let mut answered = 0;
        while !looping.is_finished() {
            assert_eq!(ask(&mut other, "hello").await.unwrap(), "hello");
            answered += 1;
            tokio::task::yield_now().await;
        }
        let (handled, again) = looping.await.unwrap();
        let cpu = Duration::from_nanos(handled.usage.cpu);
        assert!(cpu >= Duration::from_millis(150) && cpu < Duration::from_millis(200), "{cpu:?}");
        assert!(fault(handled.result, FaultKind::Cpu).ends_with("its limit is 0.150 s"));
        assert!(answered >= 5, "{answered}");
        assert_eq!(fault(again.result, FaultKind::Trap), "it has ended before");
    });
}

/// As many loops as workers, and still a task gets its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loops_on_every_worker_still_yield() {
    let bench = Bench::new();
    let mut loops = Vec::new();
    for _ in 0..4 {
        let mut looper = bench.start(LOOPER, limits(1 << 22, Duration::from_millis(100))).await.unwrap();
        loops.push(tokio::spawn(async move { looper.handle(envelope("")).await }));
    }
    let mut other = bench.guest(ECHO).await;
    assert_eq!(ask(&mut other, "hello").await.unwrap(), "hello");
    for looping in loops {
        fault(looping.await.unwrap().result, FaultKind::Cpu);
    }
}

#[tokio::test]
async fn a_limit_of_no_time_runs_nothing() {
    let bench = Bench::new();
    fault(bench.start(ECHO, limits(1 << 24, Duration::ZERO)).await, FaultKind::Cpu);
}

#[tokio::test]
async fn a_flood_of_acts_is_charged_and_ends_at_the_limit() {
    let bench = Bench::new();
    let mut flooder = bench.start(FLOODER, limits(1 << 24, Duration::from_millis(100))).await.unwrap();
    let handled = flooder.handle(envelope("send /proc/1\n{}")).await;
    fault(handled.result, FaultKind::Cpu);
    assert!(bench.kernel.acts.load(Ordering::SeqCst) > 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_an_activation_kills_a_loop() {
    let bench = Bench::new();
    let mut looper = bench.guest(LOOPER).await;
    let stopped = tokio::time::timeout(Duration::from_millis(30), looper.handle(envelope(""))).await;
    assert!(stopped.is_err());
    fault(looper.handle(envelope("")).await.result, FaultKind::Trap);
    let mut again = bench.guest(LOOPER).await;
    assert!(again.handle(envelope("")).now_or_never().is_none());
    drop(again);
    assert_eq!(ask(&mut bench.guest(ECHO).await, "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn dropping_a_guest_that_waits_gives_up_its_wait() {
    let bench = Bench::new();
    let mut guest = bench.guest(ECHO).await;
    {
        let mut handling = guest.handle(envelope("act call /svc/never\n{}"));
        assert!(futures::poll!(&mut handling).is_pending());
        assert!(!bench.kernel.waiting.lock().unwrap()[0].is_canceled());
    }
    drop(guest);
    assert!(bench.kernel.waiting.lock().unwrap()[0].is_canceled());
}

#[tokio::test]
async fn a_trap_is_told_in_a_sentence_and_tells_nothing_of_the_guest() {
    let bench = Bench::new();
    for (way, said) in [
        ("panic", "panicked or aborted"),
        ("abort", "panicked or aborted"),
        ("stack", "overflowed its call stack"),
        ("bounds", "reached outside of its memory"),
    ] {
        let mut guest = bench.guest(TRAPPER).await;
        let reason = fault(guest.handle(envelope(way)).await.result, FaultKind::Trap);
        assert!(reason.contains(said), "{way}: {reason}");
        assert!(!reason.contains("swordfish") && !reason.contains("0x") && reason.len() < 150, "{reason}");
        fault(guest.handle(envelope(way)).await.result, FaultKind::Trap);
    }
}

#[tokio::test]
async fn what_is_no_guest_is_refused_with_the_reason() {
    let bench = Bench::new();
    for (program, said) in [
        (&b"not wasm at all"[..], "not a component"),
        (b"", "not a component"),
        (CORE_MODULE, "not a component"),
        (EMPTY_COMPONENT, "does not export weft:guest/guest@0.1.x"),
        (ALIEN, "it imports `weft:fixture/environment@0.1.0`"),
    ] {
        let reason = fault(bench.start(program, Limits::default()).await, FaultKind::Start);
        assert!(reason.contains(said), "{reason}");
    }
    let reason = fault(bench.start_as([9; 32], ECHO, Limits::default()).await, FaultKind::Start);
    assert!(reason.contains("the hash of the bytes differs"), "{reason}");
    let port = Port::new(bench.kernel.clone(), PID);
    let gone = || async { Err("the disk is gone".into()) }.boxed();
    let started = bench.sandbox.start(request(Program::Wasm { hash: [8; 32] }, Limits::default()), gone, port).await;
    assert!(fault(started, FaultKind::Start).ends_with("the disk is gone"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_is_loaded_and_compiled_once_for_all_who_ask() {
    let bench = Arc::new(Bench::new());
    let starts: Vec<_> = (0..16)
        .map(|_| {
            let bench = bench.clone();
            tokio::spawn(async move { ask(&mut bench.guest(ECHO).await, "hello").await })
        })
        .collect();
    for start in starts {
        assert_eq!(start.await.unwrap().unwrap(), "hello");
    }
    assert_eq!(bench.loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn compiled_code_is_kept_for_its_owner_and_only_whole_code_is_used() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("cache");
    let loads = |bench: &Bench| bench.loads.load(Ordering::SeqCst);
    let first = Bench::cached(&dir);
    first.guest(ECHO).await;
    assert_eq!(loads(&first), 1);
    assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);

    let second = Bench::cached(&dir);
    assert_eq!(ask(&mut second.guest(ECHO).await, "hello").await.unwrap(), "hello");
    assert_eq!(loads(&second), 0);

    let files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let good = std::fs::read(file).unwrap();
    for at in [0, 20, 100, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(file, &bad).unwrap();
        let bench = Bench::cached(&dir);
        bench.guest(ECHO).await;
        assert_eq!(loads(&bench), 1, "{at}");
        assert!(std::fs::read(file).unwrap() == good, "{at}");
    }
    std::fs::write(file, &good[..40]).unwrap();
    let bench = Bench::cached(&dir);
    bench.guest(ECHO).await;
    assert_eq!(loads(&bench), 1);

    // The code of one component under the name of another is not used for it.
    let other: [u8; 32] = Sha256::digest(LOOPER).into();
    let name = file.file_name().unwrap().to_str().unwrap();
    let hex: String = other.iter().map(|b| format!("{b:02x}")).collect();
    std::fs::copy(file, dir.join(format!("{hex}{}", &name[64..]))).unwrap();
    let bench = Bench::cached(&dir);
    bench.guest(LOOPER).await;
    assert_eq!(loads(&bench), 1);

    // A directory that others may look into is not trusted.
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    let open = Bench::cached(&dir);
    open.guest(ECHO).await;
    assert_eq!(loads(&open), 1);
}

#[tokio::test]
async fn instances_come_from_a_pool_where_one_can_be_reserved() {
    let bench = Bench::new();
    let allocation = bench.sandbox.wasm().allocation().unwrap();
    assert!(matches!(allocation, Allocation::Pooling { instances: 100.. }), "{allocation:?}");
    let forced = on_demand();
    assert!(matches!(forced.allocation().unwrap(), Allocation::OnDemand { .. }));
    let bench = Bench::of(forced);
    assert_eq!(ask(&mut bench.guest(ECHO).await, "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn one_more_than_the_pool_holds_is_refused_until_one_ends() {
    let options = WasmOptions { cache: None, instances: 3 };
    let bench = Bench::of(WasmSandbox::new(options, tokio::runtime::Handle::current()));
    bench.sandbox.wasm().prepare();
    let mut running = Vec::new();
    for _ in 0..3 {
        running.push(bench.guest(ECHO).await);
    }
    let reason = fault(bench.start(ECHO, Limits::default()).await, FaultKind::Room);
    assert!(reason.contains("the most instances"), "{reason}");
    // One that takes the place of another has one kept for it, and nobody else has.
    let again = || {
        let hash = Sha256::digest(ECHO).into();
        StartRequest { again: true, ..request(Program::Wasm { hash }, Limits::default()) }
    };
    let spared = bench.start_so(again(), ECHO).await.unwrap();
    fault(bench.start_so(again(), ECHO).await, FaultKind::Room);
    running.pop();
    fault(bench.start(ECHO, Limits::default()).await, FaultKind::Room);
    drop(spared);
    assert_eq!(ask(&mut bench.guest(ECHO).await, "hello").await.unwrap(), "hello");
    assert_eq!(ask(&mut running[0], "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn ended_instances_give_their_room_back() {
    let bench = Bench::new();
    let mut kept = Vec::new();
    for round in 0..300 {
        let mut guest = bench.guest(ECHO).await;
        assert_eq!(ask(&mut guest, "count").await.unwrap(), "1", "{round}");
        if round % 3 == 0 {
            kept.push(guest);
        }
    }
    for guest in &mut kept {
        assert_eq!(ask(guest, "count").await.unwrap(), "2");
    }
}

/// Whoever installs a component need not have looked into it.
#[tokio::test]
async fn what_would_cost_too_much_to_compile_is_not_compiled() {
    let mut types = vec![1];
    (0..1_500).for_each(|_| types.extend([0x42, 1, 1]));
    types.extend([0x42, 0]);
    let length = [types.len() as u8 | 0x80, (types.len() >> 7) as u8];
    let nested = [EMPTY_COMPONENT, &[7], &length, &types].concat();
    let reason = fault(Bench::new().start(nested.leak(), Limits::default()).await, FaultKind::Start);
    assert!(reason.contains("101 levels of components, modules and types"), "{reason}");
}

#[tokio::test]
async fn what_an_instance_has_beside_its_memory_is_counted() {
    for bench in [Bench::new(), Bench::of(on_demand())] {
        let state = kernel_core::meter::meter(ECHO).unwrap().state;
        assert!(state > 1_000);
        let reason = fault(bench.start(ECHO, limits(state - 1, Duration::from_secs(1))).await, FaultKind::Memory);
        assert!(reason.contains(&format!("{state} more bytes of memory, having 0")), "{reason}");
    }
}
