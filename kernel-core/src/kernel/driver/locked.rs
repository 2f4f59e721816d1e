//! What lies behind the driver's lock: state, what it wants written, who waits, where the guests are.

use super::brake::Brake;
use super::lines::Credit;
use super::parked::Queue;
use super::{Instance, Observer, Outcome};
use crate::id::{ActionId, CallId, Pid};
use crate::ipc::Envelope;
use crate::kernel::Told;
use crate::kernel::committer::Pending;
use crate::kernel::effects::{Effects, Perform, Wake};
use crate::kernel::input::Input;
use crate::kernel::inspect::ProcessRow;
use crate::kernel::pids::PidMap;
use crate::kernel::start::Journal;
use crate::kernel::state::{Need, State};
use crate::platform::{ActReply, Gauge, Platform, StartRequest, Suspension, Usage};
use crate::refusal::{Code, Refusal};
use crate::time::Instant;
use futures::channel::oneshot;
use futures::future::{AbortHandle, AbortRegistration};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};

/// Everything behind the lock.
pub(in crate::kernel) struct Core<P: Platform> {
    pub(in crate::kernel) state: State,
    pub(in crate::kernel) pending: Pending,
    pub(in crate::kernel) journal: Option<Journal>,
    pub(in crate::kernel) closed: bool,
    /// Whether a step has panicked. What it left is no state that a whole step made.
    pub(super) broken: bool,
    pub(super) fx: Effects,
    pub(super) next_call: u64,
    pub(super) waiters: FxHashMap<CallId, Waiter>,
    pub(super) parked: Queue,
    pub(super) guests: PidMap<Slot<P>>,
    /// The processes that were killed and whose instances are to be seen gone, with the act that killed each.
    pub(super) dying: BTreeMap<Pid, ActionId>,
    pub(super) ready: VecDeque<Activation>,
    /// Instances of the trusted base that are to be made, and whether somebody is at it.
    pub(super) starts: VecDeque<(ActionId, StartRequest)>,
    pub(super) starting: bool,
    pub(super) draining: bool,
    /// Whether an `Input::Continue` is on its way.
    pub(super) continues: bool,
    /// Whether an `Input::Tick` is on its way for what was due as soon as it was known.
    pub(super) ticks: bool,
    pub(super) armed: Option<Instant>,
    /// Whether something may be stored that was kept for snapshots and that none goes by any more.
    pub(super) sweeps: bool,
    pub(super) observers: Vec<Observer>,
    /// What each process that logs may still log.
    pub(super) credits: BTreeMap<Pid, Credit>,
}

/// Who waits for the reply of a call.
pub(super) enum Waiter {
    /// Whoever submitted it is still doing what its step left to do, in which the reply may come.
    Submitting,
    /// It came meanwhile.
    Answered(Outcome),
    /// A future.
    Future(oneshot::Sender<Outcome>),
}

/// A guest's place: the guest while it has nothing to do, what there is of it outside while it has.
pub(super) struct Slot<P: Platform> {
    pub(super) guest: Option<Instance<P>>,
    pub(super) busy: Option<Busy>,
}

/// A guest that is busy: how it is stopped, and what it uses.
pub(super) struct Busy {
    /// For good.
    pub(super) abort: AbortHandle,
    /// Until it is let go.
    pub(super) brake: Brake,
    /// Where the host can see into it.
    pub(super) gauge: Option<Gauge>,
}

/// One envelope on its way into a guest.
pub(super) struct Activation {
    pub(super) pid: Pid,
    pub(super) envelope: Envelope,
    /// A request to make an instance for it first; few have one, so it is kept apart.
    pub(super) fresh: Option<Box<StartRequest>>,
}

/// What is left to do once the lock is released.
pub(super) struct Todo<P: Platform> {
    pub(super) performs: Vec<Perform>,
    pub(super) loads: Vec<Need>,
    pub(super) activations: Vec<Activation>,
    pub(super) dropped: Vec<Instance<P>>,
    /// Of those that were killed before they had an instance.
    pub(super) gone: Vec<Input>,
    pub(super) own: Option<Outcome>,
    pub(super) drain: bool,
    pub(super) go_on: bool,
    pub(super) tick: bool,
    pub(super) commit: bool,
    pub(super) rearm: bool,
    /// Whether a step has panicked, so that nobody gets an answer any more who waits for one.
    pub(super) broken: bool,
    /// Whether that happened again.
    pub(super) close: bool,
}

