//! Roles: what a process is for, and whom it may start therefore. Data, the same for all roles; no role has code of its own.

use crate::path::Name;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a process is for.
#[derive(Clone, PartialEq, Eq)]
pub enum Role {
    /// The operator, when the kernel acts for him.
    Root,
    /// A person, in a session.
    User,
    /// An application, and those of its processes that only start and stop others.
    Supervisor,
    /// Answers others.
    Service,
    /// Does a piece of work.
    Worker,
    /// What an application says.
    Custom(Arc<CustomRole>),
}

/// `[[role]]`: a role of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomRole {
    /// What it is called.
    pub name: Name,
    /// The roles of those that it may start.
    pub spawns: BTreeSet<Name>,
    /// How many of these may live at once, of each process of this role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children: Option<u32>,
    /// Within which ceilings each of these runs, whatever its agent says.
    #[serde(default)]
    pub ceilings: Ceilings,
}

/// Ceilings of a child. What is `None` stays as its agent has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ceilings {
    /// Bytes of all memories and tables of an instance together.
    pub memory: Option<u64>,
    /// CPU time of one `handle`.
    pub handle: Option<Duration>,
    /// Time from start to end.
    pub wall: Option<Duration>,
    /// Acts, refused ones too.
    pub acts: Option<u64>,
    /// Messages sent, published and called.
    pub messages: Option<u64>,
    /// Calls of tools.
    pub tool_calls: Option<u64>,
    /// Units of the fuel meter of one `handle`, for components.
    pub fuel: Option<u64>,
}

/// The lower one, where there are two.
pub(crate) fn lower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl Ceilings {
    /// Both of them.
    #[must_use]
    pub fn and(&self, other: &Ceilings) -> Ceilings {
        Ceilings {
            memory: lower(self.memory, other.memory),
            handle: lower(self.handle, other.handle),
            wall: lower(self.wall, other.wall),
            acts: lower(self.acts, other.acts),
            messages: lower(self.messages, other.messages),
            tool_calls: lower(self.tool_calls, other.tool_calls),
            fuel: lower(self.fuel, other.fuel),
        }
    }
}

/// Every role of an application, in the table.
const ANY_CUSTOM: &str = "*";

/// The roles that there always are, each with those that it may start. Whom a role may start may start nobody else than that
/// role may: a test says so of the table, and a check of what an application adds to it.
static TABLE: [(Role, &[&str]); 5] = [
    (Role::Root, &["root", "user", "supervisor", "service", "worker", ANY_CUSTOM]),
    (Role::User, &["supervisor", "service", "worker", ANY_CUSTOM]),
    (Role::Supervisor, &["supervisor", "service", "worker", ANY_CUSTOM]),
    (Role::Service, &["worker"]),
    (Role::Worker, &["worker"]),
];

/// The roles that an agent may have without its application saying more.
pub const OF_AGENTS: [Role; 3] = [Role::Supervisor, Role::Service, Role::Worker];

impl Role {
    /// The role that there always is under this name.
    pub fn built_in(name: &str) -> Option<Role> {
        TABLE.iter().map(|(role, _)| role).find(|role| role.as_str() == name).cloned()
    }

    /// As it is written in manifests and printed.
    pub fn as_str(&self) -> &str {
        match self {
            Role::Root => "root",
            Role::User => "user",
            Role::Supervisor => "supervisor",
            Role::Service => "service",
            Role::Worker => "worker",
            Role::Custom(custom) => custom.name.as_str(),
        }
    }

    /// Whether it may start a process of `role`.
    pub fn may_start(&self, role: &Role) -> bool {
        let started = match role {
            Role::Custom(_) => ANY_CUSTOM,
            _ => role.as_str(),
        };
        match self {
            Role::Custom(custom) => custom.spawns.contains(role.as_str()),
            _ => TABLE.iter().any(|(of, starts)| of == self && starts.contains(&started)),
        }
    }

    /// Whom it may start, for a person.
    pub fn starts(&self) -> Vec<&str> {
        match self {
            Role::Custom(custom) => custom.spawns.iter().map(Name::as_str).collect(),
            _ => {
                let starts = TABLE.iter().find(|(of, _)| of == self).map_or(&[][..], |(_, starts)| *starts);
                let word = |name: &&'static str| if *name == ANY_CUSTOM { "any of an application" } else { *name };
                starts.iter().map(word).collect()
            }
        }
    }

    /// What the application that it comes from says of it.
    pub fn custom(&self) -> Option<&CustomRole> {
        match self {
            Role::Custom(custom) => Some(custom),
            _ => None,
        }
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// From its name alone: of a role that an application describes elsewhere nothing is known, so it may start nobody.
impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
        let name = Name::deserialize(deserializer)?;
        Ok(Role::built_in(name.as_str()).unwrap_or_else(|| {
            let ceilings = Ceilings::default();
            Role::Custom(Arc::new(CustomRole { name, spawns: BTreeSet::new(), children: None, ceilings }))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(name: &str, spawns: &[&str]) -> Role {
        let parse = |text: &str| Name::parse(text).unwrap();
        let spawns = spawns.iter().map(|text| parse(text)).collect();
        let ceilings = Ceilings::default();
        Role::Custom(Arc::new(CustomRole { name: parse(name), spawns, children: None, ceilings }))
    }

    #[test]
    fn whom_a_role_starts_starts_nobody_else() {
        let all = [Role::Root, Role::User, Role::Supervisor, Role::Service, Role::Worker, custom("x", &["worker"])];
        for starter in &all {
            for started in all.iter().filter(|role| starter.may_start(role)) {
                for last in all.iter().filter(|role| started.may_start(role)) {
                    assert!(starter.may_start(last), "{starter:?} starts {started:?}, which starts {last:?}");
                }
            }
        }
    }

    #[test]
    fn nobody_starts_the_operator_or_a_person_but_the_operator() {
        for role in [Role::User, Role::Supervisor, Role::Service, Role::Worker, custom("x", &["worker"])] {
            assert!(!role.may_start(&Role::Root) && !role.may_start(&Role::User), "{role:?}");
        }
        assert!(Role::Root.may_start(&Role::User));
    }

    #[test]
    fn an_unknown_role_starts_nobody() {
        let role: Role = serde_json::from_str("\"auditor\"").unwrap();
        assert_eq!((role.as_str(), role.starts()), ("auditor", vec![]));
        assert!(!role.may_start(&Role::Worker));
        assert_eq!(serde_json::to_string(&role).unwrap(), "\"auditor\"");
        let known: Role = serde_json::from_str("\"service\"").unwrap();
        assert_eq!(known, Role::Service);
    }
}
