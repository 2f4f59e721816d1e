//! What the gate says of acts that somebody has a right to.

use crate::world::{Host, World, agent, app};
use futures::join;
use kernel_core::app::MountMode;
use kernel_core::environment::Environment;
use kernel_core::governance::{Decision, Then};
use kernel_core::id::ActionId;
use kernel_core::kernel::event::Content;
use kernel_core::refusal::Code;
use std::time::Duration;

const WRITE: &str = "write /fs/out/x {\"replace\":true} body";

fn writer() -> crate::world::App {
    app("leak", [agent("writer").uses(&["write /fs/out/**"]).carries(&["secret"])])
}

/// What would carry a label to where it is not cleared scores over the threshold, and is denied in dev.
pub async fn a_score_over_the_threshold_is_denied_in_dev<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(writer()).await;
    let told = world.act("writer", WRITE).await;
    assert!(told.starts_with("denied: "), "{told}");
    assert_eq!(world.host.get("out", "x").await, None);
    let log = world.log().await;
    let verdict = log.iter().find_map(|e| match &e.content {
        Content::Refused(refused) => refused.verdict.as_ref(),
        _ => None,
    });
    assert_eq!(verdict.map(|v| v.decision), Some(Decision::Deny));
    world.finish().await;
}

/// Where the place is cleared for the label the same act passes.
pub async fn a_cleared_place_takes_the_label<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(writer().mounted("out", MountMode::Write, &[], &["secret"])).await;
    assert_eq!(world.act("writer", WRITE).await, "ok {}");
    assert_eq!(world.host.get("out", "x").await.as_deref(), Some(&b"body"[..]));
    world.finish().await;
}

/// In prod it is asked; a no is a refusal, and a yes is for this act alone.
pub async fn an_answer_is_for_one_act<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    world.run(writer()).await;
    for (n, allow) in [false, true, false].into_iter().enumerate() {
        let session = world.session().await;
        let path = format!("/proc/{}", world.pid("writer"));
        let file = format!("x{n}");
        let script = format!("\nact write /fs/out/{file} {{\"replace\":true}} body");
        let (reply, ()) = join!(session.act("call", &path, script), async {
            let ask = world.asked().await;
            let asked = (ask.name.as_str(), ask.verb.as_str(), ask.resource);
            assert_eq!(asked, ("writer", "write", format!("/fs/out/{file}")));
            assert_eq!(world.host.get("out", &file).await, None);
            world.kernel().answer(ask.action, allow, "the suite");
        });
        let reply = String::from_utf8_lossy(&reply.expect("a transcript")).into_owned();
        let expected = if allow { "\nok {}" } else { "denied: the suite did not allow it" };
        assert!(reply.contains(expected), "{reply}");
        assert_eq!(world.host.get("out", &file).await.is_some(), allow);
    }
    let log = world.log().await;
    let answers: Vec<bool> = log
        .iter()
        .filter_map(|e| match &e.content {
            Content::Answered(answered) => Some(answered.allow),
            _ => None,
        })
        .collect();
    assert_eq!(answers, [false, true, false]);
    world.finish().await;
}

/// An escalation that nobody answers is a refusal.
pub async fn silence_is_a_no<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    world.run(writer()).await;
    let hand = world.hand.clone();
    let session = world.session().await;
    let path = format!("/proc/{}", world.pid("writer"));
    let call = session.act("call", &path, format!("{{\"deadline_ms\":600000}}\nact {WRITE}"));
    let (reply, ()) = join!(call, async {
        world.asked().await;
        hand.advance(Duration::from_secs(31));
    });
    let reply = String::from_utf8_lossy(&reply.expect("a transcript")).into_owned();
    assert!(reply.contains("denied: nobody answered"), "{reply}");
    assert_eq!(world.host.get("out", "x").await, None);
    world.finish().await;
}

/// A rule of an application takes away, and gives nothing: no verdict of a rule stands in for a right.
pub async fn a_rule_only_tightens<H: Host>(host: H) {
    host.put("in", "open", b"open").await;
    host.put("in", "closed/x", b"closed").await;
    let world = World::boot(host, Environment::dev()).await;
    let ruled = app("ruled", [agent("a").uses(&["read /fs/in/**"])])
        .ruled("no-closed", "resources = ['/fs/in/closed/**']", Then::Deny)
        .ruled("all-out", "resources = ['/fs/out/**']", Then::Warn);
    world.run(ruled).await;
    assert_eq!(world.act("a", "read /fs/in/open").await, "ok open");
    let told = world.act("a", "read /fs/in/closed/x").await;
    assert!(told.starts_with("denied: ") && told.contains("no-closed"), "{told}");
    let told = world.act("a", "read /fs/out/x").await;
    assert!(told.starts_with("denied: ") && told.contains("holds no right"), "{told}");
    world.finish().await;
}

