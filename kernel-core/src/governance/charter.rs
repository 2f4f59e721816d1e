//! The charter: the rules in force, checked once and indexed for every decision.

use super::facts::Facts;
use super::index::Index;
use super::rule::{Outcome, Rule};
use crate::path::Name;
use std::collections::BTreeSet;
use std::fmt;

/// The most rules that a charter may have.
pub const MAX_RULES: usize = 10_000;

/// The most bytes that the text of a rule may have.
const MAX_TEXT: usize = 500;

/// Rules that have been checked, with the version under which decisions name them. Immutable; share it in an `Arc`.
#[derive(Clone, Debug, Default)]
pub struct Charter {
    version: u64,
    rules: Vec<Rule>,
    index: Index,
}

/// What is wrong with one rule. The charter was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharterError {
    /// The rule; its position, counted from 0, where its id is the trouble.
    pub rule: String,
    /// What is wrong and what to write instead.
    pub problem: String,
}

impl fmt::Display for CharterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}: {}", self.rule, self.problem)
    }
}

impl std::error::Error for CharterError {}

impl Charter {
    /// The charter of a new kernel: version 0, no rules.
    pub fn new() -> Charter {
        Charter::default()
    }

    /// A charter with these rules, or everything that is wrong with them.
    pub fn with_rules(version: u64, rules: Vec<Rule>) -> Result<Charter, Vec<CharterError>> {
        let mut errors = Vec::new();
        let mut say = |rule: &dyn fmt::Display, problem: String| {
            errors.push(CharterError { rule: rule.to_string(), problem });
        };
        if rules.len() > MAX_RULES {
            say(&MAX_RULES, format!("a charter has at most {MAX_RULES} rules; this one has {}", rules.len()));
        }
        let mut ids = BTreeSet::new();
        for (position, rule) in rules.iter().enumerate() {
            if !ids.insert(&rule.id) {
                say(&position, format!("the id `{}` is taken by an earlier rule; ids are unique", rule.id));
            }
            if rule.text.trim().is_empty() || rule.text.len() > MAX_TEXT || rule.text.contains(char::is_control) {
                say(&rule.id, format!("`text` is one line of 1 to {MAX_TEXT} bytes that says what the rule is for"));
            }
            for problem in rule.when.problems() {
                say(&rule.id, problem);
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut index = Index::default();
        for (position, rule) in rules.iter().enumerate() {
            index.add(position, &rule.when);
        }
        Ok(Charter { version, rules, index })
    }

    /// The next version, without the rules that are about `app` alone; this one where there are none.
    #[must_use]
    pub fn without_rules_of(&self, app: &Name) -> Charter {
        let rules: Vec<Rule> = self.rules.iter().filter(|rule| rule.when.apps != [app.clone()]).cloned().collect();
        if rules.len() == self.rules.len() {
            return self.clone();
        }
        // What held together still does when some of it is gone.
        Charter::with_rules(self.version + 1, rules).unwrap_or_else(|_| self.clone())
    }

    /// The version that facts name.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The rules in the order in which they were given.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Calls `found` with the position of every rule that speaks about this act or cannot be evaluated for it, and
    /// with what its conditions come to; more than once for a rule that the index has under several keys, and in no
    /// particular order. Allocates nothing.
    pub(super) fn each<'a>(&'a self, facts: &Facts, score: u16, mut found: impl FnMut(usize, &'a Rule, Outcome<'a>)) {
        self.index.each(facts, score, |position| {
            let rule = &self.rules[position];
            match rule.when.holds(facts, score) {
                Outcome::No => {}
                outcome => found(position, rule, outcome),
            }
        });
    }
}
