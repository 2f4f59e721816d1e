//! Agents that end and are started again: which, with whom, how often, and what of them is new.

use crate::world::{Host, Recorded, World, agent, app, supervisor};
use futures::StreamExt;
use kernel_core::app::{Budget, SupervisorPlan};
use kernel_core::environment::Environment;
use kernel_core::governance::Then;
use kernel_core::id::Pid;
use kernel_core::kernel::effects::Notice;
use kernel_core::kernel::event::{Content, Restarting};
use kernel_core::kernel::rows::{TABLE_APP, TABLE_RUNNING, key};
use kernel_core::kernel::{Revived, Told, Tombstones};
use kernel_core::path::Name;
use kernel_core::process::{Lifecycle, Restart, Strategy, Supervision};
use std::time::Duration;

/// Many restarts, none of which waits.
fn patient() -> Supervision {
    Supervision { intensity: 100, backoff: Duration::ZERO, ..Supervision::default() }
}

/// Has a puppet end as `script` says.
pub(super) async fn end<H: Host>(world: &World<H>, agent: &str, script: &str) {
    let path = format!("/proc/{}", world.pid(agent));
    world.session().await.act("send", &path, format!("\ndo {script}")).await.expect("sent");
}

/// Waits until the process `old` is gone and another of its name runs.
pub(super) async fn comes_again<H: Host>(world: &World<H>, agent: &str, old: Pid) -> Pid {
    world.until(|world| world.process(agent).pid != old && world.process(agent).state == Lifecycle::Running).await;
    world.pid(agent)
}

/// The next end of an application: whether nothing went wrong, and the reason.
pub(super) async fn app_ends<H: Host>(world: &mut World<H>) -> (bool, String) {
    loop {
        if let Notice::Ended { ok, reason, .. } = world.notice().await {
            return (ok, reason);
        }
    }
}

async fn restarts<H: Host>(world: &World<H>) -> Vec<Restarting> {
    let log = world.log().await.into_iter();
    log.filter_map(|e| if let Content::Restarting(restarting) = e.content { Some(restarting) } else { None }).collect()
}

/// What comes again is a new process with the old name, the old rights and nothing of what the old one remembered; that
/// it failed before is no failure of its application.
pub async fn an_agent_that_failed_is_started_again<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let firm = agent("firm").uses(&["register /svc/firm"]).does("act register /svc/firm").restarts(Restart::Permanent);
    world.run(app("works", [firm, agent("other")]).serving("firm", "firm", false)).await;
    let (old, other) = (world.pid("firm"), world.pid("other"));
    let session = world.session().await;
    session.act("send", &format!("/proc/{old}"), "\nremember this").await.expect("sent");
    end(&world, "firm", "fail it broke").await;
    let new = comes_again(&world, "firm", old).await;
    assert!(new > old, "{new} {old}");
    assert_eq!(world.heard("firm").await, "");
    assert_eq!(world.pid("other"), other);
    session.act("call", "/svc/firm", "\nnow").await.expect("its service is there again");
    let gone = session.act("send", &format!("/proc/{old}"), "\nare you there").await.expect_err("a pid is used once");
    assert_eq!(gone.code.as_str(), "not_found", "{gone}");
    world.session().await.act("stop", "/app/works", "").await.expect("stopped");
    assert_eq!(app_ends(&mut world).await, (true, "done".to_owned()));
    let told = restarts(&world).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].agent == "firm" && told[0].reason.contains("it broke") && told[0].restarts == 1, "{told:?}");
    world.finish().await;
}

/// A permanent agent comes again whatever it ended by, a transient one when it failed, a temporary one never.
pub async fn what_ended_comes_again_as_its_manifest_says<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let (stop, fail, trap) = ("act stop /proc/self", "fail x", "trap");
    for (restart, comes, stays) in [
        (Restart::Permanent, &[stop, fail, trap][..], &[][..]),
        (Restart::Transient, &[fail, trap], &[stop]),
        (Restart::Temporary, &[], &[stop, fail, trap]),
    ] {
        for script in comes.iter().chain(stays) {
            world.run(app("one", [agent("a").restarts(restart), agent("b")])).await;
            let old = world.pid("a");
            end(&world, "a", script).await;
            if comes.contains(script) {
                comes_again(&world, "a", old).await;
            } else {
                world.ended("a").await;
                // A restart would be due.
                world.hand.advance(Duration::from_secs(60));
                world.pause().await;
                assert_eq!(world.process("a").pid, old, "{restart:?} {script}");
            }
            world.session().await.act("stop", "/app/one", "").await.expect("stopped");
        }
    }
    world.finish().await;
}

