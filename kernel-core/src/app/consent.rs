//! A manifest asks, the operator gives: how what was given becomes each agent's capabilities.
//!
//! Nothing is trimmed in silence. A required right is given whole or it is missing, with the flag that
//! would give it; an optional one is given whole, or in those parts that the operator named, or absent.

use super::asks::{Own, asks, is_always_held};
use super::fields::{MAX_LIST, Placed};
use super::manifest::{Agent, Manifest, Mount, MountMode};
use super::problem::suggestion;
use crate::capability::{Capabilities, MAX_RIGHTS, Right};
use crate::path::{Kind, Name, Pattern, Verb};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The most rights that one consent may list: with all that an agent may list itself they still fit
/// into one set of capabilities.
pub const MAX_ALLOW: usize = MAX_RIGHTS - 2 * MAX_LIST;

/// What an operator gives an application.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Given", into = "Given")]
pub struct Consent {
    mounts: BTreeSet<Name>,
    allow: Vec<Right>,
}

/// How a consent is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    mounts: BTreeSet<Name>,
    #[serde(default)]
    allow: Vec<Right>,
}

/// More than [`MAX_ALLOW`] rights. Nothing was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an operator gives at most {MAX_ALLOW} rights to one application, and these are {0}")]
pub struct TooMuchGiven(pub usize);

impl Consent {
    /// The folders bound by `--mount NAME=PATH` and the rights given by `--allow`.
    pub fn new(mounts: impl IntoIterator<Item = Name>, allow: Vec<Right>) -> Result<Consent, TooMuchGiven> {
        if allow.len() > MAX_ALLOW {
            return Err(TooMuchGiven(allow.len()));
        }
        Ok(Consent { mounts: mounts.into_iter().collect(), allow })
    }

    /// Whether a folder was bound to mount `name`.
    pub fn binds(&self, name: &str) -> bool {
        self.mounts.contains(name)
    }

    /// The rights given by name.
    pub fn allow(&self) -> &[Right] {
        &self.allow
    }
}

impl TryFrom<Given> for Consent {
    type Error = TooMuchGiven;

    fn try_from(given: Given) -> Result<Consent, TooMuchGiven> {
        Consent::new(given.mounts, given.allow)
    }
}

impl From<Consent> for Given {
    fn from(consent: Consent) -> Given {
        Given { mounts: consent.mounts, allow: consent.allow }
    }
}

/// What one agent may do, and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// The agent.
    pub agent: Name,
    /// Its rights to use and to grant: its own, the required and the optional ones given.
    pub capabilities: Capabilities,
    /// Those of them that are not the application's own: by these, and only these, it reaches beyond.
    pub given: Vec<Right>,
    /// Optional rights of which nothing was given.
    pub absent: Vec<Right>,
}

/// A required right that nobody gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Who needs it.
    pub agent: Name,
    /// What it needs.
    pub right: Right,
    /// What would give it: `--mount repo=PATH` or `--allow "connect /net/..."`.
    pub flag: String,
    /// The mount to which a folder has to be bound first; no yes to a question can stand for one.
    pub mount: Option<Name>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "agent `{}` needs `{}`; to give it, add {}", self.agent, self.right, self.flag)
    }
}

/// Something that was given and that nobody asks for: most often a slip of the pen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unused {
    /// The flag that gave it.
    pub flag: String,
    /// Why it does nothing, with a suggestion where there is one.
    pub reason: String,
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.flag, self.reason)
    }
}

/// The capabilities of every agent in the order of the manifest, or every required right that is missing.
pub fn resolve(manifest: &Manifest, consent: &Consent) -> Result<Vec<Granted>, Vec<Missing>> {
    let (bound, unbound): (Vec<&Mount>, Vec<&Mount>) =
        manifest.mounts.iter().partition(|mount| consent.binds(mount.name.as_str()));
    let gifts = Gifts {
        manifest,
        own: Own::of(manifest),
        given: consent.allow.iter().cloned().chain(bound.into_iter().flat_map(mount_rights)).collect(),
        unbound: unbound.into_iter().map(|mount| mount.name.as_str()).collect(),
    };
    let mut missing = Vec::new();
    let granted = manifest.agents.iter().map(|agent| grant(&gifts, agent, &mut missing)).collect();
    if missing.is_empty() { Ok(granted) } else { Err(missing) }
}

/// What one operator gives one application.
struct Gifts<'m> {
    manifest: &'m Manifest,
    own: Own<'m>,
    given: Vec<Right>,
    unbound: BTreeSet<&'m str>,
}

