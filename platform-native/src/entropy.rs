//! Unpredictable bytes from the operating system.

use kernel_core::platform::Entropy;

/// The operating system's generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsEntropy;

impl Entropy for OsEntropy {
    /// # Panics
    ///
    /// When the operating system has no randomness to give. Going on with predictable bytes would be
    /// worse than not going on.
    fn fill(&self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            panic!("the operating system gives no random bytes: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        let (mut a, mut b) = ([0; 32], [0; 32]);
        OsEntropy.fill(&mut a);
        OsEntropy.fill(&mut b);
        assert_ne!(a, b);
    }
}