/// What was killed stays dead, also when others would take it along.
pub async fn nothing_starts_again_what_was_killed<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let agents = ["a", "b"].map(|name| agent(name).restarts(Restart::Permanent));
    let all = Supervision { strategy: Strategy::OneForAll, ..patient() };
    world.run(app("both", agents).supervised(all)).await;
    let (a, b) = (world.pid("a"), world.pid("b"));
    world.session().await.act("kill", &format!("/proc/{b}"), "").await.expect("killed");
    world.pause().await;
    assert_eq!(world.pid("a"), a);
    end(&world, "a", "fail x").await;
    comes_again(&world, "a", a).await;
    world.pause().await;
    assert_eq!(world.ended("b").await.0, "killed");
    assert_eq!(world.process("b").pid, b);
    world.finish().await;
}

/// In which order processes ended and ran since the last notice that was looked at, until so many ran and so many ended.
pub(super) async fn order<H: Host>(world: &mut World<H>, ran: usize, ended: usize) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    let count = |seen: &[String], what| seen.iter().filter(|one| one.starts_with(what)).count();
    while count(&seen, '+') < ran || count(&seen, '-') < ended {
        match world.notice().await {
            Notice::Exited { name, .. } if name != "operator" => seen.push(format!("-{name}")),
            Notice::Running { name, .. } => seen.push(format!("+{name}")),
            _ => {}
        }
    }
    seen
}

/// All others, or those that start later, stop in the reverse of the order of their start, and come again in that order.
pub async fn the_others_come_again_with_it<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let cases = [
        (Strategy::OneForOne, vec!["-b", "+b"]),
        (Strategy::OneForAll, vec!["-b", "-d", "-c", "-a", "+a", "+b", "+c"]),
        (Strategy::RestForOne, vec!["-b", "-d", "-c", "+b", "+c"]),
    ];
    for (strategy, expected) in cases {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(agent);
        let [a, b, c] = [a, b.after(&["a"]), c.after(&["b"])].map(|agent| agent.restarts(Restart::Transient));
        world.run(app("chain", [a, b, c, d]).supervised(Supervision { strategy, ..patient() })).await;
        order(&mut world, 4, 0).await;
        end(&world, "b", "fail x").await;
        let run = expected.iter().filter(|what| what.starts_with('+')).count();
        assert_eq!(order(&mut world, run, 0).await, expected, "{strategy:?}");
        world.session().await.act("stop", "/app/chain", "").await.expect("stopped");
        assert_eq!(app_ends(&mut world).await, (true, "done".to_owned()));
    }
    world.finish().await;
}

/// An application that starts its agents again more often than it allows has failed.
pub async fn more_restarts_than_allowed_are_a_failure<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let window = Duration::from_secs(60);
    let agents = || [agent("a").restarts(Restart::Permanent), agent("b")];
    let few = Supervision { intensity: 2, window, backoff: Duration::ZERO, ..Supervision::default() };
    world.run(app("few", agents()).supervised(few)).await;
    for _ in 0..2 {
        let old = world.pid("a");
        end(&world, "a", "fail x").await;
        comes_again(&world, "a", old).await;
    }
    // Those were long ago.
    world.hand.advance(window);
    for _ in 0..2 {
        let old = world.pid("a");
        end(&world, "a", "fail x").await;
        comes_again(&world, "a", old).await;
    }
    end(&world, "a", "fail for good").await;
    let (ok, reason) = app_ends(&mut world).await;
    assert!(!ok && reason.contains("for good") && reason.contains("2 restarts in 60000 ms"), "{reason}");
    assert_eq!(world.ended("b").await.0, "shutdown");
    world.finish().await;
}

