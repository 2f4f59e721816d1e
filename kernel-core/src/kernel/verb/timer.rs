//! Timers: private to their process, delivered as envelopes of kind `timer`.

use super::{Body, header, invalid};
use crate::id::{ActionId, MessageId, Pid};
use crate::ipc::{Envelope, EnvelopeKind};
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::{Due, State};
use crate::label::Labels;
use crate::path::{Name, Resource};
use crate::process::Timer;
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use bytes::Bytes;
use serde::Deserialize;
use std::time::Duration;

/// The shortest period of a repeating timer.
const MIN_PERIOD: Duration = Duration::from_millis(1);
/// The most running timers of one process.
const TIMERS: usize = 64;

/// When a timer fires.
#[derive(Clone, Copy, Debug)]
pub struct TimerStart {
    /// The first time, from now.
    pub after: Duration,
    /// Then again and again.
    pub every: Option<Duration>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Header {
    after_ms: Option<u64>,
    every_ms: Option<u64>,
}

pub(super) fn parse(body: &Body) -> Result<TimerStart, Refusal> {
    let h: Header = header(body)?;
    let every = h.every_ms.map(Duration::from_millis);
    if every.is_some_and(|every| every < MIN_PERIOD) {
        return Err(invalid("\"every_ms\" is at least 1"));
    }
    match (h.after_ms.map(Duration::from_millis), every) {
        (Some(after), None) => Ok(TimerStart { after, every: None }),
        (None, Some(every)) => Ok(TimerStart { after: every, every: Some(every) }),
        _ => Err(invalid("a timer says exactly one of \"after_ms\" and \"every_ms\"")),
    }
}

impl State {
    pub(super) fn apply_timer_start(
        &mut self,
        act: &Act,
        name: &Name,
        start: TimerStart,
        now: Now,
    ) -> Result<Answer, Refusal> {
        if let Some(before) = self.processes.get(&act.pid).and_then(|p| p.rare.timers.get(name)).cloned() {
            // That there is one of this name is a message of whoever started it.
            self.taint(act.pid, &before.labels)?;
            self.leaves_no_trace(act, &before.labels, "replaces no timer that runs without it: that it is gone")?;
        }
        let deadline = self.due(now.at.after(start.after), Due::Timer(act.pid, name.clone()));
        let Some(process) = self.processes.get_mut(&act.pid) else { return Ok(Answer::empty()) };
        if process.rare.timers.len() >= TIMERS && !process.rare.timers.contains_key(name) {
            let all = process.rare.timers.values().try_fold(Labels::NONE, |all, timer| all.join(&timer.labels));
            self.undue(deadline);
            let many = |e| Refusal::new(Code::TooLarge, format!("what the timers of this process carry: {e}"));
            // So is that none of them has this name.
            self.taint(act.pid, &all.map_err(many)?)?;
            return Err(Refusal::new(Code::Full, format!("a process may run {TIMERS} timers")));
        }
        let before = process
            .rare
            .timers
            .insert(name.clone(), Timer { deadline, every: start.every, labels: act.labels.clone() });
        if let Some(before) = before {
            self.undue(before.deadline);
        }
        Ok(Answer::empty())
    }

    pub(super) fn apply_timer_stop(&mut self, act: &Act, name: &Name) -> Result<Answer, Refusal> {
        let timer = self.processes.get(&act.pid).and_then(|p| p.rare.timers.get(name)).cloned();
        let absent = || Refusal::new(Code::NotFound, format!("no timer /timer/{name} of yours is running"));
        let timer = timer.ok_or_else(absent)?;
        // That there is one of this name is a message of whoever started it.
        self.taint(act.pid, &timer.labels)?;
        self.leaves_no_trace(act, &timer.labels, "stops no timer that runs without it: that it stopped")?;
        self.undue(timer.deadline);
        if let Some(process) = self.processes.get_mut(&act.pid) {
            process.rare.timers.remove(name);
        }
        Ok(Answer::empty())
    }

    /// A timer is due: it is delivered like any message; where the mailbox is full it is lost and counted. It is an act
    /// of its process like the one that started it, and draws as that did.
    pub(crate) fn fire(&mut self, pid: Pid, name: &Name, now: Now, fx: &mut Effects) {
        let Some(process) = self.processes.get(&pid) else { return };
        let Some(timer) = process.rare.timers.get(name).cloned() else { return };
        if !self.reserve_firing(pid, name, &timer.labels, now, fx) {
            return;
        }
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.used.acts += 1;
        match timer.every {
            Some(every) => {
                let deadline = self.due(now.at.after(every), Due::Timer(pid, name.clone()));
                if let Some(process) = self.processes.get_mut(&pid) {
                    process
                        .rare
                        .timers
                        .insert(name.clone(), Timer { deadline, every: timer.every, labels: timer.labels.clone() });
                }
            }
            None => {
                process.rare.timers.remove(name);
            }
        }
        self.counters.message += 1;
        let envelope = Envelope {
            id: MessageId(self.counters.message),
            sender: Resource::Proc(Pid::KERNEL),
            target: Resource::Timer(name.clone()),
            kind: EnvelopeKind::Timer,
            correlation: None,
            deadline: None,
            labels: timer.labels,
            content_type: "".into(),
            body: Bytes::new(),
        };
        // A full mailbox made a dead letter; the timer itself goes on.
        let _ = self.deliver(pid, envelope, ActionId(0), None, now, fx);
        self.weigh(pid, now, fx);
    }
}
