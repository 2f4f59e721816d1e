//! A kernel that is started with a file: what it says, done once.

use super::life::called;
use super::{Up, echo};
use crate::harness::{Home, agent};
use serde_json::{Value, json};

/// The file, with these lines for `play`.
fn configure(home: &Home, more: &str) {
    let text = format!("data_dir = \"data\"\nenvironment = \"dev\"\n\n[[app]]\npath = \"play\"\n{more}");
    std::fs::write(home.path("up.toml"), text).unwrap();
}

/// A kernel with the file, and what it did with `play`.
fn start(home: &Home) -> (Up<'_>, Value) {
    let up = Up::start(home, &["--config", "up.toml"]);
    let [play] = &up.said["apps"].as_array().unwrap()[..] else { panic!("{}", up.said) };
    let play = play.clone();
    assert_eq!((&play["app"], &play["reason"]), (&json!("play"), &Value::Null), "{play}");
    assert_eq!(up.weft(&["call", "/svc/echo", "hi"]).exits(0).out, "hi");
    (up, play)
}

fn stop(up: Up<'_>) {
    up.weft(&["shutdown"]).exits(0);
    up.ended();
}

fn would(home: &Home) -> Value {
    home.weft(&["up", "--config", "up.toml", "--check", "--json"]).exits(0).json()["apps"][0].clone()
}

#[test]
fn what_a_file_says_is_done_once() {
    let home = echo();
    configure(&home, "");
    let checked = home.weft(&["up", "--config", "up.toml", "--check"]).exits(0);
    checked.says(&["a kernel in dev, in ", "listens on unix:", "play 0.1.0: is installed and started"]);
    assert!(!home.path("data").exists(), "it was only to be looked at");
    let (up, play) = start(&home);
    assert_eq!(
        (&play["did"], &play["from"], &up.said["environment"]),
        (&json!("installed"), &Value::Null, &json!("dev"))
    );
    assert_eq!(would(&home)["would"], Value::Null, "a kernel has it");
    stop(up);

    // The same again: it runs again as what it was, and nothing is installed.
    assert_eq!(would(&home)["would"], "keep");
    let (up, play) = start(&home);
    assert_eq!((&play["did"], &up.said["started_again"][0]["pid"]), (&json!("kept"), &play["pid"]));
    // What was stopped by hand is started by the file.
    up.weft(&["app", "stop", "play"]).exits(0);
    stop(up);
    let (up, play) = start(&home);
    assert_eq!((&play["did"], &up.said["started_again"]), (&json!("kept"), &json!([])));
    stop(up);

    // A changed manifest takes its place.
    let manifest = std::fs::read_to_string(home.path("play/weft.toml")).unwrap();
    home.manifest(&manifest.replace("0.1.0", "0.2.0"));
    let replaced = would(&home);
    assert_eq!((&replaced["would"], &replaced["from"]), (&json!("replace"), &json!("0.1.0")));
    let (up, play) = start(&home);
    assert_eq!((&play["did"], &play["from"], &play["version"]), (&json!("replaced"), &json!("0.1.0"), &json!("0.2.0")));
    up.weft(&["app", "list"]).exits(0).says(&["play  0.2.0    running"]);
    stop(up);
    let shown = home.weft(&["chain", "show", "--data-dir", "data"]).exits(0).out;
    let installs = shown.lines().filter(|line| line.contains("intent") && line.contains("install /app/play")).count();
    assert_eq!(installs, 2, "{shown}");
}

#[test]
fn flags_go_before_what_a_file_says() {
    let home = Home::new("");
    std::fs::write(home.path("up.toml"), "data_dir = \"data\"\nlisten = [\"tcp:127.0.0.1:0\"]\n").unwrap();
    let up = Up::start(&home, &["--config", "up.toml"]);
    assert_eq!((&up.said["environment"], up.said["listening"].as_array().unwrap().len()), (&json!("prod"), 2));
    stop(up);
    let said =
        home.weft(&["up", "--config", "up.toml", "--check", "--json", "--data-dir", "other", "--env", "staging"]);
    let said = said.exits(0).json();
    assert!(said["data_dir"].as_str().unwrap().ends_with("other"), "{said}");
    assert_eq!((&said["environment"], &said["listen"]), (&json!("staging"), &json!(["tcp:127.0.0.1:0"])));
    home.weft(&["up", "--check"]).exits(2).tells(&["--config"]);
}

