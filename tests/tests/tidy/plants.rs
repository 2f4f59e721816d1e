//! Every rule held against a small tree that breaks it: a rule that cannot fail is no rule.

use crate::tree::Tree;
use crate::{RULES, Rule};

/// A tree of the design's shape that breaks no rule.
fn clean() -> Tree {
    Tree::of(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = []\n[workspace.lints.clippy]\nawait_holding_lock = \"deny\"\nawait_holding_refcell_ref = \"deny\"\ntodo = \"deny\"\nunimplemented = \"deny\"\n",
        ),
        (
            "Cargo.lock",
            "[[package]]\nname = \"kernel-core\"\ndependencies = [\"bytes\", \"middle 1.0.0\"]\n[[package]]\nname = \"bytes\"\n[[package]]\nname = \"middle\"\ndependencies = [\"deep\"]\n[[package]]\nname = \"deep\"\n",
        ),
        (
            "kernel-core/Cargo.toml",
            "[package]\nname = \"kernel-core\"\n[features]\ndefault = []\nsim = []\n[dependencies]\nbytes.workspace = true\nmiddle = \"1\"\nredb = { version = \"4\", optional = true }\n[dev-dependencies]\nproptest = \"1\"\n[target.'cfg(not(target_arch = \"wasm32\"))'.dev-dependencies]\ncriterion = \"1\"\n[lints]\nworkspace = true\n",
        ),
        ("kernel-core/.clippy.toml", ""),
        (
            "kernel-core/src/lib.rs",
            "//! The kernel.\n#![forbid(unsafe_code)]\n#![deny(clippy::iter_over_hash_type)]\npub mod id;\npub mod ipc;\npub mod chain;\npub mod kernel;\npub mod platform;\n#[cfg(feature = \"sim\")]\npub mod sim;\n",
        ),
        ("kernel-core/src/id.rs", "//! Ids. Not a `std::fs`, nor tokio.\npub struct Pid(pub u64);\n"),
        (
            "kernel-core/src/ipc/mod.rs",
            "//! Messages.\nmod envelope;\npub mod body;\n#[cfg(test)]\nmod tests;\npub use envelope::Envelope;\n",
        ),
        (
            "kernel-core/src/ipc/envelope.rs",
            "//! The envelope.\nuse crate::id::Pid;\nuse std::net::IpAddr;\n/// One, unlike `std::thread::spawn`.\npub struct Envelope(pub Pid, pub IpAddr);\n",
        ),
        ("kernel-core/src/ipc/body.rs", "//! Bodies.\nuse super::envelope::Envelope;\npub fn body(_: Envelope) {}\n"),
        (
            "kernel-core/src/ipc/tests.rs",
            "//! Tests.\nuse std::collections::HashSet;\nfn f() -> HashSet<&'static str> { [\"tokio\"].into() }\n",
        ),
        (
            "kernel-core/src/chain/mod.rs",
            "//! The log.\nuse crate::ipc::{Envelope, body::body};\nuse std::time::Duration;\npub fn f(e: Envelope, _: Duration) { body(e) }\n#[cfg(test)]\nmod small {\n    use std::fs;\n    #[test]\n    fn t() { println!(\"{:?}\", fs::read(\"wasmtime\")); }\n}\n",
        ),
        (
            "kernel-core/src/kernel/mod.rs",
            "//! The kernel.\nuse crate::platform::Spawn;\npub fn run(_: impl Spawn) -> &'static str { env!(\"CARGO_PKG_VERSION\") }\n",
        ),
        (
            "kernel-core/src/platform/mod.rs",
            "//! The seam.\npub mod bounds;\npub use bounds::MaybeSend;\npub trait Spawn { fn f(&self, e: crate::ipc::Envelope); }\n",
        ),
        (
            "kernel-core/src/platform/bounds.rs",
            "//! Bounds.\n#[cfg(target_arch = \"wasm32\")]\npub trait MaybeSend {}\n",
        ),
        ("kernel-core/src/sim/mod.rs", "//! The simulation.\n#[cfg(feature = \"sim\")]\nuse crate::platform::Spawn;\n"),
        (
            "platform-native/Cargo.toml",
            "[package]\nname = \"platform-native\"\n[dependencies]\nkernel-core.workspace = true\ntokio = \"1\"\n[lints]\nworkspace = true\n",
        ),
        (
            "platform-native/src/lib.rs",
            "//! Native.\n#![cfg(not(target_arch = \"wasm32\"))]\nuse std::sync::Mutex;\nuse tokio::sync::mpsc;\npub type M = Mutex<mpsc::Sender<()>>;\n",
        ),
        (
            "platform-native/src/bin/weft.rs",
            "//! The command.\n#[derive(clap::Subcommand)]\nenum Command {\n    /// Runs.\n    Run { app: String, #[arg(long)] data_dir: Option<String> },\n    #[command(name = \"chain\")]\n    Log,\n}\nfn main() {}\n",
        ),
        ("tests/Cargo.toml", "[package]\nname = \"kernel-tests\"\n[lints]\nworkspace = true\n"),
        ("tests/src/lib.rs", "//! Suites.\nmacro_rules! each_clause { () => { labels: one_holds, two_holds; } }\n"),
        (
            "tests/src/suite/labels.rs",
            "//! Labels.\npub fn one_holds() {}\npub fn two_holds() { helper() }\nfn helper() {}\n",
        ),
        ("tests/ci.sh", "step_fmt() {\n}\n"),
        ("examples/audit/weft.toml", "[app]\n"),
        ("pkg/package.json", "{ \"exports\": { \".\": \"./dist/index.js\", \"./worker\": \"./dist/worker.js\" } }\n"),
        (
            "www/index.ts",
            "import { Kernel } from 'weft-kernel';\nimport 'weft-kernel/worker';\nimport { f } from './view/a.js';\n",
        ),
        (
            "README.md",
            "# Weft\n\n    cargo run -- run examples/audit --data-dir=D\n    not a command, but output\n\n```sh\n# a comment\ngit clone URL && cd weft\ntests/ci.sh fmt\nRUST_LOG=debug weft chain | cat\n```\n\nSee [the core](kernel-core/src) and [elsewhere](https://example.com).\n",
        ),
    ])
}

