//! What `decide` answers, by grant, rule and threshold, and how `explain` tells it.

use super::{carrying, facts, labels};
use crate::environment::{Environment, Over};
use crate::governance::{Charter, Decision, Effect, Facts, ReasonCode, Rule, Verdict, decide, explain};
use crate::path::Verb;
use proptest::prelude::*;
use std::sync::Arc;

const CONNECT: Effect = Effect::new(3_000, 0, 2_500, 0, 4_000);

fn verdict(facts: &Facts) -> Verdict {
    decide(&Charter::new(), facts)
}

fn rules(toml: &str) -> Charter {
    #[derive(serde::Deserialize)]
    struct File {
        rule: Vec<Rule>,
    }
    Charter::with_rules(1, toml::from_str::<File>(toml).unwrap().rule).unwrap()
}

fn codes(verdict: &Verdict) -> Vec<ReasonCode> {
    verdict.reasons.iter().map(|reason| reason.code).collect()
}

#[test]
fn what_is_granted_and_small_is_permitted_without_a_word() {
    let verdict = verdict(&facts(Verb::Send, "/svc/report"));
    assert_eq!((verdict.decision, verdict.reasons.len()), (Decision::Permit, 0));
    assert_eq!((verdict.score, verdict.threshold), (283, 3_000));
    assert_eq!(verdict.sentence(), "");
}

#[test]
fn what_lacks_a_grant_is_denied_in_every_environment() {
    let open = Environment::custom("open", Effect::MAX_SCORE, Over::Escalate, false).unwrap();
    for environment in Environment::standard().into_iter().chain([open]) {
        let mut facts = facts(Verb::Connect, "/net/127.0.0.1:9");
        facts.environment = Arc::new(environment);
        facts.grant = None;
        let verdict = verdict(&facts);
        assert_eq!(verdict.decision, Decision::Deny);
        assert_eq!(
            verdict.sentence(),
            "agent courier holds no right `connect /net/127.0.0.1:9`; give it with \
             --allow \"connect /net/127.0.0.1:9\""
        );
    }
}

#[test]
fn a_right_to_something_else_is_no_right() {
    let mut facts = facts(Verb::Read, "/fs/repo/a");
    for other in ["list /fs/repo/**", "read /fs/other/**", "read /fs/repo/b"] {
        facts.grant = Some(other.parse().unwrap());
        let verdict = verdict(&facts);
        assert_eq!(codes(&verdict), [ReasonCode::NoGrant], "{other}");
        assert_eq!(verdict.decision, Decision::Deny);
    }
    facts.grant = Some("read /fs/repo/**".parse().unwrap());
    assert_eq!(verdict(&facts).decision, Decision::Permit);
}

#[test]
fn a_process_without_an_application_is_not_told_of_flags() {
    let mut facts = facts(Verb::Kill, "/proc/9");
    (facts.app, facts.grant) = (None, None);
    assert_eq!(
        verdict(&facts).sentence(),
        "process 7 (courier) holds no right `kill /proc/9`; it was opened without it"
    );
}

#[test]
fn a_label_above_the_ceiling_is_denied() {
    let mut facts = facts(Verb::Send, "/svc/report");
    facts.blocked = labels(&["secret", "untrusted"]);
    let verdict = verdict(&facts);
    assert_eq!(codes(&verdict), [ReasonCode::Flow]);
    assert_eq!(
        verdict.sentence(),
        "/svc/report may not receive what is labelled secret, untrusted; add that to its clearance, or have the \
         label taken away by who holds the right to"
    );
}

#[test]
fn the_score_is_held_against_the_environment() {
    let mut facts = carrying(facts(Verb::Connect, "/net/api.example.com:443"), CONNECT, &[]);
    let mut say = |environment| {
        facts.environment = Arc::new(environment);
        let verdict = verdict(&facts);
        (verdict.decision, verdict.sentence())
    };
    assert_eq!(
        say(Environment::dev()),
        (
            Decision::Warn,
            "the effect of this act scores 5590, most of it security 4000 (that of every connect on net); that is \
             60 % or more of the 9000 that dev lets pass"
                .to_owned()
        )
    );
    assert_eq!(
        say(Environment::prod()),
        (
            Decision::Escalate,
            "the effect of this act scores 5590, most of it security 4000 (that of every connect on net); prod lets \
             at most 3000 pass, so an operator has to approve it"
                .to_owned()
        )
    );
    let strict = Environment::custom("strict", 5_589, Over::Deny, true).unwrap();
    assert_eq!(say(strict).0, Decision::Deny);
    let exact = Environment::custom("exact", 5_590, Over::Deny, true).unwrap();
    assert_eq!(say(exact).0, Decision::Warn, "the threshold itself passes");
}

