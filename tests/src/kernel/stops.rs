//! Ends that meet: of whoever ends by itself while it is stopped from above, while its application starts, while a person is
//! asked about it, or while it is suspended.

use super::supervision::{app_ends, comes_again, end, order};
use super::supervisors::{below, busy, deaf, firm, intensity, start, waits_for_the_deaf};
use crate::world::{Commits, Host, World, agent, app, supervisor};
use futures::channel::mpsc;
use futures::future::join;
use futures::{StreamExt, poll};
use kernel_core::app::SupervisorPlan;
use kernel_core::environment::Environment;
use kernel_core::governance::Then;
use kernel_core::kernel::Told;
use kernel_core::kernel::effects::Ask;
use kernel_core::kernel::event::Content;
use kernel_core::process::{Lifecycle, Restart, Shutdown, Strategy, Supervision};
use std::pin::pin;
use std::time::Duration;

/// A rule by which somebody is asked whether `gate` may be spawned.
const ASKED: &str = "verbs = [\"spawn\"]\nresources = [\"/agent/gate\"]";

/// Restarts each of which, but for the first, waits at least so many seconds.
fn waiting(seconds: u64) -> Supervision {
    let (window, backoff) = (Duration::from_secs(10_000), Duration::from_secs(seconds));
    Supervision { intensity: 9, window, backoff, ..Supervision::default() }
}

fn within(seconds: u64) -> Shutdown {
    Shutdown::Within(Duration::from_secs(seconds))
}

/// The next question.
async fn asked(told: &mut mpsc::Receiver<Told>) -> Ask {
    loop {
        if let Told::Ask(ask) = told.next().await.expect("a kernel that runs") {
            return ask;
        }
    }
}

/// Does something to a process, by its name.
async fn operate<H: Host>(world: &World<H>, verb: &str, name: &str) {
    let path = format!("/proc/{}", world.pid(name));
    world.session().await.act(verb, &path, "").await.unwrap_or_else(|refusal| panic!("{verb} {name}: {refusal}"));
}

/// Whom the log says that the supervisors of an application started again, in order.
async fn restarted<H: Host>(world: &World<H>, app: &str) -> Vec<String> {
    let again = world.log().await.into_iter().filter_map(|e| match e.content {
        Content::Restarting(again) if again.app == app => Some(again.agent),
        _ => None,
    });
    again.collect()
}

/// Those below a supervisor that starts again whoever failed alone stop together where nobody needs them, and those that are
/// needed when whoever needs them is gone; where all are started again together they stop one after the other.
pub async fn those_that_need_nobody_stop_together<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    for (strategy, seconds) in [(Strategy::OneForOne, 50), (Strategy::RestForOne, 150)] {
        let stubborn = |name: &str| agent(name).uses(&["call /proc/*"]).after(&["deaf"]).stops(within(50));
        let agents = [deaf(), agent("base"), stubborn("a"), stubborn("b").after(&["base"]), stubborn("c")];
        start(&world, "many", app("many", agents).supervised(Supervision { strategy, ..Supervision::default() })).await;
        for name in ["a", "b", "c"] {
            waits_for_the_deaf(&world, name).await;
        }
        let session = world.session().await;
        let stop = session.act("stop", "/app/many", "");
        world.until(|world| world.process("c").state == Lifecycle::Stopping).await;
        for passed in (0..seconds).step_by(50) {
            let together = strategy == Strategy::OneForOne;
            let (a, b) = (world.process("a").state, world.process("b").state);
            assert_eq!(a == Lifecycle::Stopping, together || passed == 100, "{strategy:?}");
            assert_eq!(b != Lifecycle::Running, together || passed >= 50, "{strategy:?}");
            assert_eq!(world.process("base").state, Lifecycle::Running, "b needs it, or comes before it");
            world.hand.advance(Duration::from_secs(50));
            world.pause().await;
        }
        stop.await.expect("stopped");
        assert_eq!(world.ended("base").await.0, "shutdown");
    }
    world.finish().await;
}

