//! What the kernel tells the operator about itself: rows for a table, counts, nothing that can act.

use super::state::{State, Tally};
use crate::id::Pid;
use crate::path::Name;
use crate::process::{Ended, Lifecycle, Role, Used};
use serde::Serialize;

/// One process, living or gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessRow {
    /// Its id.
    pub pid: Pid,
    /// Who spawned it.
    pub parent: Pid,
    /// Its name.
    pub name: Name,
    /// Its application.
    pub app: Option<Name>,
    /// Its role.
    pub role: Role,
    /// Where it is in its life.
    pub state: Lifecycle,
    /// Why it ended: one word; empty while it lives.
    pub exit: String,
    /// What the word leaves out.
    pub detail: String,
    /// What it used.
    #[serde(flatten)]
    pub used: Used,
}

/// What the kernel knows of its processes, and what its gate has said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// By pid.
    pub processes: Vec<ProcessRow>,
    /// Verdict counts.
    pub verdicts: Tally,
    /// The environment's name.
    pub environment: String,
}

impl State {
    /// The summary of this moment.
    pub fn summary(&self) -> Summary {
        let gone = self.history.iter().map(|e: &Ended| ProcessRow {
            pid: e.pid,
            parent: e.parent,
            name: e.name.clone(),
            app: e.app.clone(),
            role: e.role,
            state: Lifecycle::Exited,
            exit: e.reason.word().to_owned(),
            detail: e.reason.detail().to_owned(),
            used: e.used,
        });
        let mut processes: Vec<ProcessRow> = gone.collect();
        processes.extend(self.processes.values().map(|p| ProcessRow {
            pid: p.pid,
            parent: p.parent,
            name: p.name.clone(),
            app: p.app.clone(),
            role: p.role,
            state: p.life,
            exit: String::new(),
            detail: String::new(),
            used: p.used,
        }));
        processes.sort_by_key(|row| row.pid);
        Summary { processes, verdicts: self.tally, environment: self.environment.name().to_owned() }
    }
}
