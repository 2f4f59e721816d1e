//! Rights and capabilities: examples, properties, and every history of a small model.

mod model;

use super::*;
use crate::id::Pid;
use crate::path::{Pattern, Resource, Verb};
use proptest::prelude::*;

fn right(text: &str) -> Right {
    Right::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn rights(texts: &[&str]) -> Vec<Right> {
    texts.iter().map(|text| right(text)).collect()
}

fn capabilities(use_: &[&str], grant: &[&str]) -> Capabilities {
    Capabilities::new(rights(use_), rights(grant)).expect("few rights")
}

fn resource(text: &str) -> Resource {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn a_right_is_a_verb_one_space_and_a_pattern() {
    for text in ["read /fs/repo/**", "call /tool/scan-*", "connect /net/*.example.com:443", "legislate /charter"] {
        assert_eq!(right(text).to_string(), text);
        assert_eq!(serde_json::to_value(right(text)).expect("text"), text);
        assert_eq!(minicbor::to_vec(right(text)).expect("text"), minicbor::to_vec(text).expect("text"));
        assert_eq!(serde_json::from_value::<Right>(text.into()).expect("a right"), right(text));
    }
    for wrong in [
        "",
        "read",
        "read ",
        " /fs/repo",
        "read  /fs/repo",
        "read\t/fs/repo",
        "Read /fs/repo",
        "/fs/repo read",
        "read /fs/repo ",
    ] {
        assert!(Right::parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn nothing_is_allowed_by_nothing() {
    let none = Capabilities::default();
    assert_eq!(none, capabilities(&[], &[]));
    for &verb in Verb::ALL {
        assert_eq!(none.permits(verb, &resource("/proc/0")), None);
        assert!(!none.can_grant(&Right { verb, pattern: Pattern::parse("/charter").expect("a pattern") }));
    }
    assert_eq!(attenuate(&none, &none), Ok(none.clone()));
}

#[test]
fn use_and_grant_are_apart() {
    let user = capabilities(&["read /fs/repo/**"], &[]);
    assert_eq!(user.permits(Verb::Read, &resource("/fs/repo/a")), Some(&right("read /fs/repo/**")));
    assert_eq!(user.permits(Verb::Write, &resource("/fs/repo/a")), None);
    assert_eq!(user.permits(Verb::Read, &resource("/fs/repos/a")), None);
    assert!(!user.can_grant(&right("read /fs/repo/a")));

    let coordinator = capabilities(&[], &["read /fs/repo/**"]);
    assert_eq!(coordinator.permits(Verb::Read, &resource("/fs/repo/a")), None);
    assert_eq!(coordinator.granting(&right("read /fs/repo/a")), Some(&right("read /fs/repo/**")));
    let child = attenuate(&coordinator, &capabilities(&["read /fs/repo/src/**"], &["read /fs/repo/src/x"]));
    assert_eq!(child, Ok(capabilities(&["read /fs/repo/src/**"], &["read /fs/repo/src/x"])));
}

#[test]
fn a_widening_is_an_error_that_names_every_right() {
    let parent = capabilities(&["write /fs/repo/**", "kill /proc/*"], &["read /fs/repo/**", "send /svc/a*"]);
    let requested = capabilities(
        &["read /fs/repo/src", "read /fs/**", "write /fs/repo/x", "send /svc/a"],
        &["send /svc/*", "read /fs/repo/**", "kill /proc/7"],
    );
    let widened = attenuate(&parent, &requested).expect_err("more than the parent may grant");
    let named: Vec<String> = widened.iter().map(|w| format!("{} {}", w.kind, w.right)).collect();
    assert_eq!(named, ["use read /fs/**", "use write /fs/repo/x", "grant send /svc/*", "grant kill /proc/7"]);
    assert!(widened[0].to_string().contains("read /fs/**"));
}

#[test]
fn rights_that_only_together_cover_are_refused() {
    let parent = capabilities(&[], &["read /fs/repo", "read /fs/repo/*/**"]);
    assert!(attenuate(&parent, &capabilities(&["read /fs/repo/**"], &[])).is_err());
    assert!(attenuate(&parent, &capabilities(&["read /fs/repo", "read /fs/repo/*/**"], &[])).is_ok());
}

#[test]
fn self_is_bound_to_whoever_holds_it() {
    let held = capabilities(&["stop /proc/self"], &["stop /proc/self"]).bind(Pid(5));
    assert_eq!(held, capabilities(&["stop /proc/5"], &["stop /proc/5"]));
    assert!(held.permits(Verb::Stop, &resource("/proc/5")).is_some());
    let child = capabilities(&["stop /proc/self"], &[]);
    assert!(attenuate(&held, &child).is_err(), "a child's self is not its parent's");
    assert!(attenuate(&held, &child.bind(Pid(6))).is_err());
    let other = capabilities(&["read /fs/repo/**"], &[]);
    assert_eq!(other.clone().bind(Pid(5)), other);
}

#[test]
fn lists_are_bounded_and_ordered() {
    let many = |n: usize| (0..n).map(|i| right(&format!("send /proc/{i}"))).collect::<Vec<_>>();
    assert!(Capabilities::new(many(MAX_RIGHTS), many(MAX_RIGHTS)).is_ok());
    assert_eq!(Capabilities::new(many(MAX_RIGHTS + 1), vec![]), Err(TooManyRights(MAX_RIGHTS + 1)));
    assert_eq!(Capabilities::new(vec![], many(MAX_RIGHTS + 1)), Err(TooManyRights(MAX_RIGHTS + 1)));
    let twice = capabilities(&["send /svc/b", "read /fs/a", "send /svc/a", "send /svc/b"], &[]);
    assert_eq!(twice.use_rights(), rights(&["read /fs/a", "send /svc/a", "send /svc/b"]));
}

#[test]
fn json_is_strict() {
    let held = capabilities(&["read /fs/a"], &["send /svc/a"]);
    let json = serde_json::to_value(&held).expect("JSON");
    assert_eq!(json, serde_json::json!({"use": ["read /fs/a"], "grant": ["send /svc/a"]}));
    assert_eq!(serde_json::from_value::<Capabilities>(json).expect("capabilities"), held);
    let from = |text: &str| serde_json::from_str::<Capabilities>(text);
    assert_eq!(from("{}").expect("no rights"), Capabilities::default());
    for wrong in
        [r#"{"uses": []}"#, r#"{"use": ["fly /fs/a"]}"#, r#"{"use": "read /fs/a"}"#, r#"{"use": ["read /fs/"]}"#]
    {
        assert!(from(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn cbor_has_one_form() {
    let held = capabilities(&["read /fs/a", "send /svc/a"], &["send /svc/a"]);
    let cbor = minicbor::to_vec(&held).expect("CBOR");
    assert_eq!(minicbor::decode::<Capabilities>(&cbor).expect("capabilities"), held);
    let lists = |use_: &[&str], grant: &[&str]| minicbor::to_vec([use_, grant]).expect("CBOR");
    assert_eq!(lists(&["read /fs/a", "send /svc/a"], &["send /svc/a"]), cbor);
    for wrong in
        [lists(&["send /svc/a", "read /fs/a"], &[]), lists(&["read /fs/a", "read /fs/a"], &[]), lists(&["read"], &[])]
    {
        assert!(minicbor::decode::<Capabilities>(&wrong).is_err());
    }
    assert!(minicbor::decode::<Capabilities>(&minicbor::to_vec([[""; 0]; 3]).expect("CBOR")).is_err());
    // A list that claims 2^32 - 1 rights is refused before anything is made of it.
    assert!(minicbor::decode::<Capabilities>(b"\x82\x9a\xff\xff\xff\xff").is_err());
}

const VERBS: [&str; 2] = ["read", "write"];
const PATTERNS: [&str; 9] =
    ["/fs/**", "/fs/a", "/fs/a/**", "/fs/a/*", "/fs/a/x*", "/fs/a/xy", "/fs/*/x*/**", "/tree/**", "/tree/a"];
const RESOURCES: [&str; 9] =
    ["/fs/a", "/fs/b", "/fs/a/x", "/fs/a/xy", "/fs/b/xy/z", "/fs/a/z", "/tree", "/tree/a", "/tree/a/b"];

fn some_rights() -> impl Strategy<Value = Vec<Right>> {
    let one = (prop::sample::select(&VERBS[..]), prop::sample::select(&PATTERNS[..]));
    prop::collection::vec(one.prop_map(|(verb, pattern)| right(&format!("{verb} {pattern}"))), 0..6)
}

fn some_capabilities() -> impl Strategy<Value = Capabilities> {
    (some_rights(), some_rights()).prop_map(|(use_, grant)| Capabilities::new(use_, grant).expect("few rights"))
}

/// Every (verb, resource) of the small world that some right of `list` permits.
fn reach(list: &[Right]) -> Vec<(Verb, Resource)> {
    let all = VERBS.iter().flat_map(|verb| RESOURCES.map(|path| (Verb::parse(verb).expect("a verb"), resource(path))));
    all.filter(|(verb, resource)| list.iter().any(|right| right.permits(*verb, resource))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn permits_is_any_right_of_the_list(held in some_capabilities()) {
        for verb in VERBS {
            for path in RESOURCES {
                let (verb, resource) = (Verb::parse(verb).expect("a verb"), resource(path));
                let by = held.permits(verb, &resource);
                prop_assert_eq!(by, held.use_rights().iter().find(|right| right.permits(verb, &resource)));
            }
        }
        for pattern in PATTERNS {
            let asked = right(&format!("read {pattern}"));
            prop_assert_eq!(held.can_grant(&asked), held.grant_rights().iter().any(|right| right.includes(&asked)));
        }
    }

    #[test]
    fn attenuation_gives_all_or_says_what_is_too_much(parent in some_capabilities(), requested in some_capabilities()) {
        let covered = |right: &&Right| !parent.grant_rights().iter().any(|held| held.includes(right));
        let mut beyond: Vec<(List, &Right)> = requested.use_rights().iter().filter(covered).map(|r| (List::Use, r)).collect();
        beyond.extend(requested.grant_rights().iter().filter(covered).map(|r| (List::Grant, r)));
        match attenuate(&parent, &requested) {
            Ok(child) => {
                prop_assert!(beyond.is_empty());
                prop_assert_eq!(&child, &requested);
                let reachable = reach(parent.grant_rights());
                for act in reach(child.use_rights()).into_iter().chain(reach(child.grant_rights())) {
                    prop_assert!(reachable.contains(&act));
                }
            }
            Err(widened) => {
                let named: Vec<(List, &Right)> = widened.iter().map(|w| (w.kind, &w.right)).collect();
                prop_assert_eq!(named, beyond);
            }
        }
    }

    #[test]
    fn lineages_only_narrow(root in some_capabilities(), asked in prop::collection::vec(some_capabilities(), 1..6)) {
        let (mut now, rooted) = (root.clone(), reach(root.grant_rights()));
        for requested in &asked {
            if let Ok(child) = attenuate(&now, requested) {
                prop_assert!(attenuate(&root, &child).is_ok(), "an ancestor could have given it too");
                prop_assert!(reach(child.use_rights()).iter().all(|act| rooted.contains(act)));
                now = child;
            }
        }
    }

    #[test]
    fn codecs_keep_capabilities(held in some_capabilities()) {
        let json = serde_json::to_string(&held).expect("JSON");
        prop_assert_eq!(&serde_json::from_str::<Capabilities>(&json).expect("capabilities"), &held);
        let cbor = minicbor::to_vec(&held).expect("CBOR");
        prop_assert_eq!(&minicbor::decode::<Capabilities>(&cbor).expect("capabilities"), &held);
    }

    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = minicbor::decode::<Capabilities>(&bytes);
        let _ = minicbor::decode::<Capabilities>(&[b"\x82\x81\x6aread /fs/a", &bytes[..]].concat());
    }
}

#[test]
fn a_wildcard_does_not_become_an_address_on_its_way_down() {
    let right = |text: &str| Right::parse(text).expect("a right");
    let wide = Capabilities::new(Vec::new(), vec![right("connect /net/**"), right("connect /net/10.0.0.1:*")]).unwrap();
    let asks = |text: &str| wide.can_grant(&right(text));
    assert!(asks("connect /net/api.example.com:443"));
    assert!(asks("connect /net/10.0.0.1:80"));
    assert!(!asks("connect /net/127.0.0.1:80"));
    assert!(!asks("connect /net/[::1]:80"));
    assert!(!asks("connect /net/127.0.0.1:*"));
}
