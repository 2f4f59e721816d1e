//! From the mailbox to the guest and back: delivery, handling, and when an application is quiet.

use super::effects::{Effects, Wake};
use super::fuel::fuel_of;
use super::inboxes::Ended;
use super::open::{Closed, OpenKind};
use super::random;
use super::state::{Abandoned, Connection, Need, State};
use crate::budget::Meter;
use crate::id::{ActionId, MessageId, Pid};
use crate::ipc::{ALL_MAILBOXES_BYTES, Envelope, EnvelopeKind, Subscription, selects};
use crate::label::Labels;
use crate::path::Resource;
use crate::platform::{DeviceReply, FaultKind, Handled, StartRequest};
use crate::process::{ExitReason, Handling, InstanceKind, Lifecycle, Most, Process};
use crate::refusal::{Code, Refusal};
use crate::time::Now;

impl State {
    /// Puts an envelope into a mailbox, or hands it over at once. Never waits. What is said of a failure names the
    /// receiver by its number: its name is the word of whoever spawned it, and the sender may not carry what that did. `action` is the act that it comes
    /// from, 0 for none; `request` the call that waits for its reply.
    ///
    /// # Errors
    /// `not_found`, `denied` for labels above the receiver's ceiling, `too_large` for more labels than it could
    /// carry, `full`; each but the first leaves a dead letter. Nothing was delivered and nothing was tainted.
    pub(crate) fn deliver(
        &mut self,
        pid: Pid,
        envelope: Envelope,
        action: ActionId,
        request: Option<ActionId>,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        self.deliver_by(None, pid, envelope, action, request, now, fx)
    }

    /// The same for what comes by a subscription: of what does not fit the process is told by a `lagged`, in its place,
    /// and it is no dead letter.
    #[allow(clippy::too_many_arguments)] // Those of `deliver`, and the subscription.
    fn deliver_by(
        &mut self,
        subscription: Option<&Subscription>,
        pid: Pid,
        envelope: Envelope,
        action: ActionId,
        request: Option<ActionId>,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        let Some(process) = self.processes.get(&pid).filter(|p| p.is_alive()) else {
            return Err(Refusal::new(Code::NotFound, format!("there is no process /proc/{pid}")));
        };
        if process.program.is_none() && process.app.is_some() {
            // Nobody would ever receive it.
            return Err(Refusal::new(Code::NotFound, format!("/proc/{pid} is a supervisor, which takes no messages")));
        }
        if let Err(Refusal { code, reason, .. }) = Self::may_receive(process, &envelope.labels) {
            let refusal = self.dead_letter(action, pid, &envelope, code, reason, now, fx);
            return Err(if code == Code::Denied { refusal.by_other() } else { refusal });
        }
        if let Err(full) = self.inbox_takes(pid, &envelope) {
            return Err(self.turn_away(subscription, pid, &envelope, action, full, now, fx));
        }
        if let Some(receive) = self.receives(pid, &envelope) {
            let framed = self.receive(action, pid, &envelope, now, fx)?;
            self.store_message(pid, &envelope, fx);
            self.has_taken(pid, envelope.id);
            self.close(receive, Ok(framed), now, fx);
            return Ok(());
        }
        if envelope.is_signal() {
            self.enqueue_signal(pid, envelope);
            self.next_message(pid, now, fx);
            return Ok(());
        }
        let id = envelope.id;
        if let Err(full) = self.takes(pid, &envelope, subscription) {
            return Err(self.turn_away(subscription, pid, &envelope, action, full, now, fx));
        }
        self.store_message(pid, &envelope, fx);
        self.enqueue(pid, envelope, subscription.map_or(0, |subscription| subscription.id));
        if let Some(action) = request {
            self.requests.insert(id, action);
        }
        self.next_message(pid, now, fx);
        Ok(())
    }

