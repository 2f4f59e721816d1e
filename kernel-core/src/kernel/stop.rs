//! How applications, and those below a supervisor, stop: in the reverse of the order of their start, each asked to end and
//! given its time. Below a supervisor that starts again only whoever failed (`one_for_one`), whoever nobody needs who is still
//! there is asked at once, and so those stop together that do not depend on each other: OTP stops them one after the other,
//! whose times add up.
//!
//! Whoever is to stop waits in `App::leaving` for its turn, and is there until its process is gone. What comes next is read
//! from that alone, after every end. A process that is asked ends at once where it has nothing in hand.

use super::app::{App, Started, Until};
use super::effects::{Effects, Notice, Wake};
use super::event::{AppEnded, Content, Failing};
use super::exit::{Dead, below};
use super::members::Member;
use super::open::OpenKind;
use super::running::running_key;
use super::state::{Due, State};
use crate::id::{ActionId, Pid};
use crate::ipc::body;
use crate::label::Labels;
use crate::path::{Name, Resource};
use crate::process::{ExitReason, Lifecycle, Shutdown, Strategy};
use crate::refusal::{Code, REASON_BYTES, Refusal, cut};
use crate::time::Now;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::time::Duration;

/// One that stops, or is to when its turn comes.
#[derive(Debug, Default)]
pub(crate) struct Stopped {
    /// Whether it was asked to.
    asked: bool,
    /// When it is ended all the same, in the table of deadlines.
    deadline: Option<u64>,
    /// What it ends for, where it is a supervisor that ends by itself and not because its own stops it.
    of_itself: Option<ExitReason>,
}

impl Stopped {
    /// Whether its supervisor stops it.
    pub(crate) fn by_supervisor(&self) -> bool {
        self.of_itself.is_none()
    }

    /// When it is ended all the same.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.deadline
    }
}

/// What comes next where processes stop in order.
enum Turn {
    /// This one is asked to end.
    Ask(Name),
    /// Nobody is left below this supervisor, which ends for this reason.
    End(Name, ExitReason),
}

impl App {
    /// Whom `member` needs, or somebody below it.
    fn needs_of<'a>(&'a self, member: &'a Member) -> Vec<&'a Name> {
        match member.supervision {
            None => member.needs.iter().collect(),
            Some(_) => {
                let below = self.below(&member.name);
                let members = self.members.iter().filter(|other| below.contains(&other.name));
                members.flat_map(|other| &other.needs).collect()
            }
        }
    }

    fn next_turn(&self) -> Option<Turn> {
        // The supervisors below which somebody is left who started later.
        let mut left: BTreeSet<Option<&Name>> = BTreeSet::new();
        // Whom those need who are left, and all below them, with the supervisors above them.
        let mut needed: BTreeSet<&Name> = BTreeSet::new();
        for member in self.members.iter().rev() {
            let Some(stopped) = self.leaving.get(&member.name) else { continue };
            let waits = match self.supervision_of(member.above.as_ref()).strategy {
                Strategy::OneForOne => needed.contains(&member.name),
                Strategy::OneForAll | Strategy::RestForOne => left.contains(&member.above.as_ref()),
            };
            if !stopped.asked && !waits {
                return Some(Turn::Ask(member.name.clone()));
            }
            if stopped.asked && member.supervision.is_some() && !left.contains(&Some(&member.name)) {
                let reason = stopped.of_itself.clone().unwrap_or(ExitReason::Shutdown);
                return Some(Turn::End(member.name.clone(), reason));
            }
            left.insert(member.above.as_ref());
            for need in self.needs_of(member) {
                needed.extend(self.above(need).chain([need]));
            }
        }
        None
    }
}

impl State {
    /// Stops an application in order and ends it for `reason`. `problem` is what went wrong besides what went wrong before.
    pub(crate) fn stop_app(
        &mut self,
        name: &Name,
        problem: Option<String>,
        reason: ExitReason,
        now: Now,
        fx: &mut Effects,
    ) {
        if !self.begin_end(name, problem, reason, fx) {
            return;
        }
        let root = self.apps.get(name).map_or(Pid::KERNEL, |app| app.root);
        let labels = self.processes.get(&root).map(|process| process.labels.clone()).unwrap_or_default();
        self.stop_below(name, None, &labels);
        self.go_on_stopping(name, now, fx);
        // Where somebody is waited for, why it ends is told in one batch with that it is not to run again.
        if let Some(reason) = self.apps.get(name).and_then(App::problem) {
            let failing = Failing { app: name.to_string(), reason: cut(reason, REASON_BYTES) };
            self.record(ActionId(0), Content::Failing(failing), now, fx);
        }
    }

