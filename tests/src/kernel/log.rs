//! What the log says of acts, when it says it, and what is left after a crash.

use crate::world::{Answers, Commits, Hand, Host, Kind, Recorded, World, agent, app};
use bytes::Bytes;
use futures::join;
use kernel_core::app::MountMode;
use kernel_core::chain::event_key;
use kernel_core::environment::Environment;
use kernel_core::governance::Then;
use kernel_core::id::ActionId;
use kernel_core::kernel::event::Content;
use kernel_core::kernel::rows::{TABLE_COUNTERS, TABLE_OPEN, key, numbered};
use kernel_core::process::Lifecycle;
use kernel_core::refusal::Code;
use std::time::Duration;

const WRITE: &str = "write /fs/out/x {\"replace\":true} body";

fn writer() -> crate::world::App {
    app("write", [agent("writer").uses(&["write /fs/out/**", "read /fs/in/**", "send /proc/*"]), agent("other")])
}

fn intents(log: &[Recorded], resource: &str) -> Vec<ActionId> {
    let of = |content: &Content| matches!(content, Content::Intent(d) if d.facts.resource.to_string() == resource);
    log.iter().filter(|e| of(&e.content)).map(|e| e.action).collect()
}

fn outcomes(log: &[Recorded], action: ActionId) -> Vec<String> {
    let of = |event: &Recorded| match &event.content {
        Content::Outcome(outcome) if event.action == action => Some(outcome.result.clone()),
        _ => None,
    };
    log.iter().filter_map(of).collect()
}

/// An outward act leaves an intent before and an outcome after, bound by one number.
pub async fn an_outward_act_has_an_intent_and_an_outcome<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(writer()).await;
    assert_eq!(world.act("writer", WRITE).await, "ok {}");
    let log = world.log().await;
    let [intent] = intents(&log, "/fs/out/x")[..] else { panic!("not one intent") };
    assert_eq!(outcomes(&log, intent), ["done"]);
    let first = log.iter().position(|e| e.action == intent).expect("it is there");
    assert_eq!(log[first].content.name(), "intent");
    world.finish().await;
}

/// An observing act is one event, with all that was decided upon.
pub async fn an_observing_act_is_one_event<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let world = World::boot(host, Environment::dev()).await;
    world.run(writer()).await;
    assert_eq!(world.tell("writer", "repeat 3 read /fs/in/x").await, "3 ok");
    let log = world.log().await;
    let of = |content: &Content| matches!(content, Content::Observed(d) if d.facts.resource.to_string() == "/fs/in/x");
    assert_eq!(log.iter().filter(|e| of(&e.content)).count(), 3);
    world.finish().await;
}

/// An inner act is recorded once and then counted; no act is missing from the counts.
pub async fn a_route_is_opened_once_and_counted<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(writer()).await;
    let send = format!("repeat 50 send /proc/{} - x", world.pid("other"));
    for _ in 0..3 {
        assert_eq!(world.tell("writer", &send).await, "50 ok");
        world.log().await;
    }
    let log = world.log().await;
    let resource = format!("/proc/{}", world.pid("other"));
    let opened = |e: &&Recorded| {
        matches!(&e.content, Content::RouteOpened(d)
            if d.facts.resource.to_string() == resource && d.facts.name.as_str() == "writer")
    };
    let routes: Vec<ActionId> = log.iter().filter(opened).map(|e| e.action).collect();
    let [route] = routes[..] else { panic!("{routes:?}") };
    let more = log.iter().filter(|e| e.action == route).map(|e| match &e.content {
        Content::RouteCounted(counted) => counted.more,
        _ => 0,
    });
    assert_eq!(more.sum::<u64>(), 150);
    world.finish().await;
}

/// A route is for equal acts: other labels and another charter open another one, and the one before is closed. Where
/// a rule speaks about arguments there are none, and each act leaves an event.
pub async fn a_route_is_for_equal_acts_alone<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(writer()).await;
    let resource = format!("/proc/{}", world.pid("other"));
    let plain = format!("repeat 3 send {resource} - x");
    let labelled = format!("repeat 3 send {resource} {{\"labels\":[\"secret\"]}} x");
    for script in [&plain, &labelled, &plain] {
        assert_eq!(world.tell("writer", script).await, "3 ok");
    }
    let rules = ["verbs = ['read']", "resources = ['/agent/**']\narguments = { use = { given = true } }"];
    for (name, rule) in ["one", "two"].into_iter().zip(rules) {
        world.run(app(name, [agent(&format!("of-{name}"))]).unmounted().ruled("r", rule, Then::Warn)).await;
        assert_eq!(world.tell("writer", &plain).await, "3 ok");
    }
    let log = world.log().await;
    let opened = |e: &&Recorded| {
        matches!(&e.content, Content::RouteOpened(d)
            if d.facts.resource.to_string() == resource && d.facts.name.as_str() == "writer")
    };
    let told = |route: &Recorded| {
        let of_it = log.iter().filter(|e| e.action == route.action);
        of_it.fold((0, false), |(more, closed), e| match &e.content {
            Content::RouteCounted(counted) => (more + counted.more, closed || counted.closed),
            _ => (more, closed),
        })
    };
    let routes: Vec<(u64, bool)> = log.iter().filter(opened).map(told).collect();
    assert_eq!(routes[..4], [(3, true), (3, true), (3, true), (3, false)]);
    assert_eq!(routes[4..], [(0, false); 3]);
    world.finish().await;
}