/// The first restart does not wait, the next ones do, each twice as long; meanwhile the application is not quiet, and
/// nobody takes the name.
pub async fn restarts_wait_longer_each_time<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let (window, backoff) = (Duration::from_secs(10_000), Duration::from_secs(100));
    let slow = Supervision { intensity: 9, window, backoff, ..Supervision::default() };
    // The application lives for as long as the timer does.
    let a = agent("a").does("act start /timer/far {\"after_ms\":80000000}").restarts(Restart::Permanent);
    let agents = [a, agent("boss").uses(&["spawn /agent/kid"]), agent("kid")];
    world.run(app("slow", agents).until_quiet().supervised(slow)).await;
    let has_timer = |world: &World<H>| world.process("a").used.acts > 0;
    for waits in [0, 100, 200] {
        world.until(has_timer).await;
        let old = world.pid("a");
        end(&world, "a", "fail x").await;
        if waits > 0 {
            world.ended("a").await;
            world.hand.advance(Duration::from_secs(waits - 1));
            world.pause().await;
            assert_eq!(world.process("a").pid, old, "after {waits} s");
            let told = world.act("boss", "spawn /agent/kid {\"name\":\"a\",\"use\":[]}").await;
            assert!(told.starts_with("conflict: "), "{told}");
            world.hand.advance(Duration::from_secs(1));
        }
        comes_again(&world, "a", old).await;
    }
    let waited: Vec<u64> = restarts(&world).await.iter().map(|told| told.wait / 1_000_000_000).collect();
    assert_eq!(waited, [0, 100, 200]);
    // One that waits is killed by the pid that it had.
    let old = world.pid("a");
    end(&world, "a", "fail x").await;
    world.ended("a").await;
    world.session().await.act("kill", &format!("/proc/{old}"), "").await.expect("it does not come again");
    let again = world.session().await.act("kill", &format!("/proc/{old}"), "").await.expect_err("it waits no more");
    assert_eq!(again.code.as_str(), "not_found", "{again}");
    let (ok, reason) = app_ends(&mut world).await;
    assert!(!ok && reason.contains("a was killed"), "{reason}");
    assert_eq!(world.process("a").pid, old);
    world.finish().await;
}

/// What restarts take is drawn from the account of the application, which begins anew with none of them.
pub async fn restarts_draw_from_the_account_of_the_application<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let busy = agent("busy").does("repeat 10 read /proc/self").restarts(Restart::Permanent);
    let budget = Budget { acts: Some(40), ..Budget::default() };
    world.run(app("poor", [busy]).supervised(patient()).budget(budget)).await;
    for _ in 0..2 {
        let old = world.pid("busy");
        end(&world, "busy", "fail x").await;
        comes_again(&world, "busy", old).await;
        world.until(|world| world.process("busy").used.acts == 10).await;
    }
    end(&world, "busy", "fail x").await;
    let (ok, reason) = app_ends(&mut world).await;
    assert!(!ok && reason.contains("acts"), "{reason}");
    world.finish().await;
}

