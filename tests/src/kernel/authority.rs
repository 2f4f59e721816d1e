//! Who may do what: no right, no act; and no road on which a right grows.

use crate::world::{Host, World, agent, app};
use kernel_core::environment::Environment;
use kernel_core::kernel::event::Content;
use kernel_core::refusal::Code;

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
