//! Rules: which apply, which wins, and what is refused when they are loaded.

use super::{carrying, facts};
use crate::governance::{
    Charter, Decision, Dimension, Effect, Facts, NameMatch, ReasonCode, Rule, Test, Then, When, decide,
};
use crate::path::{Kind, Name, Pattern, Resource, Verb};
use proptest::prelude::*;
use serde_json::{Value, json};

fn rule(id: &str, when: When) -> Rule {
    Rule { id: Name::parse(id).unwrap(), text: "It is so.".to_owned(), when, then: Then::Deny }
}

fn speaks(when: When, facts: &Facts) -> bool {
    let charter = Charter::with_rules(1, vec![rule("r", when)]).unwrap();
    decide(&charter, facts).reasons.iter().any(|reason| reason.code == ReasonCode::Rule)
}

fn when(toml: &str) -> When {
    toml::from_str(toml).unwrap()
}

#[test]
fn every_condition_must_hold() {
    let facts = carrying(facts(Verb::Write, "/fs/out/a/b"), Effect::new(1_200, 0, 300, 0, 800), &["secret"]);
    for yes in [
        "",
        "verbs = ['read', 'write']",
        "resources = ['/net/**', '/fs/out/**']",
        "resources = ['/fs/out/a/b']",
        "resources = ['/fs/*/a/**']",
        "resources = ['/fs/**']",
        "agents = ['c*']",
        "agents = ['*']",
        "agents = ['x', 'courier']",
        "apps = ['repo-audit']",
        "labels = ['private', 'secret']",
        "effect = { privacy = 9000, risk = 1200 }",
        "score = 9114",
    ] {
        assert!(speaks(when(yes), &facts), "{yes}");
    }
    for no in [
        "verbs = ['read']",
        "resources = ['/fs/out/a']",
        "resources = ['/fs/out/*']",
        "resources = ['/tree/**']",
        "agents = ['courie']",
        "agents = ['courier-*']",
        "apps = ['other']",
        "labels = ['private']",
        "effect = { privacy = 9000, risk = 1201 }",
        "score = 9115",
        "verbs = ['write']\nresources = ['/tree/**']",
    ] {
        assert!(!speaks(when(no), &facts), "{no}");
    }
}

#[test]
fn applications_are_matched_only_where_there_is_one() {
    let mut facts = facts(Verb::Kill, "/proc/9");
    facts.app = None;
    assert!(!speaks(when("apps = ['repo-audit']"), &facts));
    assert!(speaks(when("resources = ['/proc/**']"), &facts));
    let inbox = super::facts(Verb::Read, "/proc/9/inbox");
    assert!(speaks(when("resources = ['/proc/**']"), &inbox), "what is below a process is covered");
    assert!(!speaks(when("resources = ['/proc/*']"), &inbox));
}

#[test]
fn tests_of_arguments() {
    let outcome = |test: Value, value: Value| {
        let mut facts = facts(Verb::Write, "/fs/out/x");
        facts.audit.insert("field".to_owned(), value);
        let test: Test = serde_json::from_value(test).unwrap();
        let charter = Charter::with_rules(
            1,
            vec![rule("r", When { arguments: [("field".to_owned(), test)].into(), ..When::default() })],
        );
        decide(&charter.unwrap(), &facts).reasons.first().map(|reason| reason.code)
    };
    let (yes, no, unknown) = (Some(ReasonCode::Rule), None, Some(ReasonCode::Undecidable));
    for (test, value, expected) in [
        (json!({ "given": true }), json!(0), yes),
        (json!({ "given": true }), json!(null), no),
        (json!({ "given": false }), json!(null), yes),
        (json!({ "equals": "a" }), json!("a"), yes),
        (json!({ "equals": "a" }), json!("b"), no),
        (json!({ "equals": 1 }), json!(1.0), yes),
        (json!({ "equals": 1.0 }), json!(1), yes),
        (json!({ "equals": 1.5 }), json!(1), no),
        (json!({ "equals": 1 }), json!("1"), no),
        (json!({ "one_of": ["a", 2] }), json!(2), yes),
        (json!({ "one_of": ["a", 2] }), json!(null), no),
        (json!({ "at_least": 10 }), json!(10), yes),
        (json!({ "at_least": 10 }), json!(9.99), no),
        (json!({ "at_least": 10 }), json!(u64::MAX), yes),
        (json!({ "at_least": i64::MAX }), json!(1e300), yes),
        (json!({ "at_most": 10 }), json!(10.5), no),
        (json!({ "at_most": -10 }), json!(-10.5), yes),
        (json!({ "at_most": i64::MIN }), json!(-1e300), yes),
        (json!({ "at_most": 10 }), json!("3"), unknown),
        (json!({ "starts_with": "ab" }), json!("abc"), yes),
        (json!({ "starts_with": "ab" }), json!("ba"), no),
        (json!({ "starts_with": "ab" }), json!(["abc"]), unknown),
        (json!({ "contains": "connect /net/**" }), json!(["a", "connect /net/**"]), yes),
        (json!({ "contains": "connect /net/**" }), json!([]), no),
        (json!({ "contains": "a" }), json!("a"), unknown),
    ] {
        assert_eq!(outcome(test.clone(), value.clone()), expected, "{test} on {value}");
    }
}

