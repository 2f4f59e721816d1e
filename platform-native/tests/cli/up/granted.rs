//! Rights that are given to a process while it runs.

use super::Up;
use crate::harness::{Done, Home, agent};
use serde_json::json;
use std::time::{Duration, Instant};

/// An application whose agent publishes what it may not, and once more when it is interrupted.
fn publishing() -> Home {
    let publish = "act publish /topic/news {} hello";
    Home::with_script(&[publish, "wait 60000", publish, "log over"])
}

/// The number of the agent, which has done its first step.
fn actor(up: &Up<'_>) -> String {
    logged(up, "Denied");
    let rows = up.weft(&["ps", "--json"]).exits(0).json();
    let row = rows["processes"].as_array().unwrap().iter().find(|row| row["name"] == "actor").unwrap();
    row["pid"].to_string()
}

/// Waits until that is logged.
fn logged(up: &Up<'_>, part: &str) -> Done {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let logs = up.weft(&["logs"]).exits(0);
        if logs.out.contains(part) {
            return logs;
        }
        assert!(Instant::now() < limit, "no {part:?} in {}", logs.out);
    }
}

#[test]
fn what_was_refused_is_done_once_it_is_given() {
    let home = publishing();
    let up = Up::start(&home, &["--env", "dev"]).with_play();
    let pid = actor(&up);
    let given = up.weft(&["grant", &pid, "publish /topic/news", "--json"]).exits(0).json();
    assert_eq!((given["pid"].to_string(), &given["use"]), (pid.clone(), &json!(["publish /topic/news"])));
    // Given again it is what it was.
    up.weft(&["grant", &pid, "publish /topic/news"]).exits(0).says(&[&format!("/proc/{pid} may publish /topic/news")]);
    up.weft(&["signal", &pid, "interrupt"]).exits(0);
    logged(&up, "over").says(&["publish /topic/news: Code::Denied", " bytes\n"]);
    up.weft(&["revoke", &pid, "publish /topic/news"]).exits(0);
    up.weft(&["revoke", &pid, "publish /topic/news"]).exits(1).tells(&["holds nothing of that"]);
}

#[test]
fn what_an_operator_may_not_do_is_not_given() {
    let home = publishing();
    let up = Up::start(&home, &["--env", "dev"]).with_play();
    let pid = actor(&up);
    for outside in ["connect /net/example.com:443", "read /fs/repo/**"] {
        up.weft(&["grant", &pid, outside]).exits(3).tells(&[&format!("may not give `{outside}`")]);
    }
    up.weft(&["grant", &pid, "fly /topic/news"]).exits(2).tells(&["fly"]);
    up.weft(&["grant", &pid]).exits(2);
    up.weft(&["grant", "x", "publish /topic/news"]).exits(2);
    up.weft(&["grant", "999999", "publish /topic/news"]).exits(1).tells(&["there is no process /proc/999999"]);
    up.weft(&["revoke", &pid, "publish /topic/news"]).exits(1).tells(&["holds nothing of that"]);
}

/// Where what scores so high is asked about it waits for somebody, as any act does.
#[test]
fn it_is_asked_about_where_the_environment_wants_that() {
    let home = publishing();
    let up = Up::start(&home, &[]).with_play();
    let pid = actor(&up);
    std::thread::scope(|scope| {
        let grant = scope.spawn(|| up.weft(&["grant", &pid, "publish /topic/news"]));
        let asked = super::approvals::question(&up);
        assert_eq!((&asked["verb"], &asked["resource"]), (&json!("grant"), &json!(format!("/proc/{pid}"))));
        // It says so as soon as it waits.
        std::thread::sleep(Duration::from_secs(1));
        up.weft(&["approvals", "approve", &asked["action"].to_string()]).exits(0);
        grant
            .join()
            .unwrap()
            .exits(0)
            .tells(&["s for somebody to allow it; in another terminal: weft approvals approve"]);
    });
    up.weft(&["signal", &pid, "interrupt"]).exits(0);
    logged(&up, "over").says(&[" bytes\n"]);
}

/// Whoever gives rights starts nothing, and whoever starts an application by an act gives it none: what it was given was
/// agreed to, and the kernel that stays looks at that.
#[test]
fn an_act_that_starts_an_application_gives_it_nothing() {
    let home = Home::new(&agent("actor", &["log here"], "use = [\"publish /topic/news\"]"));
    let up = Up::start(&home, &["--env", "dev"]);
    up.weft(&["app", "install", "play", "--allow", "publish /topic/news"]).exits(0);
    assert_eq!(up.act("start", "/app/play", json!({})).refuses(403), "denied");
    up.weft(&["app", "start", "play"]).exits(0);
}
