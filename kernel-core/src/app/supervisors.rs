//! Supervisors below that of the application: what a manifest may say of them, and what a plan does.

use super::fields::Placed;
use super::manifest::Manifest;
use super::plan::Plan;
use super::problem::{Problems, quoted, suggestion};
use crate::path::Name;
use crate::process::{Restart, Shutdown, Strategy, Supervision};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How deep supervisors may lie below each other.
pub const MAX_NESTING: usize = 16;

/// One supervisor of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorPlan {
    /// Its name.
    pub name: Name,
    /// The one that it is below; the application where there is none.
    pub supervisor: Option<Name>,
    /// How it deals with the ends of those below it.
    pub supervision: Supervision,
    /// When it is started again.
    pub restart: Restart,
    /// How it is stopped, with all below it.
    pub shutdown: Shutdown,
}

/// Why the end of an agent is not the end of its application, which says so: `way` are the agent and those above it, each with
/// how whoever is above it deals with its end.
pub(super) fn never_ends(way: impl IntoIterator<Item = (Restart, Strategy)>) -> Option<&'static str> {
    let mut way = way.into_iter();
    match way.next()? {
        (Restart::Permanent, _) => return Some("is permanent: it is started again whenever it ends"),
        (Restart::Temporary, Strategy::OneForAll | Strategy::RestForOne) => {
            return Some("is temporary: it is stopped with others and not started again, which is no end of its own");
        }
        _ => {}
    }
    way.any(|above| matches!(above, (Restart::Temporary, Strategy::OneForAll | Strategy::RestForOne)))
        .then_some("is below a temporary supervisor: that is stopped with others and not started again")
}

/// What is wrong with the supervisors of a manifest, and with who names them.
pub(super) fn check(manifest: &Manifest, problems: &mut Problems) {
    let known = || manifest.supervisors.iter().map(|supervisor| supervisor.name.as_str());
    let agents = manifest.agents.iter().map(|agent| ("agent", &agent.name, &agent.supervisor));
    let named = agents.chain(manifest.supervisors.iter().map(|one| ("supervisor", &one.name, &one.supervisor)));
    for (section, name, supervisor) in named {
        let Some(above) = supervisor else { continue };
        let key = format!("{section}.{}.supervisor", name.value);
        if manifest.supervisor(above.as_str()).is_none() {
            problems.push(above.at, &key, || {
                (format!("there is no supervisor {}", quoted(above.as_str())), suggestion(above.as_str(), known()))
            });
            continue;
        }
        let way = std::iter::successors(manifest.supervisor(above.as_str()), |supervisor| {
            manifest.supervisor(supervisor.supervisor.as_ref()?.as_str())
        });
        let way: Vec<&Name> = way.take(MAX_NESTING + 1).map(|supervisor| &supervisor.name.value).collect();
        if section == "supervisor" && way.contains(&&name.value) {
            problems.add(above.at, &key, format!("{} would be below itself", quoted(name.as_str())));
        } else if section == "supervisor" && way.len() >= MAX_NESTING {
            problems.add(above.at, &key, format!("would lie deeper than {MAX_NESTING} supervisors below each other"));
        }
    }
    for supervisor in &manifest.supervisors {
        let is_below =
            |above: &Option<Placed<Name>>| above.as_ref().is_some_and(|above| above.value == supervisor.name.value);
        let named = manifest.agents.iter().map(|agent| &agent.supervisor);
        if !named.chain(manifest.supervisors.iter().map(|one| &one.supervisor)).any(is_below) {
            let help = format!("name it in an [[agent]]: supervisor = \"{}\"", supervisor.name.value);
            let key = format!("supervisor.{}", supervisor.name.value);
            problems.add_with_help(supervisor.name.at, &key, "nobody is below it", help);
        }
    }
}

/// The agent with whose end `manifest` ends, and those above it, as [`never_ends`] wants them.
pub(super) fn way_of_last(manifest: &Manifest) -> Vec<(Restart, Strategy)> {
    let Some(agent) = manifest.app.ends_with.as_ref().and_then(|last| manifest.agent(last.as_str())) else {
        return Vec::new();
    };
    let above = |name: Option<&Name>| name.and_then(|name| manifest.supervisor(name.as_str()));
    let (mut restart, mut name) = (agent.restart.value, agent.supervisor.as_ref().map(|name| &name.value));
    let mut way = Vec::new();
    while let Some(supervisor) = above(name).filter(|_| way.len() <= MAX_NESTING) {
        way.push((restart, supervisor.supervision.strategy));
        (restart, name) = (supervisor.restart, supervisor.supervisor.as_ref().map(|name| &name.value));
    }
    way.push((restart, manifest.supervision.strategy));
    way
}

impl Plan {
    /// What in its supervisors contradicts itself, in words.
    pub(super) fn contradiction_above(&self) -> Option<String> {
        let mut depths: BTreeMap<&Name, usize> = BTreeMap::new();
        for SupervisorPlan { name, supervisor, supervision, .. } in &self.supervisors {
            if let Some(why) = supervision.contradiction() {
                return Some(format!("`{name}` cannot supervise as it says: {why}"));
            }
            let depth = match supervisor {
                None => 1,
                Some(above) => match depths.get(above) {
                    Some(depth) => depth + 1,
                    None => return Some(format!("`{name}` is below `{above}`, which is no supervisor before it")),
                },
            };
            if depth > MAX_NESTING {
                return Some(format!("`{name}` lies deeper than {MAX_NESTING} supervisors below each other"));
            }
            if depths.insert(name, depth).is_some() {
                return Some(format!("there are two supervisors `{name}`"));
            }
        }
        for agent in &self.agents {
            if depths.contains_key(&agent.name) {
                return Some(format!("`{}` is both an agent and a supervisor", agent.name));
            }
            if let Some(above) = agent.supervisor.iter().find(|above| !depths.contains_key(above)) {
                return Some(format!("`{}` is below `{above}`, which is no supervisor", agent.name));
            }
        }
        let last = self.agents.iter().find(|agent| self.ends_with.as_ref() == Some(&agent.name))?;
        let above: Vec<&SupervisorPlan> = self.above(last.supervisor.as_ref()).collect();
        let restarts = [last.restart].into_iter().chain(above.iter().map(|one| one.restart));
        let strategies = above.iter().map(|one| one.supervision.strategy).chain([self.supervision.strategy]);
        let why = never_ends(restarts.zip(strategies))?;
        Some(format!("it ends with `{}`, which {why}", last.name))
    }

    /// The supervisors above whoever is below `supervisor`: that one, and so on up.
    pub(crate) fn above<'p>(&'p self, supervisor: Option<&'p Name>) -> impl Iterator<Item = &'p SupervisorPlan> {
        let named = |name: Option<&Name>| self.supervisors.iter().find(|one| Some(&one.name) == name);
        let way = std::iter::successors(named(supervisor), move |one| named(one.supervisor.as_ref()));
        // In a plan that contradicts itself it may be a circle.
        way.take(self.supervisors.len())
    }

    /// The names of all that are started: agents and supervisors.
    pub fn names(&self) -> BTreeSet<&Name> {
        let supervisors = self.supervisors.iter().map(|supervisor| &supervisor.name);
        self.agents.iter().map(|agent| &agent.name).chain(supervisors).collect()
    }
}
