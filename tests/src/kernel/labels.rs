//! Labels: no chain of messages, calls, timers, exits, spawns and nodes loses one, and none of them is more
//! than a set can hold.

use crate::world::{Host, Kind, World, agent, app};
use kernel_core::environment::Environment;
use kernel_core::kernel::event::Content;
use kernel_core::kernel::rows::{TABLE_TREE, key};
use kernel_core::label::MAX_LABELS;
use serde_json::{Value, json};

/// A few more than half of what a set may hold, so that two such sets never fit together.
fn many(prefix: &str) -> Vec<String> {
    (0..MAX_LABELS / 2 + 8).map(|i| format!("{prefix}{i:02}")).collect()
}

fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// What would carry more labels than a set may hold is refused, wherever they would come together, and changes
/// nothing: a label is never let go of to make room.
pub async fn more_labels_than_a_set_may_hold_are_refused<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let (ours, theirs) = (many("a"), many("b"));
    let uses = ["write /tree/**", "read /tree/**", "write /fs/out/**", "send /proc/*", "call /proc/*"];
    let both = [
        agent("full").uses(&uses).carries(&refs(&ours)),
        agent("other").uses(&uses).carries(&refs(&theirs)),
        agent("plain").uses(&uses),
    ];
    world.run(app("labels", both)).await;
    let header = json!({ "replace": true, "labels": theirs });
    for resource in ["/tree/x", "/fs/out/x"] {
        let told = world.act("full", &format!("write {resource} {header} value")).await;
        assert!(told.starts_with("too_large: "), "{told}");
    }
    assert!(world.host.get("out", "x").await.is_none() && world.hand.asked().is_empty());
    assert!(world.act("plain", "read /tree/x").await.starts_with("not_found: "));

    for verb in ["send", "call"] {
        let told = world.act("full", &format!("{verb} /proc/{} - heard", world.pid("other"))).await;
        assert!(told.starts_with("too_large: "), "{told}");
    }
    // What the callee carries does not fit either: the caller does not get to see it.
    let told = world.act("full", &format!("call /proc/{} - fail it", world.pid("plain"))).await;
    assert!(told.starts_with("failed: "), "{told}");
    assert_eq!(world.labels("plain").await, ours);
    let told = world.act("other", &format!("call /proc/{} - now", world.pid("plain"))).await;
    assert!(told.starts_with("too_large: "), "{told}");
    assert_eq!((world.labels("full").await, world.labels("other").await), (ours, theirs));
    let log = world.log().await;
    assert!(log.iter().any(|e| matches!(&e.content, Content::DeadLetter(_))), "a dead letter tells of it");
    world.finish().await;
}

/// A node whose row cannot be read is closed: its labels are not known, so it is neither read as unlabelled
/// nor taken for absent.
pub async fn a_node_that_cannot_be_read_stays_closed<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.reboot_over(vec![(key(TABLE_TREE, b"x"), Some("no node".into()))]).await;
    world.run(app("tree", [agent("reader").uses(&["read /tree/**", "write /tree/**", "remove /tree/**"])])).await;
    for act in ["read /tree/x", "write /tree/x {\"replace\":true} v", "remove /tree/x"] {
        let told = world.act("reader", act).await;
        assert!(told.starts_with("failed: "), "{act}: {told}");
    }
    world.finish().await;
}

/// The error that a callee answers with is the callee's own text: it is labelled, held against the caller's
/// ceiling and cut like everything that it says.
pub async fn an_error_reply_is_labelled_and_bounded<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let uses = ["call /proc/*"];
    let agents =
        [agent("callee").carries(&["secret"]), agent("open").uses(&uses), agent("closed").uses(&uses).cleared_for(&[])];
    world.run(app("calls", agents)).await;
    let call = format!("call /proc/{} - fail hunter2 {}", world.pid("callee"), "x".repeat(5_000));
    let told = world.act("open", &call).await;
    assert!(told.starts_with("failed: ") && told.contains("hunter2") && told.len() < 1_200, "{told}");
    assert_eq!(world.labels("open").await, ["secret"]);
    let told = world.act("closed", &call).await;
    assert!(told.starts_with("denied: ") && !told.contains("hunter2"), "{told}");
    assert!(world.labels("closed").await.is_empty());
    world.finish().await;
}

