//! CPU time of guests, measured around each poll and held against a limit.
//!
//! Asking for a thread's CPU time is a system call (half a microsecond here), which would be half the
//! price of a short call. So short polls are charged by the monotonic clock, which a poll's CPU time
//! cannot exceed; only when one poll was long, the next ones ask for the thread's CPU time. A poll can be
//! as long as one instruction of a guest is (filling gigabytes yields to no epoch), so one that turned out
//! long and was not measured is charged all that its thread has used since it was asked last, if that is
//! less than the time that passed: never too little, and too much by what else the thread did meanwhile.

use super::ticker::Ticker;
use kernel_core::platform::Gauge;
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A poll that took longer makes the next one be measured by the thread's CPU time.
const LONG: Duration = Duration::from_millis(1);

/// The CPU time of one activation.
#[derive(Debug)]
pub(super) struct Meter {
    used: Duration,
    limit: Duration,
    exact: bool,
}

/// The activation used more CPU time than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverLimit {
    pub(super) used: Duration,
    pub(super) limit: Duration,
}

impl Meter {
    pub(super) fn new(limit: Duration) -> Meter {
        Meter { used: Duration::ZERO, limit, exact: false }
    }

    /// Nanoseconds so far.
    pub(super) fn nanos(&self) -> u64 {
        u64::try_from(self.used.as_nanos()).unwrap_or(u64::MAX)
    }

    fn over(&self) -> Option<OverLimit> {
        (self.used >= self.limit).then_some(OverLimit { used: self.used, limit: self.limit })
    }

    fn measure<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (begun, cpu) = (Instant::now(), self.exact.then(|| asked().1));
        let done = work();
        let wall = begun.elapsed();
        self.used += match cpu {
            Some(cpu) => asked().1.saturating_sub(cpu),
            None if wall > LONG => {
                let (before, now) = asked();
                wall.min(now.saturating_sub(before))
            }
            None => wall,
        };
        self.exact = wall > LONG;
        done
    }
}

thread_local! {
    /// The CPU time of this thread when it was asked for last.
    static LAST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The CPU time of this thread when it was asked for last, and now.
fn asked() -> (Duration, Duration) {
    let now = thread_cpu();
    (LAST.replace(now), now)
}

/// The CPU time of the thread that asks.
fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// A future that is polled only while its meter is below the limit.
pub(super) struct Metered<'a, F> {
    future: Pin<&'a mut F>,
    meter: &'a mut Meter,
    ticker: &'a Ticker,
    // With the nanoseconds that were used before.
    gauge: Option<(&'a Gauge, u64)>,
}

impl<'a, F: Future> Metered<'a, F> {
    pub(super) fn new(future: Pin<&'a mut F>, meter: &'a mut Meter, ticker: &'a Ticker) -> Metered<'a, F> {
        Metered { future, meter, ticker, gauge: None }
    }

    /// After each poll that does not complete it, `gauge` shows what it has used, and so many nanoseconds more that were
    /// used before. Guests yield at each tick, so this is never later than that.
    pub(super) fn shown_on(self, gauge: &'a Gauge, before: u64) -> Metered<'a, F> {
        Metered { gauge: Some((gauge, before)), ..self }
    }
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = Result<F::Output, OverLimit>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Before the first poll too: a limit of nothing allows nothing.
        if let Some(over) = this.meter.over() {
            return Poll::Ready(Err(over));
        }
        this.ticker.running();
        let future = this.future.as_mut();
        match (this.meter.measure(|| future.poll(cx)), this.meter.over()) {
            (_, Some(over)) => Poll::Ready(Err(over)),
            (Poll::Ready(output), None) => Poll::Ready(Ok(output)),
            (Poll::Pending, None) => {
                if let Some((gauge, before)) = this.gauge {
                    gauge.set_cpu(before.saturating_add(this.meter.nanos()));
                }
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burn(time: Duration) {
        let begun = thread_cpu();
        while thread_cpu() - begun < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn steady_work_is_charged_what_it_used() {
        let mut meter = Meter::new(Duration::from_secs(1));
        for _ in 0..20 {
            meter.measure(|| burn(Duration::from_millis(5)));
        }
        let used = Duration::from_nanos(meter.nanos());
        assert!(used >= Duration::from_millis(100) && used < Duration::from_millis(125), "{used:?}");
    }

    #[test]
    fn waiting_inside_of_polls_is_not_charged() {
        let mut meter = Meter::new(Duration::from_secs(1));
        asked();
        for _ in 0..5 {
            meter.measure(|| std::thread::sleep(Duration::from_millis(30)));
        }
        let used = Duration::from_nanos(meter.nanos());
        assert!(used <= Duration::from_millis(5), "{used:?}");
    }

    #[test]
    fn long_work_among_short_polls_is_charged_in_full() {
        let mut meter = Meter::new(Duration::from_secs(1));
        for _ in 0..5 {
            meter.measure(|| burn(Duration::from_millis(40)));
            meter.measure(|| ());
            meter.measure(|| ());
        }
        let used = Duration::from_nanos(meter.nanos());
        assert!(used >= Duration::from_millis(200), "{used:?}");
    }

    #[test]
    fn a_limit_of_nothing_polls_nothing() {
        let ticker = Ticker::idle();
        let mut meter = Meter::new(Duration::ZERO);
        let mut polled = false;
        {
            let future = std::pin::pin!(async { polled = true });
            let metered = Metered::new(future, &mut meter, &ticker);
            assert!(matches!(futures::FutureExt::now_or_never(metered), Some(Err(_))));
        }
        assert!(!polled);
    }
}
