//! Labels on what ends, is gone, or comes only because it was asked for.

use super::traces::{SECRET, informed};
use crate::world::{Commits, Hand, Host, World, agent, app};
use kernel_core::app::MountMode;
use kernel_core::environment::Environment;
use kernel_core::kernel::event::Content;
use kernel_core::label::MAX_LABELS;
use kernel_core::process::Lifecycle;
use serde_json::{Value, json};

/// Sends `script` to a puppet in a message that is labelled secret, from a session that is not; the puppet has it then.
async fn whisper<H: Host>(world: &World<H>, agent: &str, script: &str) {
    let had = |world: &World<H>| world.process(agent).used.messages;
    let (session, before) = (world.session().await, had(world));
    let path = format!("/proc/{}", world.pid(agent));
    session.act("send", &path, format!("{SECRET}\ndo {script}")).await.expect("sent");
    world.until(|world| had(world) > before).await;
}

/// The same for a script of one act; it is judged then.
async fn whisper_act<H: Host>(world: &World<H>, agent: &str, act: &str) {
    let before = world.process(agent).used.acts;
    whisper(world, agent, &format!("act {act}")).await;
    world.until(|world| world.process(agent).used.acts > before).await;
}

/// What has come to a puppet, once something has.
async fn hears<H: Host>(world: &World<H>, agent: &str) -> String {
    loop {
        let heard = world.heard(agent).await;
        if !heard.is_empty() {
            return heard;
        }
        world.pause().await;
    }
}

/// That a callee ended, and how, is told to its callers with what it carried.
pub async fn the_end_of_a_callee_is_labelled<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let call = ["call /proc/*"];
    let agents = [agent("callee"), agent("open").uses(&call), agent("closed").uses(&call).cleared_for(&[])];
    world.run(app("calls", agents)).await;
    let wait = "act read /proc/self/inbox {\"correlation\":9,\"deadline_ms\":86400000}";
    whisper(&world, "callee", &format!("{wait}\nfail hunter2")).await;
    let act = format!("call /proc/{} - heard", world.pid("callee"));
    let (open, closed, ()) = futures::join!(world.act("open", &act), world.act("closed", &act), async {
        world.pause().await;
        let session = world.session().await;
        let path = format!("/proc/{}", world.pid("callee"));
        session.act("send", &path, "{\"correlation\":9}\ngo").await.expect("sent");
    });
    assert!(open.starts_with("failed: ") && open.contains("error"), "{open}");
    assert_eq!(world.labels("open").await, ["secret"]);
    assert!(closed.starts_with("denied: ") && !closed.contains("error"), "{closed}");
    assert!(world.labels("closed").await.is_empty());
    world.finish().await;
}

/// What an instance of one message asked for outlives it, so whatever comes of that comes with its labels; what it
/// cannot label it does not get.
pub async fn what_was_asked_under_a_label_comes_with_it<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let uses = ["subscribe /topic/bit.*", "register /svc/bit", "send /proc/*", "monitor /proc/*"];
    let marks = |prefix: &str| (0..MAX_LABELS / 2 + 8).map(|i| format!("{prefix}{i:02}")).collect::<Vec<_>>();

    let theirs = marks("b");
    let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
    let agents = [
        agent("fresh").uses(&uses).per_message(),
        agent("press").uses(&["publish /topic/bit.*", "send /svc/bit"]),
        agent("rival").uses(&["register /svc/bit"]),
        agent("first"),
        agent("second"),
        agent("marked").carries(&theirs),
    ];
    world.run(app("asks", agents)).await;
    whisper_act(&world, "fresh", "subscribe /topic/bit.one").await;
    whisper_act(&world, "fresh", "register /svc/bit").await;
    let say = |to: &str| format!("do act send /proc/{} - it came", world.pid(to));
    let told = world.act("press", &format!("publish /topic/bit.one - {}", say("first"))).await;
    assert!(told.contains("\"receivers\":0,\"missed\":0"), "{told}");
    let told = world.act("press", &format!("send /svc/bit - {}", say("second"))).await;
    assert!(told.starts_with("ok "), "{told}");
    assert!(world.labels("press").await.is_empty());
    for name in ["first", "second"] {
        let heard = hears(&world, name).await;
        assert!(heard.contains("[secret] it came"), "{name}: {heard}");
    }
    assert!(world.act("rival", "register /svc/bit").await.starts_with("conflict: "));
    assert_eq!(world.labels("rival").await, ["secret"]);

    // Both sets of labels do not fit together, so it cannot be told.
    let session = world.session().await;
    let (fresh, marked) = (format!("/proc/{}", world.pid("fresh")), format!("/proc/{}", world.pid("marked")));
    let header = json!({ "labels": marks("a") });
    session.act("call", &fresh, format!("{header}\nact monitor {marked}")).await.expect("monitored");
    let session = world.session().await;
    session.act("kill", &marked, "").await.expect("killed");
    let letter = |content: &Content| matches!(content, Content::DeadLetter(l) if l.reason.contains("more labels than"));
    assert_eq!(world.log().await.iter().filter(|e| letter(&e.content)).count(), 1);

    let session = world.session().await;
    let read = "act read /proc/self/inbox {\"correlation\":9,\"deadline_ms\":0}";
    let told = session.act("call", &fresh, format!("\n{read}")).await.expect("a transcript");
    assert!(String::from_utf8_lossy(&told).contains("timed_out: "), "{told:?}");
    let told = session.act("call", &fresh, format!("{SECRET}\n{read}")).await.expect("a transcript");
    assert!(String::from_utf8_lossy(&told).contains("denied: "), "{told:?}");
    world.finish().await;
}

