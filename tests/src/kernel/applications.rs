//! Applications: when they start, when they are over, and what is said of their end.

use crate::world::{Commits, Host, World, agent, app};
use futures::StreamExt;
use futures::future::join;
use kernel_core::app::Budget;
use kernel_core::environment::Environment;
use kernel_core::governance::Then;
use kernel_core::id::Pid;
use kernel_core::kernel::Told;
use kernel_core::kernel::effects::Notice;
use kernel_core::kernel::event::Content;
use kernel_core::process::{Lifecycle, Restart, Supervision};
use kernel_core::refusal::Code;
use std::time::Duration;

/// Waits for the end of an application: whether nothing went wrong, and the reason.
async fn ended<H: Host>(world: &mut World<H>) -> (bool, String) {
    loop {
        if let Notice::Ended { ok, reason, .. } = world.notice().await {
            return (ok, reason);
        }
    }
}

/// It is over when nothing is left to do, and not while a timer runs.
pub async fn it_ends_when_it_is_quiet<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let timer = agent("a").does("act start /timer/late {\"after_ms\":10000}");
    world.run(app("calm", [timer, agent("b")]).until_quiet()).await;
    world.pause().await;
    assert_eq!(world.process("a").state, Lifecycle::Running);
    world.hand.advance(Duration::from_secs(11));
    assert_eq!(ended(&mut world).await, (true, "done".to_owned()));
    assert_eq!(world.ended("a").await.0, "shutdown");
    world.finish().await;
}

/// What an application has failed by is known until it is started again, or removed; one that was stopped has not failed.
pub async fn what_has_failed_is_known<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    let failed = |world: &World<H>| world.kernel().health().failed.into_iter().collect::<Vec<_>>();
    world.run(app("sick", [agent("a")]).ends_with("a")).await;
    assert_eq!(failed(&world), []);
    assert!(world.tell("a", "fail so it is").await.contains("so it is"));
    session.act("send", &format!("/proc/{}", world.pid("a")), "\ndo fail so it is").await.expect("sent");
    assert!(!ended(&mut world).await.0);
    let [(name, reason)] = &failed(&world)[..] else { panic!("{:?}", failed(&world)) };
    assert!(name.as_str() == "sick" && reason.contains("a error: so it is"), "{name}: {reason}");
    session.act("start", "/app/sick", "").await.expect("started");
    assert_eq!(failed(&world), []);
    session.act("stop", "/app/sick", "").await.expect("stopped");
    assert_eq!(failed(&world), []);
    session.act("start", "/app/sick", "").await.expect("started");
    session.act("send", &format!("/proc/{}", world.pid("a")), "\ndo fail so it is").await.expect("sent");
    world.until(|world| !world.kernel().health().failed.is_empty()).await;
    session.act("remove", "/app/sick", "").await.expect("removed");
    assert_eq!(failed(&world), []);
    world.finish().await;
}

/// Agents start after those that they depend on, and stop in the reverse of the order.
pub async fn agents_start_in_order_and_stop_in_reverse<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let agents = [agent("third").after(&["second"]), agent("first"), agent("second").after(&["first"])];
    // A plan lists agents in the order of their start.
    let [third, first, second] = agents;
    world.run(app("order", [first, second, third])).await;
    world.session().await.act("stop", "/app/order", "").await.expect("stopped");
    let (mut running, mut gone) = (Vec::new(), Vec::new());
    while gone.len() < 3 {
        match world.notice().await {
            Notice::Running { name, .. } => running.push(name),
            Notice::Exited { name, .. } if ["first", "second", "third"].contains(&name.as_str()) => gone.push(name),
            _ => {}
        }
    }
    assert_eq!(running, ["first", "second", "third"]);
    assert_eq!(gone, ["third", "second", "first"]);
    world.finish().await;
}