/// While a supervisor is to stop nobody below it is started again, however it ended, however deep it lies and whatever it waits
/// for; all of them come again with the supervisor.
pub async fn nobody_comes_again_below_what_stops<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let slow = |name: &str, above: &str, seconds| {
        agent(name)
            .uses(&["call /proc/*"])
            .after(&["deaf"])
            .under(above)
            .restarts(Restart::Permanent)
            .stops(within(seconds))
    };
    let agents = [deaf(), firm("fails", "t"), slow("slow", "t", 60), firm("waits", "v"), slow("last", "u", 200)];
    let patient = SupervisorPlan { supervision: waiting(100), ..below("v", "s") };
    // Only where the one that fails is not started again alone do they stop one after the other.
    let mut u = supervisor("u");
    u.supervision.strategy = Strategy::RestForOne;
    let supervisors = [u, below("s", "u"), intensity(below("t", "s"), 0), patient];
    start(&world, "tree", app("tree", agents).overseen(supervisors)).await;
    for name in ["slow", "last"] {
        waits_for_the_deaf(&world, name).await;
    }
    let first = world.pid("waits");
    end(&world, "waits", "fail once").await;
    let second = comes_again(&world, "waits", first).await;
    end(&world, "waits", "fail twice").await;
    world.until(|world| world.process("waits").state == Lifecycle::Exited).await;
    // One supervisor ends by itself, which takes its time, and then the uppermost is asked to.
    let (t, u) = (world.pid("t"), world.pid("u"));
    end(&world, "fails", "fail for good").await;
    world.until(|world| world.process("slow").state == Lifecycle::Stopping).await;
    operate(&world, "stop", "u").await;
    assert_eq!(world.process("last").state, Lifecycle::Stopping);
    world.hand.advance(Duration::from_secs(61));
    world.until(|world| world.process("t").state == Lifecycle::Exited).await;
    world.hand.advance(Duration::from_secs(50));
    world.pause().await;
    assert_eq!((world.process("t").pid, world.process("waits").pid), (t, second));
    assert_eq!(world.process("v").used.acts, 2, "nor is it tried");
    assert_eq!(world.process("last").state, Lifecycle::Stopping);
    world.hand.advance(Duration::from_secs(100));
    comes_again(&world, "u", u).await;
    for (name, old) in [("t", t), ("waits", second)] {
        comes_again(&world, name, old).await;
    }
    assert_eq!(restarted(&world, "tree").await, ["waits", "waits", "u"]);
    world.finish().await;
}

/// A supervisor that is on its way to its end by itself, and then is stopped from above, has the time for it that its manifest
/// gives it, and no more.
pub async fn who_ends_by_itself_is_stopped_in_time<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let slow = agent("slow").uses(&["call /proc/*"]).after(&["deaf"]).under("t").stops(Shutdown::Infinite);
    let t = SupervisorPlan { shutdown: within(50), ..intensity(supervisor("t"), 0) };
    start(&world, "tree", app("tree", [deaf(), firm("fails", "t"), slow]).overseen([t])).await;
    waits_for_the_deaf(&world, "slow").await;
    end(&world, "fails", "fail for good").await;
    world.until(|world| world.process("slow").state == Lifecycle::Stopping).await;
    let session = world.session().await;
    {
        let mut stop = pin!(session.act("stop", "/app/tree", ""));
        assert!(poll!(stop.as_mut()).is_pending());
        world.pause().await;
        world.hand.advance(Duration::from_secs(49));
        world.pause().await;
        assert_eq!(world.process("slow").state, Lifecycle::Stopping);
        world.hand.advance(Duration::from_secs(2));
        stop.await.expect("stopped");
    }
    assert_eq!((world.ended("t").await.0, world.ended("slow").await.0), ("limit".to_owned(), "shutdown".to_owned()));
    world.finish().await;
}

/// An application is not quiet while a supervisor stops those below it, all of whom have nothing to do: it comes again with them.
pub async fn it_is_not_quiet_while_a_supervisor_stops<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let busy = busy("busy").under("s").after(&["idle"]).restarts(Restart::Permanent);
    let plan = app("calm", [firm("idle", "s"), busy]).overseen([supervisor("s")]).until_quiet();
    world.run(plan).await;
    order(&mut world, 3, 0).await;
    world.until(|world| world.process("busy").used.acts == 1).await;
    operate(&world, "stop", "s").await;
    let told = order(&mut world, 3, 3).await;
    assert_eq!(told, ["-busy", "-idle", "-s", "+s", "+idle", "+busy"].map(str::to_owned));
    world.finish().await;
}

