//! Processes that are kept from going on, and go on.

use crate::world::{Answers, Host, World, agent, app};
use futures::FutureExt;
use kernel_core::environment::Environment;
use kernel_core::process::{Lifecycle, Restart};
use kernel_core::refusal::Code;
use std::time::Duration;

/// Has the operator do `verb` to the newest process of a name.
async fn operate<H: Host>(world: &World<H>, verb: &str, agent: &str) {
    let path = format!("/proc/{}", world.pid(agent));
    let session = world.session().await;
    session.act(verb, &path, "").await.unwrap_or_else(|refusal| panic!("{verb} {agent}: {refusal}"));
    let _ = session.act("stop", "/proc/self", "").await;
}

/// Whoever is suspended is handed nothing until it goes on, and then all that came, in its order; what it started is not
/// held with it.
pub async fn whoever_is_suspended_is_handed_nothing<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let a = agent("a").uses(&["spawn /agent/kid"]);
    let boss = agent("boss").uses(&["suspend /proc/*", "resume /proc/*", "send /proc/*"]);
    world.run(app("held", [a, boss, agent("kid")])).await;
    assert!(world.act("a", "spawn /agent/kid {\"name\":\"child\",\"use\":[]}").await.starts_with("ok "));
    let path = format!("/proc/{}", world.pid("a"));
    let handed = world.process("a").used.messages;
    let twice = format!("act suspend {path}\nact suspend {path}");
    assert_eq!(world.tell("boss", &twice).await, "ok {}\nok {}");
    assert_eq!(world.process("a").state, Lifecycle::Suspended);
    let session = world.session().await;
    let call = session.act("call", &path, "\nheard").shared();
    for n in 0..3 {
        assert!(world.act("boss", &format!("send {path} - m{n}")).await.starts_with("ok "));
    }
    world.pause().await;
    assert!(call.peek().is_none() && call.clone().now_or_never().is_none());
    assert_eq!(world.process("a").used.messages, handed);
    assert_eq!(world.tell("child", "").await, "");
    assert_eq!(world.act("boss", &format!("resume {path}")).await, "ok {}");
    call.await.expect("a transcript");
    let heard = world.heard("a").await;
    let order: Vec<usize> = (0..3).filter_map(|n| heard.find(&format!("m{n}"))).collect();
    assert!(order.len() == 3 && order.is_sorted(), "{heard}");
    assert_eq!(world.act("boss", &format!("resume {path}")).await, "ok {}");
    assert_eq!(world.process("a").state, Lifecycle::Running);
    world.finish().await;
}

/// What the suspended had asked for is answered when they go on, and what they ask for meanwhile is done then.
pub async fn what_the_suspended_wait_for_waits<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let a = agent("a").uses(&["call /proc/*", "write /tree/**"]);
    world.run(app("held", [a, agent("b")])).await;
    let (a, b) = (format!("/proc/{}", world.pid("a")), format!("/proc/{}", world.pid("b")));
    let acts = |world: &World<H>| world.process("a").used.acts;
    // A call that is answered meanwhile.
    let session = world.session().await;
    let wait = "act read /proc/self/inbox {\"correlation\":7}";
    let mut told =
        Box::pin(session.act("call", &a, format!("\nact call {b} - {wait}\nact write /tree/x {{\"replace\":true}} x")));
    world.pause().await;
    assert!((&mut told).now_or_never().is_none());
    operate(&world, "suspend", "a").await;
    let before = acts(&world);
    let other = world.session().await;
    other.act("send", &b, "{\"correlation\":7}\ngo").await.expect("sent");
    world.pause().await;
    assert!((&mut told).now_or_never().is_none());
    assert_eq!(acts(&world), before);
    assert_eq!(other.act("read", "/tree/x", "").await.expect_err("not written").code, Code::NotFound);
    operate(&world, "resume", "a").await;
    let told = told.await.expect("a transcript");
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("go") && told.ends_with("ok {\"version\":1}"), "{told}");
    // The answer alone would have it finish, without another act.
    let session = world.session().await;
    let mut told = Box::pin(session.act("call", &a, format!("\nact call {b} - {wait}")));
    world.pause().await;
    operate(&world, "suspend", "a").await;
    other.act("send", &b, "{\"correlation\":7}\nagain").await.expect("sent");
    world.pause().await;
    assert!((&mut told).now_or_never().is_none());
    operate(&world, "resume", "a").await;
    assert!(String::from_utf8_lossy(&told.await.expect("a transcript")).contains("again"));
    // A receive that what came meanwhile fits.
    let session = world.session().await;
    let mut told = Box::pin(session.act("call", &a, format!("\n{wait}")));
    world.pause().await;
    assert!((&mut told).now_or_never().is_none());
    operate(&world, "suspend", "a").await;
    other.act("send", &a, "{\"correlation\":7}\nlate").await.expect("sent");
    world.pause().await;
    assert!((&mut told).now_or_never().is_none());
    operate(&world, "resume", "a").await;
    let told = told.await.expect("a transcript");
    assert!(String::from_utf8_lossy(&told).ends_with("late"), "{told:?}");
    // One that ends while it is suspended leaves nobody waiting.
    let session = world.session().await;
    let told = session.act("call", &a, "\nact read /proc/self/inbox");
    world.pause().await;
    operate(&world, "suspend", "a").await;
    operate(&world, "kill", "a").await;
    assert_eq!(told.await.expect_err("it was killed").code, Code::Failed);
    world.finish().await;
}

