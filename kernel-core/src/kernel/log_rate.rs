//! How much an application writes into the log, against how much it may: whoever is over that waits.
//!
//! What is counted is the length of the events that its acts, and the ends of its processes, leave, and of the bodies that
//! are kept beside them: all that the log grows by. An act is counted when it is done, since only then it is known what came
//! of it, so one act too many passes and the next one waits: in front of the road, having drawn nothing and left nothing
//! behind. It waits for time to pass and for nobody else, so no circle of waits comes of it.
//!
//! The rate is that of a leaky bucket, as the virtual scheduling of ITU-T I.371 has it: one instant says all.

use super::effects::{Again, Effects};
use super::event::Event;
use super::input::Input;
use super::request::{Parsed, Request};
use super::state::{Due, State};
use crate::app::DEFAULT_LOG;
use crate::budget::nearly;
use crate::id::{CallId, Pid};
use crate::path::{Name, Resource, Verb};
use crate::process::{Lifecycle, Process};
use crate::refusal::{Code, Refusal};
use crate::time::{Instant, Now};
use std::collections::VecDeque;
use std::time::Duration;

/// The time in which an application may write as much as its limit says.
const WINDOW: Duration = Duration::from_secs(3_600);
/// What an event takes beside its content: its header, its hash in a tile, its place in a row.
const EVENT: usize = 120;

/// What one application has written, and who waits until there is room for more.
#[derive(Debug)]
pub(crate) struct LogRate {
    /// Bytes within [`WINDOW`].
    limit: u64,
    /// When all that was written is forgotten.
    until: Instant,
    /// Whether it was told that little is left, and that nothing is; both again once half is.
    near: bool,
    full: bool,
    /// The acts that wait, the one that came first in front.
    waiting: VecDeque<Again>,
    /// The deadline at which the first of them goes on.
    due: Option<u64>,
}

impl LogRate {
    pub(crate) fn new(limit: Option<u64>) -> LogRate {
        LogRate {
            limit: limit.unwrap_or(DEFAULT_LOG).max(1),
            until: Instant(0),
            near: false,
            full: false,
            waiting: VecDeque::new(),
            due: None,
        }
    }

    /// The most that may be written in an hour, bytes.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// How many acts wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What counts as written at `now`, bytes.
    pub(crate) fn used(&self, now: Instant) -> u64 {
        let owed = self.until.since(now).as_nanos() * u128::from(self.limit) / WINDOW.as_nanos();
        u64::try_from(owed).unwrap_or(u64::MAX)
    }

    /// When the first of them goes on, in the table of deadlines.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.due
    }

    /// How long it is until there is room again; nothing where there is.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.until.since(now).saturating_sub(WINDOW)
    }

    fn write(&mut self, bytes: usize, now: Instant) {
        let nanos = bytes as u128 * WINDOW.as_nanos() / u128::from(self.limit);
        let more = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.until = self.until.max(now).after(more);
    }
}

/// What an event takes in the log, with the body that is kept beside it.
pub(crate) fn weight(event: &Event) -> usize {
    EVENT + event.content.encoded_len() + event.content.kept_len()
}

impl State {
    /// Whose doing it is what comes of `input`: asked before it is stepped.
    pub(crate) fn writes(&self, input: &Input) -> Option<Pid> {
        match input {
            Input::Act { pid, .. } | Input::Unread { pid, .. } | Input::Handled { pid, .. } => Some(*pid),
            Input::Done { action, .. } | Input::Started { action, .. } | Input::Recorded { action } => {
                self.opened.get(action).map(|open| open.pid)
            }
            _ => None,
        }
    }

    /// The events from `from` on were the doing of `pid`.
    pub(crate) fn has_written(&mut self, pid: Pid, from: usize, now: Now, fx: &mut Effects) {
        let Some(written) = fx.records.get(from..).filter(|events| !events.is_empty()) else { return };
        let app = self.processes.get(&pid).map(|process| process.app.as_ref());
        let app = app.unwrap_or_else(|| self.history.of(pid).and_then(|ended| ended.app.as_ref()));
        let Some(name) = app.filter(|name| self.apps.contains_key(*name)).cloned() else { return };
        let bytes = written.iter().map(weight).sum();
        self.count_written(&name, bytes, now, fx);
    }

