//! What is left of a budget in another life, what becomes of whoever has used it up, and how all that is counted.

use super::budgets::near;
use super::messages::{serving, waits};
use crate::world::{Commits, Host, Kind, World, agent, app};
use bytes::Bytes;
use kernel_core::app::Budget;
use kernel_core::budget::OnExhausted;
use kernel_core::environment::Environment;
use kernel_core::kernel::event::Content;
use kernel_core::kernel::rows::TABLE_INBOX;
use kernel_core::process::{Lifecycle, Restart, Shutdown, Supervision, Used};
use std::time::Duration;

/// What an application that should run had left, and its agents, it has left when a later kernel starts it again, after
/// a crash and after an orderly end. Who starts it anew gives it a new budget.
pub async fn a_budget_outlives_the_kernel<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::prod()).await;
    let reads = |name: &str| agent(name).uses(&["read /fs/in/**"]);
    let budget = Budget { acts: Some(40), ..Budget::default() };
    let stays = || app("stays", [reads("a").limited(|limits| limits.acts = Some(20)), reads("b")]).budget(budget);
    world.run(stays()).await;
    for crash in [true, false] {
        // Two are for the spawns.
        assert_eq!(world.tell("a", "repeat 8 read /fs/in/x").await, "8 ok");
        let revived = world.lives_again(crash).await;
        assert!(matches!(&revived[..], [one] if one.result.is_ok()), "{revived:?}");
    }
    let a = format!("/proc/{}", world.pid("a"));
    let told = world.tell("a", "repeat 8 read /fs/in/x").await;
    assert!(told.contains(&format!("{a} ended (limit)")), "{told}");
    let (_, detail) = world.ended("a").await;
    assert!(detail.contains("20 of 20"), "{detail}");
    assert_eq!(world.tell("b", "repeat 14 read /fs/in/x").await, "14 ok");
    world.tell("b", "act read /fs/in/x").await;
    let (_, detail) = world.ended("stays").await;
    assert!(detail.contains("40 of 40"), "{detail}");
    let near: Vec<String> = near(&world).await.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(near, ["a", "stays"], "each once in all lives");
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert!(revived.is_empty(), "it is over: {revived:?}");
    let session = world.session().await;
    let nothing = session.act("start", "/app/stays", "{\"continues\":true}").await.expect_err("nothing to go on with");
    assert_eq!(nothing.code.as_str(), "not_found", "{nothing}");
    world.run(stays()).await;
    assert_eq!(world.tell("a", "repeat 20 read /fs/in/x").await, "20 ok", "it was started anew");
    world.finish().await;
}

/// The wall time of an application runs on while no kernel does.
pub async fn wall_time_outlives_the_kernel<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    let budget = Budget { wall: Some(Duration::from_secs(1_000)), ..Budget::default() };
    world.run(app("stays", [agent("a")]).budget(budget)).await;
    for seconds in [500, 350] {
        world.log().await;
        world.hand.advance(Duration::from_secs(seconds));
        world.crash().await;
        let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
        assert!(matches!(&revived[..], [one] if one.result.is_ok()), "{revived:?}");
        world.pause().await;
        assert_eq!(world.tell("a", "").await, "");
    }
    world.hand.advance(Duration::from_secs(151));
    // At once: no more time passes meanwhile.
    world.until(|world| world.process("stays").state == Lifecycle::Exited).await;
    let (exit, detail) = world.ended("stays").await;
    assert!(exit == "limit" && detail.contains("wall"), "{exit}: {detail}");
    world.finish().await;
}

/// An agent that is started again goes on with what it had left of its own limits.
pub async fn a_restart_is_no_new_budget<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let world = World::boot(host, Environment::dev()).await;
    let again = agent("again").uses(&["read /fs/in/**"]).restarts(Restart::Permanent);
    let at_once = Supervision { backoff: Duration::ZERO, ..Supervision::default() };
    let firm = app("firm", [again.limited(|limits| limits.acts = Some(20))]);
    world.run(firm.supervised(at_once)).await;
    for _ in 0..2 {
        assert_eq!(world.tell("again", "repeat 8 read /fs/in/x").await, "8 ok");
        let old = world.pid("again");
        let session = world.session().await;
        session.act("send", &format!("/proc/{old}"), "\ndo fail x").await.expect("sent");
        world
            .until(|world| {
                let newest = world.process("again");
                newest.pid > old && newest.state == Lifecycle::Running
            })
            .await;
    }
    let again = format!("/proc/{}", world.pid("again"));
    let told = world.tell("again", "repeat 8 read /fs/in/x").await;
    assert!(told.contains(&format!("{again} ended (limit)")), "{told}");
    let reads = world.hand.asked().len();
    assert_eq!(reads, 20);
    world.finish().await;
}

