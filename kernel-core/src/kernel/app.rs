//! Running applications: started in dependency order, over when they are quiet, stopped in reverse.
//!
//! An application is a process of its own, without a program: it holds what the operator gave, its
//! agents are its children, and its end is theirs.

use super::budgets::{Drawn, Spent};
use super::effects::{Effects, Notice, Wake};
use super::event::{AppEnded, Content};
use super::exit::Dead;
use super::open::OpenKind;
use super::request::Request;
use super::rows;
use super::state::State;
use crate::id::{ActionId, Pid};
use crate::ipc::body;
use crate::label::Labels;
use crate::path::{Name, Resource};
use crate::platform::Key;
use crate::process::{ExitReason, Process, Restart, Restarts, Supervision};
use crate::refusal::{Code, REASON_BYTES, Refusal, cut};
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
    /// Its agents in the order of their start, with their pids as far as they have been spawned.
    pub(crate) agents: Vec<Member>,
    pub(crate) spawned: BTreeMap<Name, Pid>,
    /// Those that have run, also if they are gone; not those that are started again and do not run yet.
    pub(crate) running: BTreeSet<Name>,
    pub(crate) supervision: Supervision,
    pub(crate) restarts: Restarts,
    /// Those that are started again and were not spawned yet, each with the time until which it waits, if it still does. The
    /// application is busy with each of them.
    pub(crate) coming: BTreeMap<Name, Option<Instant>>,
    /// Those that were killed: nothing starts them again.
    pub(crate) killed: BTreeSet<Name>,
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
    pub(crate) ending: bool,
    /// When it was started first.
    pub(crate) began: WallTime,
    /// Whether anything in it has a limit of which what is used is gone.
    pub(crate) limited: bool,
    /// What was drawn by those of its agents that do not live now.
    pub(crate) carried: BTreeMap<Name, Vec<Spent>>,
    /// Whether it goes on with what it had left when the kernel stopped.
    pub(crate) continues: bool,
    /// Its row, as it was last written.
    pub(crate) row: Option<Bytes>,
}

/// What is stored of an application that was started to stay.
#[derive(Clone, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub(super) struct Running {
    /// What its process carried when it was started.
    #[n(0)]
    pub(super) labels: Labels,
    /// Those of its agents that were killed, or that it was started without.
    #[n(1)]
    pub(super) without: Vec<Name>,
    /// SHA-256 of the row of its plan.
    #[n(2)]
    pub(super) plan: minicbor::bytes::ByteArray<32>,
    /// What was drawn of its budget.
    #[n(3)]
    #[cbor(default)]
    pub(super) drawn: Drawn,
}

/// The row that says that an application should run.
pub(super) fn running_key(name: &Name) -> Key {
    rows::key(rows::TABLE_RUNNING, name.as_str().as_bytes())
}

/// An agent of a running application.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: Name,
    /// Those that run before it.
    pub(crate) needs: Vec<Name>,
    pub(crate) restart: Restart,
}

