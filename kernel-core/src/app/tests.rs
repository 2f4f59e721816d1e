//! What the tests of applications share: a whole manifest, and ways to break it.

mod check;
mod config;
mod consent;
mod hostile;
mod parse;
mod plan;
mod roles;
mod supervisors;

use super::*;
use crate::capability::Right;
use crate::path::{Kind, Name, Verb};
use bytes::Bytes;
use std::sync::Arc;

/// An application with something in every section that this kernel runs.
const WHOLE: &str = r#"
[app]
name = "repo-audit"
version = "0.1.0"
description = "Audits a folder"
ends_with = "reporter"

[[mount]]
name = "repo"

[[mount]]
name = "out"
mode = "write"
clearance = ["secret"]

[[agent]]
name = "reporter"
program = { wasm = "reporter.wasm" }
use = ["write /fs/out/**", "subscribe /topic/repo-audit.**", "register /svc/report"]
clearance = ["secret"]
instance = "kept"

[[agent]]
name = "walker"
role = "worker"
program = { wasm = "bin/walker.wasm" }
use = ["read /fs/repo/**", "list /fs/repo/**", "publish /topic/repo-audit.files", "call /svc/report", "spawn /agent/publisher"]
grant = ["connect /net/127.0.0.1:8080"]
limits = { memory = "32MiB", handle = "2s", wall = "5m", acts = 100_000, messages = 5 }
labels = ["untrusted"]
args = { depth = 3, skip = ["target", ".git"], ratio = 0.5, since = 2026-01-01 }
depends_on = ["reporter"]

[[agent]]
name = "publisher"
program = { wasm = "bin/walker.wasm" }
optional = ["connect /net/**", "read /proc/self"]

[[service]]
name = "report"
owner = "reporter"

[budget]
acts = 1_000_000
messages = 50_000
wall = "10m"
memory = "256MiB"
"#;

fn manifest(text: &str) -> Arc<Manifest> {
    match parse("weft.toml", text) {
        Ok(manifest) => Arc::new(manifest),
        Err(problems) => panic!("{}", shown(&problems)),
    }
}

/// [`WHOLE`] with one text replaced by another; the text must be there once.
fn whole_with(from: &str, to: &str) -> String {
    assert_eq!(WHOLE.matches(from).count(), 1, "{from}");
    WHOLE.replace(from, to)
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

fn right(text: &str) -> Right {
    Right::parse(text).unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A piece of the verb table, enough for the manifests here.
fn exists(verb: Verb, kind: Kind) -> bool {
    let verbs: &[Verb] = match kind {
        Kind::Fs | Kind::Tree => &[Verb::Read, Verb::List, Verb::Write, Verb::Remove],
        Kind::Proc => &[Verb::Read, Verb::Send, Verb::Call, Verb::Kill, Verb::Stop],
        Kind::Inbox => &[Verb::Read],
        Kind::Service => &[Verb::Send, Verb::Call, Verb::Register],
        Kind::Topic => &[Verb::Publish, Verb::Subscribe],
        Kind::Agent => &[Verb::Spawn],
        Kind::Net => &[Verb::Connect],
        _ => &[],
    };
    verbs.contains(&verb)
}

/// A small component that fits the contract.
fn component() -> Bytes {
    component::tests::component(component::tests::WIT).into()
}

/// Checks `text` as an application from a directory in which every program is there.
fn checked(text: &str) -> Result<Checked, Vec<Problem>> {
    let component = component();
    let mut load = |_: &str| Ok(component.clone());
    check(
        &manifest(text),
        &mut Surroundings { natives: None, exists: &exists, unkept: &|_| Vec::new(), load: &mut load },
    )
}

/// The plan of `text`, with no consent and all that supervision takes.
fn planned(text: &str) -> Plan {
    let checked = checked(text).unwrap_or_else(|problems| panic!("{}", shown(&problems)));
    plan(&checked, &Consent::default(), &[Feature::Restart]).unwrap_or_else(|e| panic!("{e}"))
}

/// That `text` cannot be read or does not hold together, and that this is said.
fn refused(text: &str, says: &str) {
    let found = match parse("weft.toml", text) {
        Ok(_) => checked(text).map(|_| ()),
        Err(problems) => Err(problems),
    };
    let found = shown(&found.expect_err(says));
    assert!(found.contains(says), "{found}\n  not {says}");
}

/// In which way `good` contradicts itself after a change.
fn contradiction(good: &Plan, change: impl FnOnce(&mut Plan)) -> String {
    let mut plan = good.clone();
    change(&mut plan);
    plan.contradiction().expect("it contradicts itself")
}
