//! Who listens to which topic.

use crate::id::Pid;
use crate::path::Topic;
use std::collections::{BTreeMap, BTreeSet};

/// The most subscriptions of one process.
pub const SUBSCRIPTIONS: usize = 256;

/// Subscriptions, by topic and by process.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    listeners: BTreeMap<Topic, BTreeSet<Pid>>,
    by_process: BTreeMap<Pid, BTreeSet<Topic>>,
}

impl Topics {
    /// Adds a subscription; twice the same is once. `false` if the process has too many.
    pub fn subscribe(&mut self, pid: Pid, topic: &Topic) -> bool {
        let own = self.by_process.entry(pid).or_default();
        if own.len() >= SUBSCRIPTIONS && !own.contains(topic) {
            return false;
        }
        own.insert(topic.clone());
        self.listeners.entry(topic.clone()).or_default().insert(pid);
        true
    }

    /// Removes all subscriptions of a process.
    pub fn forget(&mut self, pid: Pid) {
        for topic in self.by_process.remove(&pid).unwrap_or_default() {
            if let Some(pids) = self.listeners.get_mut(&topic) {
                pids.remove(&pid);
                if pids.is_empty() {
                    self.listeners.remove(&topic);
                }
            }
        }
    }

    /// The subscribers of a topic in the order of their pids.
    pub fn receivers(&self, topic: &Topic) -> Vec<Pid> {
        self.listeners.get(topic).map(|pids| pids.iter().copied().collect()).unwrap_or_default()
    }
}
