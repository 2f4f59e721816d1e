//! Whole acts against a whole kernel: whatever is asked of it, it answers, goes on, and its log verifies.
//!
//! The bytes are acts, each ended by the byte 0x1e: a line with the verb, a line with the resource, the body.

use crate::sample;
use kernel_core::environment::Environment;
use kernel_core::ipc::body::MAX_PAYLOAD;
use kernel_core::kernel::replay;
use kernel_core::platform::{KeyPurpose, Keys};
use kernel_core::process::InstanceKind;
use kernel_core::refusal::{Code, Refusal};
use kernel_core::sim::{Sim, SimKeys};

/// The most acts of one run.
const MOST: usize = 24;

/// Every act is answered within its limits, no act stops the kernel, its log verifies, and its journal replays to
/// the same head.
pub fn body(data: &[u8]) -> bool {
    let sim = Sim::new(7);
    let storage = sim.storage();
    sim.run(async {
        let kernel = sample::boot(&sim, storage.clone()).await.expect("an empty disk boots");
        let session = sample::session(&kernel).await.expect("a session");
        session.act("spawn", "/agent/echo", "{\"use\":[\"register /svc/echo\"]}").await.expect("echo is spawned");
        let mut any = false;
        for act in data.split(|byte| *byte == 0x1e).take(MOST) {
            let mut parts = act.splitn(3, |byte| *byte == b'\n');
            let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
            let (verb, resource) = (text(), text());
            let body = parts.next().unwrap_or_default().to_vec();
            match session.act(&verb, &resource, body).await {
                Ok(reply) => {
                    assert!(reply.len() <= MAX_PAYLOAD + 128 * 1_024, "a reply of {} bytes", reply.len());
                    any = true;
                }
                Err(refusal) => refused(&verb, &resource, &refusal),
            }
        }
        let (checkpoint, _) = kernel.checkpoint().await.expect("no act stops the log");
        let journal = kernel.journal();
        let events = sample::verify(&storage).await.expect("the log verifies").log;
        assert!(events.size() >= checkpoint.size);
        let (last, _) = kernel.shutdown("done").await.expect("no act keeps the kernel from stopping");
        let log = sample::verify(&storage).await.expect("the whole log verifies").log;
        assert_eq!(log.size(), last.size);

        let public = SimKeys.public(KeyPurpose::Log).await.expect("a key");
        let natives = [(sample::name(sample::ECHO), InstanceKind::Kept)];
        let replayed = replay(&journal, public, Environment::dev(), &natives).expect("what happened can be replayed");
        assert!(replayed.0 <= log.size(), "a journal leaves what happened");
        any
    })
}

fn refused(verb: &str, resource: &str, refusal: &Refusal) {
    assert!(!refusal.reason.is_empty(), "{verb} {resource}");
    assert_ne!(refusal.code, Code::NotDurable, "{verb} {resource} stopped the log: {refusal}");
    serde_json::from_str::<serde_json::Value>(&refusal.detail).expect("the detail is JSON");
}
