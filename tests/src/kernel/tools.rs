//! Tools: whoever answers for one says what a call of it may do and takes, and the kernel holds both to it.

use crate::world::{Agent, Commits, Host, Recorded, World, agent, app};
use futures::join;
use kernel_core::app::Budget;
use kernel_core::environment::Environment;
use kernel_core::governance::Decision;
use kernel_core::kernel::Session;
use kernel_core::kernel::event::Content;
use kernel_core::process::Lifecycle;
use kernel_core::refusal::{Code, Refusal};

/// A puppet that answers for the tool of its name, declared so.
fn tool(name: &str, declared: &str) -> Agent {
    agent(name).uses(&[&format!("register /tool/{name}")]).does(&format!("act register /tool/{name} {declared}"))
}

fn caller() -> Agent {
    agent("caller").uses(&["call /tool/*"])
}

/// What an effect is declared as that changes no verdict.
const HARMLESS: &str = "{\"effect\":{}}";

/// The intents of calls of a tool, with what became of each.
fn calls<'a>(log: &'a [Recorded], resource: &str) -> Vec<(Decision, Vec<&'a str>)> {
    let intents = log.iter().filter_map(|e| match &e.content {
        Content::Intent(decided) if decided.facts.resource.to_string() == resource => Some((e.action, decided)),
        _ => None,
    });
    let outcomes = |action| {
        log.iter().filter(move |e| e.action == action).filter_map(|e| match &e.content {
            Content::Outcome(outcome) => Some(outcome.result.as_str()),
            _ => None,
        })
    };
    intents.map(|(action, decided)| (decided.verdict.decision, outcomes(action).collect())).collect()
}

/// A call of a tool has an intent and an outcome; its answer carries the labels that were declared, and so does the
/// caller from then on. Whoever has no right to it calls nothing.
pub async fn a_call_of_a_tool_is_recorded_and_labelled<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let declared = "{\"effect\":{\"risk\":300},\"output_labels\":[\"private\"]}";
    let agents = [caller(), agent("stranger"), tool("scan", declared)];
    world.run(app("kit", agents)).await;
    let told = world.act("caller", "call /tool/scan - act read /proc/self").await;
    assert!(told.starts_with("ok {\"labels\":[\"private\"]} | ok {"), "{told}");
    assert!(told.contains(&format!("\"pid\":{}", world.pid("scan"))), "{told}");
    assert_eq!(world.labels("caller").await, ["private"]);
    assert!(world.labels("scan").await.is_empty());
    assert!(world.act("stranger", "call /tool/scan - heard").await.starts_with("denied: "));
    // An error is an answer, too.
    world.run(app("more", [agent("late").uses(&["call /tool/scan"])]).unmounted()).await;
    assert!(world.act("late", "call /tool/scan - fail it broke").await.starts_with("failed: "));
    assert_eq!(world.labels("late").await, ["private"]);
    let log = world.log().await;
    assert_eq!(calls(&log, "/tool/scan"), [(Decision::Permit, vec!["done"]), (Decision::Permit, vec!["failed"])]);
    world.finish().await;
}

/// What is declared joins what the kernel derives: it can raise a verdict and never lower it. What nobody described
/// may do anything.
pub async fn what_a_tool_declares_only_raises<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let agents = [
        caller(),
        agent("leak").uses(&["call /tool/*"]).carries(&["secret"]),
        tool("mild", HARMLESS),
        tool("strong", "{\"effect\":{\"risk\":9000,\"security\":2000}}"),
        tool("unsaid", "-"),
    ];
    world.run(app("kit", agents)).await;
    assert_eq!(world.act("caller", "call /tool/mild - heard").await, "ok {\"labels\":[]} | ");
    for name in ["strong", "unsaid"] {
        let told = world.act("caller", &format!("call /tool/{name} - heard")).await;
        assert!(told.starts_with("denied: "), "{told}");
    }
    // Nor does it take away what a label adds.
    assert!(world.act("leak", "call /tool/mild - heard").await.starts_with("denied: "));
    let told = world.act("mild", "register /tool/mild {\"effect\":{}}").await;
    assert!(told.starts_with("conflict: "), "{told}");
    for wrong in ["{\"effect\":{\"risk\":10001}}", "{\"effect\":{\"harm\":1}}", "{\"schema\":{\"pattern\":\"x\"}}"] {
        let told = world.act("mild", &format!("register /tool/mild {wrong}")).await;
        assert!(told.starts_with("invalid: "), "{told}");
    }
    world.finish().await;
}

