//! The document that describes the API and what is served are the same.

use super::{Answer, Up, echo};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "options", "trace"];

/// What `value` lacks of what `schema` says, where the document is `whole`.
pub(super) fn unfit(whole: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = whole.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("no {name}"));
        return unfit(whole, schema, value, at);
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{at}: {other}"),
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Vec::new(),
    };
    let mut problems = Vec::new();
    if !kinds.iter().any(|kind| is(kind)) {
        problems.push(format!("{at} is {value} and not {kinds:?}"));
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        problems.push(format!("{at} is {value} and none of {values:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            problems.push(format!("{at} has no {name}"));
        }
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            problems.extend(unfit(whole, schema, value, &format!("{at}.{name}")));
        }
    }
    if let (Some(known), Some(members)) = (schema["properties"].as_object(), value.as_object()) {
        let unknown = members.keys().filter(|name| !known.contains_key(*name));
        problems.extend(unknown.map(|name| format!("{at} has {name}, of which the document says nothing")));
    }
    for item in value.as_array().into_iter().flatten() {
        problems.extend(unfit(whole, &schema["items"], item, &format!("{at}[]")));
    }
    problems
}

/// A body that fits each schema that a request may have.
fn body(name: &str) -> Value {
    match name {
        "Act" => json!({ "verb": "send", "resource": "/svc/echo", "payload": "aGk=", "encoding": "base64" }),
        "Install" => {
            let guest = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/guests/echo.wasm"));
            let agent = "[[agent]]\nname = \"x\"\nprogram = { wasm = \"echo.wasm\" }\n";
            let manifest = format!("[app]\nname = \"two\"\nversion = \"0.1.0\"\n{agent}");
            json!({ "manifest": manifest, "programs": { "echo.wasm": STANDARD.encode(guest.unwrap()) } })
        }
        "Start" => json!({ "until": "quiet" }),
        "Answer" => json!({ "allow": true }),
        "Diff" => json!({ "from": "before" }),
        "ListNodes" | "ProveNode" => json!({ "path": "/tree" }),
        "Shutdown" => json!({ "reason": "the last" }),
        other => panic!("no example of {other}"),
    }
}

#[test]
fn the_document_is_what_is_served() {
    let home = echo();
    let up = Up::start(&home, &["--env", "dev"]).with_play();
    up.act("write", "/tree", json!({ "snapshot": "before" })).is(200);
    let document = up.ask("GET", "/v1/openapi.json", None).is(200);
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let mut last = None;
    for (path, operations) in paths {
        let served = path.replace("{name}", "play").replace("{action}", "7777777").replace("{event}", "1");
        let documented: BTreeSet<&str> = operations.as_object().unwrap().keys().map(String::as_str).collect();
        for method in METHODS {
            let Some(operation) = operations.get(method) else {
                let refused = up.ask(&method.to_ascii_uppercase(), &served, None);
                assert_eq!(refused.refuses(405), "invalid", "{method} {path}");
                let allow = refused.head.lines().find_map(|line| line.strip_prefix("allow: ")).unwrap();
                let allowed: BTreeSet<String> = allow.split(", ").map(str::to_ascii_lowercase).collect();
                assert_eq!(allowed.iter().map(String::as_str).collect::<BTreeSet<_>>(), documented, "{path}");
                continue;
            };
            if path == "/v1/shutdown" {
                last = Some(operation);
                continue;
            }
            check(&up, &document, method, &served, operation);
        }
        for other in [format!("{served}/"), format!("{served}/x/y/z"), served.replacen("/v1", "/v0", 1)] {
            assert_eq!(up.ask("GET", &other, None).refuses(404), "not_found", "{other}");
        }
    }
    check(&up, &document, "post", "/v1/shutdown", last.unwrap());
    up.ended();
}

/// Asks for it, and holds what is answered against what the document says.
fn check(up: &Up<'_>, document: &Value, method: &str, path: &str, operation: &Value) {
    let said = &operation["responses"]["200"]["content"];
    if said.get("application/octet-stream").is_some() {
        // Its tests are those of `weft backup`, which reads it.
        return;
    }
    if said.get("text/event-stream").is_some() {
        return check_events(up, document, said);
    }
    let named = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
    let body = named.map(|name| body(name.rsplit('/').next().unwrap()));
    let wrong = |answer: &Answer| {
        let schema = &document["components"]["schemas"]["Error"];
        assert!(operation["responses"].get(answer.status.to_string()).is_some(), "{method} {path}: {answer:?}");
        assert_eq!(unfit(document, schema, &answer.json(), "error"), [""; 0], "{method} {path}");
    };
    if named.is_some() {
        wrong(&up.ask(&method.to_ascii_uppercase(), path, Some(&json!({ "no such": "member" }))));
        wrong(&up.ask(&method.to_ascii_uppercase(), path, None));
    }
    wrong(&up.ask(&method.to_ascii_uppercase(), &format!("{path}?no=such"), body.as_ref()));
    let answer = up.ask(&method.to_ascii_uppercase(), path, body.as_ref());
    // Nothing waits for an answer.
    if path.contains("/7777777") {
        assert_eq!(answer.refuses(404), "not_found");
        return wrong(&answer);
    }
    // `play` runs: it can be neither started nor removed.
    if path.contains("/play") {
        assert_eq!(answer.refuses(409), "conflict");
        return wrong(&answer);
    }
    let problems = unfit(document, &said["application/json"]["schema"], &answer.is(200), "answer");
    assert_eq!(problems, [""; 0], "{method} {path}: {answer:?}");
    assert!(answer.head.to_ascii_lowercase().contains("cache-control: no-store"));
}

fn check_events(up: &Up<'_>, document: &Value, said: &Value) {
    let mut stream = up.unix();
    let request = super::request("GET", "/v1/events?from=oldest&follow=false", "", "");
    stream.write_all(request.as_bytes()).unwrap();
    let lines: Vec<String> = BufReader::new(stream).lines().map(Result::unwrap).collect();
    assert!(lines.iter().any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream")), "{lines:?}");
    let data: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert!(!data.is_empty());
    for data in data {
        let problems =
            unfit(document, &said["text/event-stream"]["schema"], &serde_json::from_str(data).unwrap(), "event");
        assert_eq!(problems, [""; 0], "{data}");
    }
}
