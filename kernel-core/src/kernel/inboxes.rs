//! Durable inboxes: what is sent to an agent that has one is stored before that is answered, and handed to it again, in
//! its next life and in the next of the kernel, until its `handle` has returned.
//!
//! A message at which its agent fails again and again is poison: it is put aside as a dead letter, and whoever comes next is
//! handed what lies behind it.
//!
//! Only the agents that an application itself starts have one, under their names. A message is two rows, what is known of
//! it and its payload; at hand is only which there are. Their order is that of their numbers, which is that in which each
//! sender sent them.

use super::effects::Effects;
use super::rows;
use super::state::{Need, State};
use crate::id::{ActionId, MessageId, Pid};
use crate::ipc::{Envelope, EnvelopeKind, MAILBOX_BYTES, MAILBOX_MESSAGES, floods};
use crate::label::Labels;
use crate::path::{Name, Resource};
use crate::platform::Key;
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So often an agent may fail at a message: it is not handed it once more.
const DELIVERIES: u64 = 3;

/// Whose inbox it is: an application, and one of its agents.
pub(crate) type Owner = (Name, Name);

/// What is known of a message: the row of table `4b`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Stored {
    #[n(0)]
    sender: Resource,
    #[n(1)]
    target: Resource,
    /// Whether it came by a subscription.
    #[n(2)]
    topic: bool,
    #[n(3)]
    correlation: Option<u64>,
    #[n(4)]
    labels: Labels,
    #[n(5)]
    content_type: String,
    /// The length of its payload.
    #[n(6)]
    bytes: u64,
}

/// Which message there is, as far as that is at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMessage {
    /// The application.
    pub app: Name,
    /// Its agent.
    pub agent: Name,
    /// The number of the message.
    pub message: MessageId,
    /// Who sent it.
    pub sender: Resource,
    /// The length of its payload.
    pub bytes: u64,
    /// How often its agent has failed at it.
    #[serde(default)]
    pub failed: u64,
}

/// All messages that there are.
#[derive(Debug, Default)]
pub(crate) struct Inboxes {
    by_owner: BTreeMap<Owner, Inbox>,
}

#[derive(Debug, Default)]
struct Inbox {
    messages: BTreeMap<MessageId, Known>,
    /// How many messages and bytes of each sender there are.
    senders: BTreeMap<Resource, (usize, usize)>,
    bytes: usize,
}

#[derive(Debug)]
struct Known {
    sender: Resource,
    /// The length of its payload.
    bytes: usize,
    /// How often its agent has failed at it.
    failed: u64,
}

impl Inboxes {
    /// Those that a boot has found.
    pub(crate) fn found(all: &[KeptMessage]) -> Inboxes {
        let mut inboxes = Inboxes::default();
        for KeptMessage { app, agent, message, sender, bytes, failed } in all {
            let bytes = usize::try_from(*bytes).unwrap_or(MAILBOX_BYTES);
            let known = Known { sender: sender.clone(), bytes, failed: *failed };
            inboxes.add((app.clone(), agent.clone()), *message, known);
        }
        inboxes
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_owner.values().map(|inbox| inbox.messages.len()).sum()
    }

    fn has(&self, owner: &Owner, message: MessageId) -> bool {
        self.by_owner.get(owner).is_some_and(|inbox| inbox.messages.contains_key(&message))
    }

    fn of(&self, owner: &Owner) -> Vec<MessageId> {
        self.by_owner.get(owner).map(|inbox| inbox.messages.keys().copied().collect()).unwrap_or_default()
    }

    fn add(&mut self, owner: Owner, message: MessageId, known: Known) {
        let inbox = self.by_owner.entry(owner).or_default();
        let (sender, bytes) = (known.sender.clone(), known.bytes);
        if inbox.messages.insert(message, known).is_none() {
            inbox.bytes = inbox.bytes.saturating_add(bytes);
            let of = inbox.senders.entry(sender).or_default();
            *of = (of.0 + 1, of.1.saturating_add(bytes));
        }
    }

