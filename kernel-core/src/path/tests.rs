//! Paths, patterns and words, by example and by property.

use super::*;
use crate::id::{Pid, StreamId};

const ME: Pid = Pid(12);

fn resource(text: &str) -> Resource {
    Resource::parse(text, ME).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn every_kind_prints_as_it_parses() {
    for text in [
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
    ] {
        assert_eq!(resource(text).to_string(), text);
        assert_eq!(pattern(text).to_string(), text);
        assert!(pattern(text).matches(&resource(text)), "{text}");
        assert_eq!(pattern(text).kind(), resource(text).kind());
    }
    assert_eq!(resource("/proc/self"), Resource::Proc(ME));
    assert_eq!(resource("/proc/self/inbox"), Resource::Inbox(ME));
    assert_eq!(resource("/stream/18446744073709551615"), Resource::Stream(StreamId(u64::MAX)));
    assert_eq!("/proc/self".parse::<Resource>(), Err(PathError::NoSelf));
}

#[test]
fn words_have_one_spelling() {
    for &verb in Verb::ALL {
        assert_eq!(Verb::parse(verb.as_str()), Ok(verb));
        assert_eq!(Verb::ALL[verb as usize], verb);
    }
    for &kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.as_str()), Ok(kind));
    }
    assert!(Verb::parse("READ").is_err());
    assert!(Resource::parse("/inbox/7", ME).is_err());
}

#[test]
fn text_survives_json_and_cbor() {
    let path = resource("/fs/repo/a%20b");
    let json = serde_json::to_string(&path).expect("text");
    assert_eq!(json, "\"/fs/repo/a%20b\"");
    assert_eq!(serde_json::from_str::<Resource>(&json).expect("a path"), path);
    let cbor = minicbor::to_vec(&path).expect("text");
    assert_eq!(cbor, minicbor::to_vec("/fs/repo/a%20b").expect("text"));
    assert_eq!(minicbor::decode::<Resource>(&cbor).expect("a path"), path);
    assert!(minicbor::decode::<Resource>(&minicbor::to_vec("/fs/repo/").expect("text")).is_err());
    assert!(serde_json::from_str::<Pattern>("\"/fs/**/x\"").is_err());
}
