//! Plans: one value with everything that the kernel installs.

use super::*;

fn consent() -> Consent {
    Consent::new([name("repo"), name("out")], vec![right("connect /net/127.0.0.1:8080")]).unwrap()
}

#[test]
fn a_plan_holds_everything_in_start_order() {
    let plan = plan(&checked(WHOLE).unwrap(), &consent(), &[]).unwrap();
    assert_eq!((plan.app.as_str(), plan.version.to_string().as_str()), ("repo-audit", "0.1.0"));
    assert_eq!(plan.ends_with, Some(name("reporter")));
    let names: Vec<&str> = plan.agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, ["reporter", "walker", "publisher"]);
    let walker = &plan.agents[1];
    assert_eq!(walker.program, ProgramPlan::Wasm(inspect(&component()).unwrap().sha256));
    assert_eq!(walker.args, r#"{"depth":3,"ratio":0.5,"since":"2026-01-01","skip":["target",".git"]}"#);
    assert_eq!(walker.limits.messages, Some(5));
    assert_eq!(walker.depends_on, [name("reporter")]);
    assert_eq!(walker.given.len(), 3);
    // The optional right of the publisher is given in the part that the operator named.
    assert_eq!(plan.agents[2].given, [right("connect /net/127.0.0.1:8080")]);
    assert_eq!(plan.services[0].owner, name("reporter"));
    assert_eq!(plan.mounts.iter().map(|mount| mount.name.as_str()).collect::<Vec<_>>(), ["repo", "out"]);
    assert_eq!(plan.topics.as_ref().unwrap().as_str(), "/topic/repo-audit.**");
    assert_eq!(plan.tree.as_ref().unwrap().as_str(), "/tree/app/repo-audit/**");
    assert_eq!(plan.budget.messages, Some(50_000));
    assert_eq!(plan.consent, consent());
}

#[test]
fn a_plan_survives_being_written_down() {
    let plan = plan(&checked(WHOLE).unwrap(), &consent(), &[]).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

#[test]
fn what_was_not_given_is_all_named() {
    match plan(&checked(WHOLE).unwrap(), &Consent::default(), &[]).unwrap_err() {
        PlanError::Missing(missing) => assert_eq!(missing.len(), 4),
        other => panic!("{other}"),
    }
}

#[test]
fn a_mount_that_is_not_bound_is_not_planned() {
    let text = whole_with("\"write /fs/out/**\", ", "");
    let consent = Consent::new([name("repo")], consent().allow().to_vec()).unwrap();
    let plan = plan(&checked(&text).unwrap(), &consent, &[]).unwrap();
    assert_eq!(plan.mounts.iter().map(|mount| mount.name.as_str()).collect::<Vec<_>>(), ["repo"]);
}

#[test]
fn what_a_kernel_lacks_is_refused_by_name_and_place() {
    let later = r#"
[[tool]]
name = "scan"
program = { wasm = "scan.wasm" }
[[container]]
name = "redis"
image = "redis:7"
[[container]]
name = "cache"
image = "redis:7"
optional = true
[[rule]]
id = "r"
text = "No."
when = {}
then = "deny"
"#;
    let text = whole_with("role = \"worker\"", "inbox = \"durable\"\nrestart = \"permanent\"")
        .replace("owner = \"reporter\"", "owner = \"reporter\"\nhealth = { every = \"5s\" }\nmethods = [\"summary\"]")
        .replace("wall = \"10m\"", "wall = \"10m\"\ntool_calls = 0\ntokens = 5")
        + later;
    let checked = checked(&text).unwrap_or_else(|p| panic!("{}", shown(&p)));
    let needs = needs(checked.manifest());
    let features: Vec<Feature> = needs.iter().map(|need| need.feature).collect();
    use Feature::*;
    assert_eq!(features, [DurableInbox, Restart, Health, Methods, ToolCalls, Tokens, Tool, Container, Rule]);
    let error = plan(&checked, &consent(), &[Restart, Health, Methods, ToolCalls]).unwrap_err();
    let PlanError::Unsupported(lacking) = &error else { panic!("{error}") };
    assert_eq!(
        lacking.iter().map(|need| need.feature).collect::<Vec<_>>(),
        [DurableInbox, Tokens, Tool, Container, Rule]
    );
    assert!(
        error
            .to_string()
            .contains("weft.toml:25:9: agent.walker.inbox: durable inboxes are not supported by this kernel"),
        "{error}"
    );
    assert!(error.to_string().contains("budget.tokens: budgets of tokens are not supported by this kernel"), "{error}");
    let plan = plan(&checked, &consent(), &features).unwrap();
    assert_eq!((plan.rules[0].id.as_str(), plan.rules[0].when.apps.len()), ("r", 1));
}
