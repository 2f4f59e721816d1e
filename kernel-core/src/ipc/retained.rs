//! Messages of topics that are kept for those who subscribe later, in memory and within bounds.

use super::Envelope;
use crate::id::MessageId;
use crate::label::Labels;
use crate::path::{Pattern, Resource, Topic};
use std::collections::{BTreeMap, VecDeque};

/// The most messages that are kept of one topic ...
pub const RETAINED_OF_TOPIC: usize = 128;
/// ... and the most bytes of them, each with its [`Envelope::weight`].
pub const RETAINED_OF_TOPIC_BYTES: usize = 2 << 20;
/// The most messages that are kept of all topics ...
pub const RETAINED: usize = 4_096;
/// ... and the most bytes of them.
pub const RETAINED_BYTES: usize = 32 << 20;

/// What is kept. The oldest goes first; the newest stays, whatever it takes.
#[derive(Clone, Debug)]
pub struct Retained {
    topics: BTreeMap<Topic, Kept>,
    order: BTreeMap<MessageId, Topic>,
    bytes: usize,
    /// The last message that may have been one of a topic of which nothing is kept any more.
    forgotten: MessageId,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    messages: VecDeque<Envelope>,
    bytes: usize,
    /// The last message that is not kept any more, and what all of those were labelled.
    lost: Option<(MessageId, Labels)>,
}

/// What is there of some topics from a message on.
#[derive(Clone, Debug, Default)]
pub struct Since {
    /// The last message that is not there any more, as far as that is known; and what such were labelled.
    pub lost: Option<(MessageId, Labels)>,
    /// What is, in its order.
    pub messages: Vec<Envelope>,
}

impl Retained {
    /// None, of a kernel whose earlier lives have used numbers up to `last`: what they kept is gone.
    pub fn new(last: MessageId) -> Retained {
        Retained { topics: BTreeMap::new(), order: BTreeMap::new(), bytes: 0, forgotten: last }
    }

    /// Keeps a message of `topic`.
    pub fn keep(&mut self, topic: &Topic, envelope: Envelope) {
        let (id, weight) = (envelope.id, envelope.weight());
        let kept = self.topics.entry(topic.clone()).or_default();
        kept.messages.push_back(envelope);
        kept.bytes += weight;
        self.bytes += weight;
        self.order.insert(id, topic.clone());
        let over = |kept: &Kept| kept.messages.len() > RETAINED_OF_TOPIC || kept.bytes > RETAINED_OF_TOPIC_BYTES;
        while self.topics.get(topic).is_some_and(|kept| kept.messages.len() > 1 && over(kept)) {
            self.lose(topic);
        }
        while self.order.len() > 1 && (self.order.len() > RETAINED || self.bytes > RETAINED_BYTES) {
            let Some(oldest) = self.order.first_key_value().map(|(_, topic)| topic.clone()) else { return };
            self.lose(&oldest);
        }
    }

    /// Lets go of the oldest message of `topic`.
    fn lose(&mut self, topic: &Topic) {
        let Some(kept) = self.topics.get_mut(topic) else { return };
        let Some(gone) = kept.messages.pop_front() else { return };
        kept.bytes -= gone.weight();
        self.bytes -= gone.weight();
        self.order.remove(&gone.id);
        let before = kept.lost.take().map_or(Labels::NONE, |(_, labels)| labels);
        kept.lost = before.join(&gone.labels).ok().map(|labels| (gone.id, labels));
        // Of whom nothing is kept, or nothing can be told, nothing is known by itself any more.
        if kept.messages.is_empty() || kept.lost.is_none() {
            self.forgotten = self.forgotten.max(gone.id);
        }
        if kept.messages.is_empty() {
            self.topics.remove(topic);
        }
    }

    /// Lets go of all that is kept of the topics of the application `app`.
    pub fn forget(&mut self, app: &str) {
        let of_app = |topic: &&Topic| topic.parts().next() == Some(app);
        let topics: Vec<Topic> = self.topics.keys().filter(of_app).cloned().collect();
        for topic in topics {
            while self.topics.contains_key(&topic) {
                self.lose(&topic);
            }
        }
    }

    /// What is there of the topics of `pattern` from the message `from` on.
    pub fn since(&self, pattern: &Pattern, from: MessageId) -> Since {
        let mut since = Since::default();
        let mut lost =
            (self.forgotten > MessageId(0) && self.forgotten >= from).then_some((self.forgotten, Labels::NONE));
        let fitting = self.topics.iter().filter(|(topic, _)| pattern.matches(&Resource::Topic((*topic).clone())));
        for (_, kept) in fitting {
            if let Some((last, labels)) = kept.lost.as_ref().filter(|(last, _)| *last >= from) {
                let (before, all) = lost.take().unwrap_or_default();
                // What no set can hold is not told of.
                lost = Some(all.join(labels).map_or((before, all), |all| (before.max(*last), all)));
            }
            since.messages.extend(kept.messages.iter().filter(|envelope| envelope.id >= from).cloned());
        }
        since.messages.sort_by_key(|envelope| envelope.id);
        since.lost = lost.filter(|(last, _)| *last > MessageId(0));
        since
    }
}
