//! How processes begin, are named and end.

use crate::world::{Host, Kind, World, agent, app, name};
use bytes::Bytes;
use futures::FutureExt;
use kernel_core::environment::Environment;
use kernel_core::kernel::State;
use kernel_core::kernel::effects::{Effects, Performance, Wake};
use kernel_core::kernel::input::Input;
use kernel_core::process::{InstanceKind, Lifecycle, Used};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// To kill a process is to end all that it started; the answer names the dead.
pub async fn kill_takes_the_subtree<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").uses(&["spawn /agent/helper"]);
    world.run(app("firm", [boss, agent("helper")])).await;
    for name in ["kid", "sister"] {
        let told = world.act("boss", &format!("spawn /agent/helper {{\"name\":\"{name}\",\"use\":[]}}")).await;
        assert!(told.starts_with("ok "), "{told}");
    }
    let pids = ["boss", "kid", "sister"].map(|name| world.pid(name).0);
    let reply = world.session().await.act("kill", &format!("/proc/{}", pids[0]), "").await.expect("killed");
    let reply: serde_json::Value = serde_json::from_slice(&reply).expect("JSON");
    let mut dead: Vec<(u64, &str)> = reply["dead"].as_array().expect("a list").iter().filter_map(named).collect();
    dead.sort_unstable();
    assert_eq!(dead, [(pids[0], "boss"), (pids[1], "kid"), (pids[2], "sister")]);
    assert!(reply["dead"].as_array().is_some_and(|all| all.iter().all(|one| one["app"] == "firm")), "{reply}");
    assert_eq!(reply["unreachable"], serde_json::json!([]));
    for name in ["boss", "kid", "sister"] {
        assert_eq!(world.ended(name).await.0, "killed", "{name}");
    }
    assert_eq!(world.tell("helper", "").await, "");
    world.finish().await;
}

/// Who is named in the receipt of a kill, where it was seen how long that took.
fn named(of: &serde_json::Value) -> Option<(u64, &str)> {
    of["after_ms"].as_u64()?;
    Some((of["pid"].as_u64()?, of["name"].as_str()?))
}

/// A kill is answered when every guest is seen gone, and names those that were not in time. For the kernel each is gone
/// at once.
pub async fn what_is_killed_is_seen_dead<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").uses(&["spawn /agent/helper"]);
    world.run(app("firm", [boss, agent("helper"), agent("busy"), agent("other")])).await;
    assert!(world.act("boss", "spawn /agent/helper {\"name\":\"kid\",\"use\":[]}").await.starts_with("ok "));
    let [boss, busy, other] = ["boss", "busy", "other"].map(|name| format!("/proc/{}", world.pid(name)));
    let receipt = |reply: &Bytes| -> serde_json::Value { serde_json::from_slice(reply).expect("JSON") };
    // One that is in the middle of something.
    let (session, caller) = (world.session().await, world.session().await);
    let wait = "\nact read /proc/self/inbox {\"correlation\":7}";
    let called = caller.act("call", &busy, wait);
    world.pause().await;
    let told = receipt(&session.act("kill", &busy, "").await.expect("killed"));
    assert_eq!(told["dead"].as_array().expect("a list").iter().filter_map(named).count(), 1, "{told}");
    called.await.expect_err("it was killed");

    let pids = [world.pid("boss"), world.pid("kid")];
    world.hand.deaths(false);
    let mut kill = Box::pin(session.act("kill", &boss, "{\"deadline_ms\":1000}"));
    world.pause().await;
    assert!((&mut kill).now_or_never().is_none(), "nothing was seen dead yet");
    for name in ["boss", "kid"] {
        assert_eq!(world.ended(name).await.0, "killed");
    }
    world.hand.advance(Duration::from_secs(2));
    let told = receipt(&kill.await.expect("killed"));
    assert_eq!(told["dead"], serde_json::json!([]), "{told}");
    let what = if world.host.kind() == Kind::Component { "component" } else { "handler" };
    let unseen: Vec<(u64, &str)> = told["unreachable"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["what"] == what)
        .filter_map(|one| Some((one["pid"].as_u64()?, one["name"].as_str()?)))
        .collect();
    assert_eq!(unseen, [(pids[0].0, "boss"), (pids[1].0, "kid")], "{told}");
    // What is seen later is nobody's business any more; what is seen in time is in the receipt.
    world.hand.deaths(true);
    world.pause().await;
    world.hand.deaths(false);
    let mut kill = Box::pin(session.act("kill", &other, ""));
    world.pause().await;
    assert!((&mut kill).now_or_never().is_none());
    world.hand.advance(Duration::from_millis(1200));
    world.hand.deaths(true);
    let told = receipt(&kill.await.expect("killed"));
    assert!(told["dead"][0]["after_ms"].as_u64().is_some_and(|ms| ms >= 1200), "{told}");
    assert_eq!(told["unreachable"], serde_json::json!([]));
    world.finish().await;
}

