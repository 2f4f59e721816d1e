//! Messages that are still handed out: to so many listeners that one step would take too long.
//!
//! Each topic has a line of them, so that what is published later arrives later; the topics take turns.

use super::Envelope;
use crate::id::{ActionId, Pid};
use crate::path::Topic;
use std::collections::{BTreeMap, VecDeque};

/// To how many listeners one step hands a message.
pub const SLICE: usize = 256;
/// The most messages that are still handed out ...
pub const UNDER_WAY: usize = 1_024;
/// ... and the most bytes of them, each with its [`Envelope::weight`].
pub const UNDER_WAY_BYTES: usize = 64 << 20;

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Fanout {
    /// It.
    pub envelope: Envelope,
    /// The act that it comes from.
    pub action: ActionId,
    /// The last listener that it was handed to.
    pub after: Pid,
}

/// All that are under way.
#[derive(Clone, Debug, Default)]
pub struct Fanouts {
    topics: BTreeMap<Topic, VecDeque<Fanout>>,
    turns: VecDeque<Topic>,
    messages: usize,
    bytes: usize,
}

impl Fanouts {
    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Whether a message of `topic` has to wait for others of it.
    pub fn has(&self, topic: &Topic) -> bool {
        self.topics.contains_key(topic)
    }

    /// Whether a message of `topic` that so many listen to may be published: there is room for it here, or it is handed
    /// out at once.
    pub fn admits(&self, topic: &Topic, listeners: usize, weight: usize) -> bool {
        let at_once = listeners < SLICE && !self.has(topic);
        at_once || (self.messages < UNDER_WAY && self.bytes.saturating_add(weight) <= UNDER_WAY_BYTES)
    }

    /// Adds one behind all others of its topic.
    pub fn push(&mut self, topic: &Topic, fanout: Fanout) {
        self.messages += 1;
        self.bytes += fanout.envelope.weight();
        let line = self.topics.entry(topic.clone()).or_default();
        if line.is_empty() {
            self.turns.push_back(topic.clone());
        }
        line.push_back(fanout);
    }

    /// The next that has its turn, with its topic.
    pub fn turn(&mut self) -> Option<(Topic, Fanout)> {
        let topic = self.turns.pop_front()?;
        let fanout = self.topics.get(&topic)?.front()?.clone();
        Some((topic, fanout))
    }

    /// The one that had its turn has come to `after`, or to its end.
    pub fn turned(&mut self, topic: Topic, after: Option<Pid>) {
        let Some(line) = self.topics.get_mut(&topic) else { return };
        match (after, line.front_mut()) {
            (Some(after), Some(fanout)) => fanout.after = after,
            _ => {
                if let Some(done) = line.pop_front() {
                    self.messages -= 1;
                    self.bytes -= done.envelope.weight();
                }
            }
        }
        if line.is_empty() {
            self.topics.remove(&topic);
        } else {
            self.turns.push_back(topic);
        }
    }
}
