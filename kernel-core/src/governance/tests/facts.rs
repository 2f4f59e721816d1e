//! Facts: what they keep, and that they come back from their bytes as they went.

use super::{carrying, facts, labels};
use crate::budget::{AccountId, Level, Meter};
use crate::codec;
use crate::governance::{Charter, Effect, Facts, MAX_AUDIT, Verdict, audit, decide};
use crate::path::Verb;
use serde_json::{Value, json};

/// Facts with something in every field.
fn full() -> Facts {
    let mut facts = carrying(facts(Verb::Write, "/fs/out/report.md"), Effect::new(1_200, 0, 300, 0, 800), &["secret"]);
    facts.clearance = labels(&["private"]);
    facts.blocked = labels(&["secret"]);
    facts.accounts = vec![Level { account: AccountId(3), meter: Meter::Acts, left: 41 }];
    facts.body_len = 12;
    facts.audit = audit(json!({ "replace": true }).as_object().unwrap(), ["replace", "append"]);
    facts
}

#[test]
fn facts_and_verdicts_round_trip_and_decide_alike() {
    for facts in [facts(Verb::Send, "/svc/report"), full()] {
        let bytes = codec::encode(&facts).unwrap();
        let back: Facts = codec::decode(&bytes).unwrap();
        assert_eq!(back, facts);
        let verdict = decide(&Charter::new(), &facts);
        assert_eq!(decide(&Charter::new(), &back), verdict);
        let bytes = codec::encode(&verdict).unwrap();
        assert_eq!(codec::decode::<Verdict>(&bytes).unwrap(), verdict);
        let json = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
    }
}

/// What is stored for ever does not change by accident.
#[test]
fn the_stored_form_is_pinned() {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let small = codec::encode(&facts(Verb::Send, "/svc/report")).unwrap();
    assert_eq!(hex(&small), SMALL);
    let full = codec::encode(&full()).unwrap();
    assert_eq!(hex(&full), FULL);
    let verdict = codec::encode(&decide(&Charter::new(), &facts(Verb::Send, "/svc/report"))).unwrap();
    assert_eq!(hex(&verdict), "a3000002190bb80319011b");
}

const SMALL: &str = "ad000201070267636f7572696572036a7265706f2d6175646974046473656e64056b2f7376632f7265706f7274067073656e64202f73\
    76632f7265706f72740a8518c800000f18c80ba2008518c800000018c8010f0c846470726f64190bb800f50d000f001267636f75\
    72696572";
const FULL: &str = "b2000201070267636f7572696572036a7265706f2d61756469740465777269746505712f66732f6f75742f7265706f72742e6d640677\
    7772697465202f66732f6f75742f7265706f72742e6d64078166736563726574088167707269766174650981667365637265740a8519\
    04b000192328001903200ba300851904b00019012c0019032001000281667365637265740c846470726f64190bb800f50d000e81a300\
    0301000218290f0c11a266617070656e64f667\
    7265706c616365f51267636f7572696572";

#[test]
fn decoding_refuses_what_is_not_facts() {
    let bytes = codec::encode(&full()).unwrap();
    for cut in 0..bytes.len() {
        assert!(codec::decode::<Facts>(&bytes[..cut]).is_err());
    }
    assert!(codec::decode::<Facts>(&[0xa0]).is_err(), "an empty map lacks what must be there");
}

#[test]
fn only_audited_fields_are_kept_and_only_when_small() {
    let long = "x".repeat(MAX_AUDIT + 1);
    let body = json!({ "name": "a", "args": { "password": "b" }, "long": long, "list": vec!["y"; 200] });
    let kept = audit(body.as_object().unwrap(), ["name", "long", "list", "absent"]);
    let expected = [("absent".to_owned(), Value::Null), ("name".to_owned(), json!("a"))];
    assert_eq!(kept, expected.into_iter().collect());
}
