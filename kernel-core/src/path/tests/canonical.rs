//! One spelling for each thing: what parses prints as it was written, and nothing else parses.

use super::*;
use proptest::prelude::*;

#[test]
fn other_spellings_are_errors() {
    let long = "x".repeat(256);
    for text in [
        // No path at all.
        "",
        "/",
        "fs",
        "fs/repo",
        "//fs/repo",
        " /fs/repo",
        "/fs/repo ",
        "/fs/repo\n",
        "/FS/repo",
        "/inbox/1",
        "/nothing/x",
        // Segments.
        "/fs",
        "/fs/",
        "/fs//a",
        "/fs/repo/",
        "/fs/repo//a",
        "/fs/repo/a/",
        "/fs/repo/.",
        "/fs/repo/..",
        "/fs/repo/../x",
        "/fs/./x",
        "/fs/../x",
        "/tree/",
        "/tree//a",
        "/tree/a/",
        "/tree/.",
        "/tree/a/..",
        "/svc",
        "/svc/",
        "/svc/a/b",
        "/svc/a/",
        "/charter/",
        "/charter/x",
        // Percent-encoding.
        "/fs/repo/%61",
        "/fs/repo/%2E",
        "/fs/repo/%2e%2e",
        "/fs/repo/%ff",
        "/fs/repo/%fF",
        "/fs/repo/%",
        "/fs/repo/%2",
        "/fs/repo/%2/",
        "/fs/repo/%G0",
        "/fs/repo/%%20",
        "/fs/repo/%+1",
        "/fs/repo/a b",
        "/fs/repo/é",
        "/fs/repo/a\\b",
        "/fs/repo/a+b",
        "/fs/repo/a:b",
        "/fs/repo/a*",
        "/fs/repo/%2F",
        "/fs/repo/a%2Fb",
        "/fs/repo/a%00b",
        "/fs/a%20b/c",
        "/svc/a%20b",
        "/svc/a b",
        "/topic/a%20b",
        // Ids.
        "/proc",
        "/proc/",
        "/proc/01",
        "/proc/+1",
        "/proc/-1",
        "/proc/1_000",
        "/proc/0x1",
        "/proc/18446744073709551616",
        "/proc/Self",
        "/proc/self/",
        "/proc/7/",
        "/proc/7/x",
        "/proc/7/inbox/",
        "/proc/7/inbox/x",
        "/proc/７",
        "/stream/self",
        "/stream/",
        "/stream/00",
        "/stream/7/x",
        // Topics.
        "/topic/",
        "/topic/.",
        "/topic/.a",
        "/topic/a.",
        "/topic/a..b",
        "/topic/a/b",
        // Hosts and ports.
        "/net/",
        "/net/a",
        "/net/a:",
        "/net/:80",
        "/net/a:0",
        "/net/a:080",
        "/net/a:+80",
        "/net/a:65536",
        "/net/a:80/",
        "/net/a:80:80",
        "/net/A:80",
        "/net/a.B:80",
        "/net/a.:80",
        "/net/.a:80",
        "/net/a..b:80",
        "/net/-a:80",
        "/net/a-:80",
        "/net/a_-.b:80",
        "/net/a%20b:80",
        "/net/user@a:80",
        "/net/é:80",
        "/net/127.1:80",
        "/net/1.2.3.4.5:80",
        "/net/01.2.3.4:80",
        "/net/256.0.0.1:80",
        "/net/2130706433:80",
        "/net/0x7f.0.0.1:80",
        "/net/0x7f000001:80",
        "/net/a.0x7f:80",
        "/net/a.0x:80",
        "/net/a.1:80",
        "/net/1.2.3.4.:80",
        "/net/::1:80",
        "/net/[::1:80",
        "/net/[0:0:0:0:0:0:0:1]:80",
        "/net/[::0001]:80",
        "/net/[2001:DB8::1]:80",
        "/net/[1::2:0:0:0:3]:80",
        "/net/[::ffff:127.0.0.1]:80",
        "/net/[::ffff:7f00:1]:80",
        "/net/[fe80::1%25eth0]:80",
        "/net/[fe80::1%eth0]:80",
        "/net/[127.0.0.1]:80",
        "/net/[]:80",
        "/net/[::1]",
        "/net/[::1]x:80",
        "/net/x[::1]:80",
        // Nodes.
        "/node",
        "/node/",
        "/node/a",
        "/node/a/",
        "/node/a/x",
        "/node//proc/1",
        "/node/a/node/b/proc/1",
        "/node/a/proc/self",
        "/node/a b/proc/1",
        "/node/../proc/1",
    ] {
        assert!(Resource::parse(text, ME).is_err(), "{text:?} is not a path");
        if !text.contains('*') {
            assert!(Pattern::parse(text).is_err(), "{text:?} is not a pattern");
        }
    }
    assert!(Resource::parse(&format!("/svc/{long}"), ME).is_err());
}

