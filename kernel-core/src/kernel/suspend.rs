//! How a process is suspended, and what is held back from it until it goes on.
//!
//! A process that is suspended is handed nothing, and its acts wait with it. What it had asked for before goes on, and
//! is answered when it does. Nobody hands anything to a session, so its acts are refused instead.

use super::effects::{Again, Effects, Notice, Reply, Wake};
use super::event::{Content, Text};
use super::open::OpenKind;
use super::request::Request;
use super::running::Suspended;
use super::state::State;
use crate::id::{ActionId, CallId, Pid};
use crate::label::Labels;
use crate::process::{Lifecycle, Suspender};
use crate::refusal::{Code, Refusal};
use crate::time::Now;

/// Something that is withheld from a process while it is suspended.
#[derive(Debug)]
pub(crate) enum Withheld {
    /// An act that it asked for.
    Act(CallId, Request),
    /// The answer to one that it had asked for before.
    Reply(Reply),
}

impl State {
    /// Suspends a process that collected too many refusals.
    pub(crate) fn suspend_for(&mut self, pid: Pid, reason: String, now: Now, fx: &mut Effects) {
        if let Some(process) = self.processes.get_mut(&pid) {
            // It will not do what it was started for, so its application is no success.
            let app = process.app.as_ref().and_then(|name| self.apps.get_mut(name));
            if let Some(app) = app.filter(|app| app.spawned.get(&process.name) == Some(&pid)) {
                app.fail_by(format!("{} was suspended: {reason}", process.name), &process.labels);
            }
            // Whatever it carries now made it so.
            process.own_labels = process.labels.clone();
        }
        self.record(ActionId(0), Content::Suspended(Text { reason: reason.clone(), pid: pid.0 }), now, fx);
        self.suspend(pid, Suspender::Kernel, Some(reason), now, fx);
        self.keep_suspended(pid, fx);
    }

    /// `pid` runs, in the place of one that was suspended when the kernel before stopped: it is, too, before it has done
    /// anything.
    pub(crate) fn suspend_again(&mut self, pid: Pid, now: Now, fx: &mut Effects) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let app = process.app.as_ref().and_then(|name| self.apps.get_mut(name));
        let Some(app) = app.filter(|app| app.supervisor_of(&process.name) == Some(process.parent)) else { return };
        let Some(Suspended { by, labels }) = app.held.remove(&process.name) else { return };
        process.rare.touched = labels;
        let reason = "it was suspended when the kernel before stopped".to_owned();
        self.record(ActionId(0), Content::Suspended(Text { reason: reason.clone(), pid: pid.0 }), now, fx);
        self.suspend(pid, by, Some(reason), now, fx);
    }

    /// Suspends a process that runs; `reason` where nobody asked for it.
    pub(crate) fn suspend(&mut self, pid: Pid, by: Suspender, reason: Option<String>, now: Now, fx: &mut Effects) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.enter(Lifecycle::Suspended);
        process.rare.suspended = Some(by);
        let (name, app) = (process.name.to_string(), process.app.clone());
        fx.wakes.push(Wake::Notice(Notice::Suspended { pid, name, app, reason }));
        if process.program.is_some() {
            fx.wakes.push(Wake::Hold { pid });
        }
        self.still_timers(pid, now);
        self.weigh(pid, now, fx);
    }

    /// Lets a process that is suspended go on, where it was held.
    pub(crate) fn resume(&mut self, pid: Pid, now: Now, fx: &mut Effects) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.enter(Lifecycle::Running);
        let (name, app) = (process.name.to_string(), process.app.clone());
        fx.wakes.push(Wake::Notice(Notice::Resumed { pid, name, app }));
        if process.rare.suspended.take() == Some(Suspender::Kernel) {
            // Whoever may lift the limit has forgiven what led to it.
            process.rare.refusals.clear();
        }
        if process.program.is_some() {
            fx.wakes.push(Wake::LetGo { pid });
        }
        let withheld = self.withheld.remove(&pid).unwrap_or_default();
        if !withheld.is_empty() {
            process.seen = now.at;
        }
        for withheld in withheld {
            match withheld {
                Withheld::Act(call, request) => fx.again.push(Again { pid, call, request }),
                Withheld::Reply(reply) => fx.replies.push(reply),
            }
        }
        self.run_timers(pid, now);
        self.catch_up(pid, now, fx);
        self.next_message(pid, now, fx);
        self.weigh(pid, now, fx);
    }

    /// Hands what came while it was suspended to the receives that `pid` has open.
    fn catch_up(&mut self, pid: Pid, now: Now, fx: &mut Effects) {
        let acts = self.processes.get(&pid).map_or_else(Vec::new, |process| process.rare.acts.clone());
        for action in acts {
            let Some(OpenKind::Inbox { correlation }) = self.opened.get(&action).map(|open| &open.kind) else {
                continue;
            };
            let Some(process) = self.processes.get_mut(&pid) else { return };
            let Some(envelope) = process.mailbox.take(*correlation) else { continue };
            self.waiting.take(&envelope, process.durable);
            let received = self.receive_waiting(pid, &envelope, now, fx);
            self.close(action, received, now, fx);
        }
    }

    /// A guest that is suspended does not go on: its act waits with it.
    pub(crate) fn withhold(&mut self, pid: Pid, call: Option<CallId>, request: &Request) -> bool {
        if !self.processes.get(&pid).is_some_and(|process| process.is_held()) {
            return false;
        }
        if let Some(call) = call {
            self.withheld.entry(pid).or_default().push(Withheld::Act(call, request.clone()));
        }
        true
    }

    /// What was withheld from a process that has ended is over.
    pub(crate) fn forget_withheld(&mut self, pid: Pid, now: Now, fx: &mut Effects) {
        for withheld in self.withheld.remove(&pid).unwrap_or_default() {
            let (Withheld::Act(call, _) | Withheld::Reply(Reply { call, .. })) = withheld;
            self.reply(pid, Some(call), Err(Refusal::new(Code::Cancelled, "the process ended")), now, fx);
        }
    }

    /// What is known of a process by whether it is suspended: what it carries, and what those did who had to do with it.
    ///
    /// # Errors
    /// `too_large` where no set can hold that.
    pub(crate) fn labels_of_state(&self, pid: Pid) -> Result<Labels, Refusal> {
        let Some(process) = self.processes.get(&pid) else { return Ok(Labels::NONE) };
        let all = process.labels.join(&process.rare.touched);
        all.map_err(|e| Refusal::new(Code::TooLarge, format!("the state of /proc/{pid} cannot be told: {e}")))
    }
}