/// Whoever is told of an end carries what those carried who brought it about.
pub async fn an_end_carries_the_labels_of_whoever_caused_it<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let agents = [
        agent("boss").uses(&["spawn /agent/kid"]),
        agent("kid"),
        agent("killer").uses(&["kill /proc/*"]).carries(&["secret"]).cleared_for(&["secret"]),
        agent("victim"),
        agent("parent").uses(&["spawn /agent/kid"]),
        agent("watcher").uses(&["monitor /proc/*"]),
        agent("other").uses(&["monitor /proc/*"]),
    ];
    world.run(app("ends", agents)).await;
    let spawn = |name: &str| format!("spawn /agent/kid {{\"name\":\"{name}\",\"use\":[]}}");
    assert!(world.act("boss", &spawn("child")).await.starts_with("ok "));
    for (watcher, of) in [("watcher", "child"), ("other", "victim")] {
        assert_eq!(world.act(watcher, &format!("monitor /proc/{}", world.pid(of))).await, "ok {}");
    }
    whisper_act(&world, "boss", "stop /proc/self").await;
    let heard = hears(&world, "watcher").await;
    assert!(heard.starts_with("exit ") && heard.contains("[secret]"), "{heard}");
    assert!(world.act("killer", &format!("kill /proc/{}", world.pid("victim"))).await.starts_with("ok "));
    let heard = hears(&world, "other").await;
    assert!(heard.starts_with("exit ") && heard.contains("[secret]"), "{heard}");

    // Whom it had started tells of what it carried, for which the killer is not cleared.
    let session = world.session().await;
    let parent = world.pid("parent");
    let header = "{\"labels\":[\"private\"]}";
    let script = format!("{header}\nact {}", spawn("hidden"));
    session.act("call", &format!("/proc/{parent}"), script).await.expect("spawned");
    assert_eq!(world.labels("hidden").await, ["private"]);
    let told = world.act("killer", &format!("kill /proc/{parent}")).await;
    assert!(told.starts_with(&format!("ok {{\"dead\":[{{\"pid\":{parent},")) && !told.contains("hidden"), "{told}");
    assert_eq!(world.ended("hidden").await.0, "killed");

    // An application that is suspended in part, and one that is stopped.
    for (name, label, stopper) in [("flood", "secret", false), ("calm", "secret", true)] {
        let session = world.session().await;
        world.run(app(name, [agent(&format!("{name}-agent"))]).unmounted()).await;
        session.act("monitor", &format!("/app/{name}"), "").await.expect("a monitor");
        let stops = if stopper { informed(&world).await } else { world.session().await };
        if !stopper {
            whisper(&world, &format!("{name}-agent"), "repeat 150 read /fs/in/x").await;
            world.until(|world| world.process("flood-agent").state == Lifecycle::Suspended).await;
        }
        stops.act("stop", &format!("/app/{name}"), "").await.expect("stopped");
        let told = session.act("read", "/proc/self/inbox", "").await.expect("its end");
        let head: Value = serde_json::from_slice(told.split(|b| *b == b'\n').next().unwrap_or_default()).expect("JSON");
        assert_eq!((&head["kind"], &head["labels"]), (&json!("exit"), &json!([label])), "{name}");
    }
    world.finish().await;
}