#[test]
fn wildcards_have_their_places() {
    for text in [
        "/**",
        "/*",
        "/*/x",
        "/f*/x",
        "/fs/**/x",
        "/fs/repo/**/",
        "/fs/repo/**/**",
        "/fs/repo/***",
        "/fs/repo/a**",
        "/fs/repo/*a",
        "/fs/repo/a*b",
        "/fs/repo/**a",
        "/fs/repo/%2*",
        "/fs/repo/%*",
        "/fs/repo/%61*",
        "/fs/a%20*",
        "/fs/repo//**",
        "/fs//**",
        "/tree//**",
        "/tree**",
        "/tree/***",
        "/svc/a/**",
        "/svc/**/a",
        "/svc/***",
        "/svc/a*b",
        "/svc/*a",
        "/svc/%20*",
        "/charter/**",
        "/charter/*",
        "/charter*",
        "/proc/1*",
        "/proc/s*",
        "/proc/self*",
        "/proc/*/*",
        "/proc/*/in*",
        "/proc/7/inbox/**",
        "/proc/**/inbox",
        "/proc//**",
        "/stream/1*",
        "/stream/7/**",
        "/stream/self",
        "/topic/a**",
        "/topic/**.a",
        "/topic/*a",
        "/topic/.**",
        "/topic/a..**",
        "/topic/a./**",
        "/topic/a/**",
        "/topic/a.**.b",
        "/topic/a%20*",
        "/net/*",
        "/net/*:",
        "/net/*:4*",
        "/net/*:**",
        "/net/**:80",
        "/net/a*:80",
        "/net/*a:80",
        "/net/a.*:80",
        "/net/*.*.a:80",
        "/net/*.:80",
        "/net/*.A:80",
        "/net/*.1:80",
        "/net/*.0.0.1:80",
        "/net/*.0x1:80",
        "/net/[*]:80",
        "/net/[::*]:80",
        "/net/*.[::1]:80",
        "/net/a:80/**",
        "/node/**/proc/1",
        "/node/a",
        "/node/a/*",
        "/node/a/**/x",
        "/node/a/***",
        "/node/a/node/**",
        "/node/a/proc/self",
        "/node/*a/**",
    ] {
        assert!(Pattern::parse(text).is_err(), "{text:?} is not a pattern");
    }
    for text in [
        "/fs/**",
        "/fs/*",
        "/fs/r*/**",
        "/fs/repo/**",
        "/fs/repo/*/x*/**",
        "/fs/repo/.*",
        "/fs/repo/%20*",
        "/fs/repo/%2A*",
        "/tree/**",
        "/tree/*/**",
        "/svc/*",
        "/svc/**",
        "/svc/a*",
        "/proc/*",
        "/proc/**",
        "/proc/*/**",
        "/proc/*/inbox",
        "/proc/7/**",
        "/proc/self/**",
        "/stream/*",
        "/stream/**",
        "/topic/*",
        "/topic/**",
        "/topic/a.**",
        "/topic/a*.*.b.**",
        "/net/**",
        "/net/*:*",
        "/net/*:443",
        "/net/*.a:*",
        "/net/a:*",
        "/net/[::1]:*",
        "/node/**",
        "/node/*/**",
        "/node/eu-*/proc/**",
        "/node/*/charter",
        "/node/a/net/**",
    ] {
        assert_eq!(pattern(text).to_string(), *text);
        // Of topics alone a pattern can be subscribed to, which makes it a resource, too.
        assert_eq!(Resource::parse(text, ME).is_ok(), text.starts_with("/topic/"), "{text}");
        assert!(!pattern(text).is_literal(), "{text}");
    }
}

#[test]
fn lengths_end_where_they_say() {
    let ok =
        |text: String| Resource::parse(&text, ME).is_ok_and(|r| r.to_string() == text) && Pattern::parse(&text).is_ok();
    let x = |n: usize| "x".repeat(n);
    assert!(ok(format!("/svc/{}", x(64))) && !ok(format!("/svc/{}", x(65))));
    assert!(ok(format!("/fs/{}", x(64))) && !ok(format!("/fs/{}", x(65))));
    assert!(ok(format!("/fs/m/{}", x(255))) && !ok(format!("/fs/m/{}", x(256))));
    assert!(ok(format!("/fs/m/{}", "%20".repeat(255))) && !ok(format!("/fs/m/{}", "%20".repeat(256))));
    assert!(ok(format!("/topic/{}", x(255))) && !ok(format!("/topic/{}", x(256))));
    assert!(ok(format!("/net/{}:1", x(63))) && !ok(format!("/net/{}:1", x(64))));
    let host = format!("{0}.{0}.{0}.{1}", x(63), x(61));
    assert!(host.len() == 253 && ok(format!("/net/{host}:1")) && !ok(format!("/net/{host}x:1")));
    let deep = |n: usize| format!("/tree{}", "/x".repeat(n)) + "y";
    assert!(deep(2_045).len() == MAX_PATH && ok(deep(2_045)) && !ok(deep(2_045) + "z"));
    assert_eq!(Resource::parse(&x(5_000), ME), Err(PathError::TooLong(5_000)));

    let open = |text: String| Pattern::parse(&text).is_ok();
    assert!(open(format!("/svc/{}*", x(63))) && !open(format!("/svc/{}*", x(64))));
    assert!(open(format!("/fs/m/{}*", x(254))) && !open(format!("/fs/m/{}*", x(255))));
    assert!(open(format!("/topic/{}*", x(254))) && !open(format!("/topic/{}*", x(255))));
    assert!(open(format!("/topic/{}.**", x(252))) && !open(format!("/topic/{}.**", x(253))));
    assert!(
        open(format!("/net/*.{0}.{0}.{0}.{1}:*", x(63), x(59)))
            && !open(format!("/net/*.{0}.{0}.{0}.{1}:*", x(63), x(60)))
    );
    assert!(FsPath::new(Name::parse("m").expect("a name"), &deep(2_045)[6..]).is_ok());
    assert!(FsPath::new(Name::parse("mmm").expect("a name"), &deep(2_045)[6..]).is_err());
    assert!(TreePath::parse(&(deep(2_045) + "z")[6..]).is_err());
}

