//! What a process may use up, and what happens when it has: it is stopped, alone, and the log says by what.

use super::messages::waits;
use crate::world::{App, Host, Kind, World, agent, app};
use kernel_core::app::Budget;
use kernel_core::environment::Environment;
use kernel_core::kernel::effects::Notice;
use kernel_core::kernel::event::{AppEnded, Content, Exited};
use kernel_core::process::{Lifecycle, Scope};
use kernel_core::refusal::Code;
use std::time::Duration;

fn reader() -> crate::world::Agent {
    agent("reader").uses(&["read /fs/in/**"])
}

fn exited<'a>(log: &'a [crate::world::Recorded], name: &str) -> &'a Exited {
    let of = |content: &'a Content| match content {
        Content::Exited(exited) if exited.name == name => Some(exited),
        _ => None,
    };
    log.iter().find_map(|e| of(&e.content)).expect("its end")
}

fn app_ended(log: &[crate::world::Recorded]) -> &AppEnded {
    log.iter()
        .find_map(|e| if let Content::AppEnded(ended) = &e.content { Some(ended) } else { None })
        .expect("the end of the application")
}

/// Every act is drawn, refused ones too; the first that is over ends the process, and no other.
pub async fn acts_are_drawn_also_those_that_are_refused<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let spender = agent("spender").limited(|limits| limits.acts = Some(5));
    world.run(app("spend", [spender, agent("other")])).await;
    let spender = format!("/proc/{}", world.pid("spender"));
    let told = world.tell("spender", "repeat 10 read /fs/in/x").await;
    assert!(told.contains(&format!("{spender} ended (limit)")), "{told}");
    let (exit, detail) = world.ended("spender").await;
    assert_eq!(exit, "limit", "{detail}");
    assert!(detail.contains("acts") && detail.contains('5'), "{detail}");
    // The act that was over the limit is one of them.
    assert_eq!(exited(&world.log().await, "spender").refused, 6);
    assert_eq!(world.tell("other", "").await, "");
    world.finish().await;
}

/// An account is drawn by all processes below it: together they get what one would.
pub async fn an_account_is_drawn_by_all_below_it<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let reads = |name: &str| agent(name).uses(&["read /fs/in/**"]);
    let budget = Budget { acts: Some(50), ..Budget::default() };
    world.run(app("two", [reads("a"), reads("b")]).budget(budget)).await;
    assert_eq!(world.tell("a", "repeat 30 read /fs/in/x").await, "30 ok");
    let b = format!("/proc/{}", world.pid("b"));
    let told = world.tell("b", "repeat 30 read /fs/in/x").await;
    assert!(told.contains(&format!("{b} ended")), "{told}");
    world.ended("a").await;
    let reads = world.hand.asked().len();
    assert!((31..=50).contains(&reads), "{reads} reads");
    let log = world.log().await;
    let ended = app_ended(&log);
    assert!(!ended.ok && ended.reason.contains("acts"), "{ended:?}");
    world.finish().await;
}

/// Messages have an account of their own, from which what is no message never draws.
pub async fn messages_are_drawn<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let talker = agent("talker").uses(&["send /proc/*"]).limited(|limits| limits.messages = Some(3));
    let listener = agent("listener").limited(|limits| limits.messages = Some(3));
    world.run(app("talk", [talker, agent("other"), listener])).await;
    let script = "repeat 9 read /proc/self/inbox {\"deadline_ms\":0}\nrepeat 9 start /timer/t {\"after_ms\":99999}";
    assert_eq!(world.tell("listener", script).await, "9 timed_out\n9 ok");
    let (other, talker) = (world.pid("other"), format!("/proc/{}", world.pid("talker")));
    let told = world.tell("talker", &format!("repeat 10 send /proc/{other} - hi")).await;
    assert!(told.contains(&format!("{talker} ended (limit)")), "{told}");
    assert!(world.ended("talker").await.1.contains("messages"));
    assert_eq!(world.heard("other").await.matches("hi").count(), 3);
    world.finish().await;
}

