//! What an application asks for beyond its own: the rights that somebody else has to give.
//!
//! Its own are the services that it declares, `/topic/<app>.**`, `/tree/app/<app>/**`, its agents, what
//! every process holds of itself, and messages between its processes. A manifest knows no process by
//! number, so `/proc/*` in it means the application's own processes, and the kernel confines it to them.

use super::manifest::{Manifest, Service};
use crate::capability::Right;
use crate::path::{Kind, Name, Pattern, Verb};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
        let mut seen = BTreeSet::new();
        for (right, optional) in required.chain(agent.optional.iter().map(|right| (right, true))) {
            if !own.holds(&agent.name, right) && seen.insert(&right.value) {
                asks.push(Ask { agent: agent.name.value.clone(), right: right.value.clone(), optional });
            }
        }
    }
    asks
}

/// The rights that the application `app` may hand to its agents without anybody's consent, from the
/// names of the services and agents that it declares. Each agent still holds only what it lists, and
/// only a service's owner may list `register` for it.
pub fn own_rights<'a>(
    app: &Name,
    services: impl IntoIterator<Item = &'a Name>,
    agents: impl IntoIterator<Item = &'a Name>,
) -> Vec<Right> {
    let mut rights = Vec::new();
    let mut add = |verbs: &[Verb], pattern: String| {
        // Every text is made of canonical names, so each parses; one that did not would be a right less.
        if let Ok(pattern) = Pattern::parse(&pattern) {
            rights.extend(verbs.iter().map(|verb| Right { verb: *verb, pattern: pattern.clone() }));
        }
    };
    for service in services {
        add(&[Verb::Send, Verb::Call, Verb::Register], format!("/svc/{service}"));
    }
    for agent in agents {
        add(&[Verb::Spawn], format!("/agent/{agent}"));
    }
    add(&[Verb::Publish, Verb::Subscribe], format!("/topic/{app}.**"));
    add(&[Verb::Read, Verb::List, Verb::Write, Verb::Remove, Verb::Watch], format!("/tree/app/{app}/**"));
    add(&[Verb::Read, Verb::List, Verb::Monitor, Verb::Stop], format!("/app/{app}"));
    add(&[Verb::Send, Verb::Call, Verb::Monitor, Verb::Grant, Verb::Revoke], "/proc/*".to_owned());
    add(&[Verb::Start, Verb::Stop], "/timer/*".to_owned());
    add(&[Verb::Read, Verb::Write, Verb::Stop], "/stream/*".to_owned());
    rights
}

/// What every process may do to itself and needs no right for; listing it changes nothing.
pub(super) fn is_always_held(right: &Right) -> bool {
    right.pattern.is_self() && matches!(right.verb, Verb::Read | Verb::Stop)
}

/// What belongs to one application, arranged for look-up.
pub(super) struct Own<'m> {
    ground: BTreeMap<(Verb, Kind), Vec<Pattern>>,
    services: BTreeMap<&'m str, &'m Service>,
}

impl<'m> Own<'m> {
    pub(super) fn of(manifest: &'m Manifest) -> Own<'m> {
        let services = manifest.services.iter().map(|service| &service.name.value);
        let agents = manifest.agents.iter().map(|agent| &agent.name.value);
        let mut ground: BTreeMap<(Verb, Kind), Vec<Pattern>> = BTreeMap::new();
        for right in own_rights(&manifest.app.name, services, agents) {
            ground.entry((right.verb, right.pattern.kind())).or_default().push(right.pattern);
        }
        Own { ground, services: manifest.services.iter().map(|service| (service.name.as_str(), service)).collect() }
    }

    /// Whether `agent` may hold `right` without anybody's consent.
    pub(super) fn holds(&self, agent: &Name, right: &Right) -> bool {
        let pattern = &right.pattern;
        let named = pattern.as_str().strip_prefix("/svc/").and_then(|name| self.services.get(name));
        let registers_for_another = right.verb == Verb::Register && named.is_none_or(|s| s.owner.value != *agent);
        let ground = self.ground.get(&(right.verb, pattern.kind()));
        let within = ground.is_some_and(|ground| ground.iter().any(|own| own.includes(pattern)));
        is_always_held(right) || (within && !registers_for_another)
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
