//! `call`: a request that waits for its reply, with a deadline, and never in a circle.

use super::Body;
use super::send::{self, Message};
use crate::id::{ActionId, Pid};
use crate::ipc::EnvelopeKind;
use crate::kernel::effects::Effects;
use crate::kernel::open::{Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// How long a blocking act waits where it does not say.
pub(super) const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);
/// The longest that a blocking act may wait.
pub(super) const MAX_DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    /// What it carries.
    pub message: Message,
    /// How long it waits.
    pub deadline: Duration,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Header {
    labels: Labels,
    content_type: Option<Arc<str>>,
    correlation: Option<u64>,
    deadline_ms: Option<u64>,
}

pub(super) fn parse(body: &Body) -> Result<Call, Refusal> {
    let header: Header = super::header(body)?;
    let deadline = deadline(header.deadline_ms)?;
    let message = send::message(header.labels, header.content_type, header.correlation, body)?;
    Ok(Call { message, deadline })
}

/// A deadline from milliseconds; the default where there is none.
pub(super) fn deadline(ms: Option<u64>) -> Result<Duration, Refusal> {
    let deadline = ms.map_or(DEFAULT_DEADLINE, Duration::from_millis);
    if deadline > MAX_DEADLINE {
        return Err(super::invalid("deadline_ms may be at most 86400000, a day"));
    }
    Ok(deadline)
}

impl State {
    pub(super) fn apply_call(&mut self, act: &Act, call: &Call, now: Now, fx: &mut Effects) -> Result<Answer, Refusal> {
        let target = self.receiver(&act.resource)?;
        self.refuse_circle(act.pid, target)?;
        let deadline = now.at.after(call.deadline);
        let envelope = self.envelope(act, EnvelopeKind::Request, &call.message, Some(deadline));
        self.deliver(target, envelope, Some(act.action), now, fx)?;
        self.open(act, Open::new(act, OpenKind::Call { callee: target }), Some(deadline));
        Ok(Answer::Later)
    }

    /// Refuses a wait of `caller` for `callee` that would close a circle of processes that wait.
    fn refuse_circle(&self, caller: Pid, callee: Pid) -> Result<(), Refusal> {
        let mut chain = vec![caller];
        let mut next = Some(callee);
        while let Some(pid) = next {
            chain.push(pid);
            if pid == caller {
                let names: Vec<String> = chain.iter().map(|p| format!("/proc/{p}")).collect();
                return Err(Refusal::new(
                    Code::Deadlock,
                    format!("waiting would never end: {}", names.join(" waits for ")),
                ));
            }
            next = self.waits_for(pid);
        }
        Ok(())
    }

    /// The process that `pid` waits for, if it blocks on a call.
    fn waits_for(&self, pid: Pid) -> Option<Pid> {
        let action = self.processes.get(&pid)?.blocked?;
        match &self.opened.get(&action)?.kind {
            OpenKind::Call { callee } => Some(*callee),
            _ => None,
        }
    }

    /// Completes the call `action` with what its callee returned.
    pub(crate) fn answer_call(
        &mut self,
        action: ActionId,
        callee: Pid,
        labels: &Labels,
        result: Result<bytes::Bytes, String>,
        now: Now,
        fx: &mut Effects,
    ) {
        #[derive(serde::Serialize)]
        struct Head<'a> {
            labels: &'a Labels,
        }
        let result = match result {
            Ok(reply) if reply.len() > crate::ipc::body::MAX_PAYLOAD => Err(Refusal::new(
                Code::TooLarge,
                format!(
                    "the reply of /proc/{callee} has {} bytes; {} are allowed",
                    reply.len(),
                    crate::ipc::body::MAX_PAYLOAD
                ),
            )),
            Ok(reply) => {
                let caller = self.opened.get(&action).map(|open| open.pid);
                match caller.map(|caller| self.taint(caller, labels)) {
                    Some(Err(refusal)) => Err(refusal),
                    // What most replies say.
                    _ if labels.is_empty() => Ok(crate::ipc::body::join_line("{\"labels\":[]}", &reply)),
                    _ => Ok(crate::ipc::body::join(&Head { labels }, &reply)),
                }
            }
            Err(text) => Err(Refusal::new(Code::Failed, format!("/proc/{callee} answered with an error: {text}"))),
        };
        self.close(action, result, now, fx);
    }
}