/// A tool says what may reach it: those labels do not weigh, and no others come through.
pub async fn a_cleared_tool_takes_the_label<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let carrying = |name: &str, labels: &[&str]| agent(name).uses(&["call /tool/*"]).carries(labels);
    let agents = [
        carrying("one", &["secret"]),
        carrying("two", &["secret", "private"]),
        tool("vault", "{\"effect\":{},\"clearance\":[\"secret\"]}"),
        tool("none", "{\"effect\":{},\"clearance\":[]}"),
    ];
    world.run(app("kit", agents)).await;
    assert_eq!(world.act("one", "call /tool/vault - heard").await, "ok {\"labels\":[\"secret\"]} | ");
    for (name, tool) in [("two", "vault"), ("one", "none")] {
        let told = world.act(name, &format!("call /tool/{tool} - heard")).await;
        assert!(told.starts_with("denied: ") && told.contains("clearance"), "{told}");
    }
    world.finish().await;
}

/// Arguments that do not fit the schema are refused by the gate: the tool is handed nothing.
pub async fn what_does_not_fit_is_not_handed_on<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let schema = "{\"effect\":{},\"schema\":{\"properties\":{\"path\":{\"type\":\"string\"}},\"required\":[\"path\"]}}";
    world.run(app("kit", [caller(), tool("scan", schema)])).await;
    let handed = || world.process("scan").used.messages;
    let before = handed();
    for (arguments, says) in [("", "/path is missing"), ("{\"path\":1}", "/path has to be"), ("heard", "not JSON")] {
        let told = world.act("caller", &format!("call /tool/scan - {arguments}")).await;
        assert!(told.starts_with("invalid: ") && told.contains(says), "{told}");
    }
    assert_eq!(handed(), before);
    // A puppet makes nothing of it, but it has it.
    assert!(world.act("caller", "call /tool/scan - {\"path\":\"x\"}").await.starts_with("failed: "));
    assert_eq!(handed(), before + 1);
    world.finish().await;
}

/// A tool has one who answers for it, and is gone with it.
pub async fn a_tool_has_one_owner_and_goes_with_it<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let second = agent("second").uses(&["register /tool/scan"]);
    world.run(app("kit", [caller(), tool("scan", HARMLESS), second])).await;
    assert!(world.act("caller", "call /tool/none - heard").await.starts_with("not_found: "));
    let register = format!("register /tool/scan {HARMLESS}");
    assert!(world.act("second", &register).await.starts_with("conflict: "));
    let path = format!("/proc/{}", world.pid("scan"));
    world.session().await.act("kill", &path, "").await.expect("killed");
    world.ended("scan").await;
    assert!(world.act("caller", "call /tool/scan - heard").await.starts_with("not_found: "));
    assert_eq!(world.act("second", &register).await, "ok {}");
    assert!(world.act("caller", "call /tool/scan - heard").await.starts_with("ok "));
    world.finish().await;
}

