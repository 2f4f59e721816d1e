//! What must stay true of the tree, read from its files: one test a rule, each rule also held against a
//! tree that breaks it.
//!
//! A rule is a function from a [`Tree`] to the problems that it finds. It reads text and nothing else: it
//! builds nothing, so it also judges code of other targets and features, and it cannot see through
//! macros. What the compiler or clippy can prove is left to them.
//!
//! To add a rule, write it in its module, list it in [`rules!`], and plant at least one violation of it
//! in `plants.rs`.
#![cfg(not(target_arch = "wasm32"))]

mod cfgs;
mod code;
mod files;
mod krate;
mod layers;
mod locks;
mod manifests;
mod markdown;
mod plants;
mod purity;
mod suites;
mod tree;
mod web;

use std::fmt;
use tree::Tree;

/// One place where a rule is broken.
pub(crate) struct Problem {
    file: String,
    /// From 1; 0 is the file as a whole.
    line: usize,
    what: String,
}

impl Problem {
    fn new(file: impl Into<String>, line: usize, what: impl Into<String>) -> Problem {
        Problem { file: file.into(), line, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

type Rule = fn(&Tree) -> Vec<Problem>;

/// Lists the rules: each becomes a test of this tree, and all of them are what plants are held against.
macro_rules! rules {
    ($($module:ident: $($rule:ident),+ $(,)?;)+) => {
        const RULES: &[(&str, Rule)] = &[$($((stringify!($rule), $module::$rule as Rule)),+),+];
        mod this_tree {
            $($(
                #[test]
                fn $rule() {
                    super::hold(stringify!($rule), super::$module::$rule);
                }
            )+)+
        }
    };
}

rules! {
    manifests: the_core_depends_on_no_host, platforms_depend_on_the_core_alone, lints_are_shared;
    layers: modules_keep_their_layer, internals_stay_inside;
    purity: the_core_names_no_host, the_core_reaches_for_nothing;
    cfgs: one_file_knows_the_target, sim_stays_in_its_place;
    locks: no_lock_is_made_to_be_held;
    files: every_file_says_what_it_is, files_are_short, nothing_is_left_to_do,
        no_file_names_the_builders_machine;
    web: the_page_imports_the_package, the_package_is_built_from_the_web_platform;
    markdown: readme_commands_exist, links_lead_somewhere;
    suites: every_clause_is_listed;
}

fn hold(name: &str, rule: Rule) {
    let tree = Tree::read(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let problems = rule(&tree);
    let lines: Vec<String> = problems.iter().map(|p| format!("  {p}\n")).collect();
    assert!(lines.is_empty(), "{name} is broken {} times:\n{}", lines.len(), lines.concat());
}

#[test]
fn the_test_command_says_what_it_does_in_any_folder() {
    let mut command = std::process::Command::new("bash");
    let done = command.args(["../ci.sh", "--help"]).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).output();
    let done = done.expect("bash");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && err.is_empty(), "{}: {err}", done.status);
    assert!(out.starts_with("usage: tests/ci.sh") && out.contains("WEFT_SKIP"), "{out}");
}

#[test]
fn glue_is_cached_under_the_version_of_the_meter_in_it() {
    let named = include_str!("../../../pkg/src/transpiler-version.ts");
    let version = kernel_core::meter::VERSION;
    assert!(
        named.contains(&format!("+fuel-{version}'")),
        "pkg/src/transpiler-version.ts does not name version {version}"
    );
}
