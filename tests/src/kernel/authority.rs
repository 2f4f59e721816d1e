//! Who may do what: no right, no act; and no road on which a right grows.

use crate::world::{Host, Recorded, World, agent, app};
use kernel_core::environment::Environment;
use kernel_core::governance::{Facts, Then};
use kernel_core::kernel::event::Content;
use kernel_core::refusal::Code;

/// What was decided upon for each observing act of the process of that name.
fn observed<'a>(log: &'a [Recorded], name: &str) -> Vec<&'a Facts> {
    let of = |event: &'a Recorded| match &event.content {
        Content::Observed(decided) => Some(&decided.facts).filter(|facts| facts.name.as_str() == name),
        _ => None,
    };
    log.iter().filter_map(of).collect()
}

/// Without a right an act is refused, nothing is asked of the host, and the refusal says which right is missing
/// and is recorded.
pub async fn what_lacks_a_grant_is_denied_and_not_performed<H: Host>(host: H) {
    host.put("in", "secret.txt", b"the secret").await;
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("theft", [agent("thief").uses(&["read /fs/in/public/**"])])).await;
    for act in [
        "read /fs/in/secret.txt",
        "list /fs/in",
        "write /fs/out/x {\"replace\":true} mine",
        "remove /fs/in/secret.txt",
        "connect /net/example.com:443",
        "publish /topic/any",
        "register /svc/any",
        "spawn /agent/thief",
        "read /tree/x",
    ] {
        let told = world.act("thief", act).await;
        assert!(told.starts_with("denied: ") && told.contains("holds no right"), "{act}: {told}");
    }
    assert!(world.hand.asked().is_empty(), "{:?}", world.hand.asked());
    assert_eq!(world.host.get("in", "secret.txt").await.as_deref(), Some(&b"the secret"[..]));
    let log = world.log().await;
    let refused = log.iter().filter(|e| matches!(&e.content, Content::Refused(r) if r.code == "denied")).count();
    assert_eq!(refused, 9);
    world.finish().await;
}

/// The same in every environment: none widens authority.
pub async fn no_environment_gives_a_right<H: Host>(host: H) {
    let mut host = host;
    for environment in [Environment::dev(), Environment::staging(), Environment::prod()] {
        let world = World::boot(host, environment).await;
        world.run(app("theft", [agent("thief")])).await;
        let told = world.act("thief", "read /fs/in/x").await;
        assert!(told.starts_with("denied: ") && told.contains("holds no right"), "{told}");
        host = world.finish().await.host;
    }
}

