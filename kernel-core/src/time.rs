//! Time as data: a monotonic instant and a wall time, both whole nanoseconds.
//!
//! Nothing here reads a clock. Hosts do, through [`crate::platform::Clock`], and the kernel sees only
//! what arrives with an input.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Monotonic time: nanoseconds since an origin that the host chose at boot.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Default,
    minicbor::Encode,
    minicbor::Decode,
)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Instant(#[n(0)] pub u64);

/// Wall time: nanoseconds since 1970-01-01T00:00:00Z. May step backwards; never used to order.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Default,
    minicbor::Encode,
    minicbor::Decode,
)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct WallTime(#[n(0)] pub u64);

/// Both clocks as one input saw them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Now {
    /// Orders and measures.
    pub at: Instant,
    /// Printed and recorded.
    pub wall: WallTime,
}

impl Instant {
    /// The instant `d` later; saturates at the end of time.
    pub fn after(self, d: Duration) -> Instant {
        Instant(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long since `earlier`; zero if that is not earlier.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
