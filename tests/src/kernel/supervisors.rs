//! Supervisors below the application's process: who starts and stops whom, in which order, and what becomes of failures
//! that one of them does not get the better of.

use super::messages::{serving, waits};
use super::supervision::{app_ends, comes_again, end, order};
use crate::world::{Agent, App, Host, Recorded, World, agent, app, name, supervisor};
use kernel_core::agency::Role;
use kernel_core::app::SupervisorPlan;
use kernel_core::environment::Environment;
use kernel_core::id::Pid;
use kernel_core::kernel::event::Content;
use kernel_core::process::{Lifecycle, Restart, Shutdown, Strategy, Supervision};
use std::time::Duration;

pub(super) fn below(called: &str, above: &str) -> SupervisorPlan {
    SupervisorPlan { supervisor: Some(name(above)), ..supervisor(called) }
}

/// A permanent agent below a supervisor.
pub(super) fn firm(called: &str, above: &str) -> Agent {
    agent(called).under(above).restarts(Restart::Permanent)
}

pub(super) fn intensity(mut plan: SupervisorPlan, intensity: u32) -> SupervisorPlan {
    plan.supervision.intensity = intensity;
    plan
}

/// An agent that has something in hand until it is asked to end, and one that goes on even then.
pub(super) fn busy(called: &str) -> Agent {
    agent(called).does("act read /proc/self/inbox {\"deadline_ms\":80000000}")
}

/// An agent that never answers a call: whoever calls it has something in hand that does not end when it is asked to.
pub(super) fn deaf() -> Agent {
    agent("deaf").does("act read /proc/self/inbox {\"correlation\":77,\"deadline_ms\":80000000}")
}

/// Starts an application with one that is deaf, to stay. Nobody waits until its agents have handled what they begin with.
pub(super) async fn start<H: Host>(world: &World<H>, name: &str, app: App) {
    world.install(app).await;
    world.session().await.act("start", &format!("/app/{name}"), "").await.expect("started");
}

pub(super) async fn waits_for_the_deaf<H: Host>(world: &World<H>, name: &str) {
    let call = format!("act call /proc/{} {{\"deadline_ms\":80000000}}", world.pid("deaf"));
    end(world, name, &call).await;
    world.until(|world| world.process(name).used.acts == 1).await;
}

/// A supervisor is a process that starts those below it as its children, gives them no more than it was given, and takes no
/// messages; all of it stops in the reverse of the order in which it started.
pub async fn agents_are_children_of_their_supervisor<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let agents = [
        agent("a"),
        agent("b").under("s").after(&["a"]).uses(&["read /fs/in/**"]),
        agent("c").under("t").after(&["b"]).uses(&["send /proc/*"]),
        agent("d").role("supervisor").after(&["c"]).uses(&["spawn /agent/s"]),
    ];
    world.run(app("tree", agents).overseen([supervisor("s"), below("t", "s")])).await;
    assert_eq!(order(&mut world, 6, 0).await, ["+s", "+t", "+a", "+b", "+c", "+d"].map(str::to_owned));
    let parent = |name| world.process(name).parent;
    let of = ["a", "s", "b", "t", "c", "d"].map(parent);
    let (root, s, t) = (world.pid("tree"), world.pid("s"), world.pid("t"));
    assert_eq!(of, [root, root, s, s, t, root]);
    assert_eq!(world.process("s").role, Role::Supervisor);
    let session = world.session().await;
    let info = session.act("read", &format!("/proc/{t}"), "").await.expect("what it is");
    assert!(
        !String::from_utf8_lossy(&info).contains("read /fs/in/**"),
        "it gives what those below it hold, and no more"
    );
    let told = world.act("c", &format!("send /proc/{s} - hello")).await;
    assert!(told.starts_with("not_found: ") && told.contains("supervisor"), "{told}");
    let told = world.act("d", "spawn /agent/s {\"name\":\"mine\",\"use\":[],\"grant\":[]}").await;
    assert!(told.starts_with("denied: ") && told.contains("only its own supervisor"), "{told}");
    session.act("stop", "/app/tree", "").await.expect("stopped");
    assert_eq!(order(&mut world, 0, 7).await, ["-d", "-c", "-t", "-b", "-s", "-a", "-tree"].map(str::to_owned));
    world.finish().await;
}

