//! Rights that processes are given and lose while they run.

use crate::world::{Agent, Answers, Hand, Host, Recorded, World, agent, app};
use kernel_core::environment::Environment;
use kernel_core::id::Pid;
use kernel_core::kernel::event::{Content, Rights};
use kernel_core::process::{Lifecycle, Restart};
use kernel_core::refusal::Code;
use serde_json::{Value, json};

/// An act on another process, with rights to use and to grant in its body, which has no spaces.
fn act(verb: &str, pid: Pid, uses: &[&str], grants: &[&str]) -> String {
    let body = json!({ "use": uses, "grant": grants }).to_string().replace(' ', "\\u0020");
    format!("{verb} /proc/{pid} {body}")
}

/// Does that as the operator; the reply, or the refusal's code and reason.
async fn operate<H: Host>(world: &World<H>, verb: &str, pid: Pid, uses: &[&str], grants: &[&str]) -> String {
    let session = world.session().await;
    let body = json!({ "use": uses, "grant": grants }).to_string();
    let told = match session.act(verb, &format!("/proc/{pid}"), body).await {
        Ok(reply) => format!("ok {}", String::from_utf8_lossy(&reply)),
        Err(refusal) => format!("{}: {}", refusal.code.as_str(), refusal.reason),
    };
    let _ = session.act("stop", "/proc/self", "").await;
    told
}

/// An agent that gives and takes, and may give what is listed.
fn giver(name: &str, grants: &[&str]) -> Agent {
    agent(name).uses(&["grant /proc/*", "revoke /proc/*", "spawn /agent/*"]).grants(grants)
}

async fn rights<H: Host>(world: &World<H>) -> Vec<Rights> {
    let log = world.log().await.into_iter();
    log.filter_map(|e| if let Content::Rights(rights) = e.content { Some(rights) } else { None }).collect()
}

const IN: &str = "read /fs/in/**";

/// Whoever may grant a right may give it to a process that runs; more is an error that names it, and gives nothing. It can
/// be taken back by whoever gave it.
pub async fn what_may_be_granted_can_be_given_and_taken_back<H: Host>(host: H) {
    host.put("in", "a/x", b"ax").await;
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("firm", [giver("boss", &["read /fs/in/a/**"]), giver("other", &[IN]), agent("clerk")])).await;
    let clerk = world.pid("clerk");
    assert!(world.act("clerk", "read /fs/in/a/x").await.starts_with("denied: "));
    let wide = world.act("boss", &act("grant", clerk, &["read /fs/in/a/*", IN, "write /fs/out/x"], &[])).await;
    assert!(wide.starts_with("denied: ") && wide.contains("`read /fs/in/**`, `write /fs/out/x`"), "{wide}");
    assert!(world.act("clerk", "read /fs/in/a/x").await.starts_with("denied: "), "no part of it is given");
    let nothing = world.act("boss", &act("grant", clerk, &[], &[])).await;
    assert!(nothing.starts_with("invalid: "), "{nothing}");
    assert_eq!(world.act("boss", &act("grant", clerk, &["read /fs/in/a/*"], &[])).await, "ok {}");
    assert_eq!(world.act("clerk", "read /fs/in/a/x").await, "ok ax");
    let not_yours = world.act("other", &act("revoke", clerk, &[IN], &[])).await;
    assert!(not_yours.starts_with("not_found: "), "{not_yours}");
    let taken = world.act("boss", &act("revoke", clerk, &[IN], &[])).await;
    assert_eq!(taken, "ok {\"use\":[\"read /fs/in/a/*\"],\"grant\":[]}");
    assert!(world.act("clerk", "read /fs/in/a/x").await.starts_with("denied: "));
    let again = world.act("boss", &act("revoke", clerk, &[IN], &[])).await;
    assert!(again.starts_with("not_found: "), "{again}");
    world.run(app("far", [agent("stranger")]).unmounted()).await;
    let strange = world.act("other", &act("grant", world.pid("stranger"), &[IN], &[])).await;
    assert!(strange.starts_with("denied: "), "what an application may hand on is for its own: {strange}");
    let told: Vec<(bool, Vec<String>)> =
        rights(&world).await.into_iter().map(|rights| (rights.lost, rights.use_)).collect();
    let right = || vec!["read /fs/in/a/*".to_owned()];
    assert_eq!(told, [(false, right()), (true, right())]);
    world.finish().await;
}

