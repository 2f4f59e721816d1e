//! What the kernel tells the operator about itself: rows for a table, counts, nothing that can act.

use super::app::Until;
use super::input::Lack;
use super::state::{State, Tally};
use crate::agency::Role;
use crate::id::Pid;
use crate::path::Name;
use crate::platform::Usage;
use crate::process::{Ended, Lifecycle, Limit, Process, Used};
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One process, living or gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// How long it has lived, or lived, nanoseconds.
    pub wall: u64,
    /// What it and all that it started used together, those that are gone too.
    pub tree: Used,
    /// What it may use at most, and how near it is to that.
    pub limits: Vec<Limit>,
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
    /// What it has added to the log, and may within an hour, bytes.
    pub log: u64,
    /// The most of that.
    pub log_limit: u64,
    /// How many acts wait until it may add more.
    pub log_waiting: usize,
}

/// What a boot has found of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Found {
    /// Whether that one did not stop in order. What waited in its mailboxes then is lost.
    pub crashed: bool,
    /// How many messages waited in inboxes that are not durable when its log was last written: they are lost.
    pub lost: u64,
    /// How many outward acts it had begun of which nobody knows what came.
    pub unknown: usize,
    /// How many messages were in durable inboxes; they are handed again.
    pub stored: usize,
    /// How many dead letters were kept.
    pub letters: usize,
    /// The first event of its log that this boot verified; 0 if all of them.
    pub verified_from: u64,
    /// How many events at the end of its log no signature covers: it was ended within a second after them, or whoever has
    /// the disk made them.
    pub unsigned: u64,
    /// The applications that ran until they were quiet and came to no end. They are not started again.
    pub cut_short: Vec<Name>,
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
    /// Dead letters that are kept.
    pub letters: usize,
    /// Messages in durable inboxes.
    pub stored: usize,
    /// Verdict counts.
    pub verdicts: Tally,
    /// Whether it is stopping.
    pub stopping: bool,
    /// Why nothing is acknowledged any more, once the data directory could not be written.
    pub not_durable: Option<String>,
    /// The room that is missing where everything is kept, while it is: applications do nothing meanwhile.
    pub lack: Option<Lack>,
    /// The applications that have failed since the boot, with what they failed by; not those that were started again, or
    /// removed.
    pub failed: BTreeMap<Name, String>,
}

impl ProcessRow {
    /// It is busy with a message that has used this so far.
    pub(crate) fn uses(&mut self, usage: &Usage) {
        let more = self.used.more(usage.cpu, usage.memory);
        self.used.add(&more);
        self.tree.add(&more);
        for limit in &mut self.limits {
            limit.sees(usage.cpu, usage.memory);
        }
    }
}

impl State {
    /// The summary of this moment, in which these processes live.
    pub(crate) fn summary(&self, mut living: Vec<ProcessRow>) -> Summary {
        let gone = self.history.iter().map(|e: &Ended| ProcessRow {
            pid: e.pid,
            parent: e.parent,
            name: e.name.clone(),
            app: e.app.clone(),
            role: e.role.clone(),
            state: Lifecycle::Exited,
            exit: e.reason.word().to_owned(),
            detail: e.reason.detail().to_owned(),
            used: e.used,
            wall: e.wall,
            tree: e.tree,
            limits: e.limits.clone(),
        });
        let mut processes: Vec<ProcessRow> = gone.collect();
        add_up(&mut living);
        processes.extend(living);
        processes.sort_by_key(|row| row.pid);
        Summary { processes, verdicts: self.tally, environment: self.environment.name().to_owned() }
    }

    /// The processes that live, by pid, from `from` on and at most so many. What those have used that they started and
    /// that live is not in their rows yet: see [`add_up`].
    pub(crate) fn living(&self, from: Pid, most: usize, now: Instant) -> Vec<ProcessRow> {
        self.processes.from(from).take(most).map(|process| self.process_row(process, now)).collect()
    }

    fn process_row(&self, p: &Process, now: Instant) -> ProcessRow {
        ProcessRow {
            pid: p.pid,
            parent: p.parent,
            name: p.name.clone(),
            app: p.app.clone(),
            role: p.role.clone(),
            state: p.life,
            exit: String::new(),
            detail: String::new(),
            used: p.used,
            wall: lived(p, now),
            tree: own_and_gone(p),
            limits: self.limits_of(p, now),
        }
    }

    /// What a process and all that it started have used together.
    pub(crate) fn used_by_tree(&self, process: &Process) -> Used {
        let mut used = own_and_gone(process);
        for child in process.children.iter().filter_map(|child| self.processes.get(child)) {
            used.add(&self.used_by_tree(child));
        }
        used
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
    pub(crate) fn app_rows(&self, now: Instant) -> Vec<AppRow> {
        let rows = self.apps.iter().map(|(name, app)| AppRow {
            name: name.clone(),
            pid: app.root,
            until: app.until,
            agents: app.agents().count(),
            started: app.agents().filter(|agent| app.running.contains(&agent.name)).count(),
            running: app.starting.is_none() && !app.ending,
            log: app.log.used(now),
            log_limit: app.log.limit(),
            log_waiting: app.log.waiting(),
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
            waiting: self.waiting.bytes,
            letters: self.letters.len(),
            stored: self.inboxes.len(),
            verdicts: self.tally,
            stopping: self.stopping,
            not_durable: self.not_durable.clone(),
            lack: self.lack,
            failed: self.failed.clone(),
        }
    }
}

/// Adds to what each of all living processes, by pid, has used what those have that it started.
pub(crate) fn add_up(rows: &mut [ProcessRow]) {
    // Whoever is started has a higher pid than its parent, so the last come first.
    for place in (0..rows.len()).rev() {
        let (parent, tree) = (rows[place].parent, rows[place].tree);
        if let Ok(above) = rows[..place].binary_search_by_key(&parent, |row| row.pid) {
            rows[above].tree.add(&tree);
        }
    }
}

/// What a process has used, and those that it started and that are gone.
fn own_and_gone(process: &Process) -> Used {
    let mut used = process.used;
    if let Some(below) = &process.rare.below {
        used.add(below);
    }
    used
}

/// How long a process has lived at `now`, nanoseconds.
pub(super) fn lived(process: &Process, now: Instant) -> u64 {
    u64::try_from(now.since(process.born).as_nanos()).unwrap_or(u64::MAX)
}
