//! Topics: patterns of them, what is told of what did not fit, what is kept for later, and many listeners.

use super::messages::waits;
use super::traces::SECRET;
use crate::world::{Agent, Host, World, agent, app};
use futures::future::join_all;
use kernel_core::environment::Environment;
use kernel_core::governance::Then;
use kernel_core::ipc::RETAINED_OF_TOPIC;
use kernel_core::kernel::Session;
use kernel_core::kernel::input::Input;
use kernel_core::refusal::Code;
use serde_json::{Value, json};

/// A puppet that subscribes at its start.
fn reader(name: &str, topics: &[&str]) -> Agent {
    let subscribe: Vec<String> = topics.iter().map(|topic| format!("act subscribe /topic/{topic}")).collect();
    agent(name).uses(&["subscribe /topic/news.**"]).does(&subscribe.join("\n"))
}

fn press() -> Agent {
    agent("press").uses(&["publish /topic/news.**"])
}

/// Publishes, and gives the number of the message.
async fn publish<H: Host>(world: &World<H>, topic: &str, header: &str, text: &str) -> u64 {
    let told = world.act("press", &format!("publish /topic/{topic} {header} {text}")).await;
    let reply = told.strip_prefix("ok ").unwrap_or_else(|| panic!("{told}"));
    serde_json::from_str::<Value>(reply).expect("JSON")["id"].as_u64().expect("a number")
}

/// A pattern is a subscription to every topic in it, and who has several that fit is told once.
pub async fn a_pattern_reaches_what_lies_in_it<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let agents = [
        press(),
        reader("one", &["news.*"]),
        reader("all", &["news.**", "news.*", "news.a*"]),
        reader("some", &["news.a*.x"]),
        reader("root", &["news"]).uses(&["subscribe /topic/news"]),
    ];
    world.run(app("paper", agents)).await;
    for topic in ["news.ab", "news.ab.x", "news.b.x", "news.b"] {
        publish(&world, topic, "-", topic).await;
    }
    let from = format!("topic /proc/{} []", world.pid("press"));
    for (name, heard) in [
        ("one", &["news.ab", "news.b"][..]),
        ("all", &["news.ab", "news.ab.x", "news.b.x", "news.b"]),
        ("some", &["news.ab.x"]),
        ("root", &[]),
    ] {
        let expected: Vec<String> = heard.iter().map(|topic| format!("{from} {topic}")).collect();
        assert_eq!(world.heard(name).await, expected.join("; "), "{name}");
    }
    let told = world.act("press", "publish /topic/news.* - x").await;
    assert!(told.starts_with("invalid: "), "{told}");
    world.finish().await;
}

/// A right to subscribe gives the patterns that lie within it as a whole, and no other.
pub async fn a_pattern_lies_within_a_right_as_a_whole<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("paper", [agent("a").uses(&["subscribe /topic/news.a*"])])).await;
    for beyond in ["news.*", "news.**", "**", "*.ab", "news.a.*", "news.a.**", "news.b"] {
        let told = world.act("a", &format!("subscribe /topic/{beyond}")).await;
        assert!(told.starts_with("denied: "), "{beyond}: {told}");
    }
    for within in ["news.a*", "news.ab*", "news.ab"] {
        assert_eq!(world.act("a", &format!("subscribe /topic/{within}")).await, "ok {}");
    }
    world.finish().await;
}

/// A rule about a topic is about every pattern that this topic is in.
pub async fn a_rule_is_about_every_pattern_that_its_topic_is_in<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let ruled = app("paper", [agent("a").uses(&["subscribe /topic/**"])]).ruled(
        "hush",
        "verbs = ['subscribe']\nresources = ['/topic/news.hush']",
        Then::Deny,
    );
    world.run(ruled).await;
    for in_it in ["news.hush", "news.*", "news.h*", "**", "*.hush", "news.**"] {
        let told = world.act("a", &format!("subscribe /topic/{in_it}")).await;
        assert!(told.starts_with("denied: ") && told.contains("hush"), "{in_it}: {told}");
    }
    for beside in ["news.o*", "news.hush.*", "old.**", "news"] {
        assert_eq!(world.act("a", &format!("subscribe /topic/{beside}")).await, "ok {}", "{beside}");
    }
    world.finish().await;
}