/// What was started to stay comes again after the kernel's death as after an orderly end, with the labels that it was
/// started with and without what was killed; what was stopped, was over or failed does not.
pub async fn what_should_run_outlives_the_kernel<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    let reads = |name: &str| agent(name).uses(&["read /fs/in/**"]);
    world.run(app("stays", [reads("a"), agent("b").after(&["a"]), agent("c").after(&["b"])])).await;
    world.run(app("stopped", [agent("s")]).unmounted()).await;
    world.run(app("over", [agent("o")]).unmounted().until_quiet()).await;
    world.run(app("failed", [agent("f")]).unmounted().ends_with("f")).await;
    end(&world, "f", "fail x").await;
    let session = world.session().await;
    let marked = agent("m").cleared_for(&["secret"]);
    let plan = app("marked", [marked]).unmounted();
    world.try_run_by(&session, plan.labelled(&["secret"])).await.expect("it starts");
    world.session().await.act("kill", &format!("/proc/{}", world.pid("b")), "").await.expect("killed");
    world.session().await.act("stop", "/app/stopped", "").await.expect("stopped");
    world.ended("o").await;
    world.ended("f").await;
    let before = world.pid("c");
    // Whoever started it is gone long before.
    session.act("stop", "/proc/self", "").await.expect("stopped");
    drop(session);
    for crash in [true, false, true] {
        world.log().await;
        if crash {
            world.crash().await;
        } else {
            world.reboot().await;
        }
        let waits = world.kernel().revive(|_, mount| mount.as_str() != "out").await.expect("rows that can be read");
        let told = |app: &Revived| app.result.as_ref().map_err(|refusal| refusal.reason.contains("`out`")).map(|_| ());
        assert_eq!(waits.iter().map(told).collect::<Vec<_>>(), [Ok(()), Err(true)]);
        let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
        let names: Vec<&str> = revived.iter().map(|app| app.app.as_str()).collect();
        assert_eq!(names, ["stays"]);
        assert!(revived.iter().all(|app| app.result.is_ok()), "{revived:?}");
        assert_eq!(revived[0].without().iter().map(Name::as_str).collect::<Vec<_>>(), ["b"]);
        let all = world.kernel().summary().processes;
        let mut alive: Vec<&str> =
            all.iter().filter(|p| p.state == Lifecycle::Running).map(|p| p.name.as_str()).collect();
        alive.sort_unstable();
        assert_eq!(alive, ["a", "c", "m", "marked", "stays"]);
        assert!(world.pid("c") > before);
        assert_eq!(world.labels("m").await, ["secret"]);
        assert!(world.act("a", "read /fs/in/nothing").await.starts_with("not_found: "));
    }
    let timed = |e: &Recorded| matches!(&e.content, Content::Phase(phase) if phase.name == "apps");
    assert_eq!(world.log().await.iter().filter(|e| timed(e)).count(), 6);
    // What cannot be started is told, and tried again the next time.
    let broken = kernel_core::kernel::rows::key(kernel_core::kernel::rows::TABLE_APP, b"stays");
    world.reboot_over(vec![(broken, None)]).await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    let told: Vec<(&str, bool)> = revived.iter().map(|app| (app.app.as_str(), app.result.is_ok())).collect();
    assert_eq!(told, [("marked", true), ("stays", false)]);
    world.finish().await;
}

/// What was stopped, installed anew or removed since it ran does not come again, nor does what an agent had started: that
/// is the agent's affair.
pub async fn what_is_no_longer_wanted_does_not_come_again<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let boss =
        agent("boss").role("supervisor").uses(&["start /app/inner", "spawn /agent/*"]).grants(&["read /fs/in/**"]);
    for name in ["stopped", "anew", "removed", "other"] {
        world.run(app(name, [agent(&name[..1])]).unmounted()).await;
    }
    world.run(app("outer", [boss]).unmounted()).await;
    world.install(app("inner", [agent("kid")]).unmounted()).await;
    let told = world.act("boss", "start /app/inner").await;
    assert!(told.starts_with("ok "), "{told}");
    world.log().await;
    world.crash().await;
    let session = world.session().await;
    // None of them runs yet.
    session.act("stop", "/app/stopped", "").await.expect("it should run no longer");
    session.act("stop", "/app/stopped", "").await.expect_err("it does not run");
    session.act("remove", "/app/removed", "").await.expect("removed");
    let anew = key(TABLE_RUNNING, b"anew");
    let ran = world.row(&anew).await;
    world.install(app("anew", [agent("z")]).unmounted()).await;
    let plan =
        serde_json::to_vec(&app("other", [agent("p")]).unmounted().plan(world.host.kind().program())).expect("a plan");
    drop(session);
    // Nor does another plan that was put where one ran, and what is said to have run before another was installed.
    world.reboot_over(vec![(key(TABLE_APP, b"other"), Some(plan.into())), (anew, ran)]).await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    let told: Vec<(&str, bool)> = revived.iter().map(|app| (app.app.as_str(), app.result.is_ok())).collect();
    assert_eq!(told, [("anew", false), ("other", false), ("outer", true)]);
    world.finish().await;
}