#[test]
fn what_is_not_given_is_named_with_its_line_and_nothing_is_started() {
    let uses = "use = [\"read /fs/repo/**\", \"connect /net/example.com:443\"]";
    let home = Home::new(&format!("[[mount]]\nname = \"repo\"\n{}", agent("reader", &[], uses)));
    configure(&home, "");
    for more in [&["--check"][..], &[]] {
        let refused = home.weft(&[&["up", "--config", "up.toml"][..], more].concat()).exits(3);
        refused.tells(&[
            "up.toml:4:1: app[1]: `play` needs what it is not given:",
            "reader: connect /net/example.com:443",
            "mounts = { repo = \"PATH\" } and allow = [\"connect /net/example.com:443\"]",
        ]);
    }
    configure(&home, "allow = [\"connect /net/example.com:443\"]\nmounts = { repo = \"repo\" }\ncolour = 7\n");
    home.weft(&["up", "--config", "up.toml"]).exits(2).tells(&["up.toml:8:1: app[1]: unknown key `colour`"]);
    home.weft(&["up", "--config", "none.toml"]).exits(2).tells(&["none.toml:1:1: it cannot be read"]);
    assert!(!home.path("data").exists());
    configure(&home, "allow = [\"connect /net/*:443\"]\nmounts = { repo = \"repo\" }\n");
    let up = Up::start(&home, &["--config", "up.toml"]);
    assert_eq!(up.weft(&["app", "list", "--json"]).exits(0).json()["apps"][0]["state"], "running");
    // The same folder under the same name, and one right less: that is another application to agree to.
    configure(&home, "allow = [\"connect /net/example.com:443\"]\nmounts = { repo = \"repo\" }\n");
    stop(up);
    let up = Up::start(&home, &["--config", "up.toml"]);
    assert_eq!((&up.said["apps"][0]["did"], &up.said["apps"][0]["from"]), (&json!("replaced"), &json!("0.1.0")));
    stop(up);
}

/// Two applications, `play` and `other`, that read a mount each: these.
fn reading(mounts: [&str; 2]) -> Home {
    let home = Home::new("");
    std::fs::create_dir(home.path("other")).unwrap();
    std::fs::copy(home.path("play/script.wasm"), home.path("other/script.wasm")).unwrap();
    for (app, mount) in ["play", "other"].into_iter().zip(mounts) {
        let agent = agent("reader", &[], &format!("use = [\"read /fs/{mount}/**\"]"));
        let text = format!("[app]\nname = \"{app}\"\nversion = \"0.1.0\"\n[[mount]]\nname = \"{mount}\"\n{agent}");
        std::fs::write(home.path(app).join("weft.toml"), text).unwrap();
    }
    home
}

/// The file, with each of these applications and the mount and the folder that it is given.
fn give(home: &Home, apps: &[(&str, &str, &str)]) {
    let mut text = "data_dir = \"data\"\nenvironment = \"dev\"\n".to_owned();
    for (app, mount, folder) in apps {
        text += &format!("[[app]]\npath = \"{app}\"\nmounts.{mount} = \"{folder}\"\n");
    }
    std::fs::write(home.path("up.toml"), text).unwrap();
}

#[test]
fn a_folder_is_kept_as_it_is_meant_wherever_a_kernel_is_started() {
    let home = reading(["repo", "repo"]);
    give(&home, &[("play", "repo", "repo")]);
    let folder =
        |up: &Up<'_>| up.weft(&["app", "list", "--json"]).exits(0).json()["apps"][0]["mounts"][0]["path"].clone();
    let up = Up::start(&home, &["--config", "up.toml"]);
    assert_eq!(folder(&up), json!(home.path("repo").canonicalize().unwrap().to_str().unwrap()));
    stop(up);
}

#[test]
fn a_folder_that_cannot_be_given_is_named_before_anything_is_started() {
    let home = reading(["repo", "repo"]);
    let refused = |parts: &[&str]| {
        for more in [&["--check"][..], &[]] {
            home.weft(&[&["up", "--config", "up.toml"][..], more].concat()).exits(2).tells(parts);
        }
    };
    for folder in ["repo", "out"] {
        give(&home, &[("play", "repo", "repo"), ("other", "repo", folder)]);
        refused(&["up.toml:8:15: app[2].mounts.repo: `play` has the mount `repo`, and only one that runs can"]);
    }
    give(&home, &[("play", "repo", ".")]);
    refused(&["up.toml:5:15: app[1].mounts.repo: the data directory lies in the folder of mount `repo`"]);
    assert!(!home.path("data").exists(), "nothing was started");

    give(&home, &[("play", "repo", "repo")]);
    stop(Up::start(&home, &["--config", "up.toml"]));
    // `play` is there still and has that one.
    give(&home, &[("other", "repo", "out")]);
    refused(&["app[1].mounts.repo: the mount `repo` is ", "for `play`", "remove `play` first"]);
}