/// A route is opened by an act that was done: one that could not be leaves an event each time.
pub async fn what_could_not_be_done_opens_no_route<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let agents = [agent("a").uses(&["send /svc/late"]), agent("b").uses(&["register /svc/late"])];
    world.run(app("post", agents)).await;
    for _ in 0..2 {
        assert!(world.act("a", "send /svc/late - x").await.starts_with("not_found: "));
    }
    assert_eq!(world.act("b", "register /svc/late").await, "ok {}");
    assert_eq!(world.tell("a", "repeat 3 send /svc/late - x").await, "3 ok");
    let log = world.log().await;
    let opened = |e: &&Recorded| {
        matches!(&e.content, Content::RouteOpened(d)
            if d.facts.resource.to_string() == "/svc/late" && d.facts.verb.as_str() == "send")
    };
    let counted = |action: ActionId| -> u64 {
        let more = |e: &Recorded| if let Content::RouteCounted(counted) = &e.content { counted.more } else { 0 };
        log.iter().filter(|e| e.action == action).map(more).sum()
    };
    let counts: Vec<u64> = log.iter().filter(opened).map(|e| counted(e.action)).collect();
    assert_eq!(counts, [0, 0, 3]);
    world.finish().await;
}

/// Refusals are always recorded; equal ones of one process are folded into a count.
pub async fn equal_refusals_are_counted<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(writer()).await;
    assert_eq!(world.tell("other", "repeat 20 read /fs/in/x\nrepeat 5 read /fs/in/y").await, "20 denied\n5 denied");
    let log = world.log().await;
    let refused: Vec<ActionId> =
        log.iter().filter(|e| matches!(e.content, Content::Refused(_))).map(|e| e.action).collect();
    assert_eq!(refused.len(), 2);
    let folded = |action: &ActionId| {
        let more = |e: &Recorded| if let Content::Folded(counted) = &e.content { counted.more } else { 0 };
        log.iter().filter(|e| e.action == *action).map(more).sum()
    };
    assert_eq!(refused.iter().map(folded).collect::<Vec<u64>>(), [19, 4]);
    world.finish().await;
}

/// In prod nothing leaves the kernel before the record that it belongs to is stored: the device is not asked and
/// a session is not answered.
pub async fn nothing_leaves_before_it_is_stored<H: Host>(host: H) {
    let world = World::boot(host, Environment::prod()).await;
    world.run(writer()).await;
    let session = world.session().await;
    world.hand.commits(Commits::Wait);
    let path = format!("/proc/{}", world.pid("writer"));
    let (reply, ()) = join!(session.act("call", &path, format!("\nact {WRITE}")), async {
        world.pause().await;
        assert!(world.hand.asked().is_empty(), "the device was asked before the intent was stored");
        assert_eq!(world.host.get("out", "x").await, None);
        world.hand.commits(Commits::Pass);
    });
    assert!(String::from_utf8_lossy(&reply.expect("a transcript")).ends_with("\nok {}"));
    assert_eq!(world.host.get("out", "x").await.as_deref(), Some(&b"body"[..]));
    let stored = world.stored().await;
    let [intent] = intents(&stored, "/fs/out/x")[..] else { panic!("not one intent") };
    assert_eq!(outcomes(&stored, intent), ["done"], "the session was answered before the outcome was stored");
    world.finish().await;
}

/// A commit that fails stops everything: what waits is refused and never performed, and nothing new begins.
pub async fn a_failed_commit_stops_everything<H: Host>(host: H) {
    let world = World::boot(host, Environment::prod()).await;
    world.run(writer()).await;
    let session = world.session().await;
    world.hand.commits(Commits::Wait);
    let path = format!("/proc/{}", world.pid("writer"));
    let (reply, ()) = join!(session.act("call", &path, format!("\nact {WRITE}")), async {
        world.pause().await;
        world.hand.commits(Commits::Fail);
    });
    assert_eq!(reply.expect_err("it cannot be acknowledged").code, Code::NotDurable);
    assert!(world.hand.asked().is_empty(), "{:?}", world.hand.asked());
    assert_eq!(session.act("read", "/proc/self", "").await.expect_err("it has stopped").code, Code::NotDurable);
    assert_eq!(world.host.get("out", "x").await, None);
    world.hand.commits(Commits::Pass);
    world.finish().await;
}

