//! Whether a read is done where it is asked for, or on a blocking thread.
//!
//! Handing a read to another thread and back costs three times as much as reading a small file, or ten
//! times as much as reading a row, that is in memory. So on a file system of this machine's own disks or memory a read is
//! done at once, as long as reads there are quick. Two in a row that took longer than a millisecond (one
//! may have been interrupted) send the next ones to blocking threads for a hundred times as long, so that
//! waiting for a disk takes a few hundredths of a worker's time; and while one waits, no other worker
//! joins it. File systems that can
//! stop answering (network, FUSE) and kinds that are not known here are never waited for in place.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What takes longer is waiting for something.
const QUICK: Duration = Duration::from_millis(1);

/// How many times as long as a slow read took the next ones are not done in place.
const REST: u64 = 100;

/// Kinds of file system that answer or fail: ext2-4, xfs, btrfs, f2fs, zfs, tmpfs, ramfs, overlayfs,
/// squashfs (Linux statfs(2)).
const LOCAL: [i64; 9] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x2fc1_2fc1, 0x0102_1994, 0x8584_58f6, 0x794c_7630, 0x7371_7368];

/// The pace of one mount or of the database.
#[derive(Debug)]
pub(crate) struct Pace {
    local: bool,
    origin: Instant,
    // Microseconds since `origin`. All are hints: a lost update costs a thread's waking, not a result.
    resting_until: AtomicU64,
    last_begun: AtomicU64,
    inside: AtomicU32,
    slow_in_a_row: AtomicU32,
}

/// A read that is being done in place; says how long it took when it is dropped.
#[derive(Debug)]
pub(crate) struct InPlace<'p> {
    pace: &'p Pace,
    begun: u64,
}

impl Pace {
    /// For what lies on the file system of `file`, a file or folder.
    pub(crate) fn of(file: impl AsFd) -> Pace {
        // The field's type differs between systems.
        #[allow(clippy::unnecessary_cast)]
        let local = rustix::fs::fstatfs(file).is_ok_and(|fs| LOCAL.contains(&(fs.f_type as i64)));
        Pace {
            local,
            origin: Instant::now(),
            resting_until: AtomicU64::new(0),
            last_begun: AtomicU64::new(0),
            inside: AtomicU32::new(0),
            slow_in_a_row: AtomicU32::new(0),
        }
    }

    /// A turn to read in place, if that is well now.
    pub(crate) fn in_place(&self) -> Option<InPlace<'_>> {
        if !self.local {
            return None;
        }
        let now = self.now();
        let stuck = || now.saturating_sub(self.last_begun.load(Ordering::Relaxed)) > micros(QUICK);
        if now < self.resting_until.load(Ordering::Relaxed) || (self.inside.load(Ordering::Relaxed) > 0 && stuck()) {
            return None;
        }
        self.inside.fetch_add(1, Ordering::Relaxed);
        self.last_begun.store(now, Ordering::Relaxed);
        Some(InPlace { pace: self, begun: now })
    }

    fn now(&self) -> u64 {
        micros(self.origin.elapsed())
    }
}

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        self.pace.inside.fetch_sub(1, Ordering::Relaxed);
        let now = self.pace.now();
        let took = now.saturating_sub(self.begun);
        if took <= micros(QUICK) {
            self.pace.slow_in_a_row.store(0, Ordering::Relaxed);
        } else if self.pace.slow_in_a_row.fetch_add(1, Ordering::Relaxed) > 0 {
            self.pace.resting_until.fetch_max(now.saturating_add(took.saturating_mul(REST)), Ordering::Relaxed);
        }
    }
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn pace(local: bool) -> Pace {
        Pace { local, ..Pace::of(File::open("/").unwrap()) }
    }

    #[test]
    fn quick_reads_stay_in_place_and_slow_ones_end_it_for_a_while() {
        let pace = pace(true);
        for _ in 0..100 {
            assert!(pace.in_place().is_some());
        }
        for first in [true, false] {
            let slow = pace.in_place();
            assert!(slow.is_some());
            std::thread::sleep(QUICK * 3);
            // While it waits, nobody joins it.
            assert!(pace.in_place().is_none());
            drop(slow);
            assert_eq!(pace.in_place().is_some(), first);
            pace.slow_in_a_row.store(1, Ordering::Relaxed);
        }
        std::thread::sleep(QUICK * 3);
        assert!(pace.in_place().is_none());
        pace.resting_until.store(0, Ordering::Relaxed);
        assert!(pace.in_place().is_some());
    }

    #[test]
    fn what_may_stop_answering_is_never_waited_for_in_place() {
        assert!(pace(false).in_place().is_none());
        assert!(Pace::of(File::open("/proc").unwrap()).in_place().is_none());
    }
}
