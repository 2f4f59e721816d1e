//! What processes use, as the kernel measures it.

use serde::{Deserialize, Serialize};

/// What a process has used, or several together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Used {
    /// Envelopes handed to it.
    pub messages: u64,
    /// Messages that it sent, published or called with, as far as they passed the gate.
    pub sent: u64,
    /// Calls of tools that passed the gate.
    pub tool_calls: u64,
    /// Acts that passed the gate.
    pub acts: u64,
    /// Acts that were refused.
    pub refused: u64,
    /// CPU time, nanoseconds, as far as the host can measure it.
    pub cpu: u64,
    /// Highest memory of an instance, bytes. Of several processes: the sum, though they need not have had it at once.
    pub memory: u64,
    /// Memory of its instance after its latest message, bytes; nothing where none is kept.
    pub memory_now: u64,
    /// Units of the fuel meter.
    pub fuel: u64,
    /// Bytes that it wrote to `/tree` and `/fs`, less those that this replaced or that it removed, where the kernel knows
    /// how many these were: it does in `/tree`, and does not in `/fs`.
    pub stored: i64,
}

impl Used {
    /// What is more with so many nanoseconds of CPU time, in an instance that has had so many bytes of memory and has
    /// them now.
    pub fn more(&self, cpu: u64, memory: u64) -> Used {
        let (beyond, beyond_now) = (memory.saturating_sub(self.memory), memory.saturating_sub(self.memory_now));
        Used { cpu, memory: beyond, memory_now: beyond_now, ..Used::default() }
    }

    /// Adds what another has used.
    pub fn add(&mut self, other: &Used) {
        let Used { messages, sent, tool_calls, acts, refused, cpu, memory, memory_now, fuel, stored } = other;
        for (mine, more) in [
            (&mut self.messages, messages),
            (&mut self.sent, sent),
            (&mut self.tool_calls, tool_calls),
            (&mut self.acts, acts),
            (&mut self.refused, refused),
            (&mut self.cpu, cpu),
            (&mut self.memory, memory),
            (&mut self.memory_now, memory_now),
            (&mut self.fuel, fuel),
        ] {
            *mine = mine.saturating_add(*more);
        }
        self.stored = self.stored.saturating_add(*stored);
    }
}
