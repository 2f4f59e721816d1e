//! What an application asks for beyond its own: the rights that somebody else has to give.
//!
//! Its own are the services that it declares, `/topic/<app>.**`, `/tree/app/<app>/**`, its agents, what
//! every process holds of itself, and messages between its processes. A manifest knows no process by
//! number, so a right on `/proc/*` is counted as its own here and **the kernel confines it**: towards
//! a process of another application it holds only where the operator gave it (`Granted::given`).

use super::manifest::{Manifest, Service};
use crate::capability::Right;
use crate::path::{Kind, Name, Pattern, Verb};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A right that an agent wants and that is not the application's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Who wants it.
    pub agent: Name,
    /// What it wants, to use or to hand on.
    pub right: Right,
    /// Whether it starts without it too.
    pub optional: bool,
}

/// Every right that goes beyond the application's own, agent by agent in the order of the manifest,
/// required ones first. No right of an agent is named twice.
pub fn asks(manifest: &Manifest) -> Vec<Ask> {
    let own = Own::of(manifest);
    let mut asks: Vec<Ask> = Vec::new();
    for agent in &manifest.agents {
        let required = agent.use_.iter().chain(&agent.grant).map(|right| (right, false));
        let mut seen = BTreeMap::new();
        for (right, optional) in required.chain(agent.optional.iter().map(|right| (right, true))) {
            if !own.holds(&agent.name, right) && seen.insert(&right.value, ()).is_none() {
                asks.push(Ask { agent: agent.name.value.clone(), right: right.value.clone(), optional });
            }
        }
    }
    asks
}

/// What belongs to one application.
pub(super) struct Own<'m> {
    app: &'m Name,
    services: BTreeMap<&'m str, &'m Service>,
    agents: BTreeMap<&'m str, ()>,
    topics: Option<Pattern>,
    tree: Option<Pattern>,
}

impl<'m> Own<'m> {
    pub(super) fn of(manifest: &'m Manifest) -> Own<'m> {
        Own {
            app: &manifest.app.name,
            services: manifest.services.iter().map(|service| (service.name.as_str(), service)).collect(),
            agents: manifest.agents.iter().map(|agent| (agent.name.as_str(), ())).collect(),
            topics: topics(&manifest.app.name),
            tree: tree(&manifest.app.name),
        }
    }

    /// Whether `agent` may hold `right` without anybody's consent.
    pub(super) fn holds(&self, agent: &Name, right: &Right) -> bool {
        let pattern = &right.pattern;
        let within = |ground: &Option<Pattern>| ground.as_ref().is_some_and(|ground| ground.includes(pattern));
        // The one name of a path like `/svc/report`; with a wildcard it is nobody's.
        let named = || pattern.as_str().rsplit('/').next().unwrap_or_default();
        match (pattern.kind(), right.verb) {
            (Kind::Service, Verb::Send | Verb::Call) => self.services.contains_key(named()),
            (Kind::Service, Verb::Register) => self.services.get(named()).is_some_and(|s| s.owner.value == *agent),
            (Kind::Agent, Verb::Spawn) => self.agents.contains_key(named()),
            (Kind::App, Verb::Read | Verb::List | Verb::Monitor | Verb::Stop) => named() == self.app.as_str(),
            (Kind::Topic, Verb::Publish | Verb::Subscribe) => within(&self.topics),
            (Kind::Tree, Verb::Read | Verb::List | Verb::Write | Verb::Remove | Verb::Watch) => within(&self.tree),
            (Kind::Proc, Verb::Send | Verb::Call | Verb::Monitor) => true,
            (Kind::Proc | Kind::Inbox, Verb::Read | Verb::List | Verb::Stop) => pattern.is_self(),
            (Kind::Timer, Verb::Start | Verb::Stop) => true,
            (Kind::Stream, Verb::Read | Verb::Write | Verb::Stop) => true,
            _ => false,
        }
    }
}

/// `/topic/<app>.**`. `None` is impossible for an application's name, and then nothing is its own.
pub(super) fn topics(app: &Name) -> Option<Pattern> {
    Pattern::parse(&format!("/topic/{app}.**")).ok()
}

/// `/tree/app/<app>/**`.
pub(super) fn tree(app: &Name) -> Option<Pattern> {
    Pattern::parse(&format!("/tree/app/{app}/**")).ok()
}
