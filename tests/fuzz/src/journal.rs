//! Journals as JSON: what replay reads. A journal that no kernel wrote is refused or stepped, and never harms.

use crate::sample;
use kernel_core::environment::Environment;
use kernel_core::kernel::{Journal, replay};
use kernel_core::process::InstanceKind;

/// The same journal always gives the same head.
pub fn body(data: &[u8]) -> bool {
    let Ok(journal) = serde_json::from_slice::<Journal>(data) else { return false };
    let natives = [(sample::name(sample::ECHO), InstanceKind::Kept)];
    let once = replay(&journal, [7; 32], Environment::dev(), &natives);
    let kept = serde_json::to_vec(&journal).expect("a journal is JSON");
    let again: Journal = serde_json::from_slice(&kept).expect("and can be read");
    assert_eq!(replay(&again, [7; 32], Environment::dev(), &natives), once);
    once.is_ok()
}
