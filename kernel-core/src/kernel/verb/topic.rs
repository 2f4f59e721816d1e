//! `publish`, `subscribe` and the end of a subscription: one payload, shared by everyone who listens.
//!
//! The number of a topic's message is that of the message, which grows and comes never again, also over the kernel's
//! end. What has more listeners than one step may hand it to is handed on by further inputs (`Input::Continue`).

use super::send::Message;
use super::{Body, header, invalid};
use crate::id::{ActionId, MessageId, Pid};
use crate::ipc::{ENVELOPE_BYTES, Envelope, EnvelopeKind, Fanout, QUEUE, SLICE, Subscription, body};
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::path::{Name, Pattern, Resource, Topic};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is published.
#[derive(Clone, Debug)]
pub struct Publish {
    /// It.
    pub message: Message,
    /// Whether it is kept for those who subscribe later.
    pub retain: bool,
}

/// How to listen.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Subscribe {
    /// How many messages may wait at once.
    pub queue: Option<u32>,
    /// The first message that is wanted of those that are kept.
    pub from: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Header {
    labels: Labels,
    content_type: Option<Arc<str>>,
    correlation: Option<u64>,
    retain: bool,
}

/// What came of handing out a message.
#[derive(Debug, Default)]
struct Handed {
    /// How many it did not reach who are counted.
    missed: usize,
    /// Whether one of those whom it reached has it in a durable inbox.
    stored: bool,
    /// Where to go on, if there are more.
    after: Option<Pid>,
}

/// What an envelope of kind `lagged` says: between these messages, both of them included, some did not come.
#[derive(Serialize, Deserialize)]
struct Lagged {
    /// What was subscribed to.
    topic: String,
    from: u64,
    to: u64,
}

pub(super) fn parse_publish(body: &Body) -> Result<Publish, Refusal> {
    let header: Header = header(body)?;
    let message = super::send::message(header.labels, header.content_type, header.correlation, body);
    Ok(Publish { message, retain: header.retain })
}

/// What a resource of topics is a set of.
fn pattern(resource: &Resource) -> Result<Pattern, Refusal> {
    match resource {
        Resource::Topics(pattern) => Ok(pattern.clone()),
        topic => Pattern::parse(&topic.to_string()).map_err(|e| invalid(e.to_string())),
    }
}

impl State {
    pub(super) fn apply_publish(
        &mut self,
        act: &Act,
        topic: &Topic,
        publish: &Publish,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        #[derive(Serialize)]
        struct Published {
            id: u64,
            receivers: usize,
            /// Those to whom it was handed in vain. Neither number has those who carried more than the publisher does when
            /// they subscribed.
            missed: usize,
        }
        let listeners = self.topics.count(topic, &act.labels);
        let waits = self.fanouts.has(topic);
        // That is full for whoever has so many listeners, also for those of whom it may not know.
        if !self.fanouts.admits(topic, listeners.all, publish.message.payload.len() + ENVELOPE_BYTES) {
            let reason = "as many messages are being handed out as may be at once; publish it again later";
            return Err(Refusal::new(Code::Full, reason));
        }
        let envelope = self.envelope(act, EnvelopeKind::Topic, &publish.message, None);
        let id = envelope.id;
        if publish.retain {
            self.retained.keep(topic, envelope.clone());
        }
        let handed = match waits {
            true => Handed { after: Some(Pid::KERNEL), ..Handed::default() },
            false => self.hand_out(topic, &envelope, act.action, Pid::KERNEL, now, fx),
        };
        if let Some(after) = handed.after {
            self.fanouts.push(topic, Fanout { envelope, action: act.action, after });
        }
        let receivers = listeners.told.saturating_sub(handed.missed);
        let reply = body::json(&Published { id: id.0, receivers, missed: handed.missed });
        Ok(if handed.stored { Answer::Stored(reply) } else { Answer::Reply(reply) })
    }