/// How a process ended is labelled as the process was, for those who watch it and for those who watch its
/// application; of a per-message instance as it was while it handled the message that it ended with.
pub async fn an_exit_is_labelled_as_the_process_was<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let agents = [
        agent("kept").carries(&["private"]),
        agent("fresh").per_message(),
        agent("first").uses(&["monitor /proc/*"]),
        agent("second").uses(&["monitor /proc/*"]),
        agent("sender").uses(&["send /proc/*"]),
    ];
    world.run(app("exits", agents)).await;
    let session = world.session().await;
    session.act("monitor", "/app/exits", "").await.expect("a monitor");
    // What a watcher is told comes with what it carries itself when it asks for it.
    for (name, watcher) in [("kept", "first"), ("fresh", "second")] {
        world.act(watcher, &format!("monitor /proc/{}", world.pid(name))).await;
        let send = format!("send /proc/{} {{\"labels\":[\"secret\"]}} do fail hunter2", world.pid(name));
        assert!(world.act("sender", &send).await.starts_with("ok "));
        let label = if name == "kept" { "private,secret" } else { "secret" };
        let mut heard = String::new();
        while heard.is_empty() {
            world.pause().await;
            heard = world.heard(watcher).await;
        }
        assert!(heard.starts_with("exit ") && heard.contains(&format!("[{label}]")), "{heard}");
        assert!(heard.contains("hunter2"), "{heard}");
    }
    world.session().await.act("stop", "/app/exits", "").await.expect("a stop");
    let told = session.act("read", "/proc/self/inbox", "").await.expect("the end of the application");
    let head: Value = serde_json::from_slice(told.split(|b| *b == b'\n').next().unwrap_or_default()).expect("JSON");
    assert_eq!((&head["kind"], &head["labels"]), (&json!("exit"), &json!(["private", "secret"])));
    world.finish().await;
}

/// A timer comes back with the labels of whoever chose its name.
pub async fn a_timer_carries_the_labels_of_whoever_started_it<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("timers", [agent("sleeper").carries(&["secret"])])).await;
    assert!(world.act("sleeper", "start /timer/hunter2 {\"after_ms\":1}").await.starts_with("ok "));
    let mut heard = String::new();
    while heard.is_empty() {
        world.pause().await;
        heard = world.heard("sleeper").await;
    }
    assert!(heard.contains("[secret]"), "{heard}");
    world.finish().await;
}

/// Looking at a process shows what its spawner chose and what it does, so it brings what the process carries.
pub async fn looking_at_a_process_brings_what_it_carries<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let agents = [agent("marked").carries(&["secret"]), agent("told"), agent("looker").uses(&["read /proc/*"])];
    world.run(app("looks", agents)).await;
    assert!(world.act("looker", &format!("read /proc/{}", world.pid("marked"))).await.starts_with("ok "));
    assert_eq!(world.labels("looker").await, ["secret"]);
    let session = world.session().await;
    let told = format!("/proc/{}", world.pid("told"));
    session.act("send", &told, "{\"labels\":[\"private\"]}\nit is so").await.expect("sent");
    assert!(world.heard("told").await.contains("[private]"));
    assert!(world.act("looker", &format!("read {told}")).await.starts_with("ok "));
    assert_eq!(world.labels("looker").await, ["private", "secret"]);
    world.finish().await;
}

