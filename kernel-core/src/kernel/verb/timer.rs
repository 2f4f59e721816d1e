//! Timers: private to their process, delivered as envelopes of kind `timer`.

use super::{Body, header, invalid};
use crate::id::{ActionId, MessageId, Pid};
use crate::ipc::{Envelope, EnvelopeKind};
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::{Due, State};
use crate::label::Labels;
use crate::path::{Name, Resource};
use crate::process::{InstanceKind, Timer, TimerKey};
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
        let key = self.timer_key(act, name);
        let Some(process) = self.processes.get(&act.pid) else { return Ok(Answer::empty()) };
        let timers = &process.rare.timers;
        // What messages bring never takes all the room there is.
        let brought = |(_, labels): &&TimerKey| !labels.is_subset(&process.own_labels);
        let (running, most) = match brought(&&key) {
            true => (timers.keys().filter(brought).count(), TIMERS / 2),
            false => (timers.len(), TIMERS),
        };
        if (running >= most || timers.len() >= TIMERS) && !timers.contains_key(&key) {
            let with = if most < TIMERS { " under labels that messages brought" } else { "" };
            return Err(Refusal::new(Code::Full, format!("a process may run {most} timers{with}")));
        }
        let deadline = self.due(now.at.after(start.after), Due::Timer(act.pid, key.clone()));
        let timer = Timer { deadline, every: start.every, labels: act.labels.clone() };
        let Some(process) = self.processes.get_mut(&act.pid) else { return Ok(Answer::empty()) };
        if let Some(before) = process.rare.timers.insert(key, timer) {
            self.undue(before.deadline);
        }
        Ok(Answer::empty())
    }

    pub(super) fn apply_timer_stop(&mut self, act: &Act, name: &Name) -> Result<Answer, Refusal> {
        let key = self.timer_key(act, name);
        let timer = self.processes.get_mut(&act.pid).and_then(|p| p.rare.timers.remove(&key));
        let absent = || Refusal::new(Code::NotFound, format!("no timer /timer/{name} of yours is running"));
        self.undue(timer.ok_or_else(absent)?.deadline);
        Ok(Answer::empty())
    }

    /// Which timer `act` means by `name`: of instances that are kept there is one, whatever it carries.
    fn timer_key(&self, act: &Act, name: &Name) -> TimerKey {
        let kept = self.processes.get(&act.pid).is_none_or(|process| process.instance == InstanceKind::Kept);
        (name.clone(), if kept { Labels::NONE } else { act.labels.clone() })
    }

    /// Takes all timers from a process that is handed nothing any more: what never comes draws nothing.
    pub(crate) fn drop_timers(&mut self, pid: Pid) {
        let timers = self.processes.get_mut(&pid).map(|process| std::mem::take(&mut process.rare.timers));
        timers.into_iter().flatten().for_each(|(_, timer)| self.undue(timer.deadline));
    }

    /// A timer is due: it is delivered like any message; where the mailbox is full it is lost and counted. It is an act
    /// of its process like the one that started it, and draws as that did.
    pub(crate) fn fire(&mut self, pid: Pid, key: TimerKey, now: Now, fx: &mut Effects) {
        let Some(process) = self.processes.get(&pid) else { return };
        let Some(timer) = process.rare.timers.get(&key).cloned() else { return };
        let name = key.0.clone();
        if !self.reserve_firing(pid, &name, &timer.labels, now, fx) {
            return;
        }
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.used.acts += 1;
        match timer.every {
            Some(every) => {
                let deadline = self.due(now.at.after(every), Due::Timer(pid, key.clone()));
                if let Some(process) = self.processes.get_mut(&pid) {
                    process
                        .rare
                        .timers
                        .insert(key, Timer { deadline, every: timer.every, labels: timer.labels.clone() });
                }
            }
            None => {
                process.rare.timers.remove(&key);
            }
        }
        self.counters.message += 1;
        let envelope = Envelope {
            id: MessageId(self.counters.message),
            sender: Resource::Proc(Pid::KERNEL),
            target: Resource::Timer(name),
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
