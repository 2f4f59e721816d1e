//! Thousands of simulated machines whose power and disks fail at random, some within a commit, and that boot again.
//!
//! Each has a disk that is slow at random, puppets and sessions that write to the tree, to files and to each other,
//! and loses power a few times. After each loss the log has to verify, what was answered to a session has to be
//! there, nothing may be there that nobody wrote, what was begun and not ended is closed as unknown once, and of each
//! outward act the body is there that the log commits to, or its salt where that is too long.
//! `WEFT_SEEDS` says how many machines; a failure tells the command that runs its seed alone.
#![cfg(not(target_arch = "wasm32"))]

use kernel_core::agency::Role;
use kernel_core::capability::Capabilities;
use kernel_core::environment::Environment;
use kernel_core::kernel::{Bodies, BootOptions, Kernel, Session, log_key, opening, verify};
use kernel_core::platform::{Clock, KeyPurpose, Keys, Spawn};
use kernel_core::process::InstanceKind;
use kernel_core::sim::{SimKeys, SimPlatform};
use kernel_tests::invariants::{Invariants, kept};
use kernel_tests::world::{Host, Kind, SimHost, agent, app, name, rights, supervisor};
use kernel_tests::{alone, for_seeds};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many machines there are by default.
const MACHINES: u64 = 2_000;
/// How often each of them loses power.
const LOSSES: u64 = 3;
/// How many nodes are written, so that writes meet.
const NODES: u64 = 6;

/// What was written and what of it was answered, by node.
#[derive(Default)]
struct Written {
    /// The value that was answered last, by the writer that wrote it: it or a later one of the same node is there.
    answered: BTreeMap<u64, u64>,
    /// All values that were ever asked to be written.
    asked: BTreeMap<u64, Vec<u64>>,
    last: u64,
}

type Shared = Arc<Mutex<Written>>;

fn written(shared: &Shared) -> std::sync::MutexGuard<'_, Written> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes numbers that grow, one after the other, and notes which were answered. Writers have nodes of their own.
async fn write(session: Session, shared: Shared, platform: SimPlatform, writer: u64) {
    for n in 0.. {
        let node = writer * NODES + n % NODES;
        let value = {
            let mut all = written(&shared);
            all.last += 1;
            let value = all.last;
            all.asked.entry(node).or_default().push(value);
            value
        };
        let act = match n % 3 {
            0 => session.act("write", &format!("/tree/n{node}"), format!("{{\"replace\":true}}\n{value}")),
            // Some are too long to be kept.
            1 => {
                let body =
                    format!("{{\"replace\":true}}\n{value:>width$}", width = if n % 9 == 1 { 20_000 } else { 0 });
                session.act("write", &format!("/fs/out/f{node}"), body)
            }
            _ => session.act("write", &format!("/tree/n{node}"), format!("{{\"replace\":true}}\n{value}")),
        };
        if act.await.is_err() {
            return;
        }
        if n % 3 != 1 {
            written(&shared).answered.insert(node, value);
        }
        platform.sleep_until(platform.now().after(Duration::from_millis(value % 7))).await;
    }
}

/// One life of the machine, cut short after some turns.
fn live(host: &SimHost, shared: &Shared, turns: u64) {
    let sim = host.sim();
    let (theirs, platform) = (shared.clone(), sim.platform());
    let booting = async {
        let parts = host.open().await;
        let mut options = BootOptions::new(Environment::prod());
        options.natives = vec![(name("puppet"), InstanceKind::Kept)];
        // On a torn or failing disk a boot may fail; it must not find anything amiss.
        let Ok(kernel) = Kernel::boot(parts, options).await else { return None };
        let held = ["write /tree/**", "read /tree/**", "write /fs/**", "spawn /agent/*"];
        // The mount that they write to is bound by an application.
        let uses = rights(&["install /app/*", "start /app/*", "write /fs/**", "read /fs/**"]);
        let everything = Capabilities::new(uses.clone(), uses).expect("few rights");
        let operator = kernel.attach(name("operator"), Role::User, everything).await.ok()?;
        let plan = serde_json::to_vec(
            &app("mounts", [agent("idle").under("s")]).overseen([supervisor("s")]).plan(Kind::Handler.program()),
        )
        .expect("a plan");
        let installed = operator.act("install", "/app/mounts", [b"{}\n", &plan[..]].concat()).await;
        installed.and(operator.act("start", "/app/mounts", "{\"until\":\"stopped\"}").await).ok()?;
        for writer in 0..3 {
            let held = Capabilities::new(rights(&held), Vec::new()).expect("few rights");
            let session = kernel.attach(name("writer"), Role::User, held).await.ok()?;
            let _ = session.act("spawn", "/agent/puppet", "{\"name\":\"idle\",\"use\":[]}").await;
            platform.spawn("writer", write(session, theirs.clone(), platform.clone(), writer));
        }
        Some(kernel)
    };
    let kernel = sim.run_at_most(turns, booting);
    sim.run_for(turns);
    sim.crash();
    drop(kernel);
}

