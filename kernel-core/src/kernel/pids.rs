//! A map by pid: in order, quick to look into, and small for a million idle entries.
//!
//! Pids are dense and only grow. A tree that is filled in ascending order leaves its nodes half empty, which for
//! large values is half of all memory, and every act looks several times for the same process; so values lie in
//! boxes of their own, found through pages of neighbours.

use crate::id::Pid;
use std::collections::BTreeMap;
use std::fmt;

/// Neighbours in one page.
const PAGE: u64 = 64;

/// Values by pid.
pub(crate) struct PidMap<T> {
    pages: BTreeMap<u64, Page<T>>,
}

struct Page<T> {
    slots: Box<[Option<Box<T>>; PAGE as usize]>,
    used: usize,
}

fn place(pid: Pid) -> (u64, usize) {
    // The remainder is below PAGE, which is small on every host.
    (pid.0 / PAGE, (pid.0 % PAGE) as usize)
}

impl<T> PidMap<T> {
    /// What is kept for `pid`.
    pub(crate) fn get(&self, pid: &Pid) -> Option<&T> {
        let (page, slot) = place(*pid);
        self.pages.get(&page)?.slots[slot].as_deref()
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, pid: &Pid) -> Option<&mut T> {
        let (page, slot) = place(*pid);
        self.pages.get_mut(&page)?.slots[slot].as_deref_mut()
    }

    /// Whether something is kept for `pid`.
    pub(crate) fn contains_key(&self, pid: &Pid) -> bool {
        self.get(pid).is_some()
    }

    /// Keeps `value` for `pid` and gives back what was kept before.
    pub(crate) fn insert(&mut self, pid: Pid, value: T) -> Option<Box<T>> {
        let (page, slot) = place(pid);
        let new = || Page { slots: Box::new([const { None }; PAGE as usize]), used: 0 };
        let page = self.pages.entry(page).or_insert_with(new);
        let old = page.slots[slot].replace(Box::new(value));
        page.used += usize::from(old.is_none());
        old
    }

    /// Takes out what is kept for `pid`.
    pub(crate) fn remove(&mut self, pid: &Pid) -> Option<Box<T>> {
        let (number, slot) = place(*pid);
        let page = self.pages.get_mut(&number)?;
        let old = page.slots[slot].take()?;
        page.used -= 1;
        if page.used == 0 {
            self.pages.remove(&number);
        }
        Some(old)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.pages.values().map(|page| page.used).sum()
    }

    /// All values, in the order of their pids.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.pages.values().flat_map(|page| page.slots.iter()).filter_map(|slot| slot.as_deref())
    }

    /// The values from `pid` on, in the order of their pids.
    pub(crate) fn from(&self, pid: Pid) -> impl Iterator<Item = &T> {
        let (first, slot) = place(pid);
        let pages = self.pages.range(first..);
        let slots = pages.flat_map(move |(page, kept)| kept.slots.iter().skip(if *page == first { slot } else { 0 }));
        slots.filter_map(|slot| slot.as_deref())
    }

    /// All values, in the order of their pids.
    pub(crate) fn into_values(self) -> impl Iterator<Item = Box<T>> {
        self.pages.into_values().flat_map(|page| *page.slots).flatten()
    }
}

impl<T> Default for PidMap<T> {
    fn default() -> Self {
        PidMap { pages: BTreeMap::new() }
    }
}

impl<T: fmt::Debug> fmt::Debug for PidMap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map_in_the_order_of_pids() {
        let mut map = PidMap::default();
        let mut model = BTreeMap::new();
        let mut at = 1u64;
        for round in 0..5_000u64 {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pid = Pid((at >> 33) % 400 * 37);
            match round % 3 {
                0 => assert_eq!(map.remove(&pid).map(|old| *old), model.remove(&pid)),
                _ => assert_eq!(map.insert(pid, round).map(|old| *old), model.insert(pid, round)),
            }
            assert_eq!(map.get(&pid), model.get(&pid));
            assert_eq!(map.get_mut(&pid).is_some(), map.contains_key(&pid));
        }
        assert!(map.values().eq(model.values()));
        for from in [0, 1, 36, 37, 64, 7_000, 14_763, 1 << 40] {
            assert!(map.from(Pid(from)).eq(model.range(Pid(from)..).map(|(_, value)| value)), "from {from}");
        }
        assert_eq!(
            map.pages.len(),
            model.keys().map(|pid| pid.0 / PAGE).collect::<std::collections::BTreeSet<_>>().len()
        );
        assert!(map.into_values().map(|value| *value).eq(model.into_values()));
    }
}
