//! Dead letters: what could not be delivered is kept, told to whoever may know, and sent again as an act like any other.

use super::messages::{serving, waits};
use super::traces::{SECRET, carried, informed};
use crate::world::{Commits, Host, World, agent, app};
use futures::join;
use kernel_core::budget::OnExhausted;
use kernel_core::environment::Environment;
use kernel_core::ipc::body::MAX_PAYLOAD;
use kernel_core::kernel::event::Content;
use kernel_core::kernel::{LETTERS_OF_ONE, Session};
use kernel_core::process::Shutdown;
use kernel_core::refusal::Code;
use serde_json::{Value, json};
use std::time::Duration;

/// All letters that `session` is told of.
async fn letters(session: &Session) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let page = session.act("list", "/letter", json!({ "cursor": cursor }).to_string()).await.expect("a list");
        let page: Value = serde_json::from_slice(&page).expect("JSON");
        all.extend(page["letters"].as_array().cloned().expect("letters"));
        cursor = page["next"].clone();
        if cursor.is_null() {
            return all;
        }
    }
}

fn path(letter: &Value) -> String {
    format!("/letter/{}", letter["letter"])
}

/// A world with a sender `a` and a receiver `b` that waits for a message with correlation 9 and takes no more of `a`.
async fn full<H: Host>(host: H) -> World<H> {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("post", [agent("a").uses(&["send /svc/b"]), serving("b")])).await;
    waits(&world, "b").await;
    assert_eq!(world.tell("a", "repeat 910 send /svc/b - x").await, "910 ok");
    world
}

/// `caller` gives up a call of `b`, which answers only then.
async fn answers_too_late<H: Host>(world: &World<H>, caller: &str) {
    let (told, ()) = join!(world.act(caller, "call /svc/b {\"deadline_ms\":5000} now"), async {
        world.pause().await;
        world.hand.advance(Duration::from_secs(6));
    });
    assert!(told.starts_with("timed_out: "), "{told}");
    assert!(world.act("a", "send /svc/b {\"correlation\":9} go").await.starts_with("ok "));
    world.heard("b").await;
}

/// What is full takes again.
async fn empty<H: Host>(world: &World<H>) {
    let told = world.act("a", "send /svc/b {\"correlation\":9} now").await;
    assert!(told.starts_with("ok "), "{told}");
    world.until(|world| world.process("b").used.messages > 912).await;
}

/// A message that could not be delivered is kept with all that is known of it, also over the kernel's end, until it is
/// sent again and arrives, or is removed.
pub async fn what_could_not_be_delivered_is_kept<H: Host>(host: H) {
    let mut world = full(host).await;
    let a = world.pid("a");
    let told = world.act("a", "send /svc/b {\"content_type\":\"text/plain\",\"correlation\":3} lost").await;
    assert!(told.starts_with("full: "), "{told}");
    assert!(world.act("a", "send /svc/b - second").await.starts_with("full: "));
    let session = world.session().await;
    let all = letters(&session).await;
    assert_eq!(all.len(), 2, "{all:?}");
    let known = |name: &str| all[0][name].clone();
    assert_eq!((known("code"), known("kind"), known("target")), (json!("full"), json!("message"), json!("/svc/b")));
    assert_eq!(
        (known("sender"), known("correlation"), known("bytes")),
        (json!(format!("/proc/{a}")), json!(3), json!(4))
    );
    assert_eq!((known("content_type"), known("labels")), (json!("text/plain"), json!([])));
    let log = world.log().await;
    let recorded = |number: &Value| {
        log.iter().any(|e| matches!(&e.content, Content::DeadLetter(letter) if json!(letter.letter) == *number))
    };
    assert!(recorded(&all[0]["letter"]));
    let read = session.act("read", &path(&all[0]), "").await.expect("a letter");
    assert!(read.ends_with(b"}\nlost"), "{read:?}");
    session.act("remove", &path(&all[1]), "").await.expect("removed");
    assert_eq!(session.act("read", &path(&all[1]), "").await.expect_err("gone").code, Code::NotFound);
    assert_eq!(world.kernel().health().letters, 1);
    world.log().await;
    world.crash().await;
    let session = world.session().await;
    assert_eq!(letters(&session).await, all[..1]);
    assert_eq!(world.kernel().health().letters, 1);
    assert_eq!(session.act("send", &path(&all[0]), "").await.expect_err("nobody answers").code, Code::NotFound);
    assert_eq!(letters(&session).await, all[..1]);
    world.run(app("post", [serving("b")])).await;
    let sent = session.act("send", &path(&all[0]), "").await.expect("delivered");
    assert!(sent.starts_with(b"{\"id\":"), "{sent:?}");
    assert_eq!(world.heard("b").await, format!("message /proc/{} [] lost", session.pid()));
    assert!(letters(&session).await.is_empty());
    assert_eq!(session.act("send", &path(&all[0]), "").await.expect_err("gone").code, Code::NotFound);
    world.finish().await;
}

