//! Checking: names, orders, rights and programs.

use super::*;
use std::collections::BTreeSet;

fn problems(text: &str) -> String {
    shown(&checked(text).expect_err("it has problems"))
}

#[test]
fn a_whole_application_passes_and_each_program_is_loaded_once() {
    let component = component();
    let mut asked = Vec::new();
    let mut load = |path: &str| {
        asked.push(path.to_owned());
        Ok(component.clone())
    };
    let mut around = Surroundings { natives: None, exists: &exists, unkept: &|_| Vec::new(), load: &mut load };
    let checked = check(&manifest(WHOLE), &mut around).unwrap_or_else(|p| panic!("{}", shown(&p)));
    assert_eq!(asked, ["reporter.wasm", "bin/walker.wasm"]);
    assert_eq!(checked.programs().len(), 2);
    assert_eq!(checked.programs()["reporter.wasm"].bytes, component);
}

#[test]
fn the_content_address_names_manifest_and_programs() {
    let one = checked(WHOLE).unwrap().content();
    assert_eq!(one, checked(WHOLE).unwrap().content());
    assert_ne!(one, checked(&format!("{WHOLE}\n# more")).unwrap().content());
    let other = component::tests::component(&component::tests::WIT.replace("import kernel;", ""));
    let mut load = |path: &str| Ok(if path == "reporter.wasm" { other.clone().into() } else { component() });
    let mut around = Surroundings { natives: None, exists: &exists, unkept: &|_| Vec::new(), load: &mut load };
    assert_ne!(one, check(&manifest(WHOLE), &mut around).unwrap().content());
}

#[test]
fn names_are_unique_and_known() {
    for (from, to, message) in [
        (
            "name = \"publisher\"",
            "name = \"walker\"",
            "weft.toml:35:8: agent: the name `walker` is taken already, on line 24",
        ),
        ("name = \"out\"", "name = \"repo\"", "mount: the name `repo` is taken already, on line 9"),
        (
            "ends_with = \"reporter\"",
            "ends_with = \"reprter\"",
            "weft.toml:6:13: app.ends_with: there is no agent `reprter`\n    help: did you mean `reporter`?",
        ),
        (
            "depends_on = [\"reporter\"]",
            "depends_on = [\"x\"]",
            "weft.toml:32:15: agent.walker.depends_on: there is no agent, supervisor or container `x`\n    help: known here: publisher, reporter, walker",
        ),
        (
            "owner = \"reporter\"",
            "owner = \"reporters\"",
            "service.report.owner: there is no agent or container `reporters`\n    help: did you mean `reporter`?",
        ),
    ] {
        let found = problems(&whole_with(from, to));
        assert!(found.contains(message), "\n{to}\n  gave {found}\n  not  {message}");
    }
}

#[test]
fn agents_that_wait_for_each_other_are_named() {
    let agents = |needs: &[(&str, &str)]| {
        let one = |(name, needs): &(&str, &str)| {
            let needs: Vec<String> = needs.split_whitespace().map(|n| format!("{n:?}")).collect();
            format!("[[agent]]\nname = {name:?}\nprogram = {{ wasm = \"x\" }}\ndepends_on = [{}]\n", needs.join(","))
        };
        format!("[app]\nname = \"a\"\nversion = \"1.0.0\"\n{}", needs.iter().map(one).collect::<String>())
    };
    let found =
        problems(&agents(&[("a", "b"), ("b", "c x"), ("c", "d b"), ("d", ""), ("x", "a"), ("y", "y"), ("z", "a")]));
    let cycles: Vec<&str> = found.lines().filter(|line| line.contains("wait for each other")).collect();
    assert_eq!(
        cycles,
        [
            "weft.toml:11:15: agent.b.depends_on: these wait for each other: b -> c -> b",
            "weft.toml:27:15: agent.y.depends_on: these wait for each other: y -> y",
        ]
    );
    // One edge less of the first, and the longer way round shows.
    let found = problems(&agents(&[("a", "b"), ("b", "c x"), ("c", "d"), ("d", ""), ("x", "a")]));
    assert!(found.contains("agent.a.depends_on: these wait for each other: a -> b -> x -> a"), "{found}");
}