    /// The same for what reaches `pid` only because it asked for that, when it carried `asked`: with those labels too.
    ///
    /// # Errors
    /// As above; `too_large` where no set can hold both.
    #[allow(clippy::too_many_arguments)] // Those of `deliver`, and what was asked for.
    pub(crate) fn deliver_as(
        &mut self,
        pid: Pid,
        mut envelope: Envelope,
        asked: &Labels,
        action: ActionId,
        request: Option<ActionId>,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        match envelope.labels.join(asked) {
            Ok(labels) => envelope.labels = labels,
            Err(e) => {
                let reason = format!("what /proc/{pid} asked for cannot be labelled: {e}");
                return Err(self.unsayable_letter(action, pid, &envelope, reason, now, fx));
            }
        }
        self.deliver(pid, envelope, action, request, now, fx)
    }

    /// The same for a message of a topic, by a subscription.
    ///
    /// # Errors
    /// As above; of what is `full` there is a `lagged` and no dead letter.
    pub(crate) fn deliver_to(
        &mut self,
        pid: Pid,
        subscription: &Subscription,
        envelope: Envelope,
        action: ActionId,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        let labels = match envelope.labels.join(&subscription.labels) {
            Ok(labels) => labels,
            Err(e) => {
                let reason = format!("what /proc/{pid} subscribed to cannot be labelled: {e}");
                return Err(self.unsayable_letter(action, pid, &envelope, reason, now, fx));
            }
        };
        self.deliver_by(Some(subscription), pid, Envelope { labels, ..envelope }, action, None, now, fx)
    }

    /// What is told of a message for which there is no room, and left of it.
    #[allow(clippy::too_many_arguments)] // Those of a delivery, and why it failed.
    fn turn_away(
        &mut self,
        subscription: Option<&Subscription>,
        pid: Pid,
        envelope: &Envelope,
        action: ActionId,
        full: Refusal,
        now: Now,
        fx: &mut Effects,
    ) -> Refusal {
        match subscription {
            Some(subscription) => self.lag(pid, subscription, envelope, action, full, now, fx),
            None => self.dead_letter(action, pid, envelope, full.code, full.reason, now, fx),
        }
    }

    /// Whether `process` may receive what is labelled so, and could carry it.
    ///
    /// # Errors
    /// `denied` for labels above its ceiling, `too_large` for more than it could carry.
    pub(crate) fn may_receive(process: &Process, labels: &Labels) -> Result<(), Refusal> {
        let pid = process.pid;
        if let Some(ceiling) = process.clearance.as_ref().filter(|ceiling| !labels.is_subset(ceiling)) {
            let reason = format!("/proc/{pid} may not receive what is labelled {}", labels.minus(ceiling));
            return Err(Refusal::new(Code::Denied, reason));
        }
        let handed_over = match process.instance {
            InstanceKind::Kept => &process.labels,
            InstanceKind::PerMessage => &process.own_labels,
        };
        let joined = handed_over.join(labels);
        joined.map_err(|e| Refusal::new(Code::TooLarge, format!("/proc/{pid} may not receive it: {e}")))?;
        Ok(())
    }

    /// The receive that `pid` has open and that takes `envelope`.
    pub(crate) fn receives(&self, pid: Pid, envelope: &Envelope) -> Option<ActionId> {
        // What is suspended is handed nothing, whatever it waits for.
        let process = self.processes.get(&pid).filter(|process| process.life != Lifecycle::Suspended)?;
        let takes = |action: &&ActionId| match self.opened.get(action).map(|open| &open.kind) {
            Some(OpenKind::Inbox { correlation }) => selects(*correlation, envelope),
            _ => false,
        };
        process.rare.acts.iter().find(takes).copied()
    }

    /// Whether the mailbox of `pid` takes `envelope`.
    fn takes(&self, pid: Pid, envelope: &Envelope, subscription: Option<&Subscription>) -> Result<(), Refusal> {
        let Some(process) = self.processes.get(&pid) else { return Ok(()) };
        if let Some(Subscription { id, queue, pattern, .. }) = subscription
            && process.mailbox.waiting_of(*id) >= *queue
        {
            let reason = format!("{queue} messages of {pattern} wait for /proc/{pid}, and that is the most");
            return Err(Refusal::new(Code::Full, reason));
        }
        process.mailbox.room_for(envelope).map_err(|full| {
            let reason =
                format!("the mailbox of /proc/{pid} is full: {} messages, {} bytes", full.messages, full.bytes);
            Refusal::new(Code::Full, reason)
        })?;
        self.room_for(envelope)
    }

