//! Acts that have passed the gate and are not over: who waits, for what, until when.

use super::effects::{Effects, Reply};
use super::event::{Content, Outcome};
use super::road::{Act, Asked, NOBODY, is_own_doing, is_refusal};
use super::rows;
use super::state::{Abandoned, Due, State};
use super::suspend::Withheld;
use super::verb::Killed;
use super::verb::table::Class;
use crate::id::{ActionId, CallId, Pid, StreamId};
use crate::ipc::Envelope;
use crate::label::Labels;
use crate::path::{Resource, Verb};
use crate::platform::DeviceReply;
use crate::process::ExitReason;
use crate::refusal::{Code, Refusal};
use crate::time::{Instant, Now};
use bytes::Bytes;

/// One act under way.
#[derive(Debug)]
pub(crate) struct Open {
    /// Who.
    pub pid: Pid,
    /// The reply slot; `None` for acts of the kernel itself.
    pub call: Option<CallId>,
    /// The verb.
    pub verb: Verb,
    /// The resource.
    pub resource: Resource,
    /// How the act is recorded: an intent wants its outcome.
    pub class: Class,
    /// What it waits for.
    pub kind: OpenKind,
    /// Its deadline in the table of deadlines.
    pub deadline: Option<u64>,
}

/// What an open act waits for.
#[derive(Debug)]
pub(crate) enum OpenKind {
    /// The reply of another process.
    Call {
        /// Which.
        callee: Pid,
        /// The request, until it is handed on.
        held: Option<Box<Envelope>>,
    },
    /// A message.
    Inbox {
        /// With this correlation, if any.
        correlation: Option<u64>,
    },
    /// A device.
    Device,
    /// The driver, which looks for what is below a node of the tree.
    Listing,
    /// A device that opens this stream.
    Connecting {
        /// Which.
        stream: StreamId,
        /// Whether the right to it gives addresses that are private.
        private: bool,
        /// What whoever opens it carries.
        labels: Labels,
    },
    /// The first instance of this process.
    Spawn {
        /// Which.
        child: Pid,
        /// What it carried at its end, once it has ended before it ran; within, `None` where no set could hold it.
        ended: Option<Option<Labels>>,
    },
    /// All agents of an application.
    AppStart,
    /// The host, which has not seen the guests of all that it killed gone.
    Kill(Box<Killed>),
    /// The end of an application.
    AppStop,
    /// An answer to an escalation; then the act goes on.
    Escalated(Box<super::road::Held>),
}

/// How an open act was closed.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    /// For the log, such as the address of a connection.
    pub note: String,
    /// Whether a device said so. What that cannot do is no misconduct of who asked: a file that is not there, or that
    /// nobody may read.
    pub by_other: bool,
}

impl Open {
    /// The open form of `act`.
    pub(crate) fn new(act: &Act, kind: OpenKind) -> Open {
        Open {
            pid: act.pid,
            call: act.call,
            verb: act.verb,
            resource: act.resource.clone(),
            class: act.class,
            kind,
            deadline: None,
        }
    }
}

impl State {
    /// Notes that `act` waits, at most until `deadline`.
    pub(crate) fn open(&mut self, act: &Act, mut open: Open, deadline: Option<Instant>) {
        open.deadline = deadline.map(|at| self.due(at, Due::Open(act.action)));
        if let Some(process) = self.processes.get_mut(&act.pid) {
            process.rare.acts.push(act.action);
        }
        self.opened.insert(act.action, open);
    }

    /// Ends an open act otherwise than by its device: records what came of it, and replies.
    pub(crate) fn close(&mut self, action: ActionId, result: Result<Bytes, Refusal>, now: Now, fx: &mut Effects) {
        if result.is_err() {
            self.give_up(action, fx);
        }
        self.end_open(action, result, Closed::default(), now, fx);
    }