/// A condition that fails decides, even where another cannot be evaluated.
#[test]
fn false_beats_unknown() {
    let facts = facts(Verb::Write, "/fs/out/x");
    let charter = |toml: &str| Charter::with_rules(1, vec![rule("r", when(toml))]).unwrap();
    let unknown = charter("arguments = { a = { given = true } }");
    assert_eq!(decide(&unknown, &facts).decision, Decision::Deny);
    for no in ["labels = ['secret']", "agents = ['other']"] {
        let both = charter(&format!("{no}\narguments = {{ a = {{ given = true }} }}"));
        assert_eq!(decide(&both, &facts).decision, Decision::Permit);
    }
    let mut kept = facts;
    kept.audit.insert("b".to_owned(), Value::Null);
    let one_fails = charter("arguments = { a = { given = true }, b = { given = true } }");
    assert_eq!(decide(&one_fails, &kept).decision, Decision::Permit);
}

#[test]
fn charters_are_checked_when_they_are_made() {
    let problems = |rules: Vec<Rule>| -> Vec<String> {
        Charter::with_rules(1, rules).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        problems(vec![rule("a", When::default()), rule("a", When::default())]),
        ["rule 1: the id `a` is taken by an earlier rule; ids are unique"]
    );
    let mut silent = rule("a", When::default());
    silent.text = " ".to_owned();
    assert_eq!(problems(vec![silent]), ["rule a: `text` is one line of 1 to 500 bytes that says what the rule is for"]);
    assert_eq!(
        problems(vec![rule(
            "a",
            when(
                "resources = ['/proc/self']\nlabels = ['Secret']\neffect = { risk = 10001 }\nscore = 22361\n\
                 arguments = { x = { one_of = [] } }"
            )
        )]),
        [
            "rule a: `/proc/self` names nobody in a rule; write /proc/* for every process",
            "rule a: `Secret` is not a label",
            "rule a: risk is at most 10000, so it never reaches 10001",
            "rule a: a score is at most 22360, so it never reaches 22361",
            "rule a: `x` needs values to be one of, and none of them null",
        ]
    );
    assert!(toml::from_str::<Rule>("id = 'a'\ntext = 'A.'\nthen = 'permit'").is_err(), "a rule cannot permit");
    assert!(toml::from_str::<When>("verb = ['read']").is_err(), "unknown keys are errors");
    assert!(toml::from_str::<When>("agents = ['a*b']").is_err());
}

#[test]
fn rules_round_trip_through_toml() {
    let text = "id = 'no-secrets-out'\ntext = 'Secrets do not leave.'\nthen = 'escalate'\n\
                [when]\nverbs = ['connect']\nresources = ['/net/**']\nagents = ['c*']\nlabels = ['secret']\n\
                effect = { privacy = 5000 }\narguments = { deadline_ms = { at_most = 5 } }\n";
    let rule: Rule = toml::from_str(text).unwrap();
    assert_eq!(toml::from_str::<Rule>(&toml::to_string(&rule).unwrap()).unwrap(), rule);
    assert_eq!(NameMatch::parse("scan-*").unwrap().to_string(), "scan-*");
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let word = || prop::sample::select(vec!["a", "b", "ab", "*", "a*"]);
    let many = prop::collection::vec(word(), 0..4);
    let tail = prop::sample::select(vec!["", "/**"]);
    (prop::sample::select(vec!["/fs/", "/tree/", "/svc/", "/topic/", "/net/", "/proc/"]), many, tail)
        .prop_map(|(root, words, tail)| match root {
            "/topic/" => format!("/topic/{}{}", words.join("."), if tail.is_empty() { "" } else { ".**" }),
            "/net/" => format!("/net/{}.example:{}", words.join("."), if tail.is_empty() { "80" } else { "*" }),
            "/proc/" => format!("/proc/{}{tail}", words.len()),
            _ => format!("{root}{}{tail}", words.join("/")),
        })
        .prop_filter_map("not a pattern", |text| Pattern::parse(&text).ok())
}

fn resource() -> impl Strategy<Value = Resource> {
    let words = prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "c"]), 1..4);
    (0..7, words).prop_filter_map("not a resource", |(kind, words)| {
        let text = match kind {
            0 => format!("/fs/{}", words.join("/")),
            1 => format!("/tree/{}", words.join("/")),
            2 => format!("/svc/{}", words[0]),
            3 => format!("/topic/{}", words.join(".")),
            4 => format!("/net/{}.example:80", words.join(".")),
            5 => format!("/proc/{}", words.len()),
            _ => format!("/proc/{}/inbox", words.len()),
        };
        text.parse().ok()
    })
}

