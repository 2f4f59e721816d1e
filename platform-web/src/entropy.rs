//! Unpredictable bytes from the browser's generator, `crypto.getRandomValues`.

use kernel_core::platform::Entropy;

/// The browser's generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WebEntropy;

impl Entropy for WebEntropy {
    /// # Panics
    ///
    /// When the browser has no randomness to give. Going on with predictable bytes would be worse than
    /// not going on.
    fn fill(&self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            panic!("the browser gives no random bytes: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn two_draws_differ_also_long_ones() {
        // One call of getRandomValues gives at most 65,536 bytes.
        let (mut a, mut b) = (vec![0; 100_000], vec![0; 100_000]);
        WebEntropy.fill(&mut a);
        WebEntropy.fill(&mut b);
        assert_ne!(a[..32], b[..32]);
        assert_ne!(a[99_968..], b[99_968..]);
    }
}