/// A rule that asks for what no act tells could never be evaluated: it is refused before it is in force, and its
/// application does not start.
pub async fn a_rule_that_cannot_be_evaluated_is_not_loaded<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let vague = app("vague", [agent("a")]).ruled("r", "arguments = { colour = { given = true } }", Then::Warn);
    let refusal = world.try_run(vague).await.expect_err("it cannot be evaluated");
    assert!(refusal.code == Code::Invalid && refusal.reason.contains("`colour`"), "{refusal}");
    world.run(app("clear", [agent("a")]).ruled("r", "verbs = ['read']", Then::Warn)).await;
    world.finish().await;
}

/// A rule is of its application while that runs: started again it rules again, and others it never ruled.
pub async fn rules_go_with_their_application<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let reader = |name: &str, agent_name: &str| app(name, [agent(agent_name).uses(&["read /fs/in/**"])]);
    for _ in 0..2 {
        world.run(reader("ruled", "a").ruled("no", "verbs = ['read']", Then::Deny)).await;
        assert!(world.act("a", "read /fs/in/x").await.starts_with("denied: "));
        world.session().await.act("stop", "/app/ruled", "").await.expect("stopped");
        world.ended("a").await;
    }
    world.run(reader("free", "b")).await;
    assert_eq!(world.act("b", "read /fs/in/x").await, "ok x");
    world.finish().await;
}

/// A mount that is for reading is not written, whatever rights there are.
pub async fn a_mount_for_reading_is_not_written<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("wrong", [agent("a").uses(&["write /fs/in/**", "remove /fs/in/**"])])).await;
    for act in ["write /fs/in/x {\"replace\":true} body", "remove /fs/in/x"] {
        let told = world.act("a", act).await;
        assert!(told.starts_with("denied: ") && told.contains("for reading only"), "{told}");
    }
    assert!(world.hand.asked().is_empty());
    world.finish().await;
}

/// What a host lacks is refused before the host is asked, with a code of its own that says what is missing.
pub async fn what_is_missing_is_named<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    let refusal = session.act("start", "/container/redis", "").await.expect_err("there are none");
    assert_eq!(refusal.code, Code::Unsupported, "{refusal}");
    assert!(refusal.reason.contains("containers"), "{refusal}");
    world.finish().await;
}

/// A yes does nothing for a process that was suspended while it waited for it.
pub async fn a_yes_is_too_late_for_the_suspended<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    world.run(app("mounts", [agent("a")])).await;
    let session = world.session().await;
    let labelled = "{\"replace\":true,\"labels\":[\"secret\"]}\nbody";
    let act = session.act("write", "/fs/out/x", labelled);
    let ask = world.asked().await;
    for _ in 0..100 {
        session.act("nonsense", "/fs/in/x", "").await.expect_err("there is no such verb");
    }
    world.kernel().answer(ask.action, true, "the suite");
    let refusal = act.await.expect_err("it is suspended");
    assert!(refusal.code == Code::Denied && refusal.reason.contains("suspended"), "{refusal}");
    assert_eq!(world.host.get("out", "x").await, None);
    world.finish().await;
}

/// A yes opens no mount that is not bound any more: that is a denial, as it is where nobody is asked.
pub async fn a_yes_does_not_open_a_mount<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    world.run(app("mounts", [agent("a")])).await;
    let session = world.session().await;
    let act = session.act("write", "/fs/out/x", "{\"replace\":true,\"labels\":[\"secret\"]}\nbody");
    let ask = world.asked().await;
    world.session().await.act("stop", "/app/mounts", "").await.expect("stopped");
    let before = world.kernel().summary().verdicts.denied;
    world.kernel().answer(ask.action, true, "the suite");
    let refusal = act.await.expect_err("no folder is bound");
    assert!(refusal.code == Code::NotFound && refusal.reason.contains("no folder is bound"), "{refusal}");
    assert_eq!(world.kernel().summary().verdicts.denied, before + 1);
    world.finish().await;
}

