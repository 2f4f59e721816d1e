//! The labels of files and folders: what was written by whom, whatever becomes of the write.

use crate::world::{Agent, Answers, App, Commits, Hand, Host, World, agent, app};
use futures::future::join;
use kernel_core::app::MountMode;
use kernel_core::environment::Environment;
use kernel_core::kernel::rows::{TABLE_LABELS, key};
use kernel_core::refusal::Code;

const FILES: &[&str] = &[
    "read /fs/in/**",
    "read /fs/out/**",
    "list /fs/in",
    "list /fs/out/**",
    "list /fs/out",
    "write /fs/out/**",
    "remove /fs/out/**",
];

/// Someone who carries a secret, someone who does not, and readers who are still clean.
fn agents() -> [Agent; 5] {
    [
        agent("spy").uses(FILES).carries(&["secret"]),
        agent("editor").uses(FILES),
        agent("reader").uses(FILES),
        agent("second").uses(FILES),
        agent("closed").uses(FILES).cleared_for(&[]),
    ]
}

/// An application whose mount `out` may hold secrets.
fn cleared<const N: usize>(agents: [Agent; N]) -> App {
    app("files", agents).mounted("out", MountMode::Write, &[], &["secret", "private"])
}

async fn asked(hand: &Hand, world: &World<impl Host>, count: usize) {
    while hand.asked().len() < count {
        world.pause().await;
    }
}

/// A write that the device could not do leaves the labels of the file as they were; one that it did sets them.
pub async fn only_a_replacement_that_succeeded_sets_labels<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(cleared(agents())).await;
    assert!(world.act("spy", "write /fs/out/f {\"replace\":true} hunter2").await.starts_with("ok "));
    world.hand.answers(Answers::Full);
    assert!(world.act("editor", "write /fs/out/f {\"replace\":true} clean").await.starts_with("full: "));
    world.hand.answers(Answers::Pass);
    assert_eq!(world.act("reader", "read /fs/out/f").await, "ok hunter2");
    assert_eq!(world.labels("reader").await, ["secret"]);
    let told = world.act("closed", "read /fs/out/f").await;
    assert!(told.starts_with("denied: ") && !told.contains("hunter2"), "{told}");

    // Whoever failed was told of what is there, and carries it.
    assert_eq!(world.labels("editor").await, ["secret"]);
    assert!(world.act("closed", "write /fs/out/f {\"replace\":true} clean").await.starts_with("ok "));
    assert_eq!(world.act("second", "read /fs/out/f").await, "ok clean");
    assert!(world.labels("second").await.is_empty());
    world.finish().await;
}

/// Of two writes that overlap nobody knows which came last, so the file is labelled with both.
pub async fn writes_that_overlap_leave_both_labels<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(cleared(agents())).await;
    let hand = world.hand.clone();
    hand.answers(Answers::Later);
    let secret = world.act("spy", "write /fs/out/f {\"replace\":true} hunter2");
    let clean = async {
        asked(&hand, &world, 1).await;
        let clean = world.act("editor", "write /fs/out/f {\"replace\":true} clean");
        let release = async {
            asked(&hand, &world, 2).await;
            hand.answers(Answers::Pass);
        };
        join(clean, release).await.0
    };
    let (secret, clean) = join(secret, clean).await;
    assert!(secret.starts_with("ok ") && clean.starts_with("ok "), "{secret} {clean}");
    assert!(world.act("reader", "read /fs/out/f").await.starts_with("ok "));
    assert_eq!(world.labels("reader").await, ["secret"]);
    world.finish().await;
}

/// A read brings what the file was labelled when it was asked for, whoever replaces the file meanwhile.
pub async fn a_read_brings_the_labels_of_what_it_read<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(cleared(agents())).await;
    assert!(world.act("spy", "write /fs/out/f {\"replace\":true} hunter2").await.starts_with("ok "));
    let hand = world.hand.clone();
    hand.answers(Answers::Held);
    let reads = world.act("reader", "read /fs/out/f");
    let replaced = async {
        asked(&hand, &world, 2).await;
        let replaced = world.act("editor", "write /fs/out/f {\"replace\":true} clean");
        let release = async {
            asked(&hand, &world, 3).await;
            // It is performed, and only its answer is held.
            while world.host.get("out", "f").await.as_deref() != Some(b"clean") {
                world.pause().await;
            }
            hand.answers(Answers::Pass);
        };
        join(replaced, release).await.0
    };
    let (read, replaced) = join(reads, replaced).await;
    assert_eq!(read, "ok hunter2");
    assert!(replaced.starts_with("ok "), "{replaced}");
    assert_eq!(world.labels("reader").await, ["secret"]);
    world.finish().await;
}