/// A component that has used up its fuel for a message is ended, alone, and the summary says by what; what the others
/// use is counted. A program of the host has no meter, so a limit on its fuel is refused instead of forgotten.
pub async fn fuel_ends_one_component<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let kind = host.kind();
    let mut world = World::boot(host, Environment::dev()).await;
    let agents = || {
        let reads = |name: &str| agent(name).uses(&["read /fs/in/**"]);
        [reads("spender").limited(|limits| limits.fuel = Some(2_000_000)), reads("other")]
    };
    if kind == Kind::Handler {
        let refusal = world.try_run(app("spend", agents())).await.expect_err("a limit that would not hold");
        assert!(refusal.reason.contains("fuel"), "{refusal}");
        world.finish().await;
        return;
    }
    world.run(app("spend", agents())).await;
    for name in ["spender", "other"] {
        assert_eq!(world.tell(name, "repeat 20 read /fs/in/x").await, "20 ok");
        assert!(world.process(name).used.fuel > 0, "{name} used none");
    }
    let told = world.tell("spender", "repeat 20000 read /fs/in/x").await;
    assert!(told.contains("fuel"), "{told}");
    let (exit, detail) = world.ended("spender").await;
    assert!(exit == "limit" && detail.contains("fuel") && detail.contains("2000000"), "{exit}: {detail}");
    assert!(world.process("spender").used.fuel > 2_000_000, "what it had used before, and all of the last");
    // One message has used up all, and yet that little is left is told of before the end.
    let [near] = &near(&world).await[..] else { panic!("it was told of once") };
    assert_eq!((near.0.as_str(), near.1.as_str(), near.3), ("spender", "fuel", 2_000_000));
    let (warned, over) = (
        |content: &Content| matches!(content, Content::LimitNear(_)),
        |content: &Content| matches!(content, Content::Exited(exited) if exited.name == "spender"),
    );
    let log = world.log().await;
    let place = |of: &dyn Fn(&Content) -> bool| log.iter().position(|event| of(&event.content)).expect("an event");
    assert!(place(&warned) < place(&over));
    assert_eq!(world.tell("other", "").await, "");
    world.finish().await;
}

/// A process that has lived as long as it may is ended, whatever it does.
pub async fn wall_time_is_a_limit<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    // A host that has much to do may take its time, too.
    let mortal = agent("mortal").limited(|limits| limits.wall = Some(Duration::from_secs(100_000)));
    world.run(app("life", [mortal, agent("other")])).await;
    world.hand.advance(Duration::from_secs(60_000));
    world.pause().await;
    assert_eq!(world.tell("mortal", "").await, "");
    world.hand.advance(Duration::from_secs(40_001));
    let (exit, detail) = world.ended("mortal").await;
    assert!(exit == "limit" && detail.contains("wall"), "{exit}: {detail}");
    assert_eq!(world.tell("other", "").await, "");
    world.finish().await;
}

