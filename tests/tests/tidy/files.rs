//! What holds for each file by itself.

use crate::code::Code;
use crate::{Problem, Tree};

/// The most lines of one file, its tests not counted. 400 is the aim.
const MOST_LINES: usize = 500;

/// Files that are text somebody wrote.
const WRITTEN: [&str; 10] = [".rs", ".toml", ".sh", ".wit", ".ts", ".js", ".mjs", ".html", ".css", "/run"];

/// Where everything that is fetched comes from, as lock files write it.
const REGISTRIES: [&str; 2] = ["registry+https://github.com/rust-lang/crates.io-index", "https://registry.npmjs.org/"];

/// The home of nobody, for examples.
const ME: &str = concat!("/ho", "me/me/");

/// Every Rust file opens with `//!`, and is Rust.
pub(crate) fn every_file_says_what_it_is(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files("", ".rs") {
        let first = text.lines().next().unwrap_or_default();
        if first.strip_prefix("//!").is_none_or(|rest| rest.trim().is_empty()) {
            problems.push(Problem::new(path, 1, "does not open with `//!` and what it is"));
        }
        if let Err(error) = Code::parse(text) {
            problems.push(Problem::new(path, 0, error));
        }
    }
    problems
}

/// No file grows beyond what is read in one sitting. Files of tests may.
pub(crate) fn files_are_short(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files("", ".rs") {
        let of_tests = path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs");
        let Ok(code) = Code::parse(text) else { continue };
        let in_test = |line: &usize| code.tests.iter().any(|(from, to)| (from..=to).contains(&line));
        let lines = (1..=text.lines().count()).filter(|line| !in_test(line)).count();
        if lines > MOST_LINES && !of_tests {
            let what = format!("{lines} lines without tests, at most {MOST_LINES}: split it by noun or verb");
            problems.push(Problem::new(path, 0, what));
        }
    }
    problems
}

/// Nothing is left for later: no marker in a text, no macro that panics because something is not written.
pub(crate) fn nothing_is_left_to_do(tree: &Tree) -> Vec<Problem> {
    // Put together, so that this file does not find itself.
    let markers = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    let macros = ["todo", "unimplemented"];
    let mut problems = Vec::new();
    for (path, text) in WRITTEN.iter().flat_map(|end| tree.files("", end)) {
        for (i, line) in text.lines().enumerate() {
            let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            if let Some(word) = words.find(|word| markers.iter().any(|marker| marker == word)) {
                problems.push(Problem::new(path, i + 1, format!("`{word}`: do it, or open an issue")));
            }
        }
        let Some(code) = path.ends_with(".rs").then(|| Code::parse(text).ok()).flatten() else { continue };
        for pair in code.tokens.windows(2).filter(|pair| pair[1].text == "!" && macros.contains(&&*pair[0].text)) {
            problems.push(Problem::new(path, pair[0].line, format!("`{}!`", pair[0].text)));
        }
    }
    problems
}

/// No file, built ones too, says where it was built: no home, no cache of a registry, no registry that others
/// cannot reach.
pub(crate) fn no_file_names_the_builders_machine(tree: &Tree) -> Vec<Problem> {
    // Put together, so that this file does not find itself.
    let homes = [["/ro", "ot/"].concat(), ["/ho", "me/"].concat(), [".cargo/", "registry"].concat()];
    let mut problems = Vec::new();
    for (path, text) in tree.files("", "") {
        let of_lock = path.ends_with(".lock") || path.ends_with("-lock.json");
        for (i, line) in text.lines().enumerate() {
            let line = line.replace(ME, "");
            if let Some(home) = homes.iter().find(|home| line.contains(home.as_str())) {
                problems.push(Problem::new(
                    path,
                    i + 1,
                    format!("holds `{home}`, a path of the machine it was made on"),
                ));
            }
            let source = ["source = \"", "\"resolved\": \""].iter().find_map(|key| line.trim().strip_prefix(key));
            if let Some(source) = source.filter(|_| of_lock)
                && !REGISTRIES.iter().any(|public| source.starts_with(public))
            {
                problems.push(Problem::new(path, i + 1, format!("`{source}` is not the public registry")));
            }
        }
    }
    problems
}
