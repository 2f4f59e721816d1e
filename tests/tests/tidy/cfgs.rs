//! Where conditional compilation may be: the target in one file a crate, the simulation in its own
//! folder (DESIGN section 3, rule 6).

use crate::code::Code;
use crate::krate::Krate;
use crate::{Problem, Tree};

/// Predicates about the target. Features, tests and debug assertions are another matter.
const TARGET: [&str; 13] = [
    "target_arch",
    "target_os",
    "target_family",
    "target_env",
    "target_vendor",
    "target_abi",
    "target_endian",
    "target_pointer_width",
    "target_feature",
    "target_has_atomic",
    "unix",
    "windows",
    "wasm",
];

/// The one file of each crate that may ask for its target. What is not listed are tests and guests, which may.
const FILES: [(&str, &str); 3] = [
    ("kernel-core", "kernel-core/src/platform/bounds.rs"),
    ("platform-native", "platform-native/src/lib.rs"),
    ("platform-web", "platform-web/src/lib.rs"),
];

/// The words of every condition in `code`, with its line: what is between the parentheses of `cfg(..)`,
/// `cfg_attr(..)` and `cfg!(..)`, and all of a `cfg_select!`.
fn conditions(code: &Code) -> Vec<(usize, Vec<&str>)> {
    let mut found = Vec::new();
    for (i, token) in code.tokens.iter().enumerate() {
        let open = match &*token.text {
            "cfg" | "cfg_attr" if code.spells(i + 1, &["("]) => i + 1,
            "cfg" | "cfg_select" if code.spells(i + 1, &["!"]) => i + 2,
            _ => continue,
        };
        let words = code.group(open).iter().map(|token| &*token.text);
        // Of `cfg_attr(condition, attribute..)` only the condition.
        let mut depth = 0;
        let condition = words.take_while(|word| {
            depth += i32::from(*word == "(") - i32::from(*word == ")");
            token.text != "cfg_attr" || depth > 0 || *word != ","
        });
        found.push((token.line, condition.collect()));
    }
    found
}

/// The target is asked for in one file of the core and in the root of each platform, also in manifests:
/// a target's own dependencies are the platforms'. What only benches and tests need may differ.
pub(crate) fn one_file_knows_the_target(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (folder, allowed) in FILES {
        for (path, text) in tree.files(&format!("{folder}/"), ".rs").filter(|(path, _)| *path != allowed) {
            let Ok(code) = Code::parse(text) else { continue };
            for (line, words) in conditions(&code) {
                if let Some(word) = words.iter().find(|word| TARGET.contains(*word)) {
                    problems.push(Problem::new(path, line, format!("`{word}`: only {allowed} asks for the target")));
                }
            }
        }
    }
    let manifest = "kernel-core/Cargo.toml";
    let lines = tree.get(manifest).unwrap_or_default().lines().enumerate();
    problems.extend(
        lines
            .filter(|(_, line)| line.starts_with("[target.") && !line.trim_end().ends_with(".dev-dependencies]"))
            .map(|(i, _)| Problem::new(manifest, i + 1, "the core's dependencies are the same on every target")),
    );
    problems
}

/// The feature `sim` is named in `sim/` and in the root of the core, so that nothing else behaves
/// differently in a simulation.
pub(crate) fn sim_stays_in_its_place(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &Krate::read(tree, "kernel-core").files {
        if file.module.is_empty() || file.module[0] == "sim" {
            continue;
        }
        for (line, words) in conditions(&file.code) {
            if words.windows(3).any(|three| three == ["feature", "=", "\"sim\""]) {
                problems.push(Problem::new(&file.path, line, "`feature = \"sim\"` outside of sim/ and lib.rs"));
            }
        }
    }
    problems
}
