//! Bad input ends in a clear error before anything is started.

use crate::harness::{Home, agent};
use std::os::unix::fs::symlink;

const READER: &str = "use = [\"read /fs/repo/**\"]";

fn reader() -> Home {
    Home::new(&format!("[[mount]]\nname = \"repo\"\n{}", agent("reader", &["act read /fs/repo/a.txt"], READER)))
}

#[test]
fn mounts_that_cannot_be_are_usage_errors() {
    let home = reader();
    for (mount, said) in [
        ("repo=nowhere", "does not exist"),
        ("repo=repo/a.txt", "is not a folder"),
        ("repo=.", "the data directory lies in the folder of mount `repo`"),
    ] {
        home.weft(&["run", "play", "--mount", mount]).exits(2).tells(&[said, "help:"]);
    }
    home.weft(&["run", "play", "--mount", "repo=repo", "--mount", "repo=out"]).exits(2).tells(&["is given twice"]);
    assert!(!home.data().join("weft.redb").exists());
}

#[test]
fn a_data_directory_that_cannot_be_is_a_usage_error() {
    let home = reader();
    let with = |dir: &str| home.weft(&["run", "play", "--mount", "repo=repo", "--data-dir", dir]);
    with("play/weft.toml").exits(2).tells(&["the data directory", "help: name one that you may write to"]);
    symlink(home.path("repo"), home.path("link")).unwrap();
    with("link/data").exits(2).tells(&["agents could reach the log"]);
    home.weft(&["chain", "verify", "--data-dir", "repo"]).exits(2).tells(&["is not the data directory of a kernel"]);
    assert!(!home.path("repo/lock").exists(), "looking makes nothing");
}

#[test]
fn problems_of_a_manifest_are_listed_with_their_places() {
    let home = reader();
    home.manifest("[app]\nname = \"play\"\nversion = \"0.1.0\"\n[[agent]]\nname = \"a\"\nprogram = { wasm = \"no.wasm\" }\nues = []\n");
    for arguments in [&["run", "play"][..], &["app", "check", "play"]] {
        home.weft(arguments).exits(2).tells(&[
            "play/weft.toml:7:1: agent.a: unknown key `ues`",
            "did you mean `use`?",
            "1 problem in play/weft.toml; nothing was run",
        ]);
    }
    let error = &home.weft(&["app", "check", "play", "--json"]).exits(2).json()["error"];
    assert_eq!((&error["code"], &error["problems"][0]["line"]), (&"manifest".into(), &7.into()));
}

#[test]
fn manifests_and_programs_that_are_none_are_refused() {
    let home = reader();
    home.manifest("");
    home.weft(&["run", "play"]).exits(2).tells(&["the manifest is empty"]);
    home.manifest(&"#".repeat(10 << 20));
    home.weft(&["run", "play"]).exits(2).tells(&["the manifest is 10485760 bytes; the limit is 1048576"]);
    home.manifest(&format!("a = {}{}", "[".repeat(100), "]".repeat(100)));
    home.weft(&["run", "play"]).exits(2).tells(&["nested more than"]);
    for (bytes, said) in [(&b"text"[..], "is not WebAssembly"), (b"\0asm\x01\0\0\0", "is a core module")] {
        let home = reader();
        std::fs::write(home.path("play/script.wasm"), bytes).unwrap();
        home.weft(&["run", "play", "--mount", "repo=repo"]).exits(2).tells(&["agent.reader.program", said]);
    }
    home.weft(&["run", "nowhere"]).exits(2).tells(&["nowhere cannot be opened"]);
    home.weft(&["run", "repo"]).exits(2).tells(&["there is no weft.toml in repo"]);
}

#[test]
fn what_this_kernel_lacks_is_exit_5_at_the_start_and_at_the_check() {
    let container = "[[container]]\nname = \"redis\"\nimage = \"redis:7\"\n";
    let home = Home::new(&format!("{}{container}", agent("a", &[], "")));
    home.weft(&["run", "play"]).exits(5).tells(&["play/weft.toml", "container.redis", "not supported by this kernel"]);
    let check = home.weft(&["app", "check", "play"]).exits(5);
    check.says(&["play 0.1.0: nothing is wrong, but it cannot run here yet", "container.redis"]);
    let document = home.weft(&["app", "check", "play", "--json"]).exits(5).json();
    assert_eq!(document["unsupported"][0]["feature"], "container");
}

#[test]
fn doctor_says_what_this_machine_can_do() {
    let home = reader();
    let document = home.weft(&["doctor", "--json"]).exits(0).json();
    assert_eq!(document["profile"]["host"], "native");
    assert!(["pooling", "on_demand"].contains(&document["sandbox"]["mode"].as_str().unwrap()));
    assert_eq!(document["data"]["directories"], serde_json::json!([]));
    home.weft(&["doctor"])
        .exits(0)
        .says(&["separation holds against agents, not against the machine's owner", "containers"]);
    assert!(!home.path(".local").exists(), "looking makes nothing");
}
