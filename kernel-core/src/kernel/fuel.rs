//! Fuel of activations: what is held while a message is handled, what it comes to, and who waits for it.

use super::delivery::clip;
use super::effects::Effects;
use super::state::State;
use crate::budget::{Exhausted, Meter};
use crate::id::Pid;
use crate::label::Labels;
use crate::platform::{FaultKind, Handled};
use crate::process::{ExitReason, Lifecycle, Limits, Process};
use crate::time::Now;

impl State {
    /// `process` ends in the middle of an activation, of which no host will tell what it used: it is taken to have used
    /// all that it was given.
    pub(crate) fn settle_unreported(&mut self, process: &mut Process) {
        let Some(given) = process.limits.fuel.filter(|_| process.handling.is_some()) else { return };
        process.used.fuel = process.used.fuel.saturating_add(given);
        // No more than was held, so no account is over by this.
        let _ = self.ledger.settle(process.account, Meter::Fuel, given, given);
        self.fuel_came_back = true;
    }

    /// Hands on what waited for fuel that others held, in the order in which it came to wait. What still cannot be handed waits
    /// on.
    pub(crate) fn hand_what_waited_for_fuel(&mut self, now: Now, fx: &mut Effects) {
        while std::mem::take(&mut self.fuel_came_back) && !self.waits_for_fuel.is_empty() {
            for pid in std::mem::take(&mut self.waits_for_fuel) {
                self.next_message(pid, now, fx);
            }
        }
    }

    /// Ends whoever owns the account that is used up by what carries `labels`, once what is under way is over.
    pub(super) fn end_account_next(&mut self, over: &Exhausted, why: String, labels: Option<Labels>) {
        self.tally.exhausted += 1;
        let owner = Pid(over.account.0);
        // One of which all is ending at once ends in its own order.
        let ends = self.processes.get(&owner).is_some_and(|owner| owner.life != Lifecycle::Exited)
            && self.apps.values().all(|app| app.root != owner || !app.ending);
        if ends {
            self.end_next(owner, ExitReason::Limit(clip(&why)), labels);
        }
    }
}

/// The fuel of an activation. What was ended otherwise than by its fuel no host can ask, so it is taken to have used all
/// that it was given.
pub(super) fn fuel_of(handled: &Handled, limits: &Limits) -> u64 {
    let told = handled.usage.fuel;
    match &handled.result {
        Err(fault) if !matches!(fault.kind, FaultKind::Start | FaultKind::Room) => told.max(limits.fuel.unwrap_or(0)),
        _ => told,
    }
}
