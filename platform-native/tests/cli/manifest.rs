//! Manifests that are none: each is told with file, line and column, and nothing is run.

use crate::harness::{Home, agent};

const APP: &str = "[app]\nname = \"play\"\nversion = \"0.1.0\"\n";

fn said_of(home: &Home, manifest: &[u8], said: &[&str]) {
    std::fs::write(home.path("play/weft.toml"), manifest).unwrap();
    for command in [&["app", "check", "play"][..], &["run", "play"]] {
        let done = home.weft(command).exits(2).tells(&["nothing was run"]).tells(said);
        assert!(!done.err.contains(['\u{1b}', '\0']), "{done:#?}");
        assert!(done.err.len() < 20_000, "{} bytes of errors", done.err.len());
    }
    let document = home.weft(&["app", "check", "play", "--json"]).exits(2).json();
    assert_eq!(document["error"]["code"], "manifest");
    assert!(document["error"]["problems"][0]["line"].is_u64(), "{document}");
}

#[test]
fn sizes_and_depths_have_limits() {
    let home = Home::with_script(&[]);
    said_of(&home, b"", &["play/weft.toml:1:1: the manifest is empty", "begin with:"]);
    said_of(&home, &vec![b'#'; 10 << 20], &["the manifest is 10485760 bytes; the limit is 1048576"]);
    let many: String = (0..9_000).map(|i| agent(&format!("a{i}"), &[], "ues = []")).collect();
    said_of(&home, format!("{APP}{many}").as_bytes(), &["unknown key `ues`", "did you mean `use`?"]);
    for deep in [
        format!("{APP}x = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("{APP}x = {}1{}", "{a=".repeat(5_000), "}".repeat(5_000)),
        format!("{APP}[{}a]\n", "a.".repeat(20_000)),
    ] {
        said_of(&home, deep.as_bytes(), &["play/weft.toml:4:", "nested more than 32 deep"]);
    }
}

#[test]
fn what_is_no_text_is_told_with_its_place() {
    let home = Home::with_script(&[]);
    let program = std::fs::read(crate::harness::WEFT).unwrap();
    said_of(&home, &program[..4_096], &["play/weft.toml:1:", "the manifest is not UTF-8 text"]);
    let latin = [APP.as_bytes(), b"description = \"caf\xe9\"\n"].concat();
    said_of(&home, &latin, &["play/weft.toml:4:19: the manifest is not UTF-8 text", "save the file as UTF-8"]);
    let wide: Vec<u8> = format!("\u{feff}{APP}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    said_of(&home, &wide, &["the manifest is not UTF-8 text"]);
    said_of(
        &home,
        format!("{APP}\0\n").as_bytes(),
        &["play/weft.toml:4:1: the manifest holds the control character U+0000"],
    );
    said_of(&home, format!("{APP}description = \"a\0b\"\n").as_bytes(), &["play/weft.toml:4:17: the manifest holds"]);
    said_of(&home, format!("{APP}description = \"\u{1b}[31m\"\n").as_bytes(), &["U+001B", "write it as \\u001B"]);
    said_of(&home, APP.replace('\n', "\r").as_bytes(), &["carriage return must be followed by newline"]);
}

#[test]
fn line_ends_of_other_systems_and_a_byte_order_mark_change_nothing() {
    let home = Home::with_script(&[]);
    let text = format!("{APP}{}", agent("actor", &[], ""));
    for text in [text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
        home.manifest(&text);
        home.weft(&["app", "check", "play"]).exits(0).says(&["nothing is wrong"]);
        home.weft(&["run", "play"]).exits(0);
    }
}

#[test]
fn unknown_keys_and_cycles_are_all_told_at_once_with_what_was_meant() {
    let home = Home::with_script(&[]);
    let text = [
        APP,
        "[budgt]\nacts = 1\n",
        &agent("x", &[], "depends_on = [\"y\"]\nues = []"),
        &agent("y", &[], "depends_on = [\"x\"]\nlimits = { memroy = \"1MiB\" }"),
    ];
    let said = [
        "play/weft.toml:4:2: unknown key `budgt`",
        "did you mean `budget`?",
        "play/weft.toml:11:1: agent.x: unknown key `ues`",
        "did you mean `use`?",
        "agent.y.limits: unknown key `memroy`",
        "did you mean `memory`?",
        "3 problems in play/weft.toml",
    ];
    said_of(&home, text.concat().as_bytes(), &said);
    let cycle = |more: &str| format!("{APP}{}{}", agent("x", &[], "depends_on = [\"y\"]"), agent("y", &[], more));
    said_of(&home, cycle("depends_on = [\"x\"]").as_bytes(), &["these wait for each other: x -> y -> x"]);
    said_of(&home, cycle("depends_on = [\"y\"]").as_bytes(), &["these wait for each other: y -> y", "leave one"]);
    said_of(
        &home,
        cycle("depends_on = [\"z\"]").as_bytes(),
        &["there is no agent, supervisor or container `z`", "known here: x, y"],
    );
}

#[test]
fn a_right_that_names_no_mount_or_no_verb_is_told() {
    let home = Home::with_script(&[]);
    let with = |right: &str| format!("{APP}{}", agent("x", &[], &format!("use = [\"{right}\"]")));
    said_of(&home, with("read /fs/repo/**").as_bytes(), &["there is no mount `repo`", "declare it: [[mount]]"]);
    said_of(&home, with("fly /fs/x").as_bytes(), &["\"fly\" is not a verb"]);
    said_of(&home, with("read /fs/**/x").as_bytes(), &["`**` only for the last"]);
}