/// What a message has used is seen before it is over, where the host can see into its guest, and stays counted where its
/// process ends in the middle of it: in the row of that, and once in those of all above it, gone or alive.
pub async fn what_a_message_uses_is_seen_and_stays_counted<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let seen = world.host.sees_usage();
    let spawns = &["spawn /agent/kid"];
    let boss = agent("boss").uses(&["spawn /agent/*"]).grants(spawns);
    world.run(app("busy", [boss, agent("mid").uses(spawns), agent("kid")])).await;
    for (by, spawn) in [
        ("boss", "spawn /agent/mid {\"name\":\"m\",\"use\":[\"spawn\\u0020/agent/kid\"]}"),
        ("m", "spawn /agent/kid {\"name\":\"k\",\"use\":[]}"),
        ("m", "spawn /agent/kid {\"name\":\"spent\",\"use\":[],\"limits\":{\"acts\":5}}"),
    ] {
        let told = world.act(by, spawn).await;
        assert!(told.starts_with("ok "), "{spawn}: {told}");
    }
    for name in ["k", "spent"] {
        assert_eq!(world.tell(name, "").await, "");
    }
    let session = world.session().await;
    let send = async |to: &str, script: &str| {
        session.act("send", &format!("/proc/{}", world.pid(to)), format!("\n{script}")).await.expect("sent");
    };
    let before = world.process("k").used;
    send("k", "do repeat 50 read /proc/self\nact read /proc/self/inbox {\"correlation\":7}").await;
    world.until(|world| world.process("k").used.acts == before.acts + 51).await;
    world.until(|world| world.process("k").used.cpu > before.cpu || !seen).await;
    let during = world.process("k").used;
    assert_eq!((during.messages, during.cpu > before.cpu), (before.messages + 1, seen));
    assert!((during.memory_now > 0 || !seen) && during.memory >= during.memory_now, "{during:?}");
    let tree = world.process("boss").tree;
    assert!(tree.cpu >= world.process("boss").used.cpu + during.cpu, "{tree:?}");

    // One that ends by its own act, before anybody could look.
    let before = world.process("spent").used;
    send("spent", "do repeat 9 read /proc/self").await;
    let over = |world: &World<H>| world.process("spent").state == Lifecycle::Exited;
    world.until(|world| over(world) && (world.process("spent").used.cpu > before.cpu || !seen)).await;

    session.act("kill", &format!("/proc/{}", world.pid("m")), "").await.expect("killed");
    let [boss, m, k, spent] = ["boss", "m", "k", "spent"].map(|name| world.process(name));
    assert!(k.used.cpu >= during.cpu && k.used.memory >= during.memory && k.used.memory_now == 0, "{k:?}");
    for of in [|used: &Used| used.cpu, |used: &Used| used.memory] {
        let sum = [&m, &k, &spent].iter().map(|process| of(&process.used)).sum::<u64>();
        assert_eq!((of(&m.tree), of(&boss.tree)), (sum, sum + of(&boss.used)));
    }
    world.finish().await;
}

/// What traps ends, alone; whoever called it is told.
pub async fn a_trap_ends_one_process<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("pair", [agent("a"), agent("b")])).await;
    let told = world.tell("a", "trap").await;
    assert!(told.starts_with("failed: "), "{told}");
    assert_eq!(world.ended("a").await.0, "trap");
    assert_eq!(world.tell("b", "").await, "");
    world.finish().await;
}