/// In prod a tool is handed nothing before the intent is stored, and what was given up by then it is never handed.
pub async fn a_tool_is_called_after_its_intent_is_stored<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    world.run(app("kit", [caller(), tool("scan", HARMLESS)])).await;
    let session = world.session().await;
    let handed = |world: &World<H>| world.process("scan").used.messages;
    let before = handed(&world);
    world.hand.commits(Commits::Wait);
    let path = format!("/proc/{}", world.pid("caller"));
    let (reply, ()) = join!(session.act("call", &path, "\nact call /tool/scan - heard"), async {
        world.pause().await;
        assert_eq!(handed(&world), before, "the tool was called before the intent was stored");
        world.hand.commits(Commits::Pass);
    });
    assert!(String::from_utf8_lossy(&reply.expect("a transcript")).contains("\nok "));
    assert_eq!(handed(&world), before + 1);
    world.hand.commits(Commits::Wait);
    let acts = world.process("caller").used.acts;
    drop(session.act("send", &path, "\ndo act call /tool/scan - heard"));
    world.until(|world| world.process("caller").used.acts > acts).await;
    let killed = session.act("kill", &path, "");
    world.until(|world| world.process("caller").state == Lifecycle::Exited).await;
    world.hand.commits(Commits::Pass);
    killed.await.expect("killed");
    world.ended("caller").await;
    world.pause().await;
    assert_eq!(handed(&world), before + 1);
    let log = world.log().await;
    assert_eq!(calls(&log, "/tool/scan"), [(Decision::Permit, vec!["done"]), (Decision::Permit, vec!["cancelled"])]);
    world.finish().await;
}

/// Calls of tools have an account of their own.
pub async fn calls_of_tools_are_drawn<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("kit", [tool("scan", HARMLESS)])).await;
    let budget = Budget { tool_calls: Some(3), messages: Some(1), ..Budget::default() };
    world.run(app("spend", [caller()]).unmounted().budget(budget)).await;
    let caller = format!("/proc/{}", world.pid("caller"));
    let told = world.tell("caller", "repeat 5 call /tool/scan - heard").await;
    assert!(told.contains(&format!("{caller} ended (")), "{told}");
    assert!(world.ended("spend").await.1.contains("tool_calls"));
    let log = world.log().await;
    assert_eq!(calls(&log, "/tool/scan").len(), 3);
    world.finish().await;
}

/// What a tool answers is not the doing of who calls it, also where the caller may not carry it, or nobody could.
pub async fn what_a_tool_answers_suspends_nobody<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let many: Vec<String> = (0..64).map(|n| format!("\"l{n}\"")).collect();
    let declared = |labels: &str| format!("{{\"effect\":{{}},\"output_labels\":[{labels}]}}");
    let agents = [
        caller().cleared_for(&[]),
        tool("above", &declared("\"secret\"")),
        tool("beyond", &declared(&many.join(","))).carries(&["secret"]),
    ];
    world.run(app("kit", agents)).await;
    for (name, code) in [("above", "denied"), ("beyond", "too_large")] {
        let told = world.tell("caller", &format!("repeat 150 call /tool/{name} - now")).await;
        assert_eq!(told, format!("150 {code}"));
        assert_eq!(world.process("caller").state, Lifecycle::Running);
        assert!(world.labels("caller").await.is_empty());
    }
    world.finish().await;
}

/// A tool of whoever carries a secret, declared so that nothing passes.
fn spys() -> Agent {
    tool("x", "{\"effect\":{\"risk\":9123,\"security\":4567},\"clearance\":[\"x-hunter2\"]}").carries(&["secret"])
}

/// A refusal told of what `spys` declared, and whoever got it carries what the spy does.
async fn told_of_the_spy(session: &Session, refusal: Refusal) {
    assert!(refusal.code == Code::Denied && refusal.detail.contains("9123"), "{refusal} {}", refusal.detail);
    let info = session.act("read", "/proc/self", "").await.expect("what it is");
    assert!(String::from_utf8_lossy(&info).contains("\"labels\":[\"secret\"]"), "{info:?}");
}

/// What is declared of a tool is the word of whoever registers it: a denial that tells of it carries what that one did.
pub async fn a_denial_tells_of_a_tool_with_labels<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("kit", [spys(), caller().cleared_for(&[])])).await;
    let session = world.session().await;
    let denied = session.act("call", "/tool/x", "\nhi").await.expect_err("it is over the threshold");
    told_of_the_spy(&session, denied).await;
    let told = world.act("caller", "call /tool/x - hi").await;
    assert!(told.starts_with("denied: ") && !told.contains("risk") && !told.contains("hunter2"), "{told}");
    assert!(world.labels("caller").await.is_empty());
    world.finish().await;
}