/// A right goes with its source: whoever was given it, or was spawned with it, by somebody who lost it, loses it in the same
/// step, down to the last; what is held by another source stays.
pub async fn what_lost_its_source_is_gone<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let world = World::boot(host, Environment::dev()).await;
    let chain = [giver("a", &[]), giver("b", &[]), agent("c"), agent("d"), giver("rich", &[IN])];
    world.run(app("firm", chain)).await;
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| world.pid(name));
    let rich = world.pid("rich");
    assert_eq!(world.act("rich", &act("grant", a, &[], &[IN])).await, "ok {}");
    assert_eq!(world.act("a", &act("grant", b, &[], &[IN])).await, "ok {}");
    assert_eq!(world.act("b", &act("grant", c, &[IN], &[])).await, "ok {}");
    let spawn = "spawn /agent/c {\"name\":\"kid\",\"use\":[\"read\\u0020/fs/in/*\"],\"grant\":[]}";
    let kid = world.act("b", spawn).await;
    assert!(kid.starts_with("ok {\"pid\":"), "{kid}");
    assert_eq!(operate(&world, "grant", d, &[IN], &[]).await, "ok {}");
    assert_eq!(world.act("b", &act("grant", d, &[IN], &[])).await, "ok {}");
    // They hold nothing up in a circle.
    assert_eq!(world.act("b", &act("grant", a, &[], &[IN])).await, "ok {}");
    for name in ["c", "d", "kid"] {
        assert_eq!(world.act(name, "read /fs/in/x").await, "ok x", "{name}");
    }
    let taken = operate(&world, "revoke", rich, &[], &["read /fs/**"]).await;
    assert_eq!(taken, "ok {\"use\":[],\"grant\":[\"read /fs/in/**\"]}");
    for name in ["c", "kid"] {
        assert!(world.act(name, "read /fs/in/x").await.starts_with("denied: "), "{name}");
    }
    assert_eq!(world.act("d", "read /fs/in/x").await, "ok x");
    for name in ["a", "b"] {
        let told = world.act(name, &act("grant", c, &[IN], &[])).await;
        assert!(told.starts_with("denied: "), "{name}: {told}");
    }
    world.finish().await;
}

/// What a process gave ends with it; what a session gave outlives that.
pub async fn a_gift_ends_with_its_giver<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("firm", [giver("boss", &[IN]), agent("c"), agent("d")])).await;
    let (c, d) = (world.pid("c"), world.pid("d"));
    assert_eq!(operate(&world, "grant", d, &[IN], &[]).await, "ok {}");
    assert_eq!(world.act("boss", &act("grant", c, &[IN], &[])).await, "ok {}");
    assert_eq!(world.act("c", "read /fs/in/x").await, "ok x");
    world.session().await.act("stop", &format!("/proc/{}", world.pid("boss")), "").await.expect("stopped");
    world.ended("boss").await;
    assert!(world.act("c", "read /fs/in/x").await.starts_with("denied: "));
    assert_eq!(world.act("d", "read /fs/in/x").await, "ok x");
    world.finish().await;
}