/// Whoever monitors a process hears that it ended, and why.
pub async fn a_monitor_hears_of_the_end<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("pair", [agent("a").uses(&["monitor /proc/*"]), agent("b"), agent("c")])).await;
    let pids = ["b", "c"].map(|name| world.pid(name));
    for pid in pids {
        assert_eq!(world.act("a", &format!("monitor /proc/{pid}")).await, "ok {}");
    }
    world.act("b", "stop /proc/self").await;
    world.session().await.act("kill", &format!("/proc/{}", pids[1]), "").await.expect("killed");
    world.ended("b").await;
    world.ended("c").await;
    let heard = world.heard("a").await;
    for (pid, reason) in [(pids[0], "normal"), (pids[1], "killed")] {
        let note = format!("exit /proc/{pid} [] {{\"reason\":\"{reason}\"");
        assert!(heard.contains(&note), "{note}: {heard}");
    }
    world.finish().await;
}

/// Whoever is asked to stop ends after what it is handling, and that is answered.
pub async fn to_stop_is_to_finish_first<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("one", [agent("a")])).await;
    // To be told again changes nothing.
    let told = world.tell("a", "act stop /proc/self\nact stop /proc/self\nact read /proc/self").await;
    assert!(told.starts_with("ok {}\nok {}\nok {\"pid\":"), "{told}");
    assert_eq!(world.ended("a").await.0, "normal");
    world.finish().await;
}

/// Numbers are never used again: not those of the dead, and not after a reboot.
pub async fn numbers_are_never_reused<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("one", [agent("a")])).await;
    let before = world.pid("a");
    let acts = world.log().await.iter().map(|e| e.action).max();
    world.reboot().await;
    world.run(app("one", [agent("a")])).await;
    assert!(world.pid("a") > before);
    let log = world.log().await;
    let booted = log.iter().rposition(|e| e.content.name() == "boot").expect("the second boot");
    let after = log[booted..].iter().map(|e| e.action).filter(|action| action.0 > 0).min();
    assert!(after > acts, "{after:?} {acts:?}");
    world.finish().await;
}

/// Two living processes of one application have two names.
pub async fn a_name_is_taken_while_its_process_lives<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("firm", [agent("boss").uses(&["spawn /agent/helper"]), agent("helper")])).await;
    assert!(world.act("boss", "spawn /agent/helper").await.starts_with("conflict: "));
    world.act("helper", "stop /proc/self").await;
    world.ended("helper").await;
    assert!(world.act("boss", "spawn /agent/helper").await.starts_with("ok "));
    world.finish().await;
}

/// No instance draws the randomness that another one draws, neither of one process.
pub async fn every_instance_draws_its_own_randomness<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("fresh", [agent("a").per_message(), agent("b")])).await;
    for _ in 0..3 {
        assert_eq!(world.tell("a", "").await, "");
    }
    // What the host was asked for is what the same inputs ask for again.
    let (mut state, mut seeds, mut rows) = (None, Vec::new(), BTreeMap::new());
    for (now, input) in world.kernel().journal() {
        if let Input::Boot(boot) = &input {
            state = Some(State::new(boot, Environment::dev(), &[(name("puppet"), InstanceKind::Kept)]));
        }
        let (state, mut fx) = (state.as_mut().expect("a boot"), Effects::default());
        while let Err(need) = state.step(&input, now, &mut fx) {
            for key in need.keys {
                let row: Option<Option<Bytes>> = rows.get(&key).cloned();
                state.load(key, row.flatten());
            }
        }
        rows.extend(fx.rows);
        seeds.extend(fx.acts.into_iter().filter_map(|perform| match perform.what {
            Performance::Start(request) => Some(request.seed),
            Performance::HandOn | Performance::Device(_) | Performance::Nodes { .. } => None,
        }));
        seeds.extend(fx.wakes.into_iter().filter_map(|wake| match wake {
            Wake::Deliver { fresh, .. } => fresh.map(|request| request.seed),
            _ => None,
        }));
    }
    assert_eq!(seeds.iter().collect::<BTreeSet<_>>().len(), seeds.len());
    assert!(seeds.len() >= 5, "{}", seeds.len());
    world.finish().await;
}