/// More restarts than a supervisor allows end those below it in reverse, and then itself, which is one end for its own: that
/// starts it again, with all below it in their order, and has not failed; neither has the application.
pub async fn a_supervisor_that_cannot_go_on_is_started_again<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let agents = [
        agent("x").restarts(Restart::Permanent),
        firm("a", "s"),
        agent("b").under("s").after(&["a"]),
        agent("c").under("t").after(&["b"]),
        agent("y").after(&["c"]),
    ];
    let supervisors = [intensity(supervisor("s"), 1), below("t", "s")];
    world.run(app("tree", agents).overseen(supervisors)).await;
    order(&mut world, 7, 0).await;
    let (x, y, s) = (world.pid("x"), world.pid("y"), world.pid("s"));
    let first = world.pid("a");
    end(&world, "a", "fail once").await;
    let second = comes_again(&world, "a", first).await;
    assert_eq!(order(&mut world, 1, 1).await, ["-a", "+a"]);
    assert_eq!(world.pid("s"), s);
    end(&world, "a", "fail twice").await;
    comes_again(&world, "a", second).await;
    let told = order(&mut world, 5, 5).await;
    assert_eq!(told, ["-a", "-c", "-t", "-b", "-s", "+s", "+t", "+a", "+b", "+c"].map(str::to_owned));
    assert!(world.pid("s") != s && world.process("a").parent == world.pid("s"));
    assert_eq!((world.pid("x"), world.pid("y")), (x, y));
    // It begins with none counted.
    let third = world.pid("a");
    end(&world, "a", "fail again").await;
    comes_again(&world, "a", third).await;
    world.session().await.act("stop", "/app/tree", "").await.expect("stopped");
    assert_eq!(app_ends(&mut world).await, (true, "done".to_owned()));
    world.finish().await;
}

/// What no supervisor gets the better of goes up to the application, which says what it began with; one that is not started
/// again is a failure of the application, and takes along what waits for it.
pub async fn what_cannot_be_mended_goes_up<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let one = |plan| intensity(plan, 0);
    let supervisors = [one(supervisor("s")), one(below("t", "s"))];
    let none = Supervision { intensity: 0, ..Supervision::default() };
    let plan = app("tree", [agent("x"), firm("a", "t")]).overseen(supervisors).supervised(none);
    world.run(plan).await;
    end(&world, "a", "fail for good").await;
    let (ok, reason) = app_ends(&mut world).await;
    assert!(!ok && reason.contains("s limit") && reason.contains("t limit") && reason.contains("for good"), "{reason}");
    assert_eq!(world.ended("x").await.0, "shutdown");

    let temporary = SupervisorPlan { restart: Restart::Temporary, ..one(supervisor("s")) };
    let agents = [firm("a", "s"), agent("last").under("s").restarts(Restart::Transient)];
    world.run(app("tree", agents).overseen([temporary]).ends_with("last")).await;
    end(&world, "a", "fail for good").await;
    let (ok, reason) = app_ends(&mut world).await;
    assert!(!ok && reason.contains("for good"), "{reason}");
    world.finish().await;
}

/// The strategy of a supervisor concerns those directly below it, a supervisor with all that is below it.
pub async fn siblings_come_again_with_all_below_them<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let rest = Supervision { strategy: Strategy::RestForOne, backoff: Duration::ZERO, ..Supervision::default() };
    let agents = [
        agent("a").restarts(Restart::Permanent),
        agent("b").restarts(Restart::Permanent).after(&["a"]),
        agent("c").under("s").after(&["b"]),
        agent("d").under("s").after(&["c"]),
    ];
    world.run(app("tree", agents).overseen([supervisor("s")]).supervised(rest)).await;
    order(&mut world, 5, 0).await;
    let a = world.pid("a");
    end(&world, "b", "fail x").await;
    let told = order(&mut world, 4, 4).await;
    assert_eq!(told, ["-b", "-d", "-c", "-s", "+s", "+b", "+c", "+d"].map(str::to_owned));
    assert_eq!(world.pid("a"), a);
    world.finish().await;
}

