//! Time from the operating system's monotonic and wall clocks; waiting by tokio's timer.
//!
//! The monotonic origin is the moment at which the host was opened. Tokio's timer has a resolution of
//! one millisecond and never fires early.

use kernel_core::platform::Clock;
use kernel_core::time::{Instant, Now, WallTime};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the wall clock may be derived from the monotonic one before it is read again, nanoseconds.
const DERIVED: u64 = 10_000_000;

/// The machine's clocks. Clones share one origin.
#[derive(Clone, Debug)]
pub(crate) struct TokioClock {
    origin: std::time::Instant,
    ahead: Arc<Ahead>,
    runtime: tokio::runtime::Handle,
}

/// How far the wall clock is ahead of the monotonic one. Reading a clock is a good part of what a cheap act costs,
/// and the two run side by side, so mostly one is read. Each number makes sense by itself, whoever wrote the other.
#[derive(Debug, Default)]
struct Ahead {
    nanos: AtomicU64,
    /// When it was found out; 0 for never.
    found: AtomicU64,
}

impl TokioClock {
    /// Clocks that start now and wait on the timer of `runtime`.
    pub(crate) fn new(runtime: tokio::runtime::Handle) -> TokioClock {
        TokioClock { origin: std::time::Instant::now(), ahead: Arc::default(), runtime }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        Instant(nanos(self.origin.elapsed()))
    }

    fn wall(&self) -> WallTime {
        // A wall clock before 1970 is as wrong as one that stands at 1970.
        WallTime(nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    fn stamp(&self) -> Now {
        let at = self.now();
        let found = self.ahead.found.load(Ordering::Relaxed);
        if found == 0 || at.0.saturating_sub(found) > DERIVED {
            let wall = self.wall();
            self.ahead.nanos.store(wall.0.saturating_sub(at.0), Ordering::Relaxed);
            self.ahead.found.store(at.0, Ordering::Relaxed);
            return Now { at, wall };
        }
        Now { at, wall: WallTime(at.0.saturating_add(self.ahead.nanos.load(Ordering::Relaxed))) }
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send + 'static {
        let due = self.origin.checked_add(Duration::from_nanos(at.0));
        // The timer belongs to a runtime, and whoever polls this may be outside of it.
        let _inside = self.runtime.enter();
        let sleep = due.map(|due| tokio::time::sleep_until(due.into()));
        async move {
            match sleep {
                Some(sleep) => sleep.await,
                // Beyond what the machine's clock can express: centuries from now.
                None => std::future::pending().await,
            }
        }
    }
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> TokioClock {
        TokioClock::new(tokio::runtime::Handle::current())
    }

    #[tokio::test]
    async fn a_stamp_says_what_both_clocks_say() {
        let clock = clock();
        for _ in 0..100 {
            let (before, stamp, after) = (clock.wall(), clock.stamp(), clock.wall());
            // Derived times may be off by as much as the clocks drift apart in 10 ms: nothing that shows in a
            // millisecond.
            assert!(before.0 <= stamp.wall.0 + 1_000_000 && stamp.wall.0 <= after.0 + 1_000_000);
            std::thread::sleep(Duration::from_micros(300));
        }
    }

    #[tokio::test]
    async fn a_sleep_never_ends_early_and_a_past_one_ends_at_once() {
        let clock = clock();
        let at = clock.now().after(Duration::from_millis(20));
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
        let before = clock.now();
        clock.sleep_until(Instant(0)).await;
        assert!(clock.now().since(before) < Duration::from_millis(15));
    }

    #[tokio::test]
    async fn the_end_of_time_is_waited_for_without_a_panic() {
        let clock = clock();
        let waited = tokio::time::timeout(Duration::from_millis(5), clock.sleep_until(Instant(u64::MAX))).await;
        assert!(waited.is_err());
    }

    #[test]
    fn a_sleep_can_be_made_outside_the_runtime() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let clock = TokioClock::new(runtime.handle().clone());
        let sleep = clock.sleep_until(clock.now().after(Duration::from_millis(1)));
        // This one has no timer of its own.
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(sleep);
    }

    #[tokio::test]
    async fn monotonic_time_never_goes_back_and_wall_time_is_this_century() {
        let clock = clock();
        let mut last = clock.now();
        for _ in 0..1_000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
        assert!(clock.wall().0 > 1_600_000_000_000_000_000);
    }
}
