//! How a process ends: its subtree first, then everything that was its own.

use super::effects::{Effects, Notice, Perform, Performance, Wake};
use super::event::{Content, Exited};
use super::inspect::lived;
use super::open::{Open, OpenKind};
use super::state::State;
use crate::id::{ActionId, MessageId, Pid, StreamId};
use crate::ipc::{Envelope, EnvelopeKind, body};
use crate::label::Labels;
use crate::path::{Name, Resource};
use crate::platform::{DeviceRequest, Usage};
use crate::process::{Ended, ExitReason, Lifecycle, Process, Program, Timer, Used};
use crate::refusal::{Code, Refusal};
use crate::time::Now;

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Dead {
    pub(crate) pid: Pid,
    pub(crate) name: Name,
    pub(crate) app: Option<Name>,
    /// What it ran.
    pub(crate) program: Option<Program>,
}

impl State {
    /// Ends `pid` and its whole subtree; returns who is gone, children first.
    pub(crate) fn exit(&mut self, pid: Pid, reason: ExitReason, now: Now, fx: &mut Effects) -> Vec<Dead> {
        // An end is work of its application: whoever is told of it may have been the last that had something to do,
        // and the application is not quiet before all of the end is over and what went wrong is noted.
        let app = self.processes.get(&pid).and_then(|p| p.app.clone());
        if let Some(app) = app.as_ref().and_then(|name| self.apps.get_mut(name)) {
            app.busy += 1;
        }
        let mut dead = Vec::new();
        self.exiting += 1;
        self.end_tree(pid, reason, now, fx, &mut dead);
        if self.exiting == 1 {
            self.end_snapped(now, fx);
        }
        self.exiting -= 1;
        // Any other application of which somebody is gone is gone with its process.
        if let Some(name) = app
            && let Some(app) = self.apps.get_mut(&name)
        {
            app.busy = app.busy.saturating_sub(1);
            self.go_on_stopping(&name, now, fx);
            self.end_if_quiet(&name, now, fx);
        }
        dead
    }

    pub(super) fn end_tree(&mut self, pid: Pid, reason: ExitReason, now: Now, fx: &mut Effects, dead: &mut Vec<Dead>) {
        if let Some(app) = self.app_of_root(pid) {
            // The end of an application's process is the application's: its agents stop in their order, and what
            // ended it is what it failed by.
            let problem = (reason != ExitReason::Normal).then(|| format!("the application itself ended ({reason})"));
            dead.extend(self.end_app(&app, problem, reason, now, fx));
            return;
        }
        let Some(process) = self.processes.get_mut(&pid) else { return };
        if process.life == Lifecycle::Exited {
            return;
        }
        process.enter(Lifecycle::Exited);
        if process.program.is_none() {
            self.takes_all_along(pid, &reason);
        }
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let below = below(&reason);
        // Their end is its doing.
        let labels = process.labels.clone();
        for child in std::mem::take(&mut process.children).into_iter().rev() {
            self.mark(child, &labels);
            self.end_tree(child, below.clone(), now, fx, dead);
        }
        dead.extend(self.end_one(pid, reason, now, fx));
    }

