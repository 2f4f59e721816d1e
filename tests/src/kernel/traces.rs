//! Labels on what an act leaves besides its payload: on what is missing, refused or counted.

use crate::world::{Hand, Host, World, agent, app};
use kernel_core::environment::{Environment, MAX_THRESHOLD, Over};
use kernel_core::kernel::Session;
use kernel_core::kernel::event::Content;
use kernel_core::kernel::verb::table;
use kernel_core::label::MAX_LABELS;
use kernel_core::refusal::Code;
use serde_json::{Value, json};

/// The header of what is labelled secret.
pub(super) const SECRET: &str = "{\"labels\":[\"secret\"]}";

/// What a session carries.
pub(super) async fn carried(session: &Session) -> Value {
    let info = session.act("read", "/proc/self", "").await.expect("what it is");
    serde_json::from_slice::<Value>(&info).expect("JSON")["labels"].clone()
}

/// A session that has read a secret.
pub(super) async fn informed<H: Host>(world: &World<H>) -> Session {
    let session = world.session().await;
    let body = "{\"replace\":true,\"labels\":[\"secret\"]}\nhunter2";
    world.session().await.act("write", "/tree/known", body).await.expect("written");
    session.act("read", "/tree/known", "").await.expect("read");
    assert_eq!(carried(&session).await, json!(["secret"]));
    session
}

/// Labels weigh where what an act carries is not kept with them, and nowhere else; the verb table says where.
pub async fn labels_weigh_where_they_are_not_kept<H: Host>(host: H) {
    host.put("out", "x", b"x").await;
    let world = World::with(host, Environment::dev(), Hand::wired()).await;
    let uses = [
        "write /fs/out/**",
        "remove /fs/out/**",
        "connect /net/**",
        "write /tree/**",
        "remove /tree/**",
        "publish /topic/**",
        "send /proc/*",
        "stop /proc/*",
        "kill /proc/*",
        "spawn /agent/kid",
    ];
    world.run(app("weighs", [agent("spy").uses(&uses).carries(&["secret"]), agent("kid"), agent("other")])).await;
    for act in ["write /fs/out/y {\"replace\":true} z", "remove /fs/out/x", "connect /net/example.com:443"] {
        let told = world.act("spy", act).await;
        assert!(told.starts_with("denied: ") && told.contains("label secret"), "{act}: {told}");
    }
    assert!(world.host.get("out", "x").await.is_some() && world.hand.asked().is_empty());
    let other = world.pid("other");
    let passes = [
        "write /tree/n {\"replace\":true} v".to_owned(),
        "remove /tree/n".to_owned(),
        "publish /topic/t - v".to_owned(),
        format!("send /proc/{other} - v"),
        "spawn /agent/kid {\"name\":\"one\",\"use\":[]}".to_owned(),
    ];
    for act in passes {
        let told = world.act("spy", &act).await;
        assert!(told.starts_with("ok "), "{act}: {told}");
    }
    let ends =
        [format!("stop /proc/{other}"), format!("kill /proc/{}", world.pid("one")), "stop /proc/self".to_owned()];
    for act in ends {
        let told = world.act("spy", &act).await;
        assert!(told.starts_with("ok "), "{act}: {told}");
    }
    let mut weighed = 0;
    for event in world.log().await {
        let facts = match &event.content {
            Content::Intent(decided) | Content::Observed(decided) | Content::RouteOpened(decided) => &decided.facts,
            Content::Refused(refused) if refused.facts.is_some() => refused.facts.as_ref().expect("facts"),
            _ => continue,
        };
        let row = table::lookup(facts.verb, facts.resource.kind()).expect("a row");
        let weighs = !facts.contributions.labels.is_empty();
        assert_eq!(weighs, row.weighs && !facts.labels.is_empty(), "{} {}", facts.verb, facts.resource);
        weighed += usize::from(weighs);
    }
    assert_eq!(weighed, 3);
    world.finish().await;
}

