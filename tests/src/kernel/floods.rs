//! What nobody may fill up: mailboxes together, trees of processes, patience with refusals; and what waits is found.

use crate::world::{Agent, Answers, Host, World, agent, app};
use futures::future::join_all;
use futures::join;
use kernel_core::environment::Environment;
use kernel_core::ipc::{ALL_MAILBOXES_BYTES, MAILBOX_BYTES};
use kernel_core::process::Lifecycle;
use kernel_core::refusal::Code;
use std::array;
use std::time::Duration;

/// All mailboxes together are bounded: what is over it is `full`, although each has room.
pub async fn all_mailboxes_together_are_bounded<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    let mut listeners = Vec::new();
    for _ in 0..ALL_MAILBOXES_BYTES / MAILBOX_BYTES + 40 {
        let listener = world.session().await;
        listener.act("subscribe", "/topic/all", "").await.expect("subscribed");
        listeners.push(listener);
    }
    let body = [&b"\n"[..], &vec![b'x'; 1 << 20]].concat();
    let mut missed = 0;
    for _ in 0..3 {
        let reply = session.act("publish", "/topic/all", body.clone()).await.expect("published");
        let reply: serde_json::Value = serde_json::from_slice(&reply).expect("JSON");
        missed += reply["missed"].as_u64().expect("a number");
    }
    assert!(missed > 0, "3 MiB wait for each of {}", listeners.len());
    // What is taken out makes room.
    for listener in &listeners {
        while listener.act("read", "/proc/self/inbox", "{\"deadline_ms\":0}").await.is_ok() {}
    }
    let reply = session.act("publish", "/topic/all", "\nx").await.expect("published");
    assert!(String::from_utf8_lossy(&reply).contains("\"missed\":0"), "{reply:?}");
    world.finish().await;
}

/// A process has so many ancestors and no more.
pub async fn a_line_of_ancestors_ends<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let rights = &["spawn /agent/kid"];
    world.run(app("deep", [agent("kid").uses(rights).grants(rights)])).await;
    let mut parent = "kid".to_owned();
    for n in 0..70 {
        let name = format!("kid{n}");
        let told = world.act(&parent, &format!("spawn /agent/kid {{\"name\":\"{name}\"}}")).await;
        if !told.starts_with("ok") {
            assert!(n > 50 && told.starts_with("exhausted: ") && told.contains("ancestors"), "{n}: {told}");
            world.finish().await;
            return;
        }
        parent = name;
    }
    panic!("it never ends");
}

/// A session that was suspended for its refusals is not heard any more, except to end.
pub async fn a_suspended_session_is_not_heard<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let world = World::boot(host, Environment::dev()).await;
    let session = world.session_with(&["read /fs/in/**"], &[]).await;
    world.run(app("mounts", [agent("a")])).await;
    session.act("read", "/fs/in/x", "").await.expect("read");
    for _ in 0..100 {
        session.act("read", "/tree/x", "").await.expect_err("it holds no right");
    }
    let refusal = session.act("read", "/fs/in/x", "").await.expect_err("it is suspended");
    assert!(refusal.code == Code::Denied && refusal.reason.contains("suspended"), "{refusal}");
    session.act("stop", "/proc/self", "").await.expect("it may end");
    world.finish().await;
}

/// A receive that was open when its process was suspended gets nothing: the message waits in the mailbox.
pub async fn whoever_is_suspended_receives_nothing<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let (receiver, sender) = (world.session().await, world.session().await);
    let receive = receiver.act("read", "/proc/self/inbox", "{\"deadline_ms\":1000}");
    world.pause().await;
    for _ in 0..100 {
        receiver.act("nonsense", "/tree/x", "").await.expect_err("it is no verb");
    }
    sender.act("send", &format!("/proc/{}", receiver.pid()), "\nx").await.expect("sent");
    world.hand.advance(Duration::from_secs(2));
    assert_eq!(receive.await.expect_err("it is suspended").code, Code::TimedOut);
    assert_eq!(world.kernel().summary().verdicts.dead_letters, 0);
    world.finish().await;
}

