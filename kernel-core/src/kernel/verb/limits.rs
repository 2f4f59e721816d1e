//! Limits of one process, below those of the agent that it is: they may only be lower.

use super::invalid;
use crate::budget::Meter;
use crate::kernel::catalog::Agent;
use crate::path::Name;
use crate::platform::Program;
use crate::refusal::{Code, Refusal};
use serde::Deserialize;
use std::time::Duration;

/// What a `spawn` says of the limits of its child; what is left out stays as the agent has it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpawnLimits {
    /// Acts, refused ones too.
    pub acts: Option<u64>,
    /// Messages sent, published and called.
    pub messages: Option<u64>,
    /// Calls of tools.
    pub tool_calls: Option<u64>,
    /// Units of the fuel meter of one `handle`, for components.
    pub fuel: Option<u64>,
    /// Bytes of all memories and tables of an instance together, at least 1.
    pub memory: Option<u64>,
    /// CPU time of one `handle`, milliseconds, at least 1.
    pub handle_ms: Option<u64>,
    /// Time from start to end, milliseconds.
    pub wall_ms: Option<u64>,
}

impl SpawnLimits {
    /// `agent` within these limits.
    pub(super) fn lower(&self, agent: &Agent) -> Result<Agent, Refusal> {
        let mut lowered = agent.clone();
        let name = &agent.name;
        for (key, meter, limit) in [
            ("acts", Meter::Acts, self.acts),
            ("messages", Meter::Messages, self.messages),
            ("tool_calls", Meter::ToolCalls, self.tool_calls),
        ] {
            let Some(limit) = limit else { continue };
            let before = agent.budget.iter().find(|(of, _)| *of == meter).map(|(_, limit)| *limit);
            not_higher(name, key, limit, before)?;
            lowered.budget.retain(|(of, _)| *of != meter);
            lowered.budget.push((meter, limit));
        }
        if let Some(fuel) = self.fuel {
            if matches!(agent.program, Some(Program::Native { .. })) {
                let reason = format!("limits.fuel: `{name}` is a program of the host, which is not metered");
                return Err(Refusal::new(Code::Unsupported, reason));
            }
            not_higher(name, "fuel", fuel, agent.limits.fuel)?;
            lowered.limits.fuel = Some(fuel);
        }
        if let Some(memory) = self.memory {
            not_zero("memory", memory)?;
            not_higher(name, "memory", memory, Some(agent.limits.memory))?;
            lowered.limits.memory = memory;
        }
        if let Some(handle) = self.handle_ms {
            not_zero("handle_ms", handle)?;
            not_higher(name, "handle_ms", handle, Some(millis(agent.limits.handle)))?;
            lowered.limits.handle = agent.limits.handle.min(Duration::from_millis(handle));
        }
        if let Some(wall) = self.wall_ms {
            not_higher(name, "wall_ms", wall, agent.wall.map(millis))?;
            let wall = Duration::from_millis(wall);
            lowered.wall = Some(agent.wall.map_or(wall, |own| own.min(wall)));
        }
        Ok(lowered)
    }
}

/// Refuses a limit that is higher than the agent's own; without one, any is lower.
fn not_higher(agent: &Name, key: &str, limit: u64, before: Option<u64>) -> Result<(), Refusal> {
    match before {
        Some(before) if limit > before => Err(invalid(format!(
            "limits.{key}: {limit} is more than the {before} of agent `{agent}`; limits of one process may only be lower"
        ))),
        _ => Ok(()),
    }
}

/// Refuses what a program could not even start with.
fn not_zero(key: &str, limit: u64) -> Result<(), Refusal> {
    match limit {
        0 => Err(invalid(format!("limits.{key}: must be more than zero: with nothing a program cannot even start"))),
        _ => Ok(()),
    }
}

/// Whole milliseconds; a part of one counts as one.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
