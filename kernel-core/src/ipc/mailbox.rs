//! A process's mailbox: a queue bounded in messages and in bytes. It never blocks a sender.
//!
//! Few messages wait in the order of their acceptance. Once many do, each sender has its turn: one message of each, then
//! the next one of each (start-time fair queueing with messages of equal length: Goyal, Vin, Cheng, SIGCOMM 1996), and
//! whoever has messages waiting may fill only a share of what is free (dynamic thresholds: Choudhury, Hahne, IEEE/ACM ToN
//! 1998), so that no flood of one sender keeps another one out, or waiting. The order of one sender is always kept.
//!
//! What a subscription has missed lies beside the queue, once for each: it is handed over before the next of its messages
//! that came later.

use super::{Envelope, EnvelopeKind};
use crate::id::MessageId;
use crate::path::Resource;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};

/// The most messages that wait in one mailbox.
pub const MAILBOX_MESSAGES: usize = 1_024;
/// The most bytes of payload that wait in one mailbox.
pub const MAILBOX_BYTES: usize = 4 << 20;
/// A sender with messages waiting in a mailbox may have so many times what is left free there: one alone fills eight
/// ninths of it.
pub const MAILBOX_SHARE: usize = 8;

/// The most bytes that wait in all mailboxes of a kernel together, each message with its [`Envelope::weight`].
pub const ALL_MAILBOXES_BYTES: usize = 256 << 20;

/// So many messages waiting are many.
const MANY: usize = 32;
/// And so many bytes.
const MANY_BYTES: usize = MAILBOX_BYTES / 8;

/// The mailbox holds all that it may, or all that it may of this sender; the message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxFull {
    /// Messages waiting.
    pub messages: usize,
    /// Bytes waiting.
    pub bytes: usize,
}

/// Waiting messages in the order in which they are handed over.
#[derive(Clone, Debug, Default)]
pub struct Mailbox {
    /// While few wait.
    queue: VecDeque<Waiting>,
    /// From when many wait until none does: then `queue` is empty.
    crowd: Option<Box<Crowd>>,
    /// Signals, one of a kind, which are handed over before all else but the first envelope of a process.
    signals: Vec<Envelope>,
    bytes: usize,
    /// How many wait of each subscription.
    of: BTreeMap<u64, u32>,
    /// What each subscription has missed, with the number of the first message of that.
    lagged: BTreeMap<u64, (MessageId, Envelope)>,
}

#[derive(Clone, Debug)]
struct Waiting {
    envelope: Envelope,
    /// The subscription by which it came; 0 for none.
    subscription: u64,
}

/// Many messages, each with its turn.
#[derive(Clone, Debug, Default)]
struct Crowd {
    /// By turn, then in the order of their acceptance.
    queue: BTreeMap<(u64, u64), Waiting>,
    /// Of whom some wait. Only ever looked up.
    senders: FxHashMap<Resource, Share>,
    /// Whose turn it is.
    turn: u64,
    accepted: u64,
}

/// What waits of one sender.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    messages: usize,
    bytes: usize,
    /// The turn of its latest message.
    turn: u64,
}

impl Mailbox {
    /// Takes a message, which came by this subscription, 0 for none. Whoever puts it there has asked whether there is
    /// room.
    pub fn push(&mut self, envelope: Envelope, subscription: u64) {
        self.bytes += envelope.body.len();
        if subscription != 0 {
            *self.of.entry(subscription).or_default() += 1;
        }
        let waiting = Waiting { envelope, subscription };
        if let Some(crowd) = &mut self.crowd {
            return crowd.push(waiting);
        }
        self.queue.push_back(waiting);
        if self.queue.len() >= MANY || self.bytes > MANY_BYTES {
            let mut crowd = Box::<Crowd>::default();
            std::mem::take(&mut self.queue).into_iter().for_each(|waiting| crowd.push(waiting));
            self.crowd = Some(crowd);
        }
    }

    /// Takes a signal, for which there is always room; whether it is one that does not wait already.
    pub fn signal(&mut self, signal: Envelope) -> bool {
        if self.signals.iter().any(|waiting| waiting.content_type == signal.content_type) {
            return false;
        }
        self.bytes += signal.body.len();
        self.signals.push(signal);
        true
    }