/// An application carries what its starter carries, and what its plan is labelled: of whoever installed it. Who finds
/// nothing to start carries what whoever removed it carried.
pub async fn an_application_carries_what_its_starter_and_its_plan_do<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let informed = informed(&world).await;
    let leak = || app("leak", [agent("leaker").uses(&["write /fs/out/**"])]);
    world.try_run_by(&informed, leak()).await.expect("started");
    assert_eq!(world.labels("leaker").await, ["secret"]);
    assert!(world.act("leaker", "write /fs/out/x {\"replace\":true} hunter2").await.starts_with("denied: "));
    let again = world.session().await;
    assert_eq!(again.act("start", "/app/leak", "").await.expect_err("it runs").code, Code::Conflict);
    assert_eq!(carried(&again).await, json!(["secret"]), "who started it is known to carry that");

    world.session().await.act("stop", "/app/leak", "").await.expect("stopped");
    world.reboot().await;
    let starter = world.session().await;
    starter.act("start", "/app/leak", "").await.expect("started");
    assert_eq!(world.labels("leaker").await, ["secret"]);
    assert_eq!(carried(&starter).await, json!(["secret"]));

    world.session().await.act("stop", "/app/leak", "").await.expect("stopped");
    world.run(leak()).await;
    assert!(world.labels("leaker").await.is_empty(), "it was installed anew by who carries nothing");
    world.session().await.act("stop", "/app/leak", "").await.expect("stopped");
    let spy = self::informed(&world).await;
    spy.act("start", "/app/leak", "").await.expect("started");
    assert_eq!(world.labels("leaker").await, ["secret"], "it was started by who carries that");
    world.session().await.act("stop", "/app/leak", "").await.expect("stopped");
    spy.act("remove", "/app/leak", "").await.expect("removed");
    let clean = world.session().await;
    assert_eq!(clean.act("start", "/app/leak", "").await.expect_err("it is gone").code, Code::NotFound);
    assert_eq!(carried(&clean).await, json!(["secret"]));
    drop((informed, again, starter, spy, clean));
    world.finish().await;
}

/// A refusal names no label that its caller does not carry: names are chosen by whoever labels. The log has them all.
pub async fn a_refusal_names_no_label_that_its_caller_lacks<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let uses = ["write /tree/**", "read /tree/**"];
    let agents = [agent("spy").uses(&uses).carries(&["secret"]), agent("closed").uses(&uses).cleared_for(&[])];
    world.run(app("names", agents)).await;
    let write = "write /tree/x {\"replace\":true,\"labels\":[\"x-hunter2\"]} y";
    assert!(world.act("spy", write).await.starts_with("ok "));
    for act in ["read /tree/x", "write /tree/x {\"replace\":true} y"] {
        let told = world.act("closed", act).await;
        assert!(told.starts_with("denied: ") && !told.contains("hunter2") && !told.contains("secret"), "{told}");
    }
    assert!(world.labels("closed").await.is_empty());
    let log = world.log().await;
    let named = |event: &&crate::world::Recorded| match &event.content {
        Content::Refused(refused) => refused.reason.contains("secret, x-hunter2"),
        Content::Outcome(outcome) => outcome.reason.contains("secret, x-hunter2"),
        _ => false,
    };
    assert_eq!(log.iter().filter(named).count(), 2);
    world.finish().await;
}

/// How often a node was written, and that it is not there, is told with the labels of whoever did that.
pub async fn a_version_and_an_absence_are_labelled<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let uses = ["write /tree/**", "read /tree/**", "remove /tree/**"];
    let agents = [
        agent("spy").uses(&uses).carries(&["secret"]),
        agent("closed").uses(&uses).cleared_for(&[]),
        agent("reader").uses(&uses),
        agent("writer").uses(&uses),
        agent("second").uses(&uses),
        agent("third").uses(&uses),
    ];
    world.run(app("trees", agents)).await;
    world.tell("closed", "act write /tree/n {\"replace\":true} x\nact write /tree/gone {\"replace\":true} x").await;
    assert_eq!(world.tell("spy", "repeat 4 write /tree/n {\"replace\":true} y").await, "4 ok");
    assert_eq!(world.act("spy", "remove /tree/gone").await, "ok {}");

    for act in ["write /tree/n {\"replace\":true} z", "remove /tree/n", "read /tree/gone", "remove /tree/gone"] {
        let told = world.act("closed", act).await;
        assert!(told.starts_with("denied: ") && !told.contains('5'), "{act}: {told}");
    }
    assert!(world.labels("closed").await.is_empty());
    assert_eq!(world.act("writer", "write /tree/n {\"replace\":true} z").await, "ok {\"version\":6}");
    assert_eq!(world.labels("writer").await, ["secret"]);
    // What `writer` wrote it had chosen before it was told anything; how often it was written is still the spy's doing.
    assert_eq!(world.act("reader", "read /tree/n").await, "ok z");
    assert!(world.labels("reader").await.is_empty());
    assert_eq!(world.act("second", "write /tree/n {\"replace\":true} z").await, "ok {\"version\":7}");
    assert_eq!(world.labels("second").await, ["secret"]);

    assert!(world.act("reader", "read /tree/gone").await.starts_with("not_found: "));
    assert_eq!(world.labels("reader").await, ["secret"]);
    assert_eq!(world.act("third", "write /tree/gone {\"replace\":true} x").await, "ok {\"version\":1}");
    assert_eq!(world.labels("third").await, ["secret"]);
    world.finish().await;
}

