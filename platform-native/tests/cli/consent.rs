//! A manifest asks, the operator gives.

use crate::harness::{Home, agent};

fn asking() -> Home {
    let uses = "use = [\"read /fs/repo/**\", \"connect /net/127.0.0.1:9\"]";
    Home::new(&format!("[[mount]]\nname = \"repo\"\n{}", agent("asker", &[], uses)))
}

#[test]
fn what_is_missing_is_exit_3_and_names_the_flags() {
    let home = asking();
    let done = home.weft(&["run", "play"]).exits(3).tells(&[
        "`play` needs what it was not given:",
        "asker: connect /net/127.0.0.1:9",
        "to give it, add --mount repo=PATH --allow \"connect /net/127.0.0.1:9\"",
    ]);
    assert_eq!(done.out, "");
    assert!(!home.data().exists(), "nothing was made");
    home.weft(&["run", "play", "--mount", "repo=repo", "--allow", "connect /net/127.0.0.1:9"]).exits(0);
}

#[test]
fn with_json_the_document_says_why_nothing_ran() {
    let done = asking().weft(&["run", "play", "--mount", "repo=repo", "--json"]).exits(3);
    let error = &done.json()["error"];
    assert_eq!((&error["exit"], &error["code"]), (&3.into(), &"missing_rights".into()));
    assert_eq!(error["flags"], serde_json::json!(["--allow \"connect /net/127.0.0.1:9\""]));
    assert_eq!(error["missing"][0]["agent"], "asker");
}

#[test]
fn what_nobody_asks_for_is_told_and_not_bound() {
    let home = asking();
    let typed = ["run", "play", "--mount", "rpeo=nowhere", "--allow", "connect /net/127.0.0.1:9"];
    home.weft(&typed).exits(3).tells(&["warning: --mount rpeo=PATH", "did you mean `repo`?", "add --mount repo=PATH"]);
    let given = [&typed[..], &["--mount", "repo=repo", "--allow", "connect /net/example.com:1"]].concat();
    let done = home.weft(&given).exits(0);
    done.tells(&["warning: --mount rpeo=PATH", "warning: --allow \"connect /net/example.com:1\": no agent"]);
}

#[test]
fn check_says_what_is_asked_for() {
    let home = asking();
    let document = home.weft(&["app", "check", "play", "--json"]).exits(0).json();
    assert_eq!(document["asks"][0]["flag"], "--mount repo=PATH");
    assert_eq!(document["asks"][1]["flag"], "--allow \"connect /net/127.0.0.1:9\"");
    home.weft(&["app", "check", "play/weft.toml"])
        .exits(0)
        .says(&["play 0.1.0: nothing is wrong", "--mount repo=PATH"]);
}
