//! The ledger: accounts in a tree, each with limits on some meters.
//!
//! A line exists where a meter is limited, on the account itself or on an ancestor; what nobody limits is not
//! counted here. `used` is spent for good, `held` is reserved by acts under way (for a level such as memory: in use
//! now). Together they never exceed the limit by a reservation; only a settlement, which tells what has really
//! happened, can exceed it. Every change is made on the account and all its ancestors, so on each meter an
//! account has at least the sum of its open children. Each limit is told of once when [`NEAR`] of it is drawn.
//!
//! Left out on purpose: time, names, and iteration over all accounts. The map is only ever looked up.

use super::Meter;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An account. The kernel chooses the numbers and never uses one twice.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct AccountId(#[n(0)] pub u64);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One meter of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is counted.
    pub meter: Meter,
    /// The most that this account and all below it may use; `None` where only an ancestor is limited.
    pub limit: Option<u64>,
    /// Spent for good.
    pub used: u64,
    /// Reserved by acts under way; for a level, in use now.
    pub held: u64,
}

impl Line {
    /// Spent and held together.
    pub fn drawn(&self) -> u64 {
        self.used.saturating_add(self.held)
    }

    /// What the limit leaves; `None` where this account has none.
    pub fn left(&self) -> Option<u64> {
        self.limit.map(|limit| limit.saturating_sub(self.drawn()))
    }
}

/// How much of a limit is drawn when it is told of, in hundredths.
pub const NEAR: u64 = 80;

/// From how much on a limit is nearly drawn: [`NEAR`] of it, rounded up.
pub fn nearly(limit: u64) -> u64 {
    let near = u128::from(limit) * u128::from(NEAR);
    u64::try_from(near.div_ceil(100)).unwrap_or(u64::MAX)
}

/// How much of a limit is left, as facts record it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Level {
    /// Whose limit it is: the account's own or an ancestor's.
    #[n(0)]
    pub account: AccountId,
    /// What is counted.
    #[n(1)]
    pub meter: Meter,
    /// What may still be used.
    #[n(2)]
    pub left: u64,
}

/// A limit that a reservation would have passed, or that a settlement did pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the budget `{meter}` of account {account} is used up: {used} of {limit} are drawn")]
pub struct Exhausted {
    /// Whose limit it is.
    pub account: AccountId,
    /// What is counted.
    pub meter: Meter,
    /// The most that may be used.
    pub limit: u64,
    /// What is spent or held; a refused reservation is not in it.
    pub used: u64,
}

/// Why an account was not opened. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The number is taken.
    #[error("account {0} is open already")]
    Taken(AccountId),
    /// The parent is not open.
    #[error("account {0}, which is to be the parent, is not open")]
    NoParent(AccountId),
}

/// Why an account was not closed. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// There is no such account.
    #[error("account {0} is not open")]
    NotOpen(AccountId),
    /// It has open accounts below it.
    #[error("account {0} has {1} open accounts below it; close them first")]
    HasChildren(AccountId, u32),
}

/// 32 bytes; the lines are apart, and only where something is limited.
#[derive(Clone, Debug)]
struct Account {
    parent: Option<AccountId>,
    children: u32,
    lines: Lines,
}

// A million accounts without limits fit in 100 MB, however full the table is.
const _: () = assert!(size_of::<(AccountId, Account)>() <= 40);

/// Nothing where nothing is limited. The box makes an account without limits 8 bytes smaller.
type Lines = Option<Box<Box<[Entry]>>>;

/// A line, and how much of what it holds was reserved on this very account and not below it: only that much may be
/// settled or given back through this account.
#[derive(Clone, Copy, Debug)]
struct Entry {
    line: Line,
    own: u64,
    /// When so much is drawn it is told of; nothing is so much where there is no limit, or where it was told of.
    near: u64,
    /// The limit that the account was opened with; 0 where it has none.
    first: u64,
}

impl Entry {
    fn new(line: Line) -> Entry {
        // A limit of nothing is used up from the start, which the first draw says.
        let near = line.limit.filter(|limit| *limit > 0).map_or(u64::MAX, nearly);
        Entry { line, own: 0, near, first: line.limit.unwrap_or(0) }
    }
}

