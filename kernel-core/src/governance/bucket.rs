//! The rules that lie at one place of the index, in the order in which they are cheapest to pass by.
//!
//! A rule that asks for labels, applications or whole names of agents is found only by them; the numbers that the
//! others ask for are compared in one walk over a dense list. The conditions themselves decide later, so a bucket can
//! only save time.

use super::effect::Effect;
use super::facts::Facts;
use super::rule::When;
use crate::path::{Pattern, Verb};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A set of verbs, one bit each.
#[derive(Clone, Copy, Debug)]
struct Verbs(u64);

const _: () = assert!(Verb::ALL.len() <= 64, "a set of verbs has one bit for each");

impl Verbs {
    /// Those given; all, where none is.
    fn new(verbs: &[Verb]) -> Verbs {
        match verbs {
            [] => Verbs(u64::MAX),
            some => Verbs(some.iter().fold(0, |set, &verb| set | 1 << verb as u64)),
        }
    }

    fn has(self, verb: Verb) -> bool {
        self.0 & 1 << verb as u64 != 0
    }
}

/// A rule by its number, with one of its patterns; a rule about every resource has none.
#[derive(Clone, Debug)]
struct Entry {
    verbs: Verbs,
    least: Effect,
    score: u16,
    rule: usize,
    pattern: Option<Arc<Pattern>>,
}

impl Entry {
    fn may_match(&self, facts: &Facts, score: u16) -> bool {
        self.verbs.has(facts.verb)
            && self.score <= score
            && self.least.is_within(facts.effect)
            && self.pattern.as_ref().is_none_or(|pattern| pattern.concerns(&facts.resource))
    }
}

/// Rules, each under what it asks for first.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    always: Vec<Entry>,
    by_label: FxHashMap<Box<str>, Vec<Entry>>,
    by_app: FxHashMap<Box<str>, Vec<Entry>>,
    by_agent: FxHashMap<Box<str>, Vec<Entry>>,
}

impl Bucket {
    /// Adds rule number `rule` with one of its patterns.
    pub(super) fn add(&mut self, rule: usize, when: &When, pattern: Option<&Arc<Pattern>>) {
        let least =
            when.effect.iter().fold(Effect::ZERO, |all, (&dimension, &least)| all.join(Effect::only(dimension, least)));
        let score = when.score.unwrap_or(0);
        let entry = Entry { verbs: Verbs::new(&when.verbs), least, score, rule, pattern: pattern.cloned() };
        let mut under = |map: fn(&mut Bucket) -> &mut FxHashMap<Box<str>, Vec<Entry>>, key: &str| {
            map(self).entry(key.into()).or_default().push(entry.clone());
        };
        let agents: Option<Vec<&str>> = when.agents.iter().map(|agent| agent.literal()).collect();
        match agents {
            _ if !when.labels.is_empty() => when.labels.iter().for_each(|label| under(|b| &mut b.by_label, label)),
            _ if !when.apps.is_empty() => when.apps.iter().for_each(|app| under(|b| &mut b.by_app, app.as_str())),
            Some(names) if !names.is_empty() => names.iter().for_each(|name| under(|b| &mut b.by_agent, name)),
            _ => self.always.push(entry),
        }
    }

    /// Calls `found` with the number of every rule here that may speak about the act. Allocates nothing.
    pub(super) fn each(&self, facts: &Facts, score: u16, mut found: impl FnMut(usize)) {
        let mut visit = |entries: &[Entry]| {
            entries.iter().filter(|entry| entry.may_match(facts, score)).for_each(|entry| found(entry.rule));
        };
        visit(&self.always);
        if !self.by_label.is_empty() {
            facts.labels.iter().filter_map(|label| self.by_label.get(label)).for_each(|entries| visit(entries));
        }
        if let Some(entries) = facts.app.as_ref().and_then(|app| self.by_app.get(app.as_str())) {
            visit(entries);
        }
        if let Some(entries) = self.by_agent.get(facts.agent.as_str()) {
            visit(entries);
        }
    }
}