/// A message wakes the receive that it fits, whichever of several that is.
pub async fn a_message_wakes_the_receive_that_it_fits<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let (receiver, sender) = (world.session().await, world.session().await);
    let path = format!("/proc/{}", receiver.pid());
    let first = receiver.act("read", "/proc/self/inbox", "{\"correlation\":1}");
    let second = receiver.act("read", "/proc/self/inbox", "{\"correlation\":2}");
    sender.act("send", &path, "{\"correlation\":1}\none").await.expect("sent");
    // Its deadline would pass, if the message waited for the other receive to be over.
    let first = first.await.expect("a message");
    assert!(first.ends_with(b"\none"));
    sender.act("send", &path, "{\"correlation\":2}\ntwo").await.expect("sent");
    assert!(second.await.expect("a message").ends_with(b"\ntwo"));
    world.finish().await;
}

/// A circle is found through whichever of its calls a process waits.
pub async fn a_circle_through_any_call_is_found<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("circle", [agent("a").uses(&["call /svc/caller"]), agent("b")])).await;
    let (caller, sender) = (world.session().await, world.session().await);
    caller.act("register", "/svc/caller", "").await.expect("registered");
    let wait = "act read /proc/self/inbox {\"correlation\":7}";
    let path = |name: &str| format!("/proc/{}", world.pid(name));
    let to_a = caller.act("call", &path("a"), format!("\n{wait}\nact call /svc/caller"));
    let to_b = caller.act("call", &path("b"), format!("\n{wait}"));
    world.pause().await;
    sender.act("send", &path("a"), "{\"correlation\":7}\ngo").await.expect("sent");
    sender.act("send", &path("b"), "{\"correlation\":7}\ngo").await.expect("sent");
    let (to_a, to_b) = join!(to_a, to_b);
    let told = String::from_utf8_lossy(&to_a.expect("a transcript")).into_owned();
    assert!(told.contains("deadlock: "), "{told}");
    to_b.expect("a transcript");
    world.finish().await;
}

/// What arrives on a stream after a read was given up is not lost: the next read gets it, and no more than it takes.
pub async fn a_read_that_was_given_up_loses_nothing<H: Host>(host: H) {
    let hand = crate::world::Hand::wired();
    let world = World::with(host, Environment::dev(), hand).await;
    let session = world.session().await;
    let reply = session.act("connect", "/net/example.com:443", "").await.expect("connected");
    let reply: serde_json::Value = serde_json::from_slice(&reply).expect("JSON");
    let stream = reply["stream"].as_str().expect("a path").to_owned();
    let read = session.act("read", &stream, "{\"deadline_ms\":1000}");
    world.pause().await;
    world.hand.advance(Duration::from_secs(2));
    assert_eq!(read.await.expect_err("nothing came").code, Code::TimedOut);
    let next = session.act("read", &stream, "{\"len\":4}");
    world.pause().await;
    world.hand.arrive(b"late and more");
    assert_eq!(&next.await.expect("bytes")[..], b"late");
    assert_eq!(&session.act("read", &stream, "").await.expect("bytes")[..], b" and more");
    world.hand.arrive(b"then");
    assert_eq!(&session.act("read", &stream, "").await.expect("bytes")[..], b"then");
    world.finish().await;
}

/// To be stopping is no way to go on with a flood of refusals: it is the end.
pub async fn whoever_stops_is_not_done_with_refusals<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("flood", [agent("flooder"), agent("other")])).await;
    let flooder = format!("/proc/{}", world.pid("flooder"));
    let told = world.tell("flooder", "act stop /proc/self\nrepeat 300 read /fs/in/x").await;
    assert!(told.contains(&format!("{flooder} ended (limit)")), "{told}");
    let (exit, detail) = world.ended("flooder").await;
    assert!(exit == "limit" && detail.contains("100 refusals"), "{exit}: {detail}");
    assert_eq!(world.process("flooder").used.refused, 100);
    assert_eq!(world.tell("other", "").await, "");
    world.finish().await;
}

