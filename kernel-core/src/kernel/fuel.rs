//! Fuel of activations: what is held while a message is handled, what it comes to, and who waits for it.

use super::delivery::clip;
use super::effects::Effects;
use super::state::State;
use crate::budget::{AccountId, Exhausted, Ledger, Meter};
use crate::id::Pid;
use crate::label::Labels;
use crate::platform::{FaultKind, Handled};
use crate::process::{ExitReason, Lifecycle, Limits, Process};
use crate::time::Now;
use std::collections::{BTreeMap, BTreeSet};

/// Those who wait for the same: the nearest account above them that is limited, and how much of it a message may use. What
/// one of them cannot have now, none of them can.
type Group = (AccountId, u64);

/// Whose messages wait until fuel that others hold has come back.
///
/// Of each group only the first is tried, as long as it gets what it waits for: however many wait, what comes back costs
/// as much as it hands on.
#[derive(Debug, Default)]
pub(crate) struct WaitsForFuel {
    /// The group of each, and its number: the order in which they came to wait.
    places: BTreeMap<Pid, (Group, u64)>,
    /// Each group by those numbers, with the account that had too little for it.
    groups: BTreeMap<Group, (AccountId, BTreeMap<u64, Pid>)>,
    /// The groups for which an account had too little.
    lacking: BTreeMap<AccountId, BTreeSet<Group>>,
    /// The accounts to which fuel came back since that was looked at.
    came_back: BTreeSet<AccountId>,
    last: u64,
    /// Who came to wait last, or waits on.
    waits: Option<Pid>,
    #[cfg(test)]
    tried: usize,
}

/// Those who are tried because fuel came back.
struct Round {
    groups: BTreeSet<Group>,
    tried: Option<(Pid, Group)>,
}

impl WaitsForFuel {
    /// `pid` waits with its group, for which `lacks` has too little. Whoever waits already keeps its place.
    pub(crate) fn wait(&mut self, pid: Pid, group: Group, lacks: AccountId) {
        self.waits = Some(pid);
        let (account, members) = self.groups.entry(group).or_insert((lacks, BTreeMap::new()));
        if *account != lacks {
            let before = std::mem::replace(account, lacks);
            Self::remove(&mut self.lacking, before, group);
        }
        self.lacking.entry(lacks).or_default().insert(group);
        self.places.entry(pid).or_insert_with(|| {
            self.last += 1;
            members.insert(self.last, pid);
            (group, self.last)
        });
    }

    /// `pid` does not wait any more.
    pub(crate) fn forget(&mut self, pid: Pid) {
        let Some((group, number)) = self.places.remove(&pid) else { return };
        let Some((lacks, members)) = self.groups.get_mut(&group) else { return };
        members.remove(&number);
        if members.is_empty() {
            let lacks = *lacks;
            self.groups.remove(&group);
            Self::remove(&mut self.lacking, lacks, group);
        }
    }

    fn remove(lacking: &mut BTreeMap<AccountId, BTreeSet<Group>>, account: AccountId, group: Group) {
        if let Some(groups) = lacking.get_mut(&account) {
            groups.remove(&group);
            if groups.is_empty() {
                lacking.remove(&account);
            }
        }
    }

    /// Fuel came back to `account` and all above it, or was used.
    pub(crate) fn came_back(&mut self, ledger: &Ledger, account: AccountId) {
        if !self.groups.is_empty() {
            self.came_back.extend(std::iter::successors(Some(account), |id| ledger.parent(*id)));
        }
    }

    /// A round for what came back since the last one, if somebody waited for it.
    fn round(&mut self) -> Option<Round> {
        let accounts = std::mem::take(&mut self.came_back);
        let groups = accounts.iter().filter_map(|account| self.lacking.get(account)).flatten().copied();
        let groups: BTreeSet<Group> = groups.collect();
        (!groups.is_empty()).then_some(Round { groups, tried: None })
    }

    /// Who is tried next. Whoever was tried before and did not come to wait again waits no longer, and of a group of which
    /// one waits on nobody is tried any more.
    fn next(&mut self, round: &mut Round) -> Option<Pid> {
        if let Some((pid, group)) = round.tried.take() {
            match self.waits == Some(pid) {
                true => drop(round.groups.remove(&group)),
                false => self.forget(pid),
            }
        }
        self.waits = None;
        let first = |group: &Group| {
            let (number, pid) = self.groups.get(group)?.1.first_key_value()?;
            Some((*number, *pid, *group))
        };
        let (_, pid, group) = round.groups.iter().filter_map(first).min()?;
        round.tried = Some((pid, group));
        #[cfg(test)]
        {
            self.tried += 1;
        }
        Some(pid)
    }
}

