//! Configurations: every key, and every mistake with its place and its advice.

use crate::app::parse_config;

const WHOLE: &str = r#"data_dir = "/var/lib/weft"
listen = ["tcp:127.0.0.1:7777", "unix:run/x.sock"]
environment = "staging"

[[app]]
path = "repo-audit"
allow = ["connect /net/api.example.com:443"]
mounts = { repo = "/srv/repo", out = "reports" }

[[app]]
path = "/opt/other"
"#;

fn problems(text: &str) -> Vec<String> {
    let found = parse_config("up.toml", text.as_bytes()).expect_err("it has a problem");
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_whole_configuration_is_read() {
    let config = parse_config("up.toml", WHOLE.as_bytes()).unwrap();
    assert_eq!(config.data_dir.as_ref().unwrap().as_str(), "/var/lib/weft");
    assert_eq!(
        config.listen.iter().map(|one| one.as_str()).collect::<Vec<_>>(),
        ["tcp:127.0.0.1:7777", "unix:run/x.sock"]
    );
    assert_eq!(config.environment.as_ref().unwrap().name(), "staging");
    let [audit, other] = &config.apps[..] else { panic!("{config:?}") };
    assert_eq!((audit.path.as_str(), audit.key.as_str(), other.path.as_str()), ("repo-audit", "app[1]", "/opt/other"));
    assert_eq!(audit.allow[0].to_string(), "connect /net/api.example.com:443");
    let mounts: Vec<String> = audit.mounts.iter().map(|(name, path)| format!("{name}={}", path.as_str())).collect();
    assert_eq!(mounts, ["out=reports", "repo=/srv/repo"]);
    assert!(other.allow.is_empty() && other.mounts.is_empty());
    let problem = config.problem(audit.allow[0].at, &audit.key, "no", None);
    assert_eq!(problem.to_string(), "up.toml:7:10: app[1]: no");
    let least = parse_config("up.toml", b"# nothing but defaults\n[[app]]\npath = \"x\"").unwrap();
    assert!(least.data_dir.is_none() && least.environment.is_none() && least.listen.is_empty());
}

#[test]
fn every_mistake_is_named_with_its_place_and_its_advice() {
    for (text, expected) in [
        ("", "up.toml:1:1: the configuration is empty\n    help: begin with:"),
        ("data-dir = \"x\"", "up.toml:1:1: unknown key `data-dir`\n    help: did you mean `data_dir`?"),
        (
            "environment = \"prdo\"",
            "up.toml:1:15: environment: `prdo` is none of: dev, staging, prod\n    help: did you mean `prod`?",
        ),
        ("data_dir = 7", "up.toml:1:12: data_dir: must be a string, and is an integer"),
        ("data_dir = \"\"", "up.toml:1:12: data_dir: names no folder"),
        ("listen = \"x\"", "up.toml:1:10: listen: must be a list, and is a string"),
        ("listen = [7]", "up.toml:1:11: listen[1]: must be a string, and is an integer"),
        ("[app]\npath = \"x\"", "up.toml:1:1: app: is a list: each entry begins with `[[app]]`"),
        ("[[app]]\n", "up.toml:1:1: app[1].path: is missing\n    help: for example: path = \"my-app\""),
        (
            "[[app]]\npath = \"x\"\nmount = {}",
            "up.toml:3:1: app[1]: unknown key `mount`\n    help: did you mean `mounts`?",
        ),
        ("[[app]]\npath = \"x\"\nallow = [\"raed /fs/x\"]", "up.toml:3:10: app[1].allow: "),
        ("[[app]]\npath = \"x\"\nmounts = { \"a/b\" = \"x\" }", "up.toml:3:12: app[1].mounts: "),
        ("[[app]]\npath = \"x\"\nmounts = { a = 7 }", "up.toml:3:16: app[1].mounts.a: must be a string"),
        ("[[app]]\npath = \"x\"\nmounts = { a = \"\" }", "up.toml:3:16: app[1].mounts.a: names no folder"),
        ("[[app]", "up.toml:1:"),
    ] {
        let found = problems(text);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{text}: {found:#?}");
    }
    assert_eq!(problems("x = 1\ny = 2\n[[app]]\nz = 3").len(), 4);
    assert!(problems(&"#".repeat((1 << 20) + 1))[0].contains("the configuration is 1048577 bytes"));
}
