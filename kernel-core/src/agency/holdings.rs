//! What a process holds, by where it comes from.
//!
//! Every right has a source: the operator, the parent, or whoever gave it at run time. A source counts as long as it may
//! grant the right *by what is older than the gift*, so no two processes hold each other's rights up in a circle.

use crate::capability::{Capabilities, Right, TooManyRights};
use crate::id::Pid;
use std::collections::BTreeSet;

/// The most gifts that one process holds, besides the operator's.
pub const MAX_GIVEN: usize = 64;

/// The most of these from one giver, so that nobody keeps all others from giving.
pub const MAX_FROM_ONE: usize = 8;

/// The most rights of one gift, to use and to grant together: what is looked at again when a source is lost.
pub const MAX_GIFT: usize = 64;

/// Rights that a process was given while it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Who gave them; [`Pid::KERNEL`] for the operator, whose word outlives the session.
    pub by: Pid,
    /// Its number among all gifts, counted as they are given: the greater, the younger.
    pub number: u64,
    /// The youngest process of then: whoever is younger was spawned when they were there.
    pub youngest: Pid,
    /// What.
    pub rights: Capabilities,
}

/// What a process holds, by where it comes from. One that has no `Holdings` has all of it from its parent.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Holdings {
    /// What nobody gave: the operator's word, and an application's own.
    pub own: Capabilities,
    /// What it has from its parent.
    pub inherited: Capabilities,
    /// What it was given since, the oldest first.
    pub given: Vec<Given>,
    /// To whom it gave something.
    pub gave: BTreeSet<Pid>,
}

/// A process as a source of rights.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// All that it holds.
    pub capabilities: &'a Capabilities,
    /// Where that comes from, if not all from its parent.
    pub holdings: Option<&'a Holdings>,
}

impl Source<'_> {
    /// Whether it may grant `right` by what it began with or was given when `counts` says so.
    fn grants(&self, right: &Right, counts: impl Fn(&Given) -> bool) -> bool {
        let Some(holdings) = self.holdings else { return self.capabilities.can_grant(right) };
        holdings.own.can_grant(right)
            || holdings.inherited.can_grant(right)
            || holdings.given.iter().any(|given| counts(given) && given.rights.can_grant(right))
    }

    /// Whether `child`, which it spawned, may have `right` from it.
    pub fn gives_child(&self, right: &Right, child: Pid) -> bool {
        self.grants(right, |given| given.youngest < child)
    }

    /// Whether gift `number`, which it gave, may have been `right`.
    pub fn gives(&self, right: &Right, number: u64) -> bool {
        self.grants(right, |given| given.number < number)
    }
}

impl Holdings {
    /// Takes away what the parent, or a giver, does not hold up any more: `inherits` and `gives` say what they do. Whether
    /// that was anything.
    pub fn uphold(&mut self, inherits: impl Fn(&Right) -> bool, gives: impl Fn(&Given, &Right) -> bool) -> bool {
        let mut changed = retain(&mut self.inherited, inherits);
        for given in &mut self.given {
            let from = given.clone();
            changed |= retain(&mut given.rights, |right| gives(&from, right));
        }
        self.forget_empty();
        changed
    }

    /// Takes away what `taken` includes, list by list: all of it, or only what `by` gave. Whether that was anything.
    pub fn take(&mut self, taken: &Capabilities, by: Option<Pid>) -> bool {
        let mut changed = false;
        if by.is_none() {
            changed |= remove(&mut self.own, taken);
            changed |= remove(&mut self.inherited, taken);
        }
        for given in self.given.iter_mut().filter(|given| by.is_none_or(|by| given.by == by)) {
            changed |= remove(&mut given.rights, taken);
        }
        self.forget_empty();
        changed
    }

    /// A right that it holds by any source, or by what `by` gave, that includes one of `taken` and is more: to take that alone
    /// would leave what it gives.
    pub fn wider(&self, taken: &Capabilities, by: Option<Pid>) -> Option<&Right> {
        let own = [&self.own, &self.inherited].into_iter().filter(|_| by.is_none());
        let given = self.given.iter().filter(|given| by.is_none_or(|by| given.by == by)).map(|given| &given.rights);
        own.chain(given).find_map(|held| {
            wider(held.use_rights(), taken.use_rights()).or_else(|| wider(held.grant_rights(), taken.grant_rights()))
        })
    }

    fn forget_empty(&mut self) {
        self.given.retain(|given| !is_empty(&given.rights));
    }

    /// All of it.
    ///
    /// # Errors
    /// More rights than one list may hold.
    pub fn all(&self) -> Result<Capabilities, TooManyRights> {
        let parts = || [&self.own, &self.inherited].into_iter().chain(self.given.iter().map(|given| &given.rights));
        let all = |list: fn(&Capabilities) -> &[Right]| {
            parts().flat_map(list).cloned().collect::<BTreeSet<Right>>().into_iter().collect()
        };
        Capabilities::new(all(Capabilities::use_rights), all(Capabilities::grant_rights))
    }
}

fn wider<'h>(held: &'h [Right], taken: &[Right]) -> Option<&'h Right> {
    let more =
        |held: &&Right| taken.iter().any(|one| held.includes(one)) && !taken.iter().any(|one| one.includes(held));
    held.iter().find(more)
}

fn is_empty(rights: &Capabilities) -> bool {
    rights.use_rights().is_empty() && rights.grant_rights().is_empty()
}

/// Keeps those rights of both lists that `keep` names; whether one went.
fn retain(rights: &mut Capabilities, keep: impl Fn(&Right) -> bool) -> bool {
    let kept = |list: &[Right]| -> Vec<Right> { list.iter().filter(|right| keep(right)).cloned().collect() };
    // Fewer than there were.
    let left = Capabilities::new(kept(rights.use_rights()), kept(rights.grant_rights())).unwrap_or_default();
    let went = left != *rights;
    *rights = left;
    went
}

/// Removes what `taken` includes, list by list; whether one went.
fn remove(rights: &mut Capabilities, taken: &Capabilities) -> bool {
    let left = rights.without(taken);
    let went = left != *rights;
    *rights = left;
    went
}