    /// Whether all mailboxes together have room for one more.
    pub(crate) fn room_for(&self, envelope: &Envelope) -> Result<(), Refusal> {
        if self.waiting.bytes.saturating_add(envelope.weight()) <= ALL_MAILBOXES_BYTES {
            return Ok(());
        }
        let reason =
            format!("{} bytes wait in all mailboxes, and that is the most: {ALL_MAILBOXES_BYTES}", self.waiting.bytes);
        Err(Refusal::new(Code::Full, reason))
    }

    /// Puts an envelope into a mailbox that takes it. It came by this subscription, 0 for none.
    pub(crate) fn enqueue(&mut self, pid: Pid, envelope: Envelope, subscription: u64) {
        if let Some(process) = self.processes.get_mut(&pid) {
            self.waiting.put(&envelope, process.durable);
            process.mailbox.push(envelope, subscription);
        }
    }

    /// Puts a signal in front of what waits in a mailbox, for which there is always room.
    fn enqueue_signal(&mut self, pid: Pid, signal: Envelope) {
        let weight = signal.weight();
        if let Some(process) = self.processes.get_mut(&pid)
            && process.mailbox.signal(signal)
        {
            self.waiting.grow(weight);
        }
    }

    /// Hands the next message to a guest that has nothing to do.
    pub(crate) fn next_message(&mut self, pid: Pid, now: Now, fx: &mut Effects) {
        while let Some(process) = self.processes.get_mut(&pid)
            && process.life == Lifecycle::Running
            && process.program.is_some()
            && process.handling.is_none()
            && !process.mailbox.is_empty()
        {
            // Held until it is known what of it was used.
            if let Some(given) = process.limits.fuel
                && let Err(over) = self.ledger.reserve(process.account, Meter::Fuel, given)
            {
                let used = self.ledger.line(over.account, Meter::Fuel).map_or(over.used, |line| line.used);
                let ending = process.app.as_ref().and_then(|app| self.apps.get(app)).is_some_and(|app| app.ending);
                // What others hold comes back, or is used.
                if ending || used.saturating_add(given) <= over.limit {
                    let limited = self.ledger.limited(process.account, Meter::Fuel).unwrap_or(over.account);
                    self.waits_for_fuel.wait(pid, (limited, given), over.account);
                    return;
                }
                let all = process.mailbox.iter().try_fold(process.labels.clone(), |all, next| all.join(&next.labels));
                let labels = all.ok().filter(|_| !process.rare.unsayable);
                self.end_account_next(&over, format!("{over}, and a message may use {given}"), labels);
                return;
            }
            if process.limits.fuel.is_some() {
                self.waits_for_fuel.forget(pid);
            }
            let Some(envelope) = process.mailbox.pop() else { return };
            self.waiting.take(&envelope, process.durable);
            let fresh = process.instance == InstanceKind::PerMessage && envelope.kind != EnvelopeKind::Start;
            let base = match process.instance {
                InstanceKind::Kept => &process.labels,
                InstanceKind::PerMessage => &process.own_labels,
            };
            match base.join(&envelope.labels) {
                Ok(labels) => process.labels = labels,
                // There was room for its labels when it came, and by now there is none.
                Err(e) => {
                    if let Some(given) = process.limits.fuel {
                        self.ledger.release(process.account, Meter::Fuel, given);
                        self.waits_for_fuel.came_back(&self.ledger, process.account);
                    }
                    let reason = format!("/proc/{pid} may not receive it: {e}");
                    let request = self.requests.remove(&envelope.id);
                    let action = request.unwrap_or(ActionId(0));
                    let refusal = self.dead_letter(action, pid, &envelope, Code::TooLarge, reason, now, fx);
                    self.unstore_message(pid, envelope.id, fx);
                    if let Some(action) = request {
                        self.close(action, Err(refusal), now, fx);
                    }
                    continue;
                }
            }
            // What it sends to itself is its own doing.
            process.swayed |= !envelope.labels.is_subset(&process.own_labels) && envelope.sender != Resource::Proc(pid);
            process.used.messages += 1;
            process.seen = now.at;
            let from = match envelope.sender {
                Resource::Proc(sender) => sender,
                _ => Pid::KERNEL,
            };
            let request = self.requests.remove(&envelope.id);
            process.handling = Some(Handling { message: envelope.id, from, request });
            let seed = random::of_message(&process.seed, envelope.id);
            let fresh = fresh.then(|| Box::new(StartRequest { seed, again: true, ..self.start_request(pid) }));
            fx.wakes.push(Wake::Deliver { pid, envelope, fresh });
        }
        self.count_busy(pid);
    }