/// The operator and whoever is above a process take from it whatever it holds, also what its manifest gave it. What the
/// operator took does not come back with a restart by its supervisor, and does where the application is started anew. Others
/// take nothing that they did not give.
pub async fn what_a_manifest_gave_can_be_taken<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let world = World::boot(host, Environment::dev()).await;
    let boss = giver("boss", &[IN]).uses(&["kill /proc/*"]);
    let reader = agent("reader").uses(&[IN]).restarts(Restart::Permanent);
    world.run(app("firm", [boss, reader, agent("kid").uses(&[IN])])).await;
    let reader = world.pid("reader");
    let told = world.act("boss", &act("revoke", reader, &[IN], &[])).await;
    assert!(told.starts_with("not_found: "), "{told}");
    assert!(operate(&world, "revoke", reader, &[IN], &[]).await.starts_with("ok "));
    assert!(world.act("reader", "read /fs/in/x").await.starts_with("denied: "));
    world.session().await.act("send", &format!("/proc/{reader}"), "\ndo fail x").await.expect("sent");
    world
        .until(|world| world.process("reader").pid != reader && world.process("reader").state == Lifecycle::Running)
        .await;
    assert!(world.act("reader", "read /fs/in/x").await.starts_with("denied: "), "a restart is no way to have it back");
    let kid = world.act("boss", "spawn /agent/kid {\"name\":\"mine\"}").await;
    assert!(kid.starts_with("ok "), "{kid}");
    assert_eq!(world.act("mine", "read /fs/in/x").await, "ok x");
    let mine = world.pid("mine");
    assert!(world.act("boss", &act("revoke", mine, &[IN], &[])).await.starts_with("ok "));
    assert!(world.act("mine", "read /fs/in/x").await.starts_with("denied: "));
    // A session is nobody's but its own.
    let session = world.session().await;
    let told = operate(&world, "revoke", session.pid(), &["read /proc/**"], &[]).await;
    assert!(told.starts_with("not_found: "), "{told}");
    session.act("stop", "/app/firm", "").await.expect("stopped");
    session.act("start", "/app/firm", "").await.expect("started");
    assert_eq!(world.act("reader", "read /fs/in/x").await, "ok x");
    world.finish().await;
}

/// What rests on a right ends with it: a route, a service, a subscription, a monitor; and an act that waits for an answer
/// is not done although somebody allows it.
pub async fn what_rests_on_a_right_ends_with_it<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let uses = ["send /svc/s", "register /svc/s", "subscribe /topic/firm.t", "monitor /proc/*", "read /fs/in/**"];
    let mut plan = app("firm", [agent("a").uses(&uses), agent("b").uses(&["publish /topic/firm.t", "send /svc/s"])]);
    plan = plan.serving("s", "a", false);
    plan = plan.ruled("ask", "verbs = [\"read\"]\nresources = [\"/fs/**\"]", kernel_core::governance::Then::Escalate);
    world.install(plan.clone()).await;
    let session = world.session().await;
    session.act("start", "/app/firm", "{}").await.expect("started");
    let (a, b) = (world.pid("a"), world.pid("b"));
    for set_up in ["register /svc/s", "subscribe /topic/firm.t", &format!("monitor /proc/{b}")] {
        assert!(world.act("a", set_up).await.starts_with("ok "), "{set_up}");
    }
    for message in ["send /svc/s - one", "publish /topic/firm.t - one"] {
        assert!(world.act("b", message).await.starts_with("ok "), "{message}");
    }
    assert_eq!(world.heard("a").await.matches("one").count(), 2);
    assert!(world.act("a", "send /svc/s - to-itself").await.starts_with("ok "));
    session.act("send", &format!("/proc/{a}"), "\ndo act read /fs/in/x").await.expect("sent");
    let ask = world.asked().await;
    assert!(operate(&world, "revoke", a, &uses, &[]).await.starts_with("ok "));
    world.kernel().answer(ask.action, true, "the operator");
    assert!(world.heard("a").await.contains("denied: "));
    let told = world.act("a", "send /svc/s - again").await;
    assert!(told.starts_with("denied: "), "{told}");
    let told = world.act("b", "send /svc/s - two").await;
    assert!(told.starts_with("not_found: "), "{told}");
    assert!(world.act("b", "publish /topic/firm.t - two").await.contains("\"receivers\":0"));
    let log = world.log().await;
    let own = |e: &&Recorded| matches!(&e.content, Content::RouteOpened(opened) if opened.facts.pid == a && opened.facts.verb.as_str() == "send");
    let route = log.iter().find(own).expect("its route").action;
    let is_end = |e: &Recorded| matches!(&e.content, Content::RouteCounted(counted) if counted.closed);
    assert!(log.iter().any(|e| e.action == route && is_end(e)), "its route is closed");
    session.act("kill", &format!("/proc/{b}"), "").await.expect("killed");
    assert_eq!(world.heard("a").await, "");
    world.finish().await;
}

