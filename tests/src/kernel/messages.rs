//! Messages, topics and calls: what arrives, in which order, and what is said when nothing does.

use crate::world::{Agent, Host, World, agent, app};
use futures::join;
use kernel_core::environment::Environment;
use kernel_core::kernel::event::Content;
use std::time::Duration;

/// A puppet that answers for the service of its name.
pub(super) fn serving(name: &str) -> Agent {
    agent(name).uses(&[&format!("register /svc/{name}")]).does(&format!("act register /svc/{name}"))
}

/// What makes a puppet wait inside of a `handle` until it gets a message with correlation 9.
const WAIT: &str = "do act read /proc/self/inbox {\"correlation\":9,\"deadline_ms\":86400000}";

pub(super) async fn waits<H: Host>(world: &World<H>, agent: &str) {
    let session = world.session().await;
    session.act("send", &format!("/proc/{}", world.pid(agent)), format!("\n{WAIT}")).await.expect("sent");
    // A handler may not have come to its first act yet.
    world.pause().await;
}

/// Messages of one sender arrive once each and in their order.
pub async fn messages_arrive_once_and_in_order<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("post", [agent("a").uses(&["send /svc/b"]), serving("b")])).await;
    let script: Vec<String> = (0..20).map(|n| format!("act send /svc/b - m{n}")).collect();
    let told = world.tell("a", &script.join("\n")).await;
    assert_eq!(told.matches("ok {\"id\":").count(), 20, "{told}");
    let a = world.pid("a");
    let expected: Vec<String> = (0..20).map(|n| format!("message /proc/{a} [] m{n}")).collect();
    assert_eq!(world.heard("b").await, expected.join("; "));
    world.finish().await;
}

/// A full mailbox takes nothing more and blocks nobody: the sender is told, and each is a dead letter. One sender fills
/// eight ninths of it.
pub async fn a_full_mailbox_is_full<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("post", [agent("a").uses(&["send /svc/b"]), serving("b")])).await;
    waits(&world, "b").await;
    assert_eq!(world.tell("a", "repeat 916 send /svc/b - x").await, "6 full, 910 ok");
    assert_eq!(world.kernel().summary().verdicts.dead_letters, 6);
    let log = world.log().await;
    assert!(log.iter().any(|e| matches!(&e.content, Content::DeadLetter(letter) if letter.reason.contains("full"))));
    // What a receive waits for goes past the queue.
    let told = world.act("a", "send /svc/b {\"correlation\":9} now").await;
    assert!(told.starts_with("ok "), "{told}");
    // Now there is room for a question again.
    world.until(|world| world.process("b").used.messages > 912).await;
    assert_eq!(world.heard("b").await.matches("[] x").count(), 910);
    world.finish().await;
}

/// A receive takes the message that it asks for and leaves the others where they are.
pub async fn a_receive_selects<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("post", [agent("a").uses(&["send /svc/b"]), serving("b")])).await;
    waits(&world, "b").await;
    world.tell("a", "act send /svc/b {\"correlation\":1} one\nact send /svc/b {\"correlation\":9} nine").await;
    let heard = world.heard("b").await;
    let nine = heard.find("| nine").expect("what it waited for");
    let one = heard.find("[] one").expect("what came before");
    assert!(nine < one, "{heard}");
    world.finish().await;
}

/// A topic reaches each of its subscribers once, and nobody else.
pub async fn a_topic_reaches_its_subscribers<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let reader = |name: &str, topic: &str| {
        agent(name).uses(&["subscribe /topic/news.**"]).does(&format!("act subscribe {topic}"))
    };
    let agents = [
        agent("press").uses(&["publish /topic/news.**"]),
        reader("one", "/topic/news.all"),
        reader("two", "/topic/news.all"),
        reader("three", "/topic/news.none"),
    ];
    world.run(app("paper", agents)).await;
    let told = world.act("press", "publish /topic/news.all - extra").await;
    assert!(told.contains("\"receivers\":2") && told.contains("\"missed\":0"), "{told}");
    let expected = format!("topic /proc/{} [] extra", world.pid("press"));
    for (name, heard) in [("one", expected.as_str()), ("two", &expected), ("three", "")] {
        assert_eq!(world.heard(name).await, heard, "{name}");
    }
    world.finish().await;
}