/// A process may be given lower limits than its agent has, and never higher ones; the error names the key.
pub async fn limits_of_one_process_are_lower<H: Host>(host: H) {
    let kind = host.kind();
    let mut world = World::boot(host, Environment::dev()).await;
    let helper = agent("helper").limited(|limits| (limits.acts, limits.memory) = (Some(50), 16 << 20));
    world.run(app("firm", [agent("boss").uses(&["spawn /agent/helper"]), helper])).await;
    let spawn = |name: &str, limits: &str| {
        format!("spawn /agent/helper {{\"name\":\"{name}\",\"use\":[],\"limits\":{{{limits}}}}}")
    };
    for (limits, key) in [
        ("\"acts\":51", "limits.acts: 51 is more than the 50 of agent `helper`"),
        ("\"memory\":16777217", "limits.memory"),
        ("\"handle_ms\":10001", "limits.handle_ms"),
        ("\"memory\":0", "limits.memory"),
        ("\"act\":5", "unknown field `act`"),
        ("\"acts\":-1", "invalid value"),
    ] {
        let told = world.act("boss", &spawn("kid", limits)).await;
        assert!(told.starts_with("invalid: ") && told.contains(key), "{limits}: {told}");
    }
    if kind == Kind::Handler {
        let told = world.act("boss", &spawn("kid", "\"fuel\":5")).await;
        assert!(told.starts_with("unsupported: ") && told.contains("not metered"), "{told}");
    }
    let lower = "\"acts\":5,\"memory\":8388608,\"wall_ms\":600000";
    assert!(world.act("boss", &spawn("kid", lower)).await.starts_with("ok "));
    let mortal = "\"wall_ms\":100000,\"messages\":1,\"tool_calls\":0";
    assert!(world.act("boss", &spawn("old", mortal)).await.starts_with("ok "));
    world.hand.advance(Duration::from_secs(101));
    let (exit, detail) = world.ended("old").await;
    assert!(exit == "limit" && detail.contains("wall"), "{exit}: {detail}");
    let info = world.act("kid", "read /proc/self").await;
    assert!(info.contains("\"memory_limit\":8388608"), "{info}");
    let kid = format!("/proc/{}", world.pid("kid"));
    let told = world.tell("kid", "repeat 10 read /fs/in/x").await;
    assert!(told.contains(&format!("{kid} ended (limit)")), "{told}");
    assert!(world.ended("kid").await.1.contains("5 of 5"));
    assert_eq!(world.tell("helper", "repeat 20 read /fs/in/x").await, "20 denied");
    world.finish().await;
}

/// However many children a process has, and whatever each may use: together they use no more than itself may.
pub async fn children_together_get_what_their_parent_has<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let reads = &["read /fs/in/**"];
    let boss = agent("boss").uses(&["spawn /agent/kid"]).grants(reads).limited(|limits| limits.acts = Some(60));
    world.run(app("family", [boss, agent("kid").uses(reads)])).await;
    let spawns = (0..20).map(|n| format!("act spawn /agent/kid {{\"name\":\"k{n}\",\"limits\":{{\"acts\":10}}}}"));
    let told = world.tell("boss", &spawns.collect::<Vec<_>>().join("\n")).await;
    assert_eq!(told.lines().filter(|line| line.starts_with("ok ")).count(), 20, "{told}");
    for n in 0..20 {
        if world.process(&format!("k{n}")).state == Lifecycle::Exited {
            break;
        }
        world.tell(&format!("k{n}"), "repeat 9 read /fs/in/x").await;
    }
    assert_eq!(world.hand.asked().len(), 40, "twenty of the sixty were for the spawns");
    let (exit, detail) = world.ended("boss").await;
    assert!(exit == "limit" && detail.contains("60 of 60"), "{exit}: {detail}");
    for n in 0..20 {
        assert_eq!(world.process(&format!("k{n}")).state, Lifecycle::Exited);
    }
    assert_eq!(world.tell("kid", "repeat 9 read /fs/in/x").await, "9 ok", "it is not below what ran out");
    world.finish().await;
}