/// Whoever has something in hand is asked to end and given its time, in its turn; a receive of it is over at once; one that does
/// not end in its time is ended, and whom nobody waits for is ended at once.
pub async fn whoever_stops_is_given_its_time<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let within = |seconds| Shutdown::Within(Duration::from_secs(seconds));
    for (shutdown, waits) in [(within(100), Some(100)), (Shutdown::Kill, None), (Shutdown::Infinite, Some(10_000))] {
        let slow = agent("slow").uses(&["call /proc/*"]).after(&["deaf"]).after(&["first"]).stops(shutdown);
        let agents = [deaf(), agent("first"), slow, busy("waits")];
        world.try_run(app("slow", agents).until_quiet()).await.expect("started");
        waits_for_the_deaf(&world, "slow").await;
        world.until(|world| world.process("waits").used.acts == 1).await;
        let session = world.session().await;
        let stop = session.act("stop", "/app/slow", "");
        assert_eq!(world.ended("waits").await.0, "shutdown");
        if let Some(seconds) = waits {
            world.pause().await;
            assert_eq!(world.process("slow").state, Lifecycle::Stopping, "{shutdown:?}");
            world.hand.advance(Duration::from_secs(seconds - 1));
            world.pause().await;
            assert_eq!(world.process("slow").state, Lifecycle::Stopping, "{shutdown:?}");
            assert_eq!(world.process("first").state, Lifecycle::Running, "it is not its turn");
            match shutdown {
                // What it waits for is over.
                Shutdown::Infinite => {
                    let path = format!("/proc/{}", world.pid("deaf"));
                    world.session().await.act("kill", &path, "").await.expect("killed");
                }
                _ => world.hand.advance(Duration::from_secs(1)),
            }
        }
        let told = stop.await.map(|_| ()).map_err(|refusal| refusal.code.as_str());
        assert!(told.is_ok() || (shutdown == Shutdown::Infinite && told == Err("timed_out")), "{told:?}");
        let (ok, reason) = app_ends(&mut world).await;
        assert!(ok, "{reason}");
        let (how, why) = world.ended("slow").await;
        match shutdown {
            Shutdown::Within(_) => assert!(how == "limit" && why.contains("within 100000 ms"), "{how} {why}"),
            _ => assert_eq!(how, "shutdown"),
        }
    }
    world.finish().await;
}

/// Siblings that a restart concerns have ended before anybody is started again, and a kernel that is shut down waits for
/// whoever has something in hand.
pub async fn nothing_starts_again_before_all_have_stopped<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let all = Supervision { strategy: Strategy::OneForAll, ..supervisor("s").supervision };
    let supervisor = SupervisorPlan { supervision: all, ..supervisor("s") };
    let slow = agent("slow")
        .uses(&["call /proc/*"])
        .after(&["deaf"])
        .under("s")
        .stops(Shutdown::Within(Duration::from_secs(100)));
    let agents = [deaf(), firm("a", "s"), slow.restarts(Restart::Permanent).after(&["a"])];
    world.try_run(app("both", agents).overseen([supervisor]).until_quiet()).await.expect("started");
    waits_for_the_deaf(&world, "slow").await;
    let (a, slow) = (world.pid("a"), world.pid("slow"));
    end(&world, "a", "fail x").await;
    world.until(|world| world.process("slow").state == Lifecycle::Stopping).await;
    world.hand.advance(Duration::from_secs(99));
    world.pause().await;
    assert_eq!((world.process("a").pid, world.process("slow").pid), (a, slow));
    world.hand.advance(Duration::from_secs(1));
    let (a, slow) = (comes_again(&world, "a", a).await, comes_again(&world, "slow", slow).await);
    assert!(a < slow, "in the order of their start");
    waits_for_the_deaf(&world, "slow").await;
    let shutdown = world.kernel().shutdown("over");
    let mut shutdown = std::pin::pin!(shutdown);
    assert!(futures::poll!(shutdown.as_mut()).is_pending());
    assert_eq!(world.process("slow").state, Lifecycle::Stopping);
    assert_eq!(world.process("a").state, Lifecycle::Running, "it is not its turn");
    world.hand.advance(Duration::from_secs(100));
    shutdown.await.expect("an orderly end");
    assert_eq!(world.process("slow").exit, "limit");
}

