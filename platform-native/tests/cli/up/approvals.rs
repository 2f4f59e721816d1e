//! Acts that wait for a person, answered from another terminal.

use super::Up;
use super::openapi::unfit;
use crate::harness::{Home, agent};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// An application that wants to write three files, one after the other, and has to ask for each.
fn asking() -> Home {
    let steps = ["act write /fs/out/a {\"replace\":true} body", "act write /fs/out/b {\"replace\":true} body"];
    let rule =
        "[[rule]]\nid = \"ask\"\ntext = \"A person decides.\"\nwhen = { verbs = [\"write\"] }\nthen = \"escalate\"\n";
    let mount = "[[mount]]\nname = \"out\"\nmode = \"write\"\n";
    Home::new(&format!("{mount}{}{rule}", agent("writer", &steps, "use = [\"write /fs/out/**\"]")))
}

/// Waits for the one question that is open.
pub(super) fn question(up: &Up<'_>) -> Value {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let document = up.weft(&["approvals", "list", "--json"]).exits(0).json();
        if let [one] = &document["approvals"].as_array().unwrap()[..] {
            return one.clone();
        }
        assert!(Instant::now() < limit, "nothing asks: {}", up.weft(&["logs"]).out);
    }
}

#[test]
fn a_question_is_answered_from_another_terminal() {
    let home = asking();
    let up = Up::start(&home, &["--env", "dev"]);
    up.weft(&["app", "install", "play", "--mount", "out=out"]).exits(0);
    up.weft(&["approvals", "list"]).exits(0).says(&["nothing waits for an answer"]);
    up.weft(&["app", "start", "play"]).exits(0);

    let first = question(&up);
    let action = first["action"].to_string();
    assert_eq!(
        (&first["name"], &first["verb"], &first["resource"]),
        (&json!("writer"), &json!("write"), &json!("/fs/out/a"))
    );
    assert!(first["wait_ms"].as_u64().unwrap() <= 30_000 && first["detail"]["reasons"].is_array(), "{first}");
    let shown = up.weft(&["approvals", "list"]).exits(0);
    shown.says(&[&format!("act {action} of process"), "writer wants to write /fs/out/a", "weft approvals approve"]);
    assert!(!home.path("out/a").exists());
    let said = up.weft(&["approvals", "approve", &action, "--json"]).exits(0).json();
    assert_eq!(
        (&said["action"], &said["allow"], &said["by"]),
        (&first["action"], &json!(true), &json!("operator.api"))
    );
    let late = up.weft(&["approvals", "deny", &action]).exits(2);
    late.tells(&[&format!("act {action} waits for no answer any more: operator.api allowed it")]);
    up.weft(&["approvals", "approve", "99999999"]).exits(1).tells(&["act 99999999 waits for no answer"]);
    up.weft(&["approvals", "approve", "x"]).exits(2);

    let second = question(&up);
    let path = format!("/v1/approvals/{}", second["action"]);
    let document = up.ask("GET", "/v1/openapi.json", None).is(200);
    let fits = |schema: &str, value: &Value| {
        assert_eq!(unfit(&document, &document["components"]["schemas"][schema], value, schema), [""; 0], "{value}");
    };
    fits("Approvals", &up.ask("GET", "/v1/approvals", None).is(200));
    assert_eq!(up.ask("POST", &path, Some(&json!({ "allow": "yes" }))).refuses(400), "invalid");
    fits("Answered", &up.ask("POST", &path, Some(&json!({ "allow": false }))).is(200));
    assert_eq!(up.ask("POST", &path, Some(&json!({ "allow": true }))).refuses(409), "conflict");
    assert_eq!(up.ask("POST", "/v1/approvals/0", Some(&json!({ "allow": true }))).refuses(404), "not_found");

    let limit = Instant::now() + Duration::from_secs(20);
    while !up.weft(&["logs"]).exits(0).out.contains("write /fs/out/b: operator.api did not allow it") {
        assert!(Instant::now() < limit, "{}", up.weft(&["logs"]).out);
    }
    assert!(home.path("out/a").exists() && !home.path("out/b").exists());
    let logs = up.weft(&["logs", &first["pid"].to_string()]).exits(0);
    logs.says(&["asks  writer (", "operator.api allowed it", "denied writer ("]);
    up.weft(&["shutdown"]).exits(0);
    up.ended();
    let shown = home.weft(&["chain", "show", "--data-dir", "data", "--json"]).exits(0).json();
    let answers: Vec<&Value> =
        shown["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "answered").collect();
    let by: Vec<&Value> = answers.iter().map(|event| &event["content"]["by"]).collect();
    assert_eq!(by, ["operator.api", "operator.api"], "{answers:?}");
}