/// To give up connecting is no way to have more connections: what a device still opens counts.
pub async fn connections_under_way_are_bounded<H: Host>(host: H) {
    let world = World::with(host, Environment::dev(), crate::world::Hand::wired()).await;
    world.run(app("net", [agent("caller").uses(&["connect /net/**"])])).await;
    world.hand.answers(Answers::Later);
    let told = world.tell("caller", "repeat 70 connect /net/example.com:443 {\"deadline_ms\":0}").await;
    assert_eq!(told, "6 full, 64 timed_out");
    world.hand.answers(Answers::Pass);
    // Each of them stands by then, and is closed.
    world.until(|world| world.hand.asked().len() == 128).await;
    assert_eq!(world.tell("caller", "repeat 3 connect /net/example.com:443").await, "3 ok");
    world.finish().await;
}

/// What a callee answers is not the doing of who called: nobody is suspended for the replies of another.
pub async fn replies_are_no_flood_of_refusals<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let caller = agent("caller").uses(&["call /proc/*"]).cleared_for(&[]);
    world.run(app("calls", [caller, agent("callee").carries(&["secret"])])).await;
    let told = world.tell("caller", &format!("repeat 150 call /proc/{} - now", world.pid("callee"))).await;
    assert_eq!(told, "150 denied");
    assert_eq!(world.process("caller").state, Lifecycle::Running);
    world.finish().await;
}

/// That a receiver takes nothing out of its mailbox is not the doing of who sends to it, or calls it or its tool.
pub async fn a_full_mailbox_suspends_nobody<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let lazy = agent("lazy").uses(&["register /tool/lazy"]).does("act register /tool/lazy {\"effect\":{}}");
    world.run(app("two", [agent("victim").uses(&["send /proc/*", "call /proc/*", "call /tool/*"]), lazy])).await;
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("lazy")));
    let wait = "\nact read /proc/self/inbox {\"correlation\":9,\"deadline_ms\":86400000}";
    let waits = session.act("call", &path, wait);
    world.pause().await;
    let told = world.tell("victim", &format!("repeat 1200 send {path} - x")).await;
    assert_eq!(told, "290 full, 910 ok");
    for call in [format!("call {path} - x"), "call /tool/lazy - x".to_owned()] {
        assert_eq!(world.tell("victim", &format!("repeat 150 {call}")).await, "150 full");
    }
    assert_eq!(world.process("victim").state, Lifecycle::Running);
    world.session().await.act("kill", &path, "").await.expect("killed");
    waits.await.expect_err("it was killed");
    world.finish().await;
}

/// Whoever floods a mailbox leaves room there for others, who have their turn with it: one message of each.
pub async fn a_flood_keeps_nobody_out<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let lazy = agent("lazy").uses(&["register /svc/lazy"]).does("act register /svc/lazy");
    let writers = ["flood", "calm"].map(|name| agent(name).uses(&["send /svc/lazy"]));
    world.run(app("three", writers).with([lazy])).await;
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("lazy")));
    let wait = "\ndo act read /proc/self/inbox {\"correlation\":9,\"deadline_ms\":86400000}";
    session.act("send", &path, wait).await.expect("sent");
    world.pause().await;
    assert_eq!(world.tell("flood", "repeat 1100 send /svc/lazy - f").await, "190 full, 910 ok");
    assert_eq!(world.tell("calm", "repeat 3 send /svc/lazy - c").await, "3 ok");
    assert!(world.act("calm", "send /svc/lazy {\"correlation\":9} go on").await.starts_with("ok"));
    world.until(|world| world.process("lazy").used.messages > 915).await;
    let heard = world.heard("lazy").await;
    let order: String = heard.split("; ").filter_map(|line| line.split("[] ").nth(1)).skip(1).take(8).collect();
    assert_eq!(order, "fcfcfcff", "{heard}");
    assert_eq!(heard.matches("[] f").count(), 910);
    world.finish().await;
}

