//! Processes whose ends are tied together.

use crate::world::{Host, World, agent, app};
use kernel_core::environment::Environment;
use kernel_core::kernel::effects::Notice;
use kernel_core::process::{Lifecycle, Restart};
use std::time::Duration;

/// An agent that may link.
fn linking(name: &str) -> crate::world::Agent {
    agent(name).uses(&["link /proc/*"])
}

/// Whoever is linked to a process that fails ends with it, on either side and along the whole chain, and says by whom.
pub async fn a_failure_takes_the_linked_with_it<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let names = ["a", "b", "c"];
    world.run(app("tied", [linking("a"), linking("b"), linking("c"), linking("other")])).await;
    let path = |name: &str| format!("/proc/{}", world.pid(name));
    let paths = names.map(path);
    let mine = path("other");
    assert_eq!(world.act("a", &format!("link {}", paths[1])).await, "ok {}");
    assert_eq!(world.act("c", &format!("link {}", paths[1])).await, "ok {}");
    // To be linked to oneself means nothing, and a link that was taken away means nothing any more.
    assert_eq!(world.tell("other", &format!("act link {mine}\nact link {}", paths[0])).await, "ok {}\nok {}");
    assert_eq!(world.act("other", &format!("link {} {{\"unlink\":true}}", paths[0])).await, "ok {}");
    let both = world.act("other", &format!("link {} {{\"trap\":true,\"unlink\":true}}", paths[0])).await;
    assert!(both.starts_with("invalid: "), "{both}");

    assert!(world.tell("a", "trap").await.starts_with("failed: "));
    assert_eq!(world.ended("a").await.0, "trap");
    let (exit, detail) = world.ended("b").await;
    assert!(exit == "linked" && detail == format!("to a ({}), which ended (trap)", paths[0]), "{exit}: {detail}");
    let (exit, detail) = world.ended("c").await;
    assert!(exit == "linked" && detail == format!("to b ({}), which ended (linked)", paths[1]), "{exit}: {detail}");
    assert_eq!(world.tell("other", "").await, "");
    assert!(world.act("other", &format!("link {}", paths[0])).await.starts_with("not_found: "));
    world.finish().await;
}

/// An end by itself and well does nothing to those that are linked; to be stopped from above is none, as OTP has it.
pub async fn an_orderly_end_ends_nobody_else<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("tied", [linking("a"), agent("b")])).await;
    world.run(app("more", [agent("c")]).unmounted()).await;
    let b = format!("/proc/{}", world.pid("b"));
    assert_eq!(world.act("a", &format!("link {b}")).await, "ok {}");
    let session = world.session().await;
    session.act("link", &format!("/proc/{}", world.pid("c")), "").await.expect("linked");
    session.act("stop", &b, "").await.expect("stopped");
    assert_eq!(world.ended("b").await.0, "normal");
    assert_eq!(world.tell("a", "").await, "");
    session.act("read", "/proc/self", "").await.expect("it lives");
    let other = world.session().await;
    other.act("stop", "/app/more", "").await.expect("stopped");
    assert_eq!(world.ended("c").await.0, "shutdown");
    session.act("read", "/proc/self", "").await.expect_err("it ended with it");
    world.finish().await;
}

/// Whoever asked to be told is told, and lives; the other side did not ask, and ends.
pub async fn whoever_traps_is_told<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("tied", [linking("a"), agent("b"), agent("c")])).await;
    let paths = ["a", "b", "c"].map(|name| format!("/proc/{}", world.pid(name)));
    for path in &paths[1..] {
        assert_eq!(world.act("a", &format!("link {path} {{\"trap\":true}}")).await, "ok {}");
    }
    world.session().await.act("kill", &paths[1], "").await.expect("killed");
    assert_eq!(world.ended("b").await.0, "killed");
    let heard = world.heard("a").await;
    assert!(heard.starts_with(&format!("exit {} [] {{\"reason\":\"killed\"", paths[1])), "{heard}");
    world.session().await.act("kill", &paths[0], "").await.expect("killed");
    let (exit, detail) = world.ended("c").await;
    assert!(exit == "linked" && detail.contains(&paths[0]), "{exit}: {detail}");

    // Whoever traps is told of every end, and of the end of an application what it was.
    world.run(app("more", [linking("d"), agent("e"), agent("f")]).unmounted()).await;
    let paths = ["e", "f"].map(|name| format!("/proc/{}", world.pid(name)));
    assert_eq!(world.act("d", &format!("link {} {{\"trap\":true}}", paths[0])).await, "ok {}");
    let (session, linked) = (world.session().await, world.session().await);
    session.act("stop", &paths[0], "").await.expect("stopped");
    let heard = world.heard("d").await;
    assert!(heard.starts_with(&format!("exit {} [] {{\"reason\":\"normal\"", paths[0])), "{heard}");
    linked.act("link", &paths[1], "{\"trap\":true}").await.expect("linked");
    session.act("kill", &format!("/proc/{}", world.pid("more")), "").await.expect("killed");
    assert_eq!(world.ended("f").await.0, "killed");
    let told = linked.act("read", "/proc/self/inbox", "{}").await.expect("told");
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains(&paths[1]) && told.contains("{\"reason\":\"killed\""), "{told}");
    world.finish().await;
}

