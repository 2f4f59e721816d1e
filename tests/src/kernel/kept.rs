//! What the kernel itself keeps in the tree, whose the bytes of the rest are, and who may look around in it.

use crate::world::{Host, World, agent, app};
use bytes::Bytes;
use futures::FutureExt;
use kernel_core::chain::{Evidence, VerifierKey};
use kernel_core::codec::table_range;
use kernel_core::environment::Environment;
use kernel_core::governance::Then;
use kernel_core::kernel::event::Content;
use kernel_core::kernel::rows::{TABLE_APP, TABLE_HELD, TABLE_SNAPSHOT, TABLE_SNAPSHOT_NODE, key};
use kernel_core::kernel::{opening, snapshots, verify, verify_node};
use kernel_core::path::TreePath;
use kernel_core::platform::Storage;
use kernel_core::refusal::Code;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const KEEPER: &[&str] = &["read /tree/**", "write /tree/**", "remove /tree/**", "list /tree/**"];

/// Whether what is stored is the tree that the log tells, with all that goes by it.
async fn checks<H: Host>(world: &World<H>) -> Result<(), String> {
    world.log().await;
    verify(world.rows(), opening(&world.key()), |_, _| {}).await.map(drop).map_err(|e| e.to_string())
}

async fn proved<H: Host>(world: &World<H>, key: &VerifierKey, path: &str) -> bool {
    let proof = world.kernel().prove_node(&TreePath::parse(path).expect("a path")).await.expect("a proof");
    let Ok(Evidence::Node(proof)) = Evidence::parse(Evidence::Node(proof).to_json().as_bytes()) else {
        panic!("the same proof")
    };
    verify_node(&proof, Some(key)).expect("a proof that holds").node.is_some()
}

/// What is installed is in the tree, with the hash of its plan and what was asked of it last, from the outcome of the act on, and
/// gone with it; everybody with a right may look, and nobody else than the kernel writes there.
pub async fn what_is_installed_is_in_the_tree<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let path = "/tree/kernel/apps/store";
    let told = async |world: &World<H>| {
        let value = world.session().await.act("read", path, "").await?;
        Ok::<Value, kernel_core::refusal::Refusal>(serde_json::from_slice(&value).expect("JSON"))
    };
    world.install(app("store", [agent("a").uses(KEEPER)])).await;
    let first = told(&world).await.expect("a node");
    world.log().await;
    let plan = world.row(&key(TABLE_APP, b"store")).await.expect("a plan");
    assert_eq!(first["plan"], kernel_core::codec::hex(&Sha256::digest(&plan)), "{first}");
    assert_eq!((&first["asked"]["verb"], &first["version"]), (&json!("install"), &json!("0.1.0")), "{first}");
    let log = world.log().await;
    let action = first["installed"]["action"].as_u64().expect("a number");
    let outcome = log.iter().find_map(|event| match &event.content {
        Content::Outcome(outcome) if event.action.0 == action => Some(outcome),
        _ => None,
    });
    assert!(outcome.expect("an outcome").tree.is_some(), "the outcome of the act tells the root");
    world.run(app("store", [agent("a").uses(KEEPER)])).await;
    assert_eq!(told(&world).await.expect("a node")["asked"]["verb"], "start");
    checks(&world).await.expect("a tree as the log tells it");
    let verifier = world.kernel().key().await.expect("a key");
    assert!(proved(&world, &verifier, "kernel/apps/store").await);
    // A right to all of the tree is none to this.
    for act in
        ["write /tree/kernel/apps/store {\"replace\":true} x", "remove /tree/kernel/apps/store", "remove /tree/kernel"]
    {
        let refused = world.act("a", act).await;
        assert!(refused.starts_with("denied: ") && refused.contains("/tree/kernel"), "{act}: {refused}");
    }
    let refused = world.session().await.act("write", "/tree/kernel/x", "{\"replace\":true}\nx").await;
    assert_eq!(refused.expect_err("it is the kernel's").code, Code::Denied);
    assert_eq!(world.act("a", "write /tree/kernels {\"replace\":true} x").await, "ok {\"version\":1}");
    assert!(world.act("a", "list /tree/kernel/apps").await.contains("\"name\":\"store\""));
    world.session().await.act("stop", "/app/store", "").await.expect("stopped");
    let stopped = told(&world).await.expect("a node");
    assert_eq!((&stopped["asked"]["verb"], &stopped["installed"]["verb"]), (&json!("stop"), &json!("install")));
    world.reboot().await;
    assert_eq!(told(&world).await.expect("a node"), stopped);
    world.session().await.act("remove", "/app/store", "").await.expect("removed");
    assert_eq!(told(&world).await.expect_err("it is gone").code, Code::NotFound);
    assert!(!proved(&world, &verifier, "kernel/apps/store").await);
    world.finish().await;
}