/// A script that starts kids of these numbers.
fn spawns(numbers: impl Iterator<Item = usize>) -> String {
    let acts = numbers.map(|n| format!("act spawn /agent/kid {{\"name\":\"k{n}\",\"use\":[]}}"));
    acts.collect::<Vec<_>>().join("\n")
}

/// An agent that starts others of its application.
fn boss(name: &str) -> Agent {
    agent(name).uses(&["spawn /agent/kid"]).own()
}

/// Has `boss` start as many as the host keeps, where those are few.
async fn fill<H: Host>(world: &World<H>, boss: &str) {
    let full = world.host.is_soon_full();
    let told = world.tell(boss, &spawns(0..if full { 90 } else { 9 })).await;
    assert_eq!(told.contains("the most instances that this host keeps"), full, "{told}");
}

/// A host that keeps no more instances has room for the next one of a service that runs: nobody loses a place to
/// another application.
pub async fn whoever_runs_keeps_its_place<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("good", [agent("service").per_message()]).unmounted()).await;
    world.run(app("bad", [boss("boss"), agent("kid")]).unmounted()).await;
    fill(&world, "boss").await;
    // One is started in the moment in which the service has no instance.
    for n in 100..125 {
        let kid = spawns(n..n + 1);
        let (_, told) = join!(world.tell("boss", &kid), world.act("service", "read /proc/self"));
        assert!(told.starts_with("ok "), "{told}");
    }
    world.finish().await;
}

/// A message that comes where no instance can be made waits for one: that is not the end of whoever it came to.
pub async fn a_message_waits_for_an_instance<H: Host>(host: H) {
    /// More at once than a host of few spares places for.
    const SERVICES: usize = 24;
    const BOSSES: usize = 8;
    let world = World::boot(host, Environment::dev()).await;
    let services: [String; SERVICES] = array::from_fn(|n| format!("service{n}"));
    let bosses: [String; BOSSES] = array::from_fn(|n| format!("boss{n}"));
    let bad: [Agent; BOSSES + 1] = array::from_fn(|n| bosses.get(n).map_or(agent("kid"), |name| boss(name)));
    world.run(app("good", services.each_ref().map(|name| agent(name).per_message())).unmounted()).await;
    world.run(app("bad", bad).unmounted()).await;
    fill(&world, &bosses[0]).await;
    // Others take their places in the moments in which they have no instance.
    let messages = services.iter().flat_map(|name| [name; 4]).map(|name| world.act(name, "read /proc/self"));
    let takes = async {
        let takes = bosses.iter().zip(1..).map(|(boss, n)| (boss, spawns(n * 100..n * 100 + 10)));
        join_all(takes.map(async |(boss, kids)| world.tell(boss, &kids).await)).await;
        let running = |name: &String| world.process(name).state == Lifecycle::Running;
        assert!(services.iter().all(running));
        world.session().await.act("stop", "/app/bad", "").await.expect("stopped");
    };
    let (told, ()) = join!(join_all(messages), takes);
    assert!(told.iter().all(|told| told.starts_with("ok ")), "{told:?}");
    world.finish().await;
}

/// Who is killed while it waits for an instance has none that could still run: it is seen dead at once.
pub async fn what_waits_for_room_is_seen_dead<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("good", [agent("service").per_message()])).await;
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("service")));
    world.hand.rooms(false);
    session.act("send", &path, "\nhi").await.expect("sent");
    world.pause().await;
    assert_eq!(world.process("service").state, Lifecycle::Running);
    let told = session.act("kill", &path, "").await.expect("killed");
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("\"name\":\"service\"") && told.ends_with("\"unreachable\":[]}"), "{told}");
    world.hand.rooms(true);
    world.finish().await;
}
