//! What a `weft.toml` says, as data: every value in its type, with the place where it stands.
//!
//! A [`Manifest`] is only well-formed. Whether its names exist, its programs fit and its wishes are
//! possible is for `check`; whether it gets them, for `resolve`.

use super::fields::Placed;
use super::roles::Described;
use super::source::Source;
use crate::budget::OnExhausted;
use crate::capability::Right;
use crate::governance::{Effect, Rule};
use crate::label::Labels;
use crate::path::Name;
use crate::process::{InstanceKind, Restart, Shutdown, Supervision};
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// One application, as its manifest describes it.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `[app]`.
    pub app: App,
    /// Each `[[mount]]`.
    pub mounts: Vec<Mount>,
    /// Each `[[agent]]`.
    pub agents: Vec<Agent>,
    /// Each `[[supervisor]]`.
    pub supervisors: Vec<Supervisor>,
    /// Each `[[role]]`.
    pub roles: Vec<Described>,
    /// Each `[[tool]]`.
    pub tools: Vec<Tool>,
    /// Each `[[service]]`.
    pub services: Vec<Service>,
    /// Each `[[container]]`.
    pub containers: Vec<Container>,
    /// Each `[[rule]]`: what this application refuses itself. It speaks about no other and only tightens.
    pub rules: Vec<Placed<Rule>>,
    /// `[budget]`.
    pub budget: Placed<Budget>,
    /// `[supervision]`: how it deals with the ends of those that no `[[supervisor]]` is above.
    pub supervision: Supervision,
    /// The text that all this was read from.
    pub source: Arc<Source>,
}

/// `[app]`: what the application is.
#[derive(Clone, Debug)]
pub struct App {
    /// Its name, without a dot, because `/topic/<name>.**` and `/tree/app/<name>/**` are its own.
    pub name: Placed<Name>,
    /// Its semantic version.
    pub version: Placed<Version>,
    /// One sentence for a person.
    pub description: Option<String>,
    /// The agent with whose end a run ends.
    pub ends_with: Option<Placed<Name>>,
}

/// `[[mount]]`: a folder that the operator binds with `--mount name=PATH`; guests see `/fs/<name>`.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Its name.
    pub name: Placed<Name>,
    /// What the operator gives by binding it. Default read.
    pub mode: MountMode,
    /// Joined to whatever is read from it.
    pub labels: Labels,
    /// What may be written to it; `None` when the manifest does not say.
    pub clearance: Option<Labels>,
}

/// What binding a mount gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountMode {
    /// `read` and `list`.
    Read,
    /// `write` and `remove` too.
    Write,
}

/// `[[agent]]`: a program that runs as a process.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its name, unique among agents and containers of the application.
    pub name: Placed<Name>,
    /// Default worker.
    pub role: Placed<Name>,
    /// What it runs.
    pub program: Placed<Program>,
    /// As written; [`Manifest::instance_of`] knows the default.
    pub instance: Option<InstanceKind>,
    /// Default in memory.
    pub inbox: Placed<Inbox>,
    /// The rights that it cannot do without.
    pub use_: Vec<Placed<Right>>,
    /// The rights that it may hand on to what it spawns.
    pub grant: Vec<Placed<Right>>,
    /// The rights that it uses where the operator gives them.
    pub optional: Vec<Placed<Right>>,
    /// What it carries from its start.
    pub labels: Labels,
    /// The ceiling of what may reach it; `None` when the manifest does not say.
    pub clearance: Option<Labels>,
    /// Its ceilings.
    pub limits: Placed<AgentLimits>,
    /// Default temporary.
    pub restart: Placed<Restart>,
    /// The supervisor that starts and stops it; the application where it names none.
    pub supervisor: Option<Placed<Name>>,
    /// How it is stopped. Default within 5 s.
    pub shutdown: Shutdown,
    /// The body of its first message, as JSON. Default `{}`.
    pub args: Value,
    /// What starts before it.
    pub depends_on: Vec<Placed<Name>>,
}

/// `[[supervisor]]`: a process without a program that starts, stops and starts again those that name it.
#[derive(Clone, Debug)]
pub struct Supervisor {
    /// Its name, unique among agents, containers and supervisors of the application.
    pub name: Placed<Name>,
    /// The supervisor that it is below; the application where it names none.
    pub supervisor: Option<Placed<Name>>,
    /// How it deals with the ends of those below it.
    pub supervision: Supervision,
    /// When it is started again. Default permanent.
    pub restart: Restart,
    /// How it is stopped, with all below it. Default: it is waited for.
    pub shutdown: Shutdown,
}

/// What an agent or a tool runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A component: its path, relative to the manifest, in the form "bin/walker.wasm". Stays inside.
    Wasm(String),
    /// A handler that the host registered under this name. Never from an application directory.
    Native(Name),
}

