//! Paths, patterns and words: by example here, their one spelling in `canonical`, their meaning in `exact`.

mod canonical;
mod exact;

use super::*;
use crate::id::{Pid, StreamId};

pub(super) const ME: Pid = Pid(12);

pub(super) fn resource(text: &str) -> Resource {
    Resource::parse(text, ME).unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub(super) fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// One path of every kind and shape.
pub(super) const EVERY: &[&str] = &[
    "/proc/12",
    "/proc/0",
    "/proc/12/inbox",
    "/svc/report",
    "/topic/findings.new",
    "/tool/scan-secrets",
    "/agent/scanner",
    "/app/repo-audit",
    "/fs/repo",
    "/fs/repo/src/main.rs",
    "/fs/repo/a%20b/%FF%2A",
    "/tree",
    "/tree/app/x",
    "/net/api.example.com:443",
    "/net/192.0.2.7:80",
    "/net/[2001:db8::1]:65535",
    "/model/llama3",
    "/container/redis",
    "/timer/tick",
    "/stream/7",
    "/node/eu-1/proc/7",
    "/node/eu-1/tree",
    "/charter",
    "/letter",
    "/letter/7",
];

#[test]
fn every_kind_prints_as_it_parses() {
    for text in EVERY {
        assert_eq!(resource(text).to_string(), *text);
        assert_eq!(pattern(text).to_string(), *text);
        assert!(pattern(text).is_literal(), "{text}");
        assert!(pattern(text).matches(&resource(text)), "{text}");
        assert_eq!(pattern(text).kind(), resource(text).kind());
    }
    let kinds: std::collections::BTreeSet<Kind> = EVERY.iter().map(|text| resource(text).kind()).collect();
    assert_eq!(kinds.len(), Kind::ALL.len(), "an example of every kind");
}

#[test]
fn self_is_the_caller() {
    assert_eq!(resource("/proc/self"), Resource::Proc(ME));
    assert_eq!(resource("/proc/self/inbox"), Resource::Inbox(ME));
    assert_eq!("/proc/self".parse::<Resource>(), Err(PathError::NoSelf));
    assert_eq!(Resource::parse("/node/eu-1/proc/self", ME), Err(PathError::NoSelf));
    assert!(Pattern::parse("/node/eu-1/proc/self").is_err());
    for (text, bound) in [
        ("/proc/self", "/proc/12"),
        ("/proc/self/inbox", "/proc/12/inbox"),
        ("/proc/self/**", "/proc/12/**"),
        ("/proc/7/**", "/proc/7/**"),
        ("/svc/self", "/svc/self"),
    ] {
        let unbound = pattern(text);
        assert_eq!(unbound.is_self(), text != bound);
        let was = unbound.clone().bind(ME);
        assert_eq!(was, pattern(bound));
        for probe in ["/proc/12", "/proc/12/inbox", "/proc/7", "/proc/7/inbox", "/svc/self"].map(resource) {
            assert_eq!(was.matches(&probe), pattern(bound).matches(&probe), "{was} {probe}");
            assert!(!unbound.is_self() || !unbound.matches(&probe), "{unbound} {probe}");
        }
        for probe in ["/proc/12", "/proc/12/inbox", "/proc/12/**", "/proc/**"].map(pattern) {
            assert_eq!(was.includes(&probe), pattern(bound).includes(&probe), "{was} {probe}");
        }
    }
    assert!(pattern("/proc/**").includes(&pattern("/proc/self/inbox")));
    assert!(pattern("/proc/self/**").includes(&pattern("/proc/self")));
    assert!(!pattern("/proc/self").includes(&pattern("/proc/12")));
    assert!(!pattern("/proc/12").includes(&pattern("/proc/self")));
}

#[test]
fn words_have_one_spelling() {
    for (i, &verb) in Verb::ALL.iter().enumerate() {
        assert_eq!(Verb::parse(verb.as_str()), Ok(verb));
        assert_eq!(verb as usize, i);
        assert_eq!(serde_json::to_string(&verb).expect("text"), format!("\"{verb}\""));
    }
    for (i, &kind) in Kind::ALL.iter().enumerate() {
        assert_eq!(Kind::parse(kind.as_str()), Ok(kind));
        assert_eq!(kind as usize, i);
    }
    for wrong in ["READ", "Read", "read ", " read", "", "reads"] {
        assert!(Verb::parse(wrong).is_err(), "{wrong}");
    }
    assert!(matches!(Resource::parse("/inbox/7", ME), Err(PathError::UnknownKind(_))));
    assert!(matches!(Pattern::parse("/inbox/7"), Err(PathError::UnknownKind(_))));
}

#[test]
fn text_survives_json_and_cbor() {
    for text in EVERY {
        let path = resource(text);
        let json = serde_json::to_string(&path).expect("text");
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Resource>(&json).expect("a path"), path);
        assert_eq!(serde_json::from_str::<Pattern>(&json).expect("a pattern"), pattern(text));
        let cbor = minicbor::to_vec(&path).expect("text");
        assert_eq!(cbor, minicbor::to_vec(text).expect("text"), "one CBOR text string");
        assert_eq!(minicbor::decode::<Resource>(&cbor).expect("a path"), path);
        assert_eq!(minicbor::decode::<Pattern>(&cbor).expect("a pattern"), pattern(text));
    }
    for wrong in ["/fs/repo/", "/proc/self", "fs", "/fs/a%2fb", ""] {
        assert!(minicbor::decode::<Resource>(&minicbor::to_vec(wrong).expect("text")).is_err(), "{wrong}");
        assert!(serde_json::from_value::<Resource>(wrong.into()).is_err(), "{wrong}");
    }
    assert!(serde_json::from_str::<Pattern>("\"/fs/**/x\"").is_err());
    assert!(serde_json::from_str::<Name>("7").is_err());
}