impl Gifts<'_> {
    /// Whether `right` is given whole. What lies in a folder that was not bound is not there to give.
    fn cover(&self, right: &Right) -> bool {
        self.given.iter().any(|held| held.gives(right)) && !self.lacks_folder(right)
    }

    fn lacks_folder(&self, right: &Right) -> bool {
        mount_of(&right.pattern).is_some_and(|name| self.unbound.contains(name))
    }
}

fn grant(gifts: &Gifts, agent: &Agent, missing: &mut Vec<Missing>) -> Granted {
    let own = |right: &Right| gifts.own.holds(&agent.name, right);
    let (mut used, mut beyond, mut absent) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for right in agent.use_.iter().chain(&agent.grant) {
        if !own(right) && beyond.insert(right.value.clone()) && !gifts.cover(right) {
            missing.push(lacking(gifts, agent, right));
        }
    }
    // What a process holds in any case is left out: nobody has to be able to grant it.
    let listed = |rights: &[Placed<Right>]| -> Vec<Right> {
        rights.iter().filter(|right| !is_always_held(right)).map(|right| right.value.clone()).collect()
    };
    used.extend(listed(&agent.use_));
    for right in &agent.optional {
        if own(right) {
            used.extend(listed(std::slice::from_ref(right)));
            continue;
        }
        let parts: Vec<Right> = if gifts.cover(right) {
            vec![right.value.clone()]
        } else {
            let part = |held: &&Right| right.includes(held) && !gifts.lacks_folder(held);
            gifts.given.iter().filter(part).cloned().collect()
        };
        if parts.is_empty() {
            absent.push(right.value.clone());
        }
        beyond.extend(parts.iter().cloned());
        used.extend(parts);
    }
    // The limits on lists and on consents keep this within the limit; were it not, nothing is granted.
    let capabilities = Capabilities::new(used.into_iter().collect(), listed(&agent.grant)).unwrap_or_default();
    Granted { agent: agent.name.value.clone(), capabilities, given: beyond.into_iter().collect(), absent }
}

/// What binding a mount gives.
fn mount_rights(mount: &Mount) -> Vec<Right> {
    let verbs: &[Verb] = match mount.mode {
        MountMode::Read => &[Verb::Read, Verb::List],
        MountMode::Write => &[Verb::Read, Verb::List, Verb::Write, Verb::Remove],
    };
    let pattern = Pattern::parse(&format!("/fs/{}/**", mount.name.value)).ok();
    verbs.iter().filter_map(|verb| Some(Right { verb: *verb, pattern: pattern.clone()? })).collect()
}

fn lacking(gifts: &Gifts, agent: &Agent, right: &Right) -> Missing {
    let mount = mount_of(&right.pattern).and_then(|name| gifts.manifest.mount(name));
    let mount = mount.filter(|_| gifts.lacks_folder(right));
    let enough = mount.is_some_and(|mount| mount_rights(mount).iter().any(|given| given.includes(right)));
    let bind = mount.map(|mount| format!("--mount {}=PATH", mount.name.value));
    let allow = (!enough).then(|| allow_flag(right));
    let flag = bind.into_iter().chain(allow).collect::<Vec<_>>().join(" ");
    let mount = mount.map(|mount| mount.name.value.clone());
    Missing { agent: agent.name.value.clone(), right: right.clone(), flag, mount }
}

/// How a right is given on the command line.
fn allow_flag(right: &Right) -> String {
    format!("--allow \"{right}\"")
}

/// The mount that a pattern names: the first part after `/fs/`, wildcards and all.
pub(super) fn mount_of(pattern: &Pattern) -> Option<&str> {
    let rest = pattern.as_str().strip_prefix("/fs/")?;
    (pattern.kind() == Kind::Fs).then(|| rest.split('/').next().unwrap_or_default())
}

/// Everything in `consent` that changes nothing for this application.
pub fn unused(manifest: &Manifest, consent: &Consent) -> Vec<Unused> {
    let mut unused = Vec::new();
    for name in consent.mounts.iter().filter(|name| manifest.mount(name.as_str()).is_none()) {
        let known = manifest.mounts.iter().map(|mount| mount.name.as_str());
        let advice = suggestion(name.as_str(), known).map(|advice| format!("; {advice}")).unwrap_or_default();
        let reason = format!("the application has no mount `{name}`{advice}");
        unused.push(Unused { flag: format!("--mount {name}=PATH"), reason });
    }
    let asks = asks(manifest);
    for right in &consent.allow {
        let wanted = |ask: &super::Ask| right.gives(&ask.right) || (ask.optional && ask.right.includes(right));
        if !asks.iter().any(wanted) {
            let reason = "no agent of the application asks for it".to_owned();
            unused.push(Unused { flag: allow_flag(right), reason });
        }
    }
    unused
}