    /// Ends an application at once: its agents in the reverse of the order of their start, then its process, for `reason`;
    /// returns who is gone.
    pub(crate) fn end_app(
        &mut self,
        name: &Name,
        problem: Option<String>,
        reason: ExitReason,
        now: Now,
        fx: &mut Effects,
    ) -> Vec<Dead> {
        if !self.begin_end(name, problem, reason.clone(), fx) && matches!(reason, ExitReason::Killed(_)) {
            if let Some(app) = self.apps.get_mut(name) {
                app.ends_for = reason.clone();
            }
            self.forget_running(name, fx);
        }
        self.finish_end(name, reason, now, fx)
    }

    /// Nothing starts an application again that runs, or stops. Who of it was killed stays known.
    pub(crate) fn forget_running(&mut self, name: &Name, fx: &mut Effects) {
        let Some(app) = self.apps.get_mut(name) else { return };
        app.unwanted = true;
        let tombstone = app.tombstone().map(|tombstone| tombstone.row());
        if app.until == Until::Stopped || tombstone.is_some() || app.row.is_some() {
            self.keep(running_key(name), tombstone, fx);
        }
    }

    /// Ends a supervisor of an application, which is not its process, for `reason`, once those below it have stopped in
    /// order. Its own supervisor deals with that.
    pub(crate) fn end_supervisor(
        &mut self,
        name: &Name,
        supervisor: &Name,
        reason: ExitReason,
        now: Now,
        fx: &mut Effects,
    ) {
        let Some(app) = self.apps.get_mut(name) else { return };
        let process = app.spawned.get(supervisor).and_then(|pid| self.processes.get(pid));
        // It may be on its way already.
        let Some(process) = process.filter(|_| !app.leaving.contains_key(supervisor)) else { return };
        let labels = process.labels.clone();
        let stopped = Stopped { asked: true, of_itself: Some(reason), ..Stopped::default() };
        app.leaving.insert(supervisor.clone(), stopped);
        self.stop_below(name, Some(supervisor), &labels);
        self.go_on_stopping(name, now, fx);
    }

    /// `pid` ends at once for `reason`, with all below it: where it is a supervisor, their ends are its doing and no failures.
    pub(crate) fn takes_all_along(&mut self, pid: Pid, reason: &ExitReason) {
        let Some((name, Some(supervisor))) = self.supervised_by(pid) else { return };
        if let Some(app) = self.apps.get_mut(&name) {
            let stopped = Stopped { asked: true, of_itself: Some(reason.clone()), ..Stopped::default() };
            app.leaving.entry(supervisor).or_insert(stopped);
        }
    }

    /// Everybody directly below a supervisor is to stop, by the doing of what carries `labels`.
    fn stop_below(&mut self, name: &Name, supervisor: Option<&Name>, labels: &Labels) {
        let Some(app) = self.apps.get(name) else { return };
        let children: Vec<Name> = app.children(supervisor).map(|member| member.name.clone()).collect();
        children.iter().for_each(|child| self.is_to_stop(name, child, labels));
    }

    /// The supervisor of `member` stops it when its turn comes, by the doing of what carries `labels`.
    pub(crate) fn is_to_stop(&mut self, name: &Name, member: &Name, labels: &Labels) {
        let Some(app) = self.apps.get_mut(name) else { return };
        let Some(pid) = app.spawned.get(member).copied().filter(|pid| self.processes.contains_key(pid)) else { return };
        let stopped = app.leaving.entry(member.clone()).or_default();
        // Its end is its supervisor's doing from now on, whatever it was on its way for, and when it is its turn it has the
        // time that it is stopped within.
        if stopped.of_itself.take().is_some() {
            stopped.asked = false;
        }
        self.mark(pid, labels);
    }

