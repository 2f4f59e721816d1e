//! Durable inboxes: what was accepted is there until it was handled, whatever ends in between.

use super::messages::{serving, waits};
use crate::world::{App, Commits, Host, World, agent, app};
use futures::{FutureExt, join};
use kernel_core::environment::Environment;
use kernel_core::ipc::{MAILBOX_BYTES, MAILBOX_MESSAGES};
use kernel_core::kernel::Found;
use kernel_core::kernel::rows::TABLE_INBOX;
use kernel_core::process::{Lifecycle, Restart, Shutdown, Strategy, Supervision};
use kernel_core::refusal::Code;
use serde_json::{Value, json};
use std::time::Duration;

/// A sender `a`, and a receiver `b` with a durable inbox, which is stopped in the middle of what it handles; both are started
/// again.
fn post() -> App {
    let a = agent("a").uses(&["send /svc/*"]).restarts(Restart::Permanent);
    app("post", [a, serving("b").durable().restarts(Restart::Permanent).stops(Shutdown::Kill)])
}

/// Sends to `b`; the number of the message.
async fn send<H: Host>(world: &World<H>, header: Value, text: &str) -> u64 {
    let told = world.act("a", &format!("send /svc/b {header} {text}")).await;
    let reply = told.strip_prefix("ok ").unwrap_or_else(|| panic!("{told}"));
    serde_json::from_str::<Value>(reply).expect("JSON")["id"].as_u64().expect("a number")
}

/// Boots again over what is stored, and starts what should run.
async fn crash<H: Host>(world: &mut World<H>) {
    world.crash().await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert!(revived.iter().all(|app| app.result.is_ok()), "{revived:?}");
    world.pause().await;
}

/// What was accepted is handed again after a crash, with its number, its labels and in its order, until it was handled.
pub async fn what_was_accepted_outlives_a_crash<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    world.run(post()).await;
    waits(&world, "b").await;
    let before = world.pid("a");
    send(&world, json!({}), "do act read /proc/self/inbox {\"deadline_ms\":0}").await;
    let second = send(&world, json!({ "correlation": 3, "content_type": "text/plain" }), "second").await;
    send(&world, json!({ "labels": ["secret"] }), "third").await;
    assert_eq!(world.kernel().health().stored, 4);
    crash(&mut world).await;
    assert_eq!(world.kernel().health().stored, 4);
    // It waits again, and what comes now comes behind what came before.
    send(&world, json!({}), "fourth").await;
    send(&world, json!({ "correlation": 9 }), "go").await;
    world.until(|world| world.kernel().health().stored == 0).await;
    let heard = world.heard("b").await;
    let (a, b) = (before, world.pid("a"));
    assert!(heard.contains(&format!("\"id\":{second},\"sender\":\"/proc/{a}\",\"target\":\"/svc/b\"")), "{heard}");
    assert!(
        heard.contains("\"correlation\":3") && heard.contains("text/plain") && heard.contains("| second"),
        "{heard}"
    );
    let tail = format!("message /proc/{a} [secret] third; message /proc/{b} [] fourth");
    assert!(heard.ends_with(&tail), "{heard}");
    world.log().await;
    crash(&mut world).await;
    assert_eq!(world.heard("b").await, "", "all of it was handled");
    world.finish().await;
}

/// An agent that is started again in the same life is handed again what it had not handled, also what it had taken.
pub async fn a_restart_hands_again_what_was_not_handled<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let supervision = Supervision { strategy: Strategy::OneForAll, ..Supervision::default() };
    let failing = agent("c").restarts(Restart::Permanent);
    world.run(post().with([failing]).supervised(supervision)).await;
    let session = world.session().await;
    let twice = "do act read /proc/self/inbox {\"correlation\":9}\nact read /proc/self/inbox {\"correlation\":9}";
    session.act("send", "/svc/b", format!("\n{twice}")).await.expect("sent");
    world.pause().await;
    send(&world, json!({ "correlation": 9 }), "taken").await;
    send(&world, json!({}), "waiting").await;
    world.pause().await;
    let before = ["a", "b", "c"].map(|name| (name, world.pid(name)));
    session.act("send", &format!("/proc/{}", world.pid("c")), "\ndo fail now").await.expect("sent");
    let came_again = |world: &World<H>, (name, old)| {
        let newest = world.process(name);
        newest.pid != old && newest.state == Lifecycle::Running
    };
    world.until(|world| before.iter().all(|one| came_again(world, *one))).await;
    assert_eq!(world.kernel().health().stored, 3);
    world.pause().await;
    send(&world, json!({ "correlation": 9 }), "more").await;
    world.until(|world| world.kernel().health().stored == 0).await;
    let heard = world.heard("b").await;
    assert!(heard.contains("| taken") && heard.contains("| more") && heard.ends_with("[] waiting"), "{heard}");
    world.finish().await;
}