/// A letter that is sent again by somebody of whom a person would have to be asked is not sent, and stays: also where they
/// would be asked for more of a budget.
pub async fn a_letter_waits_for_no_answer<H: Host>(host: H) {
    let world = full(host).await;
    let poor = agent("poor").uses(&["send /letter/*", "read /letter/*", "send /svc/b"]);
    let poor = poor.limited(|limits| (limits.messages, limits.on_exhausted) = (Some(1), OnExhausted::Ask));
    world.run(app("poor", [poor]).unmounted()).await;
    assert!(world.act("poor", "send /svc/b - all it has").await.starts_with("ok "));
    assert!(world.act("a", "send /svc/b - lost").await.starts_with("full: "));
    let session = world.session().await;
    let all = letters(&session).await;
    let told = world.act("poor", &format!("send {}", path(&all[0]))).await;
    assert!(told.starts_with("denied: ") && told.contains("an answer of its own"), "{told}");
    assert!(world.kernel().questions().is_empty());
    assert_eq!(letters(&session).await, all);
    empty(&world).await;
    session.act("send", &path(&all[0]), "").await.expect("delivered");
    assert!(world.heard("b").await.ends_with("[] lost"));
    world.finish().await;
}

/// A letter is labelled as the message was, and so is whoever learns of it, also that it is gone.
pub async fn a_letter_keeps_its_labels<H: Host>(host: H) {
    let world = full(host).await;
    for body in ["one", "two"] {
        assert!(world.act("a", &format!("send /svc/b {SECRET} {body}")).await.starts_with("full: "));
    }
    let session = world.session().await;
    let all = letters(&session).await;
    assert_eq!((all.len(), carried(&session).await), (2, json!(["secret"])));
    let reader = world.session().await;
    reader.act("read", &path(&all[0]), "").await.expect("read");
    assert_eq!(carried(&reader).await, json!(["secret"]));
    // Who may not know of it is told nothing.
    let blind =
        agent("blind").uses(&["list /letter", "read /letter/*", "send /letter/*", "send /svc/b"]).cleared_for(&[]);
    world.run(app("blind", [blind]).unmounted()).await;
    assert_eq!(world.act("blind", "list /letter").await, "ok {\"letters\":[],\"next\":null}");
    for verb in ["read", "send"] {
        assert!(world.act("blind", &format!("{verb} {}", path(&all[0]))).await.starts_with("denied: "));
    }
    empty(&world).await;
    // What is sent again carries them.
    world.session().await.act("send", &path(&all[0]), "").await.expect("delivered");
    assert!(world.heard("b").await.ends_with("[secret] one"));
    let other = world.session().await;
    assert_eq!(other.act("read", &path(&all[0]), "").await.expect_err("gone").code, Code::NotFound);
    assert_eq!(carried(&other).await, json!(["secret"]), "that it is gone is the doing of who carried that");
    world.finish().await;
}

/// That a letter is gone carries what whoever removed it carried, although it was labelled nothing.
pub async fn an_absence_of_a_letter_is_labelled<H: Host>(host: H) {
    let world = full(host).await;
    assert!(world.act("a", "send /svc/b - plain").await.starts_with("full: "));
    let session = world.session().await;
    let all = letters(&session).await;
    assert_eq!(carried(&session).await, json!([]));
    informed(&world).await.act("remove", &path(&all[0]), "").await.expect("removed");
    assert!(letters(&session).await.is_empty());
    assert_eq!(carried(&session).await, json!(["secret"]));
    world.finish().await;
}

