//! Parsing: every field, and every mistake with its place and its advice.

use super::*;
use crate::budget::OnExhausted;
use crate::governance::{Effect, Then};
use crate::process::{InstanceKind, Restart, Strategy, Supervision};
use std::time::Duration;

/// The one problem of `text`, as it is printed.
fn problem(text: &str) -> String {
    let problems = parse("weft.toml", text).expect_err("it has a problem");
    assert_eq!(problems.len(), 1, "{}", shown(&problems));
    problems[0].to_string()
}

#[test]
fn a_whole_manifest_is_read() {
    let m = manifest(WHOLE);
    assert_eq!((m.app.name.as_str(), m.app.version.to_string().as_str()), ("repo-audit", "0.1.0"));
    assert_eq!(m.app.description.as_deref(), Some("Audits a folder"));
    assert_eq!(m.app.ends_with.as_ref().unwrap().as_str(), "reporter");
    assert_eq!((m.mounts[0].mode, m.mounts[1].mode), (MountMode::Read, MountMode::Write));
    assert_eq!(m.mounts[0].clearance, None);
    assert!(m.mounts[1].clearance.as_ref().unwrap().contains("secret"));
    let walker = m.agent("walker").unwrap();
    assert_eq!(walker.program.value, Program::Wasm("bin/walker.wasm".to_owned()));
    assert_eq!(walker.use_.len(), 5);
    assert_eq!(*walker.use_[0], right("read /fs/repo/**"));
    assert!(walker.labels.contains("untrusted"));
    assert_eq!(
        walker.limits.value,
        AgentLimits {
            memory: 32 << 20,
            handle: Duration::from_secs(2),
            wall: Some(Duration::from_secs(300)),
            acts: Some(100_000),
            messages: Some(5),
            tool_calls: None,
            fuel: None,
            stored: None,
            on_exhausted: OnExhausted::Stop,
        }
    );
    let json = r#"{"depth":3,"ratio":0.5,"since":"2026-01-01","skip":["target",".git"]}"#;
    assert_eq!(walker.args.to_string(), json);
    assert_eq!(m.services[0].owner.as_str(), "reporter");
    assert!(m.services[0].methods.is_empty());
    assert_eq!(m.budget.acts, Some(1_000_000));
    assert_eq!(m.budget.memory, Some(256 << 20));
    assert_eq!(m.source.text(), WHOLE);
}

#[test]
fn what_is_left_out_has_its_default() {
    let m = manifest("[app]\nname = \"a\"\nversion = \"1.0.0\"\n[[agent]]\nname = \"x\"\nprogram.wasm = \"x.wasm\"\n");
    let x = m.agent("x").unwrap();
    assert_eq!((x.role.as_str(), x.inbox.value, x.restart.value), ("worker", Inbox::Memory, Restart::Temporary));
    assert_eq!((x.instance, m.instance_of(x)), (None, InstanceKind::Kept));
    assert_eq!(
        x.limits.value,
        AgentLimits { memory: 64 << 20, handle: Duration::from_secs(10), ..AgentLimits::default() }
    );
    assert_eq!((x.args.to_string().as_str(), x.clearance.as_ref()), ("{}", None));
    assert_eq!(m.budget.value, Budget::default());
}

#[test]
fn an_agent_that_serves_is_fresh_for_each_message_unless_it_says_otherwise() {
    let m = manifest(&whole_with("instance = \"kept\"\n", ""));
    assert_eq!(m.instance_of(m.agent("reporter").unwrap()), InstanceKind::PerMessage);
    let m = manifest(WHOLE);
    assert_eq!(m.instance_of(m.agent("reporter").unwrap()), InstanceKind::Kept);
}