/// What a subscriber has no room for is not lost in silence: in its place comes one envelope that says which it was.
pub async fn what_does_not_fit_is_told_of_in_its_place<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let slow = agent("slow").uses(&["subscribe /topic/news.**"]).does("act subscribe /topic/news.* {\"queue\":2}");
    world.run(app("paper", [press().uses(&["send /proc/*"]), slow])).await;
    waits(&world, "slow").await;
    publish(&world, "news.x", "-", "do act read /proc/self/inbox {\"correlation\":8}").await;
    publish(&world, "news.x", "-", "two").await;
    let first = publish(&world, "news.x", "-", "three").await;
    publish(&world, "news.x", "-", "four").await;
    let told = world.act("press", &format!("publish /topic/news.y {SECRET} five")).await;
    assert!(told.contains("\"receivers\":0,\"missed\":1"), "{told}");
    let last: Value = serde_json::from_str(told.trim_start_matches("ok ")).expect("JSON");
    assert_eq!(world.kernel().summary().verdicts.dead_letters, 0);
    // Whoever is told to go on waits again, with the first in hand: there is room for one more.
    let slow = world.pid("slow");
    for (go, then) in [(9, Some("six")), (8, None)] {
        let told = world.act("press", &format!("send /proc/{slow} {{\"correlation\":{go}}} go")).await;
        assert!(told.starts_with("ok "), "{told}");
        world.pause().await;
        if let Some(then) = then {
            publish(&world, "news.x", "-", then).await;
        }
    }
    let (heard, press) = (world.heard("slow").await, world.pid("press"));
    let lagged = json!({ "topic": "/topic/news.*", "from": first, "to": last["id"] });
    let after = heard.split_once(&format!("topic /proc/{press} [] two; lagged /proc/0 [secret] ")).expect(&heard).1;
    let (said, rest) = after.split_once("; ").expect("what came later");
    assert_eq!(serde_json::from_str::<Value>(said).expect("JSON"), lagged, "{heard}");
    assert_eq!(rest, format!("topic /proc/{press} [] six"));
    world.finish().await;
}

/// What is retained is handed to who subscribes later, with its labels; what is not any more is told of.
pub async fn what_is_retained_is_handed_to_who_comes_later<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let plain = |name: &str| agent(name).uses(&["subscribe /topic/news.**"]);
    let cleared = plain("cleared").cleared_for(&[]);
    world.run(app("paper", [press(), plain("late"), plain("later"), cleared])).await;
    let press = world.pid("press");
    let first = publish(&world, "news.x", "{\"retain\":true}", "one").await;
    publish(&world, "news.x", "-", "not kept").await;
    publish(&world, "news.y", "{\"retain\":true,\"labels\":[\"secret\"]}", "two").await;
    let third = publish(&world, "news.x", "{\"retain\":true}", "three").await;
    assert_eq!(world.act("late", "subscribe /topic/news.*").await, "ok {}");
    assert_eq!(world.heard("late").await, "");
    for (name, expected) in [
        ("late", format!("topic /proc/{press} [] one; topic /proc/{press} [secret] two; topic /proc/{press} [] three")),
        ("cleared", format!("topic /proc/{press} [] one; topic /proc/{press} [] three")),
    ] {
        assert_eq!(world.act(name, "subscribe /topic/news.* {\"from\":0}").await, "ok {}");
        assert_eq!(world.heard(name).await, expected, "{name}");
    }
    assert_eq!(world.act("later", &format!("subscribe /topic/news.x {{\"from\":{third}}}")).await, "ok {}");
    assert_eq!(world.heard("later").await, format!("topic /proc/{press} [] three"));
    // One more than fits drives out the first.
    let more = RETAINED_OF_TOPIC - 1;
    let told = world.tell("press", &format!("repeat {more} publish /topic/news.x {{\"retain\":true}} more")).await;
    assert_eq!(told, format!("{more} ok"));
    let session = world.session().await;
    session.act("subscribe", "/topic/news.x", "{\"from\":0}").await.expect("subscribed");
    let (mut next, mut bodies) = (Some(receive(&session).await), Vec::new());
    while let Some((kind, body)) = next.take() {
        bodies.push((kind, body));
        if bodies.len() < RETAINED_OF_TOPIC + 1 {
            next = Some(receive(&session).await);
        }
    }
    let said: Value = serde_json::from_str(&bodies[0].1).expect("JSON");
    assert_eq!((bodies[0].0.as_str(), &said), ("lagged", &json!({ "topic": "/topic/news.x", "from": 0, "to": first })));
    assert_eq!((bodies[1].1.as_str(), bodies[2].1.as_str()), ("three", "more"));
    world.finish().await;
}