/// What was begun and whose outcome nobody knows is closed as unknown at the next boot, and not tried again.
pub async fn what_was_cut_short_is_unknown<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    world.run(writer()).await;
    let session = world.session().await;
    world.hand.hang();
    let path = format!("/proc/{}", world.pid("writer"));
    session.act("send", &path, format!("\ndo act {WRITE}")).await.expect("sent");
    while world.hand.asked().is_empty() {
        world.pause().await;
    }
    drop(session);
    world.crash().await;
    world.pause().await;
    let log = world.log().await;
    let [intent] = intents(&log, "/fs/out/x")[..] else { panic!("not one intent") };
    assert_eq!(outcomes(&log, intent), ["unknown"]);
    assert!(world.hand.asked().is_empty());
    assert_eq!(world.host.get("out", "x").await, None);
    world.finish().await;
}

/// A row that says that an act is under way closes none that the log has closed or never had: what a boot says of an act is
/// signed, and rows may be anybody's who has the disk.
pub async fn what_the_log_has_not_open_is_not_closed<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    session.act("write", "/tree/a", "{\"replace\":true}\none").await.expect("a write");
    drop(session);
    let [intent] = intents(&world.log().await, "/tree/a")[..] else { panic!("not one intent") };
    let other = ActionId(intent.0 + 1_000);
    let open = |action: ActionId| numbered(TABLE_OPEN, action.0);
    world.reboot_over([intent, other].map(|action| (open(action), Some(Bytes::new()))).to_vec()).await;
    let log = world.log().await;
    assert_eq!((outcomes(&log, intent), outcomes(&log, other)), (vec!["done".to_owned()], Vec::new()));
    assert_eq!((world.row(&open(intent)).await, world.row(&open(other)).await), (None, None));
    let told =
        log.iter().any(|e| matches!(&e.content, Content::Boot(boot) if boot.repair.starts_with("2 rows of acts")));
    assert!(told, "it is said that they were there");
    world.finish().await;
}

/// No kernel boots where the row of the numbers that were used is of before the last of them.
pub async fn numbers_that_were_used_are_not_used_again<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.log().await;
    let row = key(TABLE_COUNTERS, b"");
    let before = world.row(&row).await.expect("numbers");
    let session = world.session().await;
    session.act("write", "/tree/a", "{\"replace\":true}\none").await.expect("a write");
    drop(session);
    world.log().await;
    world.refused_over(vec![(row, Some(before))], "numbers could be used twice").await;
    world.finish().await;
}

/// An act that ends while its device is busy with it has no outcome before the device answers, and then that one.
pub async fn what_was_given_up_ends_as_its_device_says<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(writer()).await;
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("writer")));
    for file in ["late", "killed"] {
        world.hand.answers(Answers::Held);
        let write = format!("\ndo act write /fs/out/{file} {{\"replace\":true}} body");
        session.act("send", &path, write).await.expect("sent");
        while world.host.get("out", file).await.is_none() {
            world.pause().await;
        }
        match file {
            "late" => {
                world.hand.advance(Duration::from_secs(61));
                assert!(world.heard("writer").await.contains("timed_out: "));
            }
            _ => drop(session.act("kill", &path, "").await.expect("killed")),
        }
        let [intent] = intents(&world.log().await, &format!("/fs/out/{file}"))[..] else { panic!("not one intent") };
        assert_eq!(outcomes(&world.log().await, intent), [""; 0], "{file}");
        world.hand.answers(Answers::Pass);
        for _ in 0..100 {
            world.pause().await;
            if !outcomes(&world.log().await, intent).is_empty() {
                break;
            }
        }
        assert_eq!(outcomes(&world.log().await, intent), ["done"], "{file}");
    }
    world.finish().await;
}

/// If the kernel ends before the device has answered, what came of such an act is unknown.
pub async fn what_no_device_answered_is_unknown<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(writer()).await;
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("writer")));
    world.hand.hang();
    session.act("send", &path, format!("\ndo act {WRITE}")).await.expect("sent");
    while world.hand.asked().is_empty() {
        world.pause().await;
    }
    session.act("kill", &path, "").await.expect("killed");
    drop(session);
    world.log().await;
    world.crash().await;
    let log = world.log().await;
    let [intent] = intents(&log, "/fs/out/x")[..] else { panic!("not one intent") };
    assert_eq!(outcomes(&log, intent), ["unknown"]);
    world.finish().await;
}

