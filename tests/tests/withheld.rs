//! However many acts were withheld from one that was suspended: all of them are taken up on a small stack.
#![cfg(not(target_arch = "wasm32"))]

use bytes::Bytes;
use futures::future::join_all;
use kernel_core::agency::Role;
use kernel_core::capability::Capabilities;
use kernel_core::environment::Environment;
use kernel_core::ipc::{Envelope, EnvelopeKind, body};
use kernel_core::kernel::{BootOptions, Kernel, Session};
use kernel_core::platform::{BoxFuture, Port, Programs};
use kernel_core::process::{InstanceKind, Lifecycle};
use kernel_core::sim::{Sim, SimPlatform, turn};
use kernel_tests::world::{name, rights};
use serde_json::{Value, json};

/// How many acts are withheld from one.
const ACTS: usize = 50_000;
/// How much stack there is for all that, bytes: a call of a step within a step takes kilobytes of it.
const STACK: usize = 1 << 20;

const RIGHTS: [&str; 2] = ["suspend /proc/*", "resume /proc/*"];

/// Suspends itself and asks at once for as many acts as it is told to.
fn asks(port: Port) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> {
    move |message| {
        let port = port.clone();
        Box::pin(async move {
            if message.kind == EnvelopeKind::Start {
                return Ok(Bytes::new());
            }
            let told: Value = serde_json::from_slice(&message.body).map_err(|e| e.to_string())?;
            let (verb, resource) = (told["verb"].as_str().unwrap_or_default(), told["on"].as_str().unwrap_or_default());
            let suspended = port.act("suspend", "/proc/self", "");
            let acts: Vec<_> = (0..told["times"].as_u64().unwrap_or(1)).map(|_| port.act(verb, resource, "")).collect();
            suspended.await.map_err(|refusal| refusal.reason)?;
            let done = join_all(acts).await.into_iter().filter(Result::is_ok).count();
            Ok(Bytes::from(done.to_string()))
        })
    }
}

async fn boot(sim: &Sim) -> (Kernel<SimPlatform>, Session) {
    let parts = sim.parts(sim.storage(), Programs::new().with(name("asks"), asks), sim.devices());
    let mut options = BootOptions::new(Environment::dev());
    options.natives = vec![(name("asks"), InstanceKind::Kept)];
    let kernel = Kernel::boot(parts, options).await.expect("a kernel");
    let all = ["spawn /agent/asks", "call /proc/*", "send /proc/*", RIGHTS[0], RIGHTS[1]];
    let held = Capabilities::new(rights(&all), rights(&RIGHTS)).expect("few rights");
    let session = kernel.attach(name("operator"), Role::User, held).await.expect("a session");
    (kernel, session)
}

/// Spawns one; its path.
async fn spawned(session: &Session, called: &str) -> String {
    let spawn = json!({ "name": called, "use": RIGHTS });
    let reply = session.act("spawn", "/agent/asks", body::json(&spawn)).await.expect("spawned");
    let reply: Value = serde_json::from_slice(&reply).expect("JSON");
    format!("/proc/{}", reply["pid"])
}

fn says(times: usize, verb: &str, on: &str) -> Bytes {
    body::join(&json!({}), json!({ "verb": verb, "on": on, "times": times }).to_string().as_bytes())
}

/// Runs `test` where guests that are suspended are not polled, and where they are.
fn on_a_small_stack(test: fn(&Sim)) {
    for seed in 0..2 {
        let small = std::thread::Builder::new().stack_size(STACK);
        small.spawn(move || test(&Sim::new(seed))).expect("a thread").join().expect("all of them go on");
    }
}

/// Lets others have their turns until so many are `state`.
async fn until(kernel: &Kernel<SimPlatform>, state: Lifecycle, count: usize) {
    while kernel.processes().iter().filter(|row| row.name.as_str() != "operator" && row.state == state).count() < count
    {
        turn().await;
    }
}

#[test]
fn all_that_was_withheld_is_asked_for_again() {
    on_a_small_stack(|sim| {
        sim.run(async {
            let (kernel, session) = boot(sim).await;
            let path = spawned(&session, "one").await;
            let call = session.act("call", &path, says(ACTS, "read", "/proc/self"));
            until(&kernel, Lifecycle::Suspended, 1).await;
            session.act("resume", &path, "").await.expect("it goes on");
            let told = call.await.expect("an answer");
            assert!(told.ends_with(format!("\n{ACTS}").as_bytes()), "{told:?}");
            kernel.shutdown("it is over").await.expect("an orderly end");
        });
    });
}