/// A gift tells of its giver: it does not reach whoever may not know that, and whoever it reaches carries the giver's labels
/// from then on, for good.
pub async fn a_gift_carries_the_labels_of_its_giver<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let boss = giver("boss", &[IN]).carries(&["secret"]);
    world.run(app("firm", [boss, agent("open"), agent("shut").cleared_for(&[]), agent("each").per_message()])).await;
    let told = world.act("boss", &act("grant", world.pid("shut"), &[IN], &[])).await;
    assert!(told.starts_with("denied: "), "{told}");
    for name in ["open", "each"] {
        assert_eq!(world.act("boss", &act("grant", world.pid(name), &[IN], &[])).await, "ok {}");
        assert_eq!(world.labels(name).await, ["secret"], "{name}");
    }
    let info =
        world.session().await.act("read", &format!("/proc/{}", world.pid("open")), "").await.expect("what it is");
    let info: Value = serde_json::from_slice(&info).expect("JSON");
    assert_eq!(info["use"], json!([IN]));
    world.finish().await;
}

/// What a process was spawned with is not held up by what its own child gives it: that has it from there.
pub async fn a_child_holds_nothing_up_for_its_parent<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let own = ["grant /proc/*", "revoke /proc/*", "spawn /agent/*", IN];
    let boss = giver("boss", &own);
    world.run(app("firm", [boss, giver("mid", &own), agent("other")])).await;
    let spawned = |by: &'static str, called: &str| {
        let rights = json!(["grant /proc/*", "revoke /proc/*", "spawn /agent/*"]);
        let body = json!({ "name": called, "use": rights, "grant": own }).to_string().replace(' ', "\\u0020");
        let (world, spawn) = (&world, format!("spawn /agent/mid {body}"));
        async move { world.act(by, &spawn).await }
    };
    assert!(spawned("boss", "parent").await.starts_with("ok "));
    assert!(spawned("parent", "child").await.starts_with("ok "));
    let parent = world.pid("parent");
    assert_eq!(world.act("child", &act("grant", parent, &[], &[IN])).await, "ok {}");
    assert!(world.act("boss", &act("revoke", world.pid("boss"), &[], &[IN])).await.starts_with("ok "));
    for name in ["parent", "child"] {
        let told = world.act(name, &act("grant", world.pid("other"), &[IN], &[])).await;
        assert!(told.starts_with("denied: "), "{name}: {told}");
    }
    world.finish().await;
}

/// Nobody gives itself what it may only hand on, gives a supervisor anything, or fills up what another may be given.
pub async fn a_gift_has_its_bounds<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("firm", [giver("boss", &[IN]), giver("other", &[IN]), agent("clerk")])).await;
    let told = world.act("boss", &act("grant", world.pid("boss"), &[IN], &[])).await;
    assert!(told.starts_with("invalid: "), "{told}");
    let root = world.process("boss").parent;
    let told = world.act("boss", &act("grant", root, &[IN], &[])).await;
    assert!(told.starts_with("denied: ") && told.contains("supervisor"), "{told}");
    let clerk = world.pid("clerk");
    let many: Vec<String> = (0..65).map(|n| format!("read /fs/in/{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let told = world.act("boss", &act("grant", clerk, &many, &[])).await;
    assert!(told.starts_with("too_large: "), "{told}");
    for one in &many[..8] {
        assert_eq!(world.act("boss", &act("grant", clerk, &[one], &[])).await, "ok {}", "{one}");
    }
    let told = world.act("boss", &act("grant", clerk, &["read /fs/in/x"], &[])).await;
    assert!(told.starts_with("full: "), "{told}");
    assert_eq!(world.act("other", &act("grant", clerk, &["read /fs/in/x"], &[])).await, "ok {}");
    assert_eq!(operate(&world, "grant", clerk, &["read /fs/in/y"], &[]).await, "ok {}");
    world.finish().await;
}

/// To take a part of what one right gives would leave all of it: the refusal names that right, and nothing is taken.
pub async fn what_would_go_on_is_not_said_to_be_taken<H: Host>(host: H) {
    host.put("in", "a/x", b"ax").await;
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("firm", [agent("reader").uses(&[IN, "read /fs/in/a/x"])])).await;
    let reader = world.pid("reader");
    let told = operate(&world, "revoke", reader, &["read /fs/in/a/**"], &[]).await;
    assert!(told.starts_with("conflict: ") && told.contains("`read /fs/in/**`"), "{told}");
    assert_eq!(world.act("reader", "read /fs/in/a/x").await, "ok ax");
    let told = operate(&world, "revoke", reader, &["read /fs/**"], &[]).await;
    assert_eq!(told, "ok {\"use\":[\"read /fs/in/**\",\"read /fs/in/a/x\"],\"grant\":[]}");
    world.finish().await;
}