    /// Hands a message to the listeners behind `after`, as many as one step may.
    fn hand_out(
        &mut self,
        topic: &Topic,
        envelope: &Envelope,
        action: ActionId,
        after: Pid,
        now: Now,
        fx: &mut Effects,
    ) -> Handed {
        let slice = self.topics.slice(topic, envelope.id, after, SLICE);
        let more = (slice.len() == SLICE).then(|| slice.last().map(|(pid, _)| *pid)).flatten();
        let mut done = Handed { after: more, ..Handed::default() };
        for (pid, subscription) in slice {
            // That it listens is a message of what it carried then: to itself, and to whoever counts.
            let told = subscription.labels.is_subset(&envelope.labels);
            let handed = self.deliver_to(pid, &subscription, envelope.clone(), action, now, fx);
            done.missed += usize::from(told && handed.is_err());
            done.stored |= handed.is_ok() && self.stores(pid, EnvelopeKind::Topic);
        }
        done
    }

    /// The next of those messages that are still handed out has its turn.
    pub(crate) fn go_on_handing_out(&mut self, now: Now, fx: &mut Effects) {
        let Some((topic, fanout)) = self.fanouts.turn() else { return };
        let handed = self.hand_out(&topic, &fanout.envelope, fanout.action, fanout.after, now, fx);
        self.fanouts.turned(topic, handed.after);
        if self.fanouts.is_empty() {
            // An application is not quiet before.
            let apps: Vec<Name> = self.apps.keys().cloned().collect();
            apps.iter().for_each(|app| self.end_if_quiet(app, now, fx));
        }
    }

    pub(super) fn apply_subscribe(
        &mut self,
        act: &Act,
        subscribe: &Subscribe,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let pattern = pattern(&act.resource)?;
        let (last, queue) = (MessageId(self.counters.message), subscribe.queue.unwrap_or(QUEUE).max(1));
        // What is on its way to it comes all the same, unless it asks for all that is kept.
        let since = match (subscribe.from, self.topics.of(act.pid, &pattern)) {
            (None, Some(held)) => held.since,
            _ => last,
        };
        let subscribed = self.topics.subscribe(act.pid, &pattern, &act.labels, queue, since).ok_or_else(|| {
            Refusal::new(Code::Full, format!("a process may hold {} subscriptions", crate::ipc::SUBSCRIPTIONS))
        })?;
        if let Some(from) = subscribe.from {
            let kept = self.retained.since(&pattern, MessageId(from));
            if let Some((to, labels)) = kept.lost {
                self.tell_lost(act, &subscribed, (MessageId(from), to), &labels, now, fx);
            }
            for envelope in kept.messages {
                let _ = self.deliver_to(act.pid, &subscribed, envelope, act.action, now, fx);
            }
        }
        Ok(Answer::empty())
    }

    pub(super) fn apply_unsubscribe(&mut self, act: &Act) -> Result<Answer, Refusal> {
        let pattern = pattern(&act.resource)?;
        let absent = || Refusal::new(Code::NotFound, format!("there is no subscription to {} to stop", act.resource));
        let held = self.topics.of(act.pid, &pattern).cloned().ok_or_else(absent)?;
        self.leaves_no_trace(act, &held.labels, "ends no subscription that it did not make: what stays away")?;
        self.unsubscribe(act.pid, &pattern);
        Ok(Answer::empty())
    }

    /// Ends a subscription, with what is still to be told of what it missed.
    pub(crate) fn unsubscribe(&mut self, pid: Pid, pattern: &Pattern) {
        let Some(id) = self.topics.of(pid, pattern).map(|subscription| subscription.id) else { return };
        self.topics.unsubscribe(pid, pattern);
        let untold = self.processes.get_mut(&pid).and_then(|process| process.mailbox.end(id));
        self.waiting.shrink(untold.map_or(0, |told| told.weight()));
    }

