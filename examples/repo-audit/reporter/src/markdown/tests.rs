//! The report reads well, and what is reported about cannot change how it reads.

use super::*;
use guest::message::{Published, Refused, Scanned, Walked};
use scan::hygiene::Defect;
use scan::secrets::Secret;
use serde_json::json;

fn gathered() -> Gathered {
    let mut gathered = Gathered {
        walked: Some(Walked { files: 1234, bytes: 5_600_000, folders: 9, ..Walked::default() }),
        ..Gathered::default()
    };
    gathered.scanned.insert("secrets", Scanned { found: 1, ..Scanned::default() });
    gathered.scanned.insert("hygiene", Scanned::default());
    gathered.scanned.insert("inventory", Scanned { found: 1_000_000, ..Scanned::default() });
    gathered.secrets.kept.push(Secret {
        path: "src/a.rs".to_owned(),
        line: 7,
        column: 3,
        kind: "github-token".to_owned(),
        length: 40,
        excerpt: "let t = \"ghp_…[40 characters]".to_owned(),
    });
    gathered.tried = Some(Tried {
        verb: "connect".to_owned(),
        resource: "/net/exfil.example.com:443".to_owned(),
        labels: vec!["secret".to_owned()],
        findings: 1,
        refusal: Some(Refused {
            code: "denied".to_owned(),
            reason: "no right".to_owned(),
            action: 12,
            detail: json!({
                "process": 5, "missing_grant": { "right": "connect /net/exfil.example.com:443" },
                "effect": { "risk": 3000, "privacy": 9250 }, "score": 11000, "threshold": 9000, "environment": "dev",
            }),
        }),
    });
    gathered.published = Some(Published::default());
    gathered
}

#[test]
fn it_tells_what_a_person_wants_to_know() {
    let report = render(&gathered());
    for wanted in [
        "| Scanned | 1,234 files, 5.6 MB, in 9 folders |",
        "| Secrets | **1** |",
        "| Things to tidy | none |",
        "| `src/a.rs`:7 | github-token | `let t = \"ghp_…[40 characters]` |",
        "| Who | courier (process 5) |",
        "| Missing grant | `connect /net/exfil.example.com:443` |",
        "| Labels it carried | secret |",
        "| Score and threshold | 11000, threshold 9000 in dev |",
        "The courier was given 1 finding and tried to take it out.",
        "posted nothing",
    ] {
        assert!(report.contains(wanted), "{wanted}\n{report}");
    }
    assert!(!report.contains("not complete"));
}

#[test]
fn it_says_no_more_than_what_happened() {
    let mut gathered = gathered();
    let walked = gathered.walked.as_mut().unwrap();
    (walked.links, walked.outside_links) = (9, 2);
    gathered.tried.as_mut().unwrap().findings = 0;
    let publish = |status: Option<u16>, problem: Option<&str>| Published {
        endpoint: Some("h:80".to_owned()),
        status,
        problem: problem.map(str::to_owned),
    };
    for (published, told) in [
        (publish(Some(202), None), "The publisher posted the totals, without findings, to `h:80` (HTTP status 202)."),
        (publish(Some(500), None), "to `h:80`, which did not take them (HTTP status 500)."),
        (publish(None, Some("no answer.")), "The publisher could not post the totals to `h:80`: no answer.\n"),
        (publish(None, Some("no answer")), "The publisher could not post the totals to `h:80`: no answer.\n"),
    ] {
        gathered.published = Some(published);
        let report = render(&gathered);
        for wanted in [
            told,
            "The courier was given an empty list of findings and tried to connect all the same.",
            "| Note | 2 links lead out of the folder; what is there was not scanned |",
        ] {
            assert!(report.contains(wanted), "{wanted}\n{report}");
        }
    }
}

#[test]
fn names_cannot_break_out_of_their_cell() {
    let mut gathered = gathered();
    let nasty = "a|b`<img src=x>\n# Title [x](http://h) ``";
    gathered.secrets.kept[0].path = nasty.to_owned();
    gathered.secrets.kept[0].excerpt = nasty.to_owned();
    gathered.defects.kept.push(Defect {
        path: nasty.to_owned(),
        kind: nasty.to_owned(),
        line: None,
        detail: nasty.to_owned(),
    });
    let report = render(&gathered);
    for line in report.lines().filter(|line| line.contains("img")) {
        let cells = line.replace("\\|", "").matches('|').count();
        assert_eq!(cells, 4, "{line}");
        assert!(line.starts_with("| ``` a\\|b`<img"), "{line}");
    }
    assert_eq!(report.lines().filter(|line| line.starts_with("# ")).count(), 1);
}

#[test]
fn long_lists_say_what_they_leave_out() {
    let mut gathered = gathered();
    let one = gathered.secrets.kept[0].clone();
    gathered.secrets.kept = (0..ROWS as u64 + 50).map(|line| Secret { line, ..one.clone() }).collect();
    if let Some(scanned) = gathered.scanned.get_mut("secrets") {
        scanned.unlisted = 3;
    }
    let report = render(&gathered);
    assert!(report.contains("50 more are in `report.json`."));
    assert!(report.contains("3 were counted, but not kept."));
}

#[test]
fn an_incomplete_audit_says_so_first() {
    let mut gathered = Gathered::default();
    gathered.give_up(60_000);
    gathered.settle();
    let report = render(&gathered);
    assert!(report.starts_with("# Repository audit\n\n> **This audit is not complete.**"), "{report}");
    assert!(report.contains("hygiene, inventory, secrets, walker, courier, publisher"), "{report}");
}

#[test]
fn numbers() {
    assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
    assert_eq!(
        [size(1), size(999), size(1000), size(1_250_000), size(5_368_709_120)],
        ["1 byte", "999 bytes", "1.0 kB", "1.2 MB", "5.3 GB"]
    );
}

#[test]
fn marks_that_turn_what_is_read_are_written_out() {
    assert_eq!(code("a\u{202e}txt.exe"), "`a{U+202E}txt.exe`");
    assert_eq!(text("\u{2066}a\u{200b}"), "{U+2066}a{U+200B}");
}