/// What was killed is started again by nobody but an operator: not by a later boot, and not because it was stopped or another
/// one was installed in its place.
pub async fn only_an_operator_starts_again_what_was_killed<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let apps = || {
        [
            app("whole", [agent("w")]).unmounted(),
            app("last", [agent("l"), agent("m")]).unmounted().ends_with("l"),
            app("part", [agent("p"), agent("q")]).unmounted(),
            app("sound", [agent("s")]).unmounted(),
        ]
    };
    for app in apps() {
        world.run(app).await;
    }
    let root = world.kernel().apps().into_iter().find(|app| app.name.as_str() == "whole").expect("it runs").pid;
    for pid in [root, world.pid("l"), world.pid("p")] {
        world.session().await.act("kill", &format!("/proc/{pid}"), "").await.expect("killed");
    }
    world.ended("m").await;
    for app in ["part", "sound"] {
        world.session().await.act("stop", &format!("/app/{app}"), "").await.expect("stopped");
    }
    let buried =
        [("whole", true, vec![]), ("last", true, vec!["l"]), ("part", false, vec!["p"]), ("sound", false, vec![])];
    for again in 0..3 {
        world.log().await;
        for (app, whole, agents) in &buried {
            let agents = agents.iter().map(|agent| Name::parse(agent).expect("a name")).collect();
            assert_eq!(world.tombstones(app).await, Tombstones { whole: *whole, agents }, "{app}, {again}");
        }
        world.reboot().await;
        let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
        assert!(revived.is_empty(), "{revived:?}");
        let session = world.session().await;
        session.act("stop", "/app/part", "").await.expect_err("it does not run");
        session.act("start", "/app/part", r#"{"continues":true}"#).await.expect_err("it did not run");
        for app in apps() {
            world.install(app).await;
        }
    }
    let session = world.session().await;
    session.act("start", "/app/whole", "").await.expect("started");
    session.act("remove", "/app/last", "").await.expect("removed");
    drop(session);
    // Whoever it is started without stays killed if it was, and was not killed otherwise.
    for (without, left) in [("p", vec!["p"]), ("q", vec![])] {
        let session = world.session().await;
        session.act("start", "/app/part", format!("{{\"without\":[\"{without}\"]}}")).await.expect("started");
        drop(session);
        world.reboot().await;
        let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
        let part = revived.iter().find(|app| app.app == "part").expect("it should run");
        assert_eq!(part.without().iter().map(Name::as_str).collect::<Vec<_>>(), [without]);
        let session = world.session().await;
        session.act("stop", "/app/part", "").await.expect("stopped");
        world.log().await;
        for (app, left) in [("whole", &vec![]), ("part", &left), ("last", &vec![])] {
            let agents = left.iter().map(|agent| Name::parse(agent).expect("a name")).collect();
            assert_eq!(world.tombstones(app).await, Tombstones { whole: false, agents }, "{app}");
        }
    }
    world.finish().await;
}

/// Who is killed while its application is started anew is known to be before the kill is answered: a crash in the middle of
/// the start brings nobody back.
pub async fn who_is_killed_during_a_start_stays_dead<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    let mut told = world.kernel().observe(1_000);
    let gate = app("gated", [agent("a"), agent("b"), agent("gate")]).unmounted();
    world.install(gate.ruled("asked", "resources = [\"/agent/gate\"]", Then::Escalate)).await;
    let session = world.session().await;
    {
        let mut start = std::pin::pin!(session.act("start", "/app/gated", ""));
        assert!(futures::poll!(start.as_mut()).is_pending());
        while !matches!(told.next().await, Some(Told::Ask(_))) {}
        world.until(|world| world.process("a").state == Lifecycle::Running).await;
        let kills = world.session().await;
        kills.act("kill", &format!("/proc/{}", world.pid("a")), "").await.expect("killed");
        assert!(futures::poll!(start.as_mut()).is_pending());
    }
    drop((session, told));
    world.crash().await;
    let agents = vec![Name::parse("a").expect("a name")];
    assert_eq!(world.tombstones("gated").await, Tombstones { whole: false, agents });
    assert!(world.kernel().revive(|_, _| true).await.expect("rows that can be read").is_empty());
    world.finish().await;
}