/// A person is asked once whether an agent may be started again, whatever ends meanwhile, and a yes that comes when that is not
/// wanted any more starts nobody: it was killed, its application stops, or it waits for others to come first.
pub async fn an_answer_that_comes_too_late_starts_nobody<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let mut told = world.kernel().observe(10_000);
    let yes = async |ask: Ask| drop(world.kernel().answer(ask.action, true, "the operator").await.expect("it counts"));
    for late in ["killed", "stopped", "again", "asked"] {
        let slow = agent("slow").uses(&["call /proc/*"]).after(&["deaf"]).stops(within(1_000));
        let [a, gate] = ["a", "gate"].map(|name| agent(name).restarts(Restart::Permanent));
        let backoff = if late == "asked" { 0 } else { 100 };
        let rest = Supervision { strategy: Strategy::RestForOne, ..waiting(backoff) };
        let plan = app(late, [deaf(), slow, a, gate]).ruled("asked", ASKED, Then::Escalate).supervised(rest);
        join(start(&world, late, plan), async { yes(asked(&mut told).await).await }).await;
        waits_for_the_deaf(&world, "slow").await;
        let (a, old) = (world.pid("a"), world.pid("gate"));
        end(&world, "gate", "fail x").await;
        let ask = asked(&mut told).await;
        let session = world.session().await;
        let mut stop = None;
        match late {
            "killed" => drop(session.act("kill", &format!("/proc/{old}"), "").await.expect("it waits")),
            "stopped" => {
                stop = Some(session.act("stop", "/app/stopped", ""));
                world.until(|world| world.process("slow").state == Lifecycle::Stopping).await;
            }
            "again" => {
                end(&world, "a", "fail x").await;
                world.until(|world| world.process("a").state == Lifecycle::Exited).await;
            }
            _ => {
                end(&world, "a", "fail x").await;
                comes_again(&world, "a", a).await;
                world.pause().await;
                assert_eq!(world.kernel().questions().len(), 1);
            }
        }
        yes(ask).await;
        world.pause().await;
        if late != "asked" {
            assert_eq!((world.process("gate").pid, world.process("gate").state), (old, Lifecycle::Exited), "{late}");
        }
        if late == "again" {
            world.hand.advance(Duration::from_secs(101));
            yes(asked(&mut told).await).await;
        }
        if matches!(late, "again" | "asked") {
            comes_again(&world, "gate", old).await;
        }
        let again: &[&str] = if matches!(late, "again" | "asked") { &["gate", "a"] } else { &["gate"] };
        assert_eq!(restarted(&world, late).await, again, "{late}");
        operate(&world, "kill", late).await;
        drop(stop);
    }
    world.finish().await;
}

/// While an application starts, an agent that fails is started again as at any other time, one that is killed stays dead and the
/// rest starts, and a supervisor that ends is what the start fails by.
pub async fn the_start_of_an_application_deals_with_ends<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    let mut told = world.kernel().observe(10_000);
    for what in ["kill", "fail", "stop"] {
        let agents = [agent("a"), agent("b").under("s"), agent("x")].map(|agent| agent.restarts(Restart::Permanent));
        let all = Supervision { strategy: Strategy::OneForAll, ..waiting(0) };
        let plan = app(what, agents).with([agent("gate")]).overseen([supervisor("s")]);
        world.install(plan.ruled("asked", ASKED, Then::Escalate).supervised(all)).await;
        let session = world.session().await;
        let meanwhile = async {
            let ask = asked(&mut told).await;
            let runs = |world: &World<H>, name| world.process(name).state == Lifecycle::Running;
            world.until(|world| ["a", "b", "x"].iter().all(|name| runs(world, name))).await;
            let b = world.pid("b");
            match what {
                "kill" => operate(&world, "kill", "a").await,
                "stop" => return operate(&world, "stop", "s").await,
                _ => {
                    end(&world, "b", "fail x").await;
                    comes_again(&world, "b", b).await;
                }
            }
            world.kernel().answer(ask.action, true, "the operator").await.expect("it counts");
        };
        let (started, ()) = join(session.act("start", &format!("/app/{what}"), ""), meanwhile).await;
        if what == "stop" {
            let refusal = started.expect_err("it does not start");
            assert!(refusal.reason.contains("s ended before all below it ran"), "{refusal}");
            continue;
        }
        started.expect("it starts");
        let again: &[&str] = if what == "fail" { &["b"] } else { &[] };
        assert_eq!(restarted(&world, what).await, again);
        let (a, x) = (world.process("a").pid, world.pid("x"));
        end(&world, "x", "fail x").await;
        comes_again(&world, "x", x).await;
        world.pause().await;
        assert_eq!(world.process("a").pid == a, what == "kill");
        operate(&world, "kill", what).await;
    }
    // Also where nobody runs yet, and nobody is left who would.
    world.install(app("slow", [agent("c"), agent("d")])).await;
    let (starts, kills) = (world.session().await, world.session().await);
    let is = |world: &World<H>, name: &str, state| {
        world.kernel().summary().processes.iter().any(|p| p.name.as_str() == name && p.state == state)
    };
    world.hand.commits(Commits::Wait);
    let start = starts.act("start", "/app/slow", "");
    world.until(|world| is(world, "d", Lifecycle::Starting)).await;
    let paths = ["c", "d"].map(|name| format!("/proc/{}", world.pid(name)));
    let [c, d] = paths.map(|path| kills.act("kill", &path, ""));
    world.until(|world| ["c", "d"].iter().all(|name| is(world, name, Lifecycle::Exited))).await;
    world.hand.commits(Commits::Pass);
    let (c, d) = join(c, d).await;
    assert!(c.is_ok() && d.is_ok(), "{c:?} {d:?}");
    start.await.expect("it starts");
    assert_eq!((world.ended("c").await.0, world.ended("d").await.0), ("killed".to_owned(), "killed".to_owned()));
    world.finish().await;
}

