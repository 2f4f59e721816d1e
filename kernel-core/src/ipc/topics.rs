//! Who listens to which topics, and who watches which nodes of the tree: a subscription to these is of the same make.
//!
//! A subscription is for a topic or a pattern of topics. They lie in a tree over the words of their patterns, so that a
//! message meets only those with whose beginning its topic agrees, however many others there are. A process that listens
//! to a topic by several of its patterns is one listener.

use crate::id::{MessageId, Pid};
use crate::label::Labels;
use crate::path::{Kind, Pattern, Topic, TreePath};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// The most subscriptions of one process.
pub const SUBSCRIPTIONS: usize = 256;
/// The most processes that watch one node and all below it.
pub const WATCHERS: usize = 16;
/// How many messages of a subscription wait at most, where it does not say.
pub const QUEUE: u32 = 256;

/// One subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Names it, as long as the kernel lives.
    pub id: u64,
    /// What it is to.
    pub pattern: Pattern,
    /// What its process carried when it subscribed.
    pub labels: Labels,
    /// How many of its messages may wait at once.
    pub queue: u32,
    /// It is for messages with greater numbers than this.
    pub since: MessageId,
}

/// How many listen to a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub all: usize,
    /// Those of whom whoever counts may know.
    pub told: usize,
}

/// Subscriptions, by what they are to and by process.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    root: Node,
    /// Those of nodes of the tree.
    nodes: Node,
    by_process: BTreeMap<Pid, BTreeSet<Pattern>>,
    last: u64,
}

/// What follows the words from the root to here.
#[derive(Clone, Debug, Default)]
struct Node {
    literal: BTreeMap<Box<str>, Node>,
    /// By what a word begins with; nothing is `*`.
    beginning: BTreeMap<Box<str>, Node>,
    here: Listeners,
    /// Those of patterns that end in `**` here.
    open: Listeners,
}

/// The listeners of one pattern.
#[derive(Clone, Debug, Default)]
struct Listeners {
    by_pid: BTreeMap<Pid, Subscription>,
    /// How many of them carried something when they subscribed.
    labelled: usize,
}

impl Topics {
    /// Adds a subscription of a process that carries `labels`, for what comes behind `since`; twice the same is once, and
    /// carries the fewer labels, since it would be there without the others as well. `None` if the process has too many.
    pub fn subscribe(
        &mut self,
        pid: Pid,
        pattern: &Pattern,
        labels: &Labels,
        queue: u32,
        since: MessageId,
    ) -> Option<Subscription> {
        let own = self.by_process.entry(pid).or_default();
        if own.len() >= SUBSCRIPTIONS && !own.contains(pattern) {
            return None;
        }
        own.insert(pattern.clone());
        let place = if pattern.kind() == Kind::Tree { &mut self.nodes } else { &mut self.root };
        let listeners = place.reach(pattern);
        let subscription = match listeners.remove(pid) {
            Some(mut held) => {
                if labels.is_subset(&held.labels) {
                    held.labels = labels.clone();
                }
                Subscription { queue, since, ..held }
            }
            None => {
                self.last += 1;
                Subscription { id: self.last, pattern: pattern.clone(), labels: labels.clone(), queue, since }
            }
        };
        listeners.insert(pid, subscription.clone());
        Some(subscription)
    }

    /// The subscription of a process to exactly this.
    pub fn of(&self, pid: Pid, pattern: &Pattern) -> Option<&Subscription> {
        self.listeners(pattern)?.by_pid.get(&pid)
    }

    /// How many have subscribed to exactly this.
    pub fn listening(&self, pattern: &Pattern) -> usize {
        self.listeners(pattern).map_or(0, |listeners| listeners.by_pid.len())
    }

    fn listeners(&self, pattern: &Pattern) -> Option<&Listeners> {
        let (words, open) = pattern.topic_words();
        let mut node = if pattern.kind() == Kind::Tree { &self.nodes } else { &self.root };
        for word in words {
            node = match word.strip_suffix('*') {
                Some(beginning) => node.beginning.get(beginning)?,
                None => node.literal.get(word)?,
            };
        }
        Some(if open { &node.open } else { &node.here })
    }

    fn place(&mut self, pattern: &Pattern) -> &mut Node {
        if pattern.kind() == Kind::Tree { &mut self.nodes } else { &mut self.root }
    }

    /// Ends a subscription. Whether there was one.
    pub fn unsubscribe(&mut self, pid: Pid, pattern: &Pattern) -> bool {
        let Some(own) = self.by_process.get_mut(&pid) else { return false };
        let was = own.remove(pattern);
        if own.is_empty() {
            self.by_process.remove(&pid);
        }
        if was {
            let (words, open) = pattern.topic_words();
            self.place(pattern).prune(&words.collect::<Vec<_>>(), open, pid);
        }
        was
    }

    /// Ends all subscriptions of a process.
    pub fn forget(&mut self, pid: Pid) {
        for pattern in self.by_process.remove(&pid).unwrap_or_default() {
            let (words, open) = pattern.topic_words();
            self.place(&pattern).prune(&words.collect::<Vec<_>>(), open, pid);
        }
    }

    /// To what a process has subscribed.
    pub fn patterns(&self, pid: Pid) -> impl Iterator<Item = &Pattern> {
        self.by_process.get(&pid).into_iter().flatten()
    }

    /// Whether nobody listens to anything.
    pub fn is_empty(&self) -> bool {
        self.root.is_empty() && self.nodes.is_empty() && self.by_process.is_empty()
    }

