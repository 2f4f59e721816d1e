//! What the kernel tells the operator about itself: rows for a table, counts, nothing that can act.

use super::app::Until;
use super::state::{State, Tally};
use crate::id::Pid;
use crate::path::Name;
use crate::process::{Ended, Lifecycle, Process, Role, Used};
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

/// One service that a process answers for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceRow {
    /// Its name.
    pub name: Name,
    /// Who answers.
    pub pid: Pid,
    /// That process's name.
    pub process: Name,
    /// Its application.
    pub app: Option<Name>,
}

/// One application that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppRow {
    /// Its name.
    pub name: Name,
    /// Its own process, whose children its agents are.
    pub pid: Pid,
    /// When it is over.
    pub until: Until,
    /// How many agents its manifest has.
    pub agents: usize,
    /// How many of them have come to run.
    pub started: usize,
    /// Whether all of them have.
    pub running: bool,
}

/// How a kernel is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The environment's name.
    pub environment: String,
    /// Processes that live, sessions too.
    pub processes: usize,
    /// Applications that run.
    pub apps: usize,
    /// Services that are answered for.
    pub services: usize,
    /// What waits in all mailboxes together, bytes.
    pub waiting: usize,
    /// Verdict counts.
    pub verdicts: Tally,
    /// Whether it is stopping.
    pub stopping: bool,
    /// Why nothing is acknowledged any more, once the data directory could not be written.
    pub not_durable: Option<String>,
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
        processes.extend(self.processes.values().map(row));
        processes.sort_by_key(|row| row.pid);
        Summary { processes, verdicts: self.tally, environment: self.environment.name().to_owned() }
    }

    /// Every process that lives, by pid.
    pub(crate) fn living(&self) -> Vec<ProcessRow> {
        self.processes.values().map(row).collect()
    }

    /// Every service that is answered for.
    pub(crate) fn service_rows(&self) -> Vec<ServiceRow> {
        let row = |(name, pid): (&Name, &Pid)| {
            let process = self.processes.get(pid)?;
            Some(ServiceRow { name: name.clone(), pid: *pid, process: process.name.clone(), app: process.app.clone() })
        };
        self.services.iter().filter_map(row).collect()
    }

    /// Every application that runs.
    pub(crate) fn app_rows(&self) -> Vec<AppRow> {
        let rows = self.apps.iter().map(|(name, app)| AppRow {
            name: name.clone(),
            pid: app.root,
            until: app.until,
            agents: app.agents().count(),
            started: app.agents().filter(|agent| app.running.contains(&agent.name)).count(),
            running: app.starting.is_none() && !app.ending,
        });
        rows.collect()
    }

    /// How the kernel is.
    pub(crate) fn health(&self) -> Health {
        Health {
            environment: self.environment.name().to_owned(),
            processes: self.processes.len(),
            apps: self.apps.len(),
            services: self.services.len(),
            waiting: self.waiting,
            verdicts: self.tally,
            stopping: self.stopping,
            not_durable: self.not_durable.clone(),
        }
    }
}

fn row(p: &Process) -> ProcessRow {
    ProcessRow {
        pid: p.pid,
        parent: p.parent,
        name: p.name.clone(),
        app: p.app.clone(),
        role: p.role,
        state: p.life,
        exit: String::new(),
        detail: String::new(),
        used: p.used,
    }
}
