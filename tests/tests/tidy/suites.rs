//! The host-neutral suites: a clause that is not listed would run nowhere and look as if it held.

use crate::code::Code;
use crate::{Problem, Tree};

const LIST: &str = "tests/src/lib.rs";

/// Where clauses are: about values, and about a kernel.
const SUITES: [&str; 2] = ["tests/src/suite/", "tests/src/kernel/"];

/// Every public function of a suite is named in one of the lists, under its suite's name.
pub(crate) fn every_clause_is_listed(tree: &Tree) -> Vec<Problem> {
    let list = Code::parse(tree.get(LIST).unwrap_or_default()).unwrap_or_default();
    let mut problems = Vec::new();
    let suites = SUITES.iter().flat_map(|folder| tree.files(folder, ".rs").map(move |file| (*folder, file)));
    for (folder, (path, text)) in suites.filter(|(_, (path, _))| !path.ends_with("/mod.rs")) {
        let suite = path.trim_start_matches(folder).trim_end_matches(".rs");
        // Both folders may have a suite of one name.
        let starts =
            (0..list.tokens.len()).filter(|at| list.spells(*at, &[suite, ":"]) && !list.spells(*at + 2, &[":"]));
        let listed: Vec<&str> = starts
            .flat_map(|at| list.tokens[at + 2..].iter().map(|t| &*t.text).take_while(|text| *text != ";"))
            .collect();
        let Ok(code) = Code::parse(text) else { continue };
        for (i, token) in code
            .tokens
            .iter()
            .enumerate()
            .filter(|(i, _)| code.spells(*i, &["pub", "fn"]) || code.spells(*i, &["pub", "async", "fn"]))
        {
            let name = &*code.tokens[i + 2 + usize::from(code.spells(i + 1, &["async"]))].text;
            if !listed.contains(&name) {
                problems.push(Problem::new(path, token.line, format!("`{suite}: {name}` is not listed in {LIST}")));
            }
        }
    }
    problems
}