/// A violation: the rule that must find it, the file that is added or replaced, and the line that must be
/// named.
const PLANTS: &[(&str, &str, usize, &str)] = &[
    (
        "the_core_depends_on_no_host",
        "kernel-core/Cargo.toml",
        4,
        "[package]\nname = \"kernel-core\"\n[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n[lints]\nworkspace = true\n",
    ),
    (
        "the_core_depends_on_no_host",
        "kernel-core/Cargo.toml",
        4,
        "[package]\nname = \"kernel-core\"\n[dependencies]\nplatform-native.workspace = true\n[lints]\nworkspace = true\n",
    ),
    (
        "the_core_depends_on_no_host",
        "kernel-core/Cargo.toml",
        4,
        "[package]\nname = \"kernel-core\"\n[dependencies]\nredb = \"4\"\n[lints]\nworkspace = true\n",
    ),
    (
        "the_core_depends_on_no_host",
        "kernel-core/Cargo.toml",
        4,
        "[package]\nname = \"kernel-core\"\n[build-dependencies]\ninnocent = { package = \"wasm-bindgen\", version = \"0.2\" }\n[lints]\nworkspace = true\n",
    ),
    (
        "the_core_depends_on_no_host",
        "Cargo.lock",
        8,
        "[[package]]\nname = \"middle\"\ndependencies = [\"deep 1.0.0\"]\n[[package]]\nname = \"deep\"\ndependencies = [\"mio\"]\n",
    ),
    (
        "the_core_depends_on_no_host",
        "Cargo.toml",
        7,
        "[workspace.dependencies]\nbytes = { package = \"tokio\", version = \"1\" }\n[workspace.lints.clippy]\nawait_holding_lock = \"deny\"\nawait_holding_refcell_ref = \"deny\"\ntodo = \"deny\"\nunimplemented = \"deny\"\n",
    ),
    (
        "platforms_depend_on_the_core_alone",
        "platform-web/Cargo.toml",
        4,
        "[package]\nname = \"platform-web\"\n[dependencies]\nscan = { path = \"../examples/audit/scan\" }\n[lints]\nworkspace = true\n",
    ),
    (
        "platforms_depend_on_the_core_alone",
        "platform-web/Cargo.toml",
        4,
        "[package]\nname = \"platform-web\"\n[dev-dependencies]\nplatform-native.workspace = true\n[lints]\nworkspace = true\n",
    ),
    ("lints_are_shared", "platform-web/Cargo.toml", 0, "[package]\nname = \"platform-web\"\n"),
    (
        "lints_are_shared",
        "Cargo.toml",
        0,
        "[workspace.lints.clippy]\nawait_holding_lock = \"warn\"\nawait_holding_refcell_ref = \"deny\"\ntodo = \"deny\"\nunimplemented = \"deny\"\n",
    ),
    (
        "lints_are_shared",
        "kernel-core/src/lib.rs",
        0,
        "//! The kernel.\n#![forbid(unsafe_code)]\npub mod ipc;\npub mod platform;\n",
    ),
    ("modules_keep_their_layer", "kernel-core/src/id.rs", 2, "//! Ids.\nuse crate::{ipc::Envelope};\n"),
    ("modules_keep_their_layer", "kernel-core/src/ipc/body.rs", 3, "//! Bodies.\n\nuse crate::platform::Spawn;\n"),
    (
        "modules_keep_their_layer",
        "kernel-core/src/ipc/body.rs",
        2,
        "//! Bodies.\npub fn f(_: &super::super::kernel::State) {}\n",
    ),
    (
        "modules_keep_their_layer",
        "kernel-core/src/ipc/body.rs",
        3,
        "//! Bodies.\nmod inner {\n    use super::super::super::kernel as k;\n}\n",
    ),
    ("modules_keep_their_layer", "kernel-core/src/platform/mod.rs", 2, "//! The seam.\nuse crate::kernel::run;\n"),
    ("modules_keep_their_layer", "kernel-core/src/kernel/mod.rs", 2, "//! The kernel.\nuse crate::sim::Sim;\n"),
    ("modules_keep_their_layer", "kernel-core/src/stuff.rs", 0, "//! Nobody knows.\n"),
    ("internals_stay_inside", "kernel-core/src/chain/mod.rs", 2, "//! The log.\nuse crate::ipc::envelope::Envelope;\n"),
    (
        "internals_stay_inside",
        "kernel-core/src/kernel/mod.rs",
        3,
        "//! The kernel.\nuse crate::ipc;\npub fn f(_: ipc::envelope::Envelope) {}\n",
    ),
    (
        "the_core_names_no_host",
        "kernel-core/src/id.rs",
        2,
        "//! Ids.\npub fn f() -> &'static str { \"run it under Tokio\" }\n",
    ),
    ("the_core_names_no_host", "kernel-core/src/id.rs", 2, "//! Ids.\npub fn f(_: wasm_bindgen::JsValue) {}\n"),
    (
        "the_core_reaches_for_nothing",
        "kernel-core/src/id.rs",
        2,
        "//! Ids.\nuse std::{fmt, time::{Duration, Instant}};\n",
    ),
    (
        "the_core_reaches_for_nothing",
        "kernel-core/src/id.rs",
        3,
        "//! Ids.\nuse std::time;\npub fn f() -> u32 { time::SystemTime::now(); 1 }\n",
    ),
    (
        "the_core_reaches_for_nothing",
        "kernel-core/src/id.rs",
        2,
        "//! Ids.\nmacro_rules! m { () => { ::std::thread::yield_now() } }\n",
    ),
    ("the_core_reaches_for_nothing", "kernel-core/src/id.rs", 3, "//! Ids.\nuse std::time;\nuse time::Instant;\n"),
    ("the_core_reaches_for_nothing", "kernel-core/src/id.rs", 2, "//! Ids.\nuse std::net::{IpAddr, TcpStream};\n"),
    (
        "the_core_reaches_for_nothing",
        "kernel-core/src/id.rs",
        2,
        "//! Ids.\nuse std::collections::{BTreeMap, HashMap as Map};\n",
    ),
    ("the_core_reaches_for_nothing", "kernel-core/src/id.rs", 2, "//! Ids.\npub fn f(e: std::io::Error) {}\n"),
    ("the_core_reaches_for_nothing", "kernel-core/src/id.rs", 3, "//! Ids.\n#[cfg(not(test))]\nuse std::env;\n"),
    ("the_core_reaches_for_nothing", "kernel-core/src/id.rs", 2, "//! Ids.\npub fn f() { println!(\"x\") }\n"),
    ("the_core_reaches_for_nothing", "kernel-core/src/id.rs", 2, "//! Ids.\npub const HOME: &str = env!(\"HOME\");\n"),
    (
        "one_file_knows_the_target",
        "kernel-core/src/id.rs",
        2,
        "//! Ids.\n#[cfg(any(test, target_pointer_width = \"64\"))]\npub struct A;\n",
    ),
    ("one_file_knows_the_target", "kernel-core/src/id.rs", 2, "//! Ids.\npub fn f() -> bool { cfg!(windows) }\n"),
    (
        "one_file_knows_the_target",
        "kernel-core/src/id.rs",
        2,
        "//! Ids.\ncfg_if::cfg_if! { if #[cfg(unix)] { pub struct A; } }\n",
    ),
    (
        "one_file_knows_the_target",
        "kernel-core/src/id.rs",
        2,
        "//! Ids.\n#[cfg_attr(target_os = \"linux\", derive(Debug))]\npub struct A;\n",
    ),
    (
        "one_file_knows_the_target",
        "platform-native/src/disk.rs",
        2,
        "//! Disk.\n#[cfg(target_os = \"linux\")]\nfn f() {}\n",
    ),
    (
        "one_file_knows_the_target",
        "kernel-core/Cargo.toml",
        5,
        "[package]\nname = \"kernel-core\"\n[lints]\nworkspace = true\n[target.'cfg(target_arch = \"wasm32\")'.dependencies]\nbytes = \"1\"\n",
    ),
    (
        "sim_stays_in_its_place",
        "kernel-core/src/kernel/mod.rs",
        2,
        "//! The kernel.\n#[cfg(not(feature = \"sim\"))]\npub fn f() {}\n",
    ),
    ("no_lock_is_made_to_be_held", "platform-native/src/locks.rs", 2, "//! Locks.\nuse tokio::sync::{mpsc, Mutex};\n"),
    ("no_lock_is_made_to_be_held", "platform-native/src/locks.rs", 2, "//! Locks.\nuse tokio::sync::*;\n"),
    (
        "no_lock_is_made_to_be_held",
        "platform-native/src/locks.rs",
        3,
        "//! Locks.\nuse tokio::sync;\npub type L = sync::RwLock<u8>;\n",
    ),
    ("every_file_says_what_it_is", "examples/audit/src/lib.rs", 1, "// Not documentation.\n"),
    ("every_file_says_what_it_is", "kernel-core/benches/send.rs", 1, "//!\nfn main() {}\n"),
    ("every_file_says_what_it_is", "examples/audit/src/lib.rs", 0, "//! An unclosed group.\nfn main() {\n"),
    ("nothing_is_left_to_do", "pkg/index.ts", 2, concat!("f();\n// TO", "DO: the rest\n")),
    ("nothing_is_left_to_do", "tests/ci.sh", 1, concat!("# FIX", "ME(later)\nstep_fmt() {\n}\n")),
    ("nothing_is_left_to_do", "kernel-core/src/id.rs", 2, "//! Ids.\npub fn f() { unimplemented!(\"later\") }\n"),
    ("no_file_names_the_builders_machine", "examples/audit/a.wasm", 1, concat!("\0/ro", "ot/.cargo/x.rs\0\n")),
    ("no_file_names_the_builders_machine", "examples/audit/a.svg", 2, concat!("<svg>\n/ho", "me/you/x\n")),
    (
        "no_file_names_the_builders_machine",
        "examples/audit/Cargo.lock",
        2,
        "[[package]]\nsource = \"registry+https://crates.example.com/index\"\n",
    ),
    ("the_page_imports_the_package", "www/a.ts", 1, "import { f } from '../pkg/src/inner.js';\n"),
    ("the_page_imports_the_package", "www/a.ts", 1, "import { f } from 'weft-kernel/inner';\n"),
    ("the_page_imports_the_package", "www/src/a.mjs", 1, "import { readFile } from 'node:fs/promises';\n"),
    (
        "the_page_imports_the_package",
        "www/a.html",
        1,
        "<script type=\"module\" src=\"https://cdn.example.com/x.js\"></script>\n",
    ),
    (
        "the_package_is_built_from_the_web_platform",
        "pkg/build.sh",
        1,
        "cargo build --manifest-path ../kernel-core/Cargo.toml\n",
    ),
    ("readme_commands_exist", "README.md", 1, "    cargo run --release -- fly examples/audit\n"),
    ("readme_commands_exist", "README.md", 1, "    cargo run -- run examples/missing\n"),
    ("readme_commands_exist", "README.md", 2, "```sh\nweft run examples/audit --fast\n```\n"),
    ("readme_commands_exist", "README.md", 2, "```console\n$ tests/ci.sh nothing\nsome output\n```\n"),
    ("readme_commands_exist", "README.md", 4, "```sh\nls \\\n  .\ncargo test -p kernel-nothing\n```\n"),
    ("readme_commands_exist", "README.md", 2, "```sh\nfrobnicate\n```\n"),
    ("links_lead_somewhere", "kernel-core/NOTES.md", 2, "See\n[that](../README.md) and [this](missing.md#there).\n"),
    (
        "every_clause_is_listed",
        "tests/src/suite/labels.rs",
        3,
        "//! Labels.\npub fn one_holds() {}\npub fn three_holds() {}\n",
    ),
    ("every_clause_is_listed", "tests/src/suite/paths.rs", 2, "//! Paths.\npub fn one_holds() {}\n"),
];