/// An application that fails for want of a service tells of the agent that did not register it.
pub async fn a_service_that_is_missing_is_told_with_labels<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    for ends in [false, true] {
        world.run(app("lacks", [agent("owner"), agent("other")]).serving("desk", "owner", false)).await;
        let session = world.session().await;
        session.act("monitor", "/app/lacks", "").await.expect("a monitor");
        whisper(&world, "owner", "heard").await;
        if ends {
            world.session().await.act("stop", &format!("/proc/{}", world.pid("owner")), "").await.expect("a stop");
            world.ended("owner").await;
        }
        world.session().await.act("stop", "/app/lacks", "").await.expect("a stop");
        let told = session.act("read", "/proc/self/inbox", "").await.expect("the end of the application");
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(told.contains("never registered the service `desk`"), "{told}");
        assert!(told.contains("\"labels\":[\"secret\"]"), "{told}");
    }
    world.finish().await;
}

/// What an instance of one message stops the next one would miss, which does not carry its labels: so it stops nothing
/// but what was started under them, and starts no other timer in place of one.
pub async fn what_an_instance_stops_tells_nothing<H: Host>(host: H) {
    let world = World::with(host, Environment::dev(), Hand::wired()).await;
    world.run(app("clean", [agent("fresh").per_message().uses(&["connect /net/**"])])).await;
    let path = format!("/proc/{}", world.pid("fresh"));
    let say = async |header: &str, script: &str| {
        let session = world.session().await;
        let told = session.act("call", &path, format!("{header}\n{script}")).await.expect("a transcript");
        String::from_utf8_lossy(&told).into_owned()
    };
    let start = |n: u32| format!("act start /timer/t{n} {{\"after_ms\":86400000}}");
    let started = say("", &format!("{}\n{}\nact connect /net/example.com:443", start(0), start(1))).await;
    assert!(started.contains("/stream/1"), "{started}");
    let stops = format!("{}\nact stop /timer/t0\nact stop /stream/1\n{}\nact stop /timer/t2", start(0), start(2));
    let told = say(SECRET, &stops).await;
    let told: Vec<&str> = told.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(told, ["ok", "ok", "denied:", "ok", "ok"]);
    let told = say("", "act stop /timer/t0\nact stop /timer/t1\nact write /stream/1 - x\nact stop /stream/1").await;
    assert_eq!(told.lines().filter(|line| line.starts_with("ok ")).count(), 4, "{told}");
    assert!(told.starts_with("{\"labels\":[]}"), "{told}");
    world.finish().await;
}

/// That a child ended before it ran is told to whoever spawned it with what those carried who ended it.
pub async fn the_end_of_what_starts_is_labelled<H: Host>(host: H) {
    let world = World::boot(host, Environment::staging()).await;
    let agents = [
        agent("parent").uses(&["spawn /agent/kid"]),
        agent("kid"),
        agent("killer").uses(&["kill /proc/*"]).carries(&["secret"]),
    ];
    world.run(app("ends", agents)).await;
    let alive = |world: &World<H>| {
        let is = |p: &kernel_core::kernel::ProcessRow| p.name.as_str() == "child" && p.state != Lifecycle::Exited;
        world.kernel().summary().processes.iter().any(is)
    };
    let (first, second) = (world.session().await, world.session().await);
    let (parent, killer) = (format!("/proc/{}", world.pid("parent")), format!("/proc/{}", world.pid("killer")));
    world.hand.commits(Commits::Wait);
    let spawn = "\nact spawn /agent/kid {\"name\":\"child\",\"use\":[]}";
    let (told, ()) = futures::join!(first.act("call", &parent, spawn), async {
        world.until(alive).await;
        let kill = format!("\nact kill /proc/{}", world.pid("child"));
        let (killed, ()) = futures::join!(second.act("call", &killer, kill), async {
            world.until(|world| !alive(world)).await;
            world.hand.commits(Commits::Pass);
        });
        killed.expect("a transcript");
    });
    let told = String::from_utf8_lossy(&told.expect("a transcript")).into_owned();
    assert!(told.contains("while it was being started"), "{told}");
    assert_eq!(world.labels("parent").await, ["secret"]);
    world.finish().await;
}

