//! Limits that are nearly used up, which is told once, and the time that a process may live.

use super::effects::{Effects, Notice, Wake};
use super::event::{Content, LimitNear};
use super::state::{Due, State};
use crate::budget::nearly;
use crate::id::{ActionId, Pid};
use crate::process::{ExitReason, Limit, Process, Program, Scope, Wall};
use crate::time::{Instant, Now};
use std::time::Duration;

impl State {
    /// Tells of the limits of accounts that this step has nearly used up. Whoever owns one and is gone by now ended by
    /// more than that, which is told.
    pub(crate) fn tell_near(&mut self, now: Now, fx: &mut Effects) {
        for near in self.ledger.take_near() {
            // An account has the number of the process that it was opened for.
            self.near(Pid(near.account.0), near.meter.as_str(), near.used, near.limit, now, fx);
        }
    }

    /// What an instance has used at most, or for one message, against what one may: told once for each process.
    pub(crate) fn weigh_limits(
        &mut self,
        pid: Pid,
        used: &[(&'static str, u64, Option<u64>)],
        now: Now,
        fx: &mut Effects,
    ) {
        for &(meter, used, limit) in used {
            // The half is looked at first: most use less, after every message.
            let is_near = |limit: &u64| *limit > 0 && used > *limit / 2 && used >= nearly(*limit);
            let Some(limit) = limit.filter(is_near) else { continue };
            let Some(process) = self.processes.get_mut(&pid) else { return };
            if process.rare.near.insert(meter) {
                self.near(pid, meter, used, limit, now, fx);
            }
        }
    }

    /// A limit of `pid` is nearly used up: the log has it, and observers are told.
    pub(crate) fn near(&mut self, pid: Pid, meter: &str, used: u64, limit: u64, now: Now, fx: &mut Effects) {
        let Some(process) = self.processes.get(&pid) else { return };
        let name = process.name.to_string();
        let app = process.app.as_ref().map(ToString::to_string).unwrap_or_default();
        let meter = meter.to_owned();
        let near = LimitNear { pid: pid.0, name: name.clone(), app: app.clone(), meter: meter.clone(), used, limit };
        self.record(ActionId(0), Content::LimitNear(near), now, fx);
        fx.wakes.push(Wake::Notice(Notice::LimitNear { pid, name, app, meter, used, limit }));
    }

    /// What `process` may use at most, and what is used of it: of its account, then of an instance and of a message, then
    /// of itself.
    pub(crate) fn limits_of(&self, process: &Process, now: Instant) -> Vec<Limit> {
        let lines = self.ledger.lines(process.account).unwrap_or_default();
        let drawn = lines.into_iter().filter_map(|line| {
            let used = line.drawn();
            Some(Limit { meter: line.meter.as_str().into(), of: Scope::Account, used, limit: line.limit? })
        });
        let mut limits: Vec<Limit> = drawn.collect();
        let mut also = |meter: &'static str, of, used, limit: Option<u64>| {
            limits.extend(limit.map(|limit| Limit { meter: meter.into(), of, used, limit }));
        };
        let (most, own) = (process.rare.most, process.limits);
        // A program of the host runs in no sandbox that would hold it to these.
        if matches!(process.program, Some(Program::Wasm { .. })) {
            also("memory", Scope::Instance, process.used.memory, Some(own.memory));
            also("fuel", Scope::Message, most.fuel, own.fuel);
            also("handle", Scope::Message, most.cpu, Some(nanos(own.handle)));
        }
        if let Some(Wall { limit, ends, .. }) = process.rare.wall {
            also("wall", Scope::Process, nanos(limit.saturating_sub(ends.since(now))), Some(nanos(limit)));
        }
        also("stored", Scope::Process, u64::try_from(process.used.stored).unwrap_or(0), process.rare.stored);
        limits
    }

    /// `pid` may live so long, of which `lived` are over.
    pub(crate) fn limit_wall(&mut self, pid: Pid, limit: Duration, lived: Duration, now: Now) {
        let near = Duration::from_nanos(nearly(nanos(limit)));
        let ends = now.at.after(limit.saturating_sub(lived));
        // What was near before was told of then.
        let told = lived >= near;
        let due = if told { ends } else { now.at.after(near - lived) };
        let deadline = self.due(due, Due::Wall(pid, limit));
        if let Some(process) = self.processes.get_mut(&pid) {
            process.rare.wall = Some(Wall { limit, ends, deadline, near: told });
        }
    }

    /// A process has lived nearly as long as it may, which is told, or as long as that.
    pub(crate) fn outlived(&mut self, pid: Pid, limit: Duration, now: Now, fx: &mut Effects) {
        let Some(Wall { ends, near: false, .. }) = self.processes.get(&pid).and_then(|p| p.rare.wall) else {
            let reason = format!("it ran for its whole wall time of {} ms", limit.as_millis());
            self.exit(pid, ExitReason::Limit(reason), now, fx);
            return;
        };
        let deadline = self.due(ends, Due::Wall(pid, limit));
        if let Some(process) = self.processes.get_mut(&pid) {
            process.rare.wall = Some(Wall { limit, ends, deadline, near: true });
        }
        self.near(pid, "wall", nanos(limit.saturating_sub(ends.since(now.at))), nanos(limit), now, fx);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