/// A listing brings what the mount declares, and what those carried who gave the entries their names.
pub async fn a_listing_brings_the_labels_of_names<H: Host>(host: H) {
    host.put("in", "f", b"anything").await;
    let world = World::boot(host, Environment::dev()).await;
    world.run(cleared(agents()).mounted("in", MountMode::Read, &["private"], &[])).await;
    assert!(world.act("editor", "list /fs/out").await.starts_with("ok "));
    assert!(world.labels("editor").await.is_empty());
    assert!(world.act("spy", "write /fs/out/a/hunter2 {\"replace\":true} x").await.starts_with("ok "));
    assert!(world.act("reader", "list /fs/in").await.starts_with("ok "));
    assert_eq!(world.labels("reader").await, ["private"]);
    assert!(world.act("second", "list /fs/out/a").await.contains("hunter2"));
    assert_eq!(world.labels("second").await, ["secret"]);
    assert!(world.act("editor", "list /fs/out").await.starts_with("ok "));
    assert_eq!(world.labels("editor").await, ["secret"]);
    let told = world.act("closed", "list /fs/out/a").await;
    assert!(told.starts_with("denied: ") && !told.contains("hunter2"), "{told}");
    world.finish().await;
}

/// A compare-and-set tells whether the content is the expected one, so it brings the labels of the file.
pub async fn comparing_a_file_brings_its_labels<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(cleared(agents())).await;
    assert!(world.act("spy", "write /fs/out/f {\"replace\":true} hunter2").await.starts_with("ok "));
    let guess = "write /fs/out/f {\"replace\":true,\"expect\":\"absent\"} guess";
    assert!(world.act("editor", guess).await.starts_with("conflict: "));
    assert_eq!(world.labels("editor").await, ["secret"]);
    assert!(world.act("closed", guess).await.starts_with("denied: "));
    assert!(world.labels("closed").await.is_empty());
    // The SHA-256 of "hunter2". Who may not learn that it is so does not write.
    let right = "f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7";
    let guess = format!("write /fs/out/f {{\"replace\":true,\"expect\":\"{right}\"}} guess");
    assert!(world.act("closed", &guess).await.starts_with("denied: "));
    assert!(world.act("second", &guess).await.starts_with("ok "));
    assert_eq!(world.labels("second").await, ["secret"]);
    world.finish().await;
}

/// A compare-and-set that does not hold leaves nothing behind, not even a folder.
pub async fn a_comparison_that_fails_leaves_nothing_behind<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(cleared(agents())).await;
    let expect = format!("{{\"replace\":true,\"expect\":\"{}\"}}", "0".repeat(64));
    assert!(world.act("editor", &format!("write /fs/out/a/b/f {expect} x")).await.starts_with("conflict: "));
    assert_eq!(world.act("editor", "list /fs/out").await, "ok {\"entries\":[],\"next\":null}");
    world.finish().await;
}

/// A file stays labelled when the application that it was written by is stopped, started again, and when the
/// kernel is; while one application runs, no other binds its mounts anew.
pub async fn labels_outlive_the_application<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.run(cleared(agents())).await;
    assert!(world.act("spy", "write /fs/out/f {\"replace\":true} hunter2").await.starts_with("ok "));
    let refusal = world.try_run(app("other", [agent("intruder")])).await.expect_err("the mounts are bound");
    assert_eq!(refusal.code, Code::Conflict, "{refusal}");
    let stop = async |world: &World<H>| {
        world.session().await.act("stop", "/app/files", "").await.expect("a stop");
    };
    stop(&world).await;
    let gone = world.session().await.act("read", "/fs/out/f", "").await.expect_err("nothing is bound");
    assert_eq!(gone.code, Code::NotFound, "{gone}");
    world.run(cleared(agents())).await;
    assert!(world.act("reader", "read /fs/out/f").await.starts_with("ok "));
    assert_eq!(world.labels("reader").await, ["secret"]);
    stop(&world).await;
    world.run(app("other", [agent("successor").uses(FILES)])).await;
    world.reboot().await;
    world.run(cleared(agents())).await;
    assert!(world.act("reader", "list /fs/out").await.starts_with("ok "));
    assert_eq!(world.labels("reader").await, ["secret"]);
    world.finish().await;
}

/// No labelled byte reaches a file before the label is durable, in whatever environment.
pub async fn a_label_is_durable_before_its_file_is_written<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(cleared(agents())).await;
    let hand = world.hand.clone();
    world.log().await;
    hand.commits(Commits::Wait);
    let later = async {
        assert!(world.act("editor", "write /fs/out/clean {\"replace\":true} x").await.starts_with("ok "));
        for _ in 0..10 {
            world.pause().await;
        }
        assert!(world.host.get("out", "f").await.is_none(), "the batch that labels it is not written");
        hand.commits(Commits::Pass);
    };
    let (told, ()) = join(world.act("spy", "write /fs/out/f {\"replace\":true} hunter2"), later).await;
    assert!(told.starts_with("ok "), "{told}");
    assert_eq!(world.host.get("out", "f").await.as_deref(), Some(&b"hunter2"[..]));
    world.finish().await;
}