impl<P: Platform> Default for Todo<P> {
    fn default() -> Self {
        Todo {
            performs: Vec::new(),
            loads: Vec::new(),
            activations: Vec::new(),
            dropped: Vec::new(),
            gone: Vec::new(),
            own: None,
            drain: false,
            go_on: false,
            tick: false,
            commit: false,
            rearm: false,
            broken: false,
            close: false,
        }
    }
}

impl<P: Platform> Core<P> {
    pub(in crate::kernel) fn new(state: State, journal: Option<Journal>, observers: Vec<Observer>) -> Core<P> {
        Core {
            state,
            pending: Pending::default(),
            journal,
            closed: false,
            broken: false,
            fx: Effects::default(),
            next_call: 0,
            waiters: FxHashMap::default(),
            parked: Queue::default(),
            guests: PidMap::default(),
            dying: BTreeMap::new(),
            ready: VecDeque::new(),
            starts: VecDeque::new(),
            starting: false,
            draining: false,
            continues: false,
            ticks: false,
            armed: None,
            // Whatever a kernel before did not come to.
            sweeps: true,
            observers,
            credits: BTreeMap::new(),
        }
    }

    pub(super) fn call(&mut self) -> CallId {
        self.next_call += 1;
        CallId(self.next_call)
    }

    pub(super) fn wake(&mut self, wake: Wake, todo: &mut Todo<P>) {
        match wake {
            Wake::Deliver { pid, envelope, fresh } => {
                let activation = Activation { pid, envelope, fresh };
                let inline = self.guests.get(&pid).and_then(|s| s.guest.as_ref()).is_some_and(Instance::inline);
                if inline && activation.fresh.is_none() {
                    self.ready.push_back(activation);
                    if !self.draining {
                        self.draining = true;
                        todo.drain = true;
                    }
                } else {
                    todo.activations.push(activation);
                }
            }
            Wake::Hold { pid } => {
                if let Some(busy) = self.busy(pid).filter(|_| self.is_held(pid)) {
                    busy.brake.hold();
                }
            }
            Wake::LetGo { pid } => {
                if let Some(busy) = self.busy(pid) {
                    busy.brake.let_go();
                }
            }
            // It has a place from before its instance is made.
            Wake::Watch { action, pid } => match self.guests.get(&pid) {
                Some(_) => drop(self.dying.insert(pid, action)),
                None => todo.gone.push(Input::Gone { action, pid }),
            },
            Wake::Drop { pid } => {
                self.end_log(pid);
                if let Some(slot) = self.guests.remove(&pid) {
                    if let Some(busy) = slot.busy {
                        busy.abort.abort();
                    }
                    todo.dropped.extend(slot.guest);
                }
            }
            Wake::Ask(ask) => self.tell(Told::Ask(ask)),
            Wake::Notice(notice) => self.tell(Told::Notice(notice)),
        }
    }

    pub(in crate::kernel) fn tell(&mut self, told: Told) {
        self.observers.retain_mut(|observer| observer.tell(&told));
    }

    pub(super) fn resolve(&mut self, call: CallId, result: Outcome, own: Option<CallId>, todo: &mut Todo<P>) {
        if own == Some(call) {
            todo.own = Some(result);
        } else {
            match self.waiters.remove(&call) {
                Some(Waiter::Future(waiter)) => {
                    // Whoever gave up waiting has dropped its end.
                    let _ = waiter.send(result);
                }
                Some(Waiter::Submitting) => drop(self.waiters.insert(call, Waiter::Answered(result))),
                // The first answer is the answer.
                Some(answered @ Waiter::Answered(_)) => drop(self.waiters.insert(call, answered)),
                None => {}
            }
        }
    }

    /// The reply of a call that was submitted, or the way to wait for it.
    pub(super) fn reply_of(&mut self, call: CallId) -> ActReply {
        match self.waiters.remove(&call) {
            Some(Waiter::Answered(result)) => ActReply::ready(result),
            Some(Waiter::Submitting) => {
                let (sender, receiver) = oneshot::channel();
                self.waiters.insert(call, Waiter::Future(sender));
                ActReply::Wait(receiver)
            }
            Some(Waiter::Future(_)) | None => {
                ActReply::ready(Err(Refusal::new(Code::Cancelled, "the kernel has stopped")))
            }
        }
    }