/// It ends with the agent that it names, also if that is quicker than the start of the others.
pub async fn it_ends_with_the_agent_it_names<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let hasty = agent("hasty").does("act stop /proc/self");
    // The others follow each other, so that the last of them runs long after `hasty` has ended.
    let chain = [("b", "hasty"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e")];
    let [b, c, d, e, f] = chain.map(|(name, before)| agent(name).after(&[before]));
    world.run(app("short", [hasty, b, c, d, e, f]).ends_with("hasty").until_quiet()).await;
    assert_eq!(ended(&mut world).await, (true, "done".to_owned()));
    world.run(app("long", [agent("main"), agent("other")]).ends_with("main")).await;
    world.act("main", "stop /proc/self").await;
    assert_eq!(ended(&mut world).await, (true, "done".to_owned()));
    assert_eq!(world.ended("other").await.0, "shutdown");
    world.finish().await;
}

/// An agent that ends in an error is what its application failed by.
pub async fn a_failed_agent_fails_the_application<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("bad", [agent("a").does("fail it broke"), agent("b")]).until_quiet()).await;
    let (ok, reason) = ended(&mut world).await;
    assert!(!ok && reason.contains("a ") && reason.contains("it broke"), "{reason}");
    let log = world.log().await;
    let said = |e: &Content| matches!(e, Content::AppEnded(end) if !end.ok && end.reason.contains("it broke"));
    assert!(log.iter().any(|e| said(&e.content)));
    world.finish().await;
}

/// A service that an application cannot do without and that its owner never registered is what it failed by.
pub async fn a_service_that_was_never_registered_is_a_failure<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let calm = || app("calm", [agent("a"), agent("b").uses(&["register /svc/b"]).does("act register /svc/b")]);
    for (app, expected) in [
        (calm().serving("b", "b", false), (true, "done")),
        (calm().serving("b", "b", false).serving("a", "a", true), (true, "done")),
        (calm().serving("b", "b", false).serving("a", "a", false), (false, "a never registered the service `a`")),
    ] {
        world.run(app.until_quiet()).await;
        let (ok, reason) = ended(&mut world).await;
        assert_eq!((ok, reason.as_str()), expected);
    }
    world.finish().await;
}

/// An agent that was suspended has not done its work: that is no quiet end.
pub async fn a_suspended_agent_is_no_success<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("flood", [agent("flooder").does("repeat 150 read /fs/in/x")]).until_quiet()).await;
    let (ok, reason) = ended(&mut world).await;
    assert!(!ok && reason.contains("suspended"), "{reason}");
    world.finish().await;
}

/// A child that an agent starts by itself is that agent's: if it does not start, only it is gone.
pub async fn a_child_that_does_not_start_is_its_parents_affair<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("firm", [agent("boss").uses(&["spawn /agent/helper"]), agent("helper")])).await;
    let spawn = "act spawn /agent/helper {\"name\":\"kid\",\"use\":[],\"args\":\"fail\\u0020at\\u0020once\"}";
    let told = world.tell("boss", spawn).await;
    assert!(told.starts_with("ok "), "{told}");
    let (exit, detail) = world.ended("kid").await;
    assert!(exit == "error" && detail.contains("at once"), "{exit} {detail}");
    assert_eq!(world.tell("boss", "").await, "");
    assert_eq!(world.tell("helper", "").await, "");
    world.session().await.act("stop", "/app/firm", "").await.expect("stopped");
    assert_eq!(ended(&mut world).await, (true, "done".to_owned()));
    world.finish().await;
}

/// Whoever is told that an application ended is told who stopped it, unless that was its own doing.
pub async fn who_stops_an_application_is_told<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let by = async |world: &mut World<H>| loop {
        if let Notice::Ended { ok: true, stopped_by, .. } = world.notice().await {
            return stopped_by;
        }
    };
    let session = world.session().await;
    world.run(app("one", [agent("a")])).await;
    session.act("stop", "/app/one", "").await.expect("stopped");
    assert_eq!(by(&mut world).await.as_deref(), Some("operator"));
    let root = session.act("start", "/app/one", "").await.expect("started");
    let root: serde_json::Value = serde_json::from_slice(&root).expect("JSON");
    session.act("stop", &format!("/proc/{}", root["pid"]), "").await.expect("stopped");
    assert_eq!(by(&mut world).await.as_deref(), Some("operator"));
    // One of its own stops it.
    world.run(app("one", [agent("a").uses(&["stop /app/one"])])).await;
    assert_eq!(world.act("a", "stop /app/one").await, "ok {}");
    assert_eq!(by(&mut world).await, None);
    world.finish().await;
}

