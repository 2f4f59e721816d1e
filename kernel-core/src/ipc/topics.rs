//! Who listens to which topic.

use crate::id::Pid;
use crate::label::Labels;
use crate::path::Topic;
use std::collections::{BTreeMap, BTreeSet};

/// The most subscriptions of one process.
pub const SUBSCRIPTIONS: usize = 256;

/// Subscriptions, by topic and by process.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    listeners: BTreeMap<Topic, BTreeMap<Pid, Labels>>,
    by_process: BTreeMap<Pid, BTreeSet<Topic>>,
}

impl Topics {
    /// Adds a subscription of a process that carries `labels`; twice the same is once, and carries the fewer labels,
    /// since it would be there without the others as well. `false` if the process has too many.
    pub fn subscribe(&mut self, pid: Pid, topic: &Topic, labels: &Labels) -> bool {
        let own = self.by_process.entry(pid).or_default();
        if own.len() >= SUBSCRIPTIONS && !own.contains(topic) {
            return false;
        }
        own.insert(topic.clone());
        let listeners = self.listeners.entry(topic.clone()).or_default();
        asked(listeners, pid, labels);
        true
    }

    /// Removes all subscriptions of a process.
    pub fn forget(&mut self, pid: Pid) {
        for topic in self.by_process.remove(&pid).unwrap_or_default() {
            self.unlisten(&topic, pid);
        }
    }

    /// Removes those subscriptions of a process that `keep` does not name.
    pub fn retain(&mut self, pid: Pid, keep: impl Fn(&Topic) -> bool) {
        let own = self.by_process.get_mut(&pid);
        for topic in own.map(|own| own.extract_if(.., |topic| !keep(topic)).collect::<Vec<_>>()).unwrap_or_default() {
            self.unlisten(&topic, pid);
        }
    }

    fn unlisten(&mut self, topic: &Topic, pid: Pid) {
        if let Some(pids) = self.listeners.get_mut(topic) {
            pids.remove(&pid);
            if pids.is_empty() {
                self.listeners.remove(topic);
            }
        }
    }

    /// The subscribers of a topic in the order of their pids, each with what it carried when it subscribed.
    pub fn receivers(&self, topic: &Topic) -> Vec<(Pid, Labels)> {
        let listeners = self.listeners.get(topic).into_iter().flatten();
        listeners.map(|(pid, labels)| (*pid, labels.clone())).collect()
    }
}

/// Notes that `pid` wants to be told of something, carrying `labels`. Whoever had asked before is told in any case, so
/// what it carried then or now is enough, whichever is less.
pub(crate) fn asked(who: &mut BTreeMap<Pid, Labels>, pid: Pid, labels: &Labels) {
    let held = who.entry(pid).or_insert_with(|| labels.clone());
    if labels.is_subset(held) {
        *held = labels.clone();
    }
}
