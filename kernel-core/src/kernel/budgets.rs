//! Budgets outlive processes: an agent that is started again goes on with what it had left, and so does an application
//! that a later boot starts again.
//!
//! What was drawn lies in the row of an application that should run. It is written at a flush, in one batch with the
//! events since the last one, and not for each act: after a crash it says what the log says. What a crash takes from
//! the log, such as acts in dev that ran ahead of it, it takes from there, too. What was held is stored as spent,
//! because nobody will say what became of it.

use super::app::App;
use super::effects::Effects;
use super::state::State;
use crate::budget::{Line, Meter};
use crate::id::Pid;
use crate::path::Name;
use crate::process::Process;
use crate::time::WallTime;
use std::collections::BTreeMap;

/// What was drawn of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct Spent {
    /// What is counted.
    #[n(0)]
    meter: Meter,
    /// The most.
    #[n(1)]
    limit: u64,
    /// What is spent or held.
    #[n(2)]
    used: u64,
    /// Whether a person was asked for more and did not allow it: nobody is asked again.
    #[n(3)]
    #[cbor(default)]
    no_more: bool,
}

/// What was drawn of an application's limits and of those of its agents.
#[derive(Clone, Debug, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub(crate) struct Drawn {
    /// By its processes together.
    #[n(0)]
    pub(super) app: Vec<Spent>,
    /// By each of its agents that has limits of its own.
    #[n(1)]
    pub(super) agents: BTreeMap<Name, Vec<Spent>>,
    /// When it was started; its wall time counts from then, whether or not a kernel runs.
    #[n(2)]
    pub(super) began: WallTime,
}

/// Those of the `lines` of a process's account that it limits itself, as far as what is used of them is gone.
fn spent(process: &Process, lines: impl IntoIterator<Item = Line>) -> Vec<Spent> {
    let of = |line: Line| {
        let limit = line.limit.filter(|_| !line.meter.is_level())?;
        let no_more = process.rare.no_more.contains(&line.meter);
        Some(Spent { meter: line.meter, limit, used: line.drawn(), no_more })
    };
    lines.into_iter().filter_map(of).collect()
}

impl App {
    /// Whether `process` is one of its agents, and not what these have started.
    fn has_agent(&self, process: &Process) -> bool {
        self.supervisor_of(&process.name) == Some(process.parent)
    }
}

impl State {
    /// `process` is gone, and its account with it, which came to `lines`: one that is started in its place goes on.
    pub(crate) fn carry_account(&mut self, process: &Process, lines: Vec<Line>) {
        let app = process.app.as_ref().and_then(|name| self.apps.get_mut(name));
        let Some(app) = app.filter(|app| app.has_agent(process)) else { return };
        let spent = spent(process, lines);
        if !spent.is_empty() {
            app.carried.insert(process.name.clone(), spent);
        }
    }

    /// `pid` was just started, and goes on with the account of the process whose place it takes, if it takes one's.
    pub(crate) fn go_on_with_account(&mut self, pid: Pid) {
        let Some(process) = self.processes.get(&pid) else { return };
        let app = process.app.as_ref().and_then(|name| self.apps.get_mut(name));
        let Some(app) = app.filter(|app| app.has_agent(process)) else { return };
        let spent = app.carried.remove(&process.name);
        self.open_with(pid, &spent.unwrap_or_default());
    }

    /// The account of `pid` that was just opened goes on with what was spent before.
    pub(crate) fn open_with(&mut self, pid: Pid, spent: &[Spent]) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        for Spent { meter, limit, used, no_more } in spent {
            self.ledger.go_on(process.account, *meter, *limit, *used);
            if *no_more {
                process.rare.no_more.insert(*meter);
            }
        }
    }

    /// What was drawn of the limits of an application that runs.
    pub(super) fn drawn(&self, app: &App) -> Drawn {
        let of = |pid: &Pid| {
            let Some(process) = self.processes.get(pid) else { return Vec::new() };
            spent(process, self.ledger.lines(process.account).unwrap_or_default())
        };
        let mut agents = app.carried.clone();
        let running = app.spawned.iter().map(|(name, pid)| (name.clone(), of(pid)));
        agents.extend(running.filter(|(_, spent)| !spent.is_empty()));
        Drawn { app: of(&app.root), agents, began: app.began }
    }

    /// The rows of the applications that should run say what was drawn until now. Called just before each flush.
    pub(crate) fn keep_drawn(&mut self, fx: &mut Effects) {
        let limited = self.apps.iter().filter(|(_, app)| app.limited).map(|(name, _)| name.clone());
        for name in limited.collect::<Vec<_>>() {
            self.keep_running(&name, fx);
        }
    }
}