#[test]
fn what_one_had_can_be_given_to_another_and_nothing_twice() {
    let home = reading(["one", "two"]);
    give(&home, &[("play", "one", "repo"), ("other", "two", "repo")]);
    home.weft(&["up", "--config", "up.toml", "--check"]).exits(2).tells(&["is mounted as `two` already"]);
    give(&home, &[("play", "one", "repo"), ("other", "two", "out")]);
    stop(Up::start(&home, &["--config", "up.toml"]));
    give(&home, &[("play", "one", "out"), ("other", "two", "repo")]);
    home.weft(&["up", "--config", "up.toml", "--check"]).exits(0);
    let up = Up::start(&home, &["--config", "up.toml"]);
    let apps = up.said["apps"].as_array().unwrap();
    assert!(apps.iter().all(|app| app["did"] == "replaced" && app["pid"].is_u64()), "{}", up.said);
    stop(up);
}

/// The applications that a kernel has: each its version, its state and its folders.
fn there(up: &Up<'_>) -> Vec<(Value, Value, Vec<Value>)> {
    let document = up.weft(&["app", "list", "--json"]).exits(0).json();
    let folders = |app: &Value| app["mounts"].as_array().unwrap().iter().map(|mount| mount["path"].clone()).collect();
    let apps = document["apps"].as_array().unwrap().iter();
    apps.map(|app| (app["version"].clone(), app["state"].clone(), folders(app))).collect()
}