#[test]
fn the_sections_of_later_versions_are_read() {
    let m = manifest(&format!(
        r#"{WHOLE}
[[tool]]
name = "scan"
program = {{ wasm = "scan.wasm" }}
schemas = {{ input = {{ type = "object" }} }}
effect = {{ risk = 100, security = 10_000 }}
output_labels = ["secret"]
[[container]]
name = "redis"
image = "redis:7"
command = ["redis-server"]
ports = [6379]
optional = true
[[rule]]
id = "no-uploads"
text = "Nothing leaves"
when = {{ verbs = ["connect"], resources = ["/net/**"] }}
then = "deny"
"#
    ));
    assert_eq!(m.tools[0].effect, Some(Effect::new(100, 0, 0, 0, 10_000)));
    assert_eq!(m.tools[0].instance, InstanceKind::PerMessage);
    assert!(m.containers[0].optional);
    assert_eq!(m.containers[0].settings.to_string(), r#"{"command":["redis-server"],"ports":[6379]}"#);
    assert_eq!((m.rules[0].id.as_str(), m.rules[0].then), ("no-uploads", Then::Deny));
    assert_eq!(
        (m.rules[0].when.verbs.as_slice(), m.rules[0].when.apps.as_slice()),
        (&[Verb::Connect][..], &[name("repo-audit")][..])
    );
}

#[test]
fn each_mistake_has_its_place_its_key_and_advice() {
    let cases: &[(&str, &str, &str)] = &[
        (
            "ends_with = \"reporter\"",
            "endswith = \"reporter\"",
            "weft.toml:6:1: app: unknown key `endswith`\n    help: did you mean `ends_with`?",
        ),
        ("[budget]", "[bugdet]", "weft.toml:43:2: unknown key `bugdet`\n    help: did you mean `budget`?"),
        (
            "role = \"worker\"",
            "restart = \"parmanent\"",
            "weft.toml:25:11: agent.walker.restart: `parmanent` is none of: permanent, transient, temporary\n    help: did you mean `permanent`?",
        ),
        (
            "role = \"worker\"",
            "rolle = 1",
            "weft.toml:25:1: agent.walker: unknown key `rolle`\n    help: did you mean `role`?",
        ),
        (
            "32MiB",
            "32MB",
            "weft.toml:29:21: agent.walker.limits.memory: `32MB` is not a size like \"64KiB\", \"64MiB\" or \"2GiB\"",
        ),
        (
            "handle = \"2s\"",
            "handle = 2",
            "weft.toml:29:39: agent.walker.limits.handle: must be a string, and is an integer",
        ),
        (
            "handle = \"2s\"",
            "handle = \"0s\"",
            "weft.toml:29:39: agent.walker.limits.handle: must be more than zero: with nothing a program cannot even start",
        ),
        (
            "wall = \"5m\"",
            "wall = \"5 m\"",
            "weft.toml:29:52: agent.walker.limits.wall: `5 m` is not a duration like \"100ms\", \"30s\" or \"5m\"",
        ),
        (
            "messages = 5 ",
            "messages = -5 ",
            "weft.toml:29:85: agent.walker.limits.messages: must be zero or more, and less than 2^64",
        ),
        (
            "version = \"0.1.0\"",
            "version = \"0.1\"",
            "weft.toml:4:11: app.version: is no semantic version: unexpected end of input while parsing minor version number",
        ),
        (
            "name = \"repo-audit\"",
            "name = \"repo.audit\"",
            "weft.toml:3:8: app.name: must not contain a dot\n    help: use a dash: dots separate the parts of the application's topics",
        ),
        (
            "name = \"repo-audit\"",
            "name = \"repo audit\"",
            "weft.toml:3:8: app.name: \"repo audit\" is not a name: 1 to 64 of A-Z a-z 0-9 - . _ ~, but not `.` or `..`",
        ),
        (
            "name = \"repo-audit\"\n",
            "",
            "weft.toml:2:1: app.name: is missing\n    help: for example: name = \"my-app\"",
        ),
        ("\"read /fs/repo/**\"", "\"read /fs/repo/**/x\"", "weft.toml:27:8: agent.walker.use: "),
        (
            "\"read /fs/repo/**\"",
            "\"raed /fs/repo/**\"",
            "weft.toml:27:8: agent.walker.use: \"raed\" is not a verb\n    help: did you mean `read`?",
        ),
        ("\"read /fs/repo/**\"", "\"/fs/repo/**\"", "weft.toml:27:8: agent.walker.use: \"/fs/repo/**\" is not a right"),
        ("[\"untrusted\"]", "[\"Un trusted\"]", "weft.toml:30:10: agent.walker.labels: `Un trusted` is not a label"),
        ("[\"untrusted\"]", "\"untrusted\"", "weft.toml:30:10: agent.walker.labels: must be a list, and is a string"),
        ("ratio = 0.5", "ratio = nan", "must be a finite number"),
        (
            "depth = 3",
            "depth = 99999999999999999999",
            "weft.toml:31:18: agent.walker.args: must be between -2^63 and 2^63 - 1",
        ),
        (
            "owner = \"reporter\"",
            "owner = \"reporter\"\nmethods = [1]",
            "weft.toml:42:12: service.report.methods[1]: must be a string, and is an integer",
        ),
        ("mode = \"write\"", "mode = true", "weft.toml:13:8: mount.out.mode: must be a string, and is true or false"),
        (
            "program = { wasm = \"reporter.wasm\" }",
            "program = \"reporter.wasm\"",
            "weft.toml:18:11: agent.reporter.program: must be a table, and is a string",
        ),
        (
            "program = { wasm = \"reporter.wasm\" }",
            "program = {}",
            "must be either { wasm = \"path\" } or { native = \"name\" }",
        ),
        ("program = { wasm = \"reporter.wasm\" }", "program = { wasm = \"a\", native = \"b\" }", "must be either"),
        (
            "program = { wasm = \"reporter.wasm\" }\n",
            "",
            "agent.reporter.program: is missing\n    help: for example: program = { wasm = \"walker.wasm\" }",
        ),
    ];
    for (from, to, message) in cases {
        let problems = parse("weft.toml", &whole_with(from, to)).expect_err(to);
        let found = problems[0].to_string();
        assert!(found.contains(message), "\n{to}\n  gave {found}\n  not  {message}");
        assert_eq!(problems.len(), 1, "{to}: {}", shown(&problems));
    }
}

#[test]
fn programs_stay_inside_the_folder() {
    for path in
        ["", "/etc/passwd", "../x.wasm", "a/../../x", "./x.wasm", "a//b", "a/", "C:/x", "a\\\\b", "a\\u0000b", "a\\nb"]
    {
        let message = problem(&whole_with("\"reporter.wasm\"", &format!("\"{path}\"")));
        assert!(message.contains("agent.reporter.program.wasm: the path"), "{path}: {message}");
    }
    for path in ["x", "a/b/c.wasm", "..x/y..wasm", "ä.wasm"] {
        manifest(&whole_with("\"reporter.wasm\"", &format!("\"{path}\"")));
    }
    let long = "a".repeat(1025);
    assert!(problem(&whole_with("\"reporter.wasm\"", &format!("\"{long}\""))).contains("longer than"));
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let text = whole_with("name = \"repo-audit\"", "nam = \"repo-audit\"")
        .replace("role = \"worker\"", "role = 7")
        .replace("wall = \"10m\"", "wall = \"10 minutes\"");
    let problems = parse("weft.toml", &text).unwrap_err();
    let places: Vec<(u32, &str)> = problems.iter().map(|p| (p.line, p.key.as_str())).collect();
    assert_eq!(places, [(2, "app.name"), (3, "app"), (25, "agent.walker.role"), (46, "budget.wall")]);
}

#[test]
fn sections_with_the_wrong_brackets_are_told_so() {
    let single = problem("[app]\nname=\"a\"\nversion=\"1.0.0\"\n[agent]\nname=\"x\"\nprogram={wasm=\"x\"}\n");
    assert!(single.contains("weft.toml:4:1: agent: is a list: each entry begins with `[[agent]]`"), "{single}");
    let double = problem("[[app]]\nname=\"a\"\nversion=\"1.0.0\"\n[[agent]]\nname=\"x\"\nprogram={wasm=\"x\"}\n");
    assert!(double.contains("app: must be a table, and is a list"), "{double}");
    let number = problem("agent = 3\n[app]\nname=\"a\"\nversion=\"1.0.0\"\n");
    assert!(number.contains("weft.toml:1:9: agent: must be a list of tables"), "{number}");
}

#[test]
fn an_application_without_app_or_agents_is_told_what_to_add() {
    let problems = parse("weft.toml", "[[mount]]\nname = \"repo\"\n").unwrap_err();
    let text = shown(&problems);
    assert!(text.contains("app: is missing\n    help: begin with [app]"), "{text}");
    assert!(text.contains("agent: the application has no agents"), "{text}");
}

#[test]
fn rules_of_an_application_only_tighten_and_speak_of_itself() {
    let rule = |when: &str, then: &str| {
        problem(&format!("{WHOLE}[[rule]]\nid = \"x\"\ntext = \"No.\"\nwhen = {when}\nthen = {then:?}\n"))
    };
    for (when, then, message) in [
        ("{}", "permit", "weft.toml:52:8: rule.x.then: a rule of an application can only tighten"),
        ("{ verb = \"read\" }", "deny", "weft.toml:51:8: rule.x.when: unknown field `verb`, expected one of `verbs`"),
        ("{ verbs = [\"raed\"] }", "deny", "rule.x.when: "),
        ("{ resources = [\"/fs/../x\"] }", "deny", "rule.x.when: "),
        ("{ resources = [\"/proc/self\"] }", "deny", "rule.x: `/proc/self` names nobody in a rule"),
        ("{ apps = [\"other\"] }", "deny", "rule.x.when: a rule of an application is about that application"),
        ("3", "deny", "rule.x.when: invalid type: integer `3`"),
    ] {
        let found = rule(when, then);
        assert!(found.contains(message), "\n{when}\n  gave {found}\n  not  {message}");
    }
    let text = format!("{WHOLE}[[rule]]\nid = \"x\"\ntext = \"\"\nwhen = {{}}\nthen = \"deny\"\n");
    assert!(problem(&text).contains("rule.x: `text` is one line"), "{}", problem(&text));
}

#[test]
fn columns_count_characters() {
    let message = problem(&whole_with("depth = 3", "\"ä\" = \"ö\", depth = 99999999999999999999"));
    assert!(message.starts_with("weft.toml:31:29: "), "{message}");
}

#[test]
fn durations_and_sizes() {
    for (text, nanos) in
        [("0s", 0), ("1us", 1_000), ("100ms", 100_000_000), ("90s", 90_000_000_000), ("1d", 86_400_000_000_000)]
    {
        assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
    }
    for (text, bytes) in [("0B", 0), ("64KiB", 65_536), ("2GiB", 2 << 30), ("1TiB", 1 << 40)] {
        assert_eq!(parse_size(text), Ok(bytes), "{text}");
    }
    for text in ["", "s", "5", "5 s", "-5s", "+5s", "1.5s", "5S", "5sec", "٣s", "99999999999999999999s", "999999999d"]
    {
        parse_duration(text).unwrap_err();
    }
    for text in ["", "B", "5", "5 MiB", "5MB", "5mib", "99999999TiB"] {
        parse_size(text).unwrap_err();
    }
}

#[test]
fn supervision_is_read_whole_or_refused() {
    let text = |table: &str| format!("{WHOLE}\n[supervision]\n{table}\n");
    let all = "strategy = \"rest_for_one\"\nintensity = 5\nwindow = \"1m\"\nbackoff = \"0s\"";
    let read = manifest(&text(all)).supervision;
    let window = Duration::from_secs(60);
    assert_eq!(read, Supervision { strategy: Strategy::RestForOne, intensity: 5, window, backoff: Duration::ZERO });
    assert_eq!(manifest(WHOLE).supervision, Supervision::default());
    assert_eq!(manifest(&text("intensity = 0")).supervision.intensity, 0);
    for (table, says) in [
        ("strategy = \"all\"", "one_for_all"),
        ("intensity = 10001", "must be at most 10,000"),
        ("intensity = 99999999999", "must be at most 10,000"),
        ("window = \"0s\"", "must be more than zero"),
        ("intensty = 1", "intensity"),
    ] {
        let problem = problem(&text(table));
        assert!(problem.contains(says), "{table}: {problem}");
    }
}