/// What was killed below a supervisor stays dead when that is started again, and so does what was suspended; a supervisor that
/// was killed stays dead with all below it, also at a later boot.
pub async fn what_was_killed_below_a_supervisor_stays_dead<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let agents =
        [firm("a", "s"), firm("b", "s"), firm("c", "s"), firm("d", "t"), agent("e").restarts(Restart::Permanent)];
    let supervisors = [intensity(supervisor("s"), 0), supervisor("t")];
    world.run(app("tree", agents).unmounted().overseen(supervisors)).await;
    let session = world.session().await;
    let kill = async |pid: Pid| session.act("kill", &format!("/proc/{pid}"), "").await.expect("killed");
    kill(world.pid("b")).await;
    end(&world, "c", "repeat 100 read /fs/in/x").await;
    world.until(|world| world.process("c").state == Lifecycle::Suspended).await;
    let (a, b, c, d) = (world.pid("a"), world.process("b").pid, world.pid("c"), world.pid("d"));
    end(&world, "a", "fail x").await;
    comes_again(&world, "a", a).await;
    world.pause().await;
    assert_eq!((world.process("b").pid, world.process("c").pid), (b, c));
    assert_eq!(world.process("c").state, Lifecycle::Exited);
    kill(world.pid("t")).await;
    world.pause().await;
    assert_eq!((world.process("d").pid, world.process("d").exit.as_str()), (d, "killed"));
    drop(session);
    world.log().await;
    world.crash().await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert!(matches!(&revived[..], [one] if one.result.is_ok()), "{revived:?}");
    let all = world.kernel().summary().processes;
    let mut alive: Vec<&str> =
        all.iter().filter(|p| p.state == Lifecycle::Running && p.app.is_some()).map(|p| p.name.as_str()).collect();
    alive.sort_unstable();
    assert_eq!(alive, ["a", "e", "s", "tree"]);
    assert_eq!(world.process("c").state, Lifecycle::Suspended);
    world.finish().await;
}

/// A supervisor that is asked to stop ends when those below it have, normally: a permanent one comes again with them.
pub async fn a_supervisor_can_be_stopped<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    for restart in [Restart::Permanent, Restart::Transient] {
        let plan = SupervisorPlan { restart, ..supervisor("s") };
        world.run(app("tree", [agent("x"), firm("a", "s"), firm("b", "s").after(&["a"])]).overseen([plan])).await;
        order(&mut world, 4, 0).await;
        let a = world.pid("a");
        world.session().await.act("stop", &format!("/proc/{}", world.pid("s")), "").await.expect("asked");
        let again = if restart == Restart::Permanent { 3 } else { 0 };
        let told = order(&mut world, again, 3).await;
        let all = ["-b", "-a", "-s", "+s", "+a", "+b"].map(str::to_owned);
        assert_eq!(told, all[..3 + again]);
        if restart == Restart::Permanent {
            comes_again(&world, "a", a).await;
        } else {
            world.pause().await;
            assert_eq!(world.process("a").pid, a);
        }
        world.session().await.act("stop", "/app/tree", "").await.expect("stopped");
        assert_eq!(app_ends(&mut world).await, (true, "done".to_owned()));
        order(&mut world, 0, 0).await;
    }
    world.finish().await;
}

