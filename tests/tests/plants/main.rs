//! Every clause, held against a kernel with a fault: a clause that cannot fail is no clause.
//!
//! A fault is planted in a copy of the kernel's source, in `tests/plants/*.toml`: where a text stands, another is
//! put in which `PLANTED` is true while that fault is switched on. All faults are in one copy, so that it is built
//! once; the source that is shipped has none of it. Then each clause is run with each of its faults, one about a
//! kernel in the simulation, and has to fail; without a fault every clause has to hold in the copy as well.
#![cfg(not(target_arch = "wasm32"))]

mod copy;

use copy::Copy;
use serde::Deserialize;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a clause with a fault may take; a fault may well make a kernel go round in circles.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many seeds a fault gets to be found.
const SEEDS: &str = "8";

/// One fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plant {
    /// The clause that must find it: `module::function` about a kernel, `values::module::function` about values.
    clause: String,
    /// The file that it is planted in, from the top of the workspace.
    file: String,
    /// A text that stands there once.
    find: String,
    /// What stands in its place, with `PLANTED` for "this fault is on".
    replace: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plants {
    plant: Vec<Plant>,
}

fn plants() -> Vec<Plant> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plants");
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("plants").map(|e| e.expect("a file").path()).collect();
    files.sort();
    let read = |file: &std::path::PathBuf| {
        let text = std::fs::read_to_string(file).expect("a file");
        let plants: Plants = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        plants.plant
    };
    files.iter().flat_map(read).collect()
}

/// How a clause ended in the copy.
fn holds(binary: &str, clause: Option<&str>, fault: Option<usize>) -> Result<(), String> {
    let mut command = Command::new(binary);
    command
        .env("WEFT_SEEDS", SEEDS)
        .env_remove("WEFT_SEED")
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(clause) = clause {
        let of_values = clause.starts_with("values::");
        command.args(["--exact", &if of_values { clause.to_owned() } else { format!("sim::{clause}") }]);
    }
    match fault {
        Some(number) => command.env("WEFT_PLANT", number.to_string()),
        None => command.env_remove("WEFT_PLANT"),
    };
    let mut running = command.spawn().expect("the clauses run");
    let begun = Instant::now();
    loop {
        match running.try_wait().expect("the clauses run") {
            Some(status) if status.success() => return Ok(()),
            Some(_) => break,
            None if clause.is_some() && begun.elapsed() > PATIENCE => {
                running.kill().expect("the clauses end");
                running.wait().expect("the clauses end");
                return Err("it went round in circles".to_owned());
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    let mut said = String::new();
    let mut out = running.stdout.take().expect("what they said");
    std::io::Read::read_to_string(&mut out, &mut said).expect("text");
    match said.contains("0 passed; 1 failed") || clause.is_none() {
        true => Err(said),
        false => panic!("{clause:?} did not run: {said}"),
    }
}

#[test]
fn every_clause_finds_its_faults() {
    let plants = plants();
    let mut copy = Copy::make();
    for (number, plant) in plants.iter().enumerate() {
        let on = format!("crate::planted({number})");
        copy.change(&plant.file, &plant.find, &plant.replace.replace("PLANTED", &on));
    }
    let binary = copy.build();
    if let Err(said) = holds(&binary, None, None) {
        panic!("without a fault every clause has to hold:\n{said}");
    }
    let listed = Command::new(&binary).arg("--list").output().expect("a list");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let clauses: Vec<&str> = tests.map(|test| test.strip_prefix("sim::").unwrap_or(test)).collect();
    let mut wrong = Vec::new();
    for clause in &clauses {
        if !plants.iter().any(|plant| plant.clause == *clause) {
            wrong.push(format!("{clause} has no fault that it must find"));
        }
    }
    for (number, plant) in plants.iter().enumerate() {
        if !clauses.contains(&plant.clause.as_str()) {
            wrong.push(format!("there is no clause {}", plant.clause));
        } else if holds(&binary, Some(&plant.clause), Some(number)).is_ok() {
            wrong.push(format!("{} holds although {} has {:?}", plant.clause, plant.file, plant.replace));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