/// What came while an agent was suspended is handled when it goes on; a signal is never stored.
pub async fn the_suspended_handle_what_came_meanwhile<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(post()).await;
    let path = format!("/proc/{}", world.pid("b"));
    let (session, other) = (world.session().await, world.session().await);
    let script = "\nact read /proc/self/inbox\nact read /proc/self/inbox {\"correlation\":9}";
    let mut told = Box::pin(session.act("call", &path, script));
    assert!((&mut told).now_or_never().is_none());
    world.pause().await;
    other.act("signal", &path, "{\"signal\":\"user\"}").await.expect("signalled");
    world.pause().await;
    assert_eq!(world.kernel().health().stored, 0);
    other.act("suspend", &path, "").await.expect("suspended");
    send(&world, json!({ "correlation": 9 }), "go").await;
    assert_eq!(world.kernel().health().stored, 1);
    other.act("resume", &path, "").await.expect("resumed");
    let told = told.await.expect("a transcript");
    assert!(String::from_utf8_lossy(&told).ends_with("go"), "{told:?}");
    world.until(|world| world.kernel().health().stored == 0).await;
    world.finish().await;
}

/// What is sent to a durable inbox is answered, also to a process, when it is stored; an ordinary one waits for nothing.
pub async fn what_is_acknowledged_is_stored<H: Host>(host: H) {
    let world = World::boot(host, Environment::prod()).await;
    world.run(post().with([serving("plain")])).await;
    let acts = |world: &World<H>| world.process("a").used.acts;
    // Their first acts are recorded in full, those that are counted here are not.
    world.tell("a", "act send /svc/b - x\nact send /svc/plain - x").await;
    for (first, passed) in [("plain", 2), ("b", 1)] {
        let session = world.session().await;
        world.hand.commits(Commits::Wait);
        let before = acts(&world);
        let script = format!("\nact send /svc/{first} - y\nact send /svc/plain - y");
        let (told, ()) = join!(session.act("call", &format!("/proc/{}", world.pid("a")), script), async {
            world.until(|world| acts(world) == before + passed).await;
            world.pause().await;
            assert_eq!(acts(&world), before + passed, "{first}");
            world.hand.commits(Commits::Pass);
        });
        let told = String::from_utf8_lossy(&told.expect("a reply")).into_owned();
        assert_eq!(told.matches("ok ").count(), 2, "{told}");
    }
    world.finish().await;
}

/// A durable inbox is bounded, with what is being handled.
pub async fn a_durable_inbox_is_bounded<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(post()).await;
    waits(&world, "b").await;
    // One sender alone leaves room for others.
    for _ in 0..10 {
        let session = world.session().await;
        while session.act("send", "/svc/b", "\nx").await.is_ok() {}
    }
    assert_eq!(world.kernel().health().stored, MAILBOX_MESSAGES);
    // Also for what would be taken at once.
    assert!(world.act("a", "send /svc/b {\"correlation\":9} now").await.starts_with("full: "));
    world.finish().await;
}

/// Has `b` take in one message after the other, and fills its durable inbox; what comes of what `b` does `then`.
async fn fills<H: Host>(world: &World<H>, then: &str, more: impl AsyncFnOnce()) -> String {
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("b")));
    let reads = "repeat 8 read /proc/self/inbox {\"deadline_ms\":86400000}";
    let script = format!("{{\"deadline_ms\":86400000}}\n{reads}\n{then}");
    let (told, ()) = join!(session.act("call", &path, script), async {
        world.pause().await;
        let eighth = [&b"\n"[..], &vec![b'x'; MAILBOX_BYTES / 8]].concat();
        let (flood, other) = (world.session().await, world.session().await);
        for n in 0..8 {
            let sent = flood.act("send", "/svc/b", eighth.clone()).await.map_err(|refusal| refusal.code);
            assert_eq!(sent.err(), (n == 7).then_some(Code::Full), "{n}");
        }
        // With that it has read all that it waits for, and may end at once.
        other.act("send", "/svc/b", eighth.clone()).await.expect("there is room for others");
        world.pause().await;
        more().await;
    });
    String::from_utf8_lossy(&told.expect("a transcript")).into_owned()
}

/// Whoever sends to a durable inbox leaves room there for others, also where its receiver has taken what came and not
/// handled it.
pub async fn one_sender_leaves_room_in_a_durable_inbox<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(post()).await;
    let told = fills(&world, "heard", async || {}).await;
    assert!(told.contains("8 ok"), "{told}");
    world.until(|world| world.kernel().health().stored == 0).await;
    world.finish().await;
}

/// Whoever waits for what a full durable inbox cannot take is told at once that it missed something.
pub async fn what_a_durable_inbox_misses_is_told_at_once<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let b = serving("b").durable().uses(&["subscribe /topic/news"]);
    world.run(app("post", [agent("a").uses(&["send /svc/*"]), b])).await;
    assert_eq!(world.act("b", "subscribe /topic/news").await, "ok {}");
    let session = world.session().await;
    let told = fills(&world, "act read /proc/self/inbox {\"deadline_ms\":10000}", async || {
        let told = session.act("publish", "/topic/news", "\nx").await.expect("published");
        assert!(String::from_utf8_lossy(&told).contains("\"missed\":1"), "{told:?}");
        world.hand.advance(Duration::from_secs(20));
    });
    let told = told.await;
    assert!(told.contains("\"kind\":\"lagged\""), "{told}");
    world.finish().await;
}