/// An end by a link is a failure: whoever comes again after those comes again after it, and is linked to nobody.
pub async fn an_end_by_a_link_is_a_failure<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let agents = [
        linking("a").restarts(Restart::Transient),
        agent("b").restarts(Restart::Transient),
        agent("c").restarts(Restart::Temporary),
    ];
    world.run(app("tied", agents)).await;
    let pids = ["a", "b", "c"].map(|name| world.pid(name));
    for pid in &pids[1..] {
        assert_eq!(world.act("a", &format!("link /proc/{pid}")).await, "ok {}");
    }
    world.session().await.act("kill", &format!("/proc/{}", pids[1]), "").await.expect("killed");
    assert_eq!(world.ended("c").await.0, "linked");
    let back = |world: &World<H>| {
        let a = world.process("a");
        a.pid != pids[0] && a.state == Lifecycle::Running
    };
    for _ in 0..3 {
        world.hand.advance(Duration::from_secs(1));
        world.pause().await;
    }
    world.until(back).await;
    assert_eq!([world.process("b").pid, world.process("c").pid], pids[1..]);
    assert_eq!(world.tell("a", "").await, "");
    world.finish().await;
}

/// An end by a link carries what whoever failed carried, and what whoever made the link did.
pub async fn an_end_by_a_link_is_labelled<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let agents = [
        linking("linker").carries(&["private"]),
        linking("failing"),
        agent("victim"),
        agent("watcher").uses(&["monitor /proc/*"]),
    ];
    world.run(app("tied", agents)).await;
    let victim = format!("/proc/{}", world.pid("victim"));
    assert_eq!(world.act("watcher", &format!("monitor {victim}")).await, "ok {}");
    assert_eq!(world.act("failing", &format!("link {victim}")).await, "ok {}");
    // The linker is linked to whoever fails, and that one to the victim.
    assert_eq!(world.act("linker", &format!("link /proc/{}", world.pid("failing"))).await, "ok {}");
    let session = world.session().await;
    let failing = format!("/proc/{}", world.pid("failing"));
    session.act("call", &failing, "{\"labels\":[\"secret\"]}\ntrap").await.expect_err("it trapped");
    assert_eq!(
        (world.ended("victim").await.0, world.ended("linker").await.0),
        ("linked".to_owned(), "linked".to_owned())
    );
    let heard = world.heard("watcher").await;
    assert!(heard.starts_with(&format!("exit {victim} [secret] ")), "{heard}");

    // An instance of one message made the link, and its process carries nothing of that.
    let agents = [linking("second").per_message(), agent("tied"), agent("sees").uses(&["monitor /proc/*"])];
    world.run(app("more", agents).unmounted()).await;
    let tied = format!("/proc/{}", world.pid("tied"));
    assert_eq!(world.act("sees", &format!("monitor {tied}")).await, "ok {}");
    let (session, second) = (world.session().await, format!("/proc/{}", world.pid("second")));
    let linked = session.act("call", &second, format!("{{\"labels\":[\"private\"]}}\nact link {tied}"));
    linked.await.expect("linked");
    assert!(world.labels("tied").await.is_empty());
    world.session().await.act("kill", &second, "").await.expect("killed");
    assert_eq!(world.ended("tied").await.0, "linked");
    let heard = world.heard("sees").await;
    assert!(heard.starts_with(&format!("exit {tied} [private] ")), "{heard}");
    world.finish().await;
}

/// A chain of links however long ends in one step.
pub async fn a_long_chain_is_no_deep_stack<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let mut before = None;
    let mut sessions = Vec::new();
    for _ in 0..1_000 {
        let session = world.session_with(&["link /proc/*"], &[]).await;
        if let Some(before) = before.replace(session.pid()) {
            session.act("link", &format!("/proc/{before}"), "").await.expect("linked");
        }
        sessions.push(session);
    }
    let first = format!("/proc/{}", sessions[0].pid());
    world.session().await.act("kill", &first, "").await.expect("killed");
    world.run(app("after", [agent("a")])).await;
    let gone = world.kernel().summary().processes.into_iter().filter(|process| process.exit == "linked").count();
    assert_eq!(gone, 999);
    assert_eq!(world.process("a").state, Lifecycle::Running);
    world.session().await.act("kill", &format!("/proc/{}", world.pid("a")), "").await.expect("killed");
    assert_eq!(world.ended("a").await.0, "killed");
    world.finish().await;
}

/// What ends by a link is what its application failed by, although whoever was told of that end may have been the last that
/// had something to do.
pub async fn what_failed_by_a_link_is_noted_before_it_is_told<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    // It may not be told, so it is told nothing and has nothing to do.
    let watcher = agent("watcher").uses(&["monitor /proc/*"]).cleared_for(&[]);
    let tied = agent("tied").does("act start /timer/far {\"after_ms\":80000000}");
    world.run(app("watched", [tied, watcher]).until_quiet()).await;
    world.until(|world| world.process("tied").used.acts > 0).await;
    let tied = format!("/proc/{}", world.pid("tied"));
    assert_eq!(world.act("watcher", &format!("monitor {tied}")).await, "ok {}");
    let (cause, session) = (world.session().await, world.session().await);
    cause.act("link", &tied, "").await.expect("linked");
    session.act("call", &tied, "{\"labels\":[\"secret\"]}\n").await.expect("an answer");
    session.act("kill", &format!("/proc/{}", cause.pid()), "").await.expect("killed");
    let ended = loop {
        if let Notice::Ended { app, ok, reason, .. } = world.notice().await {
            break (app, ok, reason);
        }
    };
    assert!(ended.0 == "watched" && !ended.1 && ended.2.contains("tied linked"), "{ended:?}");
    world.finish().await;
}
