//! The verb table: every row is complete, and its verdict in each environment is pinned.

use super::*;
use crate::environment::Environment;
use crate::governance::{Charter, Decision, FIRST_USE, Facts, Rule, decide, derive};
use crate::id::Pid;
use crate::label::Labels;
use crate::path::{Name, Resource};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

/// A resource of each kind.
fn sample(kind: Kind) -> Resource {
    let path = match kind {
        Kind::Proc => "/proc/3",
        Kind::Inbox => "/proc/3/inbox",
        Kind::Service => "/svc/report",
        Kind::Topic => "/topic/findings.new",
        Kind::Tool => "/tool/scan",
        Kind::Agent => "/agent/scanner",
        Kind::App => "/app/repo-audit",
        Kind::Fs => "/fs/out/report.md",
        Kind::Tree => "/tree/app/x",
        Kind::Net => "/net/api.example.com:443",
        Kind::Model => "/model/llama3",
        Kind::Container => "/container/redis",
        Kind::Timer => "/timer/tick",
        Kind::Stream => "/stream/7",
        Kind::Node => "/node/eu-1/proc/7",
        Kind::Charter => "/charter",
        Kind::Letter => "/letter/7",
    };
    path.parse().unwrap()
}

fn verdict(row: &Row, base: Effect, novelty: u16, labels: &Labels, environment: Environment) -> (u16, Decision) {
    let resource = sample(row.kinds[0]);
    let derived = derive(base, novelty, row.weighs, labels, &Labels::NONE, None);
    let verdict = decide(
        &Charter::new(),
        &Facts {
            version: Facts::VERSION,
            pid: Pid(7),
            name: Name::parse("scanner").unwrap(),
            agent: Name::parse("scanner").unwrap(),
            app: None,
            verb: row.verb,
            grant: Some(format!("{} {resource}", row.verb).parse().unwrap()),
            resource,
            labels: labels.clone(),
            clearance: Labels::NONE,
            blocked: Labels::NONE,
            effect: derived.effect,
            contributions: derived.contributions,
            environment: Arc::new(environment),
            charter: 0,
            accounts: Vec::new(),
            body_len: 0,
            audit: Default::default(),
        },
    );
    (verdict.score, verdict.decision)
}

/// The verdict of every row in every environment, at its first use and when it is no longer new, carrying nothing, a
/// secret, something untrusted, and both. Each cell is the score and the first letters of the decisions in dev,
/// staging and prod.
#[test]
fn every_verdict_is_pinned() {
    let mut table = String::new();
    let rows = ROWS.iter().map(|row| (row, row.base, ""));
    let local = rows.clone().filter(|(row, ..)| row.verb == Verb::Infer).map(|(row, ..)| (row, INFER_LOCAL, " local"));
    for (row, base, note) in rows.chain(local.collect::<Vec<_>>()) {
        let kinds: Vec<&str> = row.kinds.iter().map(|kind| kind.as_str()).collect();
        write!(table, "{} {}{note}", row.verb, kinds.join("+")).unwrap();
        for labels in [&[][..], &["secret"], &["untrusted"], &["secret", "untrusted"]] {
            let labels = Labels::parse(labels).unwrap();
            for novelty in [FIRST_USE, 0] {
                let cells = Environment::standard().map(|e| verdict(row, base, novelty, &labels, e));
                let letters: String = cells.iter().map(|(_, decision)| &decision.as_str()[..1]).collect();
                write!(table, " {} {letters}", cells[0].0).unwrap();
            }
        }
        table.push('\n');
    }
    assert_eq!(table, include_str!("verdicts.txt"), "the table of verdicts changed; it is now:\n{table}");
}

/// No environment, and nothing else, permits what no right covers.
#[test]
fn no_row_passes_without_a_grant() {
    for row in ROWS {
        for &kind in row.kinds {
            for environment in Environment::standard() {
                let mut facts = granted(row, kind);
                facts.grant = None;
                facts.environment = Arc::new(environment);
                assert_eq!(decide(&Charter::new(), &facts).decision, Decision::Deny, "{} {kind}", row.verb);
            }
        }
    }
}

fn granted(row: &Row, kind: Kind) -> Facts {
    let resource = sample(kind);
    Facts {
        version: Facts::VERSION,
        pid: Pid(7),
        name: Name::parse("scanner").unwrap(),
        agent: Name::parse("scanner").unwrap(),
        app: None,
        verb: row.verb,
        grant: Some(format!("{} {resource}", row.verb).parse().unwrap()),
        resource,
        labels: Labels::NONE,
        clearance: Labels::NONE,
        blocked: Labels::NONE,
        effect: Effect::ZERO,
        contributions: Default::default(),
        environment: Arc::new(Environment::dev()),
        charter: 0,
        accounts: Vec::new(),
        body_len: 0,
        audit: Default::default(),
    }
}

#[test]
fn the_index_finds_every_row_and_nothing_else() {
    let mut pairs = BTreeSet::new();
    for row_ in ROWS {
        assert!(!row_.kinds.is_empty());
        for &kind in row_.kinds {
            assert!(pairs.insert((row_.verb, kind)));
            assert!(std::ptr::eq(row(row_.verb, kind).unwrap(), row_));
        }
    }
    for &verb in Verb::ALL {
        for &kind in Kind::ALL {
            assert_eq!(row(verb, kind).is_some(), pairs.contains(&(verb, kind)));
        }
        assert!(pairs.iter().any(|&(v, _)| v == verb), "`{verb}` is in no row");
    }
}