/// Which processes wait for each other in a circle is told with what they carry.
pub async fn a_circle_brings_what_those_in_it_carry<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let serves =
        |name: &str| agent(name).uses(&["call /svc/*", "register /svc/*"]).does(&format!("act register /svc/{name}"));
    world.run(app("circle", [serves("a"), serves("b").carries(&["secret"])])).await;
    let told = world.act("a", "call /svc/b - act call /svc/a - heard").await;
    assert!(told.starts_with("ok ") && told.contains("deadlock: "), "{told}");
    let session = world.session().await;
    session.act("register", "/svc/session", "").await.expect("registered");
    let path = format!("/proc/{}", world.pid("b"));
    let other = world.session().await;
    let waits = other.act("call", &path, "\nact call /svc/session {\"deadline_ms\":1000} x");
    world.pause().await;
    let refusal = session.act("call", &path, "\nheard").await.expect_err("a circle");
    assert_eq!(refusal.code, Code::Deadlock, "{refusal}");
    assert_eq!(carried(&session).await, json!(["secret"]));
    world.hand.advance(std::time::Duration::from_secs(2));
    assert!(waits.await.is_ok());
    world.finish().await;
}

/// That a name is taken is told with what the process carries that holds it.
pub async fn a_name_that_is_taken_brings_what_its_holder_carries<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let uses = ["spawn /agent/kid"];
    let agents = [
        agent("spy").uses(&uses).carries(&["secret"]),
        agent("open").uses(&uses),
        agent("closed").uses(&uses).cleared_for(&[]),
        agent("kid"),
    ];
    world.run(app("names", agents)).await;
    let spawn = "spawn /agent/kid {\"name\":\"bit-5\",\"use\":[]}";
    assert!(world.act("spy", spawn).await.starts_with("ok "));
    assert!(world.act("open", spawn).await.starts_with("conflict: "));
    assert_eq!(world.labels("open").await, ["secret"]);
    assert!(world.act("closed", spawn).await.starts_with("denied: "));
    assert!(world.labels("closed").await.is_empty());
    world.finish().await;
}

/// What comes on a stream comes with what was carried when it was opened and written: whoever is at the other end may
/// say it again.
pub async fn a_stream_brings_what_it_was_written_under<H: Host>(host: H) {
    let lax = Environment::custom("lax", MAX_THRESHOLD, Over::Deny, false).expect("an environment");
    let world = World::with(host, lax, Hand::wired()).await;
    let uses = ["connect /net/**"];
    world.run(app("net", [agent("fresh").uses(&uses).per_message()])).await;
    let fresh = format!("/proc/{}", world.pid("fresh"));
    let (clean, secret) = (world.session().await, world.session().await);
    let told = clean.act("call", &fresh, "\nact connect /net/example.com:443").await.expect("a transcript");
    assert!(told.ends_with(b"ok {\"stream\":\"/stream/1\"}"), "{told:?}");
    let write = format!("{SECRET}\nact write /stream/1 - hunter2");
    let told = secret.act("call", &fresh, write).await.expect("a transcript");
    assert!(told.ends_with(b"ok {}"), "{told:?}");
    world.hand.arrive(b"hunter2");
    let told = clean.act("call", &fresh, "\nact read /stream/1").await.expect("a transcript");
    assert!(told.starts_with(b"{\"labels\":[\"secret\"]}") && told.ends_with(b"ok hunter2"), "{told:?}");
    world.finish().await;
}

