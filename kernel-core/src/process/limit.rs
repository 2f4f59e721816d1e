//! What a process may use at most, and how near it is to that.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One limit of a process, and what is used of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What is counted: a meter of its account (`acts`, `messages`, `tool_calls`, `fuel`, `memory`), or `memory` and
    /// `fuel` of an instance, `handle` (CPU time), `wall`, `stored`. Times are nanoseconds.
    pub meter: Cow<'static, str>,
    /// Of what that is.
    pub of: Scope,
    /// What is used.
    pub used: u64,
    /// The most that may be.
    pub limit: u64,
}

/// What a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The process and all that it started, which draw from one account.
    Account,
    /// One instance of its program: what is used is the most that one has had.
    Instance,
    /// One message: what is used is the most that one has taken.
    Message,
    /// The process alone.
    Process,
}

/// The most that one message of a process has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Most {
    /// Units of fuel.
    pub fuel: u64,
    /// CPU time, nanoseconds.
    pub cpu: u64,
}

impl Limit {
    /// A message has taken so many nanoseconds of CPU time so far, in an instance that has had so many bytes of memory.
    pub fn sees(&mut self, cpu: u64, memory: u64) {
        match (self.of, &*self.meter) {
            (Scope::Instance, "memory") => self.used = self.used.max(memory),
            (Scope::Message, "handle") => self.used = self.used.max(cpu),
            _ => {}
        }
    }
}
