//! The memory of an application that names none for all of its agents together.

use super::plan::Plan;

/// The agents of an application may use more memory together than it has. Its plan was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it has {agents} agents that may use {asked} bytes of memory together, and an application that names no `[budget] memory` \
     has {half}: half of what this machine has"
)]
pub struct TooMuchMemory {
    /// How many agents it has.
    pub agents: usize,
    /// What they may use together, bytes.
    pub asked: u64,
    /// What it has, bytes.
    pub half: u64,
}

impl Plan {
    /// Gives an application that names no `[budget] memory` half of the machine's, in bytes: agents without number would
    /// otherwise take all of it, each within its own limit. Where a host does not know how much there is it is not bound.
    ///
    /// # Errors
    /// [`TooMuchMemory`].
    pub fn bound_memory(&mut self, machine: Option<u64>) -> Result<(), TooMuchMemory> {
        let (None, Some(machine)) = (self.budget.memory, machine) else { return Ok(()) };
        let half = machine / 2;
        let asked = self.agents.iter().fold(0, |sum: u64, agent| sum.saturating_add(agent.limits.memory));
        if asked > half {
            return Err(TooMuchMemory { agents: self.agents.len(), asked, half });
        }
        self.budget.memory = Some(half);
        Ok(())
    }
}