    fn end_one(&mut self, pid: Pid, reason: ExitReason, now: Now, fx: &mut Effects) -> Option<Dead> {
        self.count_busy(pid);
        let mut process = self.processes.remove(&pid)?;
        let name = (process.app.clone(), process.name.clone());
        // An application gave its own away.
        if self.names.get(&name) == Some(&pid) {
            self.names.remove(&name);
        }
        if process.program.is_some() {
            fx.wakes.push(Wake::Drop { pid });
        }
        self.close_routes(&mut process, now, fx);
        if let Some(holdings) = process.rare.holdings.take() {
            self.forget_holdings(pid, &holdings, &process.labels, now, fx);
        }
        let lost = self.lost_with(&process);
        self.settle_unreported(&mut process);
        self.waits_for_fuel.forget(pid);
        let callers = self.told_of_end(&mut process);
        self.topics.forget(pid);
        self.forget_monitor(pid, &process.rare.monitored);
        for name in process.rare.services.keys() {
            self.services.remove(name);
        }
        for name in &process.rare.tools {
            self.tools.remove(name);
        }
        let timers = process.rare.timers.values().filter_map(Timer::deadline);
        for deadline in timers.chain(process.rare.wall.map(|wall| wall.deadline)) {
            self.undue(deadline);
        }
        for stream in process.rare.streams.keys() {
            self.streams.remove(stream);
            self.tails.remove(stream);
            self.close_stream(*stream, fx);
        }
        let gone = Refusal::new(Code::Failed, format!("/proc/{pid} ended ({}) before it replied", reason.word()));
        for (action, labels) in callers {
            let caller = self.opened.get(&action).map_or(Pid::KERNEL, |open| open.pid);
            let told = match labels {
                None => Refusal::new(Code::TooLarge, "nothing can be told of the end of what was called"),
                Some(labels) => self.tell_of(caller, &labels, gone.clone()),
            };
            self.close(action, Err(told), now, fx);
        }
        self.note_unstarted(&process);
        let labels = Some(process.labels.clone()).filter(|_| !process.rare.unsayable);
        self.cancel_acts(std::mem::take(&mut process.rare.acts), &labels, now, fx);
        if let Some(parent) = self.processes.get_mut(&process.parent) {
            parent.children.remove(&pid);
        }
        self.forget_withheld(pid, now, fx);
        let limits = self.limits_of(&process, now.at);
        let ended = Refusal::new(Code::Cancelled, "the process ended");
        self.forget_waiting(process.app.as_ref(), pid, &ended, now, fx);
        // Levels that were held are given back with it; children were closed before.
        if let Ok(lines) = self.ledger.close(process.account) {
            self.carry_account(&process, lines);
        }
        let exited = Exited {
            pid: pid.0,
            name: process.name.to_string(),
            app: process.app.as_ref().map(ToString::to_string).unwrap_or_default(),
            reason: reason.word().to_owned(),
            detail: reason.detail().to_owned(),
            messages: process.used.messages,
            acts: process.used.acts,
            refused: process.used.refused,
            lost,
        };
        self.record(ActionId(0), Content::Exited(exited), now, fx);
        let (name, app) = (process.name.to_string(), process.app.clone());
        fx.wakes.push(Wake::Notice(Notice::Exited { pid, name, app, reason: reason.clone(), lost }));
        for (monitor, asked) in &process.rare.monitors {
            let labels = process.labels.join(asked).ok().filter(|_| !process.rare.unsayable);
            self.tell_exit(*monitor, Resource::Proc(pid), &reason, labels, now, fx);
        }
        self.snap(&process, &reason, now, fx);
        let mut tree = process.used;
        tree.memory_now = 0;
        if let Some(below) = &process.rare.below {
            tree.add(below);
        }
        self.bequeath(&process, &tree);
        self.history.push(Ended {
            pid,
            parent: process.parent,
            name: process.name.clone(),
            app: process.app.clone(),
            role: process.role.clone(),
            reason: reason.clone(),
            used: Used { memory_now: 0, ..process.used },
            tree,
            wall: lived(&process, now.at),
            limits,
        });
        if let Some(app) = &process.app {
            self.app_lost(app, &process, &reason, now, fx);
        }
        Some(Dead { pid, name: process.name, app: process.app, program: process.program })
    }

    /// What `process`, which ends, and all below it have used stays with whoever started it, with what it tells of.
    fn bequeath(&mut self, process: &Process, tree: &Used) {
        let Some(parent) = self.processes.get_mut(&process.parent) else { return };
        parent.rare.below.get_or_insert_default().add(tree);
        parent.rare.past_unsayable |= process.rare.past_unsayable || process.rare.unsayable;
        for labels in [&process.labels, &process.rare.past] {
            parent.remember(labels);
        }
    }

    /// `pid` has ended in the middle of a message, of which this is known now: it is added to what is remembered of it,
    /// and to what is said of all that those above it have started. Its fuel was settled when it ended.
    pub(crate) fn unreported(&mut self, pid: Pid, usage: &Usage) {
        let Some(ended) = self.history.of_mut(pid) else { return };
        let more = Used { memory_now: 0, ..ended.used.more(usage.cpu, usage.memory) };
        ended.used.add(&more);
        for limit in &mut ended.limits {
            limit.sees(usage.cpu, usage.memory);
        }
        let mut at = pid;
        while at != Pid::KERNEL
            && let Some(ended) = self.history.of_mut(at)
        {
            ended.tree.add(&more);
            at = ended.parent;
        }
        // The first who lives has inherited from all of them.
        if let Some(process) = self.processes.get_mut(&at) {
            process.rare.below.get_or_insert_default().add(&more);
        }
    }

