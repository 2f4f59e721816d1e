//! Agents of applications that run, spawned by hand.

use super::Up;
use super::life::called;
use crate::harness::{Home, agent};
use serde_json::{Value, json};

/// The row of the one living process called `name`.
fn row(up: &Up<'_>, name: &str) -> Value {
    let rows = up.weft(&["ps", "--json"]).exits(0).json();
    let mut rows = rows["processes"].as_array().unwrap().iter().filter(|row| row["name"] == name);
    rows.next().unwrap_or_else(|| panic!("no {name}")).clone()
}

#[test]
fn an_agent_of_an_application_is_spawned_by_hand() {
    let home = Home::new(&[agent("first", &[], ""), agent("idle", &[], "")].concat());
    let up = Up::start(&home, &[]);
    up.weft(&["app", "install", "play"]).exits(0);
    up.weft(&["spawn", "play/idle"]).exits(1).tells(&["play"]);
    up.weft(&["app", "start", "play"]).exits(0);
    let root = row(&up, "play")["pid"].clone();
    let pid = up.weft(&["spawn", "play/idle", "--json"]).exits(0).json()["pid"].as_u64().unwrap();
    let name = format!("idle-{pid}");
    let spawned = row(&up, &name);
    assert_eq!((&spawned["pid"], &spawned["parent"], &spawned["app"]), (&json!(pid), &root, &json!("play")));
    up.weft(&["ps", "--tree"]).exits(0).says(&[&format!("  {name}")]);
    let helper = up.weft(&["spawn", "play/idle", "--name", "helper", "--args", "\"log hi\""]).exits(0).out;
    assert_eq!(helper, format!("/proc/{}\n", row(&up, "helper")["pid"]));
    let limit = std::time::Instant::now() + super::PATIENCE;
    while !up.weft(&["logs"]).exits(0).out.contains("): hi") {
        assert!(std::time::Instant::now() < limit, "it is not given its arguments");
    }

    up.weft(&["spawn", "play/idle", "--name", "helper"])
        .exits(2)
        .tells(&["a process named `helper` is running already"]);
    up.weft(&["spawn", "play/none"]).exits(1).tells(&["no agent `none`"]);
    up.weft(&["spawn", "none/idle"]).exits(1).tells(&["`none`"]);
    up.weft(&["spawn", "idle"]).exits(2).tells(&["APP/AGENT"]);
    up.weft(&["spawn", "play/a b"]).exits(2).tells(&["the agent's name"]);

    up.weft(&["app", "stop", "play"]).exits(0);
    assert!(called(&up, &name).is_empty() && called(&up, "helper").is_empty());
    up.weft(&["shutdown"]).exits(0);
    up.ended();
}