/// The fuel of all components of an application is an account: what is over it ends the application. A program of the
/// host has no meter, so that is refused.
pub async fn fuel_is_an_account_of_the_application<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let kind = host.kind();
    let mut world = World::boot(host, Environment::dev()).await;
    let budget = Budget { fuel: Some(5_000_000), ..Budget::default() };
    let reads = |name: &str| agent(name).uses(&["read /fs/in/**"]);
    let limited = |name: &str| reads(name).limited(|limits| limits.fuel = Some(1_500_000));
    let burns = app("burns", [limited("a"), limited("b")]).budget(budget);
    if kind == Kind::Handler {
        let refusal = world.try_run(burns).await.expect_err("a limit that would not hold");
        assert!(refusal.reason.contains("fuel"), "{refusal}");
        world.finish().await;
        return;
    }
    let unlimited = app("burns", [limited("a"), reads("b")]).budget(budget);
    let refusal = world.try_run(unlimited).await.expect_err("nobody can say what it holds");
    assert!(refusal.code == Code::Invalid && refusal.reason.contains("`b` has no limits.fuel"), "{refusal}");
    world.run(burns).await;
    let mut rounds = 0;
    while world.process("burns").state != Lifecycle::Exited {
        let told = world.tell(["a", "b"][rounds % 2], "repeat 300 read /fs/in/x").await;
        if told != "300 ok" {
            break;
        }
        rounds += 1;
    }
    assert!(rounds > 1, "one message does not use all of it");
    let (exit, detail) = world.ended("burns").await;
    assert!(exit == "limit" && detail.contains("fuel") && detail.contains("5000000"), "{exit}: {detail}");
    let used = |name: &str| world.process(name).used.fuel;
    assert!(used("a") > 0 && used("b") > 0 && used("a") + used("b") <= 5_000_000, "{} {}", used("a"), used("b"));
    world.finish().await;
}

/// What a message may use is held while it is handled: what is under way at once never uses more than the account has. What
/// does not fit beside that waits until it does, or until it is clear that it never will.
pub async fn fuel_is_held_while_a_message_is_handled<H: Host>(host: H) {
    if host.kind() == Kind::Handler {
        // It has no meter.
        return;
    }
    let mut world = World::boot(host, Environment::dev()).await;
    let budget = Budget { fuel: Some(11_000_000), ..Budget::default() };
    let limited = |name: &str| agent(name).limited(|limits| limits.fuel = Some(4_000_000));
    world.run(app("burns", ["a", "b", "c"].map(limited)).budget(budget)).await;
    world.until(|world| ["a", "b", "c"].iter().all(|name| world.process(name).used.messages > 0)).await;
    for _ in 0..4 {
        assert_eq!(world.tell("c", "").await, "", "what was held and not used is given back");
    }
    let session = world.session().await;
    let path = |name: &str| format!("/proc/{}", world.pid(name));
    let (a, b, c) = (path("a"), path("b"), path("c"));
    session
        .act("send", &a, "\ndo act read /proc/self/inbox {\"correlation\":77,\"deadline_ms\":50000}")
        .await
        .expect("sent");
    waits(&world, "b").await;
    world.until(|world| world.process("a").used.acts > 0).await;
    let other = world.session().await;
    {
        let mut told = std::pin::pin!(other.act("call", &c, "{\"deadline_ms\":80000000}\n"));
        assert!(futures::poll!(told.as_mut()).is_pending());
        world.pause().await;
        assert!(futures::poll!(told.as_mut()).is_pending(), "there is not as much as it may use beside what is held");
        assert_eq!(world.process("burns").state, Lifecycle::Running);
        world.hand.advance(Duration::from_secs(51));
        told.await.expect("handled");
    }
    // All that those were given is taken to be used.
    for path in [&a, &b] {
        assert_eq!(world.process("burns").state, Lifecycle::Running);
        if *path == a {
            waits(&world, "a").await;
        }
        session.act("kill", path, "").await.expect("killed");
    }
    let refusal = other.act("call", &c, "{\"deadline_ms\":80000000}\n").await.expect_err("it ended");
    assert!(refusal.reason.contains("ended"), "{refusal}");
    let (exit, detail) = world.ended("burns").await;
    assert!(exit == "limit" && detail.contains("a message may use 4000000"), "{exit}: {detail}");
    world.finish().await;
}

/// Which limits were nearly used up so far: whose, of what, how much of it, and the most.
pub(super) async fn near<H: Host>(world: &World<H>) -> Vec<(String, String, u64, u64)> {
    let of = |content: Content| match content {
        Content::LimitNear(near) => Some((near.name, near.meter, near.used, near.limit)),
        _ => None,
    };
    world.log().await.into_iter().filter_map(|e| of(e.content)).collect()
}