/// Where an inbox is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inbox {
    /// Lost with the kernel: at most once.
    Memory,
    /// Stored before `send` returns: at least once.
    Durable,
}

/// Ceilings of one agent's process. What is `None` is limited only by the accounts above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentLimits {
    /// Bytes of all memories and tables of an instance together. Default 64 MiB.
    pub memory: u64,
    /// CPU time of one `handle`. Default 10 s.
    pub handle: Duration,
    /// Time from start to end.
    pub wall: Option<Duration>,
    /// Acts, refused ones too.
    pub acts: Option<u64>,
    /// Messages sent, published and called.
    pub messages: Option<u64>,
    /// Calls of tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u64>,
    /// Units of the fuel meter of one `handle`, for components.
    pub fuel: Option<u64>,
    /// Bytes that it has written to the tree and to mounts, less what it replaced and removed in the tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<u64>,
    /// What becomes of it when its acts, messages or calls of tools are used up. Default stop.
    #[serde(default, skip_serializing_if = "OnExhausted::is_stop")]
    pub on_exhausted: OnExhausted,
}

impl Default for AgentLimits {
    fn default() -> AgentLimits {
        let (memory, handle) = (64 << 20, Duration::from_secs(10));
        let on_exhausted = OnExhausted::Stop;
        AgentLimits {
            memory,
            handle,
            wall: None,
            acts: None,
            messages: None,
            tool_calls: None,
            fuel: None,
            stored: None,
            on_exhausted,
        }
    }
}

/// `[[tool]]`: a program that is called with arguments and answers.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name.
    pub name: Placed<Name>,
    /// What it runs.
    pub program: Placed<Program>,
    /// JSON schemas of its input and output.
    pub schemas: Value,
    /// The least effect of a call; dimensions that are left out are zero.
    pub effect: Option<Effect>,
    /// Joined to what it answers.
    pub output_labels: Labels,
    /// The ceiling of what may reach it.
    pub clearance: Option<Labels>,
    /// Default a fresh instance for each call.
    pub instance: InstanceKind,
}

/// `[[service]]`: a name under which an agent answers.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name: `/svc/<name>`.
    pub name: Placed<Name>,
    /// The agent or container that answers.
    pub owner: Placed<Name>,
    /// What it can be asked for, for a person and for callers; the kernel does not look into requests.
    pub methods: Vec<Placed<String>>,
    /// How its health is probed, as written.
    pub health: Option<Placed<Value>>,
    /// Whether the application runs without it.
    pub optional: bool,
}

/// `[[container]]`: an image that runs beside the agents.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name: `/container/<name>`.
    pub name: Placed<Name>,
    /// The image.
    pub image: String,
    /// Its other settings, as written.
    pub settings: Value,
    /// Whether the application runs without it.
    pub optional: bool,
}

/// How many bytes an application that does not say may add to the log within an hour.
pub const DEFAULT_LOG: u64 = 256 << 20;

/// `[budget]`: the account of the whole application, drawn from by each of its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Acts, refused ones too.
    pub acts: Option<u64>,
    /// Messages sent, published and called.
    pub messages: Option<u64>,
    /// Calls of tools.
    pub tool_calls: Option<u64>,
    /// Units of the fuel meter of all messages of all its components together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Tokens of models.
    pub tokens: Option<u64>,
    /// Time from start to end.
    pub wall: Option<Duration>,
    /// Bytes of memory of all instances together.
    pub memory: Option<u64>,
    /// Bytes that its acts may add to the log within an hour, at least 1: over that they wait. Default [`DEFAULT_LOG`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<u64>,
    /// What becomes of it when its acts, messages or calls of tools are used up. Default stop.
    #[serde(default, skip_serializing_if = "OnExhausted::is_stop")]
    pub on_exhausted: OnExhausted,
}

impl Manifest {
    /// The agent of that name.
    pub fn agent(&self, name: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.name.as_str() == name)
    }

    /// The supervisor of that name.
    pub fn supervisor(&self, name: &str) -> Option<&Supervisor> {
        self.supervisors.iter().find(|supervisor| supervisor.name.as_str() == name)
    }

    /// The mount of that name.
    pub fn mount(&self, name: &str) -> Option<&Mount> {
        self.mounts.iter().find(|mount| mount.name.as_str() == name)
    }

    /// How long instances of `agent` live: as it says; else for one message if it owns a service, so
    /// that one caller's labels do not stick to the next; else kept.
    pub fn instance_of(&self, agent: &Agent) -> InstanceKind {
        let serves = || self.services.iter().any(|service| service.owner.value == agent.name.value);
        agent.instance.unwrap_or_else(|| if serves() { InstanceKind::PerMessage } else { InstanceKind::Kept })
    }
}