/// What is kept of the topics of an application goes with it, so that nobody who comes later is handed it, and whoever asks for
/// it is told that it is gone.
pub async fn what_is_retained_goes_with_its_application<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    let mut kept = Vec::new();
    for name in ["paper", "other"] {
        world.run(app(name, [agent(name)]).unmounted()).await;
        let path = format!("/topic/{name}.x");
        let told = session.act("publish", &path, "{\"retain\":true}\nx").await.expect("published");
        let told: Value = serde_json::from_slice(&told).expect("JSON");
        kept.push((path, told["id"].clone()));
    }
    session.act("stop", "/app/paper", "").await.expect("stopped");
    session.act("remove", "/app/paper", "").await.expect("removed");
    for ((path, id), kind) in kept.iter().zip(["lagged", "topic"]) {
        let listener = world.session().await;
        listener.act("subscribe", path, format!("{{\"from\":{id}}}")).await.expect("subscribed");
        assert_eq!(receive(&listener).await.0, kind, "{path}");
    }
    world.finish().await;
}

/// The next envelope of a session: its kind and its body.
async fn receive(session: &Session) -> (String, String) {
    let framed = session.act("read", "/proc/self/inbox", "").await.expect("an envelope");
    let framed = String::from_utf8_lossy(&framed).into_owned();
    let (head, body) = framed.split_once('\n').expect("a line");
    let head: Value = serde_json::from_str(head).expect("JSON");
    (head["kind"].as_str().expect("a kind").to_owned(), body.to_owned())
}

/// However often a process subscribes anew and ends that, no more waits for it than its mailbox may hold, and what it
/// missed is told once.
pub async fn nobody_fills_a_mailbox_by_subscribing<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("paper", [press()])).await;
    publish(&world, "news.x", "{\"retain\":true}", "more").await;
    let more = format!("repeat {} publish /topic/news.x {{\"retain\":true}} more", RETAINED_OF_TOPIC - 1);
    assert_eq!(world.tell("press", &more).await, format!("{} ok", RETAINED_OF_TOPIC - 1));
    let last = publish(&world, "news.x", "{\"retain\":true}", "more").await;
    let session = world.session().await;
    for round in 0..20 {
        session.act("subscribe", "/topic/news.x", "{\"from\":1,\"queue\":1}").await.expect("subscribed");
        if round < 19 {
            session.act("stop", "/topic/news.x", "").await.expect("it ends");
        }
    }
    for _ in 0..20 {
        session.act("subscribe", "/topic/news.x", "{\"from\":0,\"queue\":1}").await.expect("subscribed");
    }
    let mut heard = Vec::new();
    while let Ok(framed) = session.act("read", "/proc/self/inbox", "{\"deadline_ms\":0}").await {
        let framed = String::from_utf8_lossy(&framed).into_owned();
        heard.push(framed.split_once('\n').expect("a line").1.to_owned());
    }
    // One message of each subscription, and what was missed of the one that is left.
    let lagged = json!({ "topic": "/topic/news.x", "from": 0, "to": last });
    let told: Vec<Value> = heard.iter().filter_map(|body| serde_json::from_str(body).ok()).collect();
    assert_eq!((heard.len(), told), (21, vec![lagged]), "{heard:?}");
    world.finish().await;
}