/// A file whose labels cannot be read is closed.
pub async fn a_file_whose_labels_cannot_be_read_stays_closed<H: Host>(host: H) {
    host.put("out", "f", b"hunter2").await;
    let mut world = World::boot(host, Environment::dev()).await;
    // An array of one label more than a set may hold, in CBOR.
    let mut row = vec![0x98, 65];
    (0..65).for_each(|i| row.extend_from_slice(format!("\x63l{i:02}").as_bytes()));
    world.reboot_over(vec![(key(TABLE_LABELS, b"/fs/out/f"), Some(row.into()))]).await;
    world.run(cleared(agents())).await;
    for act in ["read /fs/out/f", "write /fs/out/f {\"append\":true,\"labels\":[\"secret\"]} more"] {
        let told = world.act("editor", act).await;
        assert!(told.starts_with("failed: ") && !told.contains("hunter2"), "{act}: {told}");
    }
    assert!(world.hand.asked().is_empty());
    world.finish().await;
}

/// A kernel that keeps no row at hand still knows every label: what an answer of a device or of the operator
/// needs is asked for again, and nothing that is not known is taken for absent.
pub async fn what_is_not_at_hand_is_asked_for_again<H: Host>(host: H) {
    let mut world = World::forgetful(host, Environment::prod()).await;
    let agents = [
        agent("spy").uses(FILES).carries(&["secret"]),
        agent("clerk").uses(FILES).carries(&["private"]),
        agent("reader").uses(FILES).uses(&["write /tree/**"]),
    ];
    // Nothing is cleared for the mount, so the operator is asked each time.
    world.run(app("files", agents)).await;
    for (name, mode) in [("spy", "replace"), ("clerk", "append")] {
        let session = world.session().await;
        let write = format!("\nact write /fs/out/f {{\"{mode}\":true}} {name}");
        let told = session.act("call", &format!("/proc/{}", world.pid(name)), write);
        let answered = async {
            let ask = world.asked().await;
            world.kernel().answer(ask.action, true, "the operator");
        };
        let (told, ()) = join(told, answered).await;
        assert!(String::from_utf8_lossy(&told.expect("an answer")).contains("\nok "));
    }
    assert_eq!(world.act("reader", "read /fs/out/f").await, "ok spyclerk");
    assert_eq!(world.labels("reader").await, ["private", "secret"]);
    let absent = "write /tree/x {\"replace\":true,\"expect\":\"absent\"} value";
    assert!(world.act("reader", absent).await.starts_with("ok "));
    assert!(world.act("reader", absent).await.starts_with("conflict: "));
    world.finish().await;
}

/// That something cannot be done tells what is there, or on the way to it, so the refusal brings the labels of that.
pub async fn an_error_brings_the_labels_of_what_it_tells_of<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let probes = [
        ("writer", "write /fs/out/d {\"append\":true} x"),
        ("reader", "read /fs/out/d"),
        ("lister", "list /fs/out/f"),
        ("deeper", "write /fs/out/f/x {\"append\":true} x"),
    ];
    let [writer, reader, lister, deeper] = probes.map(|(name, _)| agent(name).uses(FILES));
    let [spy, _, _, second, closed] = agents();
    world.run(cleared([spy, writer, reader, lister, deeper, second, closed])).await;
    for path in ["d/x", "f"] {
        assert!(world.act("spy", &format!("write /fs/out/{path} {{\"replace\":true}} x")).await.starts_with("ok "));
    }
    for (name, act) in probes {
        let told = world.act(name, act).await;
        assert!(told.starts_with("invalid: "), "{act}: {told}");
        assert_eq!(world.labels(name).await, ["secret"], "{act}");
        let told = world.act("closed", act).await;
        assert!(told.starts_with("denied: "), "{act}: {told}");
    }
    assert!(world.act("second", "read /fs/out/e").await.starts_with("not_found: "));
    assert!(world.labels("second").await.is_empty());
    world.finish().await;
}

/// Whoever removes a file learns that it was there, and whoever finds it gone, or finds what was written because it
/// was an expected one, learns of it through him.
pub async fn what_was_compared_or_removed_stays_labelled<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let [spy, editor, reader, second, closed] = agents();
    world.run(cleared([spy, editor, reader, second, closed, agent("remover").uses(FILES)])).await;
    for file in ["f", "g"] {
        assert!(world.act("spy", &format!("write /fs/out/{file} {{\"replace\":true}} 1")).await.starts_with("ok "));
    }
    // The SHA-256 of "1".
    let expect = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
    let guess = format!("write /fs/out/f {{\"replace\":true,\"expect\":\"{expect}\"}} yes");
    assert!(world.act("editor", &guess).await.starts_with("ok "));
    assert_eq!(world.act("reader", "read /fs/out/f").await, "ok yes");
    assert_eq!(world.labels("reader").await, ["secret"]);
    assert!(world.act("closed", "remove /fs/out/g").await.starts_with("denied: "));
    assert!(world.act("remover", "remove /fs/out/g").await.starts_with("ok "));
    assert_eq!(world.labels("remover").await, ["secret"]);
    assert!(world.act("second", "read /fs/out/g").await.starts_with("not_found: "));
    assert_eq!(world.labels("second").await, ["secret"]);
    world.finish().await;
}
