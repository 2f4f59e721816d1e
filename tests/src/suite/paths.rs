//! Paths, patterns and rights: one spelling each, and the meaning that it has on every host.

use kernel_core::capability::Right;
use kernel_core::id::Pid;
use kernel_core::path::{Kind, Pattern, Resource, Verb};

/// One path of every kind.
const EVERY: [&str; 18] = [
    "/proc/12",
    "/proc/12/inbox",
    "/svc/report",
    "/topic/findings.new",
    "/tool/scan-secrets",
    "/agent/scanner",
    "/app/repo-audit",
    "/fs/repo/a%20b/%FF",
    "/tree/app/x",
    "/net/api.example.com:443",
    "/model/llama3",
    "/container/redis",
    "/timer/tick",
    "/stream/18446744073709551615",
    "/node/eu-1/proc/7",
    "/node/eu-1/fs/repo/x",
    "/charter",
    "/letter/7",
];

fn resource(text: &str) -> Resource {
    Resource::parse(text, Pid(12)).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// A path prints as it parses, and the pattern of the same text matches it and no other.
pub fn one_spelling_each() {
    for text in EVERY {
        assert_eq!(resource(text).to_string(), text);
        let pattern = Pattern::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        for other in EVERY {
            assert_eq!(pattern.matches(&resource(other)), text == other, "{text} and {other}");
        }
    }
    for kind in Kind::ALL {
        assert!(EVERY.iter().any(|text| resource(text).kind() == *kind), "no example of {}", kind.as_str());
    }
}

/// Another spelling is refused, not repaired.
pub fn nothing_is_repaired() {
    let wrong = [
        "",
        "/",
        "fs/repo",
        "/fs/repo/",
        "/fs//x",
        "/fs/repo/../x",
        "/fs/repo/a b",
        "/fs/repo/%41",
        "/net/Host:80",
        "/proc/012",
    ];
    for text in wrong {
        assert!(Resource::parse(text, Pid(12)).is_err(), "{text}");
    }
}

/// A pattern includes another exactly when it matches whatever the other matches.
pub fn inclusion_is_by_meaning() {
    let right = |text: &str| Right::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let wide = right("read /fs/repo/**");
    for inner in ["read /fs/repo", "read /fs/repo/*", "read /fs/repo/src/**", "read /fs/repo/a*/b"] {
        assert!(wide.includes(&right(inner)), "{inner}");
    }
    for other in ["read /fs/**", "write /fs/repo/x", "read /fs/repository/x", "read /tree/repo/x"] {
        assert!(!wide.includes(&right(other)), "{other}");
    }
    assert!(wide.permits(Verb::Read, &resource("/fs/repo")));
    assert!(!wide.permits(Verb::List, &resource("/fs/repo")));
}
