//! Tests of governance, one file for each part, and the facts that they share.

mod decide;
mod effect;
mod facts;
mod rules;

use super::{Facts, derive, novelty};
use crate::environment::Environment;
use crate::governance::Effect;
use crate::id::Pid;
use crate::label::Labels;
use crate::path::{Name, Resource, Verb};
use std::sync::Arc;

pub(super) fn labels(names: &[&str]) -> Labels {
    Labels::parse(names).unwrap()
}

/// What agent `courier` of `repo-audit` does with a right that covers it, for the hundredth time, in prod.
pub(super) fn facts(verb: Verb, resource: &str) -> Facts {
    let resource: Resource = resource.parse().unwrap();
    let derived = derive(Effect::new(200, 0, 0, 0, 200), novelty(100), true, &Labels::NONE, &Labels::NONE, None);
    Facts {
        version: Facts::VERSION,
        pid: Pid(7),
        name: Name::parse("courier").unwrap(),
        agent: Name::parse("courier").unwrap(),
        app: Some(Name::parse("repo-audit").unwrap()),
        verb,
        grant: Some(format!("{verb} {resource}").parse().unwrap()),
        resource,
        labels: Labels::NONE,
        clearance: Labels::NONE,
        blocked: Labels::NONE,
        effect: derived.effect,
        contributions: derived.contributions,
        environment: Arc::new(Environment::prod()),
        charter: 0,
        accounts: Vec::new(),
        body_len: 0,
        audit: Default::default(),
    }
}

/// The same, carrying `names` outward from a base of `base`.
pub(super) fn carrying(mut facts: Facts, base: Effect, names: &[&str]) -> Facts {
    facts.labels = labels(names);
    let derived = derive(base, 0, true, &facts.labels, &facts.clearance, None);
    (facts.effect, facts.contributions) = (derived.effect, derived.contributions);
    facts
}