    /// Whether `envelope` would be taken. The first message always is, so a payload up to the limit of an act can never be
    /// stuck.
    pub fn room_for(&self, envelope: &Envelope) -> Result<(), MailboxFull> {
        let (messages, bytes) = (self.queued() + 1, self.bytes.saturating_add(envelope.body.len()));
        let beyond = messages > MAILBOX_MESSAGES || (messages > 1 && bytes > MAILBOX_BYTES);
        let share = self.crowd.as_ref().and_then(|crowd| crowd.senders.get(&envelope.sender));
        let floods =
            share.is_some_and(|of| floods((of.messages + 1, of.bytes + envelope.body.len()), (messages, bytes)));
        let full = beyond || floods;
        if full { Err(MailboxFull { messages: self.queued(), bytes: self.bytes }) } else { Ok(()) }
    }

    /// The next message.
    pub fn pop(&mut self) -> Option<Envelope> {
        if !self.signals.is_empty() && !self.starts() {
            return Some(self.signalled(0));
        }
        self.next(|_| true)
    }

    /// The next message that a receive for `correlation` may take: any that is not a request where it
    /// is `None`. Requests wait for `handle`, whose return value is their reply.
    pub fn take(&mut self, correlation: Option<u64>) -> Option<Envelope> {
        match self.signals.iter().position(|signal| selects(correlation, signal)) {
            Some(index) => Some(self.signalled(index)),
            None => self.next(|envelope| selects(correlation, envelope)),
        }
    }

    fn signalled(&mut self, index: usize) -> Envelope {
        let signal = self.signals.remove(index);
        self.bytes -= signal.body.len();
        signal
    }

    /// Takes the first that `wanted` says yes to, and before it what its subscription missed before.
    fn next(&mut self, wanted: impl Fn(&Envelope) -> bool) -> Option<Envelope> {
        let first = match &self.crowd {
            Some(crowd) => crowd.queue.values().find(|w| wanted(&w.envelope)),
            None => self.queue.iter().find(|w| wanted(&w.envelope)),
        };
        let missed = match first {
            Some(Waiting { envelope, subscription }) => {
                let earlier = |lagged: &&(MessageId, Envelope)| lagged.0 < envelope.id;
                self.lagged.get(subscription).filter(earlier).map(|_| *subscription)
            }
            None => self.lagged.keys().next().copied(),
        };
        if let Some(subscription) = missed.filter(|of| self.lagged.get(of).is_some_and(|(_, told)| wanted(told))) {
            return self.lagged.remove(&subscription).map(|(_, told)| told);
        }
        let waiting = match &mut self.crowd {
            Some(crowd) => crowd.take(wanted)?,
            None => {
                let index = self.queue.iter().position(|w| wanted(&w.envelope))?;
                self.queue.remove(index)?
            }
        };
        Some(self.taken(waiting))
    }

    /// Puts messages behind the `start` and before all others.
    pub fn put_before(&mut self, envelopes: Vec<Envelope>) {
        let Mailbox { queue, crowd, lagged, signals, .. } = std::mem::take(self);
        let crowd = crowd.into_iter().flat_map(|crowd| crowd.queue.into_values());
        let mut since: VecDeque<Waiting> = queue.into_iter().chain(crowd).collect();
        let start = since.pop_front_if(|w| w.envelope.kind == EnvelopeKind::Start);
        let again = envelopes.into_iter().map(|envelope| Waiting { envelope, subscription: 0 });
        start.into_iter().chain(again).chain(since).for_each(|w| self.push(w.envelope, w.subscription));
        self.lagged = lagged;
        self.bytes += signals.iter().map(|signal| signal.body.len()).sum::<usize>();
        self.signals = signals;
    }

    /// All that wait, without what tells of missed messages.
    pub fn iter(&self) -> impl Iterator<Item = &Envelope> {
        let crowd = self.crowd.iter().flat_map(|crowd| crowd.queue.values());
        self.signals.iter().chain(self.queue.iter().chain(crowd).map(|w| &w.envelope))
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.signals.len() + self.queued() + self.lagged.len()
    }

    /// How many of a subscription wait.
    pub fn waiting_of(&self, subscription: u64) -> u32 {
        self.of.get(&subscription).copied().unwrap_or(0)
    }