/// All accounts.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    accounts: FxHashMap<AccountId, Account>,
    near: Vec<Exhausted>,
}

impl Ledger {
    /// No accounts.
    pub fn new() -> Ledger {
        Ledger::default()
    }

    /// Opens account `id` below `parent`. `limits` may name a meter more than once; the lowest counts. A limit
    /// may be higher than what an ancestor has left: the ancestor's binds all the same.
    pub fn open(&mut self, id: AccountId, parent: Option<AccountId>, limits: &[(Meter, u64)]) -> Result<(), OpenError> {
        let own = limits.iter().map(|&(meter, limit)| Line { meter, limit: Some(limit), used: 0, held: 0 });
        let mut lines: Vec<Line> = own.collect();
        if self.accounts.contains_key(&id) {
            return Err(OpenError::Taken(id));
        }
        if let Some(parent) = parent {
            let above = self.accounts.get_mut(&parent).ok_or(OpenError::NoParent(parent))?;
            above.children += 1;
            lines.extend(above.lines().map(|line| Line { limit: None, used: 0, held: 0, ..*line }));
        }
        // Lowest limit first, the absent ones last; then one line for each meter.
        lines.sort_by_key(|line| (line.meter, line.limit.is_none(), line.limit));
        lines.dedup_by_key(|line| line.meter);
        let entries: Box<[Entry]> = lines.into_iter().map(Entry::new).collect();
        let lines = (!entries.is_empty()).then(|| Box::new(entries));
        self.accounts.insert(id, Account { parent, children: 0, lines });
        Ok(())
    }

    /// Goes on with what an earlier account in the place of `id` had come to: so much is spent of this limit, which is
    /// its own. Its ancestors have it in what is spent of theirs. What has no limit here is not gone on with.
    pub fn go_on(&mut self, id: AccountId, meter: Meter, limit: u64, used: u64) {
        let Some(entry) = self.accounts.get_mut(&id).and_then(|account| account.entry_mut(meter)) else { return };
        if entry.line.limit.is_none() || meter.is_level() {
            return;
        }
        let line = Line { limit: Some(limit), used, ..entry.line };
        let told = used >= nearly(limit);
        *entry = Entry { own: entry.own, first: entry.first, ..Entry::new(line) };
        if told {
            entry.near = u64::MAX;
        }
    }

    /// Holds `n` on `id` and every ancestor, or on none. An account that is not open has nothing to give, nor has one
    /// that a settlement took beyond its limit, not even for an `n` of 0.
    pub fn reserve(&mut self, id: AccountId, meter: Meter, n: u64) -> Result<(), Exhausted> {
        if self.has(id, meter, n)? {
            self.each(id, meter, |line| line.held = line.held.saturating_add(n));
            self.own(id, meter, |own| own.saturating_add(n));
        }
        Ok(())
    }

    /// Spends `n` on `id` and every ancestor, or on none: a reservation that is settled at once, of a meter that is no
    /// level.
    pub fn spend(&mut self, id: AccountId, meter: Meter, n: u64) -> Result<(), Exhausted> {
        debug_assert!(!meter.is_level(), "what is held now is not spent");
        if self.has(id, meter, n)? {
            self.each(id, meter, |line| line.used = line.used.saturating_add(n));
        }
        Ok(())
    }

    /// Whether `n` could be reserved, or spent.
    pub fn can(&self, id: AccountId, meter: Meter, n: u64) -> Result<(), Exhausted> {
        self.has(id, meter, n).map(drop)
    }

    /// Adds to an account's own limit what it was opened with, once more: what was added, and the limit that it has
    /// now. `None` where it has none of its own, or one of nothing. What its ancestors may use stays what it is.
    pub fn raise(&mut self, id: AccountId, meter: Meter) -> Option<(u64, u64)> {
        let entry = self.accounts.get_mut(&id)?.entry_mut(meter)?;
        let limit = entry.line.limit.filter(|_| entry.first > 0)?.saturating_add(entry.first);
        let line = Line { limit: Some(limit), ..entry.line };
        *entry = Entry { own: entry.own, first: entry.first, ..Entry::new(line) };
        Some((entry.first, limit))
    }