/// What breaks inside of the kernel breaks nobody who asks: everything stops, and whoever asks is told so.
///
/// Where nothing unwinds, nobody is left to be told: what a tab does then is tested with its host, in `platform-web`.
pub async fn a_panic_stops_everything<H: Host>(host: H) {
    if cfg!(panic = "abort") {
        return;
    }
    let world = World::boot(host, Environment::dev()).await;
    world.run(writer()).await;
    let session = world.session().await;
    world.log().await;
    world.hand.breaks();
    for _ in 0..2 {
        let refusal = session.act("read", "/proc/self", "").await.expect_err("the kernel is broken");
        assert_eq!(refusal.code, Code::NotDurable, "{refusal}");
    }
    assert!(world.kernel().summary().processes.iter().all(|p| p.state == Lifecycle::Exited));
    world.finish().await;
}

/// What was answered to someone outside in prod is there after a crash.
pub async fn what_was_answered_outlives_a_crash<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    world.run(writer()).await;
    let session = world.session().await;
    session.act("write", "/tree/kept", "{\"replace\":true}\nvalue").await.expect("written");
    drop(session);
    world.crash().await;
    let session = world.session().await;
    assert_eq!(&session.act("read", "/tree/kept", "").await.expect("kept")[..], b"value");
    drop(session);
    assert_eq!(intents(&world.log().await, "/tree/kept").len(), 1);
    world.finish().await;
}

/// Of a long log a start verifies the end, and says from where on. It goes on from what was signed: an event before that
/// was changed is found by whoever verifies the whole, also after more was signed.
pub async fn a_start_verifies_the_end_of_a_long_log<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(writer()).await;
    for _ in 0..10 {
        assert_eq!(world.tell("writer", "repeat 1000 read /fs/in/x").await, "1000 ok");
    }
    world.log().await;
    let first = world.row(&event_key(0)).await.expect("the first events");
    let mut changed = first.to_vec();
    *changed.last_mut().expect("not empty") ^= 1;
    world.reboot_over(vec![(event_key(0), Some(changed.into()))]).await;
    let from = world.kernel().found().verified_from;
    assert!(from > 0);
    world.kernel().checkpoint().await.expect("signed");
    assert!(!world.verifies().await);
    world.put_row(&event_key(0), &first).await;
    assert!(world.verifies().await);
    let boots = world.log().await.into_iter().filter_map(|e| match e.content {
        Content::Boot(boot) => Some(boot.verified_from),
        _ => None,
    });
    assert_eq!(boots.collect::<Vec<_>>(), [None, Some(from)]);
    world.finish().await;
}

/// The head of the log of the scenario below, with handlers and with components.
const HEADS: [&str; 2] = [
    "104 e7832b1a236c720825f636f8e818a750dc216516c054c0de6068159fb68e1f34",
    "104 997badad48feb862cb598f3ecc9536754e46e0dd51c8fdc7109fc8bf076df1ad",
];

/// In lockstep the same scenario gives the same log, byte for byte, on every host.
pub async fn the_same_scenario_gives_the_same_log<H: Host>(host: H) {
    let kind = host.kind();
    host.put("in", "x", b"content").await;
    let world = World::with(host, Environment::dev(), Hand::new(true)).await;
    let a = agent("a").uses(&["read /fs/in/**", "write /fs/out/**", "call /proc/*", "spawn /agent/a"]);
    let first = app("first", [a]).mounted("in", MountMode::Read, &["private"], &[]);
    world.run(first).await;
    world.run(app("second", [agent("b").uses(&["write /tree/**", "read /tree/**"])]).unmounted()).await;
    for (name, script) in [
        ("b", "act write /tree/x {\"replace\":true} one\nact read /tree/x\nact read /tree/y"),
        ("b", "repeat 3 write /fs/out/y {\"replace\":true} two\nact nonsense /nowhere"),
        (
            "a",
            "act write /fs/out/x {\"replace\":true} body\nact read /fs/in/x\nact write /fs/out/z {\"replace\":true} z",
        ),
        ("a", "act spawn /agent/a {\"name\":\"kid\",\"use\":[]}\nact start /timer/t {\"after_ms\":1000}"),
        ("kid", "act stop /proc/self"),
    ] {
        world.tell(name, script).await;
    }
    // What waits for a flush would be flushed when time moves, sooner or later.
    world.log().await;
    let before = world.process("a").used.messages;
    world.hand.advance(Duration::from_secs(2));
    world.until(|world| world.process("a").used.messages > before).await;
    world.heard("a").await;
    world.session().await.act("stop", "/app/first", "").await.expect("stopped");
    let finished = world.finish().await;
    let head = format!("{} {}", finished.size, finished.head);
    assert_eq!(head, HEADS[usize::from(kind == Kind::Component)], "{kind:?}");
}