impl State {
    /// `process` ends in the middle of an activation, of which no host will tell what it used: it is taken to have used
    /// all that it was given.
    pub(crate) fn settle_unreported(&mut self, process: &mut Process) {
        let Some(given) = process.limits.fuel.filter(|_| process.handling.is_some()) else { return };
        process.used.fuel = process.used.fuel.saturating_add(given);
        process.rare.most.fuel = process.rare.most.fuel.max(given);
        // No more than was held, so no account is over by this.
        let _ = self.ledger.settle(process.account, Meter::Fuel, given, given);
        self.waits_for_fuel.came_back(&self.ledger, process.account);
    }

    /// Hands on what waited for fuel that others held, in the order in which it came to wait. What still cannot be handed waits
    /// on.
    pub(crate) fn hand_what_waited_for_fuel(&mut self, now: Now, fx: &mut Effects) {
        while let Some(mut round) = self.waits_for_fuel.round() {
            while let Some(pid) = self.waits_for_fuel.next(&mut round) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const ABOVE: AccountId = AccountId(1);
    const GIVEN: u64 = 10;

    /// Accounts below one that has as much as one message may use, of which the first has it.
    fn ledger(below: u64) -> Ledger {
        let mut ledger = Ledger::new();
        ledger.open(ABOVE, None, &[(Meter::Fuel, GIVEN)]).unwrap();
        for id in 2..2 + below {
            ledger.open(AccountId(id), Some(ABOVE), &[]).unwrap();
        }
        ledger
    }

    /// As a process does that has a message.
    fn tries(ledger: &mut Ledger, waits: &mut WaitsForFuel, pid: Pid, given: u64) -> bool {
        let account = AccountId(pid.0);
        let Err(over) = ledger.reserve(account, Meter::Fuel, given) else { return true };
        let limited = ledger.limited(account, Meter::Fuel).unwrap();
        waits.wait(pid, (limited, given), over.account);
        false
    }

    #[test]
    fn thousands_are_handed_on_in_their_order_and_each_is_tried_twice_at_most() {
        const MANY: u64 = 10_000;
        let (mut ledger, mut waits) = (ledger(MANY), WaitsForFuel::default());
        let pids: Vec<Pid> = (2..2 + MANY).map(Pid).collect();
        let mut holds: Vec<Pid> =
            pids.iter().copied().filter(|pid| tries(&mut ledger, &mut waits, *pid, GIVEN)).collect();
        let mut order = Vec::new();
        while let Some(pid) = holds.pop() {
            order.push(pid);
            ledger.release(AccountId(pid.0), Meter::Fuel, GIVEN);
            waits.came_back(&ledger, AccountId(pid.0));
            while let Some(mut round) = waits.round() {
                while let Some(pid) = waits.next(&mut round) {
                    if tries(&mut ledger, &mut waits, pid, GIVEN) {
                        holds.push(pid);
                    }
                }
            }
        }
        assert_eq!(order, pids);
        assert!(waits.tried <= 2 * pids.len(), "{}", waits.tried);
        assert!(waits.places.is_empty() && waits.groups.is_empty() && waits.lacking.is_empty(), "{waits:?}");
    }

    #[test]
    fn whoever_fits_does_not_wait_for_whoever_does_not() {
        let (mut ledger, mut waits) = (ledger(4), WaitsForFuel::default());
        let [first, large, small, gone] = [2, 3, 4, 5].map(Pid);
        assert!(tries(&mut ledger, &mut waits, first, GIVEN));
        for (pid, given) in [(large, GIVEN), (gone, 4), (small, 4)] {
            assert!(!tries(&mut ledger, &mut waits, pid, given));
        }
        waits.forget(gone);
        // Half of it is used, so that the large one never fits.
        ledger.settle(AccountId(first.0), Meter::Fuel, GIVEN, GIVEN / 2);
        waits.came_back(&ledger, AccountId(first.0));
        let mut round = waits.round().unwrap();
        let mut had = Vec::new();
        while let Some(pid) = waits.next(&mut round) {
            had.push((pid, tries(&mut ledger, &mut waits, pid, if pid == large { GIVEN } else { 4 })));
        }
        assert_eq!(had, [(large, false), (small, true)]);
        assert!(waits.round().is_none(), "nothing came back since");
        assert_eq!(waits.places.keys().copied().collect::<Vec<_>>(), [large]);
    }
}
