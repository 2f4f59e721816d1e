//! Supervisors below that of the application: what is read, in which order all start, and what cannot be.

use super::*;
use crate::process::{Restart, Shutdown, Strategy, Supervision};
use std::time::Duration;

/// An application with these agents (name, supervisor, what it depends on) and supervisors (name, supervisor, more).
fn tree(agents: &[(&str, &str, &str)], supervisors: &[(&str, &str, &str)]) -> String {
    let above = |name: &str| if name.is_empty() { String::new() } else { format!("supervisor = {name:?}\n") };
    let mut text = "[app]\nname = \"a\"\nversion = \"1.0.0\"\n".to_owned();
    for (name, supervisor, needs) in agents {
        let needs: Vec<String> = needs.split_whitespace().map(|needed| format!("{needed:?}")).collect();
        let head = format!("[[agent]]\nname = {name:?}\nprogram = {{ wasm = \"x\" }}\n");
        text += &format!("{head}{}depends_on = [{}]\n", above(supervisor), needs.join(","));
    }
    for (name, supervisor, more) in supervisors {
        text += &format!("[[supervisor]]\nname = {name:?}\n{}{more}\n", above(supervisor));
    }
    text
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.agents.iter().map(|agent| agent.name.as_str()).collect()
}

#[test]
fn a_supervisor_is_read_whole_or_with_what_otp_has() {
    let more = "strategy = \"one_for_all\"\nintensity = 1\nwindow = \"1m\"\nbackoff = \"0s\"\nrestart = \"transient\"\nshutdown = \"2s\"";
    let plan = planned(&tree(&[("x", "t", ""), ("y", "s", "")], &[("s", "", ""), ("t", "s", more)]));
    let of = |name: &str| plan.supervisors.iter().find(|one| one.name.as_str() == name).expect("it").clone();
    let (s, t) = (of("s"), of("t"));
    assert_eq!((s.supervisor.clone(), s.supervision), (None, Supervision::default()));
    assert_eq!((s.restart, s.shutdown), (Restart::Permanent, Shutdown::Infinite));
    let all = Supervision {
        strategy: Strategy::OneForAll,
        intensity: 1,
        window: Duration::from_secs(60),
        backoff: Duration::ZERO,
    };
    assert_eq!((t.supervisor.as_ref(), t.supervision), (Some(&s.name), all));
    assert_eq!((t.restart, t.shutdown), (Restart::Transient, Shutdown::Within(Duration::from_secs(2))));
    assert_eq!(plan.agents.iter().find(|agent| agent.name.as_str() == "x").expect("it").supervisor, Some(t.name));
    assert_eq!(plan.contradiction(), None);
    // What says no more than the default is written as before.
    let json = serde_json::to_string(&planned(&tree(&[("x", "", "")], &[]))).expect("JSON");
    assert!(!json.contains("supervisor\"") && !json.contains("shutdown"), "{json}");
    for (word, read) in [("kill", Shutdown::Kill), ("infinite", Shutdown::Infinite)] {
        let text = tree(&[("x", "", "")], &[]).replace("depends_on", &format!("shutdown = {word:?}\ndepends_on"));
        assert_eq!(planned(&text).agents[0].shutdown, read);
    }
}

#[test]
fn those_of_one_supervisor_start_one_after_the_other() {
    let agents = [("a", "", "c"), ("b", "s", "d"), ("c", "s", ""), ("d", "t", ""), ("e", "", "")];
    let plan = planned(&tree(&agents, &[("s", "", ""), ("t", "", "")]));
    // `t` before `s`, because `b` needs `d`; `a` after `s`, because it needs `c`.
    assert_eq!(names(&plan), ["e", "d", "b", "c", "a"]);
    let plan = planned(&tree(&[("a", "", "s"), ("b", "s", ""), ("c", "t", "")], &[("s", "", ""), ("t", "s", "")]));
    assert_eq!(names(&plan), ["b", "c", "a"]);
    let needs: Vec<&str> = plan.agents[2].depends_on.iter().map(|name| name.as_str()).collect();
    assert_eq!(needs, ["b", "c"], "all that is below the supervisor");
}

#[test]
fn what_cannot_be_is_said_with_its_place() {
    let deep: Vec<(String, String)> = (0..=MAX_NESTING)
        .map(|i| (format!("s{i}"), if i == 0 { String::new() } else { format!("s{}", i - 1) }))
        .collect();
    let deep: Vec<(&str, &str, &str)> = deep.iter().map(|(name, above)| (name.as_str(), above.as_str(), "")).collect();
    for (agents, supervisors, says) in [
        (&[("x", "z", "")][..], &[("s", "", "")][..], "agent.x.supervisor: there is no supervisor `z`"),
        (&[("x", "s", "")], &[("s", "t", "")], "supervisor.s.supervisor: there is no supervisor `t`"),
        (&[("x", "s", "")], &[("s", "t", ""), ("t", "s", "")], "`s` would be below itself"),
        (&[("x", "", "")], &[("s", "", "")], "supervisor.s: nobody is below it"),
        (&[("x", "x", "")], &[("x", "", "")], "the name `x` is taken already"),
        (&[("x", "s16", "")], &deep, "would lie deeper than 16"),
        (&[("x", "s", "")], &[("s", "", "window = \"0s\"")], "supervisor.s.window: must be more than zero"),
        (&[("x", "s", "")], &[("s", "", "shutdown = \"soon\"")], "nor `kill` or `infinite`"),
        (&[("x", "s", "s")], &[("s", "", "")], "these wait for each other: x -> x"),
        (
            &[("a", "s", "b"), ("b", "t", ""), ("c", "t", "a")],
            &[("s", "", ""), ("t", "", "")],
            "these wait for each other: s -> t -> s",
        ),
    ] {
        refused(&tree(agents, supervisors), says);
    }
}

#[test]
fn a_plan_that_was_not_made_here_is_held_against_itself() {
    let good = planned(&tree(&[("x", "t", "")], &[("s", "", ""), ("t", "s", "")]));
    let change = |change: &dyn Fn(&mut Plan)| contradiction(&good, change);
    assert!(change(&|plan| plan.supervisors.reverse()).contains("which is no supervisor before it"));
    assert!(change(&|plan| plan.supervisors.truncate(1)).contains("which is no supervisor"));
    assert!(change(&|plan| plan.supervisors[1].name = name("s")).contains("two supervisors"));
    assert!(change(&|plan| plan.agents[0].name = name("s")).contains("both an agent and a supervisor"));
    assert!(change(&|plan| plan.supervisors[0].supervision.window = Duration::ZERO).contains("cannot supervise"));
    let never = change(&|plan| {
        plan.ends_with = Some(name("x"));
        plan.supervisors[0].restart = Restart::Temporary;
        plan.supervision.strategy = Strategy::OneForAll;
    });
    assert!(never.contains("below a temporary supervisor"), "{never}");
}
