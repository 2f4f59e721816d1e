//! Timers: private to their process, delivered as envelopes of kind `timer`.

use super::{Body, header, invalid};
use crate::id::{ActionId, MessageId, Pid};
use crate::ipc::{Envelope, EnvelopeKind};
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::{Due, State};
use crate::label::Labels;
use crate::path::{Name, Resource};
use crate::process::{InstanceKind, Runs, Timer, TimerKey};
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
        let timer = Timer { runs: Runs::Until(deadline), every: start.every, labels: act.labels.clone() };
        let Some(process) = self.processes.get_mut(&act.pid) else { return Ok(Answer::empty()) };
        let before = process.rare.timers.insert(key, timer);
        before.and_then(|before| before.deadline()).into_iter().for_each(|deadline| self.undue(deadline));
        Ok(Answer::empty())
    }

    pub(super) fn apply_timer_stop(&mut self, act: &Act, name: &Name) -> Result<Answer, Refusal> {
        let key = self.timer_key(act, name);
        let timer = self.processes.get_mut(&act.pid).and_then(|p| p.rare.timers.remove(&key));
        let absent = || Refusal::new(Code::NotFound, format!("no timer /timer/{name} of yours is running"));
        timer.ok_or_else(absent)?.deadline().into_iter().for_each(|deadline| self.undue(deadline));
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
        let deadlines = timers.into_iter().flatten().filter_map(|(_, timer)| timer.deadline());
        deadlines.for_each(|deadline| self.undue(deadline));
    }

    /// The timers of a process that is suspended stand still: what does not come draws nothing.
    pub(crate) fn still_timers(&mut self, pid: Pid, now: Now) {
        let keys = self.timers_of(pid);
        for key in keys {
            let Some(deadline) = self.timer(pid, &key).and_then(|timer| timer.deadline()) else { continue };
            let left = self.left_of(deadline, now);
            self.undue(deadline);
            if let Some(timer) = self.timer(pid, &key) {
                timer.runs = Runs::Still(left);
            }
        }
    }

    /// They run on, each with what was left of it.
    pub(crate) fn run_timers(&mut self, pid: Pid, now: Now) {
        let keys = self.timers_of(pid);
        for key in keys {
            let Some(Timer { runs: Runs::Still(left), .. }) = self.timer(pid, &key).cloned() else { continue };
            let deadline = self.due(now.at.after(left), Due::Timer(pid, key.clone()));
            if let Some(timer) = self.timer(pid, &key) {
                timer.runs = Runs::Until(deadline);
            }
        }
    }

    fn timers_of(&self, pid: Pid) -> Vec<TimerKey> {
        self.processes.get(&pid).map_or_else(Vec::new, |process| process.rare.timers.keys().cloned().collect())
    }

    fn timer(&mut self, pid: Pid, key: &TimerKey) -> Option<&mut Timer> {
        self.processes.get_mut(&pid)?.rare.timers.get_mut(key)
    }

    /// A timer is due: it is delivered like any message; where the mailbox is full it is lost and counted. It is an act
    /// of its process like the one that started it, and draws as that did.
    pub(crate) fn fire(&mut self, pid: Pid, key: TimerKey, now: Now, fx: &mut Effects) {
        let Some(process) = self.processes.get(&pid) else { return };
        let Some(timer) = process.rare.timers.get(&key).cloned() else { return };
        let name = key.0.clone();
        if !self.reserve_firing(pid, &name, &timer.labels, now, fx) {
            // Where its process goes on, it does without.
            if let Some(process) = self.processes.get_mut(&pid) {
                process.rare.timers.remove(&key);
            }
            self.weigh(pid, now, fx);
            return;
        }
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.used.acts += 1;
        match timer.every {
            Some(every) => {
                let deadline = self.due(now.at.after(every), Due::Timer(pid, key.clone()));
                if let Some(process) = self.processes.get_mut(&pid) {
                    process.rare.timers.insert(key, Timer { runs: Runs::Until(deadline), ..timer.clone() });
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
