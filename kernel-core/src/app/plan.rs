//! What the kernel has to install: the manifest, its programs and the operator's consent as one value.

use super::asks::{topics, tree};
use super::check::Checked;
use super::consent::{Consent, Granted, Missing, resolve};
use super::manifest::*;
use super::order::{Unit, needed_by, start_order};
use super::roles::customs;
use super::supervisors::SupervisorPlan;
use crate::agency::CustomRole;
use crate::capability::{Capabilities, Right};
use crate::governance::Rule;
use crate::label::Labels;
use crate::path::{MAX_NAME, Name, Pattern};
use crate::process::{InstanceKind, Restart, Shutdown, Supervision};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Something that a manifest may ask for and that not every kernel has. A kernel says which it has;
/// an application that needs another is refused at start, by name, and runs nowhere by halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Feature {
    /// `inbox = "durable"`.
    DurableInbox,
    /// `restart` other than temporary.
    Restart,
    /// `limits.fuel` or `budget.fuel` for a program that is part of the host: it is not metered.
    Fuel,
    /// `[[tool]]`.
    Tool,
    /// `[[container]]`.
    Container,
    /// `[[rule]]`.
    Rule,
    /// `health` of a service.
    Health,
    /// `methods` of a service.
    Methods,
    /// `budget.tool_calls`.
    ToolCalls,
    /// `budget.tokens`.
    Tokens,
}

impl Feature {
    /// For a person, in the plural.
    pub fn as_str(self) -> &'static str {
        match self {
            Feature::DurableInbox => "durable inboxes",
            Feature::Restart => "restarts by a supervisor",
            Feature::Fuel => "fuel limits of programs of the host",
            Feature::Tool => "tools",
            Feature::Container => "containers",
            Feature::Rule => "rules of applications",
            Feature::Health => "health probes",
            Feature::Methods => "methods of services",
            Feature::ToolCalls => "budgets of tool calls",
            Feature::Tokens => "budgets of tokens",
        }
    }
}

/// A feature that an application needs, and where it says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// What it needs.
    pub feature: Feature,
    /// The manifest.
    pub file: String,
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// The key ("agent.walker.inbox").
    pub key: String,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Need { feature, file, line, column, key } = self;
        write!(f, "{file}:{line}:{column}: {key}: {} are not supported by this kernel", feature.as_str())
    }
}

/// Why there is no plan. Nothing was installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The kernel lacks what the application cannot do without (exit code 5).
    #[error("{}", lines(.0))]
    Unsupported(Vec<Need>),
    /// The operator did not give what the application cannot do without (exit code 3).
    #[error("{}", lines(.0))]
    Missing(Vec<Missing>),
}

fn lines<T: fmt::Display>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join("\n")
}

/// An application, ready to be installed and started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name.
    pub app: Name,
    /// Its version.
    pub version: Version,
    /// One sentence for a person.
    pub description: Option<String>,
    /// Its content address, see [`Checked::content`].
    pub content: [u8; 32],
    /// The agent with whose end a run ends.
    pub ends_with: Option<Name>,
    /// Its agents in start order; they stop in reverse.
    pub agents: Vec<AgentPlan>,
    /// Its supervisors, each after the one that it is below.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supervisors: Vec<SupervisorPlan>,
    /// Its roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<CustomRole>,
    /// Its services.
    pub services: Vec<ServicePlan>,
    /// Those of its mounts to which a folder was bound.
    pub mounts: Vec<MountPlan>,
    /// The topics that are its own: `/topic/<app>.**`.
    pub topics: Option<Pattern>,
    /// The part of the tree that is its own: `/tree/app/<app>/**`.
    pub tree: Option<Pattern>,
    /// Its rules, each about this application alone.
    pub rules: Vec<Rule>,
    /// Its account.
    pub budget: Budget,
    /// How it deals with the ends of those that are below no supervisor of theirs.
    #[serde(default)]
    pub supervision: Supervision,
    /// What it was given, as the operator gave it; recorded with the installation.
    pub consent: Consent,
}

impl Plan {
    /// What in it contradicts itself, in words; nothing in a plan that [`plan`] has made. An application could not be
    /// started by one that does.
    pub fn contradiction(&self) -> Option<String> {
        let mut agents = BTreeSet::new();
        for agent in &self.agents {
            if let Some(needed) = agent.depends_on.iter().find(|needed| !agents.contains(needed)) {
                return Some(format!("`{}` depends on `{needed}`, which is no agent before it", agent.name));
            }
            if !agents.insert(&agent.name) {
                return Some(format!("there are two agents `{}`", agent.name));
            }
        }
        if let Some(last) = self.ends_with.iter().find(|last| !agents.contains(last)) {
            return Some(format!("it ends with `{last}`, which is no agent"));
        }
        if let Some(why) = self.supervision.contradiction() {
            return Some(format!("it cannot be supervised as it says: {why}"));
        }
        if let Some(why) = self.contradiction_above() {
            return Some(why);
        }
        if let Some(why) = self.contradiction_of_roles() {
            return Some(why);
        }
        let mut services = BTreeSet::new();
        for ServicePlan { name, owner, .. } in &self.services {
            if !services.insert(name) {
                return Some(format!("there are two services `{name}`"));
            }
            if !agents.contains(owner) {
                return Some(format!("the service `{name}` belongs to `{owner}`, which is no agent"));
            }
        }
        let mut mounts = BTreeSet::new();
        let twice = self.mounts.iter().find(|mount| !mounts.insert(&mount.name))?;
        Some(format!("there are two mounts `{}`", twice.name))
    }