/// What a person did not allow more of is not asked for again: not when the agent is started again, and not by the next kernel.
pub async fn a_no_outlives_a_restart<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::prod()).await;
    let asks = agent("a").uses(&["read /fs/in/**"]).restarts(Restart::Permanent);
    let asks = asks.limited(|limits| (limits.acts, limits.on_exhausted) = (Some(5), OnExhausted::Ask));
    world.run(app("spend", [asks])).await;
    let (session, a) = (world.session().await, world.pid("a"));
    let told = session.act("call", &format!("/proc/{a}"), "\nrepeat 6 read /fs/in/x");
    let ask = world.asked().await;
    world.kernel().answer(ask.action, false, "you");
    assert!(told.await.expect("an answer").ends_with(b"\n1 exhausted, 5 ok"));
    session.act("send", &format!("/proc/{a}"), "\ndo fail x").await.expect("sent");
    world.until(|world| world.process("a").pid != a && world.process("a").state == Lifecycle::Running).await;
    assert_eq!(world.tell("a", "act read /fs/in/x").await.split(':').next(), Some("exhausted"));
    drop(session);
    world.log().await;
    world.crash().await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert!(matches!(&revived[..], [one] if one.result.is_ok()), "{revived:?}");
    assert_eq!(world.tell("a", "act read /fs/in/x").await.split(':').next(), Some("exhausted"));
    let log = world.log().await;
    assert_eq!(log.iter().filter(|event| matches!(event.content, Content::Escalated(_))).count(), 1);
    world.finish().await;
}

/// What a start takes that comes to nothing is taken, also where a later kernel tries it again.
pub async fn a_start_that_fails_gives_nothing_back<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let budget = Budget { acts: Some(8), ..Budget::default() };
    let keeps = serving("b").durable().after(&["a"]).stops(Shutdown::Kill);
    world.run(app("stays", [agent("a"), keeps]).budget(budget)).await;
    // Four by now: two spawns, and two acts of `b`.
    waits(&world, "b").await;
    world.log().await;
    let mut stored = None;
    for message in 1..200_u64 {
        let key = [&[TABLE_INBOX][..], b"stays/b/", &message.to_be_bytes()].concat();
        stored = world.row(&key).await.map(|row| (Bytes::from(key), row)).or(stored);
    }
    let (key, row) = stored.expect("what waits");
    for whole in [false, false, true] {
        let value = if whole { row.clone() } else { "damaged".into() };
        world.reboot_over(vec![(key.clone(), Some(value))]).await;
        // All of it comes into one batch.
        world.hand.commits(Commits::Wait);
        let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
        world.hand.commits(Commits::Pass);
        let told = revived.iter().map(|app| app.result.as_ref().err().map(|refusal| refusal.reason.as_str()));
        let [Some(told)] = told.collect::<Vec<_>>()[..] else { panic!("{revived:?}") };
        assert!(told.contains(if whole { "is used up: 8 of 8" } else { "durable inbox" }), "{told}");
    }
    world.finish().await;
}

