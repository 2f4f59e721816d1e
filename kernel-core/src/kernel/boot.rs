//! The ends of a kernel's life, inside step: boot, sessions, flushes, fail-stop, shutdown.

use super::effects::{Effects, Notice, Reply, Wake};
use super::event::{Attached, Booted, Content, Outcome, Phase, Text, bounded};
use super::input::Boot;
use super::rows;
use super::running::{Running, running_key};
use super::state::{Due, State};
use super::verb::New;
use crate::agency::Role;
use crate::capability::Capabilities;
use crate::id::{ActionId, CallId, Pid};
use crate::ipc::body;
use crate::label::Labels;
use crate::path::Name;
use crate::platform::Key;
use crate::process::{ExitReason, Lifecycle};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use bytes::{BufMut, Bytes, BytesMut};
use std::time::Duration;

/// The row of a kernel that has not stopped in order.
fn alive_key() -> Key {
    rows::key(rows::TABLE_ALIVE, b"")
}

/// What an application failed by that ran when the kernel stopped.
const TOLD_TO_STOP: &str = "the kernel was told to stop";

/// How long a kernel that stops waits at most for all applications together, whatever time they give themselves.
const STOPS_WITHIN: Duration = Duration::from_secs(120);

impl State {
    /// The first event of every boot.
    pub(crate) fn boot(&mut self, boot: &Boot, now: Now, fx: &mut Effects) {
        let booted = Booted {
            version: boot.version.clone(),
            host: boot.host.clone(),
            environment: boot.environment.clone(),
            repair: boot.repair.clone(),
            unsigned: boot.unsigned,
            tree: Some(boot.tree.root()),
            verified_from: (boot.verified_from > 0).then_some(boot.verified_from),
        };
        self.record(ActionId(0), Content::Boot(booted), now, fx);
        self.keep_alive(0, fx);
        self.keep_tree_head(ActionId(0), fx);
        for (app, row) in &boot.cut_short {
            // It is told of once. Who of it was killed stays so.
            self.keep(running_key(app), Running::read(row).tombstone().map(|tombstone| tombstone.row()), fx);
        }
        for action in &boot.interrupted {
            let outcome = Outcome {
                result: Outcome::UNKNOWN.to_owned(),
                reason: "the kernel stopped before it learned what came of it".to_owned(),
                bytes: 0,
                note: String::new(),
                tree: None,
            };
            self.record(*action, Content::Outcome(outcome), now, fx);
            fx.rows.push((rows::numbered(rows::TABLE_OPEN, action.0), None));
        }
    }

    /// The row that says that this kernel has not stopped in order, and how many messages would be lost if it never did.
    fn keep_alive(&mut self, waiting: u64, fx: &mut Effects) {
        self.keep(alive_key(), Some(Bytes::copy_from_slice(&waiting.to_be_bytes())), fx);
    }

    pub(crate) fn phase(&mut self, name: &str, micros: u64, now: Now, fx: &mut Effects) {
        self.record(ActionId(0), Content::Phase(Phase { name: name.to_owned(), micros }), now, fx);
        fx.wakes.push(Wake::Notice(Notice::Phase { name: name.to_owned(), micros }));
    }

    /// Opens a session: a process without a program, whose port is held outside.
    pub(crate) fn attach(
        &mut self,
        call: CallId,
        name: &Name,
        role: &Role,
        capabilities: &Capabilities,
        now: Now,
        fx: &mut Effects,
    ) {
        #[derive(serde::Serialize)]
        struct Pidded {
            pid: Pid,
        }
        // While a kernel that stops waits for applications the operator can end them.
        if (self.stopping && self.apps.is_empty()) || self.not_durable.is_some() {
            let refusal = Refusal::new(Code::Cancelled, "the kernel is stopping");
            self.reply(Pid::KERNEL, Some(call), Err(refusal), now, fx);
            return;
        }
        let new = New {
            name: name.clone(),
            app: None,
            role: role.clone(),
            parent: Pid::KERNEL,
            capabilities: capabilities.clone(),
            labels: Labels::NONE,
            agent: None,
        };
        let pid = self.create(new, now);
        if let Some(process) = self.processes.get_mut(&pid) {
            process.enter(Lifecycle::Running);
        }
        self.count_busy(pid);
        let attached = Attached {
            pid: pid.0,
            name: name.to_string(),
            role: role.as_str().to_owned(),
            use_: bounded(capabilities.use_rights().iter().map(ToString::to_string)),
            grant: bounded(capabilities.grant_rights().iter().map(ToString::to_string)),
        };
        self.record(ActionId(0), Content::Attached(attached), now, fx);
        self.reply(pid, Some(call), Ok(body::json(&Pidded { pid })), now, fx);
    }