    /// Counts what was written of the application `name`, and tells when that is nearly as much as it may be, and when it is.
    pub(crate) fn count_written(&mut self, name: &Name, bytes: usize, now: Now, fx: &mut Effects) {
        let Some(app) = self.apps.get_mut(name) else { return };
        let (root, rate) = (app.root, &mut app.log);
        rate.write(bytes, now.at);
        let (used, limit) = (rate.used(now.at), rate.limit);
        if used < limit / 2 {
            (rate.near, rate.full) = (false, false);
        }
        let near = used >= nearly(limit) && !std::mem::replace(&mut rate.near, true);
        let full = used >= limit && !std::mem::replace(&mut rate.full, true);
        for used in near.then_some(used.min(limit)).into_iter().chain(full.then_some(limit)) {
            self.near(root, "log", used, limit, now, fx);
        }
    }

    /// Whether an act of `pid` has to wait because its application has written as much as it may; then it does. What the
    /// kernel does for it, and what only ends the process, does not. Whoever is to stop is refused, and waits for nothing.
    pub(crate) fn waits_for_log(
        &mut self,
        pid: Pid,
        call: Option<CallId>,
        request: &Request,
        now: Now,
        fx: &mut Effects,
    ) -> bool {
        let guest = |process: &&Process| process.program.is_some();
        let (Some(call), Some(process)) = (call, self.processes.get(&pid).filter(guest)) else { return false };
        let Some(name) = &process.app else { return false };
        let stops = process.life == Lifecycle::Stopping;
        let ends = |parsed: &Parsed| parsed.verb == Verb::Stop && parsed.resource == Resource::Proc(pid);
        let Some(app) = self.apps.get_mut(name).filter(|_| !request.parsed().is_ok_and(ends)) else { return false };
        let wait = app.log.wait(now.at);
        if self.passes.contains(&call) || (app.log.waiting.is_empty() && wait.is_zero()) {
            return false;
        }
        if stops {
            let no = "it is to stop, and its application has written as much into the log as it may";
            self.reply(pid, Some(call), Err(Refusal::new(Code::Cancelled, no)), now, fx);
            return true;
        }
        app.log.waiting.push_back(Again { pid, call, request: request.clone() });
        if app.log.due.is_none() {
            let (name, root) = (name.clone(), app.root);
            self.next_may_write(&name, root, now.at.after(wait));
        }
        true
    }

    fn next_may_write(&mut self, name: &Name, root: Pid, at: Instant) {
        let due = self.due(at, Due::Log(name.clone(), root));
        if let Some(app) = self.apps.get_mut(name) {
            app.log.due = Some(due);
        }
    }

    /// There may be room again for what the application `name` writes: the act that has waited longest is asked for again,
    /// and the next one when it is known what that has written.
    pub(crate) fn may_write(&mut self, name: &Name, root: Pid, now: Now, fx: &mut Effects) {
        let Some(app) = self.apps.get_mut(name).filter(|app| app.root == root) else { return };
        app.log.due = None;
        let wait = app.log.wait(now.at);
        if wait.is_zero()
            && let Some(again) = app.log.waiting.pop_front()
        {
            self.passes.insert(again.call);
            fx.again.push(again);
        }
        if !app.log.waiting.is_empty() {
            self.next_may_write(name, root, now.at.after(wait));
        }
    }

    /// Whether acts of `pid` wait.
    pub(crate) fn waits_to_write(&self, pid: Pid) -> bool {
        let app = self.processes.get(&pid).and_then(|process| self.apps.get(process.app.as_ref()?));
        app.is_some_and(|app| app.log.waiting.iter().any(|again| again.pid == pid))
    }

    /// What of `pid`, a process of `app`, waited is over, and answered by `why`.
    pub(crate) fn forget_waiting(&mut self, app: Option<&Name>, pid: Pid, why: &Refusal, now: Now, fx: &mut Effects) {
        let Some(app) = app.and_then(|name| self.apps.get_mut(name)) else { return };
        if app.log.waiting.is_empty() {
            return;
        }
        let (gone, left): (VecDeque<Again>, VecDeque<Again>) =
            std::mem::take(&mut app.log.waiting).into_iter().partition(|again| again.pid == pid);
        app.log.waiting = left;
        for Again { call, .. } in gone {
            self.reply(pid, Some(call), Err(why.clone()), now, fx);
        }
    }
}
