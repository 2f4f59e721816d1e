//! `publish` and `subscribe`: one payload, shared by everyone who listens.

use super::send::Message;
use crate::ipc::EnvelopeKind;
use crate::ipc::body;
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::path::Topic;
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use serde::Serialize;

impl State {
    pub(super) fn apply_publish(
        &mut self,
        act: &Act,
        topic: &Topic,
        message: &Message,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        #[derive(Serialize)]
        struct Published {
            id: u64,
            receivers: usize,
            /// Subscribers whose mailbox was full or whose clearance does not allow the labels. Neither number has those
            /// who carried more than the publisher does when they subscribed.
            missed: usize,
        }
        let envelope = self.envelope(act, EnvelopeKind::Topic, message, None);
        let id = envelope.id.0;
        let (mut receivers, mut missed) = (0, 0);
        for (pid, asked) in self.topics.receivers(topic) {
            // That it listens is a message of what it carried then: to itself, and to whoever counts.
            let told = asked.is_subset(&act.labels);
            match self.deliver_as(pid, envelope.clone(), &asked, act.action, None, now, fx) {
                Ok(()) => receivers += usize::from(told),
                Err(_) => missed += usize::from(told),
            }
        }
        Ok(Answer::Reply(body::json(&Published { id, receivers, missed })))
    }

    pub(super) fn apply_subscribe(&mut self, act: &Act, topic: &Topic) -> Result<Answer, Refusal> {
        if self.topics.subscribe(act.pid, topic, &act.labels) {
            Ok(Answer::empty())
        } else {
            Err(Refusal::new(Code::Full, format!("a process may hold {} subscriptions", crate::ipc::SUBSCRIPTIONS)))
        }
    }
}
