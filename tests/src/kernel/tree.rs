//! The resource tree: values that outlive the kernel, changed by comparing.

use crate::world::{Host, Recorded, World, agent, app};
use kernel_core::chain::Hash;
use kernel_core::codec::hex;
use kernel_core::environment::Environment;
use kernel_core::kernel::event::Content;
use kernel_core::kernel::{BootError, TreeProof, check_tree};
use kernel_core::path::TreePath;
use kernel_core::refusal::Code;
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
    session.act("write", "/tree/b", "{\"replace\":true}\none").await.expect("a write");
    world.log().await;
    drop(session);
    let mut other = world.row(first).await.expect("a row").to_vec();
    *other.last_mut().expect("no row is empty") ^= 1;
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
        let json = serde_json::to_string(&proof).expect("JSON");
        serde_json::from_str::<TreeProof>(&json).expect("the same proof")
    };
    let proof = prove("a/n7").await;
    proof.check(&key).expect("a proof that holds");
    let node = proof.node.clone().expect("a node");
    assert_eq!(node.value.map(|hash| hash.to_string()), Some(sha256(b"one")));
    for path in ["a/none", "a", "b/n7", "a/n7/x", ""] {
        let absent = prove(path).await;
        absent.check(&key).expect("a proof that holds");
        assert_eq!(absent.node, None, "{path}");
    }
    let other = |change: &dyn Fn(&mut TreeProof)| {
        let mut other = proof.clone();
        change(&mut other);
        other.check(&key).expect_err("it was changed");
    };
    other(&|proof| proof.node = None);
    other(&|proof| proof.node.as_mut().expect("a node").version += 1);
    other(&|proof| proof.path = "/tree/a/n8".parse().expect("a path"));
    other(&|proof| proof.seq -= 1);
    other(&|proof| proof.head.children = Hash::ZERO);
    other(&|proof| drop(proof.rows.pop()));
    other(&|proof| proof.inclusion.clear());
    other(&|proof| proof.event = proof.event.replace("646f6e65", "646f6e66"));
    drop(session);
    world.finish().await;
}
