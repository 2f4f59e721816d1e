//! Rights that are taken from a process while it runs.

use super::{Up, echo};

/// What a process may no more it does not go on doing, and what was taken once is not there to be taken again.
#[test]
fn a_right_is_taken_with_what_rests_on_it() {
    let home = echo();
    let up = Up::start(&home, &[]).with_play();
    up.weft(&["call", "/svc/echo", "hello"]).exits(0);
    let rows = up.weft(&["ps", "--json"]).exits(0).json();
    let row = rows["processes"].as_array().unwrap().iter().find(|row| row["name"] == "echo").unwrap();
    let pid = row["pid"].to_string();
    let taken = format!("/proc/{pid} may no more register /svc/echo");
    up.weft(&["revoke", &pid, "register /svc/*"]).exits(0).says(&[&taken]);
    up.weft(&["call", "/svc/echo", "hello"]).exits(1).tells(&["/svc/echo"]);
    up.weft(&["revoke", &pid, "register /svc/*"]).exits(1).tells(&["holds nothing of that"]);
    up.weft(&["revoke", &pid, "fly /svc/*"]).exits(2).tells(&["fly"]);
    up.weft(&["revoke", &pid]).exits(2);
    up.weft(&["revoke", "999999", "read /fs/**"]).exits(1).tells(&["there is no process /proc/999999"]);
    up.weft(&["logs", &pid]).exits(0).says(&["register /svc/echo"]);
}

/// Whoever reads JSON learns which rights these were.
#[test]
fn what_was_taken_is_listed() {
    let home = echo();
    let up = Up::start(&home, &[]).with_play();
    let rows = up.weft(&["ps", "--json"]).exits(0).json();
    let row = rows["processes"].as_array().unwrap().iter().find(|row| row["name"] == "echo").unwrap();
    let pid = row["pid"].to_string();
    let json = up.weft(&["revoke", &pid, "register /svc/*", "--json"]).exits(0).json();
    assert_eq!(json["pid"].to_string(), pid);
    assert_eq!(json["use"], serde_json::json!(["register /svc/echo"]));
    assert_eq!(json["grant"], serde_json::json!([]));
}