    /// Goes on with whatever stops in `name`, as far as nobody has to be waited for. For whoever has ended a process.
    pub(crate) fn go_on_stopping(&mut self, name: &Name, now: Now, fx: &mut Effects) {
        let under_way = |app: &&mut App| !app.over && (app.ending || !app.leaving.is_empty() || !app.coming.is_empty());
        let Some(app) = self.apps.get_mut(name).filter(under_way) else { return };
        // Whoever is at it already sees to all of it.
        if std::mem::replace(&mut app.stopping, true) {
            return;
        }
        // It is not quiet before what comes of the last of these ends is known.
        app.busy += 1;
        while let Some(turn) = self.apps.get(name).and_then(App::next_turn) {
            match turn {
                Turn::Ask(member) => self.ask_member(name, &member, now, fx),
                Turn::End(supervisor, reason) => {
                    let pid = self.apps.get(name).and_then(|app| app.spawned.get(&supervisor)).copied();
                    if let Some(pid) = pid {
                        self.exit(pid, reason, now, fx);
                    }
                    // It is in the middle of its end: whoever ends it goes on then.
                    if self.apps.get(name).is_some_and(|app| app.leaving.contains_key(&supervisor)) {
                        break;
                    }
                }
            }
        }
        let Some(app) = self.apps.get_mut(name) else { return };
        app.stopping = false;
        app.busy = app.busy.saturating_sub(1);
        let (root, reason) = (app.root, app.ends_for.clone());
        if app.ending && app.leaving.is_empty() {
            self.finish_end(name, reason, now, fx);
            return;
        }
        if !app.coming.is_empty() {
            // Whoever waited for them to stop. What that looks at is loaded before.
            self.due(now.at, Due::Restart(name.clone(), root));
        }
        self.end_if_quiet(name, now, fx);
    }

    /// It is the turn of `member` to stop.
    fn ask_member(&mut self, name: &Name, member: &Name, now: Now, fx: &mut Effects) {
        let Some(app) = self.apps.get_mut(name) else { return };
        let Some((shutdown, supervises)) = app.member(member).map(|m| (m.shutdown, m.supervision.is_some())) else {
            return;
        };
        let Some(pid) = app.spawned.get(member).copied() else { return };
        if let Some(stopped) = app.leaving.get_mut(member) {
            stopped.asked = true;
        }
        let Some(process) = self.processes.get(&pid) else { return };
        let labels = process.labels.clone();
        match (shutdown, supervises) {
            (Shutdown::Kill, _) => drop(self.exit(pid, ExitReason::Shutdown, now, fx)),
            (_, true) => self.stop_below(name, Some(member), &labels),
            (_, false) => self.ask_to_end(pid, ExitReason::Shutdown, now, fx),
        }
        if let Shutdown::Within(time) = shutdown
            && self.apps.get(name).is_some_and(|app| app.leaving.contains_key(member))
        {
            let deadline = self.due(now.at.after(time), Due::Stop(pid, time));
            if let Some(stopped) = self.apps.get_mut(name).and_then(|app| app.leaving.get_mut(member)) {
                stopped.deadline = Some(deadline);
            }
        }
    }

