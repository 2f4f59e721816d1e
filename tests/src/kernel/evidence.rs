//! Nothing is refused, asked or answered without a trace, and nothing that a guest says can stop the log.

use crate::world::{Answers, Commits, Host, Recorded, World, agent, app};
use bytes::Bytes;
use futures::join;
use kernel_core::app::MountMode;
use kernel_core::capability::Right;
use kernel_core::environment::Environment;
use kernel_core::governance::Then;
use kernel_core::ipc::body;
use kernel_core::kernel::effects::Notice;
use kernel_core::kernel::event::Content;
use kernel_core::refusal::{Code, REASON_BYTES};
use serde_json::json;

fn refused<'a>(log: &'a [Recorded], asked: &str) -> Vec<&'a str> {
    let of = |event: &'a Recorded| match &event.content {
        Content::Refused(refused) if refused.asked == asked => Some(refused.code.as_str()),
        _ => None,
    };
    log.iter().filter_map(of).collect()
}

/// Whoever writes the longest texts that there can be gets refusals of a few lines, and the log goes on.
pub async fn no_text_is_too_long_for_the_log<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let session = world.session_with(&["spawn /agent/*"], &[]).await;
    let odd = "\u{7f}".repeat(4_097);
    let rights: Vec<String> = (0..1_024).map(|n| format!("read /fs/in/{}{n}", "x".repeat(20))).collect();
    let plan = format!("{{\"{}\":1}}", "y".repeat(500_000));
    for (verb, resource, body) in [
        (&*odd, &*odd, Bytes::new()),
        ("install", "/app/any", body::join(&json!({}), plan.as_bytes())),
        ("read", &*format!("/fs/in/{}", "z".repeat(4_090)), Bytes::new()),
    ] {
        let refusal = session.act(verb, resource, body).await.expect_err("it is nothing that can be done");
        assert!(refusal.reason.len() <= REASON_BYTES, "{} bytes", refusal.reason.len());
    }
    world.run(app("spawns", [agent("wide").uses(&["spawn /agent/wide"])])).await;
    let header = json!({ "name": "kid", "use": rights }).to_string();
    let told = world.act("wide", &format!("spawn /agent/wide {}", header.replace(' ', "\\u0020"))).await;
    assert!(told.starts_with("denied: ") && told.contains("more"), "{told}");
    let log = world.log().await;
    assert!(!log.iter().any(|e| matches!(e.content, Content::Unfit(_))), "an event did not fit");
    assert!(Right::parse(&rights[0]).is_ok());
    world.finish().await;
}

/// However much goes wrong in an application, what ended it fits into the log.
pub async fn what_an_application_failed_by_fits<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let fails = |n: usize| agent(&format!("a{n}")).does(&format!("fail {}", "\u{1f980}".repeat(1_000)));
    let agents: [_; 80] = std::array::from_fn(fails);
    let _ = world.try_run(app("many", agents).until_quiet()).await;
    let (ok, told) = loop {
        if let Notice::Ended { ok, reason, .. } = world.notice().await {
            break (ok, reason);
        }
    };
    assert!(!ok && told.len() <= REASON_BYTES, "{ok}, {} bytes", told.len());
    let log = world.log().await;
    let ended = log.iter().find_map(|e| match &e.content {
        Content::AppEnded(ended) => Some(ended),
        _ => None,
    });
    assert_eq!(ended.map(|ended| (ended.ok, &ended.reason)), Some((false, &told)));
    world.finish().await;
}

/// What is refused after it was permitted is recorded, whatever its class, and counted.
pub async fn a_refusal_after_permission_is_recorded<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let world = World::boot(host, Environment::dev()).await;
    let own = &["register /svc/**", "read /fs/in/**", "read /tree/**", "subscribe /topic/**"];
    let cleared = agent("cleared").uses(own).cleared_for(&[]);
    world.run(app("a", [cleared, agent("first").uses(own)]).mounted("in", MountMode::Read, &["private"], &[])).await;
    world.tell("first", "act register /svc/one").await;
    let before = world.kernel().summary().verdicts.refused;
    for (act, code) in
        [("register /svc/one", "conflict"), ("read /fs/in/x", "denied"), ("read /tree/nothing", "not_found")]
    {
        let told = world.act("cleared", act).await;
        assert!(told.starts_with(code), "{act}: {told}");
        assert_eq!(refused(&world.log().await, act), [code]);
    }
    assert_eq!(world.kernel().summary().verdicts.refused, before + 3);
    world.finish().await;
}

