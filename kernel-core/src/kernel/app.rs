//! Running applications: started in dependency order, over when they are quiet, stopped in reverse.
//!
//! An application is a process of its own, without a program: it holds what the operator gave, its
//! agents are its children, and its end is theirs.

use super::budgets::Spent;
use super::effects::Effects;
use super::log_rate::LogRate;
use super::members::Member;
use super::open::OpenKind;
use super::request::Request;
use super::running::{Suspended, Taken};
use super::state::{Due, State};
use super::stop::Stopped;
use crate::id::{ActionId, Pid};
use crate::ipc::body;
use crate::label::Labels;
use crate::path::{Name, Resource};
use crate::process::{ExitReason, Process, Restarts, Supervision};
use crate::time::{Instant, Now, WallTime};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// When an application is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// When it is quiet: nobody handles, no message waits, no timer, stream or call is open.
    Quiet,
    /// When it is stopped.
    #[default]
    Stopped,
}

/// A running application.
#[derive(Debug)]
pub(crate) struct App {
    /// Its process.
    pub(crate) root: Pid,
    /// Its agents and their supervisors in the order of their start, with their pids as far as they have been spawned.
    pub(crate) members: Vec<Member>,
    pub(crate) spawned: BTreeMap<Name, Pid>,
    /// Those that have run, also if they are gone; not those that are started again and do not run yet.
    pub(crate) running: BTreeSet<Name>,
    /// How its own process deals with the ends of those directly below it.
    pub(crate) supervision: Supervision,
    /// Those of each supervisor, `None` for its own process.
    pub(crate) restarts: BTreeMap<Option<Name>, Restarts>,
    /// Those that are started again and were not spawned yet, each with the time until which it waits, if it still does. The
    /// application is busy with each of them.
    pub(crate) coming: BTreeMap<Name, Option<Instant>>,
    /// Those that were killed: nothing starts them again.
    pub(crate) killed: BTreeSet<Name>,
    /// Those that it was started without, and that were not killed.
    pub(crate) left_out: BTreeSet<Name>,
    /// Those that ended while they were suspended: nothing starts them again.
    pub(crate) suspended: BTreeMap<Name, Suspended>,
    /// Those that were suspended when the kernel before stopped, and are again as soon as they run.
    pub(crate) held: BTreeMap<Name, Suspended>,
    /// What the operator took for good.
    pub(crate) taken: Taken,
    /// Those that stop, or are to when their turn comes, while their processes live.
    pub(crate) leaving: BTreeMap<Name, Stopped>,
    /// Whether somebody sees to those just now, and whether to those that are to be spawned.
    pub(crate) stopping: bool,
    pub(crate) spawning: bool,
    /// When the latest refusals were of those that are started again, for the refusal limit.
    pub(crate) refusals: BTreeMap<Name, VecDeque<Instant>>,
    /// SHA-256 of the row of the plan that it was started by.
    pub(crate) plan: [u8; 32],
    /// The `start` that waits until all agents run.
    pub(crate) starting: Option<ActionId>,
    /// The services that it declares: nobody else answers for them while it runs.
    pub(crate) services: BTreeSet<Name>,
    pub(crate) until: Until,
    pub(crate) ends_with: Option<Name>,
    /// The services that it cannot do without and that were not registered yet, with their owners.
    pub(crate) unregistered: BTreeMap<Name, Name>,
    /// The owners of those that have ended, with what they carried.
    pub(crate) gone: BTreeMap<Name, Labels>,
    /// How many of its processes have something to do.
    pub(crate) busy: u64,
    /// What went wrong so far: agent and reason. See [`App::fail`].
    pub(crate) failed: Vec<String>,
    /// How much more went wrong than is kept.
    pub(crate) failed_more: u64,
    /// What is labelled so.
    pub(crate) labels: Labels,
    pub(crate) monitors: BTreeMap<Pid, Labels>,
    /// Whether it ends, and what its process ends for.
    pub(crate) ending: bool,
    pub(crate) ends_for: ExitReason,
    /// The `start` that waited when it began to end, and each `stop` that waits for its end.
    pub(crate) starter: Option<ActionId>,
    pub(crate) stops: Vec<ActionId>,
    /// Whether nothing is left but to end.
    pub(crate) over: bool,
    /// Whether it ends so that no later kernel is to start it.
    pub(crate) unwanted: bool,
    /// Who stopped it, if that was somebody else before it came to its end.
    pub(crate) stopped_by: Option<Name>,
    /// When it was started first.
    pub(crate) began: WallTime,
    /// Whether anything in it has a limit of which what is used is gone.
    pub(crate) limited: bool,
    /// What it writes into the log, against what it may.
    pub(crate) log: LogRate,
    /// What was drawn by those of its agents that do not live now.
    pub(crate) carried: BTreeMap<Name, Vec<Spent>>,
    /// Whether it goes on with what it had left when the kernel stopped.
    pub(crate) continues: bool,
    /// Its row, as it was last written.
    pub(crate) row: Option<Bytes>,
}