/// A durable inbox is one below a supervisor, too: what was not handled is handed again when that is started again with all
/// below it, and by the next kernel.
pub async fn a_durable_inbox_is_one_below_a_supervisor<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    let keeps = serving("b").durable().under("t").restarts(Restart::Permanent).stops(Shutdown::Kill);
    let supervisors = [intensity(supervisor("s"), 0), below("t", "s")];
    world.run(app("post", [agent("a"), firm("c", "s"), keeps]).overseen(supervisors)).await;
    waits(&world, "b").await;
    world.session().await.act("send", "/svc/b", "\nleft").await.expect("accepted");
    assert_eq!(world.kernel().health().stored, 2);
    let b = world.pid("b");
    end(&world, "c", "fail x").await;
    comes_again(&world, "b", b).await;
    assert_eq!(world.kernel().health().stored, 2);
    world.log().await;
    world.crash().await;
    assert_eq!(world.kernel().health().stored, 2);
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert!(matches!(&revived[..], [one] if one.result.is_ok()), "{revived:?}");
    world.pause().await;
    world.session().await.act("send", "/svc/b", "{\"correlation\":9}\ngo").await.expect("accepted");
    world.until(|world| world.kernel().health().stored == 0).await;
    let heard = world.heard("b").await;
    assert!(heard.ends_with("[] left"), "{heard}");
    world.finish().await;
}

/// What an agent below a supervisor has drawn of its own limits is drawn when that is started again with all below it, and
/// when a later kernel starts the application.
pub async fn budgets_below_a_supervisor_go_on<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::prod()).await;
    let spends = firm("a", "t").uses(&["read /fs/in/**"]).limited(|limits| limits.acts = Some(20));
    let supervisors = [intensity(supervisor("s"), 0), below("t", "s")];
    let patient = Supervision { backoff: Duration::ZERO, ..Supervision::default() };
    world.run(app("stays", [firm("c", "s"), spends]).overseen(supervisors).supervised(patient)).await;
    assert_eq!(world.tell("a", "repeat 8 read /fs/in/x").await, "8 ok");
    let a = world.pid("a");
    end(&world, "c", "fail x").await;
    comes_again(&world, "a", a).await;
    assert_eq!(world.tell("a", "repeat 8 read /fs/in/x").await, "8 ok");
    world.log().await;
    world.crash().await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert!(matches!(&revived[..], [one] if one.result.is_ok()), "{revived:?}");
    let a = format!("/proc/{}", world.pid("a"));
    let told = world.tell("a", "repeat 8 read /fs/in/x").await;
    assert!(told.contains(&format!("{a} ended (limit)")), "{told}");
    assert_eq!(world.hand.asked().len(), 4);
    world.finish().await;
}