/// Nothing comes by a subscription that was ended, and an instance of one message ends none that the next would miss.
pub async fn a_subscription_ends<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let once = reader("once", &["news.*"]).per_message();
    world.run(app("paper", [press(), reader("a", &["news.*", "news.x"]), once])).await;
    assert_eq!(world.act("a", "stop /topic/news.*").await, "ok {}");
    publish(&world, "news.x", "-", "one").await;
    publish(&world, "news.y", "-", "two").await;
    assert!(world.heard("a").await.ends_with("[] one"));
    for other in ["news.*", "news.y", "old"] {
        assert!(world.act("a", &format!("stop /topic/{other}")).await.starts_with("not_found: "), "{other}");
    }
    let session = world.session().await;
    let body = format!("{SECRET}\nact stop /topic/news.*");
    let told = session.act("call", &format!("/proc/{}", world.pid("once")), body).await.expect("a reply");
    assert!(String::from_utf8_lossy(&told).contains("denied: "), "{told:?}");
    assert_eq!(world.act("once", "stop /topic/news.*").await, "ok {}");
    world.finish().await;
}

/// A message to many listeners is handed out bit by bit, so that others come in between; each has it once and in order.
pub async fn many_listeners_are_reached_bit_by_bit_and_in_order<H: Host>(host: H) {
    const LISTENERS: usize = 600;
    let world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS {
        let listener = world.session_with(&["subscribe /topic/all"], &[]).await;
        listener.act("subscribe", "/topic/all", "").await.expect("subscribed");
        listeners.push(listener);
    }
    for text in ["one", "two", "three"] {
        let reply = session.act("publish", "/topic/all", format!("\n{text}")).await.expect("published");
        let reply: Value = serde_json::from_slice(&reply).expect("JSON");
        assert_eq!((&reply["receivers"], &reply["missed"]), (&json!(LISTENERS), &json!(0)));
    }
    for heard in
        join_all(listeners.iter().map(|listener| async {
            [receive(listener).await.1, receive(listener).await.1, receive(listener).await.1]
        }))
        .await
    {
        assert_eq!(heard, ["one", "two", "three"]);
    }
    let refusal = listeners[LISTENERS - 1].act("read", "/proc/self/inbox", "{\"deadline_ms\":0}").await;
    assert_eq!(refusal.expect_err("no more").code, Code::TimedOut);
    let more = world.kernel().journal().iter().filter(|(_, input)| matches!(input, Input::Continue)).count();
    assert!(more >= 6, "{more} steps more for three messages to {LISTENERS}");
    world.finish().await;
}

/// An application is not quiet while a message is handed out that one of its agents listens for.
pub async fn what_is_still_handed_out_is_work<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    for _ in 0..600 {
        let listener = world.session_with(&["subscribe /topic/news.all"], &[]).await;
        listener.act("subscribe", "/topic/news.all", "").await.expect("subscribed");
    }
    // The last of the listeners, which has nothing to do but to wait for what it published itself.
    let script =
        "act subscribe /topic/news.all\nact publish /topic/news.all - do act write /tree/got {\"replace\":true} it";
    let reader = agent("reader").uses(&["subscribe /topic/news.all", "publish /topic/news.all", "write /tree/got"]);
    world.try_run(app("paper", [reader.does(script)]).until_quiet()).await.expect("started");
    world.ended("paper").await;
    let got = world.session().await.act("read", "/tree/got", "").await.expect("what it was told to write");
    assert_eq!(&got[..], b"it");
    world.finish().await;
}