/// Each limit of an account is told of once, when four fifths of it are drawn: in the log, and to observers.
pub async fn a_limit_that_is_near_is_told_once<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let reads = |name: &str| agent(name).uses(&["read /fs/in/**"]);
    let budget = Budget { acts: Some(20), ..Budget::default() };
    let spender = reads("spender").limited(|limits| limits.acts = Some(10));
    world.run(app("spend", [spender, reads("other")]).budget(budget)).await;
    // Two of the twenty were for the spawns.
    world.tell("spender", "repeat 7 read /fs/in/x").await;
    assert_eq!(near(&world).await, []);
    world.tell("spender", "act read /fs/in/x").await;
    let spenders = ("spender".to_owned(), "acts".to_owned(), 8, 10);
    assert_eq!(near(&world).await, std::slice::from_ref(&spenders));
    world.tell("spender", "act read /fs/in/x").await;
    assert_eq!(world.tell("other", "repeat 9 read /fs/in/x").await, "9 ok");
    assert_eq!(near(&world).await, [spenders, ("spend".to_owned(), "acts".to_owned(), 16, 20)]);
    let mut told = Vec::new();
    while told.len() < 2 {
        if let Notice::LimitNear { name, app, meter, used, limit, .. } = world.notice().await {
            told.push((name, app, meter, used, limit));
        }
    }
    let of = |name: &str, used, limit| (name.to_owned(), "spend".to_owned(), "acts".to_owned(), used, limit);
    assert_eq!(told, [of("spender", 8, 10), of("spend", 16, 20)]);
    world.finish().await;
}

/// So are time and memory: of a process, and of what all instances of an application may have.
pub async fn time_and_memory_that_are_near_are_told_once<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let sized = |name: &str| agent(name).limited(|limits| limits.memory = 64 << 20);
    let budget = Budget { memory: Some(128 << 20), ..Budget::default() };
    let mortal = sized("mortal").limited(|limits| limits.wall = Some(Duration::from_secs(1_000)));
    world.run(app("large", [sized("a"), mortal]).budget(budget)).await;
    let memory = ("large".to_owned(), "memory".to_owned(), 128 << 20, 128 << 20);
    assert_eq!(near(&world).await, [memory]);
    world.hand.advance(Duration::from_secs(700));
    world.pause().await;
    assert_eq!(near(&world).await.len(), 1);
    world.hand.advance(Duration::from_secs(101));
    world.pause().await;
    world.pause().await;
    let told = near(&world).await;
    assert_eq!((told.len(), told[1].0.as_str(), told[1].1.as_str()), (2, "mortal", "wall"));
    assert!(told[1].2 >= 800_000_000_000 && told[1].3 == 1_000_000_000_000, "{told:?}");
    assert_eq!(world.tell("mortal", "").await, "");
    world.hand.advance(Duration::from_secs(200));
    let (exit, detail) = world.ended("mortal").await;
    assert!(exit == "limit" && detail.contains("wall"), "{exit}: {detail}");
    assert_eq!(near(&world).await.len(), 2);
    world.finish().await;
}

