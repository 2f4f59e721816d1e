//! Moments by chance: another row in every run of the tests. A failure tells the command that runs the same again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Numbers by chance (xorshift64*).
pub(crate) struct Chance(u64);

impl Chance {
    /// From `WEFT_SEED`, else from the clock. The command is printed, which is shown where the test fails.
    pub(crate) fn new() -> Chance {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = std::env::var("WEFT_SEED").map_or_else(|_| now(), |seed| seed.parse().expect("a number"));
        // A test runs in a thread of its name, except where there is one thread for all.
        let thread = std::thread::current();
        let test = thread.name().filter(|name| *name != "main").map(|name| format!(" -- --exact {name}"));
        let test = test.unwrap_or_default();
        eprintln!("the same again:\n\n    WEFT_SEED={seed} cargo test --workspace --locked --test cli{test}\n");
        Chance(seed | 1)
    }

    /// A duration below `most`.
    pub(crate) fn within(&mut self, most: Duration) -> Duration {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let draw = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        Duration::from_micros((most.as_micros() as u64 * draw) >> 32)
    }
}

/// How many moments are tried: what the environment variable `name` says, else `usual`.
pub(crate) fn moments(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |many| many.parse().expect("a number"))
}