/// A stream ends with the right to where it leads, also one that is still being opened; others stay.
pub async fn connections_end_with_their_right<H: Host>(host: H) {
    let world = World::with(host, Environment::dev(), Hand::wired()).await;
    let [a, b] = ["connect /net/a.com:443", "connect /net/b.com:443"];
    world.run(app("net", [agent("caller").uses(&[a, b])])).await;
    let caller = world.pid("caller");
    for (connect, stream) in [(a, 1), (b, 2)] {
        let told = world.act("caller", connect).await;
        assert!(told.contains(&format!("/stream/{stream}")), "{told}");
    }
    world.hand.answers(Answers::Later);
    let session = world.session().await;
    let waits = session.act("call", &format!("/proc/{caller}"), format!("\nact {a} {{\"deadline_ms\":80000000}}"));
    let taken = async {
        world.until(|world| world.hand.asked().len() == 3).await;
        operate(&world, "revoke", caller, &[a], &[]).await
    };
    let (told, taken) = futures::join!(waits, taken);
    assert!(taken.starts_with("ok "), "{taken}");
    let told = String::from_utf8_lossy(&told.expect("a transcript")).into_owned();
    assert!(told.contains("denied: ") && !told.contains("/stream/3"), "{told}");
    world.hand.answers(Answers::Pass);
    assert!(world.act("caller", "write /stream/1 - x").await.starts_with("denied: "), "it is not its own any more");
    assert!(world.act("caller", "write /stream/2 - x").await.starts_with("ok "));
    assert!(world.act("caller", "write /stream/3 - x").await.starts_with("denied: "), "it never was");
    world.finish().await;
}

/// Whoever may link no more takes nobody along; a link that the other made, too, stays.
pub async fn what_is_tied_is_untied_with_its_right<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let linking = |name: &str| agent(name).uses(&["link /proc/*"]);
    world.run(app("firm", [linking("a"), agent("b"), linking("c")])).await;
    let [a, b, c] = ["a", "b", "c"].map(|name| world.pid(name));
    for (who, whom) in [("a", b), ("a", c), ("c", a)] {
        assert_eq!(world.act(who, &format!("link /proc/{whom}")).await, "ok {}");
    }
    assert!(operate(&world, "revoke", a, &["link /proc/*"], &[]).await.starts_with("ok "));
    world.session().await.act("kill", &format!("/proc/{a}"), "").await.expect("killed");
    assert_eq!(world.ended("c").await.0, "linked");
    assert_eq!(world.process("b").state, Lifecycle::Running);
    world.finish().await;
}

/// What a tool answers is labelled as it said when it was called, whoever took its name from it meanwhile.
pub async fn an_answer_is_labelled_by_the_tool_that_was_called<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let secret = "act register /tool/db {\"effect\":{},\"output_labels\":[\"secret\"]}";
    let db = agent("db").uses(&["register /tool/db"]).does(secret);
    world.run(app("firm", [db, agent("caller").uses(&["call /tool/db"])])).await;
    let (db, session) = (world.pid("db"), world.session().await);
    let long = "{\"deadline_ms\":80000000}";
    let asks = format!("{long}\nact call /tool/db {long} act read /proc/self/inbox {long}");
    let caller = format!("/proc/{}", world.pid("caller"));
    let asks = session.act("call", &caller, asks);
    let taken = async {
        world.until(|world| world.process("db").used.acts == 2).await;
        let taken = operate(&world, "revoke", db, &["register /tool/db"], &[]).await;
        world.session().await.act("send", &format!("/proc/{db}"), "\nx").await.expect("sent");
        taken
    };
    let (told, taken) = futures::join!(asks, taken);
    assert!(taken.starts_with("ok "), "{taken}");
    let told = String::from_utf8_lossy(&told.expect("a transcript")).into_owned();
    assert!(told.contains("ok {\"labels\":[\"secret\"]}"), "{told}");
    world.finish().await;
}

