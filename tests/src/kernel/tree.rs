//! The resource tree: values that outlive the kernel, changed by comparing.

use crate::world::{Host, World, agent, app};
use kernel_core::codec::hex;
use kernel_core::environment::Environment;
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

/// A node that was written as often as can be counted is not written again, and nothing else is the worse for it.
pub async fn a_version_does_not_wrap<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let key: &[u8] = b"\x41x";
    let row: &[u8] = b"\xa4\x00\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x02\x80\x03\x41v";
    world.reboot_over(vec![(key.into(), Some(row.into()))]).await;
    let session = world.session().await;
    let refusal = session.act("write", "/tree/x", "{\"replace\":true}\nw").await.expect_err("no number is left");
    assert_eq!(refusal.code, Code::Failed, "{refusal}");
    assert_eq!(&session.act("read", "/tree/x", "").await.expect("what was there")[..], b"v");
    drop(session);
    world.finish().await;
}
