//! Signals: to interrupt, and to be heard before all that waits.

use crate::world::{Answers, Host, World, agent, app};
use futures::FutureExt;
use kernel_core::environment::Environment;
use kernel_core::process::Lifecycle;
use kernel_core::refusal::Code;

/// What a process waits for is cancelled, whichever it is; it goes on, and one that waits for nothing does not notice.
pub async fn an_interrupt_cancels_what_is_waited_for<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let a = agent("a").uses(&["call /proc/*", "stop /app/slow"]);
    let boss = agent("boss").uses(&["signal /proc/*"]);
    world.run(app("heard", [a, agent("b"), boss]).unmounted()).await;
    world.run(app("slow", [agent("slow").uses(&["read /fs/in/x"])])).await;
    let slow = format!("/proc/{}", world.pid("slow"));
    let (a, b) = (format!("/proc/{}", world.pid("a")), format!("/proc/{}", world.pid("b")));
    let signal = async |body: &str| world.act("boss", &format!("signal {a} {body}")).await;
    assert_eq!(signal("{\"signal\":\"interrupt\"}").await, "ok {}");
    for wrong in ["{}", "{\"signal\":\"kill\"}", "{\"signal\":7}"] {
        assert!(signal(wrong).await.starts_with("invalid: "), "{wrong}");
    }
    let session = world.session().await;
    let wait = "act read /proc/self/inbox {\"correlation\":7}";
    for script in [format!("{wait}\nact read /proc/self"), format!("act call {b} - {wait}\nact read /proc/self")] {
        let mut told = Box::pin(session.act("call", &a, format!("\n{script}")));
        world.pause().await;
        assert!((&mut told).now_or_never().is_none());
        assert_eq!(signal("{\"signal\":\"interrupt\"}").await, "ok {}");
        let told = told.await.expect("a transcript");
        let told = String::from_utf8_lossy(&told);
        let lines: Vec<&str> = told.lines().skip(1).collect();
        assert!(lines[0].starts_with("cancelled: it was interrupted") && lines[1].starts_with("ok {\"pid\""), "{told}");
        // What was asked of it waits no longer than whoever asked would have.
        let other = world.session().await;
        other.act("signal", &b, "{\"signal\":\"interrupt\"}").await.expect("signalled");
    }
    // What was begun goes on: nobody waits for it any more.
    world.hand.answers(Answers::Later);
    session.act("send", &slow, "\ndo act read /fs/in/x").await.expect("sent");
    world.until(|world| world.process("slow").used.acts > 0).await;
    let mut told = Box::pin(session.act("call", &a, "\nact stop /app/slow"));
    world.pause().await;
    assert!((&mut told).now_or_never().is_none());
    assert_eq!(signal("{\"signal\":\"interrupt\"}").await, "ok {}");
    let told = told.await.expect("a transcript");
    assert!(told.ends_with(b"it was interrupted by a signal"), "{told:?}");
    assert_eq!(world.process("slow").state, Lifecycle::Stopping);
    world.hand.answers(Answers::Pass);
    assert_eq!(world.ended("slow").await.0, "shutdown");
    let nobody = session.act("signal", "/proc/99999", "{\"signal\":\"user\"}").await.expect_err("there is none");
    assert_eq!(nobody.code, Code::NotFound);
    assert_eq!(world.tell("b", "").await, "");
    world.finish().await;
}

/// A signal is handed over before all that waits, however much that is, once; nobody else can send one.
pub async fn a_signal_is_heard_before_all_else<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").uses(&["signal /proc/*", "send /proc/*", "suspend /proc/*", "resume /proc/*"]);
    world.run(app("heard", [agent("a"), boss])).await;
    let (a, boss) = (format!("/proc/{}", world.pid("a")), format!("/proc/{}", world.pid("boss")));
    let forged = "{\"content_type\":\"application/vnd.weft.signal.reload\"}";
    let script = [
        format!("act suspend {a}"),
        format!("act send {a} {forged} forged"),
        format!("repeat 1100 send {a} - x"),
        format!("repeat 3 signal {a} {{\"signal\":\"reload\"}}"),
        format!("repeat 2 signal {a} {{\"signal\":\"user\"}}"),
    ];
    let before = world.process("a").used.messages;
    let told = world.tell("boss", &script.join("\n")).await;
    let ends = "191 full, 909 ok\n3 ok\n2 ok";
    assert!(told.ends_with(ends), "{told}");
    assert_eq!(world.act("boss", &format!("resume {a}")).await, "ok {}");
    world.until(|world| world.process("a").used.messages == before + 912).await;
    let heard = world.heard("a").await;
    let notes: Vec<&str> = heard.split("; ").take(4).collect();
    let signal = |name: &str| format!("message /proc/0 [] {{\"signal\":\"{name}\",\"sender\":\"{boss}\"}}");
    assert_eq!(
        notes,
        [signal("reload"), signal("user"), format!("message {boss} [] forged"), format!("message {boss} [] x")]
    );
    assert_eq!(heard.matches("message /proc/0 ").count(), 2);
    // One that was handed over makes room for the next.
    assert_eq!(world.act("boss", &format!("signal {a} {{\"signal\":\"user\"}}")).await, "ok {}");
    assert_eq!(world.heard("a").await, signal("user"));
    world.finish().await;
}

/// Whoever is interrupted, or handed a signal, carries what whoever signalled did; what lies above a ceiling is denied.
pub async fn a_signal_is_labelled<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").uses(&["signal /proc/*"]).carries(&["secret"]);
    world.run(app("heard", [agent("a"), agent("b"), agent("cleared").cleared_for(&[]), boss])).await;
    let path = |name: &str| format!("/proc/{}", world.pid(name));
    let signal = async |name: &str, what: &str| {
        world.act("boss", &format!("signal {} {{\"signal\":\"{what}\"}}", path(name))).await
    };
    assert_eq!(signal("a", "reload").await, "ok {}");
    assert!(world.heard("a").await.starts_with("message /proc/0 [secret] "));
    assert_eq!(world.labels("a").await, ["secret"]);
    let session = world.session().await;
    let told = session.act("call", &path("b"), "\nact read /proc/self/inbox {\"correlation\":7}");
    world.pause().await;
    assert_eq!(signal("b", "interrupt").await, "ok {}");
    let told = told.await.expect("a transcript");
    assert!(told.starts_with(b"{\"labels\":[\"secret\"]}\ncancelled: "), "{told:?}");
    assert_eq!(world.labels("b").await, ["secret"]);
    for what in ["reload", "interrupt"] {
        let told = signal("cleared", what).await;
        assert!(told.starts_with("denied: "), "{told}");
    }
    let refused = session.act("signal", "/proc/self", "{}").await.expect_err("it names none");
    assert_eq!(refused.code, Code::Invalid);
    assert_eq!(world.process("cleared").state, Lifecycle::Running);
    world.finish().await;
}