    /// Whether an instance for `pid` is still of use.
    pub(super) fn expects(&self, pid: Pid) -> bool {
        !self.closed && self.state.processes.contains_key(&pid)
    }

    /// Takes the guest of `pid` out of its place; whether it is to do nothing now.
    pub(super) fn borrow(&mut self, pid: Pid) -> Option<(Instance<P>, bool)> {
        let guest = self.guests.get_mut(&pid)?.guest.take()?;
        Some((guest, self.is_held(pid)))
    }

    /// The next envelope for a handler of the trusted base, with the handler. One that is not in its place has
    /// ended, and what it was to be handed is lost with it.
    pub(super) fn next_ready(&mut self) -> Option<(Pid, Instance<P>, bool, Envelope)> {
        while let Some(Activation { pid, envelope, .. }) = self.ready.pop_front() {
            if let Some((guest, held)) = self.borrow(pid) {
                return Some((pid, guest, held, envelope));
            }
        }
        None
    }

    /// Whether the guest of `pid` is to do nothing now. One that computes where it is not polled is polled on: it stops at
    /// its next act, and its limits hold until then.
    fn is_held(&self, pid: Pid) -> bool {
        self.state.profile.suspension == Suspension::Anywhere
            && self.state.processes.get(&pid).is_some_and(|process| process.is_held())
    }

    fn busy(&self, pid: Pid) -> Option<&Busy> {
        self.guests.get(&pid)?.busy.as_ref()
    }

    /// What the message that the guest of `pid` is busy with has used until now, as far as the host can see that.
    pub(super) fn used_so_far(&self, pid: Pid) -> Option<Usage> {
        let usage = self.busy(pid)?.gauge.as_ref()?.read();
        (usage != Usage::default()).then_some(usage)
    }

    /// The processes that live, as state tells of them, and what those that are busy have used until now.
    pub(in crate::kernel) fn living(&self, from: Pid, most: usize, now: Instant) -> Vec<ProcessRow> {
        let mut rows = self.state.living(from, most, now);
        for row in &mut rows {
            if let Some(usage) = self.used_so_far(row.pid) {
                row.uses(&usage);
            }
        }
        rows
    }

    /// Whether the guest of `pid` has a place still: its process lives.
    pub(super) fn has_place(&self, pid: Pid) -> bool {
        self.guests.get(&pid).is_some()
    }

    /// Leaves the ways to stop the guest of `pid`, which is out of its place, and its gauge; `None` if its process is
    /// gone.
    pub(super) fn stoppable(&mut self, pid: Pid, gauge: Option<Gauge>) -> Option<(AbortRegistration, Brake)> {
        let brake = Brake::default();
        if self.is_held(pid) {
            brake.hold();
        }
        let slot = self.guests.get_mut(&pid)?;
        let (abort, registration) = AbortHandle::new_pair();
        slot.busy = Some(Busy { abort, brake: brake.clone(), gauge });
        Some((registration, brake))
    }

    /// Makes a place for an instance of `pid`, which has none yet; whether one is still of use.
    pub(super) fn makes(&mut self, pid: Pid) -> bool {
        let expected = self.expects(pid);
        if expected && self.guests.get(&pid).is_none() {
            self.guests.insert(pid, Slot { guest: None, busy: None });
        }
        expected
    }

    /// The place of `pid` is for nobody, because no instance was made for it: whoever is killed from now on has none. The
    /// act that killed it while there was a place.
    pub(super) fn vacate(&mut self, pid: Pid) -> Option<ActionId> {
        if self.guests.get(&pid).is_some_and(|slot| slot.guest.is_none() && slot.busy.is_none()) {
            self.guests.remove(&pid);
        }
        self.dying.remove(&pid)
    }

    /// The guest of `pid` is done with its message and does not come back into its place.
    pub(super) fn forgo(&mut self, pid: Pid) {
        if let Some(slot) = self.guests.get_mut(&pid) {
            slot.busy = None;
        }
    }

    /// Puts a guest into its place, unless its process is gone.
    pub(super) fn give_back(&mut self, pid: Pid, guest: Instance<P>) -> Option<Instance<P>> {
        match self.guests.get_mut(&pid) {
            Some(slot) => {
                slot.guest = Some(guest);
                slot.busy = None;
                None
            }
            None => Some(guest),
        }
    }
}