    fn remove(&mut self, owner: &Owner, message: MessageId) -> Option<Known> {
        let inbox = self.by_owner.get_mut(owner)?;
        let known = inbox.messages.remove(&message)?;
        let Known { sender, bytes, .. } = &known;
        inbox.bytes = inbox.bytes.saturating_sub(*bytes);
        if let Some(of) = inbox.senders.get_mut(sender) {
            *of = (of.0 - 1, of.1.saturating_sub(*bytes));
            if of.0 == 0 {
                inbox.senders.remove(sender);
            }
        }
        if inbox.messages.is_empty() {
            self.by_owner.remove(owner);
        }
        Some(known)
    }

    fn known(&mut self, owner: &Owner, message: MessageId) -> Option<&mut Known> {
        self.by_owner.get_mut(owner)?.messages.get_mut(&message)
    }
}

fn path((app, agent): &Owner, message: MessageId) -> Vec<u8> {
    [format!("{app}/{agent}/").as_bytes(), &message.0.to_be_bytes()].concat()
}

fn message_key(owner: &Owner, message: MessageId) -> Key {
    rows::key(rows::TABLE_INBOX, &path(owner, message))
}

fn payload_key(owner: &Owner, message: MessageId) -> Key {
    rows::key(rows::TABLE_INBOX_PAYLOAD, &path(owner, message))
}

fn failed_key(owner: &Owner, message: MessageId) -> Key {
    rows::key(rows::TABLE_INBOX_FAILED, &path(owner, message))
}

/// A message as a boot finds its row, whose key ends in `rest`, and that of how often its agent has `failed` at it; `None`
/// where that names none.
pub(super) fn found(rest: &[u8], row: &[u8], failed: Option<&[u8]>) -> Option<KeptMessage> {
    let (names, number) = rest.split_last_chunk::<8>()?;
    let (app, agent) = std::str::from_utf8(names).ok()?.strip_suffix('/')?.split_once('/')?;
    // One that cannot be read keeps its agent from being started.
    let stored = minicbor::decode::<Stored>(row);
    let (sender, bytes) = stored.map_or((Resource::Proc(Pid::KERNEL), 0), |stored| (stored.sender, stored.bytes));
    Some(KeptMessage {
        app: Name::parse(app).ok()?,
        agent: Name::parse(agent).ok()?,
        message: MessageId(u64::from_be_bytes(*number)),
        sender,
        bytes,
        // What cannot be read is no reason to put a message aside.
        failed: failed.and_then(|row| row.try_into().ok()).map_or(0, u64::from_be_bytes),
    })
}

/// How a `handle` has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It returned, and all is well.
    Well,
    /// Its process failed by it.
    Failed,
    /// By something else.
    CutShort,
}

impl State {
    /// Whose durable inbox `pid` has.
    fn owner(&self, pid: Pid) -> Option<Owner> {
        let process = self.processes.get(&pid).filter(|process| process.durable)?;
        Some((process.app.clone()?, process.name.clone()))
    }

    /// Whether what comes to `pid` is stored: what somebody sends. A call is answered to who waits, and what the
    /// kernel tells, it tells of this life.
    pub(crate) fn stores(&self, pid: Pid, kind: EnvelopeKind) -> bool {
        matches!(kind, EnvelopeKind::Message | EnvelopeKind::Topic)
            && self.processes.get(&pid).is_some_and(|process| process.durable)
    }

    /// Whether this one is: a signal is of this life, too.
    fn is_stored(&self, pid: Pid, envelope: &Envelope) -> bool {
        self.stores(pid, envelope.kind) && !envelope.is_signal()
    }

    /// Whether the durable inbox of `pid`, if it has one, has room for one more: it is bounded as a mailbox, also for
    /// one sender, with what is being handled.
    pub(crate) fn inbox_takes(&self, pid: Pid, envelope: &Envelope) -> Result<(), Refusal> {
        let Some(inbox) = self
            .owner(pid)
            .filter(|_| self.is_stored(pid, envelope))
            .and_then(|owner| self.inboxes.by_owner.get(&owner))
        else {
            return Ok(());
        };
        let one = envelope.body.len();
        let (messages, bytes) = (inbox.messages.len() + 1, inbox.bytes.saturating_add(one));
        let of = inbox.senders.get(&envelope.sender);
        let floods = of.is_some_and(|of| floods((of.0 + 1, of.1.saturating_add(one)), (messages, bytes)));
        if messages <= MAILBOX_MESSAGES && bytes <= MAILBOX_BYTES && !floods {
            return Ok(());
        }
        let (messages, bytes) = (inbox.messages.len(), inbox.bytes);
        let reason = format!("the durable inbox of /proc/{pid} is full: {messages} messages, {bytes} bytes");
        Err(Refusal::new(Code::Full, reason))
    }

