//! `read /proc/self/inbox`: receive inside a `handle`, the next message or the next with a correlation.

use super::call;
use crate::id::{ActionId, Pid};
use crate::ipc::{Envelope, body};
use crate::kernel::effects::Effects;
use crate::kernel::open::{Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::kernel::stop::no_more_messages;
use crate::label::Labels;
use crate::path::Resource;
use crate::process::{InstanceKind, Lifecycle};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Which message to receive and how long to wait for it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InboxRead {
    /// Only a message with this correlation.
    pub correlation: Option<u64>,
    /// Milliseconds; 0 only looks. Default 30,000.
    pub deadline_ms: Option<u64>,
}

impl State {
    pub(super) fn apply_inbox(
        &mut self,
        act: &Act,
        read: &InboxRead,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let wait = call::deadline(read.deadline_ms);
        self.leaves_no_trace(act, &Labels::NONE, "takes nothing from the inbox: what it left")?;
        let Some(process) = self.processes.get_mut(&act.pid) else {
            return Err(Refusal::new(Code::NotFound, "the process is gone"));
        };
        if let Some(envelope) = process.mailbox.take(read.correlation) {
            self.waiting.take(&envelope, process.durable);
            return self.receive_waiting(act.pid, &envelope, now, fx).map(Answer::Reply);
        }
        if process.life == Lifecycle::Stopping {
            return Err(no_more_messages());
        }
        if wait.is_zero() {
            return Err(Refusal::new(Code::TimedOut, "no such message is waiting"));
        }
        let kind = OpenKind::Inbox { correlation: read.correlation };
        self.open(act, Open::new(act, kind), Some(now.at.after(wait)));
        Ok(Answer::Later)
    }

    /// Refuses what an instance of one message would tell the next one by, which does not carry its labels: that
    /// something is gone that is labelled `of`. What it says of that begins with `does`.
    pub(super) fn leaves_no_trace(&self, act: &Act, of: &Labels, does: &str) -> Result<(), Refusal> {
        let Some(process) = self.processes.get(&act.pid) else { return Ok(()) };
        if process.instance == InstanceKind::Kept || act.labels.minus(&process.own_labels).is_subset(of) {
            return Ok(());
        }
        let above = act.labels.minus(&process.own_labels);
        let reason = format!(
            "an instance of one message that carries {above} {does} would tell of that; keep the instance, or begin \
             with the label"
        );
        // Whoever sent the message chose its labels.
        Err(Refusal::new(Code::Denied, reason).by_other())
    }

    /// Hands `envelope` to `pid` in the middle of a `handle`: labels join, use is counted. `action` is the act that
    /// it comes from, 0 where that is not known any more.
    ///
    /// # Errors
    /// A dead letter, if the process carries so much by now that they cannot join.
    pub(crate) fn receive(
        &mut self,
        action: ActionId,
        pid: Pid,
        envelope: &Envelope,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Bytes, Refusal> {
        if let Some(process) = self.processes.get_mut(&pid) {
            match process.labels.join(&envelope.labels) {
                Ok(labels) => process.labels = labels,
                Err(e) => {
                    let reason = format!("/proc/{pid} may not receive it: {e}");
                    return Err(self.dead_letter(action, pid, envelope, Code::TooLarge, reason, now, fx));
                }
            }
            process.used.messages += 1;
            process.seen = now.at;
        }
        if envelope.sender != Resource::Proc(pid) {
            self.sway(pid, &envelope.labels);
        }
        Ok(framed(envelope))
    }

    /// The same for one that has waited in the mailbox of `pid`.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn receive_waiting(
        &mut self,
        pid: Pid,
        envelope: &Envelope,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Bytes, Refusal> {
        let framed = self.receive(ActionId(0), pid, envelope, now, fx);
        match &framed {
            Ok(_) => self.has_taken(pid, envelope.id),
            Err(_) => self.unstore_message(pid, envelope.id, fx),
        }
        framed
    }
}

/// An envelope as the reply of an inbox read.
fn framed(envelope: &Envelope) -> Bytes {
    #[derive(Serialize)]
    struct Head<'a> {
        id: u64,
        sender: String,
        target: String,
        kind: crate::ipc::EnvelopeKind,
        correlation: Option<u64>,
        deadline: Option<u64>,
        labels: &'a crate::label::Labels,
        content_type: &'a str,
    }
    let head = Head {
        id: envelope.id.0,
        sender: envelope.sender.to_string(),
        target: envelope.target.to_string(),
        kind: envelope.kind,
        correlation: envelope.correlation,
        deadline: envelope.deadline.map(|d| d.0),
        labels: &envelope.labels,
        content_type: &envelope.content_type,
    };
    body::join(&head, &envelope.body)
}
