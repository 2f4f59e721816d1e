//! The one decision. Pure: the same charter and facts give the same verdict on every host, now and when it is audited.
//!
//! A permit allocates nothing: reasons are written only for what stands in the way, and an empty vector is free.

use super::charter::Charter;
use super::derive::Source;
use super::facts::Facts;
use super::rule::{Outcome, Rule, Then};
use super::verdict::{Decision, Reason, ReasonCode, Verdict};
use crate::environment::{Over, WARN_PERCENT};
use std::cmp::Reverse;

/// Decides one act.
///
/// What lacks a grant, and what carries a label that may not reach its target, is denied in every environment. Then
/// the rules speak, and the score is held against the environment's threshold. The strictest of all counts, and
/// every reason is given. What cannot be evaluated denies.
pub fn decide(charter: &Charter, facts: &Facts) -> Verdict {
    let score = facts.effect.score();
    let mut reasons = Vec::new();
    if facts.version != Facts::VERSION {
        reasons.push(unknown_facts(facts));
    }
    match &facts.grant {
        Some(right) if right.permits(facts.verb, &facts.resource) => {}
        _ => reasons.push(no_grant(facts)),
    }
    if !facts.blocked.is_empty() {
        reasons.push(flow(facts));
    }
    let mut spoken = Vec::new();
    charter.each(facts, score, |position, rule, outcome| {
        if !spoken.iter().any(|&(at, _)| at == position) {
            spoken.push((position, by_rule(rule, outcome)));
        }
    });
    spoken.sort_by_key(|&(position, _)| position);
    reasons.extend(spoken.into_iter().map(|(_, reason)| reason));
    reasons.extend(by_score(facts, score));
    // Stable, so that equals stay in the order documented for a verdict.
    reasons.sort_by_key(|reason: &Reason| Reverse(reason.weight));
    let decision = reasons.first().map_or(Decision::Permit, |strictest| strictest.weight);
    Verdict { decision, reasons, threshold: facts.environment.threshold(), score }
}

fn deny(code: ReasonCode, text: String) -> Reason {
    Reason { code, weight: Decision::Deny, rule: None, text }
}

fn unknown_facts(facts: &Facts) -> Reason {
    let text = format!(
        "these facts are of form {}, and this kernel decides form {} only; use the kernel that wrote them, or a newer one",
        facts.version,
        Facts::VERSION
    );
    deny(ReasonCode::UnknownFacts, text)
}

/// The agent, application or session as a sentence names it.
fn who(facts: &Facts) -> String {
    match facts.app {
        Some(_) if facts.name != facts.agent => format!("agent {} (as {})", facts.agent, facts.name),
        Some(_) => format!("agent {}", facts.agent),
        None => format!("process {} ({})", facts.pid, facts.name),
    }
}

fn no_grant(facts: &Facts) -> Reason {
    let (who, verb, resource) = (who(facts), facts.verb, &facts.resource);
    let held = match &facts.grant {
        Some(right) => format!("{who} acts by `{right}`, which does not cover `{verb} {resource}`"),
        None => format!("{who} holds no right `{verb} {resource}`"),
    };
    let text = match facts.app {
        // Whether anything could give it stands in its manifest, which is no part of the facts.
        Some(_) => held,
        None => format!("{held}; it was opened without it"),
    };
    deny(ReasonCode::NoGrant, text)
}

fn flow(facts: &Facts) -> Reason {
    let text = format!(
        "{} may not receive what is labelled {}; add that to its clearance, or have the label taken away by \
         who holds the right to",
        facts.resource, facts.blocked
    );
    deny(ReasonCode::Flow, text)
}

fn by_rule(rule: &Rule, outcome: Outcome<'_>) -> Reason {
    let id = Some(rule.id.clone());
    if let Outcome::Unknown(field) = outcome {
        let text = format!(
            "rule {} cannot be evaluated, because the field `{field}` of the body was not kept or is of another \
             type; what cannot be evaluated is refused",
            rule.id
        );
        return Reason { rule: id, ..deny(ReasonCode::Undecidable, text) };
    }
    let verb = match rule.then {
        Then::Warn => "marks this",
        Then::Escalate => "wants an operator to be asked",
        Then::Deny => "forbids this",
    };
    let text = format!("rule {} {verb}: {}", rule.id, rule.text);
    Reason { code: ReasonCode::Rule, weight: rule.then.decision(), rule: id, text }
}

fn by_score(facts: &Facts, score: u16) -> Option<Reason> {
    let environment = &facts.environment;
    let (name, threshold, near) = (environment.name(), environment.threshold(), environment.warn_at());
    let effect = || format!("the effect of this act scores {score}, most of it {}", mostly(facts));
    if score > threshold {
        let (weight, then) = match environment.over() {
            Over::Escalate => (Decision::Escalate, "an operator has to approve it"),
            Over::Deny => (Decision::Deny, "it is refused there"),
        };
        let text = format!("{}; {name} lets at most {threshold} pass, so {then}", effect());
        return Some(Reason { code: ReasonCode::OverThreshold, weight, rule: None, text });
    }
    // Only what would be near in an environment that sets a limit: a score of 0 is not near anything.
    (score >= near && score > 0).then(|| {
        let text = format!("{}; that is {WARN_PERCENT} % or more of the {threshold} that {name} lets pass", effect());
        Reason { code: ReasonCode::NearThreshold, weight: Decision::Warn, rule: None, text }
    })
}

/// The largest dimension and where it comes from: `privacy 9000 (label secret)`.
fn mostly(facts: &Facts) -> String {
    let (dimension, value) = facts.effect.largest();
    match facts.contributions.sets(dimension) {
        Some(Source::Base) => {
            format!("{dimension} {value} (that of every {} on {})", facts.verb, facts.resource.kind())
        }
        Some(Source::Novelty) => format!("{dimension} {value} (the agent has not done this often)"),
        Some(Source::Label(label)) => format!("{dimension} {value} (it carries the label {label})"),
        Some(Source::Declared) => format!("{dimension} {value} (declared)"),
        None => format!("{dimension} {value}"),
    }
}
