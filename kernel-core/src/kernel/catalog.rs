//! What can be spawned by name: the host's own handlers, and the agents of running applications.

use crate::agency::{Ceilings, Role, lower};
use crate::budget::{Meter, OnExhausted};
use crate::capability::Capabilities;
use crate::label::Labels;
use crate::path::Name;
use crate::platform::{Limits, Program, ProgramKind};
use crate::process::InstanceKind;
use crate::refusal::{Code, Refusal};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a process of this name would be.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) name: Name,
    pub(crate) role: Role,
    /// `None` for a supervisor.
    pub(crate) program: Option<Program>,
    pub(crate) instance: InstanceKind,
    pub(crate) limits: Limits,
    pub(crate) wall: Option<Duration>,
    /// How many bytes it may have stored.
    pub(crate) stored: Option<u64>,
    pub(crate) budget: Vec<(Meter, u64)>,
    pub(crate) on_exhausted: OnExhausted,
    pub(crate) labels: Labels,
    pub(crate) clearance: Option<Labels>,
    /// Whether its inbox is, where its application itself starts it.
    pub(crate) durable: bool,
    pub(crate) capabilities: Capabilities,
    /// The body of its `start` envelope, JSON.
    pub(crate) args: Bytes,
}

impl Agent {
    pub(crate) fn program_kind(&self) -> Option<ProgramKind> {
        self.program.as_ref().map(|program| match program {
            Program::Wasm { .. } => ProgramKind::Wasm,
            Program::Native { .. } => ProgramKind::Native,
        })
    }

    /// The same within `ceilings`; where it has a limit already the lower one holds.
    ///
    /// # Errors
    /// `unsupported` for fuel of a program of the host, which is not metered.
    pub(crate) fn within(&self, ceilings: &Ceilings) -> Result<Agent, Refusal> {
        let mut agent = self.clone();
        if ceilings.fuel.is_some() && matches!(self.program, Some(Program::Native { .. })) {
            let reason =
                format!("`{}` is a program of the host, which is not metered: it has no limit of fuel", self.name);
            return Err(Refusal::new(Code::Unsupported, reason));
        }
        agent.limits.fuel = lower(self.limits.fuel, ceilings.fuel);
        agent.limits.memory = self.limits.memory.min(ceilings.memory.unwrap_or(u64::MAX));
        agent.limits.handle = self.limits.handle.min(ceilings.handle.unwrap_or(Duration::MAX));
        agent.wall = lower(self.wall, ceilings.wall);
        for (meter, ceiling) in [
            (Meter::Acts, ceilings.acts),
            (Meter::Messages, ceilings.messages),
            (Meter::ToolCalls, ceilings.tool_calls),
        ] {
            let own = agent.budget.iter().position(|(of, _)| *of == meter).map(|at| agent.budget.swap_remove(at).1);
            agent.budget.extend(lower(own, ceiling).map(|limit| (meter, limit)));
        }
        Ok(agent)
    }

    fn native(name: &Name, instance: InstanceKind) -> Agent {
        Agent {
            name: name.clone(),
            role: Role::Worker,
            program: Some(Program::Native { name: name.clone() }),
            instance,
            limits: Limits::default(),
            wall: None,
            stored: None,
            budget: Vec::new(),
            on_exhausted: OnExhausted::Stop,
            labels: Labels::NONE,
            clearance: None,
            durable: false,
            capabilities: Capabilities::default(),
            args: Bytes::from_static(b"null"),
        }
    }
}

/// All agents, by application and name; without an application: the host's own.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    agents: BTreeMap<(Option<Name>, Name), Arc<Agent>>,
}

impl Catalog {
    /// The handlers that the host registered, spawnable by whoever may `spawn /agent/NAME`.
    pub(crate) fn of_natives(natives: &[(Name, InstanceKind)]) -> Catalog {
        let agent =
            |(name, instance): &(Name, InstanceKind)| ((None, name.clone()), Arc::new(Agent::native(name, *instance)));
        Catalog { agents: natives.iter().map(agent).collect() }
    }

    /// The agent that `name` means for a process of `app`.
    pub(crate) fn get(&self, app: Option<&Name>, name: &Name) -> Option<Arc<Agent>> {
        let own = app.and_then(|app| self.agents.get(&(Some(app.clone()), name.clone())));
        own.or_else(|| self.agents.get(&(None, name.clone()))).cloned()
    }

    pub(crate) fn add(&mut self, app: &Name, agent: Agent) {
        self.agents.insert((Some(app.clone()), agent.name.clone()), Arc::new(agent));
    }

    /// Whoever is started as `name` from now on holds nothing of what `taken` includes.
    pub(crate) fn narrow(&mut self, app: Option<&Name>, name: &Name, taken: &Capabilities) {
        if let Some(agent) = self.agents.get_mut(&(app.cloned(), name.clone())) {
            let capabilities = agent.capabilities.without(taken);
            *agent = Arc::new(Agent { capabilities, ..Agent::clone(agent) });
        }
    }

    /// Forgets the agents of an application.
    pub(crate) fn forget(&mut self, app: &Name) {
        self.agents.retain(|(of, _), _| of.as_ref() != Some(app));
    }
}