    /// An envelope that says that messages did not come.
    fn lagged(&mut self, subscription: &Subscription, missed: (MessageId, MessageId), labels: Labels) -> Envelope {
        self.counters.message += 1;
        let topic = subscription.pattern.to_string();
        Envelope {
            id: MessageId(self.counters.message),
            sender: Resource::Proc(Pid::KERNEL),
            // What was subscribed to was a resource then.
            target: topic.parse().unwrap_or(Resource::Proc(Pid::KERNEL)),
            kind: EnvelopeKind::Lagged,
            correlation: None,
            deadline: None,
            labels,
            content_type: "application/json".into(),
            body: body::json(&Lagged { topic, from: missed.0.0, to: missed.1.0 }),
        }
    }

    /// A message of a subscription does not fit: its process is told which.
    #[allow(clippy::too_many_arguments)] // Those of a delivery, and why it failed.
    pub(crate) fn lag(
        &mut self,
        pid: Pid,
        subscription: &Subscription,
        missed: &Envelope,
        action: ActionId,
        full: Refusal,
        now: Now,
        fx: &mut Effects,
    ) -> Refusal {
        match self.tell_missed(pid, subscription, (missed.id, missed.id), &missed.labels, now, fx) {
            Ok(()) => full,
            // What can be told of is not all that was missed.
            Err(refusal) => self.unsayable_letter(action, pid, missed, refusal.reason, now, fx),
        }
    }

    /// Whoever subscribes asks for messages that are not kept any more: it is told which, or where it may not be, the log
    /// is.
    fn tell_lost(
        &mut self,
        act: &Act,
        subscription: &Subscription,
        lost: (MessageId, MessageId),
        labels: &Labels,
        now: Now,
        fx: &mut Effects,
    ) {
        let joined = labels.join(&subscription.labels).map_err(|e| Refusal::new(Code::TooLarge, e.to_string()));
        let told = joined.and_then(|labels| {
            self.processes.get(&act.pid).map_or(Ok(()), |process| Self::may_receive(process, &labels))?;
            self.tell_missed(act.pid, subscription, lost, &labels, now, fx)
        });
        if let Err(Refusal { code, reason, .. }) = told {
            let lagged = self.lagged(subscription, lost, labels.clone());
            self.dead_letter(act.action, act.pid, &lagged, code, reason, now, fx);
        }
    }

    /// Tells a process between which messages of a subscription, both included, some did not come, before what came later
    /// of it: by one envelope for each subscription, which always fits and grows until it is handed over.
    ///
    /// # Errors
    /// `too_large`, if no set can hold the labels of all that it has to tell.
    fn tell_missed(
        &mut self,
        pid: Pid,
        subscription: &Subscription,
        missed: (MessageId, MessageId),
        labels: &Labels,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        let unsayable = |why: String| Refusal::new(Code::TooLarge, format!("what /proc/{pid} missed: {why}"));
        let Some(process) = self.processes.get_mut(&pid) else { return Ok(()) };
        if let Some((first, last)) = process.mailbox.lagged(subscription.id) {
            let labels = last.labels.join(labels).map_err(|e| unsayable(e.to_string()))?;
            let told: Lagged = serde_json::from_slice(&last.body).map_err(|e| unsayable(e.to_string()))?;
            let (from, to) = (missed.0.0.min(told.from), missed.1.0.max(told.to));
            let before = last.weight();
            last.labels = labels;
            last.body = body::json(&Lagged { from, to, ..told });
            *first = MessageId(from);
            self.waiting.shrink(before);
            self.waiting.grow(last.weight());
            return Ok(());
        }
        let lagged = self.lagged(subscription, missed, labels.clone());
        if let Some(receive) = self.receives(pid, &lagged) {
            let received = self.receive(ActionId(0), pid, &lagged, now, fx);
            self.close(receive, received, now, fx);
            return Ok(());
        }
        self.waiting.grow(lagged.weight());
        if let Some(process) = self.processes.get_mut(&pid) {
            process.mailbox.lag(subscription.id, missed.0, lagged);
        }
        self.next_message(pid, now, fx);
        Ok(())
    }
}