/// To send a letter again takes a right to do that and a right to send to its target, and what is not delivered stays
/// the one letter that it is.
pub async fn sending_again_is_an_act_of_whoever_does_it<H: Host>(host: H) {
    let world = full(host).await;
    assert!(world.act("a", "send /svc/b - lost").await.starts_with("full: "));
    let session = world.session().await;
    while session.act("send", "/svc/b", "\nmore").await.is_ok() {}
    let all = letters(&session).await;
    for (held, says) in [("send /svc/b", "/letter/"), ("send /letter/*", "/svc/b")] {
        let lacking = world.session_with(&[held], &[]).await;
        let refusal = lacking.act("send", &path(&all[0]), "").await.expect_err("no right");
        assert!(refusal.code == Code::Denied && refusal.reason.contains(says), "{held}: {refusal}");
    }
    assert_eq!(session.act("send", &path(&all[0]), "").await.expect_err("full").code, Code::Full);
    assert_eq!(letters(&session).await, all);
    empty(&world).await;
    let both = world.session_with(&["send /letter/*", "send /svc/b"], &[]).await;
    both.act("send", &path(&all[0]), "").await.expect("delivered");
    // It has its turn among what else waits.
    let lost = format!("message /proc/{} [] lost", both.pid());
    assert_eq!(world.heard("b").await.matches(&lost).count(), 1);
    world.finish().await;
}

/// However many letters are gone, that each of them is stays labelled.
pub async fn no_absence_of_a_letter_drives_out_another<H: Host>(host: H) {
    let world = full(host).await;
    let session = world.session().await;
    while session.act("send", "/svc/b", "\nx").await.is_ok() {}
    assert_eq!(world.tell("a", &format!("repeat {LETTERS_OF_ONE} send /svc/b - x")).await, "128 full");
    let (all, informed) = (letters(&session).await, informed(&world).await);
    assert_eq!((all.len(), carried(&session).await), (LETTERS_OF_ONE + 1, json!([])));
    for letter in &all {
        informed.act("remove", &path(letter), "").await.expect("removed");
    }
    for letter in [&all[0], &all[LETTERS_OF_ONE]] {
        let session = world.session().await;
        assert_eq!(session.act("read", &path(letter), "").await.expect_err("gone").code, Code::NotFound);
        assert_eq!(carried(&session).await, json!(["secret"]), "{letter}");
    }
    world.finish().await;
}

/// That a letter is sent again keeps no other message from being one.
pub async fn sending_again_hides_no_other_letter<H: Host>(host: H) {
    let mut world = full(host).await;
    assert!(world.act("a", "send /svc/b - lost").await.starts_with("full: "));
    let spender = agent("spender").uses(&["send /svc/b", "send /letter/*"]).limited(|limits| limits.messages = Some(1));
    let watcher = agent("watcher").uses(&["monitor /proc/*"]);
    world.run(app("two", [spender, watcher]).unmounted()).await;
    let monitors = world.act("watcher", &format!("monitor /proc/{}", world.pid("spender"))).await;
    assert_eq!(monitors, "ok {}");
    waits(&world, "watcher").await;
    let watcher = format!("/proc/{}", world.pid("watcher"));
    for _ in 0..10 {
        let session = world.session().await;
        while session.act("send", &watcher, "\nx").await.is_ok() {}
    }
    assert!(world.act("spender", "send /svc/b - x").await.starts_with("ok "));
    let session = world.session().await;
    let before = letters(&session).await;
    // It may send no more, so it ends, which cannot be told.
    world.act("spender", &format!("send {}", path(&before[0]))).await;
    assert_eq!(world.ended("spender").await.0, "limit");
    let all = letters(&session).await;
    assert_eq!((&all[..before.len()], &all[before.len()]["kind"]), (&before[..], &json!("exit")), "{all:?}");
    world.finish().await;
}