#[test]
fn a_secret_says_what_weighs() {
    let mut facts = carrying(facts(Verb::Write, "/fs/out/r"), Effect::new(1_200, 0, 300, 0, 800), &["secret"]);
    facts.environment = Arc::new(Environment::dev());
    let verdict = verdict(&facts);
    assert_eq!(verdict.decision, Decision::Deny);
    assert_eq!(
        verdict.sentence(),
        "the effect of this act scores 9114, most of it privacy 9000 (it carries the label secret); dev lets at most \
         9000 pass, so it is refused there"
    );
}

#[test]
fn nothing_scores_near_nothing() {
    let mut facts = facts(Verb::Send, "/svc/report");
    (facts.effect, facts.contributions) = Default::default();
    facts.environment = Arc::new(Environment::custom("closed", 0, Over::Deny, true).unwrap());
    assert_eq!(verdict(&facts).decision, Decision::Permit);
    facts.effect = Effect::new(1, 0, 0, 0, 0);
    assert_eq!(verdict(&facts).decision, Decision::Deny);
}

#[test]
fn the_strictest_counts_whatever_the_order() {
    let charter = |order: [&str; 3]| {
        rules(&order.map(|then| format!("[[rule]]\nid = '{then}-it'\ntext = 'Because.'\nthen = '{then}'\n")).concat())
    };
    let facts = facts(Verb::Send, "/svc/report");
    for order in [["warn", "escalate", "deny"], ["deny", "warn", "escalate"], ["escalate", "deny", "warn"]] {
        let verdict = decide(&charter(order), &facts);
        assert_eq!(verdict.decision, Decision::Deny);
        let ids: Vec<_> = verdict.reasons.iter().map(|r| r.rule.as_ref().unwrap().to_string()).collect();
        assert_eq!(ids, ["deny-it", "escalate-it", "warn-it"]);
        assert_eq!(verdict.sentence(), "rule deny-it forbids this: Because.");
    }
}

#[test]
fn equals_stay_in_the_order_authority_flow_rules_score() {
    let charter = rules(
        "[[rule]]\nid = 'b'\ntext = 'B.'\nthen = 'deny'\nwhen = { resources = ['/net/*.example.com:443', '/net/**'] }\n\
         [[rule]]\nid = 'a'\ntext = 'A.'\nthen = 'deny'\n",
    );
    let mut facts = carrying(facts(Verb::Connect, "/net/api.example.com:443"), CONNECT, &["secret"]);
    facts.grant = None;
    facts.blocked = labels(&["secret"]);
    facts.environment = Arc::new(Environment::dev());
    let verdict = decide(&charter, &facts);
    use ReasonCode::{Flow, NoGrant, OverThreshold, Rule};
    assert_eq!(codes(&verdict), [NoGrant, Flow, Rule, Rule, OverThreshold]);
    let ids: Vec<_> = verdict.reasons.iter().filter_map(|r| r.rule.as_ref().map(|id| id.as_str())).collect();
    assert_eq!(ids, ["b", "a"], "once each, in the charter's order");
}

#[test]
fn what_cannot_be_evaluated_denies() {
    let charter = rules(
        "[[rule]]\nid = 'small'\ntext = 'Large sums are marked.'\nthen = 'warn'\n\
         when = { verbs = ['write'], arguments = { amount = { at_least = 100 } } }\n",
    );
    let with = |amount: Option<serde_json::Value>| {
        let mut facts = facts(Verb::Write, "/fs/out/x");
        facts.audit.extend(amount.map(|amount| ("amount".to_owned(), amount)));
        decide(&charter, &facts)
    };
    assert_eq!(with(Some(99.into())).decision, Decision::Permit);
    assert_eq!(with(Some(100.into())).decision, Decision::Warn);
    assert_eq!(with(Some(serde_json::Value::Null)).decision, Decision::Permit, "not given");
    for undecidable in [with(None), with(Some("many".into()))] {
        assert_eq!((undecidable.decision, codes(&undecidable)), (Decision::Deny, vec![ReasonCode::Undecidable]));
        assert_eq!(
            undecidable.sentence(),
            "rule small cannot be evaluated, because the field `amount` of the body was not kept or is of another \
             type; what cannot be evaluated is refused"
        );
    }
    // For another verb the rule does not speak, so there is nothing to evaluate.
    assert_eq!(decide(&charter, &facts(Verb::Read, "/fs/out/x")).decision, Decision::Permit);
}