/// What is there because something was as expected, or is gone because it was there, tells of that.
pub async fn what_was_compared_or_removed_tells_of_it<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let uses = ["read /tree/**", "write /tree/**", "remove /tree/**"];
    let spy = agent("spy").uses(&uses).carries(&["secret"]);
    let [editor, reader, remover, finder] =
        ["editor", "reader", "remover", "finder"].map(|name| agent(name).uses(&uses));
    world.run(app("tells", [spy, editor, reader, remover, finder])).await;
    for node in ["x", "y"] {
        assert!(world.act("spy", &format!("write /tree/{node} {{\"replace\":true}} 1")).await.starts_with("ok "));
    }
    // The SHA-256 of "1".
    let expect = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
    let guess = format!("write /tree/x {{\"replace\":true,\"expect\":\"{expect}\"}} yes");
    assert!(world.act("editor", &guess).await.starts_with("ok "));
    assert_eq!(world.act("reader", "read /tree/x").await, "ok yes");
    assert_eq!(world.labels("reader").await, ["secret"]);
    assert!(world.act("remover", "remove /tree/y").await.starts_with("ok "));
    assert!(world.act("finder", "read /tree/y").await.starts_with("not_found: "));
    assert_eq!(world.labels("finder").await, ["secret"]);

    world.try_run_by(&informed(&world).await, app("kept", [agent("a")]).unmounted()).await.expect("it starts");
    world.session().await.act("stop", "/app/kept", "").await.expect("a stop");
    world.session().await.act("remove", "/app/kept", "").await.expect("it was there");
    let late = world.session().await;
    assert_eq!(late.act("start", "/app/kept", "").await.expect_err("it is gone").code, Code::NotFound);
    assert_eq!(carried(&late).await, json!(["secret"]));
    world.finish().await;
}

/// What was read from a stream the next one who reads does not find, which tells of whoever read it.
pub async fn a_stream_brings_what_it_was_read_under<H: Host>(host: H) {
    let world = World::with(host, Environment::dev(), Hand::wired()).await;
    world.run(app("net", [agent("fresh").uses(&["connect /net/**"]).per_message()])).await;
    let fresh = format!("/proc/{}", world.pid("fresh"));
    let (clean, secret) = (world.session().await, world.session().await);
    let told = clean.act("call", &fresh, "\nact connect /net/example.com:443").await.expect("a transcript");
    assert!(told.ends_with(b"ok {\"stream\":\"/stream/1\"}"), "{told:?}");
    world.hand.arrive(b"first");
    let told = secret.act("call", &fresh, format!("{SECRET}\nact read /stream/1")).await.expect("a transcript");
    assert!(told.ends_with(b"ok first"), "{told:?}");
    world.hand.arrive(b"second");
    let told = clean.act("call", &fresh, "\nact read /stream/1").await.expect("a transcript");
    assert!(told.starts_with(b"{\"labels\":[\"secret\"]}") && told.ends_with(b"ok second"), "{told:?}");
    world.finish().await;
}

/// A name is the word of whoever spawned: who cannot send to a process, or has no answer of it, is told its number.
pub async fn a_refusal_names_no_receiver<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let uses = ["send /proc/*"];
    let agents = [
        agent("spy").uses(&["spawn /agent/*"]).carries(&["secret"]),
        agent("kid"),
        agent("closed").cleared_for(&["secret"]),
        agent("prober").uses(&uses),
        agent("marked").uses(&uses).carries(&["mark"]),
    ];
    world.run(app("names", agents)).await;
    for (kid, name) in [("kid", "x-hunter1"), ("closed", "x-hunter2")] {
        let told = world.act("spy", &format!("spawn /agent/{kid} {{\"name\":\"{name}\",\"use\":[]}}")).await;
        assert!(told.starts_with("ok "), "{told}");
        assert_eq!(world.labels(name).await, ["secret"]);
    }
    let marks: Vec<String> = (0..MAX_LABELS).map(|n| format!("m{n:02}")).collect();
    let beyond = format!("send /proc/{} {} x", world.pid("x-hunter1"), json!({ "labels": marks }));
    let above = format!("send /proc/{} - x", world.pid("x-hunter2"));
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("x-hunter1")));
    let wait = "\nact read /proc/self/inbox {\"correlation\":9,\"deadline_ms\":86400000}";
    let waits = session.act("call", &path, wait);
    world.pause().await;
    let told = world.tell("prober", &format!("repeat 911 send {path} - x")).await;
    assert_eq!(told, "1 full, 910 ok");
    let full = format!("send {path} - x");
    for (who, act, code) in [("prober", beyond, "too_large"), ("marked", above, "denied"), ("prober", full, "full")] {
        let told = world.act(who, &act).await;
        assert!(told.starts_with(&format!("{code}: ")) && !told.contains("hunter"), "{told}");
    }
    assert!(world.labels("prober").await.is_empty());
    world.session().await.act("kill", &path, "").await.expect("killed");
    let refusal = waits.await.expect_err("it was killed");
    assert!(refusal.reason.contains("before it replied") && !refusal.reason.contains("hunter"), "{refusal}");
    world.finish().await;
}
