//! `call`: a request that waits for its reply, with a deadline, and never in a circle.

use super::Body;
use super::send::{self, Message};
use crate::id::{ActionId, Pid};
use crate::ipc::EnvelopeKind;
use crate::kernel::delivery::clip;
use crate::kernel::effects::{Effects, Perform, Performance};
use crate::kernel::open::{Closed, Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::kernel::verb::table::Class;
use crate::label::Labels;
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How long a blocking act waits where it does not say.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

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
    let message = send::message(header.labels, header.content_type, header.correlation, body);
    Ok(Call { message, deadline: deadline(header.deadline_ms) })
}

/// A deadline from milliseconds, of which the row let none pass that is too long; the default where there is none.
pub(super) fn deadline(ms: Option<u64>) -> Duration {
    ms.map_or(DEFAULT_DEADLINE, Duration::from_millis)
}

impl State {
    pub(super) fn apply_call(&mut self, act: &Act, call: &Call, now: Now, fx: &mut Effects) -> Result<Answer, Refusal> {
        let target = self.reached(act)?;
        self.refuse_unfit(act, &call.message)?;
        self.refuse_circle(act.pid, target)?;
        let deadline = now.at.after(call.deadline);
        let envelope = self.envelope(act, EnvelopeKind::Request, &call.message, Some(deadline));
        let held = match act.class {
            // It leaves the kernel, or may: not before the log has it, where that is what the environment wants.
            Class::Outward => {
                let what = Performance::HandOn;
                fx.acts.push(Perform { action: act.action, durable: act.durable, what });
                Some(Box::new(envelope))
            }
            Class::Inner | Class::Observing => {
                self.deliver_at(target, envelope, act.action, Some(act.action), now, fx)?;
                None
            }
        };
        self.open(act, Open::new(act, OpenKind::Call { callee: target, held }), Some(deadline));
        Ok(Answer::Later)
    }

    /// The intent of a call is where it has to be: the request goes to whoever answered for it when it was made.
    pub(crate) fn hand_on(&mut self, action: ActionId, now: Now, fx: &mut Effects) {
        let Some(open) = self.opened.get_mut(&action) else { return };
        let OpenKind::Call { callee, held } = &mut open.kind else { return };
        let (callee, Some(envelope)) = (*callee, held.take()) else { return };
        let delivered = match self.receiver(&envelope.target) {
            Ok(still) if still == callee => self.deliver_at(callee, *envelope, action, Some(action), now, fx),
            Ok(_) => Err(Refusal::new(Code::NotFound, format!("/proc/{callee} does not answer for it any more"))),
            Err(gone) => Err(gone),
        };
        if let Err(refusal) = delivered {
            self.end_open(action, Err(refusal), Closed::default(), now, fx);
        }
    }

    /// Refuses a wait of `caller` for `callee` that would close a circle of processes that wait.
    fn refuse_circle(&mut self, caller: Pid, callee: Pid) -> Result<(), Refusal> {
        let mut seen = BTreeSet::new();
        // Depth first; what is on the way from the caller to here, each with those that are still to be looked at.
        let mut way = vec![(caller, vec![callee])];
        while let Some((_, rest)) = way.last_mut() {
            let Some(next) = rest.pop() else {
                way.pop();
                continue;
            };
            if next == caller {
                let chain: Vec<Pid> = way.iter().map(|(pid, _)| *pid).chain([next]).collect();
                let names: Vec<String> = chain.iter().map(|pid| format!("/proc/{pid}")).collect();
                let circle = format!("waiting would never end: {}", names.join(" waits for "));
                // Whom each of them waits for is its own doing.
                let carried = chain.iter().filter_map(|pid| self.processes.get(pid)).map(|p| &p.labels);
                let labels = carried.into_iter().try_fold(Labels::NONE, |all, labels| all.join(labels));
                return Err(match labels {
                    Ok(labels) => self.tell_of(caller, &labels, Refusal::new(Code::Deadlock, circle)),
                    Err(e) => Refusal::new(Code::TooLarge, format!("why it would never end cannot be told: {e}")),
                });
            }
            if seen.insert(next) {
                way.push((next, self.waits_for(next)));
            }
        }
        Ok(())
    }

    /// The processes for whose replies `pid` waits. It needs every one of them: none is taken back.
    fn waits_for(&self, pid: Pid) -> Vec<Pid> {
        let acts = self.processes.get(&pid).map_or(&[][..], |process| &process.rare.acts);
        let callee = |action| match &self.opened.get(action)?.kind {
            OpenKind::Call { callee, .. } => Some(*callee),
            _ => None,
        };
        acts.iter().filter_map(callee).collect()
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
        // An error is a reply like any other: its text is the callee's own.
        let caller = self.opened.get(&action).map(|open| open.pid);
        let taken = self.output_labels(action, labels).and_then(|labels| {
            if let Some(caller) = caller {
                self.taint(caller, &labels)?;
                self.sway(caller, &labels);
            }
            Ok(labels)
        });
        let result = taken.and_then(|labels| match result {
            Ok(reply) if reply.len() > crate::ipc::body::MAX_PAYLOAD => Err(Refusal::new(
                Code::TooLarge,
                format!(
                    "the reply of /proc/{callee} has more than the {} bytes that one may have",
                    crate::ipc::body::MAX_PAYLOAD
                ),
            )),
            // What most replies say.
            Ok(reply) if labels.is_empty() => Ok(crate::ipc::body::join_line("{\"labels\":[]}", &reply)),
            Ok(reply) => Ok(crate::ipc::body::join(&Head { labels: &labels }, &reply)),
            Err(text) => {
                let text = clip(&text);
                Err(Refusal::new(Code::Failed, format!("/proc/{callee} answered with an error: {text}")))
            }
        });
        self.end_open(action, result, Closed::default(), now, fx);
    }
}