fn found(rule: Rule, tree: &Tree) -> Vec<String> {
    rule(tree).iter().map(ToString::to_string).collect()
}

#[test]
fn a_clean_tree_breaks_no_rule() {
    for (name, rule) in RULES {
        assert_eq!(found(*rule, &clean()), [""; 0], "{name}");
    }
}

#[test]
fn each_plant_is_found_by_its_rule_alone() {
    let mut wrong = Vec::new();
    for (name, path, line, text) in PLANTS {
        let tree = clean().with(path, text);
        // Whatever brings a host in, it is the core's manifest that says so.
        let place = if *name == "the_core_depends_on_no_host" { "kernel-core/Cargo.toml" } else { path };
        let place = if *line == 0 { format!("{place}: ") } else { format!("{place}:{line}: ") };
        for (other, rule) in RULES {
            let problems = found(*rule, &tree);
            let right = match other == name {
                true => problems.len() == 1 && problems[0].starts_with(&place),
                false => problems.is_empty() || expected_too(name, other),
            };
            if !right {
                wrong.push(format!("{name} was planted at {place}\n{text}and {other} found {problems:#?}\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// Whether a plant for the rule `name` breaks the rule `other` by its nature.
fn expected_too(name: &str, other: &str) -> bool {
    // A dependency of the core for one target only.
    (name, other) == ("the_core_depends_on_no_host", "one_file_knows_the_target")
}

#[test]
fn each_rule_has_a_plant() {
    for (name, _) in RULES {
        let planted = PLANTS.iter().any(|(rule, ..)| rule == name) || *name == "files_are_short";
        assert!(planted, "no violation of {name} is planted");
    }
}

#[test]
fn a_long_file_is_found_and_its_tests_are_not_counted() {
    let rule = RULES.iter().find(|(name, _)| *name == "files_are_short").expect("the rule is listed").1;
    let code = |lines: usize| format!("//! Long.\n{}", "pub struct A;\n".repeat(lines));
    let path = "kernel-core/src/chain/long.rs";
    assert_eq!(found(rule, &clean().with(path, &code(499))), [""; 0]);
    assert_eq!(found(rule, &clean().with(path, &code(500))).len(), 1);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn f() {}\n".repeat(300));
    assert_eq!(found(rule, &clean().with(path, &format!("{}{tests}", code(499)))), [""; 0]);
    assert_eq!(found(rule, &clean().with(path, &format!("{}{tests}", code(500)))).len(), 1);
    assert_eq!(found(rule, &clean().with("kernel-core/src/chain/tests.rs", &code(900))), [""; 0]);
}
