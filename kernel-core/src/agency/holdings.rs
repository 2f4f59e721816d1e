//! What a process holds, by where it comes from.
//!
//! Every right has a source: the operator, the parent, or whoever gave it at run time. A source counts as long as it may
//! grant the right *by what is older than the gift*, so no two processes hold each other's rights up in a circle.

use crate::capability::{Capabilities, Right, TooManyRights};
use crate::id::{ActionId, Pid};
use std::collections::BTreeSet;

/// The most gifts that one process holds.
pub const MAX_GIVEN: usize = 64;

/// Rights that a process was given while it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Who gave them; [`Pid::KERNEL`] for the operator, whose word outlives the session.
    pub by: Pid,
    /// The act in which that was: the greater, the younger.
    pub action: ActionId,
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

    /// Whether what it gave in `action` may have been `right`.
    pub fn gives(&self, right: &Right, action: ActionId) -> bool {
        self.grants(right, |given| given.action < action)
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

fn is_empty(rights: &Capabilities) -> bool {
    rights.use_rights().is_empty() && rights.grant_rights().is_empty()
}

/// Keeps those rights of both lists that `keep` names; whether one went.
fn retain(rights: &mut Capabilities, keep: impl Fn(&Right) -> bool) -> bool {
    filter(rights, &keep, &keep)
}

/// Removes what `taken` includes, list by list; whether one went.
fn remove(rights: &mut Capabilities, taken: &Capabilities) -> bool {
    let left = |taken: &[Right], right: &Right| !taken.iter().any(|taken| taken.includes(right));
    filter(rights, &|right| left(taken.use_rights(), right), &|right| left(taken.grant_rights(), right))
}

fn filter(rights: &mut Capabilities, use_: &dyn Fn(&Right) -> bool, grant: &dyn Fn(&Right) -> bool) -> bool {
    let kept = |list: &[Right], keep: &dyn Fn(&Right) -> bool| -> Vec<Right> {
        list.iter().filter(|right| keep(right)).cloned().collect()
    };
    let (uses, grants) = (kept(rights.use_rights(), use_), kept(rights.grant_rights(), grant));
    if uses.len() == rights.use_rights().len() && grants.len() == rights.grant_rights().len() {
        return false;
    }
    // Fewer than there were.
    *rights = Capabilities::new(uses, grants).unwrap_or_default();
    true
}