#[test]
fn agents_start_after_what_they_depend_on_and_else_in_the_order_of_the_file() {
    let text = r#"
app = { name = "a", version = "1.0.0" }
agent = [
    { name = "one", program = { wasm = "x" }, depends_on = ["four", "three"] },
    { name = "two", program = { wasm = "x" } },
    { name = "three", program = { wasm = "x" } },
    { name = "four", program = { wasm = "x" }, depends_on = ["three"] },
]
"#;
    let plan = plan(&checked(text).unwrap(), &Consent::default(), &[]).unwrap();
    let order: Vec<&str> = plan.agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(order, ["two", "three", "four", "one"]);
}

#[test]
fn rights_that_could_never_be_used_are_found() {
    for (from, to, message) in [
        (
            "\"read /fs/repo/**\"",
            "\"read /fs/rep/**\"",
            "weft.toml:27:8: agent.walker.use: `read /fs/rep/**`: there is no mount `rep`\n    help: did you mean `repo`?",
        ),
        ("\"read /fs/repo/**\"", "\"read /fs/src/**\"", "there is no mount `src`\n    help: known here: repo, out"),
        ("\"read /fs/repo/**\"", "\"read /fs/**\"", "`read /fs/**` is for mounts of any name"),
        ("\"read /fs/repo/**\"", "\"read /fs/re*/x\"", "is for mounts of any name"),
        (
            "\"read /fs/repo/**\"",
            "\"write /fs/repo/a\"",
            "`write /fs/repo/a`: that mount is only for reading\n    help: write mode = \"write\" in the [[mount]] `repo`",
        ),
        (
            "\"read /fs/repo/**\"",
            "\"connect /svc/report\"",
            "`connect /svc/report` permits nothing: there is no `connect` for that kind of resource\n    help: what can be done there: send, call, register",
        ),
        ("\"read /fs/repo/**\"", "\"kill /proc/7\"", "numbers are only known when processes run"),
        (
            "\"read /fs/repo/**\"",
            "\"register /svc/report\"",
            "`register /svc/report`: that service belongs to `reporter`",
        ),
        (
            "grant = [\"connect /net/127.0.0.1:8080\"]",
            "grant = [\"remove /fs/repo/**\"]",
            "agent.walker.grant: `remove /fs/repo/**`: that mount is only for reading",
        ),
        (
            "optional = [\"connect /net/**\"",
            "optional = [\"infer /net/**\"",
            "agent.publisher.optional: `infer /net/**` permits nothing",
        ),
    ] {
        let found = problems(&whole_with(from, to));
        assert!(found.contains(message), "\n{to}\n  gave {found}\n  not  {message}");
    }
}

#[test]
fn programs_that_are_missing_or_do_not_fit_are_named_at_each_place() {
    let good = component();
    let mut calls = 0;
    let mut load = |path: &str| {
        calls += 1;
        match path {
            "reporter.wasm" => Ok(good.clone()),
            _ => Err("no such file".to_owned()),
        }
    };
    let mut around = Surroundings { natives: None, exists: &exists, unkept: &|_| Vec::new(), load: &mut load };
    let found = shown(&check(&manifest(WHOLE), &mut around).unwrap_err());
    assert_eq!(calls, 2);
    assert_eq!(
        found,
        "weft.toml:26:11: agent.walker.program: `bin/walker.wasm`: no such file\n\
         weft.toml:36:11: agent.publisher.program: `bin/walker.wasm`: no such file"
    );
    let mut load = |_: &str| Ok(Bytes::from_static(b"hello"));
    let mut around = Surroundings { natives: None, exists: &exists, unkept: &|_| Vec::new(), load: &mut load };
    let found = shown(&check(&manifest(WHOLE), &mut around).unwrap_err());
    assert!(found.contains("agent.reporter.program: `reporter.wasm`: it is not WebAssembly, but text"), "{found}");
}

#[test]
fn programs_together_are_limited() {
    let agent = |i: usize| format!("[[agent]]\nname = \"a{i}\"\nprogram = {{ wasm = \"{i}.wasm\" }}\n");
    let agents: String = (0..10).map(agent).collect();
    let text = format!("[app]\nname = \"a\"\nversion = \"1.0.0\"\n{agents}");
    let big = Bytes::from(vec![0; MAX_COMPONENT + 1]);
    let mut calls = 0;
    let mut load = |_: &str| {
        calls += 1;
        Ok(big.clone())
    };
    let mut around = Surroundings { natives: None, exists: &exists, unkept: &|_| Vec::new(), load: &mut load };
    let found = shown(&check(&manifest(&text), &mut around).unwrap_err());
    assert_eq!(calls, 4);
    assert!(found.contains("`4.wasm`: not looked at"), "{found}");
}