/// What is not agreed to is not put in place: where nobody can keep that it was, what was there is there.
#[test]
fn what_was_not_put_in_place_is_not_there() {
    let home = reading(["repo", "repo"]);
    give(&home, &[("play", "repo", "repo")]);
    let data = home.path("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let broken = data.join("plans.json.new");
    let refused = || {
        std::fs::create_dir(&broken).unwrap();
        let up = Up::start(&home, &["--config", "up.toml"]);
        let app = &up.said["apps"][0];
        assert_eq!((&app["did"], &app["pid"]), (&Value::Null, &Value::Null), "{app}");
        assert!(app["reason"].as_str().unwrap().contains("plans.json"), "{app}");
        let there = there(&up);
        stop(up);
        std::fs::remove_dir(&broken).unwrap();
        there
    };
    assert_eq!(refused(), []);
    let up = Up::start(&home, &["--config", "up.toml"]);
    let before = there(&up);
    up.weft(&["app", "stop", "play"]).exits(0);
    stop(up);
    let manifest = std::fs::read_to_string(home.path("play/weft.toml")).unwrap();
    home.manifest(&manifest.replace("0.1.0", "0.2.0"));
    give(&home, &[("play", "repo", "out")]);
    let [(version, state, folders)] = &refused()[..] else { panic!("{before:?}") };
    assert_eq!((version, state, folders), (&json!("0.1.0"), &json!("installed"), &before[0].2));
}

/// Whoever ends a kernel while it puts an application in place leaves what was agreed to, and not what was to be
/// installed: what is there then is not started with the folders of the other, and put in place anew.
#[test]
fn what_was_put_in_place_by_half_is_not_started() {
    let home = reading(["repo", "repo"]);
    give(&home, &[("play", "repo", "repo")]);
    stop(Up::start(&home, &["--config", "up.toml"]));
    let plans = home.path("data/plans.json");
    let text = std::fs::read_to_string(&plans).unwrap();
    let agreed: Value = serde_json::from_str(&text).unwrap();
    std::fs::write(&plans, text.replace(agreed["play"].as_str().unwrap(), &"0".repeat(64))).unwrap();
    let up = Up::start(&home, &["--env", "dev"]);
    let again = &up.said["started_again"][0];
    assert_eq!((&again["app"], &again["pid"]), (&json!("play"), &Value::Null), "{again}");
    assert!(again["reason"].as_str().unwrap().contains("no folder is bound to its mount `repo`"), "{again}");
    up.weft(&["app", "start", "play"]).exits(2).tells(&["no folder is bound"]);
    stop(up);
    let up = Up::start(&home, &["--config", "up.toml"]);
    assert_eq!(up.said["apps"][0]["did"], "replaced", "{}", up.said);
    assert_eq!(there(&up)[0].1, json!("running"));
}

/// A kernel that was ended between giving a folder and installing whom it was for leaves it to nobody.
#[test]
fn what_nobody_who_is_there_was_given_is_free() {
    let home = reading(["repo", "repo"]);
    give(&home, &[]);
    stop(Up::start(&home, &["--config", "up.toml"]));
    let out = home.path("out").canonicalize().unwrap();
    let left =
        json!({ "repo": { "path": out, "apps": ["gone"] }, "other": { "path": home.path("repo"), "apps": ["gone"] } });
    std::fs::write(home.path("data/mounts.json"), left.to_string()).unwrap();
    give(&home, &[("play", "repo", "repo")]);
    home.weft(&["up", "--config", "up.toml", "--check"]).exits(0);
    let up = Up::start(&home, &["--config", "up.toml"]);
    assert_eq!(there(&up)[0].1, json!("running"), "{}", up.said);
    stop(up);
    let kept = std::fs::read_to_string(home.path("data/mounts.json")).unwrap();
    assert!(!kept.contains("gone"), "{kept}");
}

#[test]
fn to_look_changes_nothing_also_after_a_crash() {
    let home = echo();
    configure(&home, "");
    let (up, _) = start(&home);
    up.kill();
    let rows = || std::fs::read(home.path("data/weft.redb")).unwrap();
    let before = rows();
    let check = || home.weft(&["up", "--config", "up.toml", "--check", "--json"]).exits(0).json();
    let said = check();
    assert_eq!((&said["stored"], &said["apps"][0]["would"]), (&json!("unclosed"), &Value::Null));
    assert!(rows() == before, "it was repaired");
    let (up, _) = start(&home);
    assert_eq!(check()["stored"], "held");
    stop(up);
    assert_eq!(check()["stored"], "read");
    // What cannot be looked at is not empty.
    std::fs::remove_dir_all(home.path("data")).unwrap();
    assert_eq!(check()["stored"], "nothing");
    std::os::unix::fs::symlink("data", home.path("data")).unwrap();
    home.weft(&["up", "--config", "up.toml", "--check"]).exits(2).tells(&["cannot be looked at"]);
}

/// What was killed is not started by the file: an operator starts it again.
#[test]
fn what_was_killed_is_left_to_an_operator() {
    let service = "[[service]]\nname = \"echo\"\nowner = \"echo\"\n";
    let uses = "use = [\"register /svc/echo\"]";
    let agents = [agent("echo", &["act register /svc/echo"], uses), agent("idle", &[], "")].concat();
    let home = Home::new(&format!("{agents}{service}"));
    configure(&home, "");
    let kill = |up: &Up<'_>, name: &str| {
        let [pid] = called(up, name)[..] else { panic!("not one {name}") };
        up.weft(&["kill", &pid.to_string()]).exits(0);
    };
    let check = || home.weft(&["up", "--config", "up.toml", "--check"]).exits(0);
    let (up, play) = start(&home);
    assert_eq!(play["without"], json!([]));
    kill(&up, "idle");
    stop(up);
    check().says(&["is there already, and is started, without idle, which was killed"]);
    let (up, play) = start(&home);
    assert_eq!((&play["without"], &up.said["started_again"][0]["without"]), (&json!(["idle"]), &json!(["idle"])));
    // Also where it does not run any more.
    up.weft(&["app", "stop", "play"]).exits(0);
    stop(up);
    let (up, play) = start(&home);
    assert_eq!((&play["without"], &up.said["started_again"]), (&json!(["idle"]), &json!([])));
    assert_eq!((called(&up, "echo").len(), called(&up, "idle").len()), (1, 0));
    kill(&up, "play");
    stop(up);
    // As a whole it is not started, and neither is what takes its place.
    check().says(&["is there already, and is not started: it was killed"]);
    let dead = || {
        let up = Up::start(&home, &["--config", "up.toml"]);
        let play = &up.said["apps"][0];
        assert_eq!((&play["pid"], &up.said["started_again"]), (&Value::Null, &json!([])), "{}", up.said);
        assert_eq!(play["reason"], "it was killed; weft app start play starts it again");
        assert!(called(&up, "echo").is_empty());
        up
    };
    stop(dead());
    let manifest = std::fs::read_to_string(home.path("play/weft.toml")).unwrap();
    home.manifest(&manifest.replace("0.1.0", "0.2.0"));
    let up = dead();
    up.weft(&["app", "start", "play"]).exits(0);
    assert_eq!((called(&up, "echo").len(), called(&up, "idle").len()), (1, 1));
    stop(up);
    let (up, play) = start(&home);
    assert_eq!((&play["without"], called(&up, "idle").len()), (&json!([]), 1));
    // How long that took is in the log.
    stop(up);
    home.weft(&["chain", "show", "--data-dir", "data"]).exits(0).says(&["apps "]);
}
