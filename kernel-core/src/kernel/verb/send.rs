//! `send`: one message into one mailbox. Never blocks: a full mailbox is `full`, and a dead letter.

use super::Body;
use crate::id::{ActionId, MessageId, Pid};
use crate::ipc::{Envelope, EnvelopeKind};
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::path::Resource;
use crate::refusal::{Code, Refusal};
use crate::time::{Instant, Now};
use bytes::Bytes;
use serde::Deserialize;
use std::fmt::Write;
use std::sync::Arc;

/// What is sent, published or called with.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Joined to what the sender carries.
    pub labels: Labels,
    /// A media type.
    pub content_type: Arc<str>,
    /// Echoed to the receiver, who can select by it.
    pub correlation: Option<u64>,
    /// The raw bytes.
    pub payload: Bytes,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Header {
    labels: Labels,
    content_type: Option<Arc<str>>,
    correlation: Option<u64>,
}

pub(super) fn parse(body: &Body) -> Result<Message, Refusal> {
    let header: Header = super::header(body)?;
    Ok(message(header.labels, header.content_type, header.correlation, body))
}

pub(super) fn message(
    labels: Labels,
    content_type: Option<Arc<str>>,
    correlation: Option<u64>,
    body: &Body,
) -> Message {
    let content_type = content_type.unwrap_or_default();
    Message { labels, content_type, correlation, payload: body.payload.clone() }
}

impl State {
    pub(super) fn apply_send(
        &mut self,
        act: &Act,
        message: &Message,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let target = self.reached(act)?;
        let envelope = self.envelope(act, EnvelopeKind::Message, message, None);
        let id = envelope.id;
        if let Some(again) = &mut self.sends_again {
            *again = id;
        }
        let stores = self.stores(target, EnvelopeKind::Message);
        self.deliver_at(target, envelope, act.action, None, now, fx)?;
        Ok(if stores { Answer::Stored(sent(id)) } else { Answer::Reply(sent(id)) })
    }

    /// Who receives what `act` sends. The act may have been decided some time ago.
    pub(super) fn reached(&self, act: &Act) -> Result<Pid, Refusal> {
        let target = self.receiver(&act.resource)?;
        match self.processes.get(&act.pid) {
            Some(process) if self.is_near(process, &act.resource) => Ok(target),
            _ => Err(Refusal::new(Code::Denied, format!("{} is of another application", act.resource))),
        }
    }

    /// Delivers what was sent to a process, or to a service or tool for which it registered.
    #[allow(clippy::too_many_arguments)] // Those of `deliver`, and no more.
    pub(super) fn deliver_at(
        &mut self,
        pid: Pid,
        envelope: Envelope,
        action: ActionId,
        request: Option<ActionId>,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        match &envelope.target {
            Resource::Service(name) => {
                let asked = self.registered(name);
                self.deliver_as(pid, envelope, &asked, action, request, now, fx)
            }
            Resource::Tool(name) => {
                let asked = self.tools.get(name).map(|tool| tool.asked.clone()).unwrap_or_default();
                self.deliver_as(pid, envelope, &asked, action, request, now, fx)
            }
            _ => self.deliver(pid, envelope, action, request, now, fx),
        }
    }

    /// Who receives what is sent to `resource`.
    pub(crate) fn receiver(&self, resource: &Resource) -> Result<Pid, Refusal> {
        let (pid, what) = match resource {
            Resource::Proc(pid) => (Some(*pid), "process"),
            Resource::Service(name) => (self.services.get(name).copied(), "service"),
            Resource::Tool(name) => (self.tools.get(name).map(|tool| tool.pid), "tool"),
            _ => (None, "receiver"),
        };
        pid.filter(|pid| self.processes.get(pid).is_some_and(|p| p.is_alive()))
            .ok_or_else(|| Refusal::new(Code::NotFound, format!("there is no {what} {resource} now")))
    }

    /// The envelope that carries `message` from the actor of `act`.
    pub(crate) fn envelope(
        &mut self,
        act: &Act,
        kind: EnvelopeKind,
        message: &Message,
        deadline: Option<Instant>,
    ) -> Envelope {
        self.counters.message += 1;
        Envelope {
            id: MessageId(self.counters.message),
            sender: Resource::Proc(act.pid),
            target: act.resource.clone(),
            kind,
            correlation: message.correlation,
            deadline,
            labels: act.labels.clone(),
            content_type: message.content_type.clone(),
            body: message.payload.clone(),
        }
    }
}

/// `{"id":n}`, written by hand because every send makes one.
fn sent(id: MessageId) -> Bytes {
    // The number has at most 20 digits.
    let mut text = String::with_capacity(32);
    let _ = write!(text, "{{\"id\":{id}}}");
    Bytes::from(text)
}
