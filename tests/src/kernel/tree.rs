//! The resource tree: values that outlive the kernel, changed by comparing.

use crate::world::{Host, Recorded, World, agent, app};
use kernel_core::chain::{Evidence, Hash, NodeProof};
use kernel_core::codec::hex;
use kernel_core::environment::Environment;
use kernel_core::kernel::event::Content;
use kernel_core::kernel::{BootError, check_tree, snapshots, tree_changes, verify_node};
use kernel_core::path::TreePath;
use kernel_core::refusal::Code;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const KEEPER: &[&str] = &["read /tree/**", "write /tree/**", "remove /tree/**"];

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A write that expects another value than is there changes nothing.
pub async fn compare_and_set_is_exact<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("store", [agent("a").uses(KEEPER)])).await;
    let write =
        |expect: &str, value: &str| format!("write /tree/x {{\"replace\":true,\"expect\":\"{expect}\"}} {value}");
    assert_eq!(world.act("a", &write("absent", "one")).await, "ok {\"version\":1}");
    assert!(world.act("a", &write("absent", "two")).await.starts_with("conflict: "));
    assert!(world.act("a", &write(&sha256(b"two"), "two")).await.starts_with("conflict: "));
    assert_eq!(world.act("a", "read /tree/x").await, "ok one");
    assert_eq!(world.act("a", &write(&sha256(b"one"), "two")).await, "ok {\"version\":2}");
    assert_eq!(world.act("a", "read /tree/x").await, "ok two");
    assert_eq!(world.act("a", "read /tree/x {\"offset\":1,\"len\":1}").await, "ok w");
    assert_eq!(world.act("a", "remove /tree/x").await, "ok {}");
    assert!(world.act("a", "read /tree/x").await.starts_with("not_found: "));
    world.finish().await;
}

/// What is in the tree is there after a reboot, with its labels.
pub async fn the_tree_outlives_the_kernel<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let keeper = || app("store", [agent("a").uses(KEEPER)]);
    world.run(keeper()).await;
    let told = world.act("a", "write /tree/x {\"replace\":true,\"labels\":[\"secret\"]} kept").await;
    assert_eq!(told, "ok {\"version\":1}");
    world.reboot().await;
    world.run(keeper()).await;
    assert_eq!(world.act("a", "read /tree/x").await, "ok kept");
    assert_eq!(world.labels("a").await, ["secret"]);
    world.finish().await;
}

/// The roots that the log tells of what was done to the tree, in order, and of nothing else.
fn roots(log: &[Recorded]) -> Vec<Hash> {
    log.iter()
        .filter_map(|event| match &event.content {
            Content::Outcome(outcome) => outcome.tree,
            _ => None,
        })
        .collect()
}

/// Every change tells the root of the tree that it makes, which follows from what is in the tree alone; whatever is refused
/// and whatever only looks tells none.
pub async fn every_change_tells_the_root<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    let write = |path: &'static str, value: &str| session.act("write", path, format!("{{\"replace\":true}}\n{value}"));
    write("/tree/a/b", "one").await.expect("a write");
    write("/tree/a", "two").await.expect("a write");
    write("/tree/a/b", "one").await.expect("a write");
    session.act("remove", "/tree/a", "").await.expect("a removal");
    session.act("remove", "/tree/a/b", "").await.expect("a removal");
    session.act("remove", "/tree/a/b", "").await.expect_err("it is gone");
    session
        .act("write", "/tree/a", "{\"replace\":true,\"expect\":\"absent\",\"kind\":\"note\"}\none")
        .await
        .expect("a write");
    session.act("write", "/tree/a", "{\"replace\":true,\"expect\":\"absent\"}\none").await.expect_err("it is there");
    session.act("read", "/tree/a", "").await.expect("a value");
    let log = world.log().await;
    let roots = roots(&log);
    assert_eq!(roots.len(), 6, "{roots:?}");
    let unlike: std::collections::BTreeSet<&Hash> = roots.iter().collect();
    assert_eq!(unlike.len(), 6, "each of these trees is another one: {roots:?}");
    let begun = |log: &[Recorded]| {
        let told = log.iter().rev().find_map(|event| match &event.content {
            Content::Boot(boot) => Some(boot.tree),
            _ => None,
        });
        told.flatten().expect("a root")
    };
    assert_eq!(roots[4], begun(&log), "a tree without nodes is as it began");
    check_tree(world.rows(), Some(roots[5])).await.expect("a tree as the log tells it");
    drop(session);
    world.reboot().await;
    assert_eq!(begun(&world.log().await), roots[5], "a boot begins with what was there");
    world.finish().await;
}