    /// Ends an open act: records the outcome where an intent stands or a device could not do it, a refusal where it
    /// comes to one, and replies.
    pub(crate) fn end_open(
        &mut self,
        action: ActionId,
        result: Result<Bytes, Refusal>,
        closed: Closed,
        now: Now,
        fx: &mut Effects,
    ) {
        let Some(open) = self.opened.remove(&action) else { return };
        if let Some(number) = open.deadline {
            self.undue(number);
        }
        self.unblock(open.pid, action);
        let asked = self.asked_to_spawn(&open);
        let result = result.map_err(|refusal| refusal.of(action));
        // What a device could not do was permitted all the same, so it is no refusal. An address that is not granted
        // is one: the device alone knows what a name is.
        let not_done = closed.by_other
            && open.class != Class::Inner
            && result.as_ref().is_err_and(|refusal| refusal.code != Code::Denied);
        match (open.kind, &result) {
            (OpenKind::Escalated(held), Err(refusal)) => self.unanswered(action, *held, refusal, now, fx),
            // Its device is busy with it, or will be told that it is not to begin: what came of it is known then.
            (_, _) if self.unsettled.contains_key(&action) => {}
            (_, result) if open.class == Class::Outward || not_done => {
                self.record_outcome(action, result, closed.note, now, fx);
                if !not_done {
                    self.count_failed(open.pid, result, now, fx);
                }
            }
            (_, Err(refusal)) if is_refusal(open.class, refusal.code) => {
                let asked = Asked::new(action, open.pid, open.verb, &open.resource);
                let counts = !closed.by_other && is_own_doing(refusal);
                self.record_refused(asked, None, None, refusal, counts, now, fx);
            }
            _ => {}
        }
        self.reply(open.pid, open.call, result, now, fx);
        self.has_asked_to_spawn(asked, now, fx);
        self.weigh(open.pid, now, fx);
    }

