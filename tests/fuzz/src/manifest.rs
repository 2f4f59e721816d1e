//! Manifests, from their bytes to a plan.

use bytes::Bytes;
use kernel_core::app::{
    Consent, Feature, MAX_MANIFEST, MAX_PROBLEMS, Plan, PlanError, Problem, ProgramPlan, Surroundings, asks, check,
    needs, parse_bytes, plan, resolve, unused,
};
use kernel_core::kernel::verb::table;
use std::sync::Arc;

const ECHO: &[u8] = include_bytes!("../../fixtures/guests/echo.wasm");
const FEATURES: &[Feature] = &[
    Feature::DurableInbox,
    Feature::Restart,
    Feature::Fuel,
    Feature::Tool,
    Feature::Container,
    Feature::Rule,
    Feature::Health,
    Feature::Methods,
    Feature::ToolCalls,
    Feature::Tokens,
];

/// Every mistake is named with its place; what passes the check makes a plan that survives storage.
pub fn body(data: &[u8]) -> bool {
    let manifest = match parse_bytes("weft.toml", data) {
        Ok(manifest) => Arc::new(manifest),
        Err(problems) => {
            named(data, &problems);
            return false;
        }
    };
    assert!(data.len() <= MAX_MANIFEST);
    let mut load = |_: &str| Ok(Bytes::from_static(ECHO));
    let exists = |verb, kind| table::lookup(verb, kind).is_ok();
    let checked = match check(
        &manifest,
        &mut Surroundings { natives: None, exists: &exists, unkept: &table::unkept_arguments, load: &mut load },
    ) {
        Ok(checked) => checked,
        Err(problems) => {
            named(data, &problems);
            return true;
        }
    };
    let mounts = manifest.mounts.iter().map(|mount| mount.name.value.clone());
    let nothing = Consent::default();
    let everything = Consent::new(mounts, asks(&manifest).into_iter().map(|ask| ask.right).collect());
    let everything = everything.unwrap_or_default();
    for consent in [&nothing, &everything] {
        let _ = unused(&manifest, consent);
        match plan(&checked, consent, FEATURES) {
            Ok(plan) => survives(&plan),
            Err(PlanError::Missing(missing)) => {
                assert!(!missing.is_empty() && missing.iter().all(|m| m.flag.starts_with("--")));
                assert!(resolve(&manifest, consent).is_err());
            }
            Err(other) => panic!("this kernel has every feature, and yet: {other}"),
        }
    }
    if !needs(&manifest).is_empty() {
        assert!(plan(&checked, &everything, &[]).is_err(), "what is needed and not there is refused");
    }
    true
}

pub(crate) fn named(data: &[u8], problems: &[Problem]) {
    assert!(!problems.is_empty() && problems.len() <= MAX_PROBLEMS + 1, "{} problems", problems.len());
    let lines = data.iter().filter(|byte| **byte == b'\n').count() + 1;
    for problem in problems {
        assert!(
            (1..=lines).contains(&(problem.line as usize)),
            "line {} of {lines}: {}",
            problem.line,
            problem.message
        );
        assert!(!problem.message.is_empty() && problem.column >= 1);
    }
}

fn survives(plan: &Plan) {
    let json = serde_json::to_vec(plan).expect("a plan is JSON");
    assert_eq!(&serde_json::from_slice::<Plan>(&json).expect("a stored plan can be read"), plan);
    for agent in &plan.agents {
        for given in &agent.given {
            let held = agent.capabilities.use_rights().iter().chain(agent.capabilities.grant_rights());
            assert!(held.into_iter().any(|right| right == given), "{given} is given and not held");
        }
    }
}

/// The plan of the seed `name` of this target with all that it asks for, as JSON, its programs replaced by the handler
/// that the samples have: what `install` is given.
pub fn planned(name: &str) -> Vec<u8> {
    let file = format!("{}/seeds/manifest/{name}", env!("CARGO_MANIFEST_DIR"));
    let manifest = Arc::new(parse_bytes("weft.toml", &std::fs::read(file).expect("a seed")).expect("a manifest"));
    let mut load = |_: &str| Ok(Bytes::from_static(ECHO));
    let exists = |verb, kind| table::lookup(verb, kind).is_ok();
    let mut around = Surroundings { natives: None, exists: &exists, unkept: &table::unkept_arguments, load: &mut load };
    let checked = check(&manifest, &mut around).expect("nothing is wrong with it");
    let mounts = manifest.mounts.iter().map(|mount| mount.name.value.clone());
    let allow = asks(&manifest).into_iter().map(|ask| ask.right).collect();
    let consent = Consent::new(mounts, allow).expect("few");
    let mut plan = plan(&checked, &consent, FEATURES).expect("a plan");
    for agent in &mut plan.agents {
        agent.program = ProgramPlan::Native(crate::sample::name(crate::sample::ECHO));
    }
    serde_json::to_vec(&plan).expect("a plan is JSON")
}