/// What a device cannot do was permitted: an outcome tells of it, and it is no refusal.
pub async fn what_a_device_cannot_do_is_no_refusal<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let reader = agent("reader").uses(&["read /fs/in/**"]);
    world.run(app("a", [reader]).mounted("in", MountMode::Read, &[], &[])).await;
    let before = world.kernel().summary().verdicts.refused;
    world.hand.answers(Answers::Full);
    assert!(world.act("reader", "read /fs/in/x").await.starts_with("full: "));
    world.hand.answers(Answers::Pass);
    let (summary, pid) = (world.kernel().summary(), world.pid("reader"));
    assert_eq!(summary.verdicts.refused, before);
    assert_eq!(summary.processes.iter().find(|row| row.pid == pid).map(|row| row.used.refused), Some(0));
    let log = world.log().await;
    assert!(refused(&log, "read /fs/in/x").is_empty());
    let read = |e: &&Recorded| matches!(&e.content, Content::Observed(d) if d.facts.resource.to_string() == "/fs/in/x");
    let act = log.iter().find(read).expect("observed").action;
    let of_act = log.iter().filter(|e| e.action == act).map(|e| &e.content);
    let results: Vec<&str> =
        of_act.filter_map(|c| if let Content::Outcome(o) = c { Some(&*o.result) } else { None }).collect();
    assert_eq!(results, ["full"]);
    world.finish().await;
}

/// A question leaves its facts when it is asked, and when its process ends before anybody has answered it leaves
/// that, too.
pub async fn a_question_that_nobody_answered_is_recorded<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    world.run(app("a", [agent("asker").uses(&["connect /net/**"])])).await;
    let (session, pid) = (world.session().await, world.pid("asker"));
    let path = format!("/proc/{pid}");
    session.act("send", &path, "\ndo act connect /net/example.com:443").await.expect("sent");
    let ask = world.asked().await;
    session.act("kill", &path, "").await.expect("killed");
    let log = world.log().await;
    let of_act: Vec<&Content> = log.iter().filter(|e| e.action == ask.action).map(|e| &e.content).collect();
    let [Content::Escalated(_), Content::Answered(answered), Content::Refused(refused)] = of_act[..] else {
        panic!("{of_act:?}");
    };
    assert!(!answered.allow && answered.by == "nobody");
    assert!(refused.code == "cancelled" && refused.facts.is_some() && refused.verdict.is_some());
    drop(session);
    world.finish().await;
}

/// The act that was over a budget is a refusal like any other.
pub async fn what_was_over_a_budget_is_recorded<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let spender = agent("spender").uses(&["read /fs/in/**"]).limited(|limits| limits.acts = Some(2));
    world.run(app("spend", [spender])).await;
    world.tell("spender", "repeat 5 read /fs/in/x").await;
    world.ended("spender").await;
    assert!(refused(&world.log().await, "read /fs/in/x").contains(&"exhausted"));
    world.finish().await;
}

/// An outward act that was given up while it waited for its intent to be stored is not performed afterwards.
pub async fn what_was_cancelled_is_never_performed<H: Host>(host: H) {
    let world = World::boot(host, Environment::prod()).await;
    world.run(app("a", [agent("writer").uses(&["write /fs/out/**"])])).await;
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("writer")));
    world.hand.commits(Commits::Wait);
    let write = "\ndo act write /fs/out/x {\"replace\":true} body";
    let (sent, killed, ()) = join!(
        session.act("send", &path, write),
        async {
            world.pause().await;
            session.act("kill", &path, "").await
        },
        async {
            world.pause().await;
            world.pause().await;
            world.hand.commits(Commits::Pass);
        }
    );
    assert!(sent.is_ok() && killed.is_ok(), "{sent:?} {killed:?}");
    world.pause().await;
    assert!(world.hand.asked().is_empty(), "{:?}", world.hand.asked());
    assert_eq!(world.host.get("out", "x").await, None);
    let log = world.log().await;
    let outcomes: Vec<&str> = log
        .iter()
        .filter_map(|e| match &e.content {
            Content::Outcome(outcome) if outcome.reason.contains("before it was begun") => Some(&*outcome.result),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes, ["cancelled"]);
    drop(session);
    world.finish().await;
}

/// An answer is for one act, and a warning speaks of one: neither opens a road for those that follow.
pub async fn an_answer_is_for_one_act<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let sender = agent("sender").uses(&["send /proc/*"]);
    world.run(app("a", [sender, agent("other")]).ruled("ask", "verbs = ['send']", Then::Escalate)).await;
    world
        .run(app("b", [agent("warned").uses(&["send /proc/*"]), agent("peer")]).unmounted().ruled(
            "warn",
            "verbs = ['send']",
            Then::Warn,
        ))
        .await;
    let session = world.session().await;
    let (path, other) = (format!("/proc/{}", world.pid("sender")), world.pid("other"));
    for _ in 0..2 {
        let send = format!("\ndo act send /proc/{other} - hello");
        session.act("send", &path, send).await.expect("sent");
        let ask = world.asked().await;
        world.kernel().answer(ask.action, true, "the suite");
    }
    world.pause().await;
    assert_eq!(world.heard("other").await.matches("hello").count(), 2);
    let before = world.kernel().summary().verdicts.warned;
    let peer = world.pid("peer");
    assert_eq!(world.tell("warned", &format!("repeat 3 send /proc/{peer} - x")).await, "3 ok");
    assert_eq!(world.kernel().summary().verdicts.warned, before + 3);
    drop(session);
    world.finish().await;
}