/// A tree that is not the one that the log tells is not taken over: not with another root, not without one, and not with
/// another first row.
pub async fn a_changed_tree_does_not_boot<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    session.act("write", "/tree/a", "{\"replace\":true}\none").await.expect("a write");
    world.log().await;
    let (head, first): (&[u8], &[u8]) = (b"\x51", b"\x50\x00");
    let before = world.row(head).await.expect("a head");
    let row_before = world.row(first).await.expect("a row");
    session.act("write", "/tree/b", "{\"replace\":true}\none").await.expect("a write");
    world.log().await;
    drop(session);
    let mut other = world.row(first).await.expect("a row").to_vec();
    *other.last_mut().expect("no row is empty") ^= 1;
    // All of an older tree is whole in itself.
    let older =
        vec![(head.into(), Some(before.clone())), (first.into(), Some(row_before)), (b"\x41b"[..].into(), None)];
    world.refused_over(older, "the tree is not the one that the log tells").await;
    for (key, changed) in [(head, Some(before)), (head, None), (first, Some(other.into())), (first, None)] {
        let changes = vec![(key.into(), changed)];
        world.refused_over(changes, "the tree is not the one that the log tells").await;
    }
    let session = world.session().await;
    assert_eq!(&session.act("read", "/tree/b", "").await.expect("a value")[..], b"one");
    drop(session);
    world.finish().await;
}

/// What was changed beside the kernel is not built upon, so no later root vouches for it, and verifying the tree finds it.
pub async fn what_was_changed_is_not_built_upon<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    for path in ["/tree/a/x", "/tree/a/y", "/tree/b/x"] {
        session.act("write", path, "{\"replace\":true}\none").await.expect("a write");
    }
    let told = roots(&world.log().await).pop();
    check_tree(world.rows(), told).await.expect("a tree as the log tells it");
    drop(session);
    let (node, row): (&[u8], &[u8]) = (b"\x41a/x", b"\x50b\x00");
    let [mut changed, mut below] =
        [world.row(node).await.expect("a node"), world.row(row).await.expect("a row")].map(|row| row.to_vec());
    for row in [&mut changed, &mut below] {
        *row.last_mut().expect("no row is empty") ^= 1;
    }
    world.reboot_over(vec![(node.into(), Some(changed.into())), (row.into(), Some(below.into()))]).await;
    let session = world.session().await;
    for path in ["/tree/a/x", "/tree/b/x", "/tree/b/z"] {
        let refusal = session.act("write", path, "{\"replace\":true}\ntwo").await.expect_err("it was changed");
        assert_eq!(refusal.code, Code::Failed, "{path}: {refusal}");
    }
    session.act("remove", "/tree/a/x", "").await.expect_err("it was changed");
    session.act("write", "/tree/a/y", "{\"replace\":true}\ntwo").await.expect("nothing was changed here");
    let told = roots(&world.log().await).pop();
    let found = check_tree(world.rows(), told).await.expect_err("it was changed");
    assert!(matches!(found, BootError::Tree(_)), "{found}");
    drop(session);
    world.finish().await;
}