#[test]
fn what_has_no_row_says_so() {
    assert_eq!(
        lookup(Verb::Publish, Kind::Fs).unwrap_err().to_string(),
        "`publish` is not something that can be done to a /fs resource; VERBS.md lists what is"
    );
    assert_eq!(
        lookup(Verb::Infer, Kind::Model).unwrap_err().to_string(),
        "`infer` on a /model resource is not supported in this version: it has no language models yet"
    );
    assert_eq!(lookup(Verb::Read, Kind::Node).unwrap_err(), NoRow::Missing(Verb::Read, Kind::Node, "clusters"));
    assert_eq!(lookup(Verb::Connect, Kind::Net).unwrap().class, Class::Outward);
}

#[test]
fn rows_keep_the_table_s_own_rules() {
    for row in ROWS {
        let name = format!("{} {:?}", row.verb, row.kinds);
        assert_eq!(row.base.novelty(), 0, "{name}: novelty is added when the act is");
        assert!(row.doc.ends_with('.') && !row.reply.is_empty(), "{name}");
        let mut seen = BTreeSet::new();
        for field in row.fields {
            assert!(seen.insert(field.name), "{name}: {} twice", field.name);
            assert!(field.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        }
        if row.missing.is_none() {
            assert_eq!(row.blocking, row.field("deadline_ms").is_some(), "{name}: what waits has a deadline");
        }
        // What leaves the kernel is never merely observed or counted.
        let leaves = [Verb::Write, Verb::Remove, Verb::Connect, Verb::Infer, Verb::Spawn, Verb::Grant, Verb::Revoke];
        let more = [Verb::Legislate, Verb::Declassify, Verb::Endorse, Verb::Kill, Verb::Install];
        if leaves.contains(&row.verb) || more.contains(&row.verb) {
            assert_eq!(row.class, Class::Outward, "{name}");
        }
        assert!(!row.weighs || row.class == Class::Outward, "{name}: what changes nothing carries nothing away");
    }
}

#[test]
fn bodies_are_checked_against_their_row() {
    let check =
        |verb, kind, body: Value| row(verb, kind).unwrap().check(body.as_object().unwrap()).map_err(|e| e.to_string());
    for (verb, kind, body) in [
        (Verb::Read, Kind::Fs, json!({})),
        (Verb::Read, Kind::Fs, json!({ "offset": 0, "len": 65_536 })),
        (Verb::List, Kind::Fs, json!({ "cursor": null })),
        (Verb::Write, Kind::Fs, json!({ "replace": true, "labels": ["secret"] })),
        (Verb::Send, Kind::Service, json!({ "correlation": u64::MAX, "content_type": "application/json" })),
        (Verb::Publish, Kind::Topic, json!({ "retain": null })),
        (Verb::Spawn, Kind::Agent, json!({ "args": { "any": [1, "thing"] }, "use": ["read /fs/repo/**"] })),
    ] {
        assert_eq!(check(verb, kind, body), Ok(()));
    }
    for (verb, kind, body, says) in [
        (
            Verb::Read,
            Kind::Fs,
            json!({ "ofset": 0 }),
            "the body has a field `ofset`, which `read /fs` does not know; did you mean `offset`?",
        ),
        (
            Verb::Read,
            Kind::Fs,
            json!({ "colour": 0 }),
            "the body has a field `colour`, which `read /fs` does not know; it takes offset, len",
        ),
        (
            Verb::Remove,
            Kind::Fs,
            json!({ "x": 0 }),
            "the body has a field `x`, which `remove /fs` does not know; it takes none",
        ),
        (
            Verb::Read,
            Kind::Fs,
            json!({ "len": 1_048_577 }),
            "the field `len` of the body takes a whole number from 0 to 1048576",
        ),
        (
            Verb::Read,
            Kind::Fs,
            json!({ "offset": -1 }),
            "the field `offset` of the body takes a whole number, 0 or more",
        ),
        (Verb::Write, Kind::Fs, json!({ "append": 1 }), "the field `append` of the body takes true or false"),
        (
            Verb::Send,
            Kind::Proc,
            json!({ "labels": [1] }),
            "the field `labels` of the body takes a list of at most 64 texts",
        ),
    ] {
        assert_eq!(check(verb, kind, body), Err(says.to_owned()));
    }
    let long = json!({ "x".repeat(10_000): 1 });
    assert!(check(Verb::Read, Kind::Fs, long).unwrap_err().len() < 200, "an error quotes only so much");
}

#[test]
fn rules_about_what_is_not_kept_are_found() {
    let about = |toml: &str| {
        let rule: Rule = toml::from_str(&format!("id = 'r'\ntext = 'R.'\nthen = 'deny'\n[when]\n{toml}")).unwrap();
        unkept_arguments(&rule)
    };
    let replace = "arguments = { replace = { equals = true } }";
    assert!(about(&format!("verbs = ['write']\nresources = ['/fs/**']\n{replace}")).is_empty());
    assert_eq!(
        about(&format!("verbs = ['write']\n{replace}")),
        ["rule r asks for the argument `replace`, which `write /stream` does not keep; name the verbs and resources \
          that have it"]
    );
    assert!(!about(replace).is_empty());
    assert!(
        !about("verbs = ['write']\nresources = ['/fs/**']\narguments = { password = { given = true } }").is_empty()
    );
}