/// What is stored for an agent goes with its durable inbox: when an application is installed that has none.
pub async fn an_inbox_goes_with_its_agent<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(post()).await;
    waits(&world, "b").await;
    send(&world, json!({}), "left").await;
    world.session().await.act("stop", "/app/post", "").await.expect("stopped");
    world.install(post()).await;
    assert_eq!(world.kernel().health().stored, 2);
    world.install(app("post", [agent("a"), serving("b")])).await;
    assert_eq!(world.kernel().health().stored, 0);
    world.run(post()).await;
    assert_eq!(world.heard("b").await, "");
    world.finish().await;
}

/// What is stored for an application goes with it.
pub async fn an_inbox_goes_with_its_application<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(post()).await;
    waits(&world, "b").await;
    send(&world, json!({}), "left").await;
    let session = world.session().await;
    session.act("stop", "/app/post", "").await.expect("stopped");
    assert_eq!(world.kernel().health().stored, 2, "it may be started again");
    session.act("remove", "/app/post", "").await.expect("removed");
    assert_eq!(world.kernel().health().stored, 0);
    world.reboot().await;
    assert_eq!(world.kernel().health().stored, 0);
    world.run(post()).await;
    assert_eq!(world.heard("b").await, "");
    world.finish().await;
}

/// An agent whose inbox cannot be read does not run, so that nothing is lost.
pub async fn an_inbox_that_cannot_be_read_stays_closed<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(post()).await;
    waits(&world, "b").await;
    world.session().await.act("stop", "/app/post", "").await.expect("stopped");
    let number = world.log().await.len();
    assert!(number > 0);
    let key = |message: u64| [&[TABLE_INBOX][..], b"post/b/", &message.to_be_bytes()].concat();
    let mut found = None;
    for message in 1..200 {
        if world.row(&key(message)).await.is_some() {
            found = Some(key(message));
        }
    }
    world.reboot_over(vec![(found.expect("a row").into(), Some("damaged".into()))]).await;
    let session = world.session().await;
    let refusal = session.act("start", "/app/post", "").await.expect_err("closed");
    assert!(refusal.code == Code::Failed && refusal.reason.contains("durable inbox"), "{refusal}");
    assert_eq!(world.kernel().health().stored, 1);
    world.finish().await;
}

/// What an agent fails at is there when it is started anew, however often it has failed.
pub async fn what_was_not_handled_well_is_handed_again<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(post().supervised(Supervision { intensity: 2, ..Supervision::default() })).await;
    send(&world, json!({}), "do fail now").await;
    world.ended("post").await;
    assert_eq!(world.kernel().health().stored, 1);
    world.session().await.act("remove", "/app/post", "").await.expect("removed");
    world.finish().await;
}

/// A message at which an agent fails in each of its lives, also in a later one of the kernel, is put aside as a dead letter, and
/// what lies behind it is handled.
pub async fn what_always_fails_is_put_aside<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let supervision = Supervision { intensity: 1, backoff: Duration::ZERO, ..Supervision::default() };
    world.run(post().supervised(supervision)).await;
    waits(&world, "b").await;
    send(&world, json!({}), "do fail now").await;
    send(&world, json!({}), "behind").await;
    send(&world, json!({ "correlation": 9 }), "go").await;
    // It is handed it twice, and more restarts than that are not made.
    world.ended("post").await;
    assert_eq!((world.kernel().health().stored, world.kernel().health().letters), (2, 0));
    world.log().await;
    world.crash().await;
    world.session().await.act("start", "/app/post", "").await.expect("started");
    world.until(|world| world.kernel().health().stored == 0).await;
    assert!(world.heard("b").await.ends_with("[] behind"));
    let session = world.session().await;
    let letters = session.act("list", "/letter", "").await.expect("letters");
    let letters: Value = serde_json::from_slice(&letters).expect("JSON");
    let [letter] = &letters["letters"].as_array().expect("letters")[..] else { panic!("{letters}") };
    assert_eq!((&letter["code"], &letter["reason"]), (&json!("failed"), &json!("poison: b has failed at it 3 times")));
    assert_eq!(world.process("post").state, Lifecycle::Running);
    world.finish().await;
}

/// A boot knows whether the one before has stopped in order, and what it can know of what was lost.
pub async fn a_crash_is_known_for_one<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    assert_eq!(world.kernel().found(), Found::default());
    world.run(post()).await;
    world.run(app("plain", [agent("busy")]).unmounted()).await;
    waits(&world, "b").await;
    waits(&world, "busy").await;
    let session = world.session().await;
    let path = format!("/proc/{}", world.pid("busy"));
    for _ in 0..2 {
        session.act("send", &path, "\nx").await.expect("sent");
    }
    world.log().await;
    world.crash().await;
    let found = Found { crashed: true, lost: 2, stored: 1, ..Found::default() };
    assert_eq!(world.kernel().found(), found);
    world.reboot().await;
    assert_eq!(world.kernel().found(), Found { crashed: false, lost: 0, ..found });
    world.finish().await;
}