/// A child gets what it asks for, if its parent may give that; more is an error, and there is no child.
pub async fn a_child_gets_what_its_parent_may_give<H: Host>(host: H) {
    host.put("in", "a/x", b"ax").await;
    host.put("in", "b/x", b"bx").await;
    let world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").uses(&["spawn /agent/helper"]).grants(&["read /fs/in/a/**"]);
    world.run(app("firm", [boss, agent("helper").uses(&["read /fs/in/b/**"])])).await;
    let spawn = |name: &str, right: &str| format!("spawn /agent/helper {{\"name\":\"{name}\",\"use\":[\"{right}\"]}}");
    let wide = world.act("boss", &spawn("wide", "read\\u0020/fs/in/**")).await;
    assert!(wide.starts_with("denied: ") && wide.contains("`read /fs/in/**`"), "{wide}");
    let other = world.act("boss", &spawn("other", "read\\u0020/fs/in/b/**")).await;
    assert!(other.starts_with("denied: "), "{other}");
    let kid = world.act("boss", &spawn("kid", "read\\u0020/fs/in/a/*")).await;
    assert!(kid.starts_with("ok {\"pid\":"), "{kid}");
    assert_eq!(world.act("kid", "read /fs/in/a/x").await, "ok ax");
    // What it did not ask for it does not have, though its parent could give it and its manifest names it.
    for act in ["read /fs/in/a/b/c", "read /fs/in/b/x"] {
        let told = world.act("kid", act).await;
        assert!(told.starts_with("denied: "), "{act}: {told}");
    }
    world.finish().await;
}

/// To hold a right is not to give it.
pub async fn to_use_is_not_to_give<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").uses(&["spawn /agent/helper", "read /fs/in/**"]);
    world.run(app("firm", [boss, agent("helper")])).await;
    let kid = world.act("boss", "spawn /agent/helper {\"name\":\"kid\",\"use\":[\"read\\u0020/fs/in/**\"]}").await;
    assert!(kid.starts_with("denied: "), "{kid}");
    world.finish().await;
}

/// A process of an application reaches no process of another by its number.
pub async fn applications_do_not_reach_each_other<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("one", [agent("a").uses(&["send /proc/*", "kill /proc/*"]), agent("friend")])).await;
    world.run(app("two", [agent("b")]).unmounted()).await;
    for verb in ["send", "kill"] {
        let told = world.act("a", &format!("{verb} /proc/{}", world.pid("b"))).await;
        assert!(told.starts_with("denied: "), "{verb}: {told}");
    }
    assert_eq!(world.heard("b").await, "");
    let told = world.act("a", &format!("send /proc/{} - hello", world.pid("friend"))).await;
    assert!(told.starts_with("ok "), "{told}");
    world.finish().await;
}

/// Whatever a manifest asks for, an application gets what whoever starts it may give.
pub async fn an_application_gets_what_its_starter_may_give<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let session = world.session_with(&["install /app/*", "start /app/*"], &["read /fs/in/a/**"]).await;
    let asks = |right: &str| app("asks", [agent("a").uses(&[right])]);
    let refusal = world.try_run_by(&session, asks("read /fs/in/**")).await.expect_err("more than it may give");
    assert_eq!(refusal.code, Code::Denied, "{refusal}");
    assert!(refusal.reason.contains("`read /fs/in/**`"), "{refusal}");
    world.try_run_by(&session, asks("read /fs/in/a/*")).await.expect("what it may give");
    world.finish().await;
}

/// Without any right a process looks at itself, receives, and ends; others it can neither read nor end.
pub async fn a_process_needs_no_right_on_itself<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("pair", [agent("a"), agent("b")])).await;
    let told = world.tell("a", "act read /proc/self\nact read /proc/self/inbox {\"deadline_ms\":0}").await;
    assert!(told.starts_with("ok {\"pid\":") && told.contains("\ntimed_out: "), "{told}");
    let b = world.pid("b");
    for act in [format!("read /proc/{b}"), format!("stop /proc/{b}"), format!("read /proc/{b}/inbox")] {
        let told = world.act("a", &act).await;
        assert!(told.starts_with("denied: "), "{act}: {told}");
    }
    assert_eq!(world.act("a", "stop /proc/self").await, "ok {}");
    assert_eq!(world.ended("a").await.0, "normal");
    world.finish().await;
}

/// A number that nobody has yet leads nowhere: not now, and not to the process that will have it. One that has ended
/// was somebody, and its own are told that it is not there.
pub async fn a_number_to_come_leads_nowhere<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("one", [agent("a").uses(&["send /proc/*"]), agent("gone")])).await;
    let gone = world.pid("gone");
    let first = world.pid("a").max(gone).0 + 1;
    let probes: Vec<String> = (first..first + 40).map(|n| format!("act send /proc/{n} - probe")).collect();
    let told = world.tell("a", &probes.join("\n")).await;
    assert_eq!(told.matches("denied: ").count(), 40, "{told}");
    world.run(app("two", [agent("b")]).unmounted()).await;
    let b = world.pid("b");
    assert!((first..first + 40).contains(&b.0), "{b}");
    let told = world.act("a", &format!("send /proc/{b} - stolen")).await;
    assert!(told.starts_with("denied: "), "{told}");
    assert_eq!(world.heard("b").await, "");
    world.session().await.act("kill", &format!("/proc/{gone}"), "").await.expect("killed");
    let told = world.act("a", &format!("send /proc/{gone} - hello")).await;
    assert!(told.starts_with("not_found: "), "{told}");
    world.finish().await;
}

/// What a rule says of an agent it says of each of its processes, whatever they are called.
pub async fn a_rule_holds_an_agent_by_any_name<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").uses(&["spawn /agent/writer"]).grants(&["write /fs/out/**"]);
    let ruled = app("ruled", [boss, agent("writer").uses(&["write /fs/out/**"])]);
    world.run(ruled.ruled("no", "agents = ['writer']\nverbs = ['write']", Then::Deny)).await;
    let told = world.act("boss", "spawn /agent/writer {\"name\":\"innocent\"}").await;
    assert!(told.starts_with("ok "), "{told}");
    for name in ["writer", "innocent"] {
        let told = world.act(name, "write /fs/out/x {\"replace\":true} body").await;
        assert!(told.starts_with("denied: ") && told.contains("ruled.no"), "{name}: {told}");
    }
    let log = world.log().await;
    let named = log.iter().find_map(|e| match &e.content {
        Content::Refused(refused) => refused.facts.as_ref().filter(|facts| facts.name.as_str() == "innocent"),
        _ => None,
    });
    assert_eq!(named.map(|facts| facts.agent.as_str()), Some("writer"));
    world.finish().await;
}

/// How new an act is goes by the agent as well: another name makes nothing newer, or older.
pub async fn another_name_makes_nothing_new<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").uses(&["spawn /agent/reader"]).grants(&["read /fs/in/**"]);
    world.run(app("firm", [boss, agent("reader").uses(&["read /fs/in/**"])])).await;
    assert_eq!(world.tell("reader", "repeat 20 read /fs/in/x").await, "20 ok");
    let told = world.act("boss", "spawn /agent/reader {\"name\":\"fresh\"}").await;
    assert!(told.starts_with("ok "), "{told}");
    assert_eq!(world.act("fresh", "read /fs/in/x").await, "ok x");
    let log = world.log().await;
    let (old, fresh) = (observed(&log, "reader"), observed(&log, "fresh"));
    assert_eq!(fresh[0].effect, old[19].effect);
    assert_ne!(fresh[0].effect, old[0].effect);
    world.finish().await;
}

/// What a child gets is what rules see, whether the spawn says it or leaves it to the manifest.
pub async fn what_a_child_gets_unsaid_is_ruled_too<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").uses(&["spawn /agent/writer"]).grants(&["write /fs/out/**"]);
    let when = "verbs = ['spawn']\nagents = ['boss']\narguments = { use = { contains = 'write /fs/out/**' } }";
    let ruled = app("ruled", [boss, agent("writer").uses(&["write /fs/out/**"])]).ruled("no", when, Then::Deny);
    world.run(ruled).await;
    for said in [",\"use\":[\"write\\u0020/fs/out/**\"]", ""] {
        let told = world.act("boss", &format!("spawn /agent/writer {{\"name\":\"kid\"{said}}}")).await;
        assert!(told.starts_with("denied: ") && told.contains("ruled.no"), "{told}");
    }
    let told = world.act("boss", "spawn /agent/writer {\"name\":\"kid\",\"use\":[]}").await;
    assert!(told.starts_with("ok "), "{told}");
    world.finish().await;
}

/// A service that a running application declares is its own before anybody answers for it: no other application
/// that declares it starts beside it, and nobody else registers it.
pub async fn a_declared_service_is_its_applications<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let may = ["install /app/*", "start /app/*", "register /svc/report"];
    let session = world.session_with(&may, &[]).await;
    let serves = |name: &str, owner: &str| {
        let owned = agent(owner).uses(&["send /svc/report", "register /svc/report"]).own();
        app(name, [owned]).unmounted().serving("report", owner, true)
    };
    world.try_run_by(&session, serves("first", "a")).await.expect("the first");
    let refusal = world.try_run_by(&session, serves("second", "b")).await.expect_err("a second");
    assert!(refusal.code == Code::Conflict && refusal.reason.contains("`first`"), "{refusal}");
    let refusal = session.act("register", "/svc/report", "").await.expect_err("not its own");
    assert!(refusal.code == Code::Conflict && refusal.reason.contains("`first`"), "{refusal}");
    assert_eq!(world.act("a", "register /svc/report").await, "ok {}");
    world.finish().await;
}

/// The topics of `x` are `/topic/x.**`, so no application is called `x.y`, whatever its plan was made by.
pub async fn no_application_has_dots_in_its_name<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let refusal = world.try_run(app("x.y", [agent("a")]).unmounted()).await.expect_err("a dot");
    assert!(refusal.code == Code::Invalid && refusal.reason.contains("use a dash"), "{refusal}");
    world.run(app("x-y", [agent("a")]).unmounted()).await;
    world.finish().await;
}

/// A mailbox is read by its process alone, whatever right another holds.
pub async fn nobody_receives_what_is_anothers<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("one", [agent("a")])).await;
    let session = world.session_with(&["read /proc/**"], &[]).await;
    let inbox = format!("/proc/{}/inbox", world.pid("a"));
    let refusal = session.act("read", &inbox, "{\"deadline_ms\":0}").await.expect_err("it is another's");
    assert_eq!(refusal.code, Code::Denied, "{refusal}");
    let own = session.act("read", "/proc/self/inbox", "{\"deadline_ms\":0}").await.expect_err("nothing waits");
    assert_eq!(own.code, Code::TimedOut, "{own}");
    world.finish().await;
}