/// What nobody answers for is not found, and a name has one who answers.
pub async fn a_service_has_one_owner<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let second = agent("c").uses(&["register /svc/b"]);
    world.run(app("post", [agent("a").uses(&["send /svc/*"]), serving("b"), second])).await;
    assert!(world.act("a", "send /svc/none - x").await.starts_with("not_found: "));
    assert!(world.act("c", "register /svc/b").await.starts_with("conflict: "));
    let b = world.pid("b");
    world.session().await.act("kill", &format!("/proc/{b}"), "").await.expect("killed");
    world.ended("b").await;
    assert!(world.act("a", "send /svc/b - x").await.starts_with("not_found: "));
    assert_eq!(world.act("c", "register /svc/b").await, "ok {}");
    world.finish().await;
}

/// A call is answered with what the callee's `handle` returned, through others too.
pub async fn a_call_is_answered<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let agents = [agent("a").uses(&["call /svc/b"]), serving("b").uses(&["call /svc/c"]), serving("c")];
    world.run(app("chain", agents)).await;
    let told = world.act("a", "call /svc/b - act call /svc/c - act read /proc/self").await;
    let c = world.pid("c");
    assert!(told.starts_with("ok {\"labels\":[]} | ok {\"labels\":[]} | ok {"), "{told}");
    assert!(told.contains(&format!("\"pid\":{c}")), "{told}");
    world.finish().await;
}

/// A call that nobody answers in time is over by itself, and what is answered later reaches nobody.
pub async fn a_call_times_out<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("slow", [agent("a").uses(&["call /svc/b", "send /svc/b"]), serving("b")])).await;
    waits(&world, "b").await;
    let (told, ()) = join!(world.act("a", "call /svc/b {\"deadline_ms\":5000} heard"), async {
        world.pause().await;
        world.hand.advance(Duration::from_secs(6));
    });
    assert!(told.starts_with("timed_out: "), "{told}");
    world.act("a", "send /svc/b {\"correlation\":9} go").await;
    // It answers the request that it finds in its mailbox, then this.
    world.heard("b").await;
    assert_eq!(world.heard("a").await, "");
    assert!(world.act("a", "call /svc/b - heard").await.starts_with("ok "));
    world.finish().await;
}

/// A wait that would close a circle is refused at once, with the processes that would wait.
pub async fn a_circle_of_waits_is_refused<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let calls = |name: &str| serving(name).uses(&["call /svc/*"]);
    world.run(app("circle", [calls("a"), calls("b"), calls("c")])).await;
    let told = world.act("a", "call /svc/b - act call /svc/c - act call /svc/a - heard").await;
    assert!(told.contains("deadlock: "), "{told}");
    for name in ["a", "b", "c"] {
        assert!(told.contains(&format!("/proc/{}", world.pid(name))), "{told}");
    }
    world.finish().await;
}

/// Whoever waits for a process that ends is told so.
pub async fn the_end_of_a_callee_is_an_answer<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("end", [agent("a").uses(&["call /svc/b"]), serving("b")])).await;
    waits(&world, "b").await;
    let before = world.process("a").used.acts;
    let (told, ()) = join!(world.act("a", "call /svc/b - heard"), async {
        world.until(|world| world.process("a").used.acts > before).await;
        let b = world.pid("b");
        world.session().await.act("kill", &format!("/proc/{b}"), "").await.expect("killed");
    });
    assert!(told.starts_with("failed: ") && told.contains("ended"), "{told}");
    world.finish().await;
}
