//! Measures `weft run examples/repo-audit` beside one plain native pass over the same tree, in turns.
//!
//! `bench --weft PROGRAM --native PROGRAM --app FOLDER --work FOLDER [--tree FOLDER | --files N --bytes N --seed N]
//! [--rounds N] [--env E]`; `bench.sh` beside this crate builds the programs and gives the paths. Prints wall time, CPU
//! time of all threads and peak memory of each, their ratios beside the bar, and whether both found the same; the exit
//! code is 1 if a bar is missed, 2 if nothing could be measured or they found different things.

mod child;
mod random;
mod tree;

use child::{Cost, median, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// How many times as long as the native pass a run with its code in the cache may take.
const BAR: f64 = 3.0;
/// How much memory a run may take, in bytes.
const MEMORY: u64 = 300_000_000;

const USAGE: &str = "usage: bench --weft PROGRAM --native PROGRAM --app FOLDER --work FOLDER \
    [--tree FOLDER | --files N --bytes N --seed N] [--rounds N] [--env E]";

struct Plan {
    weft: PathBuf,
    native: PathBuf,
    app: PathBuf,
    work: PathBuf,
    tree: PathBuf,
    rounds: usize,
    environment: String,
}

fn main() -> ExitCode {
    match plan().and_then(|plan| measure(&plan)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(2)
        }
    }
}

/// Reads the command line and grows the tree if it is not there yet.
fn plan() -> Result<Plan, String> {
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let known = ["weft", "native", "app", "work", "tree", "files", "bytes", "seed", "rounds", "env"];
        let name = flag.strip_prefix("--").filter(|name| known.contains(name)).ok_or(USAGE)?;
        given.insert(name.to_owned(), arguments.next().ok_or(USAGE)?);
    }
    let path = |name: &str| given.get(name).map(PathBuf::from).ok_or(USAGE);
    let number = |name: &str, default: u64| given.get(name).map_or(Ok(default), |n| n.parse().map_err(|_| USAGE));
    let work = path("work")?;
    let tree = match path("tree") {
        Ok(tree) => tree,
        Err(_) => {
            let (files, bytes, seed) = (number("files", 20_000)?, number("bytes", 200_000_000)?, number("seed", 1)?);
            let tree = work.join(format!("tree-{files}-{bytes}-{seed}"));
            // Grown beside its place, so that what was interrupted is not taken for whole.
            if !tree.exists() {
                let growing = work.join("growing");
                let grow = || {
                    if growing.exists() {
                        fs::remove_dir_all(&growing)?;
                    }
                    fs::create_dir_all(&growing)?;
                    tree::grow(&growing, files as usize, bytes, seed)?;
                    fs::rename(&growing, &tree)
                };
                grow().map_err(|e| format!("{}: {e}", tree.display()))?;
            }
            tree
        }
    };
    let rounds = number("rounds", 5)?.max(1) as usize;
    let environment = given.get("env").cloned().unwrap_or_else(|| "dev".to_owned());
    Ok(Plan { weft: path("weft")?, native: path("native")?, app: path("app")?, work, tree, rounds, environment })
}

