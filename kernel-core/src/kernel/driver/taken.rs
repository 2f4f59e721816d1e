//! How an input is taken to step, and with it all that it causes to be stepped under the same lock.
//!
//! No input is taken within another, so the stack is no deeper for ever so many: for all the acts that were withheld from a
//! process, say, or for a chain of processes in which each lets the next go on.

use super::STEP_FAILED;
use super::locked::{Core, Todo};
use super::parked::Parked;
use crate::id::{ActionId, CallId};
use crate::kernel::committer::After;
use crate::kernel::effects::{Again, Effects, Perform, Performance, Reply, Wake};
use crate::kernel::input::Input;
use crate::kernel::state::{Need, ROUNDS};
use crate::platform::Platform;
use crate::refusal::Code;
use crate::time::Instant;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a step leaves to be done under the same lock.
#[allow(clippy::large_enum_variant)] // Nearly all are inputs, and few are at hand at a time.
enum Next {
    /// An input, and the call whose reply the submitter takes back directly.
    Input(Input, Option<CallId>),
    /// This act was given up.
    Withdraw(ActionId),
}

/// What is stepped in the place of an `input` whose rows cannot be had. An act is refused; of anything else the kernel
/// could no longer say what came of it, so it acknowledges nothing any more.
fn given_up(input: Input, reason: String) -> Input {
    match input {
        Input::Act { pid, call, request } => Input::Unread { pid, call, request, reason },
        _ => Input::NotDurable { reason },
    }
}

impl<P: Platform> Core<P> {
    /// Takes one input to step and sorts what comes out of it, and then each input that this has caused, in order. `own`
    /// is the call whose reply the submitter takes back directly. A step that panics is fail-stop, as soon as the lock is
    /// released; the panic goes no further, because whoever submits may be a guest.
    pub(super) fn take(&mut self, platform: &P, input: Input, rounds: u8, own: Option<CallId>, todo: &mut Todo<P>) {
        // What one of them causes comes before the rest, so the last is the next. No input is taken within another:
        // there may be as many as acts were withheld.
        let mut next = self.take_one(platform, input, rounds, own, todo);
        while let Some(one) = next.pop() {
            let caused = match one {
                Next::Input(input, own) => self.take_one(platform, input, 0, own, todo),
                Next::Withdraw(action) => self.withdraw(action, todo),
            };
            next.extend(caused);
        }
    }

    /// Takes one input; what is to follow it, the last first.
    fn take_one(
        &mut self,
        platform: &P,
        input: Input,
        rounds: u8,
        own: Option<CallId>,
        todo: &mut Todo<P>,
    ) -> Vec<Next> {
        if !self.parked.is_empty() {
            let touches = self.state.touches(&input);
            if self.parked.holds(&touches) {
                self.parked.push(Parked { input, need: Need::default(), touches, rounds });
                return Vec::new();
            }
        }
        if let Input::Continue = input {
            self.continues = false;
        }
        let step = AssertUnwindSafe(|| {
            let now = platform.stamp();
            (now, self.state.step(&input, now, &mut self.fx))
        });
        let Ok((now, stepped)) = catch_unwind(step) else { return self.break_off(todo) };
        match stepped {
            Ok(()) => {
                if let Input::Tick = input {
                    self.ticks = false;
                }
                if let Some(journal) = &mut self.journal {
                    journal.push((now, input));
                }
                self.sort(now.at, own, todo)
            }
            Err(need) if rounds < ROUNDS => {
                let touches = self.state.touches(&input);
                todo.loads.push(need.clone());
                self.parked.push(Parked { input, need, touches, rounds: rounds + 1 });
                Vec::new()
            }
            Err(_) => {
                let own = own.filter(|_| matches!(input, Input::Act { .. }));
                vec![Next::Input(given_up(input, "it needs more rows than one input may need".to_owned()), own)]
            }
        }
    }