    /// An agent of which nobody can say what it holds of the fuel of all, where that is limited.
    pub fn holds_unknown_fuel(&self) -> Option<&Name> {
        let unlimited = |agent: &&AgentPlan| !agent.is_native() && agent.limits.fuel.is_none();
        self.agents.iter().find(unlimited).filter(|_| self.budget.fuel.is_some()).map(|agent| &agent.name)
    }

    /// The features that it cannot do without, as far as a plan still says so.
    pub fn features(&self) -> BTreeSet<Feature> {
        let of_agents = self.agents.iter().flat_map(|agent| {
            [
                (agent.inbox == Inbox::Durable).then_some(Feature::DurableInbox),
                (agent.restart != Restart::Temporary).then_some(Feature::Restart),
                agent.limits.fuel.filter(|_| agent.is_native()).map(|_| Feature::Fuel),
            ]
        });
        let unmetered = self.agents.iter().any(AgentPlan::is_native);
        let of_all = [
            self.budget.fuel.filter(|_| unmetered).map(|_| Feature::Fuel),
            (!self.rules.is_empty()).then_some(Feature::Rule),
            self.services.iter().any(|service| !service.methods.is_empty()).then_some(Feature::Methods),
            self.budget.tool_calls.map(|_| Feature::ToolCalls),
            self.budget.tokens.map(|_| Feature::Tokens),
        ];
        of_agents.chain(of_all).flatten().collect()
    }
}

/// One agent of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentPlan {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub role: Name,
    /// What it runs.
    pub program: ProgramPlan,
    /// How long its instances live.
    pub instance: InstanceKind,
    /// Where its inbox is kept.
    pub inbox: Inbox,
    /// What it may do and hand on. `/proc/self` is not bound yet.
    pub capabilities: Capabilities,
    /// Those of its rights that are not the application's own, see [`Granted::given`].
    pub given: Vec<Right>,
    /// Optional rights of which nothing was given.
    pub absent: Vec<Right>,
    /// What it carries from its start.
    pub labels: Labels,
    /// The ceiling of what may reach it; `None` when the manifest does not say.
    pub clearance: Option<Labels>,
    /// The ceilings of its instances (memory, handle) and of its account (the others).
    pub limits: AgentLimits,
    /// When it is started again.
    pub restart: Restart,
    /// The supervisor that starts and stops it; the application where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<Name>,
    /// How it is stopped.
    #[serde(default, skip_serializing_if = "Shutdown::is_default")]
    pub shutdown: Shutdown,
    /// The agents that must run before it starts.
    pub depends_on: Vec<Name>,
    /// The body of its first message: one line of JSON.
    pub args: String,
}

impl AgentPlan {
    fn is_native(&self) -> bool {
        matches!(self.program, ProgramPlan::Native(_))
    }
}

/// What an agent of a plan runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramPlan {
    /// The component with this SHA-256.
    Wasm([u8; 32]),
    /// The handler that the host registered under this name.
    Native(Name),
}

/// One service of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePlan {
    /// Its name: `/svc/<name>`.
    pub name: Name,
    /// The agent that answers.
    pub owner: Name,
    /// What it can be asked for, in words.
    pub methods: Vec<String>,
    /// Whether the application runs without it.
    pub optional: bool,
}

/// One mount of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPlan {
    /// Its name: `/fs/<name>`.
    pub name: Name,
    /// What may be done there at most.
    pub mode: MountMode,
    /// Joined to whatever is read.
    pub labels: Labels,
    /// What may be written there; `None` when the manifest does not say.
    pub clearance: Option<Labels>,
}

/// The features that the application cannot do without, in the order of the manifest. A container, and
/// a service of one, that is `optional` is none of them: without containers it is absent.
pub fn needs(manifest: &Manifest) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut need = |feature, at, key: String| {
        let (line, column) = manifest.source.position(at);
        let file = manifest.source.file().to_owned();
        needs.push((at, Need { feature, file, line, column, key }));
    };
    for agent in &manifest.agents {
        let key = |name| format!("agent.{}.{name}", agent.name.value);
        if agent.inbox.value == Inbox::Durable {
            need(Feature::DurableInbox, agent.inbox.at, key("inbox"));
        }
        if agent.restart.value != Restart::Temporary {
            need(Feature::Restart, agent.restart.at, key("restart"));
        }
    }
    for tool in &manifest.tools {
        need(Feature::Tool, tool.name.at, format!("tool.{}", tool.name.value));
    }
    for container in manifest.containers.iter().filter(|container| !container.optional) {
        need(Feature::Container, container.name.at, format!("container.{}", container.name.value));
    }
    for rule in &manifest.rules {
        need(Feature::Rule, rule.at, format!("rule.{}", rule.id));
    }
    for service in &manifest.services {
        if let Some(health) = &service.health {
            need(Feature::Health, health.at, format!("service.{}.health", service.name.value));
        }
        if let Some(first) = service.methods.first() {
            need(Feature::Methods, first.at, format!("service.{}.methods", service.name.value));
        }
    }
    let budgets = [
        (Feature::ToolCalls, &manifest.budget.tool_calls, "budget.tool_calls"),
        (Feature::Tokens, &manifest.budget.tokens, "budget.tokens"),
    ];
    for (feature, limit, key) in budgets {
        if limit.is_some() {
            need(feature, manifest.budget.at, key.to_owned());
        }
    }
    needs.sort_by_key(|(at, _)| *at);
    needs.into_iter().map(|(_, need)| need).collect()
}