fn conditions() -> impl Strategy<Value = When> {
    let some = |all: &'static [&'static str]| prop::sample::subsequence(all, 0..=1);
    let agents = some(&["courier", "cour*", "other", "*"]);
    (
        prop::sample::subsequence(Verb::ALL.to_vec(), 0..3),
        prop::collection::vec(pattern(), 0..3),
        agents,
        some(&["repo-audit", "elsewhere"]),
        prop::sample::subsequence(&["private", "secret", "untrusted"][..], 0..=2),
        prop::option::of((prop::sample::select(Dimension::ALL.to_vec()), 0..2_000u16)),
        prop::option::of(0..2_000u16),
    )
        .prop_map(|(verbs, resources, agents, apps, labels, effect, score)| When {
            verbs,
            resources,
            agents: agents.iter().map(|agent| NameMatch::parse(agent).unwrap()).collect(),
            apps: apps.iter().map(|app| Name::parse(app).unwrap()).collect(),
            labels: labels.iter().map(ToString::to_string).collect(),
            effect: effect.into_iter().collect(),
            score,
            ..When::default()
        })
}

/// What the documentation of [`When`] says, word for word, without an index.
fn holds(when: &When, facts: &Facts) -> bool {
    let among = |empty: bool, any: bool| empty || any;
    among(when.verbs.is_empty(), when.verbs.contains(&facts.verb))
        && among(when.resources.is_empty(), when.resources.iter().any(|p| p.matches(&facts.resource)))
        && among(when.agents.is_empty(), when.agents.iter().any(|a| a.matches(&facts.agent)))
        && among(when.apps.is_empty(), facts.app.iter().any(|app| when.apps.contains(app)))
        && among(when.labels.is_empty(), when.labels.iter().any(|l| facts.labels.contains(l)))
        && when.effect.iter().all(|(&d, &least)| facts.effect.get(d) >= least)
        && when.score.is_none_or(|least| facts.effect.score() >= least)
}

proptest! {
    /// The index finds exactly the rules that a look at every one of them finds, in the charter's order.
    #[test]
    fn the_index_loses_nothing(
        rules in prop::collection::vec(conditions(), 0..30),
        resources in prop::collection::vec(resource(), 1..10),
        verb in prop::sample::select(Verb::ALL.to_vec()),
        labels in prop::sample::subsequence(&["private", "secret", "untrusted"][..], 0..=3),
        effect in (0..2_000u16, 0..2_000u16),
        in_app: bool,
    ) {
        let rules: Vec<Rule> = rules.into_iter().enumerate().map(|(i, when)| rule(&format!("r{i}"), when)).collect();
        let charter = Charter::with_rules(1, rules.clone()).unwrap();
        for resource in resources {
            let mut facts = facts(verb, &resource.to_string());
            // What a process is called is nothing to a rule.
            facts.name = Name::parse("other").unwrap();
            facts.labels = super::labels(&labels);
            facts.effect = Effect::new(effect.0, 0, effect.1, 0, 0);
            facts.app = facts.app.filter(|_| in_app);
            let expected: Vec<&Name> =
                rules.iter().filter(|rule| holds(&rule.when, &facts)).map(|rule| &rule.id).collect();
            let verdict = decide(&charter, &facts);
            let found: Vec<&Name> = verdict.reasons.iter().filter_map(|reason| reason.rule.as_ref()).collect();
            prop_assert_eq!(found, expected, "{} {}", verb, resource);
        }
    }
}

/// The kinds whose patterns are not cut into words are still found.
#[test]
fn every_kind_is_indexed() {
    for (pattern, resource) in [
        ("/proc/*", "/proc/3"),
        ("/proc/*/inbox", "/proc/3/inbox"),
        ("/svc/r*", "/svc/report"),
        ("/topic/a.*.c", "/topic/a.b.c"),
        ("/tool/x", "/tool/x"),
        ("/agent/*", "/agent/x"),
        ("/app/x", "/app/x"),
        ("/fs/*/b", "/fs/a/b"),
        ("/tree/a/**", "/tree/a"),
        ("/tree/**", "/tree"),
        ("/net/*.example.com:443", "/net/api.example.com:443"),
        ("/net/[2001:db8::1]:443", "/net/[2001:db8::1]:443"),
        ("/net/[2001:db8::1]:*", "/net/[2001:db8::1]:443"),
        ("/model/*", "/model/llama3"),
        ("/container/redis", "/container/redis"),
        ("/timer/tick", "/timer/tick"),
        ("/stream/*", "/stream/7"),
        ("/node/eu-1/**", "/node/eu-1/proc/7"),
        ("/charter", "/charter"),
        ("/letter/*", "/letter/7"),
        ("/letter/**", "/letter"),
    ] {
        let only = When { resources: vec![pattern.parse().unwrap()], ..When::default() };
        assert!(speaks(only, &facts(Verb::Read, resource)), "{pattern} {resource}");
    }
    assert_eq!(Kind::ALL.len(), 17, "a new kind needs a line above");
}