    /// Whether there is a line to draw `n` from, on which and above which there is so much.
    fn has(&self, id: AccountId, meter: Meter, n: u64) -> Result<bool, Exhausted> {
        let closed = || Exhausted { account: id, meter, limit: 0, used: 0 };
        let first = self.accounts.get(&id).ok_or_else(closed)?;
        if first.line(meter).is_none() {
            // A line here would follow from one anywhere above.
            return Ok(false);
        }
        let mut next = Some((id, first));
        while let Some((account, at)) = next {
            if let Some(line) = at.line(meter)
                && let Some(limit) = line.limit
                && line.drawn().checked_add(n).is_none_or(|drawn| drawn > limit)
            {
                return Err(Exhausted { account, meter, limit, used: line.drawn() });
            }
            next = self.above(at);
        }
        Ok(true)
    }

    /// Turns `reserved` of what is held into `actual` spent - for a level, into `actual` held - on `id` and every
    /// ancestor. `actual` may be more than `reserved`, or follow no reservation at all: what has happened counts,
    /// and the first limit that it passes is returned. No more than was reserved through `id` is ever turned.
    pub fn settle(&mut self, id: AccountId, meter: Meter, reserved: u64, actual: u64) -> Option<Exhausted> {
        let own = self.accounts.get(&id)?.entry(meter)?.own;
        let reserved = reserved.min(own);
        self.each(id, meter, |line| {
            line.held = line.held.saturating_sub(reserved);
            let target = if meter.is_level() { &mut line.held } else { &mut line.used };
            *target = target.saturating_add(actual);
        });
        let kept = if meter.is_level() { actual } else { 0 };
        self.own(id, meter, |own| (own - reserved).saturating_add(kept));
        self.passed(id, meter)
    }

    /// Gives back `n` of what is held, as if it had never been reserved: the act was not performed, the memory
    /// is free again. No more than was reserved through `id` is given back.
    pub fn release(&mut self, id: AccountId, meter: Meter, n: u64) {
        let Some(entry) = self.accounts.get(&id).and_then(|account| account.entry(meter)) else { return };
        let n = n.min(entry.own);
        self.each(id, meter, |line| line.held = line.held.saturating_sub(n));
        self.own(id, meter, |own| own - n);
    }

    /// What `id` may still reserve, by its own limit and those above; `None` where nothing limits it. 0 for an
    /// account that is not open.
    pub fn left(&self, id: AccountId, meter: Meter) -> Option<u64> {
        let mut least = None;
        let mut next = match self.accounts.get(&id) {
            Some(account) => Some((id, account)),
            None => return Some(0),
        };
        while let Some((_, at)) = next {
            least = match (least, at.line(meter).and_then(Line::left)) {
                (Some(a), Some(b)) => Some(u64::min(a, b)),
                (a, b) => a.or(b),
            };
            next = self.above(at);
        }
        least
    }

    /// Every limit that binds `id`, its own first, then those of its ancestors upwards. Allocates only where
    /// something is limited.
    pub fn levels(&self, id: AccountId) -> Vec<Level> {
        let mut levels = Vec::new();
        let mut next = self.accounts.get(&id).map(|account| (id, account));
        while let Some((account, at)) = next {
            let limited = at.lines().filter_map(|line| line.left().map(|left| (line.meter, left)));
            levels.extend(limited.map(|(meter, left)| Level { account, meter, left }));
            next = self.above(at);
        }
        levels
    }

    /// The account that `id` draws from as well.
    pub fn parent(&self, id: AccountId) -> Option<AccountId> {
        self.accounts.get(&id)?.parent
    }

    /// The nearest account that has a limit of its own on `meter`: `id` or one above it.
    pub fn limited(&self, id: AccountId, meter: Meter) -> Option<AccountId> {
        let mut above = std::iter::successors(Some(id), |id| self.parent(*id));
        above.find(|id| self.line(*id, meter).is_some_and(|line| line.limit.is_some()))
    }

