//! Whether what a log says of its acts fits together, and the rows of the kernel's state with it.
//!
//! A signature says who wrote an event, and not that the event makes sense: what a start in dev adopted from a disk is
//! signed later like all else. The first event of an act, which lets it pass or puts it to somebody, is recorded with a number
//! greater than those of all acts before it. So one number, the acts that are under way and those that somebody is asked about
//! are enough to find an act that is begun twice.

use super::event::{Content, kind};
use super::input::Counters;
use super::rows::{TABLE_COUNTERS, TABLE_OPEN, key, numbered};
use super::start::{BootError, counters};
use crate::chain::{ChainError, Header};
use crate::platform::Storage;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Rows read at once.
const PAGE: usize = 256;

/// How many blocks of observing acts are remembered within one life of a kernel: at most 32 MiB.
const BLOCKS: usize = 1 << 21;

/// What was found to fit together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CheckedActs {
    /// Acts that were begun and have no outcome: under way, or the next boot closes them.
    pub open: u64,
}

/// Takes one event after the other, from the first on, then the rows of the state.
#[derive(Debug, Default)]
pub(super) struct Acts {
    /// The greatest number of an act that was let pass or put to somebody.
    last: u64,
    /// Acts that wait for an answer.
    asked: BTreeSet<u64>,
    /// Intents without an outcome, each with its event.
    open: BTreeMap<u64, u64>,
    observed: Observed,
    /// The greatest numbers of acts and processes that events name, each with the event.
    action: (u64, u64),
    pid: (u64, u64),
}

impl Acts {
    /// Takes event `seq` of a log that was verified.
    ///
    /// # Errors
    /// That it begins or ends an act a second time, or ends one that never began, as [`ChainError::Act`].
    pub(super) fn event(&mut self, seq: u64, header: &Header, content: &[u8]) -> Result<(), ChainError> {
        let act = header.action.0;
        let other = |what| Err(ChainError::Act { seq, action: act, what });
        self.action = self.action.max((act, seq));
        self.pid = self.pid.max((pid(header.kind, content).unwrap_or_default(), seq));
        let kind = match header.kind {
            kind::UNFIT => match Content::decode(header.kind, content) {
                Ok(Content::Unfit(unfit)) => unfit.kind,
                _ => return Err(ChainError::Content { seq }),
            },
            kind => kind,
        };
        match kind {
            kind::INTENT | kind::OBSERVED | kind::ROUTE_OPENED | kind::ESCALATED => {
                let answered = kind != kind::ESCALATED && self.asked.remove(&act);
                if act <= self.last && !answered {
                    return other("begins it a second time, or with a number from before");
                }
                self.last = self.last.max(act);
                match kind {
                    kind::INTENT => drop(self.open.insert(act, seq)),
                    kind::OBSERVED => self.observed.insert(act),
                    kind::ESCALATED => drop(self.asked.insert(act)),
                    _ => {}
                }
            }
            kind::OUTCOME if self.open.remove(&act).is_some() || self.observed.take(act) => {}
            kind::OUTCOME if act > self.last => return other("ends it, and no event has begun it"),
            kind::OUTCOME => return other("ends it a second time, or was never begun"),
            kind::REFUSED => drop(self.asked.remove(&act)),
            // Nobody answers what an earlier kernel asked, and a device has nothing to say to a later one.
            kind::BOOT => {
                self.asked.clear();
                self.observed = Observed::default();
            }
            _ => {}
        }
        Ok(())
    }