/// The same where a person was asked and did not allow it.
pub async fn a_no_tells_of_a_tool_with_labels<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::staging()).await;
    world.run(app("kit", [spys()])).await;
    let session = world.session().await;
    let call = session.act("call", "/tool/x", "\nhi");
    let action = world.asked().await.action;
    world.kernel().answer(action, false, "a person");
    told_of_the_spy(&session, call.await.expect_err("a no")).await;
    world.finish().await;
}

/// A check of arguments costs only so much, whatever schema and arguments are together, and so do the schemas that one
/// process makes the kernel keep.
pub async fn a_check_of_arguments_is_bounded<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let one_of = format!("{{\"effect\":{{}},\"schema\":{{\"items\":{{\"enum\":[{}0]}}}}}}", "1,".repeat(8_000));
    world.run(app("kit", [caller(), tool("scan", &one_of), agent("many").uses(&["register /tool/*"])])).await;
    let call = |item: &str, n: usize| format!("call /tool/scan - [{}]", vec![item; n].join(","));
    let told = world.act("caller", &call("2", 1)).await;
    assert!(told.starts_with("invalid: ") && told.contains("/0 has to be"), "{told}");
    let told = world.act("caller", &call("0", 100)).await;
    assert!(told.starts_with("invalid: ") && told.contains("steps"), "{told}");
    assert!(world.act("caller", &call("1", 1_000)).await.starts_with("failed: "), "it fits");

    let properties: Vec<String> = (0..3_000).map(|n| format!("\"{n:x}\":{{}}")).collect();
    let heavy = format!("{{\"effect\":{{}},\"schema\":{{\"properties\":{{{}}}}}}}", properties.join(","));
    assert_eq!(world.act("many", &format!("register /tool/t0 {heavy}")).await, "ok {}");
    let told = world.act("many", &format!("register /tool/t1 {heavy}")).await;
    assert!(told.starts_with("full: ") && told.contains("schemas"), "{told}");
    assert_eq!(world.act("many", "register /tool/t1 {\"effect\":{},\"schema\":{}}").await, "ok {}");
    world.finish().await;
}

/// What was checked is what the tool reads, whichever of two equal keys it takes.
pub async fn a_key_that_stands_twice_does_not_fit<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let schema = "{\"effect\":{},\"schema\":{\"properties\":{\"path\":{\"const\":\"ok\"}}}}";
    world.run(app("kit", [caller(), tool("scan", schema)])).await;
    let before = world.process("scan").used.messages;
    let told = world.act("caller", "call /tool/scan - {\"path\":\"/etc/shadow\",\"path\":\"ok\"}").await;
    assert!(told.starts_with("invalid: ") && told.contains("twice"), "{told}");
    assert_eq!(world.process("scan").used.messages, before);
    world.finish().await;
}

/// The end of whoever answers for a tool takes the place of its answer, and is labelled so.
pub async fn an_end_in_place_of_an_answer_is_labelled_so<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let declared = "{\"effect\":{},\"output_labels\":[\"private\"]}";
    world.run(app("kit", [caller(), tool("scan", declared)])).await;
    let before = world.process("scan").used.messages;
    let wait = "call /tool/scan - act read /proc/self/inbox {\"correlation\":9,\"deadline_ms\":86400000}";
    let (told, ()) = join!(world.act("caller", wait), async {
        world.until(|world| world.process("scan").used.messages > before).await;
        let path = format!("/proc/{}", world.pid("scan"));
        world.session().await.act("kill", &path, "").await.expect("killed");
    });
    assert!(told.starts_with("failed: ") && told.contains("before it replied"), "{told}");
    assert_eq!(world.labels("caller").await, ["private"]);
    world.finish().await;
}