/// One document proves what a node is, or that it is not there, to whoever has nothing but the key.
pub async fn a_proof_is_whole_in_itself<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    for n in 0..40 {
        session.act("write", &format!("/tree/a/n{n}"), "{\"replace\":true}\none").await.expect("a write");
    }
    let key = world.kernel().key().await.expect("a key");
    let prove = async |path: &str| {
        let proof = world.kernel().prove_node(&TreePath::parse(path).expect("a path")).await.expect("a proof");
        match Evidence::parse(Evidence::Node(proof).to_json().as_bytes()) {
            Ok(Evidence::Node(proof)) => proof,
            other => panic!("not the same proof: {other:?}"),
        }
    };
    let proof = prove("a/n7").await;
    let held = verify_node(&proof, Some(&key)).expect("a proof that holds");
    let node = held.node.expect("a node");
    assert_eq!(node.value.map(|hash| hash.to_string()), Some(sha256(b"one")));
    assert_eq!(verify_node(&proof, None).expect_err("nobody is trusted").code(), "key_untrusted");
    for path in ["a/none", "a", "b/n7", "a/n7/x", ""] {
        let absent = prove(path).await;
        assert_eq!(verify_node(&absent, Some(&key)).expect("a proof that holds").node, None, "{path}");
    }
    let other = |code: &str, change: &dyn Fn(&mut NodeProof)| {
        let mut other = proof.clone();
        change(&mut other);
        assert_eq!(verify_node(&other, Some(&key)).expect_err("it was changed").code(), code);
    };
    other("binding_failed", &|proof| proof.record = None);
    other("binding_failed", &|proof| *proof.record.as_mut().expect("a node").last_mut().expect("bytes") ^= 1);
    other("binding_failed", &|proof| proof.path = "/tree/a/n8".to_owned());
    other("binding_failed", &|proof| proof.path = "/fs/a/n7".to_owned());
    other("chain_gap", &|proof| proof.event.seq -= 1);
    other("binding_failed", &|proof| proof.head[32..].fill(0));
    other("binding_failed", &|proof| drop(proof.rows.pop()));
    other("forked", &|proof| proof.event.proof.clear());
    other("forked", &|proof| *proof.event.event.last_mut().expect("bytes") ^= 1);
    drop(session);
    world.finish().await;
}

/// Whoever watches a node is told of every change of it and below it, with what that is labelled, and of nothing else; until
/// it stops.
pub async fn who_watches_is_told<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let watcher = world.session_with(&["watch /tree/a", "watch /tree/a/**", "watch /tree/c"], &[]).await;
    let refusal = watcher.act("watch", "/tree/c", "").await.expect_err("all that is watched has to lie within a right");
    assert_eq!(refusal.code, Code::Denied, "{refusal}");
    watcher.act("watch", "/tree/a", "").await.expect("a watch");
    let session = world.session().await;
    let write = |path: &'static str| session.act("write", path, "{\"replace\":true}\nv");
    for path in ["/tree/a/x/y", "/tree/ab", "/tree/b", "/tree/a"] {
        write(path).await.expect("a write");
    }
    session.act("remove", "/tree/a", "").await.expect("a removal");
    session.act("write", "/tree/a/s", "{\"replace\":true,\"labels\":[\"secret\"]}\nv").await.expect("a write");
    let envelopes = async || {
        let mut found = Vec::new();
        while let Ok(envelope) = watcher.act("read", "/proc/self/inbox", "{\"deadline_ms\":1}").await {
            let envelope = String::from_utf8_lossy(&envelope).into_owned();
            let (head, body) = envelope.split_once('\n').expect("a line of JSON and a body");
            let head: Value = serde_json::from_str(head).expect("JSON");
            found.push(format!("{} {} {} {body}", head["kind"], head["target"], head["labels"]).replace('"', ""));
        }
        found
    };
    let told = ["watch /tree/a/x/y [] {gone:false}", "watch /tree/a [] {gone:false}", "watch /tree/a [] {gone:true}"];
    let labelled = "watch /tree/a/s [secret] {gone:false}";
    assert_eq!(envelopes().await, [&told[..], &[labelled]].concat());
    // That it is gone tells that it was there.
    session.act("remove", "/tree/a/s", "").await.expect("a removal");
    assert_eq!(envelopes().await, ["watch /tree/a/s [secret] {gone:true}"]);
    watcher.act("stop", "/tree/a", "").await.expect("a watch that ends");
    watcher.act("stop", "/tree/a", "").await.expect_err("it has ended");
    write("/tree/a/x").await.expect("a write");
    assert_eq!(envelopes().await, [""; 0]);
    drop((session, watcher));
    world.finish().await;
}

/// A right that is gone takes the watches with it that rested on it.
pub async fn a_watch_ends_with_its_right<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("store", [agent("w").uses(&["watch /tree/**", "watch /tree/a"]), agent("a").uses(KEEPER)])).await;
    assert_eq!(world.act("w", "watch /tree/a").await, "ok {}");
    let session = world.session().await;
    let rights = json!({ "use": ["watch /tree/**", "watch /tree/a"] }).to_string();
    session.act("revoke", &format!("/proc/{}", world.pid("w")), rights).await.expect("rights that are taken");
    world.act("a", "write /tree/a/x {\"replace\":true} v").await;
    assert_eq!(world.heard("w").await, "");
    drop(session);
    world.finish().await;
}