    /// Compares the state's rows with what the events were: no number may be behind the log, and what a row says to be under
    /// way is what the log has open.
    ///
    /// # Errors
    /// What does not fit, as [`ChainError::State`]; what cannot be read.
    pub(super) async fn finish<S: Storage>(self, storage: &S) -> Result<CheckedActs, BootError> {
        let row = storage.get(&key(TABLE_COUNTERS, b"")).await?;
        let other = |seq, action, what| Err(ChainError::State { seq, action, what }.into());
        let Ok(Counters { pid, action, .. }) = counters(row.as_deref(), u64::from(self.action != (0, 0))) else {
            return other(self.action.1, 0, "the row of numbers was changed or is gone".to_owned());
        };
        for (name, said, (found, seq)) in [("act", action, self.action), ("process", pid, self.pid)] {
            if found > said {
                let what = format!("the row of numbers says that the last {name} is {said}, and it names {found}");
                return other(seq, if name == "act" { found } else { 0 }, what);
            }
        }
        let (mut from, to) = (key(TABLE_OPEN, b""), key(TABLE_OPEN + 1, b""));
        let mut rows = 0;
        loop {
            let page = storage.scan(&from, &to, PAGE).await?;
            for (key, _) in &page.rows {
                let act = key.get(1..).and_then(|number| <[u8; 8]>::try_from(number).ok()).map(u64::from_be_bytes);
                // No act has the number 0.
                let act = act.unwrap_or_default();
                if !self.open.contains_key(&act) {
                    let what = format!("a row says that act {act} is under way, and the log does not have it open");
                    return other(self.action.1, act, what);
                }
                rows += 1;
            }
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        if rows < self.open.len() {
            for (act, seq) in &self.open {
                if storage.get(&numbered(TABLE_OPEN, *act)).await?.is_none() {
                    let what =
                        format!("it begins act {act}, which has no outcome, and no row says that it is under way");
                    return other(*seq, *act, what);
                }
            }
        }
        Ok(CheckedActs { open: self.open.len() as u64 })
    }
}

/// The process that an event of `kind` names, where that is cheap to read.
fn pid(kind: u8, content: &[u8]) -> Option<u64> {
    let mut d = minicbor::Decoder::new(content);
    d.map().ok()?;
    if d.u64().ok()? != 0 {
        return None;
    }
    match kind {
        kind::INTENT | kind::OBSERVED | kind::ROUTE_OPENED | kind::ESCALATED => {
            // The facts: their form, then the process.
            d.map().ok()?;
            let form = (d.u64().ok()?, d.u64().ok()?);
            (form.0 == 0 && d.u64().ok()? == 1).then(|| d.u64().ok())?
        }
        kind::EXITED | kind::ATTACHED | kind::RIGHTS | kind::LIMIT_NEAR | kind::LIMIT_RAISED => d.u64().ok(),
        _ => None,
    }
}

/// The observing acts of one life of a kernel of which no outcome was told: a bit for each, in blocks of 64 numbers.
///
/// Of the oldest, beyond what fits, an outcome is taken for good: a device may answer late.
#[derive(Debug, Default)]
struct Observed {
    blocks: VecDeque<(u64, u64)>,
    forgotten: Option<u64>,
}

impl Observed {
    fn insert(&mut self, act: u64) {
        let (block, bit) = (act / 64, 1 << (act % 64));
        match self.blocks.back_mut() {
            Some((last, bits)) if *last == block => *bits |= bit,
            Some((last, _)) if *last > block => match self.blocks.binary_search_by_key(&block, |(block, _)| *block) {
                Ok(at) => self.blocks[at].1 |= bit,
                Err(at) => self.blocks.insert(at, (block, bit)),
            },
            _ => self.blocks.push_back((block, bit)),
        }
        if self.blocks.len() > BLOCKS {
            self.forgotten = self.blocks.pop_front().map(|(block, _)| block).max(self.forgotten);
        }
    }

    /// Whether `act` is one of them, which it is no more.
    fn take(&mut self, act: u64) -> bool {
        let (block, bit) = (act / 64, 1 << (act % 64));
        match self.blocks.binary_search_by_key(&block, |(block, _)| *block) {
            Ok(at) => {
                let bits = &mut self.blocks[at].1;
                let is_one = *bits & bit != 0;
                *bits &= !bit;
                is_one
            }
            Err(_) => self.forgotten.is_some_and(|forgotten| block <= forgotten),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ActionId;
    use crate::time::WallTime;

    /// Takes events, each a kind and an act; which is the first that does not fit.
    fn first_wrong(events: &[(u8, u64)]) -> Option<usize> {
        let mut acts = Acts::default();
        events.iter().enumerate().position(|(seq, (kind, act))| {
            let header = Header { wall: WallTime(0), action: ActionId(*act), kind: *kind };
            acts.event(seq as u64, &header, &[0xa0]).is_err()
        })
    }

    #[test]
    fn an_act_begins_once_and_ends_once() {
        use kind::{ANSWERED, BOOT, ESCALATED, INTENT, OBSERVED, OUTCOME, REFUSED, ROUTE_OPENED};
        for fits in [
            &[(INTENT, 1), (INTENT, 2), (OUTCOME, 2), (BOOT, 0), (OUTCOME, 1)][..],
            &[(ESCALATED, 1), (INTENT, 2), (ANSWERED, 1), (INTENT, 1), (OUTCOME, 1), (OUTCOME, 2)],
            &[(OBSERVED, 1), (OBSERVED, 200), (OBSERVED, 201), (OUTCOME, 1), (OUTCOME, 200)],
            &[(ESCALATED, 1), (OBSERVED, 70), (OBSERVED, 1), (OUTCOME, 1), (ROUTE_OPENED, 71)],
            &[(ESCALATED, 1), (REFUSED, 1), (REFUSED, 2), (REFUSED, 2)],
        ] {
            assert_eq!(first_wrong(fits), None, "{fits:?}");
        }
        for wrong in [
            &[(INTENT, 1), (INTENT, 1)][..],
            &[(INTENT, 2), (OUTCOME, 2), (INTENT, 1)],
            &[(OBSERVED, 3), (ROUTE_OPENED, 3)],
            &[(ESCALATED, 3), (ESCALATED, 3)],
            &[(INTENT, 1), (OUTCOME, 1), (OUTCOME, 1)],
            &[(OBSERVED, 1), (OUTCOME, 1), (OUTCOME, 1)],
            &[(ESCALATED, 1), (REFUSED, 1), (INTENT, 1)],
            &[(ESCALATED, 1), (BOOT, 0), (INTENT, 1)],
            &[(OBSERVED, 1), (BOOT, 0), (OUTCOME, 1)],
            &[(ROUTE_OPENED, 1), (OUTCOME, 1)],
            &[(OUTCOME, 1)],
        ] {
            assert_eq!(first_wrong(wrong), Some(wrong.len() - 1), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut observed = Observed::default();
        (0..BLOCKS as u64 + 10).for_each(|n| observed.insert(n * 64));
        assert_eq!(observed.blocks.len(), BLOCKS);
        assert!(observed.take(0) && observed.take(64 * 100) && !observed.take(64 * 100));
        assert!(!observed.take(65 * 64 + 1));
    }
}