    /// A step broke off. What it had caused so far is a part of something: none of it is done or written, and of what
    /// it left nothing is asked but to stop.
    fn break_off(&mut self, todo: &mut Todo<P>) -> Vec<Next> {
        self.fx = Effects::default();
        todo.broken = true;
        match std::mem::replace(&mut self.broken, true) {
            false => vec![Next::Input(Input::NotDurable { reason: STEP_FAILED.to_owned() }, None)],
            // It cannot even stop.
            true => {
                todo.close = true;
                Vec::new()
            }
        }
    }

    /// Rows that `input` needs cannot be had.
    pub(super) fn give_up(&mut self, input: Input, reason: String, platform: &P, todo: &mut Todo<P>) {
        self.take(platform, given_up(input, reason), 0, None, todo);
    }

    /// Sorts what came out of a step; what is to follow it, the last first.
    fn sort(&mut self, now: Instant, own: Option<CallId>, todo: &mut Todo<P>) -> Vec<Next> {
        let mut fx = std::mem::take(&mut self.fx);
        self.pending.add(fx.records.drain(..), fx.rows.drain(..));
        self.sweeps |= std::mem::take(&mut fx.sweep);
        for reply in fx.replies.drain(..) {
            let Reply { call, result, durable } = reply;
            if durable || self.pending.is_heavy() {
                self.pending.after(After::Reply(call, result));
            } else {
                self.resolve(call, result, own, todo);
            }
        }
        for perform in fx.acts.drain(..) {
            if perform.durable {
                self.pending.after(After::Perform(perform));
            } else {
                todo.performs.push(perform);
            }
        }
        let mut next: Vec<Next> = fx.withdrawn.drain(..).rev().map(Next::Withdraw).collect();
        let again = |Again { pid, call, request }| Next::Input(Input::Act { pid, call, request }, None);
        next.extend(fx.again.drain(..).rev().map(again));
        let acts = next.len();
        for wake in fx.wakes.drain(..) {
            if let Wake::Drop { pid } = wake {
                let used = self.used_so_far(pid);
                next.extend(used.map(|usage| Next::Input(Input::Unreported { pid, usage }, None)));
            }
            self.wake(wake, todo);
        }
        next[acts..].reverse();
        self.fx = fx;
        todo.commit |= self.pending.wants_commit();
        if self.state.goes_on() && !std::mem::replace(&mut self.continues, true) {
            todo.go_on = true;
        }
        let due = self.state.next_deadline();
        if due.is_some_and(|at| at <= now) {
            // No clock needs to be waited for.
            todo.tick |= !std::mem::replace(&mut self.ticks, true);
        } else if due.is_some_and(|at| self.armed.is_none_or(|armed| at < armed)) {
            self.armed = due;
            todo.rearm = true;
        }
        next
    }

    /// What waited for its intent to be durable is performed now, unless its act was closed meanwhile: then it is
    /// never performed, and step is told, as by a device that was asked in vain.
    pub(super) fn perform(&mut self, perform: Perform, platform: &P, todo: &mut Todo<P>) {
        if let Some(input) = self.begin(perform, todo) {
            self.take(platform, input, 0, None, todo);
        }
    }

    /// The same; what step is told.
    fn begin(&mut self, perform: Perform, todo: &mut Todo<P>) -> Option<Input> {
        let Perform { action, what, .. } = &perform;
        if *action == ActionId(0) || self.state.opened.contains_key(action) {
            todo.performs.push(perform);
        } else if let Performance::Device(_) = what {
            let result = Err((Code::Cancelled, "it was given up before it was begun".to_owned()));
            return Some(Input::Done { action: *action, result });
        }
        None
    }

    /// An act was given up: what still waits to be begun for it does not wait any longer.
    fn withdraw(&mut self, action: ActionId, todo: &mut Todo<P>) -> Vec<Next> {
        let begun = self.pending.withdraw(action).and_then(|perform| self.begin(perform, todo));
        begun.map(|input| Next::Input(input, None)).into_iter().collect()
    }
}
