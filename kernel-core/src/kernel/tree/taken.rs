//! Snapshots, held against what the log tells of the acts that took them.

use super::Snapshot;
use crate::chain::{Hash, Header};
use crate::governance::Facts;
use crate::id::ActionId;
use crate::kernel::event::{Content, kind, tree_root};
use crate::path::{Resource, Verb};
use crate::time::WallTime;
use std::collections::BTreeMap;

/// What the log tells of some acts.
#[derive(Debug)]
pub(super) struct Taken(BTreeMap<ActionId, Told>);

/// What it tells of one.
#[derive(Debug, Default)]
struct Told {
    facts: Option<Facts>,
    at: WallTime,
    root: Option<Hash>,
}

impl Taken {
    /// Of the acts that took these snapshots, which are not let go of.
    pub(super) fn of(kept: &[Snapshot]) -> Taken {
        let held = kept.iter().filter(|snapshot| !snapshot.kept.name.is_empty());
        Taken(held.map(|snapshot| (snapshot.action, Told::default())).collect())
    }

    /// Takes one event of the log; all, in order, or those that may be of these acts.
    pub(super) fn event(&mut self, header: &Header, content: &[u8]) {
        let Some(told) = self.0.get_mut(&header.action) else { return };
        match (header.kind, Content::decode(header.kind, content)) {
            (kind::INTENT, Ok(Content::Intent(decided))) => told.facts = Some(decided.facts),
            (kind::OUTCOME, _) => (told.root, told.at) = (tree_root(header.kind, content), header.wall),
            _ => {}
        }
    }

    /// Whether the log tells all that the row of a snapshot does.
    pub(super) fn tells(&self, Snapshot { action, kept }: &Snapshot) -> bool {
        let Some(Told { facts: Some(facts), at, root }) = self.0.get(action) else { return false };
        let named = facts.audit.get("snapshot").and_then(|name| name.as_str());
        let holder = facts.app.as_ref().map(|app| format!("{app}/{}", facts.agent));
        let is_act =
            facts.verb == Verb::Write && matches!(&facts.resource, Resource::Tree(path) if path.as_str().is_empty());
        is_act
            && named == Some(&kept.name)
            && *root == Some(kept.root)
            && *at == kept.at
            && facts.name.as_str() == kept.by
            && facts.labels == kept.labels
            && holder == kept.holder
    }
}
