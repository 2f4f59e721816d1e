//! Roles of an application: what is read, and what cannot be.

use super::*;
use crate::agency::Role;
use std::time::Duration;

/// An application with these agents (name, role, rights) and roles (name, the roles that it may start, more).
fn firm(agents: &[(&str, &str, &str)], roles: &[(&str, &str, &str)]) -> String {
    let list = |names: &str| names.split(',').filter(|n| !n.is_empty()).map(|n| format!("{n:?}")).collect::<Vec<_>>();
    let mut text = "[app]\nname = \"a\"\nversion = \"1.0.0\"\n".to_owned();
    for (name, role, rights) in agents {
        let role = if role.is_empty() { String::new() } else { format!("role = {role:?}\n") };
        let head = format!("[[agent]]\nname = {name:?}\nprogram = {{ wasm = \"x\" }}\n");
        text += &format!("{head}{role}use = [{}]\n", list(rights).join(","));
    }
    for (name, spawns, more) in roles {
        text += &format!("[[role]]\nname = {name:?}\nspawns = [{}]\n{more}\n", list(spawns).join(","));
    }
    text
}

#[test]
fn a_role_is_read_whole_or_starts_nobody() {
    let ceilings =
        "memory = \"1MiB\", handle = \"1s\", wall = \"1m\", acts = 1, messages = 2, tool_calls = 3, fuel = 4";
    let more = format!("children = 8\nceilings = {{ {ceilings} }}");
    let roles = [("lead", "worker,lead,help", more.as_str()), ("help", "", "")];
    let plan = planned(&firm(&[("x", "lead", "spawn /agent/y"), ("y", "help", "")], &roles));
    let lead = plan.role(&plan.agents[0].role);
    let custom = lead.custom().expect("it is one");
    let ceilings = &custom.ceilings;
    assert_eq!(
        (custom.name.as_str(), custom.children, lead.starts()),
        ("lead", Some(8), vec!["help", "lead", "worker"])
    );
    assert_eq!((ceilings.memory, ceilings.handle), (Some(1 << 20), Some(Duration::from_secs(1))));
    assert_eq!((ceilings.wall, ceilings.acts), (Some(Duration::from_secs(60)), Some(1)));
    assert_eq!((ceilings.messages, ceilings.tool_calls, ceilings.fuel), (Some(2), Some(3), Some(4)));
    let help = plan.role(&plan.agents[1].role);
    let custom = help.custom().expect("it is one");
    assert_eq!((help.starts(), custom.children, custom.ceilings), (vec![], None, Default::default()));
    assert_eq!(plan.contradiction(), None);
    let back: Plan = serde_json::from_str(&serde_json::to_string(&plan).expect("JSON")).expect("a plan");
    assert_eq!(back, plan);
    // What has no roles of its own is written as before.
    let plan = planned(&firm(&[("x", "", "")], &[]));
    assert_eq!(plan.role(&plan.agents[0].role), Role::Worker);
    let json = serde_json::to_string(&plan).expect("JSON");
    assert!(!json.contains("roles") && json.contains("\"role\":\"worker\""), "{json}");
}

#[test]
fn what_cannot_be_is_said_with_its_place() {
    for (agents, roles, says) in [
        (&[("x", "wroker", "")][..], &[][..], "agent.x.role: `wroker` is none of: supervisor, service, worker\n"),
        (&[("x", "wroker", "")], &[], "did you mean `worker`?"),
        (&[("x", "user", "")], &[], "agent.x.role: `user` is none of: supervisor, service, worker"),
        (&[("x", "", "")], &[("lead", "helper", "")], "role.lead.spawns: `helper` is none of"),
        (&[("x", "", "")], &[("lead", "root", "")], "role.lead.spawns: `root` is none of"),
        (&[("x", "", "")], &[("worker", "", "")], "role.name: `worker` is a role that there always is"),
        (&[("x", "", "")], &[("lead", "", ""), ("lead", "", "")], "the name `lead` is taken already"),
        (&[("x", "", "")], &[("lead", "service", "")], "`service` may start worker, which `lead` may not"),
        (
            &[("x", "", "")],
            &[("lead", "", "ceilings = { memory = \"0MiB\" }")],
            "role.lead.ceilings.memory: must be more",
        ),
        (&[("x", "", "")], &[("lead", "", "ceilings = { disk = 1 }")], "unknown key `disk`"),
        (&[("x", "", "")], &[("lead", "", "children = -1")], "role.lead.children"),
        (
            &[("x", "service", "spawn /agent/y"), ("y", "service", "")],
            &[],
            "agent.x.use: `spawn /agent/y`: a `service` may not start a `service`, which `y` is",
        ),
        (&[("x", "lead", "spawn /agent/x")], &[("lead", "", "")], "a `lead` may not start a `lead`"),
    ] {
        refused(&firm(agents, roles), says);
    }
}

#[test]
fn a_plan_that_was_not_made_here_is_held_against_itself() {
    let good = planned(&firm(&[("x", "lead", "")], &[("lead", "worker", "")]));
    let change = |change: &dyn Fn(&mut Plan)| contradiction(&good, change);
    assert!(change(&|plan| plan.roles.clear()).contains("which nothing describes"));
    assert!(change(&|plan| plan.agents[0].role = name("root")).contains("which nothing describes"));
    assert!(change(&|plan| plan.roles[0].name = name("worker")).contains("is there already"));
    assert!(change(&|plan| plan.roles.extend(plan.roles.clone())).contains("is there already"));
    assert!(change(&|plan| plan.roles[0].spawns.extend([name("user")])).contains("no role of an application"));
    let widened = change(&|plan| {
        plan.roles[0].spawns.clear();
        plan.roles[0].spawns.insert(name("supervisor"));
    });
    assert!(widened.contains("may start `supervisor` and not"), "{widened}");
}
