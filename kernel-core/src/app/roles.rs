//! Roles of an application: what a manifest may say of them, and what a plan does.

use super::fields::Placed;
use super::manifest::{Agent, Manifest};
use super::plan::Plan;
use super::problem::{Problems, quoted, suggestion};
use crate::agency::{Ceilings, CustomRole, OF_AGENTS, Role};
use crate::path::{Kind, Name, Pattern, Verb};
use std::collections::BTreeSet;
use std::sync::Arc;

/// `[[role]]`: whom processes of a role may start.
#[derive(Clone, Debug)]
pub struct Described {
    /// Its name.
    pub name: Placed<Name>,
    /// The roles that it may start.
    pub spawns: Vec<Placed<Name>>,
    /// How many of its children may live at once.
    pub children: Option<u32>,
    /// Within which ceilings they run.
    pub ceilings: Ceilings,
}

impl Described {
    fn custom(&self) -> CustomRole {
        CustomRole {
            name: self.name.value.clone(),
            spawns: self.spawns.iter().map(|name| name.value.clone()).collect(),
            children: self.children,
            ceilings: self.ceilings,
        }
    }
}

/// The roles of a manifest, as a plan keeps them.
pub(super) fn customs(manifest: &Manifest) -> Vec<CustomRole> {
    manifest.roles.iter().map(Described::custom).collect()
}

/// The role called `name` of an agent whose application has `roles`.
fn role(roles: &[CustomRole], name: &Name) -> Option<Role> {
    let custom = || roles.iter().find(|role| role.name == *name).map(|role| Role::Custom(Arc::new(role.clone())));
    OF_AGENTS.into_iter().find(|role| role.as_str() == name.as_str()).or_else(custom)
}

/// Those that whoever has `role` could have started, and `of` may not start.
fn widened(roles: &[CustomRole], of: &Role, role: &Role) -> Vec<String> {
    let all = roles.iter().map(|role| Role::Custom(Arc::new(role.clone()))).chain(OF_AGENTS);
    let beyond = all.filter(|started| role.may_start(started) && !of.may_start(started));
    beyond.map(|started| started.as_str().to_owned()).collect()
}

/// What is wrong with the roles of a manifest, and with who names them.
pub(super) fn check(manifest: &Manifest, problems: &mut Problems) {
    let roles = customs(manifest);
    let known = || OF_AGENTS.iter().map(Role::as_str).chain(roles.iter().map(|role| role.name.as_str()));
    let unknown = |name: &Placed<Name>, key: &str, problems: &mut Problems| {
        problems.push(name.at, key, || {
            let listed: Vec<&str> = known().collect();
            let message = format!("{} is none of: {}", quoted(name.as_str()), listed.join(", "));
            (message, suggestion(name.as_str(), known()).or_else(|| Some("describe it in a [[role]]".to_owned())))
        });
    };
    for described in &manifest.roles {
        let (name, of) = (&described.name, Role::Custom(Arc::new(described.custom())));
        if Role::built_in(name.as_str()).is_some() {
            let help = "choose another name: what that role may start is the same for all applications";
            let message = format!("{} is a role that there always is", quoted(name.as_str()));
            problems.add_with_help(name.at, "role.name", message, help);
            continue;
        }
        let key = format!("role.{}.spawns", name.value);
        for started in &described.spawns {
            match role(&roles, &started.value) {
                None => unknown(started, &key, problems),
                Some(role) => {
                    let beyond = widened(&roles, &of, &role);
                    if !beyond.is_empty() {
                        let help = format!("add these to its `spawns`, or leave {} out", quoted(started.as_str()));
                        let (started, beyond) = (quoted(started.as_str()), beyond.join(", "));
                        let message = format!("{started} may start {beyond}, which {} may not", quoted(name.as_str()));
                        problems.add_with_help(described.name.at, &key, message, &help);
                    }
                }
            }
        }
    }
    for agent in &manifest.agents {
        let key = format!("agent.{}.role", agent.name.value);
        match role(&roles, &agent.role.value) {
            None => unknown(&agent.role, &key, problems),
            Some(role) => check_spawns(manifest, agent, &roles, &role, problems),
        }
    }
}

/// An agent that may spawn one whose role its own may not start could never do so.
fn check_spawns(manifest: &Manifest, agent: &Agent, roles: &[CustomRole], of: &Role, problems: &mut Problems) {
    let spawned = |pattern: &Pattern| {
        let name = pattern.as_str().strip_prefix("/agent/")?;
        let spawned = manifest.agent(name)?;
        Some((spawned, role(roles, &spawned.role.value)?))
    };
    for right in agent.use_.iter().filter(|right| right.verb == Verb::Spawn && right.pattern.kind() == Kind::Agent) {
        let Some((spawned, role)) = spawned(&right.pattern) else { continue };
        if !of.may_start(&role) {
            let message = format!(
                "{}: a `{}` may not start a `{}`, which {} is",
                quoted(&right.to_string()),
                of.as_str(),
                role.as_str(),
                quoted(spawned.name.as_str())
            );
            let help = "give one of them another role; [[role]] describes one with `spawns`";
            problems.add_with_help(right.at, &format!("agent.{}.use", agent.name.value), message, help);
        }
    }
}

impl Plan {
    /// What in its roles contradicts itself, in words.
    pub(super) fn contradiction_of_roles(&self) -> Option<String> {
        let mut names = BTreeSet::new();
        for CustomRole { name, spawns, .. } in &self.roles {
            if Role::built_in(name.as_str()).is_some() || !names.insert(name) {
                return Some(format!("the role `{name}` is there already"));
            }
            let of = role(&self.roles, name)?;
            for started in spawns {
                let Some(role) = role(&self.roles, started) else {
                    return Some(format!("`{name}` may start `{started}`, which is no role of an application"));
                };
                if let Some(beyond) = widened(&self.roles, &of, &role).first() {
                    return Some(format!("`{name}` may start `{started}` and not `{beyond}`, which that may start"));
                }
            }
        }
        let agent = self.agents.iter().find(|agent| role(&self.roles, &agent.role).is_none())?;
        Some(format!("`{}` has the role `{}`, which nothing describes", agent.name, agent.role))
    }

    /// The role called `name`; of one that nothing describes nobody is started.
    pub fn role(&self, name: &Name) -> Role {
        role(&self.roles, name).unwrap_or_else(|| {
            let (name, ceilings) = (name.clone(), Ceilings::default());
            Role::Custom(Arc::new(CustomRole { name, spawns: BTreeSet::new(), children: None, ceilings }))
        })
    }
}