    /// Stores a message that `pid` is handed, if it has a durable inbox.
    pub(crate) fn store_message(&mut self, pid: Pid, envelope: &Envelope, fx: &mut Effects) {
        let Some(owner) = self.owner(pid).filter(|_| self.is_stored(pid, envelope)) else { return };
        let stored = Stored {
            sender: envelope.sender.clone(),
            target: envelope.target.clone(),
            topic: envelope.kind == EnvelopeKind::Topic,
            correlation: envelope.correlation,
            labels: envelope.labels.clone(),
            content_type: envelope.content_type.to_string(),
            bytes: envelope.body.len() as u64,
        };
        // Writing into memory cannot fail.
        let row = minicbor::to_vec(&stored).unwrap_or_default();
        self.keep(message_key(&owner, envelope.id), Some(row.into()), fx);
        if !envelope.body.is_empty() {
            self.keep(payload_key(&owner, envelope.id), Some(envelope.body.clone()), fx);
        }
        let known = Known { sender: stored.sender, bytes: envelope.body.len(), failed: 0 };
        self.inboxes.add(owner, envelope.id, known);
    }

    /// A message needs not be handed to `pid` again.
    pub(crate) fn unstore_message(&mut self, pid: Pid, message: MessageId, fx: &mut Effects) {
        if let Some(owner) = self.owner(pid) {
            self.drop_message(&owner, message, fx);
        }
    }

    fn drop_message(&mut self, owner: &Owner, message: MessageId, fx: &mut Effects) {
        if let Some(Known { failed, .. }) = self.inboxes.remove(owner, message) {
            self.keep(message_key(owner, message), None, fx);
            self.keep(payload_key(owner, message), None, fx);
            if failed > 0 {
                self.keep(failed_key(owner, message), None, fx);
            }
        }
    }

    /// Whether the durable inbox of `pid`, if it has one, has accepted this message.
    pub(crate) fn has_accepted(&self, pid: Pid, message: MessageId) -> bool {
        self.owner(pid).is_some_and(|owner| self.inboxes.has(&owner, message))
    }

    /// `pid` has taken a message in the middle of a `handle`: that it has handled it is known when that returns.
    pub(crate) fn has_taken(&mut self, pid: Pid, message: MessageId) {
        let stored = self.has_accepted(pid, message);
        if let Some(process) = self.processes.get_mut(&pid).filter(|_| stored) {
            process.rare.taken.push(message);
        }
    }

    /// A `handle` of `pid` is over: it has handled its messages, if that went well, or has failed at the last one that it was
    /// handed.
    pub(crate) fn end_of_handle(&mut self, pid: Pid, message: MessageId, how: Ended, fx: &mut Effects) {
        let Some(process) = self.processes.get_mut(&pid).filter(|process| process.durable) else { return };
        let taken = std::mem::take(&mut process.rare.taken);
        match how {
            Ended::Well => taken.into_iter().chain([message]).for_each(|one| self.unstore_message(pid, one, fx)),
            Ended::Failed => self.has_failed_at(pid, taken.last().copied().unwrap_or(message), fx),
            Ended::CutShort => {}
        }
    }

    fn has_failed_at(&mut self, pid: Pid, message: MessageId, fx: &mut Effects) {
        let Some(owner) = self.owner(pid) else { return };
        let Some(known) = self.inboxes.known(&owner, message) else { return };
        known.failed += 1;
        let failed = known.failed.to_be_bytes().to_vec();
        self.keep(failed_key(&owner, message), Some(failed.into()), fx);
    }

    /// How many of the messages that wait for `pid` are lost with it.
    pub(crate) fn lost_with(&self, process: &crate::process::Process) -> u64 {
        let owner = process.app.clone().filter(|_| process.durable).map(|app| (app, process.name.clone()));
        let lost = |message| owner.as_ref().is_none_or(|owner| !self.inboxes.has(owner, message));
        process.mailbox.iter().filter(|envelope| lost(envelope.id)).count() as u64
    }

