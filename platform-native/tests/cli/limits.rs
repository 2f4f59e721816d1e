//! What a manifest limits: whoever reaches it is ended alone, or with its application where the account is that one's,
//! and the run says by what.

use crate::harness::{Home, agent};
use serde_json::Value;

/// Runs `program`, an agent under this limit, beside one that has none; what the summary says of each.
fn limited(limit: &str, program: &str) -> (Value, Value) {
    let home = Home::new(&[program, &format!("limits = {{ {limit} }}\n"), &agent("other", &["wait 300"], "")].concat());
    let document = home.weft(&["run", "play", "--json"]).exits(1).json();
    assert_eq!(document["outcome"], "failed", "{document:#}");
    let row = |name: &str| {
        let rows = document["processes"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name}: {document:#}")).clone()
    };
    (row("spender"), row("other"))
}

/// Asserts that the limit ended its agent, for a reason of these words, and nobody else.
fn assert_ended((spender, other): (Value, Value), words: &[&str]) {
    let detail = spender["detail"].as_str().unwrap();
    assert_eq!(spender["exit"], "limit", "{spender:#}");
    assert!(words.iter().all(|word| detail.contains(word)), "{spender:#}");
    assert_ne!(other["exit"], "limit", "{other:#}");
}

#[test]
fn fuel_ends_a_guest_that_computes_too_much() {
    let looper = "[[agent]]\nname = \"spender\"\nprogram = { wasm = \"looper.wasm\" }\n";
    let rows = limited("fuel = 1000000", looper);
    assert!(rows.0["fuel"].as_u64().unwrap() >= 1_000_000, "{:#}", rows.0);
    assert_ended(rows, &["used up its fuel", "its limit is 1000000 units"]);
}

#[test]
fn wall_ends_a_guest_that_lives_too_long() {
    let rows = limited("wall = \"500ms\"", &agent("spender", &["wait 60000"], ""));
    assert_ended(rows, &["its whole wall time of 500 ms"]);
}

#[test]
fn messages_end_a_guest_that_sends_too_many() {
    let speaks = "use = [\"publish /topic/play.news\"]";
    let rows = limited("messages = 3", &agent("spender", &["repeat 9 publish /topic/play.news"], speaks));
    assert_eq!(rows.0["acts"], 3, "{:#}", rows.0);
    assert_ended(rows, &["`messages`", "3 of 3 are drawn"]);
}

#[test]
fn an_application_that_runs_out_of_calls_of_tools_is_ended() {
    let tool = agent("tool", &["act register /tool/scan {\"effect\":{}}"], "use = [\"register /tool/scan\"]");
    let steps = ["wait 1000", "repeat 9 call /tool/scan"];
    let caller = agent("caller", &steps, "use = [\"call /tool/scan\"]\ndepends_on = [\"tool\"]");
    let home = Home::new(&[&*tool, &caller, "[budget]\ntool_calls = 3\n"].concat());
    let rights = ["--allow", "register /tool/scan", "--allow", "call /tool/scan"];
    let document = home.weft(&[&["run", "play", "--json"][..], &rights].concat()).exits(1).json();
    assert_eq!((&document["outcome"], &document["verdicts"]["exhausted"]), (&"failed".into(), &1.into()));
    let reason = document["reason"].as_str().unwrap();
    assert!(reason.contains("`tool_calls`") && reason.contains("3 of 3 are drawn"), "{reason}");
    let calls = home.weft(&["chain", "show", "--verb", "call", "--json"]).exits(0).json();
    let done = calls["events"].as_array().unwrap().iter().filter(|event| event["content"]["result"] == "done");
    assert_eq!(done.count(), 3, "{calls:#}");
}