/// Makes the plan of a checked application from what the operator gives and what the kernel has.
pub fn plan(checked: &Checked, consent: &Consent, has: &[Feature]) -> Result<Plan, PlanError> {
    let manifest = checked.manifest();
    let lacking: Vec<Need> = needs(manifest).into_iter().filter(|need| !has.contains(&need.feature)).collect();
    if !lacking.is_empty() {
        return Err(PlanError::Unsupported(lacking));
    }
    let granted = resolve(manifest, consent).map_err(PlanError::Missing)?;
    let (mut agents, mut supervisors) = (Vec::new(), Vec::new());
    for unit in start_order(manifest).unwrap_or_default() {
        match unit {
            Unit::Agent(agent) => {
                let granted = granted.iter().find(|granted| granted.agent == agent.name.value);
                agents.extend(granted.and_then(|granted| agent_plan(checked, agent, granted)));
            }
            Unit::Supervisor(supervisor) => supervisors.push(SupervisorPlan {
                name: supervisor.name.value.clone(),
                supervisor: supervisor.supervisor.as_ref().map(|above| above.value.clone()),
                supervision: supervisor.supervision,
                restart: supervisor.restart,
                shutdown: supervisor.shutdown,
            }),
        }
    }
    let owned = manifest.services.iter().filter(|service| manifest.agent(service.owner.as_str()).is_some());
    let services = owned.map(|service| ServicePlan {
        name: service.name.value.clone(),
        owner: service.owner.value.clone(),
        methods: service.methods.iter().map(|method| method.value.clone()).collect(),
        optional: service.optional,
    });
    let bound = manifest.mounts.iter().filter(|mount| consent.binds(mount.name.as_str()));
    let mounts = bound.map(|mount| MountPlan {
        name: mount.name.value.clone(),
        mode: mount.mode,
        labels: mount.labels.clone(),
        clearance: mount.clearance.clone(),
    });
    let app = &manifest.app;
    Ok(Plan {
        app: app.name.value.clone(),
        version: app.version.value.clone(),
        description: app.description.clone(),
        content: checked.content(),
        ends_with: app.ends_with.as_ref().map(|name| name.value.clone()),
        agents,
        supervisors,
        roles: customs(manifest),
        services: services.collect(),
        mounts: mounts.collect(),
        topics: topics(&app.name),
        tree: tree(&app.name),
        rules: manifest.rules.iter().map(|rule| rule.value.clone()).collect(),
        budget: manifest.budget.value,
        supervision: manifest.supervision,
        consent: consent.clone(),
    })
}

/// `None` only for a program that the check did not see, and then there is no [`Checked`].
fn agent_plan(checked: &Checked, agent: &Agent, granted: &Granted) -> Option<AgentPlan> {
    let program = match &agent.program.value {
        Program::Wasm(path) => ProgramPlan::Wasm(checked.programs().get(path)?.info.sha256),
        Program::Native(name) => ProgramPlan::Native(name.clone()),
    };
    Some(AgentPlan {
        name: agent.name.value.clone(),
        role: agent.role.value.clone(),
        program,
        instance: checked.manifest().instance_of(agent),
        inbox: agent.inbox.value,
        capabilities: granted.capabilities.clone(),
        given: granted.given.clone(),
        absent: granted.absent.clone(),
        labels: agent.labels.clone(),
        clearance: agent.clearance.clone(),
        limits: agent.limits.value,
        restart: agent.restart.value,
        args: agent.args.to_string(),
        supervisor: agent.supervisor.as_ref().map(|above| above.value.clone()),
        shutdown: agent.shutdown,
        depends_on: needed_by(checked.manifest(), agent).into_iter().map(|needed| needed.value.clone()).collect(),
    })
}

/// What a rule of `app` is called in the charter, where the rules of all applications stand side by side.
///
/// # Errors
/// That the two are too long for one name, in a sentence.
pub fn rule_name(app: &Name, id: &Name) -> Result<Name, String> {
    let name = format!("{app}.{id}");
    Name::parse(&name).map_err(|_| {
        format!("`{name}`, by which the charter tells it from the rules of others, has more than {MAX_NAME} bytes: shorten its id")
    })
}