    /// A guest returned from `handle`, or did not survive it.
    pub(crate) fn handled(&mut self, pid: Pid, message: MessageId, handled: &Handled, now: Now, fx: &mut Effects) {
        let Some(process) = self.processes.get_mut(&pid) else { return self.unreported(pid, &handled.usage) };
        let fuel = fuel_of(handled, &process.limits);
        process.used.cpu += handled.usage.cpu;
        process.used.fuel = process.used.fuel.saturating_add(fuel);
        process.used.memory = process.used.memory.max(handled.usage.memory);
        process.used.memory_now = match process.instance {
            InstanceKind::Kept => handled.usage.memory,
            InstanceKind::PerMessage => 0,
        };
        let most = &mut process.rare.most;
        *most = Most { fuel: most.fuel.max(fuel), cpu: most.cpu.max(handled.usage.cpu) };
        let (account, limits) = (process.account, process.limits);
        let ceilings = [
            ("memory", handled.usage.memory, Some(limits.memory)),
            ("fuel", fuel, limits.fuel),
            ("handle", handled.usage.cpu, Some(u64::try_from(limits.handle.as_nanos()).unwrap_or(u64::MAX))),
        ];
        let Some(handling) = process.handling.take_if(|h| h.message == message) else { return };
        let labels = process.labels.clone();
        // Several meters, and the making of an instance, may take more than what was held.
        let over = self.ledger.settle(account, Meter::Fuel, limits.fuel.unwrap_or(0), fuel);
        if limits.fuel.is_some() {
            self.waits_for_fuel.came_back(&self.ledger, account);
        }
        let ended = match (&handled.result, handling.request) {
            (Ok(Ok(_)), _) => Ended::Well,
            // What is refused while the disk has no room is no fault of the message either.
            _ if self.lack.is_some() => Ended::CutShort,
            (Ok(Err(_)), None) => Ended::Failed,
            // What a host has no room for is no fault of the message.
            (Err(fault), _) if !matches!(fault.kind, FaultKind::Start | FaultKind::Room) => Ended::Failed,
            _ => Ended::CutShort,
        };
        self.end_of_handle(pid, message, ended, fx);
        // Who came near a limit is told of before whoever went over it ends, also where one message did both.
        self.weigh_limits(pid, &ceilings, now, fx);
        self.tell_near(now, fx);
        let Some(process) = self.processes.get(&pid) else { return };
        let stopping = process.life == Lifecycle::Stopping;
        let mut end = stopping.then(|| self.asked_by(pid));
        match (&handled.result, handling.request) {
            // The caller gave up waiting, or is gone.
            (Ok(result), Some(action)) if !self.opened.contains_key(&action) => {
                self.late_reply(action, pid, handling.from, &labels, result, now, fx);
            }
            (Ok(result), Some(action)) => self.answer_call(action, pid, &labels, result.clone(), now, fx),
            (Ok(Ok(_)), None) => {}
            (Ok(Err(text)), None) => end = Some(ExitReason::Error(clip(text))),
            (Err(fault), request) => {
                if let Some(action) = request {
                    let text = format!("it ended while handling the request: {}", fault.reason);
                    self.answer_call(action, pid, &labels, Err(text), now, fx);
                }
                let reason = clip(&fault.reason);
                end = Some(match fault.kind {
                    FaultKind::Cpu | FaultKind::Memory | FaultKind::Fuel => ExitReason::Limit(reason),
                    FaultKind::Start | FaultKind::Room => ExitReason::NotStarted(reason),
                    FaultKind::Trap => ExitReason::Trap(reason),
                });
            }
        }
        match end {
            // Its end tells of this message, so it ends with the labels of this message.
            Some(reason) => {
                self.exit(pid, reason, now, fx);
            }
            None if over.is_some() => {}
            None => {
                if let Some(process) = self.processes.get_mut(&pid)
                    && process.instance == InstanceKind::PerMessage
                {
                    process.remember(&labels);
                    process.labels = process.own_labels.clone();
                    process.swayed = false;
                }
                self.next_message(pid, now, fx);
            }
        }
        if let Some(over) = over {
            self.tally.exhausted += 1;
            self.end_of_account(&labels, &over, now, fx);
        }
        self.weigh(pid, now, fx);
    }

