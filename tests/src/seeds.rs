//! Which seeds a simulation runs with: as many as a test usually takes, as many as `WEFT_SEEDS` says, or the one that
//! `WEFT_SEED` names. A failure tells the command that runs its seed alone.

use crate::world::SimHost;
use std::ops::Range;

/// The seeds of a test that usually takes the first `usual`.
fn seeds(usual: u64) -> Range<u64> {
    match alone() {
        Some(seed) => seed..seed.checked_add(1).expect("WEFT_SEED is less than the greatest number"),
        None => 0..many(var("WEFT_SEEDS").as_deref()).unwrap_or(usual),
    }
}

/// Runs `test` for each of the seeds, of which there are usually the first `usual`, and names the one with which it panics.
///
/// # Panics
/// When `test` does, or one of the variables is no number, as whoever set it wants something else than the usual; also when
/// `WEFT_SEEDS` is 0, which would show nothing.
pub fn for_seeds(usual: u64, mut test: impl FnMut(u64)) {
    for seed in seeds(usual) {
        named(
            seed,
            |seed| eprintln!("it failed with seed {seed}, which this runs alone:\n\n    {}\n", again(seed)),
            &mut test,
        );
    }
}

/// The one seed that `WEFT_SEED` names.
///
/// # Panics
/// When it is no number.
pub fn alone() -> Option<u64> {
    of("WEFT_SEED", var("WEFT_SEED").as_deref())
}

/// The same on a simulated host, with handlers and with a component in turn.
///
/// # Panics
/// As there.
pub fn each_seed<F: Future<Output = ()>>(usual: u64, mut test: impl FnMut(SimHost, u64) -> F) {
    for_seeds(usual, |seed| {
        let host = SimHost::seeded(seed);
        host.sim().run(test(host, seed));
    });
}

/// Runs `test` with a seed, which is told if it panics.
fn named(seed: u64, tell: impl Fn(u64), test: impl FnOnce(u64)) {
    struct Named<F: Fn(u64)>(u64, F);
    impl<F: Fn(u64)> Drop for Named<F> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                self.1(self.0);
            }
        }
    }
    let _named = Named(seed, tell);
    test(seed);
}

/// The command that runs this test with `seed` alone.
fn again(seed: u64) -> String {
    let binary = std::env::current_exe().ok();
    let binary = binary.as_ref().and_then(|path| path.file_stem()?.to_str()).unwrap_or_default();
    command(seed, binary, std::thread::current().name())
}

/// The command for a test of the file `binary`, which cargo calls by its target and a hash. A test runs in a thread of its
/// name, except where there is one thread for all.
fn command(seed: u64, binary: &str, thread: Option<&str>) -> String {
    let target = match binary.rsplit_once('-').map_or(binary, |(target, _)| target) {
        "kernel_tests" => "-p kernel-tests --locked --lib".to_owned(),
        target => format!("--workspace --locked --test {target}"),
    };
    let test = thread.filter(|name| *name != "main").map(|name| format!(" -- --exact {name}"));
    format!("WEFT_SEED={seed} cargo test {target}{}", test.unwrap_or_default())
}

fn var(name: &str) -> Option<String> {
    match std::env::var(name) {
        Ok(text) => Some(text),
        Err(std::env::VarError::NotPresent) => None,
        Err(e) => panic!("{name}: {e}"),
    }
}

fn many(text: Option<&str>) -> Option<u64> {
    of("WEFT_SEEDS", text).inspect(|many| assert!(*many > 0, "WEFT_SEEDS is at least 1"))
}

fn of(name: &str, text: Option<&str>) -> Option<u64> {
    text.map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_and_nothing_else_passed_over() {
        assert_eq!(many(None), None);
        assert_eq!(many(Some("7")), Some(7));
        for wrong in ["", "x", "-1", "1 ", "1e3", "0"] {
            assert!(std::panic::catch_unwind(|| many(Some(wrong))).is_err(), "{wrong:?}");
        }
        assert_eq!(of("WEFT_SEED", Some("0")), Some(0));
    }

    #[test]
    fn a_seed_is_run_again_by_one_command() {
        let of = |binary, thread| command(17, binary, thread);
        assert_eq!(of("calls-1f2e", Some("main")), "WEFT_SEED=17 cargo test --workspace --locked --test calls");
        let clause = "WEFT_SEED=17 cargo test --workspace --locked --test kernel -- --exact sim::log::x";
        assert_eq!(of("kernel-1f2e", Some("sim::log::x")), clause);
        let here = again(17);
        assert!(here.starts_with("WEFT_SEED=17 cargo test -p kernel-tests --locked --lib"), "{here}");
    }

    #[test]
    fn what_panics_names_its_seed() {
        let told = std::sync::Mutex::new(Vec::new());
        let run = |seed, test: fn(u64)| {
            let tell = |seed| told.lock().expect("nobody panics here").push(seed);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| named(seed, tell, test)))
        };
        assert!(run(6, |_| {}).is_ok());
        assert!(run(7, |seed| assert_eq!(seed, 0)).is_err());
        assert_eq!(*told.lock().expect("nobody panics here"), [7]);
    }
}
