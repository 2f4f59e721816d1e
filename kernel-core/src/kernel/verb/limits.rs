//! Limits of one process, below those of the agent that it is: they may only be lower.

use super::invalid;
use crate::agency::Ceilings;
use crate::budget::Meter;
use crate::kernel::catalog::Agent;
use crate::path::Name;
use crate::refusal::Refusal;
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
        let drawn = |meter| agent.budget.iter().find(|(of, _)| *of == meter).map(|(_, limit)| *limit);
        for (key, limit, before) in [
            ("acts", self.acts, drawn(Meter::Acts)),
            ("messages", self.messages, drawn(Meter::Messages)),
            ("tool_calls", self.tool_calls, drawn(Meter::ToolCalls)),
            ("fuel", self.fuel, agent.limits.fuel),
            ("memory", self.memory, Some(agent.limits.memory)),
            ("handle_ms", self.handle_ms, Some(millis(agent.limits.handle))),
            ("wall_ms", self.wall_ms, agent.wall.map(millis)),
        ] {
            not_higher(&agent.name, key, limit, before)?;
        }
        not_zero("memory", self.memory)?;
        not_zero("handle_ms", self.handle_ms)?;
        agent.within(&Ceilings {
            memory: self.memory,
            handle: self.handle_ms.map(Duration::from_millis),
            wall: self.wall_ms.map(Duration::from_millis),
            acts: self.acts,
            messages: self.messages,
            tool_calls: self.tool_calls,
            fuel: self.fuel,
        })
    }
}

/// Refuses a limit that is higher than the agent's own; without one, any is lower.
fn not_higher(agent: &Name, key: &str, limit: Option<u64>, before: Option<u64>) -> Result<(), Refusal> {
    match limit.zip(before) {
        Some((limit, before)) if limit > before => Err(invalid(format!(
            "limits.{key}: {limit} is more than the {before} of agent `{agent}`; limits of one process may only be lower"
        ))),
        _ => Ok(()),
    }
}

/// Refuses what a program could not even start with.
fn not_zero(key: &str, limit: Option<u64>) -> Result<(), Refusal> {
    match limit {
        Some(0) => {
            Err(invalid(format!("limits.{key}: must be more than zero: with nothing a program cannot even start")))
        }
        _ => Ok(()),
    }
}

/// Whole milliseconds; a part of one counts as one.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