/// One that runs is not started again, and one that is stopped can be.
pub async fn it_runs_once_at_a_time<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let one = || app("one", [agent("a")]);
    world.run(one()).await;
    assert!(world.try_run(one()).await.is_err_and(|refusal| refusal.code.as_str() == "conflict"));
    let session = world.session().await;
    let again = session.act("start", "/app/one", "").await.expect_err("it runs");
    assert_eq!(again.code.as_str(), "conflict", "{again}");
    session.act("stop", "/app/one", "").await.expect("stopped");
    world.run(one()).await;
    world.finish().await;
}

/// An application whose last agent that had work fails has failed, whoever is told of it first.
pub async fn a_failure_is_noted_before_it_is_told<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    // It may not be told, so it is told nothing and has nothing to do.
    let watcher = agent("watcher").uses(&["monitor /proc/*"]).cleared_for(&[]);
    let bad = agent("bad").does("act start /timer/far {\"after_ms\":80000000}");
    world.run(app("watched", [bad, watcher]).until_quiet()).await;
    world.until(|world| world.process("bad").used.acts > 0).await;
    let path = format!("/proc/{}", world.pid("bad"));
    assert_eq!(world.act("watcher", &format!("monitor {path}")).await, "ok {}");
    let secret = "{\"labels\":[\"secret\"]}\ndo fail it broke";
    world.session().await.act("send", &path, secret).await.expect("sent");
    let (ok, reason) = ended(&mut world).await;
    assert!(!ok && reason.contains("it broke"), "{reason}");
    world.finish().await;
}

/// An agent may be named as its application is: the two are found by different paths.
pub async fn an_agent_may_have_the_name_of_its_application<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("calm", [agent("a"), agent("calm").after(&["a"])])).await;
    let session = world.session().await;
    let again = session.act("start", "/app/calm", "").await.expect_err("it runs");
    assert_eq!(again.code.as_str(), "conflict", "{again}");
    // Its end is that of one agent.
    let path = format!("/proc/{}", world.pid("calm"));
    session.act("stop", &path, "").await.expect("stopped");
    assert_eq!(world.tell("a", "").await, "");
    session.act("stop", "/app/calm", "").await.expect("stopped");
    assert_eq!(ended(&mut world).await, (true, "done".to_owned()));
    world.run(app("calm", [agent("calm")])).await;
    world.finish().await;
}

/// Where a person has to allow that an agent is spawned, the application waits for the answer, and goes by it.
pub async fn a_start_waits_for_an_answer<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    for allow in [true, false] {
        let asks = app("asks", [agent("first"), agent("second").after(&["first"])]);
        let asks = asks.ruled("asked", "verbs = [\"spawn\"]", Then::Escalate);
        let (kernel, mut told) = (world.kernel().clone(), world.kernel().observe(1_000));
        let answers = async {
            for _ in 0..if allow { 2 } else { 1 } {
                let action = loop {
                    if let Some(Told::Ask(ask)) = told.next().await {
                        break ask.action;
                    }
                };
                kernel.answer(action, allow, "the operator");
            }
        };
        let (started, ()) = join(world.try_run(asks), answers).await;
        if allow {
            started.expect("it starts");
            world.session().await.act("stop", "/app/asks", "").await.expect("a stop");
        } else {
            let refusal = started.expect_err("it does not start");
            assert!(
                refusal.reason.contains("`first` could not be spawned: the operator did not allow it"),
                "{refusal}"
            );
        }
    }
    world.finish().await;
}