/// What runs until it is quiet and is cut short is not started again, and the next boot tells of it, once; of what came to its
/// end, or was ended by a kernel that stopped in order, it does not.
pub async fn what_was_cut_short_is_told<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let waits = |name: &str| agent(name).does("act start /timer/far {\"after_ms\":80000000}");
    let short = |app: &str, name: &str| crate::world::app(app, [waits(name)]).unmounted().until_quiet();
    let cut_short = |world: &World<H>| -> Vec<String> {
        world.kernel().found().cut_short.iter().map(ToString::to_string).collect()
    };
    world.run(short("short", "s")).await;
    world.run(app("done", [agent("d")]).unmounted().until_quiet()).await;
    world.run(short("ended", "e")).await;
    world.run(app("stays", [agent("a")]).unmounted()).await;
    world.ended("done").await;
    world.session().await.act("stop", "/app/ended", "").await.expect("stopped");
    world.log().await;
    world.crash().await;
    assert_eq!(cut_short(&world), ["short"]);
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert_eq!(revived.iter().map(|app| app.app.as_str()).collect::<Vec<_>>(), ["stays"]);
    world.run(short("stopped", "t")).await;
    world.reboot().await;
    assert_eq!(cut_short(&world), [""; 0]);
    world.crash().await;
    assert_eq!(cut_short(&world), [""; 0]);
    world.finish().await;
}

/// A kernel that fails in the middle of a step ends everything, and what should run is started again by the next one.
pub async fn a_kernel_that_fails_keeps_what_should_run<H: Host>(host: H) {
    if cfg!(panic = "abort") {
        return;
    }
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("stays", [agent("a")])).await;
    world.log().await;
    let session = world.session().await;
    world.hand.breaks();
    session.act("read", "/proc/self", "").await.expect_err("the kernel is broken");
    // What the end wants written is written by then.
    for _ in 0..50 {
        world.pause().await;
    }
    drop(session);
    world.crash().await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert!(matches!(&revived[..], [one] if one.app == "stays" && one.result.is_ok()), "{revived:?}");
    world.finish().await;
}

/// What was refused before a restart still counts toward the limit of refusals, and whoever is suspended stays so when
/// others are started again.
pub async fn a_fresh_start_forgives_nothing<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let agents = ["a", "b"].map(|name| agent(name).restarts(Restart::Permanent));
    let all = Supervision { strategy: Strategy::OneForAll, ..patient() };
    world.run(app("both", agents).supervised(all)).await;
    assert_eq!(world.tell("a", "repeat 60 read /fs/in/x").await, "60 denied");
    let old = world.pid("a");
    end(&world, "a", "fail x").await;
    comes_again(&world, "a", old).await;
    world.until(|world| world.process("b").state == Lifecycle::Running).await;
    let (a, b) = (world.pid("a"), world.pid("b"));
    end(&world, "a", "repeat 60 read /fs/in/x").await;
    world
        .until(|world| world.process("a").state == Lifecycle::Suspended || world.process("a").used.refused == 60)
        .await;
    assert_eq!(world.process("a").state, Lifecycle::Suspended);
    end(&world, "b", "fail x").await;
    comes_again(&world, "b", b).await;
    world.pause().await;
    assert_eq!((world.process("a").pid, world.process("a").state), (a, Lifecycle::Suspended));
    // Nor does the fresh start of a supervisor with all below it.
    let agents = ["c", "d"].map(|name| agent(name).under("s").restarts(Restart::Permanent));
    let never = Supervision { intensity: 0, ..Supervision::default() };
    let above = SupervisorPlan { supervision: never, ..supervisor("s") };
    world.run(app("below", agents).unmounted().overseen([above])).await;
    assert_eq!(world.tell("c", "repeat 60 read /fs/in/x").await, "60 denied");
    let old = world.pid("c");
    end(&world, "d", "fail x").await;
    comes_again(&world, "c", old).await;
    end(&world, "c", "repeat 60 read /fs/in/x").await;
    world
        .until(|world| world.process("c").state == Lifecycle::Suspended || world.process("c").used.refused == 60)
        .await;
    assert_eq!(world.process("c").state, Lifecycle::Suspended);
    world.finish().await;
}