/// A letter that is sent again to a durable inbox is stored there before that is answered.
pub async fn a_letter_to_a_durable_inbox_is_stored<H: Host>(host: H) {
    let world = World::boot(host, Environment::prod()).await;
    let caller = agent("caller").uses(&["call /svc/b"]).durable();
    let a = agent("a").uses(&["send /svc/b", "send /letter/*", "send /proc/*"]);
    world.run(app("slow", [a, caller, serving("b")])).await;
    waits(&world, "b").await;
    answers_too_late(&world, "caller").await;
    let session = world.session().await;
    let letter = path(&letters(&session).await[0]);
    let acts = |world: &World<H>| world.process("a").used.acts;
    let before = acts(&world);
    let sends = format!("\nact send {letter}\nact send /svc/b - x");
    world.hand.commits(Commits::Wait);
    let (told, ()) = join!(session.act("call", &format!("/proc/{}", world.pid("a")), sends), async {
        // What sends again and what goes out are two acts.
        world.until(|world| acts(world) == before + 2).await;
        world.pause().await;
        assert_eq!(acts(&world), before + 2);
        world.hand.commits(Commits::Pass);
    });
    let told = String::from_utf8_lossy(&told.expect("a reply")).into_owned();
    assert_eq!(told.matches("ok ").count(), 2, "{told}");
    world.finish().await;
}

/// What is answered when nobody waits any more is kept, labelled as the answer would have been.
pub async fn a_reply_that_came_too_late_is_a_letter<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let callee = serving("b").carries(&["secret"]);
    world.run(app("slow", [agent("a").uses(&["call /svc/b", "send /svc/b"]), callee])).await;
    waits(&world, "b").await;
    answers_too_late(&world, "a").await;
    let session = world.session().await;
    let all = letters(&session).await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((&all[0]["kind"], &all[0]["code"]), (&json!("reply"), &json!("timed_out")));
    assert_eq!(
        (&all[0]["labels"], &all[0]["sender"]),
        (&json!(["secret"]), &json!(format!("/proc/{}", world.pid("b"))))
    );
    // It is a time, which is all digits.
    let read = session.act("read", &path(&all[0]), "").await.expect("a letter");
    let line = read.iter().position(|b| *b == b'\n').expect("a line");
    assert!(read[line + 1..].iter().all(u8::is_ascii_digit) && read.len() > line + 1, "{read:?}");
    session.act("send", &path(&all[0]), "").await.expect("delivered");
    assert!(world.heard("a").await.starts_with(&format!("message /proc/{} [secret] ", session.pid())));
    world.finish().await;
}

/// A reply that came too late is kept as far as its caller would have been told of it.
pub async fn a_reply_that_came_too_late_is_bounded<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let caller = world.session().await;
    world.run(app("slow", [agent("a").uses(&["send /svc/b"]), serving("b")])).await;
    let (path, wait) = (format!("/proc/{}", world.pid("b")), "act read /proc/self/inbox {\"correlation\":9}");
    let scripts = [format!("\n{wait}\nact read /proc/self/inbox"), format!("\n{wait}\nfail {}", "x".repeat(5_000))];
    let big = [&b"\n"[..], &vec![b'x'; MAX_PAYLOAD]].concat();
    for script in scripts {
        let (told, ()) = join!(caller.act("call", &path, ["{\"deadline_ms\":5000}", &script].concat()), async {
            world.pause().await;
            world.hand.advance(Duration::from_secs(6));
        });
        assert_eq!(told.expect_err("nobody answers in time").code, Code::TimedOut);
        caller.act("send", &path, big.clone()).await.expect("sent");
        assert!(world.act("a", "send /svc/b {\"correlation\":9} go").await.starts_with("ok "));
        world.heard("b").await;
    }
    let bytes: Vec<Value> = letters(&world.session().await).await.iter().map(|one| one["bytes"].clone()).collect();
    assert_eq!(bytes, [json!(1_000)]);
    assert_eq!(world.kernel().summary().verdicts.dead_letters, 2);
    world.finish().await;
}