/// Boots in peace, and looks. The bodies that are kept by now.
async fn look(host: &SimHost, shared: &Shared, invariants: &mut Invariants, seed: u64) -> Bodies {
    let at = format!("seed {seed}");
    let parts = host.open().await;
    let (rows, public) = (parts.storage.clone(), SimKeys.public(KeyPurpose::Log).await.expect("a key"));
    let mut options = BootOptions::new(Environment::prod());
    options.natives = vec![(name("puppet"), InstanceKind::Kept)];
    let kernel = Kernel::boot(parts, options).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    invariants.booted_over(&kernel, &rows, &at).await;
    let held = Capabilities::new(rights(&["read /tree/**"]), Vec::new()).expect("few rights");
    let session = kernel.attach(name("reader"), Role::User, held).await.expect("a session");
    let (answered, asked) = {
        let all = written(shared);
        (all.answered.clone(), all.asked.clone())
    };
    for (node, values) in asked {
        let found = session.act("read", &format!("/tree/n{node}"), "").await.ok();
        let found: Option<u64> = found.map(|value| String::from_utf8_lossy(&value).parse().expect("a number"));
        kept(&format!("node {node}"), found, &values, answered.get(&node).copied(), &at);
    }
    kernel.shutdown("seen").await.expect("an orderly end");
    drop(session);
    kernel.close().await;
    let verified =
        verify(&rows, opening(&log_key(public)), |_, _| {}).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let (opened, bodies) = (verified.opened, verified.bodies);
    assert_eq!(verified.acts.open, 0, "seed {seed}: without an outcome");
    assert_eq!(opened.signed, opened.log.size(), "seed {seed}");
    let told = invariants.log_under(&log_key(public), &rows, &at).await;
    assert!(told.open.is_empty(), "{at}: without an outcome: {:?}", told.open);
    assert_eq!(bodies.erased, 0, "seed {seed}: an intent without its body");
    bodies
}

/// How many writes there were in all of its lives, and what is there of the bodies of outward ones.
fn machine(seed: u64) -> (usize, Bodies) {
    let host = SimHost::new(seed, Kind::Handler);
    let (shared, mut bodies) = (Shared::default(), Bodies::default());
    let mut invariants = Invariants::default();
    for _ in 0..LOSSES {
        let sim = host.sim();
        host.ails(20, 12);
        live(&host, &shared, 20 + sim.random() % 600);
        host.heals();
        bodies = sim.run(look(&host, &shared, &mut invariants, seed));
    }
    (written(&shared).asked.values().map(Vec::len).sum(), bodies)
}

#[test]
fn what_was_answered_is_there_whenever_the_power_fails() {
    let (mut machines, mut writes, mut kept, mut long) = (0, 0, 0, 0);
    for_seeds(MACHINES, |seed| {
        let (wrote, bodies) = machine(seed);
        machines += 1;
        (writes, kept, long) = (writes + wrote as u64, kept + bodies.kept, long + bodies.long);
    });
    if alone().is_some() {
        return;
    }
    assert!(writes > machines * 10, "{writes} writes show little");
    // Each life has a few of its own, from the application that binds the mount.
    assert!(kept > machines * 50 && long > machines * 5, "{kept} bodies and {long} long ones show little");
}