/// The reply of a `start`.
#[derive(serde::Serialize)]
struct Started {
    pid: Pid,
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
    fn problem(&self) -> Option<String> {
        let more = (self.failed_more > 0).then(|| format!("and {} more", self.failed_more));
        let all: Vec<&str> = self.failed.iter().chain(&more).map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

impl State {
    /// Spawns every agent whose dependencies run and that was not spawned yet. Each spawn is an act of
    /// the application's process and takes the road like any other.
    pub(crate) fn spawn_ready(&mut self, name: &Name, now: Now, fx: &mut Effects) {
        let Some(app) = self.apps.get(name) else { return };
        let root = app.root;
        let ready: Vec<Name> = app
            .agents
            .iter()
            .filter(|agent| {
                !app.spawned.contains_key(&agent.name) && !matches!(app.coming.get(&agent.name), Some(Some(_)))
            })
            .filter(|agent| agent.needs.iter().all(|needed| app.running.contains(needed)))
            .map(|agent| agent.name.clone())
            .collect();
        for agent in ready {
            // Reserved before the spawn, so that a failure inside it is not tried again.
            if let Some(app) = self.apps.get_mut(name) {
                app.spawned.insert(agent.clone(), Pid::KERNEL);
            }
            let resource = Resource::Agent(agent.clone()).to_string();
            let request = Request::parse(root, "spawn", &resource, Bytes::new());
            let seen = self.counters.pid;
            self.unheard = None;
            // The rows that a spawn needs were loaded before this step: it is the same for all agents of an application.
            let went = self.travel(root, None, &request, now, fx).is_ok();
            if went && self.asks_to_spawn(root, &agent) {
                continue;
            }
            if !self.has_spawned(name, agent, Pid(seen + 1), now, fx) {
                return;
            }
        }
    }

    /// Whether somebody is asked whether the process of an application may spawn `agent`.
    fn asks_to_spawn(&self, root: Pid, agent: &Name) -> bool {
        let acts = self.processes.get(&root).map_or(&[][..], |process| &process.rare.acts);
        acts.iter().filter_map(|action| self.opened.get(action)).any(|open| {
            matches!(open.kind, OpenKind::Escalated(_)) && matches!(&open.resource, Resource::Agent(of) if of == agent)
        })
    }

    /// A spawn by the process of the application `name` is over: `pid` is the agent, or there is no such process, which
    /// ends an application that is being started, and is an end like any other of an agent that is started again.
    /// Whether others may be spawned now.
    pub(crate) fn has_spawned(&mut self, name: &Name, agent: Name, pid: Pid, now: Now, fx: &mut Effects) -> bool {
        let Some(app) = self.apps.get_mut(name) else { return false };
        if self.processes.get(&pid).is_some_and(|p| p.parent == app.root) {
            app.has_come(&agent);
            let refusals = app.refusals.remove(&agent);
            app.spawned.insert(agent, pid);
            if let (Some(refusals), Some(process)) = (refusals, self.processes.get_mut(&pid)) {
                process.rare.refusals = refusals;
            }
            return true;
        }
        let again = app.starting.is_none();
        let why = self.unheard.take().map_or_else(String::new, |refusal| format!(": {}", refusal.reason));
        if again {
            // Whoever is left is spawned when that is due.
            let ended = ExitReason::NotStarted(format!("it could not be spawned{why}"));
            self.restart(name, &agent, &ended, &Labels::NONE, now, fx);
            return false;
        }
        let reason = format!("agent `{agent}` could not be spawned{why}");
        self.end_app(name, Some(reason), ExitReason::Shutdown, now, fx);
        false
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
        if app.running.len() < app.agents.len() {
            self.spawn_ready(&name, now, fx);
            return;
        }
        self.all_running(&name, now, fx);
    }

    /// Every agent runs: whoever started the application is told.
    pub(crate) fn all_running(&mut self, name: &Name, now: Now, fx: &mut Effects) {
        let Some(app) = self.apps.get_mut(name) else { return };
        let root = app.root;
        if let Some(action) = app.starting.take() {
            // In one batch with the outcome.
            self.keep_running(name, fx);
            self.close(action, Ok(body::json(&Started { pid: root })), now, fx);
        }
        self.end_if_quiet(name, now, fx);
    }

    /// A process of an application is gone.
    pub(crate) fn app_lost(&mut self, name: &Name, process: &Process, reason: &ExitReason, now: Now, fx: &mut Effects) {
        let agent = &process.name;
        let Some(app) = self.apps.get_mut(name) else { return };
        // What an agent spawned by itself is that agent's affair.
        let own = app.spawned.get(agent) == Some(&process.pid);
        if own && app.unregistered.values().any(|owner| owner == agent) {
            app.gone.insert(agent.clone(), process.labels.clone());
        }
        // A fresh start is no way out of being suspended.
        let held = process.rare.suspended.is_some();
        if own && !app.ending && !held && app.starting.is_none() && app.restarts(agent, reason) {
            app.refusals.insert(agent.clone(), process.rare.refusals.clone());
            self.restart(name, &agent.clone(), reason, &process.labels, now, fx);
            return;
        }
        if own && app.starting.is_none() {
            // Nobody waits for it to run again.
            app.running.insert(agent.clone());
            if matches!(reason, ExitReason::Killed(_)) {
                app.killed.insert(agent.clone());
                self.keep_running(name, fx);
            }
        }
        let Some(app) = self.apps.get_mut(name) else { return };
        if own && !reason.is_normal() && !app.ending {
            app.fail_by(format!("{agent} {reason}"), &process.labels);
        }
        let early = app.starting.is_some() && !app.running.contains(agent);
        let needed = early || (app.starting.is_some() && matches!(reason, ExitReason::NotStarted(_)));
        let problem = (early && reason.is_normal()).then(|| format!("{agent} ended before it ran"));
        if own && (needed || app.ends_with.as_ref() == Some(agent)) {
            // That it ends is this agent's doing.
            let root = app.root;
            self.mark(root, &process.labels);
            self.end_app(name, problem, ExitReason::Shutdown, now, fx);
        } else {
            if own && self.apps.get(name).is_some_and(|app| !app.coming.is_empty()) {
                self.spawn_ready(name, now, fx);
            }
            self.end_if_quiet(name, now, fx);
        }
    }

    /// Stores that `name` should run, if it is to stay, and what it has drawn of its budget. One that is being started
    /// anew has no row before it runs.
    pub(crate) fn keep_running(&mut self, name: &Name, fx: &mut Effects) {
        let stays = |app: &&App| app.until == Until::Stopped && (app.starting.is_none() || app.continues);
        let Some(app) = self.apps.get(name).filter(stays) else { return };
        // What an agent starts is that agent's affair, also at a later boot.
        let Some(root) = self.processes.get(&app.root).filter(|root| root.parent == Pid::KERNEL) else { return };
        let running = Running {
            labels: root.own_labels.clone(),
            without: app.killed.iter().cloned().collect(),
            plan: app.plan.into(),
            drawn: self.drawn(app),
        };
        let value = Some(Bytes::from(minicbor::to_vec(&running).unwrap_or_default()));
        if app.row == value {
            return;
        }
        self.keep(running_key(name), value.clone(), fx);
        if let Some(app) = self.apps.get_mut(name) {
            app.row = value;
        }
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
            self.end_app(name, None, ExitReason::Shutdown, now, fx);
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
    fn never_registered(&self, name: &Name) -> Vec<(String, Labels)> {
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

    /// The application whose process `pid` is, while it is not ending.
    pub(crate) fn app_of_root(&self, pid: Pid) -> Option<Name> {
        let name = self.processes.get(&pid)?.app.as_ref()?;
        self.apps.get(name).filter(|app| app.root == pid && !app.ending).map(|_| name.clone())
    }

    /// Stops the agents in reverse order of their start, then the application's process, for `reason`; returns who
    /// is gone. `problem` is what went wrong besides what went wrong before.
    pub(crate) fn end_app(
        &mut self,
        name: &Name,
        problem: Option<String>,
        reason: ExitReason,
        now: Now,
        fx: &mut Effects,
    ) -> Vec<Dead> {
        let mut dead = Vec::new();
        let never = self.never_registered(name);
        let Some(app) = self.apps.get_mut(name).filter(|app| !app.ending) else { return dead };
        app.ending = true;
        if problem.is_none() && app.failed.is_empty() {
            never.into_iter().for_each(|(service, labels)| app.fail_by(service, &labels));
        }
        if let Some(problem) = problem {
            app.fail(problem);
        }
        let root = app.root;
        // A kernel that stops leaves it for the next boot, with what is left.
        let ends_itself = self.stopping || self.not_durable.is_some();
        if ends_itself {
            self.keep_running(name, fx);
        }
        let Some(app) = self.apps.get_mut(name) else { return dead };
        let starting = app.starting.take();
        let over = starting.is_none() || matches!(reason, ExitReason::Killed(_));
        if over && app.until == Until::Stopped && !ends_itself {
            self.keep(running_key(name), None, fx);
        }
        let Some(app) = self.apps.get_mut(name) else { return dead };
        let in_reverse: Vec<Pid> =
            app.agents.iter().rev().filter_map(|agent| app.spawned.get(&agent.name).copied()).collect();
        app.coming.clear();
        let (labels, unsayable) =
            self.processes.get(&root).map(|p| (p.labels.clone(), p.rare.unsayable)).unwrap_or_default();
        for pid in in_reverse {
            self.mark(pid, &labels);
            dead.extend(self.exit(pid, ExitReason::Shutdown, now, fx));
        }
        dead.extend(self.exit(root, reason, now, fx));
        let Some(app) = self.apps.remove(name) else { return dead };
        self.catalog.forget(name);
        self.charter = self.charter.without_rules_of(name);
        self.mounts.retain(|_, mount| mount.app != *name);
        let problem = app.problem();
        let ok = problem.is_none();
        let reason = cut(problem.unwrap_or_else(|| "done".to_owned()), REASON_BYTES);
        let ended = AppEnded { app: name.to_string(), ok, reason: reason.clone() };
        self.record(ActionId(0), Content::AppEnded(ended), now, fx);
        fx.wakes.push(Wake::Notice(Notice::Ended { app: name.to_string(), ok, reason: reason.clone() }));
        let labels = app.labels.join(&labels).ok().filter(|_| !unsayable);
        if let Some(action) = starting {
            let starter = self.opened.get(&action).map_or(Pid::KERNEL, |open| open.pid);
            // Whoever is quicker than the start of the others has done what it was started for.
            let started = match ok {
                true => Ok(body::json(&Started { pid: root })),
                false => {
                    let failed =
                        Refusal::new(Code::Failed, format!("the application `{name}` did not start: {reason}"));
                    Err(match &labels {
                        Some(labels) => self.tell_of(starter, labels, failed),
                        None => Refusal::new(Code::TooLarge, format!("nothing can be told of the end of `{name}`")),
                    })
                }
            };
            self.close(action, started, now, fx);
        }
        let told = if ok { ExitReason::Normal } else { ExitReason::Error(reason) };
        for (monitor, asked) in app.monitors {
            let labels = labels.as_ref().and_then(|labels| labels.join(&asked).ok());
            self.tell_exit(monitor, Resource::App(name.clone()), &told, labels, now, fx);
        }
        dead
    }
}