#[test]
fn native_programs_come_from_the_host_alone() {
    let text = whole_with("program = { wasm = \"reporter.wasm\" }", "program = { native = \"reporter\" }");
    let found = problems(&text);
    assert!(
        found.contains(
            "agent.reporter.program: native programs are part of the host and cannot come from an application"
        ),
        "{found}"
    );
    let component = component();
    let with = |natives: &[&str]| {
        let natives: BTreeSet<Name> = natives.iter().map(|n| name(n)).collect();
        let mut load = |_: &str| Ok(component.clone());
        let mut around =
            Surroundings { natives: Some(&natives), exists: &exists, unkept: &|_| Vec::new(), load: &mut load };
        check(&manifest(&text), &mut around)
    };
    assert!(with(&["reporter"]).is_ok());
    let found = shown(&with(&["reporters"]).unwrap_err());
    assert!(
        found.contains("the host has no native program `reporter`\n    help: did you mean `reporters`?"),
        "{found}"
    );
}

#[test]
fn a_rule_that_could_not_be_evaluated_is_named_with_its_place() {
    let rule =
        "[[rule]]\nid = \"r\"\ntext = \"No.\"\nwhen = { arguments = { x = { given = true } } }\nthen = \"deny\"\n";
    let text = format!("{WHOLE}{rule}");
    let with = |unkept: &dyn Fn(&crate::governance::Rule) -> Vec<String>| {
        let mut load = |_: &str| Ok(component());
        check(&manifest(&text), &mut Surroundings { natives: None, exists: &exists, unkept, load: &mut load })
    };
    assert!(with(&|_| Vec::new()).is_ok());
    let found = shown(&with(&|rule| vec![format!("rule {} asks for `x`", rule.id)]).unwrap_err());
    let line = 1 + text.lines().position(|line| line == "id = \"r\"").unwrap();
    assert!(found.starts_with(&format!("weft.toml:{line}:")), "{found}");
    assert!(found.ends_with("rule.r.when.arguments: rule r asks for `x`"), "{found}");
}

#[test]
fn what_later_versions_run_passes_the_check() {
    let later =
        "[[container]]\nname = \"redis\"\nimage = \"redis:7\"\n[[service]]\nname = \"cache\"\nowner = \"redis\"\n";
    checked(&format!("{WHOLE}{later}")).unwrap_or_else(|p| panic!("{}", shown(&p)));
    checked(&whole_with("role = \"worker\"", "inbox = \"durable\"")).unwrap_or_else(|p| panic!("{}", shown(&p)));
}

#[test]
fn a_rule_and_its_application_fit_into_one_name() {
    let with = |id: &str| {
        checked(&format!(
            "{WHOLE}\n[[rule]]\nid = \"{id}\"\ntext = \"T.\"\nthen = \"deny\"\nwhen = {{ verbs = [\"write\"] }}\n"
        ))
    };
    let room = 64 - "repo-audit.".len();
    assert!(with(&"x".repeat(room)).is_ok());
    let found = shown(&with(&"x".repeat(room + 1)).unwrap_err());
    assert!(found.contains("rule.id: ") && found.contains("has more than 64 bytes: shorten its id"), "{found}");
}

#[test]
fn where_the_fuel_of_all_is_limited_each_component_says_what_a_message_may_use() {
    let text = whole_with("memory = \"256MiB\"", "memory = \"256MiB\"\nfuel = 1000");
    let text = text.replace("limits = { ", "limits = { fuel = 1001, ");
    let problems = shown(&checked(&text).expect_err("two without, one with too much"));
    for says in [
        "agent.reporter.limits.fuel: `reporter` needs a limit",
        "agent.publisher.limits.fuel: `publisher` needs a limit",
        "agent.walker.limits.fuel: 1001 for one message is more than the 1000",
    ] {
        assert!(problems.contains(says), "{problems}");
    }
}