/// A question about a spawn that ends because somebody interrupts it is one that nobody answered: an application does not
/// start without an answer, and who is to come again is asked for again.
pub async fn nobody_waits_for_a_question_that_is_over<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    let interrupt = async |pid: Pid| {
        session.act("signal", &format!("/proc/{pid}"), "{\"signal\":\"interrupt\"}").await.expect("signalled");
    };
    let asks = || {
        let asks = app("asks", [agent("first").restarts(Restart::Permanent)]);
        let at_once = Supervision { backoff: Duration::ZERO, ..Supervision::default() };
        asks.ruled("asked", "verbs = [\"spawn\"]", Then::Escalate).supervised(at_once)
    };
    for allow in [false, true] {
        let (kernel, mut told) = (world.kernel().clone(), world.kernel().observe(1_000));
        let answers = async {
            let ask = loop {
                if let Some(Told::Ask(ask)) = told.next().await {
                    break ask;
                }
            };
            match allow {
                true => drop(kernel.answer(ask.action, true, "the operator")),
                false => interrupt(ask.pid).await,
            }
        };
        let (started, ()) = join(world.try_run(asks()), answers).await;
        match started {
            Ok(()) => assert!(allow),
            Err(refusal) => {
                assert!(
                    !allow && refusal.reason.contains("`first` could not be spawned: it was interrupted"),
                    "{refusal}"
                );
            }
        }
    }
    let (first, mut told) = (world.pid("first"), world.kernel().observe(1_000));
    session.act("send", &format!("/proc/{first}"), "\ndo fail x").await.expect("sent");
    for allow in [false, true] {
        let ask = loop {
            if let Some(Told::Ask(ask)) = told.next().await {
                break ask;
            }
        };
        match allow {
            true => drop(world.kernel().answer(ask.action, true, "the operator")),
            false => interrupt(ask.pid).await,
        }
    }
    world.until(|world| world.process("first").pid > first && world.process("first").state == Lifecycle::Running).await;
    world.finish().await;
}

/// A plan that contradicts itself, or asks for what this kernel has not, is not installed.
pub async fn a_plan_that_cannot_be_followed_is_not_installed<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let tokens = Budget { tokens: Some(1), ..Budget::default() };
    let plans = [
        (app("plan", [agent("a").after(&["b"]), agent("b").after(&["a"])]), Code::Invalid),
        (app("plan", [agent("a"), agent("a")]), Code::Invalid),
        (app("plan", [agent("a")]).ends_with("b"), Code::Invalid),
        (app("plan", [agent("a")]).serving("desk", "b", true), Code::Invalid),
        (app("plan", [agent("a")]).budget(tokens), Code::Unsupported),
    ];
    for (plan, code) in plans {
        let refusal = world.try_run(plan).await.expect_err("it is not installed");
        assert_eq!(refusal.code, code, "{refusal}");
    }
    assert!(world.session().await.act("start", "/app/plan", "").await.is_err());
    world.finish().await;
}

/// An agent that ends before it ran is not waited for: the application has not started.
pub async fn an_agent_that_never_ran_is_not_waited_for<H: Host>(host: H) {
    let world = World::boot(host, Environment::prod()).await;
    world.run(app("one", [agent("slow").limited(|limits| limits.wall = Some(Duration::from_secs(60)))])).await;
    let session = world.session().await;
    session.act("stop", "/app/one", "").await.expect("a stop");
    // Its instance is made when the batch that tells of it is written.
    world.hand.commits(Commits::Wait);
    let start = session.act("start", "/app/one", "");
    assert_eq!(world.process("slow").state, Lifecycle::Starting);
    world.hand.advance(Duration::from_secs(61));
    world.until(|world| world.process("slow").state == Lifecycle::Exited).await;
    world.hand.commits(Commits::Pass);
    let refusal = start.await.expect_err("it does not start");
    assert!(refusal.reason.ends_with("it ran for its whole wall time of 60000 ms"), "{refusal}");
    world.finish().await;
}

/// Two applications may give their rules one id. One that does not fit beside its application's name is refused, so
/// that it is never mistaken for another's.
pub async fn a_rule_is_its_applications_alone<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let when = "verbs = ['write']";
    for name in ["one", "two"] {
        world.run(app(name, [agent(&format!("of-{name}"))]).unmounted().ruled("no", when, Then::Deny)).await;
    }
    let long = app("three", [agent("third")]).unmounted().ruled(&"x".repeat(60), when, Then::Deny);
    let refusal = world.try_run(long).await.expect_err("its name is too long");
    assert!(refusal.code == Code::Invalid && refusal.reason.contains("shorten its id"), "{refusal}");
    world.finish().await;
}