/// Ends by links cross supervisors, and each deals with those below it; a supervisor that ends by one takes along all below it,
/// whose ends are none of their own, and comes again with them. A stop that waits for whoever ends so goes on.
pub async fn links_cross_supervisors<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let links = &["link /proc/*"];
    let last = agent("last").under("t").restarts(Restart::Transient);
    let agents = [firm("a", "s").uses(links), firm("b", "t"), firm("c", "t"), last, agent("z").uses(links)];
    let supervisors = [intensity(supervisor("s"), 1), intensity(supervisor("t"), 1)];
    let patient = Supervision { intensity: 9, backoff: Duration::ZERO, ..Supervision::default() };
    let tied = app("tied", agents).unmounted().overseen(supervisors).supervised(patient);
    world.run(tied.ends_with("last")).await;
    let path = |world: &World<H>, name: &str| format!("/proc/{}", world.pid(name));
    assert_eq!(world.act("a", &format!("link {}", path(&world, "b"))).await, "ok {}");
    let (a, b, c, s, t) = (world.pid("a"), world.pid("b"), world.pid("c"), world.pid("s"), world.pid("t"));
    end(&world, "a", "fail x").await;
    comes_again(&world, "a", a).await;
    let b = comes_again(&world, "b", b).await;
    assert_eq!((world.pid("s"), world.pid("t"), world.pid("c")), (s, t, c));

    assert_eq!(world.act("z", &format!("link {}", path(&world, "t"))).await, "ok {}");
    // A fresh start of those above it is no way out of being suspended.
    world.session().await.act("suspend", &path(&world, "c"), "").await.expect("suspended");
    let last = world.pid("last");
    end(&world, "z", "fail x").await;
    for (name, old) in [("t", t), ("b", b), ("last", last)] {
        comes_again(&world, name, old).await;
    }
    world.pause().await;
    assert_eq!((world.process("c").pid, world.process("c").state), (c, Lifecycle::Exited));
    let started = world.log().await.into_iter().filter_map(|event| match event.content {
        Content::Restarting(again) => Some(again.agent),
        _ => None,
    });
    assert_eq!(started.collect::<Vec<_>>(), ["a", "b", "t"]);

    // One that is waited for ends by a link to a session.
    let slow = agent("slow").uses(&["call /proc/*"]).after(&["deaf"]).under("u").stops(Shutdown::Infinite);
    start(&world, "other", app("other", [deaf(), slow]).unmounted().overseen([supervisor("u")])).await;
    waits_for_the_deaf(&world, "slow").await;
    let (session, tied) = (world.session().await, world.session().await);
    tied.act("link", &path(&world, "slow"), "").await.expect("linked");
    let mut stop = std::pin::pin!(session.act("stop", "/app/other", ""));
    assert!(futures::poll!(stop.as_mut()).is_pending());
    world.pause().await;
    assert_eq!(world.process("slow").state, Lifecycle::Stopping);
    world.session().await.act("kill", &format!("/proc/{}", tied.pid()), "").await.expect("killed");
    stop.await.expect("stopped");
    assert_eq!(world.ended("slow").await.0, "linked");
    world.finish().await;
}

/// Whoever is suspended would not come to its end by itself: it is ended as soon as it is its turn to stop. A supervisor is not
/// suspended.
pub async fn whoever_is_suspended_stops_at_once<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let held = agent("held").uses(&["call /proc/*"]).after(&["deaf"]).under("s").stops(Shutdown::Infinite);
    start(&world, "slow", app("slow", [deaf(), agent("a").under("s"), held]).overseen([supervisor("s")])).await;
    let call = format!("act call /proc/{} {{\"deadline_ms\":80000000}}", world.pid("deaf"));
    end(&world, "held", &call).await;
    world.until(|world| world.process("held").used.acts == 1).await;
    let session = world.session().await;
    let refusal = session.act("suspend", &format!("/proc/{}", world.pid("s")), "").await.expect_err("a supervisor");
    assert_eq!(refusal.code.as_str(), "unsupported", "{refusal}");
    session.act("suspend", &format!("/proc/{}", world.pid("held")), "").await.expect("suspended");
    session.act("stop", "/app/slow", "").await.expect("stopped");
    assert_eq!(world.ended("held").await.0, "shutdown");
    world.finish().await;
}

