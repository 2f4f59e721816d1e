//! The states of a process and the reasons for which it ends.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Its instance is being made; messages queue.
    Starting,
    /// It handles messages.
    Running,
    /// Nothing is handed to it; messages queue.
    Suspended,
    /// It takes no more messages and finishes what it is busy with.
    Stopping,
    /// It is gone.
    Exited,
}

impl Lifecycle {
    /// Whether the table allows this step.
    pub fn may_become(self, next: Lifecycle) -> bool {
        use Lifecycle::{Exited, Running, Starting, Stopping, Suspended};
        matches!(
            (self, next),
            (Starting, Running | Exited)
                | (Running, Suspended | Stopping | Exited)
                | (Suspended, Running | Stopping | Exited)
                | (Stopping, Exited)
        )
    }
}

/// Why a process ended. Typed, so that supervisors and people can tell a crash from an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
#[non_exhaustive]
pub enum ExitReason {
    /// It stopped itself, or was asked to stop and finished.
    Normal,
    /// Its application or the kernel stopped in order.
    Shutdown,
    /// It was killed, by this process.
    Killed(String),
    /// `handle` returned an error for something that was not a request.
    Error(String),
    /// It trapped.
    Trap(String),
    /// It reached a limit; the text names limit and use.
    Limit(String),
    /// It could not be started.
    NotStarted(String),
    /// Another process that it was linked to ended otherwise than in order; the text names that one.
    Linked(String),
}

impl ExitReason {
    /// Whether nothing went wrong.
    pub fn is_normal(&self) -> bool {
        matches!(self, ExitReason::Normal | ExitReason::Shutdown)
    }

    /// One word for a table.
    pub fn word(&self) -> &'static str {
        match self {
            ExitReason::Normal => "normal",
            ExitReason::Shutdown => "shutdown",
            ExitReason::Killed(_) => "killed",
            ExitReason::Error(_) => "error",
            ExitReason::Trap(_) => "trap",
            ExitReason::Limit(_) => "limit",
            ExitReason::NotStarted(_) => "not started",
            ExitReason::Linked(_) => "linked",
        }
    }

    /// What the word leaves out; empty for the orderly ends.
    pub fn detail(&self) -> &str {
        match self {
            ExitReason::Normal | ExitReason::Shutdown => "",
            ExitReason::Killed(text)
            | ExitReason::Error(text)
            | ExitReason::Trap(text)
            | ExitReason::Limit(text)
            | ExitReason::NotStarted(text)
            | ExitReason::Linked(text) => text,
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail() {
            "" => f.write_str(self.word()),
            detail => write!(f, "{}: {detail}", self.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lifecycle::{self, Exited, Running, Starting, Stopping, Suspended};

    #[test]
    fn the_table_of_states_is_what_the_design_says() {
        let states = [Starting, Running, Suspended, Stopping, Exited];
        let allowed =
            |from: Lifecycle| -> Vec<Lifecycle> { states.into_iter().filter(|next| from.may_become(*next)).collect() };
        assert_eq!(allowed(Starting), [Running, Exited]);
        assert_eq!(allowed(Running), [Suspended, Stopping, Exited]);
        assert_eq!(allowed(Suspended), [Running, Stopping, Exited]);
        assert_eq!(allowed(Stopping), [Exited]);
        assert_eq!(allowed(Exited), []);
    }
}