    /// One meter of an open account; `None` where nothing limits it.
    pub fn line(&self, id: AccountId, meter: Meter) -> Option<Line> {
        self.accounts.get(&id)?.line(meter).copied()
    }

    /// The meters of an open account, in the order of [`Meter`].
    pub fn lines(&self, id: AccountId) -> Option<Vec<Line>> {
        Some(self.accounts.get(&id)?.lines().copied().collect())
    }

    /// Closes an account without children and returns what it came to. What it still holds is spent in full,
    /// because nobody will say what became of it; levels are given back.
    pub fn close(&mut self, id: AccountId) -> Result<Vec<Line>, CloseError> {
        let account = self.accounts.get(&id).ok_or(CloseError::NotOpen(id))?;
        if account.children > 0 {
            return Err(CloseError::HasChildren(id, account.children));
        }
        let parent = account.parent;
        let held: Vec<Line> = account.lines().filter(|line| line.held > 0).copied().collect();
        for line in held {
            match line.meter.is_level() {
                true => self.release(id, line.meter, line.held),
                // Nothing new is drawn, so no limit can be passed by this.
                false => drop(self.settle(id, line.meter, line.held, line.held)),
            }
        }
        let lines = self.lines(id).ok_or(CloseError::NotOpen(id))?;
        self.accounts.remove(&id);
        if let Some(above) = parent.and_then(|parent| self.accounts.get_mut(&parent)) {
            above.children -= 1;
        }
        Ok(lines)
    }

    /// The limits that came to be nearly drawn since this was asked last, each of them once; at most one each for the
    /// account's own and those above it.
    pub fn take_near(&mut self) -> Vec<Exhausted> {
        std::mem::take(&mut self.near)
    }

    /// How many accounts are open.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    fn above(&self, account: &Account) -> Option<(AccountId, &Account)> {
        let parent = account.parent?;
        self.accounts.get(&parent).map(|found| (parent, found))
    }

    fn passed(&self, id: AccountId, meter: Meter) -> Option<Exhausted> {
        let mut next = self.accounts.get(&id).map(|account| (id, account));
        while let Some((account, at)) = next {
            if let Some(line) = at.line(meter)
                && let Some(limit) = line.limit
                && line.drawn() > limit
            {
                return Some(Exhausted { account, meter, limit, used: line.drawn() });
            }
            next = self.above(at);
        }
        None
    }

    /// Changes the meter's line on `id` and every ancestor that has one.
    fn each(&mut self, id: AccountId, meter: Meter, change: impl Fn(&mut Line)) {
        let mut next = Some(id);
        while let Some(account) = next.and_then(|id| self.accounts.get_mut(&id)) {
            let parent = account.parent;
            if let Some(entry) = account.entry_mut(meter) {
                change(&mut entry.line);
                // What is held of anything but a level may come back.
                let used = if meter.is_level() { entry.line.held } else { entry.line.used };
                if used >= entry.near
                    && let (Some(account), Some(limit)) = (next, entry.line.limit)
                {
                    entry.near = u64::MAX;
                    self.near.push(Exhausted { account, meter, limit, used });
                }
            }
            next = parent;
        }
    }

    /// Changes how much of what is held was reserved through `id` itself.
    fn own(&mut self, id: AccountId, meter: Meter, change: impl Fn(u64) -> u64) {
        if let Some(entry) = self.accounts.get_mut(&id).and_then(|account| account.entry_mut(meter)) {
            entry.own = change(entry.own);
        }
    }
}

impl Account {
    fn entries(&self) -> &[Entry] {
        self.lines.as_deref().map_or(&[], |entries| entries)
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.entries().iter().map(|entry| &entry.line)
    }

    fn entry(&self, meter: Meter) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.line.meter == meter)
    }

    fn entry_mut(&mut self, meter: Meter) -> Option<&mut Entry> {
        self.lines.as_deref_mut()?.iter_mut().find(|entry| entry.line.meter == meter)
    }

    fn line(&self, meter: Meter) -> Option<&Line> {
        self.entry(meter).map(|entry| &entry.line)
    }
}