/// A start that goes on, because a person is asked in the middle of it, has changed the tree: what is stored tells the root of it,
/// so that a kernel boots over it when the power fails by then.
pub async fn a_start_that_goes_on_tells_the_root<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let asked = "verbs = [\"spawn\"]\nresources = [\"/agent/gate\"]";
    world.install(app("slow", [agent("gate")]).unmounted().ruled("asked", asked, Then::Escalate)).await;
    let session = world.session().await;
    {
        let mut start = std::pin::pin!(session.act("start", "/app/slow", ""));
        assert!((&mut start).now_or_never().is_none());
        world.asked().await;
        checks(&world).await.expect("a tree as the log tells it");
    }
    drop(session);
    world.crash().await;
    checks(&world).await.expect("a tree as the log tells it");
    world.finish().await;
}

/// A plan that was put among what is stored beside the kernel is started by nobody, and verifying finds it.
pub async fn another_plan_is_not_started<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let of = |name: &str| app(name, [agent("a").uses(KEEPER)]).unmounted();
    world.install(of("store")).await;
    world.log().await;
    let row = key(TABLE_APP, b"store");
    let plan = String::from_utf8(world.row(&row).await.expect("a plan").to_vec()).expect("text");
    let other = plan.replace("remove /tree/**", "remove /fs/**");
    assert_ne!(plan, other);
    checks(&world).await.expect("a tree as the log tells it");
    let unknown = plan.replace("store", "stray");
    world.reboot_over(vec![(row, Some(other.into())), (key(TABLE_APP, b"stray"), Some(unknown.into()))]).await;
    let session = world.session().await;
    for name in ["store", "stray"] {
        let refused = session.act("start", &format!("/app/{name}"), "").await.expect_err("another plan");
        assert_eq!(refused.code, Code::Failed, "{refused}");
        assert!(refused.reason.contains("install it again"), "{refused}");
        assert!(checks(&world).await.expect_err("another plan").contains(name));
        world.run(of(name)).await;
        session.act("stop", &format!("/app/{name}"), "").await.expect("stopped");
    }
    checks(&world).await.expect("a tree as the log tells it");
    drop(session);
    world.finish().await;
}

/// What an agent has in the tree is held against it and nobody else, also by a later kernel, until it goes, whoever removes it.
pub async fn what_is_held_outlives_the_kernel<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let limited = |name: &str| agent(name).uses(KEEPER).limited(|limits| limits.stored = Some(10));
    let store = || app("store", [limited("a"), limited("b")]);
    world.run(store()).await;
    let write = |path: &str, value: &str| format!("write {path} {{\"replace\":true}} {value}");
    assert_eq!(world.act("a", &write("/tree/x", "123456")).await, "ok {\"version\":1}");
    assert_eq!(world.act("a", &write("/tree/y", "1234")).await, "ok {\"version\":1}");
    // What another one removes was not that one's.
    assert_eq!(world.act("b", "remove /tree/y").await, "ok {}");
    assert!(world.act("b", &write("/tree/z", "12345678901")).await.starts_with("exhausted: "));
    assert_eq!(world.act("b", &write("/tree/z", "1234567890")).await, "ok {\"version\":1}");
    world.reboot().await;
    world.run(store()).await;
    assert!(world.act("a", &write("/tree/y", "12345")).await.starts_with("exhausted: "));
    assert!(world.act("b", &write("/tree/y", "1")).await.starts_with("exhausted: "));
    // Whoever writes over it takes it over.
    world.session().await.act("write", "/tree/z", "{\"replace\":true}\n1234567890").await.expect("a write");
    assert_eq!(world.act("b", &write("/tree/y", "1234567890")).await, "ok {\"version\":1}");
    world.session().await.act("remove", "/tree/x", "").await.expect("a removal");
    assert_eq!(world.act("a", &write("/tree/x", "1234567890")).await, "ok {\"version\":1}");
    checks(&world).await.expect("sums that are those of the nodes");
    let held = key(TABLE_HELD, b"store/a");
    world.reboot_over(vec![(held, Some(Bytes::copy_from_slice(&1u64.to_be_bytes())))]).await;
    assert!(checks(&world).await.expect_err("a sum that was changed").contains("store/a"));
    world.finish().await;
}