/// A start that did not come to its end in time, and stops by then, does so in its own time.
pub async fn a_start_that_stops_has_its_time<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let slow = agent("slow").uses(&["call /proc/*"]).after(&["deaf"]).stops(within(100));
    let agents = [deaf(), slow, agent("waits").restarts(Restart::Permanent), agent("gate")];
    let plan = app("late", agents).ruled("asked", ASKED, Then::Escalate).supervised(waiting(1_000));
    world.install(plan).await;
    let mut told = world.kernel().observe(1_000);
    let (starts, stops) = (world.session().await, world.session().await);
    let mut start = pin!(starts.act("start", "/app/late", ""));
    assert!(poll!(start.as_mut()).is_pending());
    let ask = asked(&mut told).await;
    world.until(|world| world.process("waits").state == Lifecycle::Running).await;
    let is_there = |world: &World<H>| world.kernel().summary().processes.iter().any(|p| p.name.as_str() == "slow");
    world.until(is_there).await;
    world.until(|world| world.process("slow").state == Lifecycle::Running).await;
    waits_for_the_deaf(&world, "slow").await;
    let first = world.pid("waits");
    end(&world, "waits", "fail once").await;
    comes_again(&world, "waits", first).await;
    end(&world, "waits", "fail twice").await;
    world.until(|world| world.process("waits").state == Lifecycle::Exited).await;
    world.kernel().answer(ask.action, true, "the operator").await.expect("it counts");
    world.hand.advance(Duration::from_secs(250));
    world.pause().await;
    assert!(poll!(start.as_mut()).is_pending(), "one of them waits to be started again");
    let stop = stops.act("stop", "/app/late", "");
    world.until(|world| world.process("slow").state == Lifecycle::Stopping).await;
    world.hand.advance(Duration::from_secs(51));
    let refusal = start.await.expect_err("it took too long");
    assert_eq!(refusal.code.as_str(), "timed_out", "{refusal}");
    world.pause().await;
    assert_eq!(world.process("slow").state, Lifecycle::Stopping);
    world.hand.advance(Duration::from_secs(50));
    stop.await.expect("stopped");
    assert_eq!(world.ended("slow").await.0, "limit");
    world.finish().await;
}

/// Whoever ended while it was suspended stays away when others are started again; an application that ends with it, or with one
/// that was killed while it waited to be started again, ends then, and has failed.
pub async fn who_stays_away_ends_what_ends_with_it<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let all = Supervision { strategy: Strategy::OneForAll, ..waiting(0) };
    let agents = ["a", "b"].map(|name| agent(name).restarts(Restart::Permanent));
    world.run(app("held", agents).unmounted().supervised(all)).await;
    let (a, b) = (world.pid("a"), world.pid("b"));
    operate(&world, "suspend", "b").await;
    operate(&world, "stop", "b").await;
    end(&world, "a", "fail x").await;
    comes_again(&world, "a", a).await;
    world.pause().await;
    assert_eq!((world.process("b").pid, world.ended("b").await.0.as_str()), (b, "normal"));
    operate(&world, "stop", "held").await;
    app_ends(&mut world).await;

    let last = || agent("last").restarts(Restart::Transient);
    let plan = app("ends", [firm("fails", "s"), last().under("s")]).overseen([intensity(supervisor("s"), 0)]);
    world.run(plan.ends_with("last")).await;
    operate(&world, "suspend", "last").await;
    end(&world, "fails", "fail for good").await;
    let (ok, reason) = app_ends(&mut world).await;
    assert!(!ok && reason.contains("last was suspended"), "{reason}");

    world.run(app("ends", [last(), agent("other")]).supervised(waiting(100)).ends_with("last")).await;
    let first = world.pid("last");
    end(&world, "last", "fail once").await;
    let second = comes_again(&world, "last", first).await;
    end(&world, "last", "fail twice").await;
    world.until(|world| world.process("last").state == Lifecycle::Exited).await;
    world.session().await.act("kill", &format!("/proc/{second}"), "").await.expect("it does not come again");
    let (ok, reason) = app_ends(&mut world).await;
    assert!(!ok && reason.contains("last was killed"), "{reason}");
    world.finish().await;
}