/// Who goes on although its account is used up is refused what draws from it, and may hear, answer and end; whoever does not
/// leave it at that is suspended, and a timer that would draw is none any more.
pub async fn who_degrades_goes_on_with_what_draws_nothing<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let poor = |name: &str| {
        let agent = agent(name).uses(&["read /fs/in/**", "send /proc/*"]);
        agent.limited(|limits| (limits.acts, limits.on_exhausted) = (Some(5), OnExhausted::Degrade))
    };
    let ticks = poor("ticks").does("act start /timer/t {\"every_ms\":1000}");
    let quiet = agent("quiet").uses(&["send /proc/*"]);
    let quiet = quiet.limited(|limits| (limits.messages, limits.on_exhausted) = (Some(2), OnExhausted::Degrade));
    world.run(app("poor", [poor("good"), poor("bad"), ticks, quiet, agent("other")])).await;
    assert_eq!(world.tell("good", "repeat 10 read /fs/in/x").await, "5 exhausted, 5 ok");
    assert_eq!(world.tell("good", "repeat 3 read /proc/self/inbox {\"deadline_ms\":0}").await, "3 timed_out");
    // An act that is over its messages is an act all the same, and others are no messages.
    let other = world.pid("other");
    assert_eq!(world.tell("quiet", &format!("repeat 5 send /proc/{other} - hi")).await, "3 exhausted, 2 ok");
    assert_eq!(world.tell("quiet", "act start /timer/t {\"after_ms\":99999}").await, "ok {}");
    assert_eq!(world.tell("good", "act stop /proc/self").await, "ok {}");
    assert_eq!(world.ended("good").await.0, "normal");
    for _ in 0..8 {
        world.hand.advance(Duration::from_secs(1));
        world.pause().await;
    }
    assert_eq!(world.heard("ticks").await.matches("timer /timer/t").count(), 4, "one act was to start it");
    let session = world.session().await;
    let bad = format!("/proc/{}", world.pid("bad"));
    session.act("send", &bad, "\ndo repeat 150 read /fs/in/x").await.expect("sent");
    while world.process("bad").state != Lifecycle::Suspended && world.process("bad").used.refused < 145 {
        world.pause().await;
    }
    assert_eq!(world.process("bad").state, Lifecycle::Suspended);
    assert_eq!(world.hand.asked().len(), 10);
    world.finish().await;
}

/// Where a person is to be asked, an act that is over the account waits. A yes adds to the limit what it began with, and
/// the log says so; a no is final, and so is silence.
pub async fn a_person_may_allow_more<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let asks = |agent: crate::world::Agent| {
        agent.limited(|limits| {
            (limits.acts, limits.messages, limits.on_exhausted) = (Some(5), Some(2), OnExhausted::Ask)
        })
    };
    let spender = asks(agent("spender").uses(&["read /fs/in/**", "send /proc/*"]));
    world.run(app("spend", [spender, asks(agent("silent").uses(&["read /fs/in/**"])), agent("other")])).await;
    let (session, spends) = (world.session().await, format!("/proc/{}", world.pid("spender")));
    let told = session.act("call", &spends, "\nrepeat 9 read /fs/in/x");
    let ask = world.asked().await;
    assert_eq!((ask.name.as_str(), ask.verb.as_str()), ("spender", "read"));
    assert!(ask.detail.contains("is used up: 5 of 5 are drawn"), "{}", ask.detail);
    world.kernel().answer(ask.action, true, "you");
    let told = told.await.expect("an answer");
    assert!(told.ends_with(b"\n9 ok"), "{}", String::from_utf8_lossy(&told));
    // One is left; what is no act that would be done asks for nothing.
    let other = world.pid("other");
    let told = session.act("call", &spends, format!("\nact send /proc/{other} - hi\nrepeat 2 write /fs/in/x"));
    let told = told.await.expect("an answer");
    assert!(String::from_utf8_lossy(&told).ends_with("2 exhausted"), "{}", String::from_utf8_lossy(&told));
    let told = session.act("call", &spends, "\nrepeat 3 read /fs/in/x");
    let ask = world.asked().await;
    world.kernel().answer(ask.action, false, "you");
    let told = told.await.expect("an answer");
    assert!(told.ends_with(b"\n3 exhausted"), "nobody is asked again: {}", String::from_utf8_lossy(&told));
    let silent = session.act("call", &format!("/proc/{}", world.pid("silent")), "\nrepeat 7 read /fs/in/x");
    world.asked().await;
    world.hand.advance(Duration::from_secs(31));
    let silent = silent.await;
    assert!(silent.is_err() || silent.is_ok_and(|told| told.ends_with(b"2 exhausted, 5 ok")));
    assert_eq!(world.process("spender").state, Lifecycle::Running);
    let raised = |content: Content| match content {
        Content::LimitRaised(raised) => Some((raised.name, raised.meter, raised.by, raised.limit)),
        _ => None,
    };
    let raised: Vec<_> = world.log().await.into_iter().filter_map(|e| raised(e.content)).collect();
    assert_eq!(raised, [("spender".to_owned(), "acts".to_owned(), 5, 10)]);
    assert_eq!(world.hand.asked().len(), 14);
    world.finish().await;
}