/// A yes is for what was asked: what has changed meanwhile is decided again.
pub async fn an_answer_is_for_what_is_so_by_then<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let sender = agent("sender").uses(&["send /svc/s"]).carries(&["secret"]);
    let register = &["register /svc/s"];
    let first = agent("first").uses(register).does("act register /svc/s");
    let second = agent("second").uses(register).cleared_for(&[]);
    world.run(app("a", [sender, first, second]).ruled("ask", "verbs = ['send']", Then::Escalate)).await;
    let session = world.session().await;
    let path = format!("/proc/{}", world.pid("sender"));
    session.act("send", &path, "\ndo act send /svc/s - hello").await.expect("sent");
    let ask = world.asked().await;
    world.act("first", "stop /proc/self").await;
    world.ended("first").await;
    assert_eq!(world.act("second", "register /svc/s").await, "ok {}");
    world.kernel().answer(ask.action, true, "the suite");
    world.pause().await;
    let log = world.log().await;
    let refused = log.iter().find_map(|e| match &e.content {
        Content::Refused(refused) if e.action == ask.action => Some(refused),
        _ => None,
    });
    let refused = refused.expect("a refusal");
    assert_eq!(refused.verdict.as_ref().map(|v| v.decision), Some(Decision::Deny));
    assert!(refused.facts.as_ref().is_some_and(|facts| !facts.blocked.is_empty()));
    assert!(!log.iter().any(|e| matches!(e.content, Content::DeadLetter(_))));
    world.finish().await;
}

/// An act that waits for an answer waits no longer than it would for anything else.
pub async fn an_escalated_act_keeps_its_own_deadline<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    world.run(app("a", [agent("asker").uses(&["connect /net/**"])])).await;
    let hand = world.hand.clone();
    let session = world.session().await;
    let path = format!("/proc/{}", world.pid("asker"));
    let script = "now\nact connect /net/example.com:443 {\"deadline_ms\":5000}\nnow";
    let call = session.act("call", &path, format!("{{\"deadline_ms\":600000}}\n{script}"));
    let (reply, ()) = join!(call, async {
        // And says so.
        assert_eq!(world.asked().await.wait, Duration::from_secs(5));
        hand.advance(Duration::from_secs(6));
    });
    let reply = String::from_utf8_lossy(&reply.expect("a transcript")).into_owned();
    assert!(reply.contains("denied: nobody answered"), "{reply}");
    let times: Vec<u64> = reply.lines().filter_map(|line| line.parse().ok()).collect();
    let [before, after] = times[..] else { panic!("{reply}") };
    assert!(after - before < 20_000_000_000, "{reply}");
    world.finish().await;
}

/// What waits for an answer can be looked at, with how long it still does. An answer counts once, and whoever comes later
/// is told what became of the question.
pub async fn what_waits_is_listed_and_answered_once<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    world.run(writer()).await;
    assert!(world.kernel().questions().is_empty());
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("writer")));
    for file in ["x", "y"] {
        session
            .act("send", &path, format!("\ndo act write /fs/out/{file} {{\"replace\":true}} body"))
            .await
            .expect("sent");
    }
    let (first, pid) = (world.asked().await, world.pid("writer"));
    assert_eq!((first.pid, first.app.as_ref().map(ToString::to_string).as_deref()), (pid, Some("leak")));
    world.hand.advance(Duration::from_secs(10));
    let kernel = world.kernel().clone();
    let waiting = kernel.questions();
    let [only] = &waiting[..] else { panic!("{waiting:?}") };
    assert_eq!((only.action, only.pid, only.name.as_str()), (first.action, pid, "writer"));
    assert_eq!((only.resource.as_str(), &only.detail), ("/fs/out/x", &first.detail));
    assert!(only.wait <= first.wait - Duration::from_secs(10), "{only:?}");

    kernel.answer(first.action, true, "the suite").await.expect("it counts");
    let again = kernel.answer(first.action, false, "somebody else").await.expect_err("it was answered");
    assert_eq!(again.code, Code::Conflict);
    assert!(again.reason.ends_with("any more: the suite allowed it"), "{again}");

    // The next is asked for when the first is done. Nobody answers it, and neither does it wait any longer.
    let second = world.asked().await;
    assert_eq!(world.host.get("out", "x").await.as_deref(), Some(&b"body"[..]));
    world.hand.advance(Duration::from_secs(31));
    world.until(|world| world.kernel().questions().is_empty()).await;
    let late = kernel.answer(second.action, true, "the suite").await.expect_err("it is too late");
    assert!(late.code == Code::Conflict && late.reason.ends_with("nobody answered in time"), "{late}");

    session.act("send", &path, "\ndo act write /fs/out/z {\"replace\":true} body").await.expect("sent");
    let third = world.asked().await;
    session.act("kill", &path, "").await.expect("killed");
    let gone = kernel.answer(third.action, true, "the suite").await.expect_err("it has ended");
    assert!(gone.code == Code::Conflict && gone.reason.ends_with("it ended before anybody answered"), "{gone}");
    let never = kernel.answer(ActionId(u64::MAX), true, "the suite").await.expect_err("it never was");
    assert_eq!(never.code, Code::NotFound);
    assert!(world.host.get("out", "y").await.is_none() && world.host.get("out", "z").await.is_none());
    drop(kernel);
    world.finish().await;
}
