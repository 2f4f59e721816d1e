//! What an application defines: its agents and supervisors, as the catalog has them, and what is its own.

use super::catalog::Agent;
use super::state::State;
use crate::agency::Role;
use crate::app::{AgentPlan, Inbox, Plan, ProgramPlan, own_rights};
use crate::budget::{Meter, OnExhausted};
use crate::capability::{Capabilities, Right};
use crate::label::Labels;
use crate::path::{Name, Verb};
use crate::platform::{Limits, Program};
use crate::process::InstanceKind;
use bytes::Bytes;
use std::collections::BTreeSet;

impl State {
    /// Puts the agents and the supervisors into the catalog.
    pub(crate) fn add_members(&mut self, app: &Name, plan: &Plan) {
        for agent in &plan.agents {
            self.catalog.add(app, defined(agent, plan.role(&agent.role)));
        }
        let own = own_rights_of(plan);
        for supervisor in &plan.supervisors {
            self.catalog.add(app, supervising(plan, &supervisor.name, &own));
        }
    }
}

/// The rights that are the application's own.
pub(crate) fn own_rights_of(plan: &Plan) -> Vec<Right> {
    own_rights(&plan.app, plan.services.iter().map(|service| &service.name), plan.names())
}

/// The rights to spawn among `rights`.
pub(crate) fn spawns(rights: &[Right]) -> Vec<Right> {
    rights.iter().filter(|right| right.verb == Verb::Spawn).cloned().collect()
}

/// A supervisor of an application: it hands on what is the application's `own` and what was given to the agents below it.
fn supervising(plan: &Plan, name: &Name, own: &[Right]) -> Agent {
    let is_below = |agent: &&AgentPlan| plan.above(agent.supervisor.as_ref()).any(|one| one.name == *name);
    let given = plan.agents.iter().filter(is_below).flat_map(|agent| agent.given.iter().cloned());
    let grant: BTreeSet<Right> = own.iter().cloned().chain(given).collect();
    // No more than the application's process may grant, which was within the bound.
    let capabilities = Capabilities::new(spawns(own), grant.into_iter().collect()).unwrap_or_default();
    Agent {
        name: name.clone(),
        role: Role::Supervisor,
        program: None,
        instance: InstanceKind::Kept,
        limits: Limits { memory: 0, ..Limits::default() },
        wall: None,
        stored: None,
        budget: Vec::new(),
        on_exhausted: OnExhausted::default(),
        labels: Labels::NONE,
        clearance: None,
        durable: false,
        capabilities,
        args: Bytes::new(),
    }
}

/// What an agent may draw, as far as its manifest says so.
pub(crate) fn budget_of(agent: &AgentPlan) -> Vec<(Meter, u64)> {
    let limits = [
        (Meter::Acts, agent.limits.acts),
        (Meter::Messages, agent.limits.messages),
        (Meter::ToolCalls, agent.limits.tool_calls),
    ];
    limits.into_iter().filter_map(|(meter, limit)| Some((meter, limit?))).collect()
}

fn defined(agent: &AgentPlan, role: Role) -> Agent {
    Agent {
        name: agent.name.clone(),
        role,
        program: Some(match &agent.program {
            ProgramPlan::Wasm(hash) => Program::Wasm { hash: *hash },
            ProgramPlan::Native(name) => Program::Native { name: name.clone() },
        }),
        instance: agent.instance,
        limits: Limits { memory: agent.limits.memory, handle: agent.limits.handle, fuel: agent.limits.fuel },
        wall: agent.limits.wall,
        stored: agent.limits.stored,
        budget: budget_of(agent),
        on_exhausted: agent.limits.on_exhausted,
        labels: agent.labels.clone(),
        clearance: agent.clearance.clone(),
        durable: agent.inbox == Inbox::Durable,
        capabilities: agent.capabilities.clone(),
        args: agent.args.clone().into(),
    }
}