#[test]
fn a_writer_without_room_is_an_error() {
    let path = resource("/fs/repo/src/main.rs");
    let mut room = [0u8; 8];
    assert!(minicbor::encode(&path, &mut room[..]).is_err_and(|e| e.is_write()));
}

#[test]
fn private_addresses_are_only_what_is_spelled_out() {
    let endpoint = |text: &str| Endpoint::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    for (text, at, given, private) in [
        ("/net/127.0.0.1:80", "127.0.0.1:80", true, true),
        ("/net/127.0.0.1:*", "127.0.0.1:80", true, true),
        ("/net/[::1]:*", "[::1]:80", true, true),
        ("/net/127.0.0.1:81", "127.0.0.1:80", false, false),
        ("/net/*:80", "127.0.0.1:80", true, false),
        ("/net/*:*", "127.0.0.1:80", true, false),
        ("/net/**", "127.0.0.1:80", true, false),
        ("/net/localhost:80", "localhost:80", true, false),
        ("/net/*.localhost:80", "a.localhost:80", true, false),
        ("/svc/x", "127.0.0.1:80", false, false),
    ] {
        let endpoint = endpoint(at);
        assert_eq!(pattern(text).matches(&Resource::Net(endpoint.clone())), given, "{text} {at}");
        assert_eq!(pattern(text).matches_private(&endpoint), private, "{text} {at}");
    }
    assert_eq!(endpoint("[::1]:80").address().map(|a| a.is_loopback()), Some(true));
    assert_eq!(endpoint("10.0.0.1:80").address().map(|a| a.is_ipv4()), Some(true));
    assert_eq!(endpoint("localhost:80").address(), None);
    assert_eq!((endpoint("[::1]:80").host(), endpoint("[::1]:80").port()), ("[::1]", 80));
}

#[test]
fn parts_of_a_path_are_at_hand() {
    let Resource::Fs(path) = resource("/fs/repo/src/a%20b") else { panic!("a file") };
    assert_eq!((path.mount().as_str(), path.rest()), ("repo", "src/a%20b"));
    assert_eq!(path.segments().collect::<Vec<_>>(), ["src", "a%20b"]);
    assert_eq!(path.to_string(), "/fs/repo/src/a%20b");
    let Resource::Fs(mount) = resource("/fs/repo") else { panic!("a mount") };
    assert_eq!((mount.rest(), mount.segments().count()), ("", 0));
    let Resource::Tree(root) = resource("/tree") else { panic!("the root") };
    assert_eq!((root.as_str(), root.segments().count(), root.to_string().as_str()), ("", 0, "/tree"));
    let Resource::Topic(topic) = resource("/topic/a.b") else { panic!("a topic") };
    assert_eq!(topic.parts().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(resource("/stream/18446744073709551615"), Resource::Stream(StreamId(u64::MAX)));
}

#[test]
fn everything_may_cross_threads() {
    fn free<T: Send + Sync + Clone + 'static>() {}
    free::<Resource>();
    free::<Pattern>();
    free::<Name>();
    free::<PathError>();
    assert!(size_of::<Resource>() <= 40, "{}", size_of::<Resource>());
    assert!(size_of::<Pattern>() <= 32, "{}", size_of::<Pattern>());
}