/// What is kept for a snapshot is held against whoever took it, until it is let go of; then it goes, while the kernel runs. Its
/// name, time and taker are those that the log tells.
pub async fn a_snapshot_is_held_against_who_took_it<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(app("store", [agent("a").uses(KEEPER).limited(|limits| limits.stored = Some(10))])).await;
    let write = |path: &str, value: &str| format!("write {path} {{\"replace\":true}} {value}");
    assert_eq!(world.act("a", &write("/tree/x", "123456")).await, "ok {\"version\":1}");
    assert_eq!(world.act("a", "write /tree {\"snapshot\":\"mine\"}").await, "ok {}");
    assert!(world.act("a", &write("/tree/x", "654321")).await.starts_with("exhausted: "));
    // Others write what they like.
    let session = world.session().await;
    session.act("write", "/tree/x", "{\"replace\":true}\nother").await.expect("a write");
    assert!(world.act("a", &write("/tree/y", "12345")).await.starts_with("exhausted: "));
    session.act("write", "/tree", "{\"snapshot\":\"other\"}").await.expect("a snapshot");
    session.act("write", "/tree/x", "{\"replace\":true}\nagain").await.expect("a write");
    checks(&world).await.expect("sums that are those of the nodes");
    let kept = snapshots(world.rows()).await.expect("snapshots");
    let told: Vec<_> = kept.iter().map(|one| (&*one.kept.name, one.kept.bytes, one.kept.holder.as_deref())).collect();
    assert_eq!(told, [("mine", 6, Some("store/a")), ("other", 5, None)]);
    // What the later one keeps is kept for the earlier one now.
    session.act("remove", "/tree", "{\"snapshot\":\"other\"}").await.expect("let go of");
    assert!(world.act("a", &write("/tree/y", "1")).await.starts_with("exhausted: "));
    checks(&world).await.expect("sums that are those of the nodes");
    let row = kernel_core::kernel::rows::numbered(TABLE_SNAPSHOT, kept[0].action.0);
    let mine = world.row(&row).await.expect("a row").to_vec();
    let changed = |from: &[u8], to: &[u8]| {
        let at = mine.windows(from.len()).position(|part| part == from).expect("it tells so");
        [&mine[..at], to, &mine[at + from.len()..]].concat()
    };
    // Its name, to whom it is charged, how much that is, who took it, and when.
    let mut later = mine.clone();
    let time = mine.windows(3).position(|part| part == b"\x06\x61a").expect("who took it") - 1;
    later[time] ^= 1;
    let others = [
        changed(b"mine", b"your"),
        changed(b"store/a", b"store/b"),
        changed(b"\x04\x06", b"\x04\x05"),
        changed(b"\x06\x61a", b"\x06\x61b"),
        later,
    ];
    drop(session);
    for other in others {
        world.reboot_over(vec![(row.clone(), Some(other.into()))]).await;
        checks(&world).await.expect_err("a snapshot that was changed");
    }
    world.reboot_over(vec![(row, Some(mine.into()))]).await;
    checks(&world).await.expect("it is as it was");
    world.run(app("store", [agent("a").uses(KEEPER).limited(|limits| limits.stored = Some(10))])).await;
    assert_eq!(world.act("a", "remove /tree {\"snapshot\":\"mine\"}").await, "ok {}");
    assert_eq!(world.act("a", &write("/tree/y", "1234567890")).await, "ok {\"version\":1}");
    let (from, to) = table_range(TABLE_SNAPSHOT_NODE);
    while !world.rows().scan(&from, &to, 1).await.expect("rows").rows.is_empty() {
        world.log().await;
        world.pause().await;
    }
    checks(&world).await.expect("sums that are those of the nodes");
    world.finish().await;
}

/// Whoever may list a node is told what is directly below it, a page at a time, with the labels of that and of what was removed
/// there; whoever may not is told nothing.
pub async fn nodes_are_listed<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let agents = ["a", "b", "c", "d"].map(|name| agent(name).uses(&["list /tree/app", "list /tree/app/**"]));
    world.run(app("store", agents)).await;
    let session = world.session().await;
    let write = |path: &str, line: Value| session.act("write", path, format!("{line}\nvalue"));
    for path in ["/tree/app/x", "/tree/app/y/z", "/tree/app/x/below", "/tree/apple"] {
        write(path, json!({ "replace": true, "kind": "note" })).await.expect("a write");
    }
    let entries = async |agent: &str, line: &str| {
        let told = world.act(agent, &format!("list /tree/app {line}")).await;
        let told: Value =
            serde_json::from_str(told.strip_prefix("ok ").unwrap_or_else(|| panic!("{told}"))).expect("JSON");
        (told["entries"].clone(), told["next"].clone())
    };
    let (x, y) = (
        json!({ "name": "x", "kind": "note", "size": 5, "parent": true }),
        json!({ "name": "y", "kind": "", "size": null, "parent": true }),
    );
    assert_eq!(entries("a", "{}").await, (json!([x, y]), Value::Null));
    let (first, next) = entries("a", "{\"limit\":1}").await;
    assert_eq!(first[0]["name"], "x");
    assert_eq!(entries("a", &json!({ "cursor": next }).to_string()).await, (json!([y]), Value::Null));
    assert_eq!(world.labels("a").await, [""; 0]);
    assert!(world.act("a", "list /tree").await.starts_with("denied: "));
    assert!(world.act("a", "list /tree/app {\"limit\":0}").await.starts_with("invalid: "));
    write("/tree/app/zz", json!({ "replace": true, "labels": ["secret"] })).await.expect("a write");
    entries("b", "{}").await;
    assert_eq!(world.labels("b").await, ["secret"]);
    // Where the next page begins has a name, too.
    let limited = world.act("d", "list /tree/app {\"limit\":2,\"cursor\":\"\"}").await;
    assert_eq!((limited.contains("zz"), world.labels("d").await), (true, vec!["secret".to_owned()]));
    assert_eq!(entries("d", "{\"cursor\":\"\u{7f}z\"}").await, (json!([]), Value::Null));
    session.act("remove", "/tree/app/zz", "").await.expect("a removal");
    assert_eq!(entries("c", "{}").await, (json!([x, y]), Value::Null));
    assert_eq!(world.labels("c").await, ["secret"], "that it is gone tells that it was there");
    drop(session);
    world.finish().await;
}