/// What is drawn while a kernel stops is drawn in the next one, too; what is stopped or killed meanwhile is not started again.
pub async fn a_kernel_that_stops_forgets_nothing<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::prod()).await;
    let slow = |name: &str| {
        let agent =
            agent(name).uses(&["call /proc/*"]).after(&["deaf"]).stops(Shutdown::Within(Duration::from_secs(100)));
        agent.limited(|limits| limits.acts = Some(10))
    };
    // Whom each calls stops after it.
    let one = |name: &str, slow: Agent| app(name, [deaf(), slow.under("s")]).overseen([supervisor("s")]);
    let reads = |agent: Agent| agent.uses(&["read /fs/in/**"]);
    let apps = [
        ("killed", "c", one("killed", slow("c")).unmounted()),
        ("stopped", "b", one("stopped", slow("b")).unmounted()),
        ("halted", "d", one("halted", slow("d")).unmounted()),
        ("stays", "a", one("stays", reads(slow("a")))),
    ];
    let mut calls = Vec::new();
    for (name, agent, app) in apps {
        start(&world, name, app).await;
        let call = format!("act call /proc/{} {{\"deadline_ms\":50000}}", world.pid("deaf"));
        let more = if name == "stays" {
            format!("\nrepeat 5 read /fs/in/x\n{call}")
        } else {
            "\nact read /proc/self".to_owned()
        };
        calls.push((agent, call + &more));
    }
    for (name, script) in &calls {
        end(&world, name, script).await;
    }
    world.until(|world| calls.iter().all(|(name, _)| world.process(name).used.acts == 1)).await;
    let session = world.session().await;
    let (stopped, halted, killed) = {
        let mut shutdown = std::pin::pin!(world.kernel().shutdown("over"));
        assert!(futures::poll!(shutdown.as_mut()).is_pending());
        assert!(calls.iter().all(|(name, _)| world.process(name).state == Lifecycle::Stopping));
        let mut stop = std::pin::pin!(session.act("stop", "/app/stopped", ""));
        assert!(futures::poll!(stop.as_mut()).is_pending());
        let halted = session.act("stop", &format!("/proc/{}", world.pid("halted")), "");
        let killed = format!("/proc/{}", world.pid("killed"));
        let mut kill = std::pin::pin!(session.act("kill", &killed, ""));
        assert!(futures::poll!(kill.as_mut()).is_pending());
        world.pause().await;
        world.hand.advance(Duration::from_secs(51));
        world.until(|world| world.process("a").used.acts == 7).await;
        world.hand.advance(Duration::from_secs(50));
        let (_, stopped, halted, killed) = futures::join!(shutdown, stop, halted, kill);
        (stopped, halted, killed)
    };
    assert!(stopped.is_ok() && halted.is_ok() && killed.is_ok(), "{stopped:?} {halted:?} {killed:?}");
    drop(session);
    world.boot_again().await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    let names: Vec<&str> = revived.iter().map(|app| app.app.as_str()).collect();
    assert_eq!(names, ["stays"]);
    assert_eq!(world.tell("a", "repeat 3 read /fs/in/x").await, "3 ok");
    let a = format!("/proc/{}", world.pid("a"));
    let told = world.tell("a", "act read /fs/in/x").await;
    assert!(told.contains(&format!("{a} ended (limit)")), "{told}");
    world.finish().await;
}

/// Why an application fails is in the log, and that it is not to run again is stored, before those who are given their time have
/// stopped: a crash meanwhile takes neither away.
pub async fn what_an_application_fails_by_outlives_a_crash<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let slow = agent("slow").uses(&["call /proc/*"]).after(&["deaf"]).stops(Shutdown::Infinite);
    let once = Supervision { intensity: 0, ..Supervision::default() };
    let falls = agent("falls").restarts(Restart::Permanent);
    start(&world, "firm", app("firm", [deaf(), slow, falls]).supervised(once)).await;
    waits_for_the_deaf(&world, "slow").await;
    end(&world, "falls", "fail x").await;
    world.until(|world| world.process("slow").state == Lifecycle::Stopping).await;
    let told = |log: Vec<Recorded>| {
        let reasons = log.into_iter().filter_map(|e| match e.content {
            Content::Failing(failing) => Some(failing.reason),
            Content::AppEnded(_) => Some("over".to_owned()),
            _ => None,
        });
        reasons.collect::<Vec<_>>()
    };
    let before = told(world.log().await);
    assert!(matches!(&before[..], [reason] if reason.contains("is the most")), "{before:?}");
    world.crash().await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert!(revived.is_empty(), "{revived:?}");
    assert_eq!(told(world.log().await), before);
    world.finish().await;
}