    /// Empties the mailbox of `process`, which ends. The calls that wait for it, each with what it is told of that
    /// labelled: as an answer would have been, whose place it takes. `None` where no set can hold it.
    fn told_of_end(&mut self, process: &mut Process) -> Vec<(ActionId, Option<Labels>)> {
        let mut callers = Vec::new();
        for envelope in process.mailbox.drain() {
            self.waiting.take(&envelope, process.durable);
            callers.extend(self.requests.remove(&envelope.id));
        }
        callers.extend(process.handling.as_ref().and_then(|handling| handling.request));
        let labels = |action| self.output_labels(action, &process.labels).ok().filter(|_| !process.rare.unsayable);
        callers.into_iter().map(|action| (action, labels(action))).collect()
    }

    /// Notes for whoever spawned `process`, which ended, what it is told if that waits for it to run: that it will not
    /// is the doing of whoever ended it.
    fn note_unstarted(&mut self, process: &Process) {
        let Some(spawn) = process.rare.spawned_by else { return };
        let labels = Some(process.labels.clone()).filter(|_| !process.rare.unsayable);
        if let Some(Open { kind: OpenKind::Spawn { ended, .. }, .. }) = self.opened.get_mut(&spawn) {
            *ended = Some(labels);
        }
    }

    /// Acts that the process itself had under way are over; nobody waits for them.
    fn cancel_acts(&mut self, acts: Vec<ActionId>, labels: &Option<Labels>, now: Now, fx: &mut Effects) {
        for action in acts {
            // Nobody else sees to one that is below another process.
            if let Some(OpenKind::Spawn { child, ended: None }) = self.opened.get(&action).map(|open| &open.kind)
                && self.processes.contains_key(child)
            {
                self.end_next(*child, ExitReason::Shutdown, labels.clone());
            }
            self.close(action, Err(Refusal::new(Code::Cancelled, "the process ended")), now, fx);
        }
    }

    /// Tells the host to close a stream; nobody waits for it.
    pub(crate) fn close_stream(&mut self, stream: StreamId, fx: &mut Effects) {
        let what = Performance::Device(DeviceRequest::StreamClose { stream });
        fx.acts.push(Perform { action: ActionId(0), durable: false, what });
    }

    /// An envelope of kind `exit` for whoever monitors, labelled as what ended was, and as the monitor was when it
    /// asked: how it ended, and the text that goes with it, are its own. What cannot be labelled, for want of room
    /// in a set, is not told.
    pub(crate) fn tell_exit(
        &mut self,
        monitor: Pid,
        of: Resource,
        reason: &ExitReason,
        labels: Option<Labels>,
        now: Now,
        fx: &mut Effects,
    ) {
        #[derive(serde::Serialize)]
        struct Told<'a> {
            reason: &'a str,
            detail: &'a str,
            ok: bool,
        }
        self.forget_monitored(monitor, &of);
        self.counters.message += 1;
        let told = Told { reason: reason.word(), detail: reason.detail(), ok: reason.is_normal() };
        let unsayable = labels.is_none();
        let envelope = Envelope {
            id: MessageId(self.counters.message),
            sender: of,
            target: Resource::Proc(monitor),
            kind: EnvelopeKind::Exit,
            correlation: None,
            deadline: None,
            labels: labels.unwrap_or_default(),
            content_type: "application/json".into(),
            body: body::json(&told),
        };
        if unsayable {
            let reason = format!("the end of {} carries more labels than a set may hold", envelope.sender);
            self.unsayable_letter(ActionId(0), monitor, &envelope, reason, now, fx);
            return;
        }
        // Whoever is gone or full has its dead letter; nobody else can be told.
        let _ = self.deliver(monitor, envelope, ActionId(0), None, now, fx);
        self.weigh(monitor, now, fx);
    }
}

/// What those end for who are below a process that ends for `reason`.
pub(super) fn below(reason: &ExitReason) -> ExitReason {
    match reason {
        ExitReason::Killed(by) => ExitReason::Killed(by.clone()),
        _ => ExitReason::Shutdown,
    }
}