    /// What a subscription has missed and was not told of yet, with the number of the first message of that.
    pub fn lagged(&mut self, subscription: u64) -> Option<&mut (MessageId, Envelope)> {
        self.lagged.get_mut(&subscription)
    }

    /// Takes what tells a subscription that it missed messages from `from` on. It always fits, and there is one for each
    /// subscription.
    pub fn lag(&mut self, subscription: u64, from: MessageId, told: Envelope) {
        self.lagged.insert(subscription, (from, told));
    }

    /// A subscription is over: what it has missed needs not be told any more.
    pub fn end(&mut self, subscription: u64) -> Option<Envelope> {
        self.lagged.remove(&subscription).map(|(_, told)| told)
    }

    fn queued(&self) -> usize {
        self.crowd.as_ref().map_or(self.queue.len(), |crowd| crowd.queue.len())
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of payload that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Empties it, in the order in which the messages would have been handed over.
    pub fn drain(&mut self) -> impl Iterator<Item = Envelope> + use<> {
        let Mailbox { queue, crowd, lagged, signals, .. } = std::mem::take(self);
        let waiting = queue.into_iter().chain(crowd.into_iter().flat_map(|crowd| crowd.queue.into_values()));
        let waiting = waiting.map(|w| w.envelope).chain(lagged.into_values().map(|(_, told)| told));
        signals.into_iter().chain(waiting)
    }

    /// Whether the first envelope of a process waits.
    fn starts(&self) -> bool {
        let first = match &self.crowd {
            Some(crowd) => crowd.queue.first_key_value().map(|(_, waiting)| waiting),
            None => self.queue.front(),
        };
        first.is_some_and(|waiting| waiting.envelope.kind == EnvelopeKind::Start)
    }

    /// An idle process should cost nothing, so what was needed for many is given back, and most agents are idle
    /// after their first message.
    fn taken(&mut self, waiting: Waiting) -> Envelope {
        let Waiting { envelope, subscription } = waiting;
        self.bytes -= envelope.body.len();
        if let Some(of) = self.of.get_mut(&subscription) {
            *of -= 1;
            if *of == 0 {
                self.of.remove(&subscription);
            }
        }
        if self.queued() == 0 {
            self.crowd = None;
            if envelope.kind == EnvelopeKind::Start {
                self.queue = VecDeque::new();
            }
        }
        envelope
    }
}

impl Crowd {
    fn push(&mut self, waiting: Waiting) {
        let envelope = &waiting.envelope;
        let share = self.senders.entry(envelope.sender.clone()).or_default();
        // Whoever has nothing waiting has its turn with the next of the others.
        share.turn = (share.turn + 1).max(self.turn + 1);
        share.messages += 1;
        share.bytes += envelope.body.len();
        self.accepted += 1;
        self.queue.insert((share.turn, self.accepted), waiting);
    }

    /// Takes the first that `wanted` says yes to.
    fn take(&mut self, wanted: impl Fn(&Envelope) -> bool) -> Option<Waiting> {
        let at = *self.queue.iter().find(|(_, w)| wanted(&w.envelope))?.0;
        // What is passed over still has its turn.
        self.turn = self.queue.first_key_value().map_or(self.turn, |((turn, _), _)| self.turn.max(*turn));
        let waiting = self.queue.remove(&at)?;
        let envelope = &waiting.envelope;
        if let Some(share) = self.senders.get_mut(&envelope.sender) {
            share.messages -= 1;
            share.bytes -= envelope.body.len();
            if share.messages == 0 {
                self.senders.remove(&envelope.sender);
            }
        }
        Some(waiting)
    }
}

/// Whether a sender with so many messages and bytes among `all` has more than its share of what is free then.
pub(crate) fn floods(of: (usize, usize), all: (usize, usize)) -> bool {
    of.0 > MAILBOX_SHARE * MAILBOX_MESSAGES.saturating_sub(all.0)
        || of.1 > MAILBOX_SHARE * MAILBOX_BYTES.saturating_sub(all.1)
}

/// Whether a receive for `correlation` takes `envelope`.
pub fn selects(correlation: Option<u64>, envelope: &Envelope) -> bool {
    envelope.kind != EnvelopeKind::Request && (correlation.is_none() || envelope.correlation == correlation)
}