#[test]
fn messages_say_what_and_how() {
    let says = |text: &str| Resource::parse(text, ME).map_or_else(|e| e.to_string(), |_| String::new());
    assert!(says("/sevices/x").contains("\"sevices\" is not a kind of resource"), "{}", says("/sevices/x"));
    assert!(says("/svc/a/b").contains("is not a name"), "{}", says("/svc/a/b"));
    assert!(says("/net/a").contains("/net/HOST:PORT"), "{}", says("/net/a"));
    assert!(!says("/fs/m/\u{1b}[2J").contains('\u{1b}'), "control characters are escaped");
}

/// Texts that are nearly paths: pieces that occur in them, in any order.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec![
            "/", "/fs/", "/tree/", "/proc/", "/svc/", "/topic/", "/net/", "/node/", "/stream/", "/charter", "/timer/", "/tree", "/fs",
            "self", "inbox", "/inbox", "a", "b", "A", "0", "1", "7", "01", ".", "..", "%20", "%2F", "%2E", "%00", "%ff", "%FF", "%", "*",
            "**", "/**", ".**", ":", ":80", ":080", ":*", "a.b", "*.a", "127.0.0.1", "[::1]", "[", "]", "0x1", "-", "_", "~", " ", "é", "\0",
        ]).prop_map(str::to_owned),
        1 => ".{0,3}",
    ];
    let root =
        prop::sample::select(vec!["/fs/", "/tree/", "/proc/", "/svc/", "/topic/", "/net/", "/node/n/", "/node/", ""]);
    (root, prop::collection::vec(piece, 0..7)).prop_map(|(root, pieces)| root.to_owned() + &pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_parses_was_canonical(text in nearly()) {
        if let Ok(resource) = text.parse::<Resource>() {
            prop_assert_eq!(resource.to_string(), &*text);
            prop_assert_eq!(Resource::parse(&text, ME), Ok(resource.clone()));
            let literal = Pattern::parse(&text).expect("every path is a pattern");
            prop_assert!(literal.matches(&resource));
            prop_assert_eq!(literal.is_literal(), !text.contains('*'));
        }
        if let Ok(pattern) = Pattern::parse(&text) {
            prop_assert_eq!(pattern.to_string(), &*text);
            prop_assert!(pattern.includes(&pattern));
            prop_assert_eq!(pattern.is_literal(), !text.contains('*'));
            if pattern.is_literal() && !pattern.is_self() {
                prop_assert!(text.parse::<Resource>().is_ok());
            }
        }
    }

    #[test]
    fn any_text_parses_or_says_why(text in ".{0,60}") {
        for rooted in [text.clone(), format!("/fs/m/{text}"), format!("/net/{text}"), format!("/topic/{text}")] {
            if let Ok(resource) = rooted.parse::<Resource>() {
                prop_assert_eq!(resource.to_string(), &*rooted);
            }
            if let Err(e) = Pattern::parse(&rooted) {
                prop_assert!(!e.to_string().is_empty());
            }
        }
        if let Ok(bytes) = decode_segment(&text) {
            prop_assert_eq!(encode_segment(&bytes), text);
        }
    }

    #[test]
    fn names_of_files_round_trip(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = encode_segment(&bytes);
        let is_name = (1..=255).contains(&bytes.len()) && bytes != b"." && bytes != b".." && !bytes.iter().any(|b| matches!(b, 0 | b'/'));
        prop_assert_eq!(decode_segment(&text).ok(), is_name.then_some(bytes));
        prop_assert_eq!(format!("/fs/m/{text}").parse::<Resource>().is_ok(), is_name);
    }

    #[test]
    fn cbor_decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for head in [&[][..], b"\x78\x20", b"\x6d/fs/repo/"] {
            let bytes = [head, &bytes].concat();
            if let Ok(resource) = minicbor::decode::<Resource>(&bytes) {
                prop_assert_eq!(minicbor::decode::<String>(&bytes).expect("text"), resource.to_string());
            }
            let _ = minicbor::decode::<Pattern>(&bytes);
            let _ = minicbor::decode::<crate::label::Labels>(&bytes);
        }
    }
}