/// Whoever asks a kernel that has stopped gets an answer.
pub async fn a_kernel_that_has_stopped_answers<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let kernel = world.kernel();
    kernel.shutdown("it is over").await.expect("an orderly end");
    assert_eq!(kernel.checkpoint().await.expect_err("it has stopped").code, Code::Cancelled);
    assert_eq!(kernel.shutdown("again").await.expect_err("it has stopped").code, Code::Cancelled);
    let kept = kernel.keep_component(Bytes::from_static(b"new")).await;
    assert_eq!(kept.expect_err("it has stopped").code, Code::Cancelled);
}

/// Pieces of a component that are there but wrong are written anew.
pub async fn a_component_is_kept_as_its_hash_says<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let bytes = Bytes::from_static(b"not much of a component");
    let hash = world.kernel().keep_component(bytes.clone()).await.expect("kept");
    let piece = |n: u32| [&[0x46], &hash[..], &n.to_be_bytes()].concat();
    world.put_row(&piece(0), b"something else").await;
    world.put_row(&piece(9), b"and more").await;
    world.kernel().keep_component(bytes.clone()).await.expect("kept");
    assert_eq!(world.row(&piece(0)).await, Some(bytes));
    assert_eq!(world.row(&piece(9)).await, None);
    world.finish().await;
}

/// A message that cannot be delivered is told of under the act that it comes from, however late that was done.
pub async fn a_dead_letter_names_its_act<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let press = agent("press").uses(&["publish /topic/**"]).carries(&["secret"]);
    let reader = agent("reader").uses(&["subscribe /topic/**"]).cleared_for(&[]).does("act subscribe /topic/news");
    world.run(app("paper", [press, reader]).ruled("ask", "verbs = ['publish']", Then::Escalate)).await;
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("press")));
    session.act("send", &path, "\ndo act publish /topic/news - late").await.expect("sent");
    let ask = world.asked().await;
    world.act("reader", "read /proc/self").await;
    world.kernel().answer(ask.action, true, "the suite");
    world.pause().await;
    let log = world.log().await;
    let letters = log.iter().filter(|e| matches!(e.content, Content::DeadLetter(_)));
    assert_eq!(letters.map(|e| e.action).collect::<Vec<_>>(), [ask.action]);
    drop(session);
    world.finish().await;
}

/// Only equal refusals are counted as one: with another reason, or other labels, it is another.
pub async fn a_refusal_for_another_reason_is_another<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("a", [agent("clumsy").uses(&["write /fs/out/**"])])).await;
    let script = "act write /fs/out/x\nact write /fs/out/x {\"replace\":true,\"expect\":\"z\"}\nact read /fs/in/x";
    for _ in 0..2 {
        world.tell("clumsy", script).await;
    }
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("clumsy")));
    session.act("send", &path, "{\"labels\":[\"secret\"]}\nhear").await.expect("sent");
    world.tell("clumsy", "act read /fs/in/x").await;
    let log = world.log().await;
    assert_eq!(refused(&log, "write /fs/out/x"), ["invalid"; 2]);
    assert_eq!(refused(&log, "read /fs/in/x"), ["denied"; 2]);
    drop(session);
    world.finish().await;
}

/// An act whose rows cannot be read is refused like any other: it is told of and counted.
pub async fn what_cannot_be_read_is_a_refusal<H: Host>(host: H) {
    let world = World::forgetful(host, Environment::dev()).await;
    let session = world.session().await;
    session.act("write", "/tree/x", "{\"replace\":true}\nx").await.expect("written");
    world.log().await;
    world.hand.reads(false);
    let refusal = session.act("read", "/tree/x", "").await.expect_err("it cannot be read");
    world.hand.reads(true);
    assert!(refusal.code == Code::Failed && refusal.reason.contains("could not be read"), "{refusal}");
    assert_eq!(refused(&world.log().await, "read /tree/x"), ["failed"]);
    assert_eq!(world.process("operator").used.refused, 1);
    assert_eq!(&session.act("read", "/tree/x", "").await.expect("it can be read")[..], b"x");
    world.finish().await;
}

/// What stands before an `@` or behind a `?`, where people put passwords and tokens, is in no log and in no answer.
pub async fn a_refusal_tells_no_secret<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    for resource in ["/net/me:planted@203.0.113.7:443", "https://example.com/?token=planted", "/fs/in/x?planted"] {
        let refusal = session.act("connect", resource, "").await.expect_err("it is no resource");
        assert!(refusal.code == Code::Invalid && !format!("{refusal:?}").contains("planted"), "{refusal:?}");
    }
    let log = world.log().await;
    let told = |e: &&Recorded| matches!(&e.content, Content::Refused(refused) if refused.asked.starts_with("connect"));
    assert_eq!(log.iter().filter(told).count(), 3);
    assert!(log.iter().all(|e| !format!("{:?}", e.content).contains("planted")));
    drop(session);
    world.finish().await;
}