/// A snapshot is the whole tree as it was, whatever is done to it later and to other snapshots, also after a reboot; and what
/// is not the same now can be listed.
pub async fn a_snapshot_is_the_tree_as_it_was<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let session = world.session().await;
    let write = |path: &'static str, value: &str| session.act("write", path, format!("{{\"replace\":true}}\n{value}"));
    let snapshot = |verb: &'static str, name: &str| session.act(verb, "/tree", json!({ "snapshot": name }).to_string());
    for path in ["/tree/kept", "/tree/a", "/tree/b"] {
        write(path, "one").await.expect("a write");
    }
    snapshot("write", "first").await.expect("a snapshot");
    let taken = snapshot("write", "first").await.expect_err("the name is taken");
    assert_eq!(taken.code, Code::Conflict, "{taken}");
    write("/tree/a", "two").await.expect("a write");
    snapshot("write", "second").await.expect("a snapshot");
    write("/tree/a", "three").await.expect("a write");
    write("/tree/a", "four").await.expect("a write");
    write("/tree/c", "three").await.expect("a write");
    session.act("remove", "/tree/b", "").await.expect("a removal");
    drop(session);
    world.reboot().await;
    let session = world.session().await;
    let read = async |path: &str, at: &str| {
        let value = session.act("read", path, json!({ "at": at }).to_string()).await;
        value.map_or_else(|refusal| refusal.code.to_string(), |value| String::from_utf8_lossy(&value).into_owned())
    };
    let expected = [("first", ["one", "one", "one", "not_found"]), ("second", ["one", "two", "one", "not_found"])];
    for (at, values) in expected {
        for (path, value) in ["/tree/kept", "/tree/a", "/tree/b", "/tree/c"].into_iter().zip(values) {
            assert_eq!(read(path, at).await, value, "{path} at {at}");
        }
    }
    assert_eq!(read("/tree/a", "third").await, "not_found");
    world.log().await;
    let all = snapshots(world.rows()).await.expect("snapshots");
    let [first, second] = &all[..] else { panic!("{all:?}") };
    let changed = async |from, to| {
        let changes = tree_changes(world.rows(), from, to).await.expect("changes");
        changes.iter().map(|change| change.path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(changed(first, Some(second)).await, ["/tree/a"]);
    assert_eq!(changed(second, None).await, ["/tree/a", "/tree/b", "/tree/c"]);
    assert_eq!(changed(first, None).await, ["/tree/a", "/tree/b", "/tree/c"]);
    let forget = |name: &str| session.act("remove", "/tree", json!({ "snapshot": name }).to_string());
    forget("second").await.expect("a snapshot that is let go of");
    session.act("write", "/tree/kept", "{\"replace\":true}\nfour").await.expect("a write");
    session.act("write", "/tree/a", "{\"replace\":true}\nfour").await.expect("a write");
    assert_eq!((&*read("/tree/kept", "first").await, &*read("/tree/a", "first").await), ("one", "one"));
    let told = roots(&world.log().await).pop();
    check_tree(world.rows(), told).await.expect("a snapshot whose root the log tells");
    forget("first").await.expect("a snapshot that is let go of");
    drop(session);
    world.finish().await;
}

/// A process stores no more than it may, less what it has replaced and removed.
pub async fn what_is_stored_has_a_limit<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("store", [agent("a").uses(KEEPER).limited(|limits| limits.stored = Some(10))])).await;
    let write = |path: &str, value: &str| format!("write {path} {{\"replace\":true}} {value}");
    assert_eq!(world.act("a", &write("/tree/x", "123456")).await, "ok {\"version\":1}");
    assert!(world.act("a", &write("/tree/y", "12345")).await.starts_with("exhausted: "));
    assert!(world.act("a", "read /tree/y").await.starts_with("not_found: "));
    assert_eq!(world.act("a", &write("/tree/x", "1234567890")).await, "ok {\"version\":2}");
    assert_eq!(world.act("a", "remove /tree/x").await, "ok {}");
    assert_eq!(world.act("a", &write("/tree/y", "12345")).await, "ok {\"version\":1}");
    world.finish().await;
}