/// Instances of one message meet the timers of those that carried the same, and of no others: a name that another one
/// took, or how many it took, is nothing to them.
pub async fn timers_under_other_labels_are_others<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("names", [agent("fresh").per_message()])).await;
    let path = format!("/proc/{}", world.pid("fresh"));
    let say = async |header: &str, verb: &str, names: &[String]| {
        let step = |name: &String| format!("act {verb} /timer/{name}");
        let header_of_start = if verb == "start" { " {\"after_ms\":86400000}" } else { "" };
        let script: Vec<String> = names.iter().map(|name| step(name) + header_of_start).collect();
        let session = world.session().await;
        let told = session.act("call", &path, format!("{header}\n{}", script.join("\n"))).await.expect("a transcript");
        let told = String::from_utf8_lossy(&told).into_owned();
        let (labels, lines) = told.split_once('\n').expect("a transcript");
        let ways: Vec<&str> = lines.lines().filter_map(|line| line.split([' ', ':']).next()).collect();
        (
            labels.to_owned(),
            ways.iter().filter(|way| **way == "ok").count(),
            ways.last().copied().unwrap_or("").to_owned(),
        )
    };
    let names: Vec<String> = (0..70).map(|n| format!("t{n}")).collect();
    let (clean, secret) = ("{\"labels\":[]}".to_owned(), "{\"labels\":[\"secret\"]}".to_owned());
    // Whoever sends messages takes half of the room, whatever their labels are.
    assert_eq!(say(SECRET, "start", &names).await, (secret.clone(), 32, "full".to_owned()));
    assert_eq!(say("{\"labels\":[\"other\"]}", "start", &names[..1]).await.2, "full");
    assert_eq!(say("", "stop", &names[..1]).await, (clean.clone(), 0, "not_found".to_owned()));
    assert_eq!(say("", "start", &names).await, (clean.clone(), 32, "full".to_owned()));
    assert_eq!(say("", "start", &names[..32]).await, (clean.clone(), 32, "ok".to_owned()));
    assert_eq!(say(SECRET, "stop", &names[..32]).await, (secret, 32, "ok".to_owned()));
    assert_eq!(say("", "stop", &names[..33]).await, (clean, 32, "not_found".to_owned()));
    world.finish().await;
}

/// Whoever sends a message chooses its labels, so what a process may not do for these is not held against it; what it may
/// not do for those that it began with is.
pub async fn labels_of_a_message_suspend_nobody<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let world = World::boot(host, Environment::dev()).await;
    let writes = ["write /fs/out/**", "read /fs/in/**"];
    let agents = [
        agent("fresh").uses(&writes).per_message(),
        agent("kept").uses(&writes),
        agent("marked").uses(&writes).carries(&["secret"]),
    ];
    world.run(app("idle", agents).mounted("in", MountMode::Read, &["private"], &[])).await;
    let many = "repeat 150 write /fs/out/x {\"replace\":true} y";
    for (name, state) in [("fresh", Lifecycle::Running), ("kept", Lifecycle::Running), ("marked", Lifecycle::Suspended)]
    {
        whisper(&world, name, many).await;
        let over = |process: &kernel_core::kernel::ProcessRow| {
            process.used.refused == 150 || process.state == Lifecycle::Suspended
        };
        world.until(|world| over(&world.process(name))).await;
        assert_eq!(world.process(name).state, state, "{name}");
    }
    // What it may not do for what it took itself is held against the next instance.
    let path = format!("/proc/{}", world.pid("fresh"));
    world.session().await.act("send", &path, format!("\ndo act read /fs/in/x\n{many}")).await.expect("sent");
    world.until(|world| world.process("fresh").state == Lifecycle::Suspended).await;
    world.finish().await;
}

/// What others hold, fill, end or wait for is their doing, and suspends nobody who meets it.
pub async fn what_others_hold_suspends_nobody<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let uses = ["send /proc/*", "call /svc/*", "register /svc/taken", "read /tree/**"];
    let agents = [agent("asks").uses(&uses), agent("holds").uses(&["register /svc/taken"]), agent("gone")];
    world.run(app("held", agents)).await;
    world.act("holds", "register /svc/taken").await;
    let gone = world.pid("gone");
    world.session().await.act("stop", &format!("/proc/{gone}"), "").await.expect("stopped");
    for (act, code) in [
        (format!("send /proc/{gone} - x"), "not_found"),
        ("call /svc/nobody".to_owned(), "not_found"),
        ("register /svc/taken".to_owned(), "conflict"),
        ("read /tree/nothing".to_owned(), "not_found"),
    ] {
        assert_eq!(world.tell("asks", &format!("repeat 150 {act}")).await, format!("150 {code}"), "{act}");
    }
    assert_eq!(world.process("asks").state, Lifecycle::Running);
    world.finish().await;
}
