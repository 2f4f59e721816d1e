//! The index of a charter: from an act to the few rules that can speak about it.
//!
//! For each kind of resource there is a tree over the literal words that patterns begin with. A rule lies where its
//! pattern's first wildcard comes; a look-up follows the words of the resource and meets only rules whose
//! literal beginning it has. What is met is still matched exactly, so the index can only save time.

use super::bucket::Bucket;
use super::facts::Facts;
use super::rule::When;
use crate::path::{Kind, Pattern, Resource};
use rustc_hash::FxHashMap;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
struct Node {
    here: Bucket,
    below: FxHashMap<Box<str>, Node>,
}

/// The rules of a charter by resource, then by what else they ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    everywhere: Bucket,
    /// By kind; a kind that no rule is about is `None`.
    kinds: Vec<Option<Node>>,
}

impl Index {
    /// Adds rule number `rule`.
    pub(super) fn add(&mut self, rule: usize, when: &When) {
        if when.resources.is_empty() {
            self.everywhere.add(rule, when, None);
        }
        self.kinds.resize_with(Kind::ALL.len(), || None);
        for pattern in &when.resources {
            let shared = Arc::new(pattern.clone());
            for &kind in Kind::ALL.iter().filter(|&&kind| pattern.covers(kind)) {
                let mut node = self.kinds[kind as usize].get_or_insert_with(Node::default);
                for word in pattern_words(pattern) {
                    node = node.below.entry(word.into()).or_default();
                }
                node.here.add(rule, when, Some(&shared));
            }
        }
    }

    /// Calls `found` with the number of every rule that may speak about the act, and matches its verb and resource;
    /// perhaps more than once. Allocates nothing.
    pub(super) fn each(&self, facts: &Facts, score: u16, mut found: impl FnMut(usize)) {
        self.everywhere.each(facts, score, &mut found);
        let Some(Some(root)) = self.kinds.get(facts.resource.kind() as usize) else { return };
        root.here.each(facts, score, &mut found);
        let mut node = root;
        for word in resource_words(&facts.resource) {
            match node.below.get(word) {
                Some(below) => node = below,
                None => return,
            }
            node.here.each(facts, score, &mut found);
        }
        if let Resource::Topics(_) = &facts.resource {
            // Topics of whatever words follow are in the set.
            node.each_below(facts, score, &mut found);
        }
    }
}

impl Node {
    fn each_below(&self, facts: &Facts, score: u16, found: &mut impl FnMut(usize)) {
        #[allow(clippy::disallowed_methods)] // Whoever is told of them puts them in order.
        self.below.values().for_each(|node| {
            node.here.each(facts, score, &mut *found);
            node.each_below(facts, score, found);
        });
    }
}

/// What separates the words of a kind's paths; `None` for kinds that are not indexed by word.
fn separator(kind: Kind) -> Option<char> {
    match kind {
        Kind::Topic => Some('.'),
        Kind::Net => Some(':'),
        Kind::Fs
        | Kind::Tree
        | Kind::Service
        | Kind::Tool
        | Kind::Agent
        | Kind::App
        | Kind::Model
        | Kind::Container
        | Kind::Timer => Some('/'),
        Kind::Proc | Kind::Inbox | Kind::Stream | Kind::Node | Kind::Charter | Kind::Letter => None,
    }
}

/// How many words are indexed; rules that differ only further down lie together.
const DEPTH: usize = 16;

/// The first literal words that a pattern begins with. `*` is never a literal character in the text of a pattern.
fn pattern_words(pattern: &Pattern) -> impl Iterator<Item = &str> {
    let rest = pattern.as_str().get(1..).and_then(|text| text.split_once('/')).map_or("", |(_, rest)| rest);
    words(pattern.kind(), rest).take_while(|word| !word.contains('*')).take(DEPTH)
}

/// The words of a resource, cut as [`pattern_words`] cuts.
fn resource_words(resource: &Resource) -> impl Iterator<Item = &str> {
    let (first, rest) = match resource {
        Resource::Fs(path) => (Some(path.mount().as_str()), path.rest()),
        Resource::Net(endpoint) => (Some(endpoint.host()), ""),
        Resource::Tree(path) => (None, path.as_str()),
        Resource::Topic(topic) => (None, topic.as_str()),
        // Up to the first wildcard: what lies below that is looked at as a whole.
        Resource::Topics(pattern) => (None, literal(pattern)),
        Resource::Service(name)
        | Resource::Tool(name)
        | Resource::Agent(name)
        | Resource::App(name)
        | Resource::Model(name)
        | Resource::Container(name)
        | Resource::Timer(name) => (Some(name.as_str()), ""),
        Resource::Proc(_)
        | Resource::Inbox(_)
        | Resource::Stream(_)
        | Resource::Node(..)
        | Resource::Charter
        | Resource::Letters
        | Resource::Letter(_) => (None, ""),
    };
    first.into_iter().chain(words(resource.kind(), rest))
}

/// What stands before the first wildcard of a pattern of topics, whole words of it.
fn literal(pattern: &Pattern) -> &str {
    let words = pattern.as_str().strip_prefix("/topic/").unwrap_or_default();
    let before = words.split('*').next().unwrap_or_default();
    before.rsplit_once('.').map_or("", |(whole, _)| whole)
}

fn words(kind: Kind, text: &str) -> impl Iterator<Item = &str> {
    let (text, by) = match separator(kind) {
        // A host may have colons of its own; only the last one comes before the port, which is not a word.
        Some(':') => (text.rsplit_once(':').map_or(text, |(host, _)| host), '\0'),
        Some(by) => (text, by),
        None => ("", '\0'),
    };
    text.split(by).filter(|word| !word.is_empty())
}