/// Whom the kernel or a user suspended, a user resumes and no process; whom a process did, any that may.
pub async fn who_may_resume<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").uses(&["suspend /proc/*", "resume /proc/*"]);
    world.run(app("held", [agent("a"), boss])).await;
    let path = format!("/proc/{}", world.pid("a"));
    let boss = async |verb: &str| world.act("boss", &format!("{verb} {path}")).await;
    let session = world.session().await;
    let flood = async |until: u64| {
        session.act("send", &path, "\ndo repeat 150 read /fs/in/x").await.expect("sent");
        let over = |world: &World<H>| {
            let process = world.process("a");
            process.state == Lifecycle::Suspended || process.used.refused >= until + 50
        };
        world.until(over).await;
        assert_eq!(world.process("a").used.refused, until);
    };
    flood(100).await;
    let refused = boss("resume").await;
    assert!(refused.starts_with("denied: ") && refused.contains("for too many refusals"), "{refused}");
    assert_eq!(world.process("a").state, Lifecycle::Suspended);
    session.act("resume", &path, "").await.expect("resumed");
    // The rest of that flood is forgiven, too: the limit begins anew.
    world.until(|world| world.process("a").used.refused == 150).await;
    assert_eq!(world.process("a").state, Lifecycle::Running);
    assert_eq!(boss("suspend").await, "ok {}");
    assert_eq!(boss("resume").await, "ok {}");
    // A user has a say in what a process began.
    assert_eq!(boss("suspend").await, "ok {}");
    session.act("suspend", &path, "").await.expect("suspended");
    assert_eq!(boss("suspend").await, "ok {}");
    let refused = boss("resume").await;
    assert!(refused.starts_with("denied: ") && refused.contains("by a user"), "{refused}");
    session.act("resume", &path, "").await.expect("resumed");
    assert_eq!(world.tell("a", "").await, "");
    world.finish().await;
}

/// A fresh start is no way out of being suspended: whoever ends so stays away.
pub async fn the_suspended_are_not_started_again<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let agents = ["a", "b", "c"].map(|name| agent(name).restarts(Restart::Permanent));
    world.run(app("held", agents)).await;
    let pids = ["a", "b", "c"].map(|name| world.pid(name));
    for name in ["a", "b"] {
        operate(&world, "suspend", name).await;
    }
    operate(&world, "stop", "a").await;
    operate(&world, "kill", "b").await;
    operate(&world, "stop", "c").await;
    assert_eq!((world.ended("a").await.0, world.ended("b").await.0), ("normal".to_owned(), "killed".to_owned()));
    world.until(|world| world.process("c").pid != pids[2] && world.process("c").state == Lifecycle::Running).await;
    for _ in 0..3 {
        world.hand.advance(Duration::from_secs(10));
        world.pause().await;
    }
    assert_eq!([world.process("a").pid, world.process("b").pid], [pids[0], pids[1]]);
    world.finish().await;
}

/// Whom the kernel or a user suspended stays so over the kernel's end: whoever comes again in its place does nothing before a
/// user resumes it. Whom a process suspended goes on, as that process is gone.
pub async fn the_suspended_stay_so_at_a_later_boot<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    let boss = agent("boss").uses(&["suspend /proc/*"]);
    world.run(app("held", ["a", "b", "c", "flooder", "gone"].map(agent)).with([boss])).await;
    for name in ["a", "c", "gone"] {
        operate(&world, "suspend", name).await;
    }
    operate(&world, "resume", "c").await;
    operate(&world, "stop", "gone").await;
    let suspend = format!("suspend /proc/{}", world.pid("b"));
    assert_eq!(world.act("boss", &suspend).await, "ok {}");
    let path = format!("/proc/{}", world.pid("flooder"));
    world.session().await.act("send", &path, "\ndo repeat 150 read /fs/in/x").await.expect("sent");
    world.until(|world| world.process("flooder").state == Lifecycle::Suspended).await;
    for crash in [true, false] {
        let revived = world.lives_again(crash).await;
        assert!(revived[0].result.is_ok(), "{revived:?}");
        let held: Vec<&str> = revived[0].suspended.iter().map(|name| name.as_str()).collect();
        assert_eq!(held, ["a", "flooder", "gone"]);
        let is = |name: &str| world.process(name).state;
        assert_eq!(["a", "flooder", "gone"].map(is), [Lifecycle::Suspended; 3]);
        assert_eq!(["b", "c", "boss"].map(is), [Lifecycle::Running; 3]);
        assert_eq!(world.tell("b", "").await, "");
        assert_eq!(world.process("a").used.messages, 0);
    }
    let refused = world.act("boss", &format!("resume /proc/{}", world.pid("a"))).await;
    assert!(refused.starts_with("denied: "), "{refused}");
    operate(&world, "resume", "a").await;
    assert_eq!(world.tell("a", "").await, "");
    world.log().await;
    world.crash().await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert_eq!((revived[0].suspended.len(), world.process("a").state), (2, Lifecycle::Running), "{revived:?}");
    // Whoever starts it anew begins anew.
    let session = world.session().await;
    session.act("stop", "/app/held", "").await.expect("stopped");
    session.act("start", "/app/held", "").await.expect("started");
    assert_eq!(world.process("flooder").state, Lifecycle::Running);
    world.finish().await;
}

/// An application with somebody in it who has work left and waits to be resumed is not quiet.
pub async fn whoever_waits_to_be_resumed_is_not_done<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let a = agent("a").does("act start /timer/t {\"after_ms\":5000}");
    world.run(app("held", [a]).until_quiet()).await;
    operate(&world, "suspend", "a").await;
    world.hand.advance(Duration::from_secs(60));
    world.pause().await;
    assert_eq!(world.process("held").state, Lifecycle::Running);
    operate(&world, "resume", "a").await;
    world.hand.advance(Duration::from_secs(5));
    assert_eq!(world.ended("held").await.0, "shutdown");
    world.finish().await;
}

/// What does not run is not suspended: an application, what is gone, and what finishes.
pub async fn what_does_not_run_is_not_suspended<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("held", [agent("a").uses(&["read /fs/in/x"]), agent("b")])).await;
    // What it has in hand does not end because it is asked to.
    world.hand.answers(Answers::Later);
    let (session, other) = (world.session().await, world.session().await);
    let a = format!("/proc/{}", world.pid("a"));
    let no = async |path: &str| session.act("suspend", path, "").await.expect_err("it does not run").code;
    assert_eq!(no(&format!("/proc/{}", world.pid("held"))).await, Code::Unsupported);
    assert_eq!(no("/proc/99999").await, Code::NotFound);
    let told = other.act("call", &a, "\nact stop /proc/self\nact read /fs/in/x");
    world.pause().await;
    assert_eq!(world.process("a").state, Lifecycle::Stopping);
    assert_eq!(no(&a).await, Code::Conflict);
    session.act("kill", &a, "").await.expect("killed");
    told.await.expect_err("it was killed");
    world.hand.answers(Answers::Pass);
    // A session is not heard meanwhile, and is when it goes on.
    let path = format!("/proc/{}", other.pid());
    session.act("suspend", &path, "").await.expect("suspended");
    assert_eq!(other.act("read", "/proc/self", "").await.expect_err("it is suspended").code, Code::Denied);
    session.act("resume", &path, "").await.expect("resumed");
    other.act("read", "/proc/self", "").await.expect("it is heard");
    assert_eq!(world.tell("b", "").await, "");
    world.finish().await;
}

/// Whether a process is suspended tells of those who suspended and resumed it: whoever looks carries what they did.
pub async fn the_state_of_a_process_is_labelled<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let rights = &["suspend /proc/*", "resume /proc/*"];
    let agents = [
        agent("a"),
        agent("boss").uses(rights).carries(&["secret"]),
        agent("reader").uses(&["read /proc/*"]).per_message(),
    ];
    world.run(app("held", agents)).await;
    let path = format!("/proc/{}", world.pid("a"));
    let look = async || {
        let session = world.session().await;
        let reader = format!("/proc/{}", world.pid("reader"));
        let told = session.act("call", &reader, format!("\nact read {path}")).await.expect("a transcript");
        let told = String::from_utf8_lossy(&told).into_owned();
        let labels = told.lines().next().unwrap_or_default().to_owned();
        (labels, told.contains("\"state\":\"suspended\""))
    };
    assert_eq!(look().await, ("{\"labels\":[]}".to_owned(), false));
    for (verb, suspended) in [("suspend", true), ("resume", false)] {
        assert_eq!(world.act("boss", &format!("{verb} {path}")).await, "ok {}");
        assert_eq!(look().await, ("{\"labels\":[\"secret\"]}".to_owned(), suspended));
    }
    // It carries none of that itself.
    assert!(world.labels("a").await.is_empty());
    world.finish().await;
}