#[test]
fn unknown_facts_are_denied() {
    for version in [Facts::VERSION - 1, Facts::VERSION + 1] {
        let mut facts = facts(Verb::Send, "/svc/report");
        facts.version = version;
        let verdict = verdict(&facts);
        assert_eq!((verdict.decision, codes(&verdict)), (Decision::Deny, vec![ReasonCode::UnknownFacts]));
    }
}

#[test]
fn an_explanation_says_who_what_and_why() {
    let mut facts = carrying(facts(Verb::Connect, "/net/127.0.0.1:9"), CONNECT, &["secret"]);
    facts.grant = None;
    facts.environment = Arc::new(Environment::dev());
    let told = explain(&facts, &verdict(&facts));
    let expected = serde_json::json!({
        "decision": "deny",
        "sentence": "agent courier holds no right `connect /net/127.0.0.1:9`; give it with --allow \"connect \
            /net/127.0.0.1:9\"; the effect of this act scores 10295, most of it privacy 9000 (it carries the label \
            secret); dev lets at most 9000 pass, so it is refused there",
        "reasons": [
            { "code": "no_grant", "weight": "deny", "text": "agent courier holds no right `connect /net/127.0.0.1:9`; \
                give it with --allow \"connect /net/127.0.0.1:9\"" },
            { "code": "over_threshold", "weight": "deny", "text": "the effect of this act scores 10295, most of it \
                privacy 9000 (it carries the label secret); dev lets at most 9000 pass, so it is refused there" },
        ],
        "process": 7,
        "name": "courier",
        "agent": "courier",
        "app": "repo-audit",
        "verb": "connect",
        "resource": "/net/127.0.0.1:9",
        "grant": null,
        "missing_grant": {
            "right": "connect /net/127.0.0.1:9",
            "flag": "--allow \"connect /net/127.0.0.1:9\"",
        },
        "labels": ["secret"],
        "clearance": [],
        "blocked": [],
        "effect": { "risk": 3000, "fairness": 0, "privacy": 9000, "novelty": 0, "security": 4000 },
        "contributions": [
            { "source": "base",
              "effect": { "risk": 3000, "fairness": 0, "privacy": 2500, "novelty": 0, "security": 4000 } },
            { "source": "label secret",
              "effect": { "risk": 0, "fairness": 0, "privacy": 9000, "novelty": 0, "security": 0 } },
        ],
        "score": 10295,
        "threshold": 9000,
        "warn_at": 5400,
        "environment": "dev",
        "charter": 0,
        "accounts": [],
        "body_len": 0,
        "arguments": {},
    });
    assert_eq!(told, expected);
}

proptest! {
    /// More rules, more effect, a lower threshold, a missing grant: nothing of this makes a verdict milder.
    #[test]
    fn verdicts_are_monotone(
        parts in prop::collection::vec(0..=10_000u16, 5),
        more in prop::collection::vec(0..=10_000u16, 5),
        threshold in 0..=22_360u16,
        lower in 0..=22_360u16,
        deny: bool,
    ) {
        let effect = |p: &[u16]| Effect::new(p[0], p[1], p[2], p[3], p[4]);
        let over = if deny { Over::Deny } else { Over::Escalate };
        let environment = |threshold| Arc::new(Environment::custom("here", threshold, over, true).unwrap());
        let mut facts = facts(Verb::Send, "/svc/report");
        facts.effect = effect(&parts);
        facts.environment = environment(threshold);
        let before = verdict(&facts).decision;
        let stricter = rules("[[rule]]\nid = 'r'\ntext = 'R.'\nthen = 'warn'\n");
        prop_assert!(decide(&stricter, &facts).decision >= before);
        let mut worse = facts.clone();
        worse.effect = facts.effect.join(effect(&more));
        prop_assert!(verdict(&worse).decision >= before);
        let mut narrower = facts.clone();
        narrower.environment = environment(lower.min(threshold));
        prop_assert!(verdict(&narrower).decision >= before);
        facts.grant = None;
        prop_assert_eq!(verdict(&facts).decision, Decision::Deny);
    }
}
