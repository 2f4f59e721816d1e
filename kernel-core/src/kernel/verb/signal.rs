//! `signal`: a word to a process that it cannot be too busy to hear.

use super::process::absent;
use super::{Body, invalid, table};
use crate::id::{ActionId, MessageId, Pid};
use crate::ipc::{Envelope, EnvelopeKind, SIGNAL, body};
use crate::kernel::effects::Effects;
use crate::kernel::open::OpenKind;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::path::Resource;
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use serde::{Deserialize, Serialize};

/// What is signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// What it waits for is over: it is answered `cancelled`.
    Interrupt,
    /// It should look again at what it was configured by.
    Reload,
    /// Whatever it takes it for.
    User,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Header {
    signal: Option<String>,
}

impl Signal {
    const ALL: [Signal; 3] = [Signal::Interrupt, Signal::Reload, Signal::User];

    fn as_str(self) -> &'static str {
        match self {
            Signal::Interrupt => "interrupt",
            Signal::Reload => "reload",
            Signal::User => "user",
        }
    }
}

pub(super) fn parse(body: &Body) -> Result<Signal, Refusal> {
    let header: Header = super::header(body)?;
    let named = |signal: &Signal| header.signal.as_deref() == Some(signal.as_str());
    let signal = Signal::ALL.into_iter().find(named);
    signal.ok_or_else(|| invalid("\"signal\" is one of interrupt, reload and user"))
}

impl State {
    pub(super) fn apply_signal(
        &mut self,
        act: &Act,
        pid: Pid,
        signal: Signal,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        if !self.processes.contains_key(&pid) {
            return Err(absent(pid));
        }
        match signal {
            Signal::Interrupt => self.interrupt(act, pid, now, fx),
            Signal::Reload | Signal::User => self.hand_signal(act, pid, signal, now, fx)?,
        }
        Ok(Answer::empty())
    }

    /// Cancels all that `pid` waits for. That somebody does is told with what that one carries.
    fn interrupt(&mut self, act: &Act, pid: Pid, now: Now, fx: &mut Effects) {
        let acts = self.processes.get(&pid).map_or_else(Vec::new, |process| process.rare.acts.clone());
        for action in acts {
            let Some(open) = self.opened.get(&action) else { continue };
            let waits = table::row(open.verb, open.resource.kind()).is_some_and(|row| row.blocking);
            match open.kind {
                // What is dead is dead: whoever killed it is told what was seen so far.
                OpenKind::Kill(_) => self.unseen(action, now, fx),
                // What was begun goes on, as it does where nobody waits for it any more.
                OpenKind::Escalated(_) | OpenKind::AppStop => self.cancel(action, pid, &act.labels, now, fx),
                _ if waits => self.cancel(action, pid, &act.labels, now, fx),
                _ => {}
            }
        }
        if self.waits_to_write(pid) {
            let app = self.processes.get(&pid).and_then(|process| process.app.clone());
            let told = self.tell_of(pid, &act.labels, interrupted());
            self.sway(pid, &act.labels);
            self.forget_waiting(app.as_ref(), pid, &told, now, fx);
        }
    }

    fn cancel(&mut self, action: ActionId, pid: Pid, labels: &Labels, now: Now, fx: &mut Effects) {
        let told = self.tell_of(pid, labels, interrupted());
        self.sway(pid, labels);
        self.close(action, Err(told), now, fx);
    }

    /// Hands a signal over as an envelope, in front of all that waits. One that waits already is enough.
    fn hand_signal(&mut self, act: &Act, pid: Pid, signal: Signal, now: Now, fx: &mut Effects) -> Result<(), Refusal> {
        #[derive(Serialize)]
        struct Told {
            signal: &'static str,
            sender: String,
        }
        self.counters.message += 1;
        let envelope = Envelope {
            id: MessageId(self.counters.message),
            // No process has this number, so nobody sends in its name.
            sender: Resource::Proc(Pid::KERNEL),
            target: Resource::Proc(pid),
            kind: EnvelopeKind::Message,
            correlation: None,
            deadline: None,
            labels: act.labels.clone(),
            content_type: format!("{SIGNAL}{}", signal.as_str()).into(),
            body: body::json(&Told { signal: signal.as_str(), sender: Resource::Proc(act.pid).to_string() }),
        };
        self.deliver(pid, envelope, act.action, None, now, fx)?;
        self.weigh(pid, now, fx);
        Ok(())
    }
}

fn interrupted() -> Refusal {
    Refusal::new(Code::Cancelled, "it was interrupted by a signal")
}
