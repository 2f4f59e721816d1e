//! Which seeds a simulation runs with: as many as a test usually takes, as many as `WEFT_SEEDS` says, or the one that
//! `WEFT_SEED` names, which a failure has told.

use crate::world::{Kind, SimHost};
use std::ops::Range;

/// The seeds of a test that usually takes the first `usual`.
///
/// # Panics
/// When one of the variables is no number: whoever set it wants something else than the usual.
pub fn seeds(usual: u64) -> Range<u64> {
    match alone() {
        Some(seed) => seed..seed.checked_add(1).expect("WEFT_SEED is less than the greatest number"),
        None => 0..of("WEFT_SEEDS", var("WEFT_SEEDS").as_deref()).unwrap_or(usual),
    }
}

/// The one seed that `WEFT_SEED` names.
///
/// # Panics
/// When it is no number.
pub fn alone() -> Option<u64> {
    of("WEFT_SEED", var("WEFT_SEED").as_deref())
}

/// Runs `test` on a simulated host for each of the seeds, with handlers and with a component in turn.
///
/// # Panics
/// When `test` does, or one of the variables is no number.
pub fn each_seed<F: Future<Output = ()>>(usual: u64, mut test: impl FnMut(SimHost, u64) -> F) {
    for seed in seeds(usual) {
        let kind = if seed % 2 == 0 { Kind::Handler } else { Kind::Component };
        let host = SimHost::new(seed, kind);
        host.sim().run(test(host, seed));
    }
}

fn var(name: &str) -> Option<String> {
    match std::env::var(name) {
        Ok(text) => Some(text),
        Err(std::env::VarError::NotPresent) => None,
        Err(e) => panic!("{name}: {e}"),
    }
}

fn of(name: &str, text: Option<&str>) -> Option<u64> {
    text.map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_and_nothing_else_passed_over() {
        assert_eq!(of("WEFT_SEEDS", None), None);
        assert_eq!(of("WEFT_SEEDS", Some("7")), Some(7));
        for wrong in ["", "x", "-1", "1 ", "1e3"] {
            assert!(std::panic::catch_unwind(|| of("WEFT_SEEDS", Some(wrong))).is_err(), "{wrong:?}");
        }
    }
}
