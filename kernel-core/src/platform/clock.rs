//! The role that tells time and waits for it.

use crate::time::{Instant, Now, WallTime};
use std::future::Future;

/// Tells the time. Called by the driver once per input, never by `State::step`.
pub trait Clock {
    /// Monotonic time. Never goes back within one boot; may start anywhere.
    fn now(&self) -> Instant;

    /// Wall time. May be wrong and may step; it is recorded, never used to order.
    fn wall(&self) -> WallTime;

    /// Completes at or after `at`; at once if that has passed. Dropping the future cancels the wait.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + super::MaybeSend + 'static;

    /// Both clocks at once, as an input carries them. A host may read one of them and derive the other, as long as
    /// a step of the wall clock is followed within 10 ms.
    fn stamp(&self) -> Now {
        Now { at: self.now(), wall: self.wall() }
    }
}
