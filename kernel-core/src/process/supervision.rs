//! When a process that ended is started again: the terms and the behaviour of the OTP supervisor principles
//! (<https://www.erlang.org/doc/system/sup_princ.html>). Data and arithmetic; who is started, and how, is the kernel's.

use super::ExitReason;
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// When a process that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    Permanent,
    /// When it failed.
    Transient,
    /// Never.
    Temporary,
}

impl Restart {
    /// Whether a process that ended for `reason` is started again. One that was killed, or stopped because others
    /// were, is not, whatever it is.
    pub fn follows(self, reason: &ExitReason) -> bool {
        match reason {
            ExitReason::Killed(_) | ExitReason::Shutdown => false,
            _ => match self {
                Restart::Permanent => true,
                Restart::Transient => !reason.is_normal(),
                Restart::Temporary => false,
            },
        }
    }
}

/// Whom a restart concerns besides the process that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Nobody.
    #[default]
    OneForOne,
    /// All others.
    OneForAll,
    /// Those that start after it.
    RestForOne,
}

impl Strategy {
    /// The part of `order`, the order of start, that is started again when the one at `ended` is.
    pub fn concerned<T>(self, order: &[T], ended: usize) -> &[T] {
        let (from, to) = match self {
            Strategy::OneForOne => (ended, ended.saturating_add(1)),
            Strategy::OneForAll => (0, order.len()),
            Strategy::RestForOne => (ended, order.len()),
        };
        order.get(from..to).unwrap_or_default()
    }
}

/// How a supervisor deals with the ends of those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervision {
    /// Whom a restart concerns.
    pub strategy: Strategy,
    /// The most restarts within `window`; one more is not made, and the supervisor itself fails.
    pub intensity: u32,
    /// The time that restarts are counted in.
    pub window: Duration,
    /// How long the second restart within the window waits; each further one waits twice as long, at most as long
    /// as the window. The first does not wait.
    pub backoff: Duration,
}

/// How a supervisor stops one below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shutdown {
    /// At once, whatever it is busy with.
    Kill,
    /// It is asked to end, and killed where it has not ended after so long.
    Within(Duration),
    /// It is asked to end, and waited for.
    Infinite,
}

impl Shutdown {
    /// Whether it is what an agent has that does not say.
    pub fn is_default(&self) -> bool {
        *self == Shutdown::default()
    }
}

/// What an agent has that does not say.
impl Default for Shutdown {
    fn default() -> Shutdown {
        Shutdown::Within(Duration::from_secs(5))
    }
}

/// The most restarts that a supervisor counts in its window.
pub const MAX_INTENSITY: u32 = 10_000;

impl Supervision {
    /// Why nobody can be supervised so, in words.
    pub fn contradiction(&self) -> Option<&'static str> {
        match self {
            Supervision { window, .. } if window.is_zero() => Some("no restart is counted in a window of no time"),
            Supervision { intensity, .. } if *intensity > MAX_INTENSITY => {
                Some("more than 10,000 restarts are not counted")
            }
            _ => None,
        }
    }
}

impl Default for Supervision {
    fn default() -> Supervision {
        Supervision {
            strategy: Strategy::OneForOne,
            intensity: 3,
            window: Duration::from_secs(5),
            backoff: Duration::from_millis(100),
        }
    }
}

/// The restarts of one supervisor within its window.
#[derive(Clone, Debug, Default)]
pub struct Restarts {
    /// When they were decided on, oldest first; never more than the intensity.
    at: VecDeque<Instant>,
}

impl Restarts {
    /// Counts one more at `now`; how long it has to wait. `None` where it is more than `supervision` allows.
    pub fn again(&mut self, supervision: &Supervision, now: Instant) -> Option<Duration> {
        while self.at.front().is_some_and(|first| now.since(*first) >= supervision.window) {
            self.at.pop_front();
        }
        let before = u32::try_from(self.at.len()).unwrap_or(u32::MAX);
        if before >= supervision.intensity {
            return None;
        }
        self.at.push_back(now);
        let Some(doubled) = before.checked_sub(1) else { return Some(Duration::ZERO) };
        let times = 1u32.checked_shl(doubled).unwrap_or(u32::MAX);
        Some(supervision.backoff.saturating_mul(times).min(supervision.window))
    }

    /// How many are counted.
    pub fn counted(&self) -> usize {
        self.at.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Strategy;
    use super::*;
    use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn who_is_started_again() {
        let failed = || [ExitReason::Error("e".into()), ExitReason::Trap("t".into()), ExitReason::Limit("l".into())];
        let not_started = ExitReason::NotStarted("n".into());
        let linked = ExitReason::Linked("to x".into());
        for (restart, normal, failure) in
            [(Restart::Permanent, true, true), (Restart::Transient, false, true), (Restart::Temporary, false, false)]
        {
            assert_eq!(restart.follows(&ExitReason::Normal), normal, "{restart:?}");
            assert!(
                failed().iter().chain([&not_started, &linked]).all(|reason| restart.follows(reason) == failure),
                "{restart:?}"
            );
            assert!(!restart.follows(&ExitReason::Killed("by x".into())) && !restart.follows(&ExitReason::Shutdown));
        }
    }

    #[test]
    fn whom_it_concerns() {
        let order = ["a", "b", "c"];
        assert_eq!(Strategy::OneForOne.concerned(&order, 1), ["b"]);
        assert_eq!(Strategy::OneForAll.concerned(&order, 1), ["a", "b", "c"]);
        assert_eq!(Strategy::RestForOne.concerned(&order, 1), ["b", "c"]);
        for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
            assert!(strategy.concerned(&[0u8; 0], 0).is_empty());
        }
    }

    #[test]
    fn each_restart_waits_twice_as_long() {
        let window = Duration::from_secs(60);
        let supervision = Supervision { intensity: 40, window, backoff: Duration::from_secs(1), ..Default::default() };
        let mut restarts = Restarts::default();
        let waits: Vec<u64> =
            (0..40).map(|_| restarts.again(&supervision, Instant(0)).map_or(999, |wait| wait.as_secs())).collect();
        assert_eq!(waits[..9], [0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(waits[9..].iter().all(|wait| *wait == 60));
        assert_eq!(restarts.again(&supervision, Instant(0)), None);
        let never = Supervision { intensity: 0, ..supervision };
        assert_eq!(Restarts::default().again(&never, Instant(0)), None);
    }

    proptest! {
        /// In no window there are more restarts than the intensity says, and one is refused only where there would be.
        #[test]
        fn no_window_has_more_than_the_intensity(
            steps in prop::collection::vec(0u64..3_000, 1..200),
            intensity in 0u32..6,
            window_ms in 1u64..5_000,
        ) {
            let supervision =
                Supervision { intensity, window: Duration::from_millis(window_ms), ..Supervision::default() };
            let (mut restarts, mut now, mut made) = (Restarts::default(), Instant(0), Vec::new());
            for step in steps {
                now = now.after(Duration::from_millis(step));
                let within = made.iter().filter(|at| now.since(**at) < supervision.window).count();
                let allowed = restarts.again(&supervision, now).is_some();
                prop_assert_eq!(allowed, within < intensity as usize);
                if allowed {
                    made.push(now);
                }
                prop_assert!(restarts.counted() <= intensity as usize);
            }
        }
    }
}