    /// At most `most` listeners for message `id` of `topic` behind `after`, in the order of their pids. A process that has
    /// several subscriptions which fit is told by the one that brings the fewest labels: it would be told by that alone.
    pub fn slice(&self, topic: &Topic, id: MessageId, after: Pid, most: usize) -> Vec<(Pid, Subscription)> {
        let mut found = BTreeMap::new();
        for listeners in self.meeting(topic) {
            let behind = listeners.by_pid.range((Bound::Excluded(after), Bound::Unbounded));
            for (pid, subscription) in behind.filter(|(_, s)| s.since < id).take(most) {
                better(&mut found, *pid, subscription);
            }
        }
        found.into_iter().take(most).map(|(pid, subscription)| (pid, subscription.clone())).collect()
    }

    /// Those who watch the node at `path` or one above it and wait for message `id`, as above.
    pub fn watchers(&self, path: &TreePath, id: MessageId) -> Vec<(Pid, Subscription)> {
        let words: Vec<&str> = path.segments().collect();
        let (mut meeting, mut found) = (Vec::new(), BTreeMap::new());
        if !self.nodes.is_empty() {
            self.nodes.meet(&words, &mut meeting);
        }
        for listeners in meeting {
            for (pid, subscription) in listeners.by_pid.iter().filter(|(_, s)| s.since < id) {
                better(&mut found, *pid, subscription);
            }
        }
        found.into_iter().map(|(pid, subscription)| (pid, subscription.clone())).collect()
    }

    /// How many listen to `topic`, and how many of them did not carry what is not in `labels` when they subscribed.
    pub fn count(&self, topic: &Topic, labels: &Labels) -> Count {
        let meeting = self.meeting(topic);
        match meeting[..] {
            // What most topics have is counted already.
            [listeners] if listeners.labelled == 0 => {
                let all = listeners.by_pid.len();
                Count { all, told: all }
            }
            _ => {
                let mut found = BTreeMap::new();
                let all = meeting.iter().flat_map(|listeners| &listeners.by_pid);
                all.for_each(|(pid, subscription)| better(&mut found, *pid, subscription));
                let told = found.values().filter(|subscription| subscription.labels.is_subset(labels)).count();
                Count { all: found.len(), told }
            }
        }
    }

    /// The listeners whose patterns `topic` is in.
    fn meeting(&self, topic: &Topic) -> Vec<&Listeners> {
        let words: Vec<&str> = topic.parts().collect();
        let mut found = Vec::new();
        self.root.meet(&words, &mut found);
        found
    }
}

/// Notes that `pid` is told by `subscription`, unless another one brings fewer labels.
fn better<'s>(found: &mut BTreeMap<Pid, &'s Subscription>, pid: Pid, subscription: &'s Subscription) {
    let weight = |s: &Subscription| (s.labels.len(), s.id);
    let held = found.entry(pid).or_insert(subscription);
    if weight(subscription) < weight(held) {
        *held = subscription;
    }
}

impl Node {
    /// The listeners of `pattern`, whose place is made.
    fn reach(&mut self, pattern: &Pattern) -> &mut Listeners {
        let (words, open) = pattern.topic_words();
        let mut node = self;
        for word in words {
            node = match word.strip_suffix('*') {
                Some(beginning) => node.beginning.entry(beginning.into()).or_default(),
                None => node.literal.entry(word.into()).or_default(),
            };
        }
        if open { &mut node.open } else { &mut node.here }
    }

    fn meet<'n>(&'n self, words: &[&str], found: &mut Vec<&'n Listeners>) {
        let mut add = |listeners: &'n Listeners| {
            if !listeners.by_pid.is_empty() {
                found.push(listeners);
            }
        };
        add(&self.open);
        let Some((word, rest)) = words.split_first() else { return add(&self.here) };
        if let Some(node) = self.literal.get(*word) {
            node.meet(rest, found);
        }
        if !self.beginning.is_empty() {
            // A word has few beginnings, and who subscribes may choose many.
            for node in (0..=word.len()).filter_map(|end| self.beginning.get(&word[..end])) {
                node.meet(rest, found);
            }
        }
    }

    /// Removes `pid` from the listeners at `words`, and the places that nobody needs any more.
    fn prune(&mut self, words: &[&str], open: bool, pid: Pid) {
        let Some((word, rest)) = words.split_first() else {
            if open { &mut self.open } else { &mut self.here }.remove(pid);
            return;
        };
        let (below, key) = match word.strip_suffix('*') {
            Some(beginning) => (&mut self.beginning, beginning),
            None => (&mut self.literal, *word),
        };
        if let Some(node) = below.get_mut(key) {
            node.prune(rest, open, pid);
            if node.is_empty() {
                below.remove(key);
            }
        }
    }

    fn is_empty(&self) -> bool {
        let nobody = |listeners: &Listeners| listeners.by_pid.is_empty();
        nobody(&self.here) && nobody(&self.open) && self.literal.is_empty() && self.beginning.is_empty()
    }
}

impl Listeners {
    fn insert(&mut self, pid: Pid, subscription: Subscription) {
        self.labelled += usize::from(!subscription.labels.is_empty());
        self.by_pid.insert(pid, subscription);
    }

    fn remove(&mut self, pid: Pid) -> Option<Subscription> {
        let subscription = self.by_pid.remove(&pid)?;
        self.labelled -= usize::from(!subscription.labels.is_empty());
        Some(subscription)
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