    /// Messages that are stored for `pid` and do not wait for it: those of earlier lives.
    fn earlier(&self, pid: Pid) -> Vec<(Owner, MessageId)> {
        let (Some(owner), Some(process)) = (self.owner(pid), self.processes.get(&pid)) else { return Vec::new() };
        let waits = |message: &MessageId| process.mailbox.iter().any(|envelope| envelope.id == *message);
        let earlier = self.inboxes.of(&owner).into_iter().filter(|message| !waits(message));
        earlier.map(|message| (owner.clone(), message)).collect()
    }

    /// Asks for the rows of what is handed again to `pid` when it runs.
    pub(crate) fn want_inbox(&self, pid: Pid, need: &mut Need) {
        for (owner, message) in self.earlier(pid) {
            need.want(self, message_key(&owner, message));
            need.want(self, payload_key(&owner, message));
        }
    }

    /// Hands to `pid`, which is about to run, again what it has not handled in earlier lives: behind its `start` and
    /// before all that has come since.
    ///
    /// # Errors
    /// In words, that a message cannot be read: then it must not run.
    pub(crate) fn hand_again(&mut self, pid: Pid, now: Now, fx: &mut Effects) -> Result<(), String> {
        let mut again = Vec::new();
        for (owner, message) in self.earlier(pid) {
            let unreadable = |e: String| format!("message {message} of its durable inbox cannot be read: {e}");
            let row = self.row(&message_key(&owner, message)).map_err(|e| unreadable(e.reason))?;
            let row = row.ok_or_else(|| unreadable("there is no such row".to_owned()))?;
            let stored: Stored = minicbor::decode(row).map_err(|e| unreadable(e.to_string()))?;
            let body = self.row(&payload_key(&owner, message)).map_err(|e| unreadable(e.reason))?.cloned();
            let body = body.unwrap_or_default();
            if body.len() as u64 != stored.bytes {
                return Err(unreadable(format!("it had {} bytes, and there are {}", stored.bytes, body.len())));
            }
            let envelope = Envelope {
                id: message,
                sender: stored.sender,
                target: stored.target,
                kind: if stored.topic { EnvelopeKind::Topic } else { EnvelopeKind::Message },
                correlation: stored.correlation,
                deadline: None,
                labels: stored.labels,
                content_type: stored.content_type.into(),
                body,
            };
            let failed = self.inboxes.known(&owner, message).map_or(0, |known| known.failed);
            if failed >= DELIVERIES {
                let reason = format!("poison: {} has failed at it {failed} times", owner.1);
                self.dead_letter(ActionId(0), pid, &envelope, Code::Failed, reason, now, fx);
                self.drop_message(&owner, message, fx);
                continue;
            }
            // Its manifest may have changed since.
            let ceiling = self.processes.get(&pid).and_then(|process| process.clearance.clone());
            match ceiling.filter(|ceiling| !envelope.labels.is_subset(ceiling)) {
                None => again.push(envelope),
                Some(ceiling) => {
                    let above = envelope.labels.minus(&ceiling);
                    let reason = format!("/proc/{pid} may not receive any more what is labelled {above}");
                    self.dead_letter(ActionId(0), pid, &envelope, Code::Denied, reason, now, fx);
                    self.drop_message(&owner, message, fx);
                }
            }
        }
        again.iter().for_each(|envelope| self.waiting.put(envelope, true));
        if let Some(process) = self.processes.get_mut(&pid) {
            process.mailbox.put_before(again);
        }
        Ok(())
    }

    /// An application was removed, or another version of it installed: what is stored for agents that are not `left` in
    /// it with a durable inbox is gone.
    pub(crate) fn empty_inboxes(&mut self, app: &Name, left: impl Fn(&Name) -> bool, fx: &mut Effects) {
        let gone = |(of, agent): &&Owner| of == app && !left(agent);
        let owners: Vec<Owner> = self.inboxes.by_owner.keys().filter(gone).cloned().collect();
        for owner in owners {
            for message in self.inboxes.of(&owner) {
                self.drop_message(&owner, message, fx);
            }
        }
    }
}