/// How near a process is to each of its limits is told beside what it used, while it lives and after its end.
pub async fn limits_are_told_with_what_is_used_of_them<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let component = host.kind() == Kind::Component;
    let mut world = World::boot(host, Environment::dev()).await;
    let second = Duration::from_secs(1);
    let spender = agent("spender").uses(&["read /fs/in/**", "write /tree/**"]).limited(|limits| {
        (limits.acts, limits.memory, limits.handle) = (Some(10), 32 << 20, 7 * second);
        (limits.wall, limits.stored) = (Some(1_000 * second), Some(100));
    });
    let budget = Budget { acts: Some(50), ..Budget::default() };
    world.run(app("spend", [spender, agent("other")]).budget(budget)).await;
    assert_eq!(world.tell("spender", "repeat 3 read /fs/in/x").await, "3 ok");
    assert!(world.act("spender", "write /tree/x {\"replace\":true} 0123").await.starts_with("ok "));
    world.hand.advance(100 * second);
    world.pause().await;
    let spender = world.pid("spender");
    for gone in [false, true] {
        let limits = world.process("spender").limits;
        let told: Vec<_> = limits.iter().map(|one| (&*one.meter, one.of, one.limit)).collect();
        let mut expected = vec![("acts", Scope::Account, 10)];
        if component {
            expected.extend([("memory", Scope::Instance, 32 << 20), ("handle", Scope::Message, 7_000_000_000)]);
        }
        expected.extend([("wall", Scope::Process, 1_000_000_000_000), ("stored", Scope::Process, 100)]);
        assert_eq!(told, expected, "gone: {gone}");
        let used = |meter: &str| limits.iter().find(|one| one.meter == meter).expect("a limit").used;
        assert_eq!((used("acts"), used("stored")), (4, 4));
        assert!((100_000_000_000..1_000_000_000_000).contains(&used("wall")), "{limits:?}");
        if component {
            assert_eq!(used("memory"), world.process("spender").used.memory);
            assert!((1..7_000_000_000).contains(&used("handle")) && used("memory") > 0, "{limits:?}");
        }
        world.session().await.act("kill", &format!("/proc/{spender}"), "").await.ok();
        world.ended("spender").await;
    }
    // What the others draw is drawn from the application's.
    let of_all = world.process("spend").limits;
    assert_eq!((of_all[0].used, of_all[0].limit, of_all.len()), (6, 50, 1), "{of_all:?}");
    assert_eq!(world.process("other").limits.len(), if component { 2 } else { 0 });
    world.finish().await;
}

/// So is the fuel of one message.
pub async fn fuel_of_a_message_that_is_near_is_told_once<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    if host.kind() == Kind::Handler {
        // It has no meter.
        return;
    }
    let world = World::boot(host, Environment::dev()).await;
    let reads = &["read /fs/in/**"];
    let boss = agent("boss").uses(&["spawn /agent/kid"]).grants(reads);
    world.run(app("burns", [boss, agent("kid").uses(reads)])).await;
    let before = world.process("kid").used.fuel;
    assert_eq!(world.tell("kid", "repeat 300 read /fs/in/x").await, "300 ok");
    let used = world.process("kid").used.fuel - before;
    let spawn = format!("spawn /agent/kid {{\"name\":\"kin\",\"limits\":{{\"fuel\":{}}}}}", used + used / 10);
    assert!(world.act("boss", &spawn).await.starts_with("ok "));
    for _ in 0..2 {
        assert_eq!(world.tell("kin", "repeat 150 read /fs/in/x").await, "150 ok");
        assert_eq!(near(&world).await, []);
    }
    for _ in 0..2 {
        assert_eq!(world.tell("kin", "repeat 300 read /fs/in/x").await, "300 ok");
        let told = near(&world).await;
        assert_eq!((told.len(), told[0].0.as_str(), told[0].1.as_str()), (1, "kin", "fuel"));
    }
    world.finish().await;
}

