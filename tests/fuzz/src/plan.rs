//! Plans as JSON: the payload of `install`, and the row of an installed application.

use crate::sample;
use kernel_core::app::Plan;
use kernel_core::refusal::Code;
use kernel_core::sim::Sim;

/// A plan survives storage; installing and starting it ends in a reply or a refusal, and gives no more than the
/// session may give.
pub fn body(data: &[u8]) -> bool {
    let Ok(plan) = serde_json::from_slice::<Plan>(data) else { return false };
    let json = serde_json::to_vec(&plan).expect("a plan is JSON");
    let back: Plan = serde_json::from_slice(&json).expect("a stored plan can be read");
    assert_eq!(back, plan);

    let sim = Sim::new(3);
    let storage = sim.storage();
    sim.run(async {
        let kernel = sample::boot(&sim, storage.clone()).await.expect("an empty disk boots");
        let session = sample::session(&kernel).await.expect("a session");
        let path = format!("/app/{}", plan.app);
        let installed = session.act("install", &path, [b"\n", data].concat()).await;
        let mut started = false;
        match installed {
            Ok(_) => match session.act("start", &path, "{\"until\":\"quiet\"}").await {
                Ok(_) => started = true,
                Err(refusal) => assert_ne!(refusal.code, Code::NotDurable, "{refusal}"),
            },
            Err(refusal) => assert_ne!(refusal.code, Code::NotDurable, "{refusal}"),
        }
        kernel.shutdown("done").await.expect("no plan stops the log");
        sample::verify(&storage).await.expect("the log verifies");
        started
    })
}
