//! Time: arithmetic that never wraps, whatever the width of a machine word.

use kernel_core::time::Instant;
use std::time::Duration;

/// The end of time and the moment before the beginning are where they are.
pub fn saturates_at_both_ends() {
    assert_eq!(Instant(5).after(Duration::from_nanos(7)), Instant(12));
    assert_eq!(Instant(u64::MAX - 1).after(Duration::from_secs(1)), Instant(u64::MAX));
    assert_eq!(Instant(1).after(Duration::MAX), Instant(u64::MAX));
    assert_eq!(Instant(5).since(Instant(7)), Duration::ZERO);
    assert_eq!(Instant(u64::MAX).since(Instant(0)), Duration::from_nanos(u64::MAX));
}