/// Replies that come too late count as letters of whoever asked: nobody drives out what a service has sent by calling it, and
/// what drives out is as much as it asked for.
pub async fn late_replies_count_for_whoever_asked<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let callee = serving("b").uses(&["send /proc/*"]);
    world.run(app("slow", [agent("a").uses(&["send /svc/b"]), callee, agent("full")])).await;
    let session = world.session().await;
    let full = format!("/proc/{}", world.pid("full"));
    waits(&world, "full").await;
    assert_eq!(world.tell("b", &format!("repeat 911 send {full} - x")).await, "1 full, 910 ok");
    let (path, wait) = (format!("/proc/{}", world.pid("b")), "act read /proc/self/inbox {\"correlation\":9}");
    let big = [&b"\n"[..], &vec![b'x'; MAX_PAYLOAD - MAX_PAYLOAD / 8]].concat();
    for _ in 0..5 {
        let script = format!("{{\"deadline_ms\":5000}}\n{wait}\nact read /proc/self/inbox");
        let (told, ()) = join!(session.act("call", &path, script), async {
            world.pause().await;
            world.hand.advance(Duration::from_secs(6));
        });
        assert_eq!(told.expect_err("nobody answers in time").code, Code::TimedOut);
        session.act("send", &path, big.clone()).await.expect("sent");
        assert!(world.act("a", "send /svc/b {\"correlation\":9} go").await.starts_with("ok "));
        world.heard("b").await;
    }
    // Four of them are as much as is kept of one.
    let all = letters(&session).await;
    assert_eq!((all.len(), &all[0]["code"], &all[1]["kind"]), (5, &json!("full"), &json!("reply")), "{all:?}");
    world.finish().await;
}

/// What a subscriber does not receive is no letter: a flood of that drives out nothing of what its publisher sent.
pub async fn what_a_subscriber_misses_is_no_letter<H: Host>(host: H) {
    let world = full(host).await;
    let session = world.session().await;
    while session.act("send", "/svc/b", "\nfirst").await.is_ok() {}
    let subscribe = "act subscribe /topic/news";
    let blind = agent("blind").uses(&["subscribe /topic/news"]).cleared_for(&[]).does(subscribe);
    world.run(app("blind", [blind]).unmounted()).await;
    for _ in 0..=LETTERS_OF_ONE {
        let told = session.act("publish", "/topic/news", "{\"labels\":[\"secret\"]}\nx").await.expect("published");
        assert!(String::from_utf8_lossy(&told).contains("\"missed\":1"), "{told:?}");
    }
    let all = letters(&session).await;
    assert_eq!((all.len(), &all[0]["bytes"]), (1, &json!(5)), "{all:?}");
    assert_eq!(world.kernel().summary().verdicts.dead_letters, LETTERS_OF_ONE as u64 + 2);
    world.finish().await;
}

/// What a durable inbox has accepted by a subscription is not missed: where it cannot be handed over any more it is kept.
pub async fn what_a_durable_inbox_accepted_of_a_topic_is_a_letter<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let b = || serving("b").uses(&["subscribe /topic/news"]).durable().stops(Shutdown::Kill);
    world.run(app("post", [b()])).await;
    assert_eq!(world.act("b", "subscribe /topic/news").await, "ok {}");
    waits(&world, "b").await;
    let session = world.session().await;
    session.act("publish", "/topic/news", "{\"labels\":[\"secret\"]}\nsaid").await.expect("published");
    session.act("stop", "/app/post", "").await.expect("stopped");
    assert!(letters(&session).await.is_empty());
    // This version of it may not know of that.
    world.run(app("post", [b().cleared_for(&[])])).await;
    let all = letters(&session).await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((&all[0]["kind"], &all[0]["code"]), (&json!("topic"), &json!("denied")));
    assert_eq!((&all[0]["target"], &all[0]["labels"]), (&json!("/topic/news"), &json!(["secret"])));
    let read = session.act("read", &path(&all[0]), "").await.expect("a letter");
    assert!(read.ends_with(b"}\nsaid"), "{read:?}");
    world.finish().await;
}

/// Whoever sends what cannot be delivered drives out its own letters, the oldest first.
pub async fn letters_are_bounded<H: Host>(host: H) {
    let world = full(host).await;
    let session = world.session().await;
    while session.act("send", "/svc/b", "\nfirst").await.is_ok() {}
    let told = world.tell("a", "act send /svc/b - old\nrepeat 128 send /svc/b - x").await;
    assert!(told.ends_with("128 full"), "{told}");
    let all = letters(&session).await;
    assert_eq!(all.len(), LETTERS_OF_ONE + 1);
    assert_eq!(all[0]["bytes"], json!(5));
    assert!(all[1..].iter().all(|letter| letter["bytes"] == json!(1)), "{all:?}");
    world.finish().await;
}