/// Runs all in turns, prints, and answers whether the bars were met.
fn measure(plan: &Plan) -> Result<bool, String> {
    let data = plan.work.join("data");
    let out = plan.work.join("out");
    let made = || {
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        fs::create_dir_all(&out)
    };
    made().map_err(|e| format!("{}: {e}", plan.work.display()))?;
    // Once without measuring: the files are then in memory for both.
    let (expected, _) = native(plan)?;
    let cold = weft(plan, &data, &out)?;
    let (mut natives, mut wefts) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        natives.push(native(plan)?.1);
        wefts.push(weft(plan, &data, &out)?);
    }
    let report = fs::read(out.join("report.json")).map_err(|e| format!("report.json: {e}"))?;
    let report: Value = serde_json::from_slice(&report).map_err(|e| format!("report.json: {e}"))?;

    let (floor, warm) = (median(&natives), median(&wefts));
    println!(
        "{}: {} files, {:.1} MB; {} rounds, medians",
        plan.tree.display(),
        expected["files"],
        mega(number(&expected["bytes"])),
        plan.rounds
    );
    println!();
    println!("                          wall s    CPU s  peak MB   wall  CPU   bar");
    row("native pass, one thread", floor, None);
    row("weft, code in the cache", warm, Some(floor));
    row("weft, code not compiled", cold, Some(floor));
    println!();
    let memory = wefts.iter().map(|c| c.memory).max().unwrap_or_default().max(cold.memory);
    let same = found(&expected["secrets"]) == found(&report["secrets"]["findings"])
        && found(&expected["hygiene"]) == found(&report["hygiene"]["findings"])
        && expected["inventory"]["languages"] == report["inventory"]["languages"]
        && report["complete"] == true;
    println!(
        "results  {} secrets, {} things to tidy: {}",
        found(&expected["secrets"]).len(),
        found(&expected["hygiene"]).len(),
        if same { "the same in both" } else { "DIFFERENT" }
    );
    if !same {
        return Err("the run and the native pass did not find the same".to_owned());
    }
    let (wall, cpu) = (ratio(warm.wall, floor.wall), ratio(warm.cpu, floor.cpu));
    bar(&format!("repo-audit, wall time: {wall:.2} x the native pass; bar at most {BAR} x"), wall <= BAR);
    bar(&format!("repo-audit, CPU time: {cpu:.2} x the native pass; bar at most {BAR} x"), cpu <= BAR);
    let (most, bound) = (mega(memory), mega(MEMORY));
    bar(&format!("repo-audit, memory: {most:.0} MB at most; bar at most {bound:.0} MB"), memory <= MEMORY);
    Ok(wall <= BAR && cpu <= BAR && memory <= MEMORY)
}

/// A line as all benches of bars end with.
fn bar(what: &str, met: bool) {
    println!("bar: {what}: {}", if met { "met" } else { "MISSED" });
}

/// Leaves nothing in the data directory but compiled code.
fn clear(data: &Path) -> std::io::Result<()> {
    let entries = match fs::read_dir(data) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name() != "cache" {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn native(plan: &Plan) -> Result<(Value, Cost), String> {
    let (out, cost) = run(Command::new(&plan.native).arg(&plan.tree))?;
    Ok((serde_json::from_str(&out).map_err(|e| format!("native pass: {e}"))?, cost))
}

/// A run with a log of its own: what older runs left there would be verified first.
fn weft(plan: &Plan, data: &Path, out: &Path) -> Result<Cost, String> {
    clear(data).map_err(|e| format!("{}: {e}", data.display()))?;
    let mount = |name: &str, path: &Path| format!("{name}={}", path.display());
    let mut command = Command::new(&plan.weft);
    command.arg("run").arg(&plan.app).args(["--env", &plan.environment, "--json"]);
    command.args(["--mount", &mount("repo", &plan.tree), "--mount", &mount("out", out), "--data-dir"]).arg(data);
    command.stderr(std::process::Stdio::null());
    run(&mut command).map(|(_, cost)| cost)
}

/// Findings as text, in one order: where they were found and what they are.
fn found(findings: &Value) -> Vec<String> {
    let mut found: Vec<String> = findings
        .as_array()
        .into_iter()
        .flatten()
        .map(|f| format!("{} {} {}", f["path"], f["line"], f["kind"]))
        .collect();
    found.sort_unstable();
    found
}

fn row(what: &str, cost: Cost, floor: Option<Cost>) {
    let Cost { wall, cpu, memory } = cost;
    print!("{what}  {:7.3}  {:7.3}  {:7.1}", wall.as_secs_f64(), cpu.as_secs_f64(), mega(memory));
    match floor {
        Some(floor) => println!("  {:4.2}x {:4.2}x {BAR:.2}x", ratio(wall, floor.wall), ratio(cpu, floor.cpu)),
        None => println!(),
    }
}

fn ratio(a: std::time::Duration, b: std::time::Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64().max(1e-9)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