/// A child begins with what its parent carries, so a child whose ceiling lies below that is not spawned.
pub async fn a_spawn_above_the_childs_ceiling_is_refused<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let agents = [
        agent("parent").uses(&["spawn /agent/*"]).carries(&["secret"]),
        agent("closed").cleared_for(&["private"]),
        agent("cleared").cleared_for(&["secret"]),
    ];
    world.run(app("spawns", agents)).await;
    let told = world.act("parent", "spawn /agent/closed {\"name\":\"second\"}").await;
    assert!(told.starts_with("denied: ") && told.contains("secret"), "{told}");
    assert!(world.act("parent", "spawn /agent/cleared {\"name\":\"third\"}").await.starts_with("ok "));
    assert_eq!(world.labels("third").await, ["secret"]);
    world.finish().await;
}

/// Whether a node has an expected value is told by every answer to a compare-and-set, so it brings the labels
/// of the node.
pub async fn comparing_a_node_brings_its_labels<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let uses = ["write /tree/**"];
    let agents = [
        agent("owner").uses(&uses).carries(&["secret"]),
        agent("guesser").uses(&uses),
        agent("closed").uses(&uses).cleared_for(&[]),
    ];
    world.run(app("trees", agents)).await;
    assert!(world.act("owner", "write /tree/x {\"replace\":true} hunter2").await.starts_with("ok "));
    let guess = "write /tree/x {\"replace\":true,\"expect\":\"absent\"} guess";
    assert!(world.act("guesser", guess).await.starts_with("conflict: "));
    assert_eq!(world.labels("guesser").await, ["secret"]);
    assert!(world.act("closed", guess).await.starts_with("denied: "));
    assert!(world.labels("closed").await.is_empty());
    world.finish().await;
}

/// What lies above the ceiling of a receiver is not delivered to it: it hears nothing, carries nothing, and what was
/// published is a dead letter.
pub async fn what_lies_above_a_ceiling_is_not_delivered<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let reader = |name: &str| agent(name).uses(&["subscribe /topic/news"]).does("act subscribe /topic/news");
    let agents = [
        agent("press").uses(&["publish /topic/news"]),
        reader("cleared").cleared_for(&["secret"]),
        reader("closed").cleared_for(&["private"]),
    ];
    world.run(app("paper", agents)).await;
    let told = world.act("press", "publish /topic/news {\"labels\":[\"secret\"]} hunter2").await;
    assert!(told.contains("\"receivers\":1") && told.contains("\"missed\":1"), "{told}");
    assert!(world.heard("cleared").await.contains("[secret] hunter2"));
    assert_eq!(world.heard("closed").await, "");
    assert!(world.labels("closed").await.is_empty());
    let log = world.log().await;
    let letter = log.iter().find_map(|e| match &e.content {
        Content::DeadLetter(letter) => Some(letter.reason.clone()),
        _ => None,
    });
    let named = format!("/proc/{} may not", world.pid("closed"));
    assert!(letter.is_some_and(|reason| reason.contains(&named) && reason.contains("secret")));
    world.finish().await;
}

/// A process of which every message has an instance of its own carries after each what it began with, whatever that
/// one was labelled, and its reply carries both.
pub async fn an_instance_of_one_message_leaves_its_process_clean<H: Host>(host: H) {
    // In a tab each instance of a component is a worker, and to start 1,000 of them takes minutes.
    let messages = if host.kind() == Kind::Handler { 1_000 } else { 200 };
    let world = World::boot(host, Environment::dev()).await;
    let fresh = agent("fresh").per_message().carries(&["private"]);
    world
        .run(app("clean", [fresh, agent("asker").uses(&["call /proc/*"]), agent("other").uses(&["call /proc/*"])]))
        .await;
    for n in 0..messages {
        let label = ["secret", "untrusted", "other"][n % 3];
        let call = format!("call /proc/{} {{\"labels\":[\"{label}\"]}} now", world.pid("fresh"));
        let told = world.act("asker", &call).await;
        assert!(told.contains("\"private\"") && told.contains(label), "{told}");
        assert_eq!(world.labels("fresh").await, ["private"]);
    }
    // Nobody gets through it what another brought.
    world.act("other", &format!("call /proc/{} - now", world.pid("fresh"))).await;
    assert_eq!(world.labels("other").await, ["private"]);
    world.finish().await;
}