/// An operator spawns an agent of an application that runs: below its process, within its plan, and gone with it.
pub async fn an_operator_spawns_in_a_running_application<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let hand = agent("hand").uses(&["read /fs/in/**"]);
    world.run(app("crew", [agent("boss").uses(&["spawn /agent/*"]), hand])).await;
    let session = world.session().await;
    let spawned = session.act("spawn", "/agent/hand", "{\"app\":\"crew\"}").await.expect("spawned");
    let pid = serde_json::from_slice::<serde_json::Value>(&spawned).expect("JSON")["pid"].as_u64().expect("a pid");
    let name = format!("hand-{pid}");
    let row = world.process(&name);
    assert_eq!(
        (row.pid.0, row.parent, row.app.as_ref().map(|app| app.as_str())),
        (pid, world.pid("crew"), Some("crew"))
    );
    assert_eq!(world.act(&name, "read /fs/in/x").await, "ok x");
    assert!(world.act(&name, "list /fs/in").await.starts_with("denied: "));
    for (body, code, says) in [
        ("{\"app\":\"crew\",\"name\":\"boss\"}", Code::Conflict, "which starts that one itself"),
        ("{\"app\":\"crew\",\"use\":[\"list /fs/in/**\"]}", Code::Denied, "may not give `list /fs/in/**`"),
        ("{\"app\":\"crew\",\"use\":[\"spawn /agent/*\"]}", Code::Denied, "the plan of `hand` does not give it"),
        ("{\"app\":\"none\"}", Code::NotFound, "no application `none` runs"),
    ] {
        let refusal = session.act("spawn", "/agent/hand", body).await.expect_err(says);
        assert!(refusal.code == code && refusal.reason.contains(says), "{refusal}");
    }
    let refusal = session.act("spawn", "/agent/nobody", "{\"app\":\"crew\"}").await.expect_err("there is none");
    assert_eq!(refusal.code, Code::NotFound);
    let told = world.act("boss", "spawn /agent/hand {\"app\":\"crew\"}").await;
    assert!(told.starts_with("denied: ") && told.contains("for the operator"), "{told}");
    session.act("stop", "/app/crew", "").await.expect("stopped");
    assert_eq!(world.ended(&name).await.0, "shutdown");
    world.finish().await;
}

/// What the operator has taken from an application that stays, or from one of its agents, nobody has again because the kernel
/// came to its end; who starts it anew gives it anew.
pub async fn what_was_taken_is_not_there_at_a_later_boot<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let writes = "write /fs/out/**";
    world.run(app("firm", [agent("reader").uses(&[IN]), agent("other").uses(&[IN, writes])])).await;
    let write = "write /fs/out/y {\"replace\":true} y";
    assert!(operate(&world, "revoke", world.pid("reader"), &[IN], &[]).await.starts_with("ok "));
    assert!(operate(&world, "revoke", world.process("firm").pid, &[], &[writes]).await.starts_with("ok "));
    for crash in [true, false] {
        let revived = world.lives_again(crash).await;
        assert!(matches!(&revived[..], [one] if one.result.is_ok()), "{revived:?}");
        assert!(world.act("reader", "read /fs/in/x").await.starts_with("denied: "));
        assert_eq!(world.act("other", "read /fs/in/x").await, "ok x");
        assert!(world.act("other", write).await.starts_with("denied: "));
        let again = operate(&world, "revoke", world.process("firm").pid, &[], &[writes]).await;
        assert!(again.starts_with("not_found: "), "{again}");
    }
    let session = world.session().await;
    session.act("stop", "/app/firm", "").await.expect("stopped");
    session.act("start", "/app/firm", "").await.expect("started");
    assert_eq!(world.act("reader", "read /fs/in/x").await, "ok x");
    assert!(world.act("other", write).await.starts_with("ok "));
    world.finish().await;
}