/// What an application that is started again by a later kernel was for may be over before all of it runs: then it is not wanted
/// any more, as it is not where its process is stopped.
pub async fn what_is_over_before_it_has_started_is_over<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    for (name, stopped) in [("one", "last"), ("two", "two")] {
        let plan = app(name, [agent("last"), agent("gate")]).ruled("asked", ASKED, Then::Escalate);
        let mut told = world.kernel().observe(1_000);
        let yes = async {
            let ask = asked(&mut told).await;
            world.kernel().answer(ask.action, true, "the operator").await.expect("it counts");
        };
        join(world.run(plan.ends_with("last")), yes).await;
        world.log().await;
        world.crash().await;
        let mut told = world.kernel().observe(1_000);
        let over = async {
            asked(&mut told).await;
            world.until(|world| world.process("last").state == Lifecycle::Running).await;
            operate(&world, "stop", stopped).await;
        };
        let (revived, ()) = join(world.kernel().revive(|_, _| true), over).await;
        let revived = revived.expect("rows that can be read");
        assert!(matches!(&revived[..], [one] if one.result.is_ok()), "{name}: {revived:?}");
        world.log().await;
        world.crash().await;
        let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
        assert!(revived.is_empty(), "{name}: {revived:?}");
    }
    world.finish().await;
}

/// That an agent below a supervisor cannot be spawned, because of what somebody with labels did, is told with these to whoever
/// started the application.
pub async fn why_nobody_was_spawned_is_labelled<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").role("supervisor").uses(&["spawn /agent/kid"]).carries(&["secret"]);
    let agents = [boss, agent("kid"), agent("gate"), agent("b").under("s").after(&["gate"])];
    let plan = app("firm", agents).overseen([supervisor("s")]).ruled("asked", ASKED, Then::Escalate);
    world.install(plan).await;
    let mut told = world.kernel().observe(1_000);
    let session = world.session().await;
    let meanwhile = async {
        let ask = asked(&mut told).await;
        world.until(|world| world.process("boss").state == Lifecycle::Running).await;
        let told = world.act("boss", "spawn /agent/kid {\"name\":\"b\",\"use\":[]}").await;
        assert!(told.starts_with("ok "), "{told}");
        world.kernel().answer(ask.action, true, "the operator").await.expect("it counts");
    };
    let (started, ()) = join(session.act("start", "/app/firm", ""), meanwhile).await;
    let refusal = started.expect_err("a name that is taken");
    assert!(refusal.reason.contains("a process named `b` is running already"), "{refusal}");
    let info = session.act("read", "/proc/self", "").await.expect("what it is");
    assert!(String::from_utf8_lossy(&info).contains("\"labels\":[\"secret\"]"), "{info:?}");
    world.finish().await;
}

/// A kernel that stops waits two minutes at most, whatever time a manifest gives its agents, and meanwhile lets the operator
/// kill.
pub async fn a_kernel_that_stops_waits_for_nobody_for_ever<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let slow = |name: &str| agent(name).uses(&["call /proc/*"]).after(&["deaf"]).stops(Shutdown::Infinite);
    world.try_run(app("one", [deaf(), slow("slow"), slow("other")]).until_quiet()).await.expect("started");
    waits_for_the_deaf(&world, "slow").await;
    waits_for_the_deaf(&world, "other").await;
    let mut shutdown = pin!(world.kernel().shutdown("over"));
    assert!(poll!(shutdown.as_mut()).is_pending());
    let session = world.session().await;
    session.act("kill", &format!("/proc/{}", world.pid("other")), "").await.expect("killed");
    world.hand.advance(Duration::from_secs(119));
    world.pause().await;
    assert_eq!(world.process("slow").state, Lifecycle::Stopping);
    world.hand.advance(Duration::from_secs(1));
    shutdown.await.expect("an orderly end");
    let slow = world.process("slow");
    assert_eq!(slow.state, Lifecycle::Exited);
    assert!(slow.wall < Duration::from_secs(1_000).as_nanos() as u64, "it did not wait for its call");
}