    /// Asks a process to end when it has finished what it is busy with; one that has nothing in hand ends at once, for
    /// `reason`.
    pub(crate) fn ask_to_end(&mut self, pid: Pid, reason: ExitReason, now: Now, fx: &mut Effects) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        match process.life {
            Lifecycle::Running if process.handling.is_some() => {
                process.enter(Lifecycle::Stopping);
                let app = process.app.clone();
                self.drop_timers(pid);
                self.end_receives(pid, now, fx);
                let stops = Refusal::new(Code::Cancelled, "it is to stop");
                self.forget_waiting(app.as_ref(), pid, &stops, now, fx);
            }
            // It was asked before, and finishes.
            Lifecycle::Stopping => {}
            // One that is suspended would never come to its end by itself.
            _ => drop(self.exit(pid, reason, now, fx)),
        }
    }

    /// A process that takes no more messages waits for none.
    fn end_receives(&mut self, pid: Pid, now: Now, fx: &mut Effects) {
        let acts = self.processes.get(&pid).map(|process| process.rare.acts.clone()).unwrap_or_default();
        for action in acts {
            if self.opened.get(&action).is_some_and(|open| matches!(open.kind, OpenKind::Inbox { .. })) {
                self.close(action, Err(no_more_messages()), now, fx);
            }
        }
    }

    /// What a process that was asked to end, and has finished, ends for.
    pub(crate) fn asked_by(&self, pid: Pid) -> ExitReason {
        let process = self.processes.get(&pid);
        let app = process.and_then(|process| self.apps.get(process.app.as_ref()?).zip(Some(&process.name)));
        let stopped =
            app.is_some_and(|(app, name)| app.spawned.get(name) == Some(&pid) && app.leaving.contains_key(name));
        if stopped { ExitReason::Shutdown } else { ExitReason::Normal }
    }

    /// The time of a process that was to stop is over.
    pub(crate) fn overdue(&mut self, pid: Pid, time: Duration, now: Now, fx: &mut Effects) {
        let reason = format!("it was asked to stop and did not within {} ms", time.as_millis());
        self.exit(pid, ExitReason::Limit(reason), now, fx);
    }

    /// Notes that an application ends for `reason`; `false` where that is so already.
    fn begin_end(&mut self, name: &Name, problem: Option<String>, reason: ExitReason, fx: &mut Effects) -> bool {
        let never = self.never_registered(name);
        // A kernel that stops leaves it for the next boot.
        let ends_itself = self.stopping || self.not_durable.is_some();
        let Some(app) = self.apps.get_mut(name).filter(|app| !app.ending) else { return false };
        app.ending = true;
        if problem.is_none() && app.failed.is_empty() {
            never.into_iter().for_each(|(service, labels)| app.fail_by(service, &labels));
        }
        if let Some(problem) = problem {
            app.fail(problem);
        }
        app.starter = app.starting.take();
        app.coming.clear();
        // One that fails while it is started again is tried again by the next kernel.
        let over = app.starter.is_none() || app.failed.is_empty() || matches!(reason, ExitReason::Killed(_));
        app.ends_for = reason;
        if over && !ends_itself {
            self.forget_running(name, fx);
        } else if app.starter.is_some() && !app.continues {
            // One that was being started anew has no row, but for those of it that were killed.
            app.unwanted = true;
            let row = app.tombstone().map(|tombstone| tombstone.row());
            if row.is_some() || app.row.is_some() {
                self.keep(running_key(name), row, fx);
            }
        }
        true
    }

    /// Ends what is left of an application, and the application.
    fn finish_end(&mut self, name: &Name, reason: ExitReason, now: Now, fx: &mut Effects) -> Vec<Dead> {
        let mut dead = Vec::new();
        let Some(app) = self.apps.get_mut(name).filter(|app| !app.over) else { return dead };
        app.over = true;
        let root = app.root;
        let in_reverse: Vec<Pid> =
            app.members.iter().rev().filter_map(|member| app.spawned.get(&member.name).copied()).collect();
        let (labels, unsayable) =
            self.processes.get(&root).map(|p| (p.labels.clone(), p.rare.unsayable)).unwrap_or_default();
        for pid in in_reverse {
            self.mark(pid, &labels);
            dead.extend(self.exit(pid, below(&reason), now, fx));
        }
        // One that is to run again has then what is left now.
        self.keep_running(name, fx);
        dead.extend(self.exit(root, reason, now, fx));
        let Some(app) = self.apps.remove(name) else { return dead };
        let deadlines = app.leaving.values().filter_map(|stopped| stopped.deadline);
        deadlines.chain(app.log.deadline()).for_each(|number| self.undue(number));
        self.catalog.forget(name);
        self.charter = self.charter.without_rules_of(name);
        self.mounts.retain(|_, mount| mount.app != *name);
        let problem = app.problem();
        let ok = problem.is_none();
        let reason = cut(problem.unwrap_or_else(|| "done".to_owned()), REASON_BYTES);
        let ended = AppEnded { app: name.to_string(), ok, reason: reason.clone() };
        if !ok {
            self.failed.insert(name.clone(), reason.clone());
        }
        self.record(ActionId(0), Content::AppEnded(ended), now, fx);
        let stopped_by = app.stopped_by.as_ref().map(Name::to_string);
        fx.wakes.push(Wake::Notice(Notice::Ended { app: name.to_string(), ok, reason: reason.clone(), stopped_by }));
        let labels = app.labels.join(&labels).ok().filter(|_| !unsayable);
        if let Some(action) = app.starter {
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
        for stop in app.stops {
            self.close(stop, Ok(Bytes::from_static(b"{}")), now, fx);
        }
        let told = if ok { ExitReason::Normal } else { ExitReason::Error(reason) };
        for (monitor, asked) in app.monitors {
            let labels = labels.as_ref().and_then(|labels| labels.join(&asked).ok());
            self.tell_exit(monitor, Resource::App(name.clone()), &told, labels, now, fx);
        }
        self.stop_rest(now, fx);
        dead
    }
}

/// What a receive of a process that was asked to end is told.
pub(crate) fn no_more_messages() -> Refusal {
    Refusal::new(Code::Cancelled, "the process was asked to end: no more messages come")
}