/// What is ended in the middle of a message is taken to have used all the fuel that it was given, because no host can tell
/// what it did use: so nobody gets around the account of an application by having others trap, or killed.
pub async fn fuel_of_what_was_cut_short_is_counted<H: Host>(host: H) {
    const GIVEN: u64 = 3_000_000;
    if host.kind() == Kind::Handler {
        // It has no meter.
        return;
    }
    let mut world = World::boot(host, Environment::dev()).await;
    let budget = Budget { fuel: Some(12_000_000), ..Budget::default() };
    let limited = |name, fuel| agent(name).limited(|limits| limits.fuel = Some(fuel));
    let boss = limited("boss", 1_000_000).uses(&["spawn /agent/kid"]);
    world.run(app("burns", [boss, limited("kid", GIVEN)]).budget(budget)).await;
    let spawn = |name: &str| format!("spawn /agent/kid {{\"name\":\"{name}\",\"use\":[]}}");
    for name in ["k0", "k1", "k2"] {
        assert_eq!(world.process("burns").state, Lifecycle::Running);
        assert!(world.act("boss", &spawn(name)).await.starts_with("ok "));
        if name == "k0" {
            assert!(world.tell(name, "trap").await.starts_with("failed: "));
        } else {
            waits(&world, name).await;
            let path = format!("/proc/{}", world.pid(name));
            world.session().await.act("kill", &path, "").await.expect("killed");
        }
        assert!(world.process(name).used.fuel >= GIVEN, "{name}");
    }
    // Three times as much is gone, and the next one would begin with as much again.
    assert!(!world.act("boss", &spawn("k3")).await.starts_with("ok "));
    let (exit, detail) = world.ended("burns").await;
    assert!(exit == "limit" && detail.contains("fuel") && detail.contains("12000000"), "{exit}: {detail}");
    let log = world.log().await;
    assert!(!app_ended(&log).ok);
    world.finish().await;
}

fn ends(app: App) -> App {
    app.until_quiet()
}

/// What ends an application by its account or its time is what it failed by, however much of it was quiet.
pub async fn a_limit_of_an_application_is_its_failure<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let waits = || agent("waits").does("act start /timer/far {\"after_ms\":86400000}");
    let budget = Budget { wall: Some(Duration::from_secs(10)), ..Budget::default() };
    world.run(ends(app("slow", [waits(), agent("idle")]).budget(budget))).await;
    world.pause().await;
    world.hand.advance(Duration::from_secs(11));
    world.ended("waits").await;
    let log = world.log().await;
    let ended = app_ended(&log);
    assert!(!ended.ok && ended.reason.contains("wall"), "{ended:?}");
    world.finish().await;
}

/// The memory of an application's instances together is an account, too: what is over it does not start.
pub async fn memory_is_an_account_of_the_application<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let sized = |name: &str| agent(name).limited(|limits| limits.memory = 64 << 20);
    let budget = |mib: u64| Budget { memory: Some(mib << 20), ..Budget::default() };
    world.run(app("fits", [sized("a"), sized("b")]).budget(budget(128))).await;
    let large = app("large", [sized("c"), sized("d").after(&["c"])]).unmounted().budget(budget(127));
    let refusal = world.try_run(large).await;
    let refusal = refusal.expect_err("too much memory");
    assert!(refusal.reason.contains("memory"), "{refusal}");
    world.finish().await;
}

/// Whoever collects a hundred refusals in ten seconds is suspended, and does nothing any more.
pub async fn a_flood_of_refusals_is_suspended<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("flood", [agent("flooder"), reader()])).await;
    let session = world.session().await;
    let path = format!("/proc/{}", world.pid("flooder"));
    session.act("send", &path, "\ndo repeat 150 read /fs/in/x").await.expect("sent");
    while world.process("flooder").state != Lifecycle::Suspended && world.process("flooder").used.refused < 150 {
        world.pause().await;
    }
    world.pause().await;
    assert_eq!(world.process("flooder").used.refused, 100);
    let log = world.log().await;
    assert!(log.iter().any(|e| matches!(&e.content, Content::Suspended(text) if text.reason.contains("100"))));
    assert_eq!(world.tell("reader", "").await, "");
    world.finish().await;
}

/// A hundred refusals over a longer time are none of a flood.
pub async fn slow_refusals_are_no_flood<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("slow", [agent("clumsy")])).await;
    for _ in 0..3 {
        assert_eq!(world.tell("clumsy", "repeat 60 read /fs/in/x").await, "60 denied");
        world.hand.advance(Duration::from_secs(11));
        world.pause().await;
    }
    assert_eq!(world.process("clumsy").state, Lifecycle::Running);
    world.finish().await;
}
