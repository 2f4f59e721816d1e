//! The role that makes unpredictable bytes.

/// Makes random bytes. Called once at boot for the seed of the kernel's own stream.
pub trait Entropy {
    /// Fills `out` with bytes that an attacker cannot predict (on `sim`: that the seed determines).
    fn fill(&self, out: &mut [u8]);
}
