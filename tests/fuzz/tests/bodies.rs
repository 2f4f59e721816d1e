//! Every target with its seeds and a fixed number of mutations of them.

use kernel_fuzz::mutate::{Random, mutate};
use kernel_fuzz::{TARGETS, Target};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The seeds of a target in the order of their names.
fn seeds(target: &Target) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("seeds").join(target.name)];
    if ["component", "meter"].contains(&target.name) {
        // Components are kept once, with their sources.
        folders.push(root.join("../fixtures/guests"));
    }
    let mut seeds = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            if folder.starts_with(root.join("seeds")) || path.extension().is_some_and(|ext| ext == "wasm") {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                seeds.push((name, std::fs::read(&path).expect("a seed")));
            }
        }
    }
    seeds.sort();
    seeds
}

/// Runs a body; a panic names the bytes that made it.
fn run(target: &Target, what: &str, data: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.body)(data))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let kept = std::env::temp_dir().join(format!("weft-fuzz-{}", target.name));
        let _ = std::fs::write(&kept, data);
        panic!("{} breaks on {what}, kept in {}: {}", target.name, kept.display(), text.unwrap_or("a panic"))
    })
}

fn exercise(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let seeds = seeds(target);
    let accepted = seeds.iter().filter(|(what, data)| run(target, what, data)).count();
    assert!(accepted > 0, "no seed of {name} is accepted: its mutations test nothing but refusals");
    run(target, "nothing", b"");
    let mut random = Random::new(1);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..target.rounds {
        let (what, seed) = &seeds[random.below(seeds.len())];
        let (_, other) = &seeds[random.below(seeds.len())];
        let data = mutate(seed, other, &mut random);
        match run(target, &format!("mutant {round} of {what}"), &data) {
            true => taken += 1,
            false => refused += 1,
        }
    }
    println!("{name}: {} seeds, {accepted} accepted; mutants: {taken} accepted, {refused} refused", seeds.len());
}

macro_rules! targets {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            exercise(stringify!($name));
        })+

        #[test]
        fn every_target_is_exercised() {
            let here = [$(stringify!($name)),+];
            let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(all, here);
            for name in all {
                let entry = format!("{}/fuzz_targets/{name}.rs", env!("CARGO_MANIFEST_DIR"));
                let text = std::fs::read_to_string(&entry).unwrap_or_else(|e| panic!("{entry}: {e}"));
                assert!(text.contains(&format!("run(\"{name}\", data)")), "{entry} runs another target");
            }
        }
    };
}

targets!(
    acts, body, cbor, component, config, edits, event, evidence, journal, manifest, meter, note, paths, plan, request,
    rows, rules, store
);