    /// A device answered, or failed.
    pub(crate) fn done(
        &mut self,
        action: ActionId,
        result: &Result<DeviceReply, (Code, String)>,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Need> {
        let mut need = Need::default();
        self.want_landing(action, result.is_ok(), &mut need);
        if !need.is_empty() {
            return Err(need);
        }
        // Also where nobody waits for it any more: the file is what the device says it is.
        let shown = self.land(action, result.is_ok(), fx);
        let Some(open) = self.opened.get(&action) else {
            return self.disown(action, result, now, fx);
        };
        let pid = open.pid;
        let connecting = match (&open.kind, &open.resource) {
            (OpenKind::Connecting { stream, private, labels }, Resource::Net(to)) => {
                Some((*stream, Connection { pid, to: to.clone(), private: *private }, labels.clone()))
            }
            _ => None,
        };
        if connecting.is_some() {
            self.has_connected(pid);
        }
        let mut note = String::new();
        let by_other = result.is_err();
        // An error tells of what is there, too.
        let taken = shown.and_then(|labels| self.taint(pid, &labels));
        let result = taken.and_then(|()| match result {
            Err((code, reason)) => Err(Refusal::new(*code, reason.clone())),
            Ok(reply) => {
                if let DeviceReply::Done { address: Some(address) } = reply {
                    note = address.clone();
                }
                Ok(match connecting {
                    Some((stream, connection, labels)) => self.connected(stream, connection, labels),
                    None => super::verb::device_reply(reply),
                })
            }
        });
        self.end_open(action, result, Closed { note, by_other }, now, fx);
        Ok(())
    }

    /// A device answered an act that nobody waits for any more: a connection that was opened is closed, what was
    /// read goes to the next read.
    fn disown(
        &mut self,
        action: ActionId,
        result: &Result<DeviceReply, (Code, String)>,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Need> {
        self.settle(action, result, now, fx);
        match self.abandoned.remove(&action) {
            Some(Abandoned::Connect(stream, pid)) => {
                self.has_connected(pid);
                self.close_stream(stream, fx);
            }
            Some(Abandoned::Read(stream)) => {
                if let Some((reader, result)) = self.late_read(stream, result) {
                    return self.done(reader, &result, now, fx);
                }
            }
            None => {}
        }
        Ok(())
    }

    /// Brings the count of busy processes of its application up to date.
    pub(crate) fn count_busy(&mut self, pid: Pid) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let busy = process.is_busy();
        let before = std::mem::replace(&mut process.busy, busy);
        if before != busy
            && let Some(app) = process.app.as_ref().and_then(|name| self.apps.get_mut(name))
        {
            app.busy = app.busy.saturating_add_signed(if busy { 1 } else { -1 });
        }
    }

    /// The same, and ends the application if that was the last of its work.
    pub(crate) fn weigh(&mut self, pid: Pid, now: Now, fx: &mut Effects) {
        self.count_busy(pid);
        let app = self.processes.get(&pid).and_then(|p| p.app.clone());
        if let Some(app) = app {
            self.end_if_quiet(&app, now, fx);
        }
    }
}

/// A guest's own text, cut to what the log keeps of it.
pub(super) fn clip(text: &str) -> String {
    text.chars().take(1_000).collect()
}