    /// The committer is about to write: the log is told what it does not know yet, and the numbers that
    /// must never be reused go into the same batch.
    pub(crate) fn flush(&mut self, now: Now, fx: &mut Effects) {
        self.tell_counts(now, fx);
        self.keep_drawn(fx);
        if let Some(messages) = self.waiting.news() {
            self.keep_alive(messages, fx);
        }
        let c = self.counters;
        let mut row = BytesMut::with_capacity(32);
        for n in [c.pid, c.action, c.message, c.stream] {
            row.put_u64(n);
        }
        fx.rows.push((rows::key(rows::TABLE_COUNTERS, b""), Some(row.freeze())));
    }

    /// Fail-stop: whatever waits is refused, and nothing is acknowledged any more.
    pub(crate) fn fail_stop(&mut self, reason: &str, now: Now, fx: &mut Effects) {
        self.not_durable = Some(reason.to_owned());
        let waiting: Vec<ActionId> = self.opened.keys().copied().collect();
        for action in waiting {
            let refusal = Refusal::new(Code::NotDurable, format!("the log could not be written: {reason}"));
            self.close(action, Err(refusal), now, fx);
        }
        for app in self.apps.keys().cloned().collect::<Vec<_>>() {
            self.end_app(&app, Some(TOLD_TO_STOP.to_owned()), ExitReason::Shutdown, now, fx);
        }
        // One in whose end a step broke off does not end a second time, and nobody is to wait for it.
        self.apps.clear();
        self.end_rest(now, fx);
    }

    /// Everything stops, in order: applications, then what is left. Whoever asked is answered when all of it has.
    pub(crate) fn shutdown(&mut self, call: CallId, reason: &str, now: Now, fx: &mut Effects) {
        self.shutdowns.push(call);
        if !std::mem::replace(&mut self.stopping, true) {
            let text = Text { reason: reason.to_owned(), pid: 0 };
            self.record(ActionId(0), Content::Shutdown(text), now, fx);
            self.due(now.at.after(STOPS_WITHIN), Due::Shutdown);
            for app in self.apps.keys().cloned().collect::<Vec<_>>() {
                self.stop_app(&app, Some(TOLD_TO_STOP.to_owned()), ExitReason::Shutdown, now, fx);
            }
        }
        self.stop_rest(now, fx);
    }

    /// What has not stopped by now ends at once, whatever time its manifest gives it.
    pub(crate) fn stop_at_once(&mut self, now: Now, fx: &mut Effects) {
        for name in self.apps.keys().cloned().collect::<Vec<_>>() {
            if let Some(app) = self.apps.get_mut(&name) {
                app.fail(format!("it had not stopped {} s after the kernel was told to", STOPS_WITHIN.as_secs()));
            }
            self.end_app(&name, None, ExitReason::Shutdown, now, fx);
        }
    }

    /// What is left when a kernel that stops has no applications any more.
    pub(crate) fn stop_rest(&mut self, now: Now, fx: &mut Effects) {
        if !self.stopping || !self.apps.is_empty() {
            return;
        }
        self.end_rest(now, fx);
        // In one batch with all the ends; that nothing waits any more is no news then.
        self.waiting.news();
        self.keep(alive_key(), None, fx);
        for call in std::mem::take(&mut self.shutdowns) {
            // What follows is a checkpoint over all of it.
            fx.replies.push(Reply { call, result: Ok(Bytes::new()), durable: false });
        }
    }

    fn end_rest(&mut self, now: Now, fx: &mut Effects) {
        let rest: Vec<Pid> = self.processes.values().map(|p| p.pid).collect();
        for pid in rest.into_iter().rev() {
            self.exit(pid, ExitReason::Shutdown, now, fx);
        }
    }
}