    /// An act ends while its device is still busy with it. The intent of an outward one stays without an outcome
    /// until the device has answered.
    fn give_up(&mut self, action: ActionId, fx: &mut Effects) {
        let open = self.opened.get(&action);
        if let Some(Open { kind: OpenKind::Device | OpenKind::Connecting { .. }, class: Class::Outward, pid, .. }) =
            open
        {
            self.unsettled.insert(action, *pid);
            fx.withdrawn.push(action);
        }
        match self.opened.get(&action) {
            Some(Open { kind: OpenKind::Connecting { stream, .. }, pid, .. }) => {
                self.abandoned.insert(action, Abandoned::Connect(*stream, *pid));
            }
            Some(Open { kind: OpenKind::Device, resource: Resource::Stream(stream), verb, pid, .. }) => {
                let (stream, pid) = (*stream, *pid);
                match verb {
                    Verb::Read => self.give_up_read(action, stream),
                    // Nobody knows how much of it went out, so what followed would be read as something else.
                    Verb::Write => self.drop_stream(pid, stream, fx),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The device has answered an outward act that nobody waits for any more: that is its outcome.
    pub(crate) fn settle(
        &mut self,
        action: ActionId,
        result: &Result<DeviceReply, (Code, String)>,
        now: Now,
        fx: &mut Effects,
    ) {
        let Some(pid) = self.unsettled.remove(&action) else { return };
        let note = match result {
            Ok(DeviceReply::Done { address: Some(address) }) => address.clone(),
            _ => String::new(),
        };
        let result = match result {
            Ok(reply) => Ok(super::verb::device_reply(reply)),
            Err((code, reason)) => Err(Refusal::new(*code, reason.clone()).of(action)),
        };
        self.record_outcome(action, &result, note, now, fx);
        if matches!(&result, Err(refusal) if refusal.code == Code::Denied) {
            self.count_refused(pid, true, now, fx);
        }
    }

    /// `pid` does not wait for `action` any more.
    pub(crate) fn unblock(&mut self, pid: Pid, action: ActionId) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.rare.acts.retain(|a| *a != action);
        }
    }

    /// The outcome event of an act, with the root of the tree where it changed that, and the end of its row among the open
    /// intents if it has one.
    pub(crate) fn record_outcome(
        &mut self,
        action: ActionId,
        result: &Result<Bytes, Refusal>,
        note: String,
        now: Now,
        fx: &mut Effects,
    ) {
        let (word, reason, bytes) = match result {
            Ok(reply) => (Outcome::DONE, String::new(), reply.len() as u64),
            Err(refusal) => (refusal.code.as_str(), refusal.for_the_log(), 0),
        };
        let tree = self.untold_root.then(|| self.tree.root());
        let outcome = Outcome { result: word.to_owned(), reason, bytes, note, tree };
        self.record(action, Content::Outcome(outcome), now, fx);
        fx.rows.push((rows::numbered(rows::TABLE_OPEN, action.0), None));
    }

    /// Puts a reply on its way. What goes to a session leaves the kernel, so where the environment wants
    /// output commit it waits for the flush.
    pub(crate) fn reply(
        &mut self,
        pid: Pid,
        call: Option<CallId>,
        result: Result<Bytes, Refusal>,
        now: Now,
        fx: &mut Effects,
    ) {
        self.reply_after(false, pid, call, result, now, fx);
    }

    /// The same for one that tells that something is `stored`: it waits for the flush whoever gets it.
    pub(crate) fn reply_after(
        &mut self,
        stored: bool,
        pid: Pid,
        call: Option<CallId>,
        result: Result<Bytes, Refusal>,
        now: Now,
        fx: &mut Effects,
    ) {
        let held = self.processes.get_mut(&pid).is_some_and(|process| {
            let held = process.is_held();
            process.seen = if held { process.seen } else { now.at };
            held
        });
        // What is left out of a refusal for its caller is left out for whoever the caller tells it to, too.
        let result = result.map_err(|refusal| Refusal { aside: None, ..refusal });
        let Some(call) = call else {
            self.unheard = result.err();
            return;
        };
        self.passes.remove(&call);
        let outside = self.processes.get(&pid).is_none_or(|p| p.program.is_none());
        let durable = (outside || stored) && self.environment.output_commit();
        let reply = Reply { call, result, durable };
        if held {
            self.withheld.entry(pid).or_default().push(Withheld::Reply(reply));
        } else {
            fx.replies.push(reply);
        }
    }

    /// The deadline of an open act has passed.
    pub(crate) fn expire(&mut self, action: ActionId, now: Now, fx: &mut Effects) {
        let Some(open) = self.opened.get(&action) else { return };
        if matches!(open.kind, OpenKind::Escalated(_)) {
            // A refusal needs no rows.
            let _ = self.answer(action, false, NOBODY, now, fx);
            return;
        }
        match &open.kind {
            OpenKind::Spawn { child, .. } => {
                let child = *child;
                self.exit(child, ExitReason::NotStarted("its instance was not ready in time".to_owned()), now, fx);
            }
            OpenKind::Kill(_) => {
                self.unseen(action, now, fx);
                return;
            }
            OpenKind::AppStart => {
                // One that stops by now has its own time for that.
                if let Resource::App(name) = open.resource.clone()
                    && self.apps.get(&name).is_some_and(|app| app.starting == Some(action))
                {
                    let problem = Some("not all agents were running in time".to_owned());
                    self.end_app(&name, problem, ExitReason::Shutdown, now, fx);
                }
            }
            _ => {}
        }
        // Ending the application has answered whoever was starting it.
        let Some(open) = self.opened.get(&action) else { return };
        let reason = match &open.kind {
            OpenKind::Call { callee, .. } => format!("/proc/{callee} did not reply in time; it may still act"),
            OpenKind::Inbox { .. } => "no such message came in time".to_owned(),
            _ => format!("`{}` on {} did not finish in time", open.verb.as_str(), open.resource),
        };
        self.close(action, Err(Refusal::new(Code::TimedOut, reason)), now, fx);
    }
}