/// An act that a person is asked more for is an act, whatever they say, and a question that ends without an answer is a no.
/// A yes adds to no limit where a limit above that one forbids the act all the same.
pub async fn what_a_person_is_asked_for_is_an_act<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let asks = |name: &str, acts: u64| {
        let agent = agent(name).uses(&["read /fs/in/**", "send /proc/*"]);
        agent.limited(|limits| {
            (limits.acts, limits.messages, limits.on_exhausted) = (Some(acts), Some(1), OnExhausted::Ask)
        })
    };
    let budget = Budget { messages: Some(1), on_exhausted: OnExhausted::Degrade, ..Budget::default() };
    world.run(app("asks", [asks("a", 3), asks("b", 99)])).await;
    world.run(app("tight", [asks("c", 99)]).budget(budget).unmounted()).await;
    let session = world.session().await;
    let path = |name: &str| format!("/proc/{}", world.pid(name));
    let (a, b, c) = (path("a"), path("b"), path("c"));
    let send = |to: &str| format!("repeat 2 send {to} - hi");

    let told = session.act("call", &a, format!("\n{}\nrepeat 3 read /fs/in/x", send(&b)));
    let ask = world.asked().await;
    world.kernel().answer(ask.action, false, "you");
    let ask = world.asked().await;
    assert!(ask.detail.contains("`acts`") && ask.detail.contains("3 of 3 are drawn"), "{}", ask.detail);
    world.kernel().answer(ask.action, false, "you");
    let told = told.await.expect("an answer");
    assert!(told.ends_with(b"\n1 exhausted, 1 ok\n2 exhausted, 1 ok"), "{}", String::from_utf8_lossy(&told));

    let told = session.act("call", &b, format!("\n{0}\n{0}", send(&a)));
    let ask = world.asked().await;
    let other = world.session().await;
    other.act("signal", &format!("/proc/{}", ask.pid), "{\"signal\":\"interrupt\"}").await.expect("signalled");
    let told = told.await.expect("an answer");
    assert!(told.ends_with(b"\n1 cancelled, 1 ok\n2 exhausted"), "{}", String::from_utf8_lossy(&told));

    let told = session.act("call", &c, format!("\n{}", send(&c)));
    let ask = world.asked().await;
    world.kernel().answer(ask.action, true, "you");
    let told = told.await.expect("an answer");
    assert!(told.ends_with(b"\n1 exhausted, 1 ok"), "{}", String::from_utf8_lossy(&told));
    assert!(!world.log().await.iter().any(|e| matches!(&e.content, Content::LimitRaised(_))));
    world.finish().await;
}

/// What a person allowed is there in a later life, too.
pub async fn what_was_allowed_outlives_the_kernel<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::prod()).await;
    let budget = Budget { acts: Some(10), on_exhausted: OnExhausted::Ask, ..Budget::default() };
    world.run(app("stays", [agent("a").uses(&["read /fs/in/**"])]).budget(budget)).await;
    let (session, a) = (world.session().await, format!("/proc/{}", world.pid("a")));
    let told = session.act("call", &a, "\nrepeat 12 read /fs/in/x");
    let ask = world.asked().await;
    world.kernel().answer(ask.action, true, "you");
    assert!(told.await.expect("an answer").ends_with(b"\n12 ok"));
    drop(session);
    world.log().await;
    world.crash().await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert!(matches!(&revived[..], [one] if one.result.is_ok()), "{revived:?}");
    // Thirteen of twenty, and a spawn.
    assert_eq!(world.tell("a", "repeat 6 read /fs/in/x").await, "6 ok");
    world.finish().await;
}

