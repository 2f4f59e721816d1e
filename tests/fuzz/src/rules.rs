//! Rules: the TOML of `[[rule]]`, what they decide, and how they are stored.

use bytes::Bytes;
use kernel_core::app::parse;
use kernel_core::environment::Environment;
use kernel_core::governance::{Charter, Decision, Facts, Rule, decide, derive, novelty};
use kernel_core::id::Pid;
use kernel_core::kernel::request::Request;
use kernel_core::kernel::verb::table;
use kernel_core::label::Labels;
use std::sync::Arc;

const HEAD: &str =
    "[app]\nname = \"a\"\nversion = \"0.1.0\"\n\n[[agent]]\nname = \"a\"\nprogram = { wasm = \"a.wasm\" }\n\n";

/// Acts to decide about: verb, resource, body, labels.
const ACTS: &[(&str, &str, &str, &[&str])] = &[
    ("read", "/fs/repo/src/main.rs", "{\"offset\":7,\"len\":100}", &[]),
    ("write", "/tree/app/x", "{\"replace\":true}\nvalue", &["secret"]),
    ("connect", "/net/api.example.com:443", "", &["private", "untrusted"]),
    ("call", "/svc/report", "{\"deadline_ms\":100}\n", &[]),
    ("publish", "/topic/findings.new", "", &["secret"]),
];

/// Rules that load decide every act, only tighten, decide the same when asked again, and survive storage.
pub fn body(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(manifest) = parse("weft.toml", &format!("{HEAD}{text}")) else { return false };
    let rules: Vec<Rule> = manifest.rules.iter().map(|rule| rule.value.clone()).collect();
    let json = serde_json::to_vec(&rules).expect("rules are JSON");
    assert_eq!(serde_json::from_slice::<Vec<Rule>>(&json).expect("stored rules can be read"), rules);
    let Ok(charter) = Charter::with_rules(1, rules.clone()) else { return false };
    for act in ACTS {
        for granted in [true, false] {
            let facts = facts(act, granted);
            let free = decide(&Charter::new(), &facts);
            let bound = decide(&charter, &facts);
            assert!(bound.decision >= free.decision, "rules only tighten");
            assert!(granted || bound.decision == Decision::Deny, "no rule gives what was not granted");
            assert_eq!(decide(&charter, &facts), bound);
            let reversed = Charter::with_rules(1, rules.iter().rev().cloned().collect()).expect("the same rules");
            assert_eq!(decide(&reversed, &facts).decision, bound.decision, "their order makes no difference");
        }
    }
    !rules.is_empty()
}

fn facts((verb, resource, body, labels): &(&str, &str, &str, &[&str]), granted: bool) -> Facts {
    let request = Request::parse(Pid(7), verb, resource, Bytes::copy_from_slice(body.as_bytes()));
    let parsed = request.parsed().expect("an act");
    let row = table::lookup(parsed.verb, parsed.resource.kind()).expect("a row");
    let labels = Labels::parse(labels.iter()).expect("labels");
    let derived = derive(row.base, novelty(0), row.weighs, &labels, &Labels::NONE, None);
    Facts {
        version: Facts::VERSION,
        pid: Pid(7),
        name: "walker".parse().expect("a name"),
        agent: "walker".parse().expect("a name"),
        app: Some("a".parse().expect("a name")),
        verb: parsed.verb,
        resource: parsed.resource.clone(),
        grant: granted.then(|| format!("{verb} {resource}").parse().expect("a right")),
        labels,
        clearance: Labels::NONE,
        blocked: Labels::NONE,
        effect: derived.effect,
        contributions: derived.contributions,
        environment: Arc::new(Environment::prod()),
        charter: 1,
        accounts: Vec::new(),
        body_len: body.len() as u64,
        audit: parsed.audit.clone(),
    }
}