/// The reply of a `start`.
#[derive(serde::Serialize)]
pub(super) struct Started {
    pub(super) pid: Pid,
}

/// How much of what goes wrong in an application is kept in words; the rest is counted.
const FAILURES: usize = 16;

impl App {
    /// Something went wrong.
    pub(crate) fn fail(&mut self, what: String) {
        if self.failed.len() < FAILURES {
            self.failed.push(what);
        } else {
            self.failed_more += 1;
        }
    }

    /// The same, by the doing of what carries `labels`.
    pub(crate) fn fail_by(&mut self, what: String, labels: &Labels) {
        match self.labels.join(labels) {
            Ok(joined) => {
                self.labels = joined;
                self.fail(what);
            }
            // What cannot be labelled cannot be told.
            Err(e) => self.fail(format!("an agent, of which nothing can be told: {e}")),
        }
    }

    /// All that went wrong; `None` where nothing did.
    pub(super) fn problem(&self) -> Option<String> {
        let more = (self.failed_more > 0).then(|| format!("and {} more", self.failed_more));
        let all: Vec<&str> = self.failed.iter().chain(&more).map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

impl State {
    /// Spawns everybody whose supervisor is there, whose dependencies run and who was not spawned yet. Each spawn is an
    /// act of the supervisor and takes the road like any other. Where nobody is left, whoever started the application is
    /// told.
    pub(crate) fn spawn_ready(&mut self, name: &Name, now: Now, fx: &mut Effects) {
        let Some(app) = self.apps.get_mut(name) else { return };
        // Whoever is at it already sees to all of it.
        if std::mem::replace(&mut app.spawning, true) {
            return;
        }
        // It is not quiet while some of them are to be spawned.
        app.busy += 1;
        while let Some(app) = self.apps.get_mut(name)
            && let Some(member) = app.next_ready().cloned()
            && let Some(supervisor) = app.supervisor_of(&member)
        {
            // Reserved before the spawn, so that a failure inside it is not tried again.
            app.spawned.insert(member.clone(), Pid::KERNEL);
            // A question that was asked before is still the same.
            if self.asks_to_spawn(supervisor, &member) {
                continue;
            }
            let resource = Resource::Agent(member.clone()).to_string();
            let request = Request::parse(supervisor, "spawn", &resource, Bytes::new());
            let seen = self.counters.pid;
            self.unheard = None;
            // The rows that a spawn needs were loaded before this step: it is the same for all supervisors of an
            // application.
            let went = self.travel(supervisor, None, &request, now, fx).is_ok();
            if !(went && self.asks_to_spawn(supervisor, &member)) {
                self.has_spawned(name, member, Pid(seen + 1), now, fx);
            }
        }
        let Some(app) = self.apps.get_mut(name) else { return };
        app.spawning = false;
        app.busy = app.busy.saturating_sub(1);
        if app.running.len() == app.members.len()
            && let Some(action) = app.starting.take()
        {
            let pid = app.root;
            // In one batch with the outcome.
            self.keep_running(name, fx);
            self.close(action, Ok(body::json(&Started { pid })), now, fx);
        }
        self.end_if_quiet(name, now, fx);
    }

    /// Whether somebody is asked whether `supervisor` may spawn `agent`.
    fn asks_to_spawn(&self, supervisor: Pid, agent: &Name) -> bool {
        let acts = self.processes.get(&supervisor).map_or(&[][..], |process| &process.rare.acts);
        acts.iter().filter_map(|action| self.opened.get(action)).any(|open| {
            matches!(open.kind, OpenKind::Escalated(_)) && matches!(&open.resource, Resource::Agent(of) if of == agent)
        })
    }

    /// A spawn of `member` by its supervisor in the application `name` is over: `pid` is it, or there is no such process,
    /// which ends an application that is being started, and is an end like any other of whoever is started again. It is
    /// nothing where nobody waits for it any more.
    pub(crate) fn has_spawned(&mut self, name: &Name, member: Name, pid: Pid, now: Now, fx: &mut Effects) {
        let Some(app) = self.apps.get_mut(name) else { return };
        let supervisor = app.supervisor_of(&member);
        if self.processes.get(&pid).is_some_and(|p| Some(p.parent) == supervisor) {
            app.has_come(&member);
            let refusals = app.refusals.remove(&member);
            app.spawned.insert(member.clone(), pid);
            if let (Some(refusals), Some(process)) = (refusals, self.processes.get_mut(&pid)) {
                process.rare.refusals = refusals;
            }
            if app.member(&member).is_some_and(|member| member.supervision.is_some()) {
                app.restarts.remove(&Some(member.clone()));
                app.running.insert(member);
                if !app.spawning {
                    let root = app.root;
                    self.due(now.at, Due::Restart(name.clone(), root));
                }
            }
            return;
        }
        let why = self.unheard.take().map_or_else(String::new, |refusal| format!(": {}", refusal.reason));
        if !app.awaits(&member) {
            return;
        }
        // Why it was refused was told to its supervisor, which carries what that tells of.
        let supervisor = supervisor.and_then(|pid| self.processes.get(&pid));
        let labels = supervisor.map(|process| process.labels.clone()).unwrap_or_default();
        if app.starting.is_none() {
            let ended = ExitReason::NotStarted(format!("it could not be spawned{why}"));
            self.restart(name, &member, &ended, &labels, now, fx);
            return;
        }
        app.fail_by(format!("agent `{member}` could not be spawned{why}"), &labels);
        let root = app.root;
        self.mark(root, &labels);
        self.stop_app(name, None, ExitReason::Shutdown, now, fx);
    }

    /// An agent runs: its dependants may follow, and perhaps all run now.
    pub(crate) fn app_progress(&mut self, pid: Pid, now: Now, fx: &mut Effects) {
        let Some((name, agent)) = self.processes.get(&pid).and_then(|p| p.app.clone().map(|app| (app, p.name.clone())))
        else {
            return;
        };
        let Some(app) = self.apps.get_mut(&name) else { return };
        if app.spawned.get(&agent) == Some(&pid) {
            app.running.insert(agent);
        }
        self.spawn_ready(&name, now, fx);
    }

    /// A process of an application is gone.
    pub(crate) fn app_lost(&mut self, name: &Name, process: &Process, reason: &ExitReason, now: Now, fx: &mut Effects) {
        let member = &process.name;
        let Some(app) = self.apps.get_mut(name) else { return };
        // What an agent spawned by itself is that agent's affair.
        let own = app.spawned.get(member) == Some(&process.pid);
        if !own {
            return self.end_if_quiet(name, now, fx);
        }
        if app.unregistered.values().any(|owner| owner == member) {
            app.gone.insert(member.clone(), process.labels.clone());
        }
        // A fresh start, by whatever it comes, forgives nothing, and is no way out of being suspended.
        if !process.rare.refusals.is_empty() {
            app.refusals.insert(member.clone(), process.rare.refusals.clone());
        }
        if let Some(suspended) = Suspended::of(process) {
            app.suspended.insert(member.clone(), suspended);
        }
        let expected = self.is_stopped(name, member, reason);
        let Some(app) = self.apps.get_mut(name) else { return };
        let (root, last) = (app.root, app.is_last(member));
        if expected {
            if last && !app.ending && app.stays_away(member) {
                let problem = format!("{member} was suspended when it was stopped, and is not started again");
                self.mark(root, &process.labels);
                self.stop_app(name, Some(problem), ExitReason::Shutdown, now, fx);
            }
            return;
        }
        let (starting, killed) = (app.starting.is_some(), matches!(reason, ExitReason::Killed(_)));
        // A supervisor runs at once, and is needed until all those below it do.
        let supervises = app.member(member).is_some_and(|member| member.supervision.is_some());
        let early = starting && !killed && (supervises || !app.running.contains(member));
        if !app.ending && !early && app.restarts(member, reason) {
            self.restart(name, member, reason, &process.labels, now, fx);
            return;
        }
        // What ends with all of its application was killed as a whole, if it was.
        if killed && !app.over {
            app.bury(member);
            match app.unwanted {
                true => self.forget_running(name, fx),
                false => self.keep_running(name, fx),
            }
        } else {
            app.is_gone(member);
        }
        let Some(app) = self.apps.get_mut(name) else { return };
        if !reason.is_normal() && !app.ending {
            app.fail_by(format!("{member} {reason}"), &process.labels);
        }
        let needed = early || (starting && matches!(reason, ExitReason::NotStarted(_)));
        let problem = (early && reason.is_normal()).then(|| match supervises {
            true => format!("{member} ended before all below it ran"),
            false => format!("{member} ended before it ran"),
        });
        if needed || last {
            // That it ends is this agent's doing.
            self.mark(root, &process.labels);
            self.stop_app(name, problem, ExitReason::Shutdown, now, fx);
        } else {
            if starting || !app.coming.is_empty() {
                // Whoever waited for it to run. What that looks at is loaded before.
                self.due(now.at, Due::Restart(name.clone(), root));
            }
            self.end_if_quiet(name, now, fx);
        }
    }

    /// Takes note that the process of `member` is gone, if it was to stop; whether that was its supervisor's doing, or comes
    /// while somebody above it stops, and concerns nobody else. To be killed always does.
    fn is_stopped(&mut self, name: &Name, member: &Name, reason: &ExitReason) -> bool {
        let Some(app) = self.apps.get_mut(name) else { return false };
        let stopped = app.leaving.remove(member);
        let stops = stopped.as_ref().is_some_and(Stopped::by_supervisor) || app.is_below_leaving(member);
        let expected = stops && !matches!(reason, ExitReason::Killed(_));
        if expected && app.coming.contains_key(member) && !app.stays_away(member) {
            app.reset(member);
        } else if expected {
            app.is_gone(member);
        }
        if let Some(number) = stopped.as_ref().and_then(Stopped::deadline) {
            self.undue(number);
        }
        expected
    }

    /// Ends an application that has nothing left to do, if that is its end.
    pub(crate) fn end_if_quiet(&mut self, name: &Name, now: Now, fx: &mut Effects) {
        let Some(app) = self.apps.get(name) else { return };
        if app.until == Until::Quiet
            && app.starting.is_none()
            && app.busy == 0
            && !app.ending
            && self.fanouts.is_empty()
        {
            self.stop_app(name, None, ExitReason::Shutdown, now, fx);
        }
    }

    /// Whether an application of that name runs.
    pub(crate) fn runs(&self, name: &str) -> bool {
        self.apps.keys().any(|app| app.as_str() == name)
    }

    /// The running application that declares `service`.
    pub(crate) fn declares(&self, service: &Name) -> Option<&Name> {
        self.apps.iter().find(|(_, app)| app.services.contains(service)).map(|(name, _)| name)
    }

    /// `pid` answers for `service` from now on.
    pub(crate) fn has_registered(&mut self, pid: Pid, service: &Name) {
        let app = self.processes.get(&pid).and_then(|process| process.app.as_ref());
        if let Some(app) = app.and_then(|name| self.apps.get_mut(name)) {
            app.unregistered.remove(service);
        }
    }

    /// What an application could not do without and never had, in words: each service that is not optional and
    /// whose owner had its turn and did not register it, with what the owner carries.
    pub(super) fn never_registered(&self, name: &Name) -> Vec<(String, Labels)> {
        let Some(app) = self.apps.get(name).filter(|app| app.starting.is_none()) else { return Vec::new() };
        let missed = app.unregistered.iter().filter_map(|(service, owner)| {
            let labels = match app.spawned.get(owner).and_then(|pid| self.processes.get(pid)) {
                Some(process) if process.used.messages <= u64::from(process.handling.is_some()) => return None,
                Some(process) => process.labels.clone(),
                None => app.gone.get(owner).cloned().unwrap_or_default(),
            };
            Some((format!("{owner} never registered the service `{service}`"), labels))
        });
        missed.collect()
    }

    /// The application whose process `pid` is, until nothing is left but to end.
    pub(crate) fn app_of_root(&self, pid: Pid) -> Option<Name> {
        let name = self.processes.get(&pid)?.app.as_ref()?;
        self.apps.get(name).filter(|app| app.root == pid && !app.over).map(|_| name.clone())
    }

    /// The application of which `pid` is a supervisor, and which one: within, `None` where it is its process.
    pub(crate) fn supervised_by(&self, pid: Pid) -> Option<(Name, Option<Name>)> {
        let name = self.processes.get(&pid)?.app.as_ref()?;
        let supervisor = self.apps.get(name)?.supervisor(pid)?;
        Some((name.clone(), supervisor.cloned()))
    }
}