/// What processes use is counted for each and for each with all that it started, once, also of those that are gone.
pub async fn what_is_used_is_counted_once<H: Host>(host: H) {
    let component = host.kind() == Kind::Component;
    let mut world = World::boot(host, Environment::dev()).await;
    let uses = &["send /proc/*", "write /tree/**", "remove /tree/**", "write /fs/out/**"];
    let boss = agent("boss").uses(&["spawn /agent/kid", "write /tree/**"]).grants(uses);
    world.run(app("firm", [boss, agent("kid").uses(uses), agent("other")])).await;
    let other = world.pid("other");
    for name in ["k1", "k2"] {
        assert!(world.act("boss", &format!("spawn /agent/kid {{\"name\":\"{name}\"}}")).await.starts_with("ok "));
        let script = [
            format!("repeat 3 send /proc/{other} - hi"),
            format!("act write /tree/{name} {{\"replace\":true}} 0123456789"),
            format!("act write /tree/{name} {{\"replace\":true}} 0123"),
            format!("act write /fs/out/{name} {{\"replace\":true}} 01234567"),
            "repeat 2 read /fs/in/x".to_owned(),
        ];
        let told = world.tell(name, &script.join("\n")).await;
        assert!(told.ends_with("2 denied"), "{told}");
    }
    world.act("boss", "write /tree/own {\"replace\":true} 01").await;
    let kid = world.process("k1");
    let counted = |used: &Used| (used.acts, used.sent, used.tool_calls, used.refused, used.stored);
    assert_eq!((counted(&kid.used), counted(&kid.tree)), ((6, 3, 0, 2, 12), (6, 3, 0, 2, 12)));
    assert_eq!(kid.used.fuel > 0, component);
    for _ in 0..2 {
        let boss = world.process("boss");
        assert_eq!((counted(&boss.used), counted(&boss.tree)), ((3, 0, 0, 0, 2), (15, 6, 0, 4, 26)));
        let firm = world.process("firm");
        // Of all: its three spawns, and those of the others.
        assert_eq!(counted(&firm.tree), (18, 6, 0, 4, 26));
        let fuels = ["boss", "k1", "k2"].map(|name| world.process(name).used.fuel);
        assert_eq!(boss.tree.fuel, fuels.iter().sum::<u64>());
        // It makes no difference that one of them is gone.
        world.session().await.act("kill", &format!("/proc/{}", kid.pid), "").await.ok();
        world.ended("k1").await;
    }
    assert_eq!(counted(&world.process("k1").tree), (6, 3, 0, 2, 12));
    // What is removed is not stored any more, whoever wrote it.
    assert_eq!(world.act("k2", "remove /tree/k1").await, "ok {}");
    assert_eq!((world.process("k2").used.stored, world.process("boss").tree.stored), (8, 22));
    world.hand.advance(Duration::from_secs(5));
    world.pause().await;
    assert!(world.process("k2").wall >= 5_000_000_000);
    let usage = |told: String| -> serde_json::Value {
        serde_json::from_str(told.strip_prefix("ok ").unwrap_or_else(|| panic!("{told}"))).expect("JSON")
    };
    let told = usage(world.act("boss", "read /proc/self {\"usage\":true}").await);
    assert_eq!((&told["usage"]["acts"], &told["usage"]["tree"]["acts"]), (&4.into(), &17.into()), "{told}");
    assert!(usage(world.act("boss", "read /proc/self").await)["usage"].is_null());
    world.finish().await;
}

/// What a process has used tells of all that it ever handled, also where an instance of one message has let go of it; so
/// whoever asks for it carries that, and whoever asks for nothing of it does not.
pub async fn what_was_used_is_told_with_labels<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let secret = agent("secret").carries(&["secret"]).uses(&["send /proc/*"]);
    let looks = |name: &str| agent(name).uses(&["read /proc/*"]);
    let serves = agent("serves").per_message();
    world.run(app("firm", [secret, serves, looks("curious"), looks("careful"), looks("low").cleared_for(&[])])).await;
    let serves = world.pid("serves");
    assert!(world.act("secret", &format!("send /proc/{serves} - hi")).await.starts_with("ok "));
    world.until(|world| world.process("serves").used.messages > 2).await;
    world.pause().await;
    assert_eq!(world.labels("serves").await, [""; 0]);
    assert!(world.act("careful", &format!("read /proc/{serves}")).await.starts_with("ok "));
    assert_eq!(world.labels("careful").await, [""; 0]);
    let told = world.act("low", &format!("read /proc/{serves} {{\"usage\":true}}")).await;
    assert!(told.starts_with("denied: "), "{told}");
    let told = world.tell("curious", &format!("act read /proc/{serves} {{\"usage\":true}}")).await;
    assert!(told.starts_with("ok "), "{told}");
    assert_eq!(world.labels("curious").await, ["secret"]);
    world.finish().await;
}
