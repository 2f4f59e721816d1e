//! From exec to ready: how long `weft run` takes until its kernel is up and a guest has said so, and until that run is
//! over and its log on disk; without a bar, the start of the command alone. By the clock, each beside the start of `true`.

use criterion::{Criterion, criterion_group, criterion_main};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const WEFT: &str = env!("CARGO_BIN_EXE_weft");
const SCRIPT: &[u8] = include_bytes!("../../tests/fixtures/guests/script.wasm");
const MANIFEST: &str = "[app]\nname = \"trivial\"\nversion = \"0.1.0\"\n\n[[agent]]\nname = \"one\"\n\
                        program = { wasm = \"script.wasm\" }\nargs = \"log ready\"\n";
const SAMPLES: usize = 21;

/// How long `n` runs of a command take, one after the other.
fn timed(n: u64, command: &dyn Fn() -> Command) -> Duration {
    let begun = Instant::now();
    for _ in 0..n {
        let status = command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect("it starts").success());
    }
    begun.elapsed()
}

/// How long `n` runs take, one after the other, each until its guest says that it is ready.
fn until_ready(n: u64, command: &dyn Fn() -> Command) -> Duration {
    let mut spent = Duration::ZERO;
    for _ in 0..n {
        let begun = Instant::now();
        let mut child =
            command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut told = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.trim_end().ends_with("ready") {
            line.clear();
            assert!(told.read_line(&mut line).expect("text") > 0, "it ends without being ready");
        }
        spent += begun.elapsed();
        told.read_to_string(&mut line).expect("text");
        assert!(child.wait().expect("it ends").success());
    }
    spent
}

fn beside_true(c: &mut Criterion, what: &str, most: Option<f64>, timed_work: &dyn Fn(u64) -> Duration) {
    let (mut works, mut floors) = (Vec::new(), Vec::new());
    c.bench_function(what, |b| {
        b.iter_custom(|n| {
            floors.push(timed(n, &|| Command::new("true")).as_secs_f64() * 1e3 / n as f64);
            let spent = timed_work(n);
            works.push(spent.as_secs_f64() * 1e3 / n as f64);
            spent
        });
    });
    if works.len() < SAMPLES {
        return;
    }
    works.sort_by(f64::total_cmp);
    floors.sort_by(f64::total_cmp);
    let (work, floor) = (works[works.len() / 2], floors[floors.len() / 2]);
    let bar = most.map_or("none".to_owned(), |most| format!("at most {most} ms"));
    let met = if most.is_none_or(|most| work <= most) { "met" } else { "MISSED" };
    println!("bar: {what}: {work:.2} ms; floor {floor:.2} ms (start of `true`); bar {bar}: {met}\n");
}

fn start(c: &mut Criterion) {
    let version = || {
        let mut command = Command::new(WEFT);
        command.arg("--version");
        command
    };
    beside_true(c, "weft --version", None, &|n| timed(n, &version));
    let folder = tempfile::tempdir().expect("a folder");
    let app = folder.path().join("app");
    std::fs::create_dir(&app).expect("a folder");
    std::fs::write(app.join("weft.toml"), MANIFEST).expect("a manifest");
    std::fs::write(app.join("script.wasm"), SCRIPT).expect("a component");
    // The compiled form of the guest is kept in the data directory, so the first run is another one.
    let data = folder.path().join("data");
    let run = || {
        let mut command = Command::new(WEFT);
        command.arg("run").arg(&app).arg("--data-dir").arg(&data).arg("--json");
        command
    };
    timed(1, &run);
    beside_true(c, "weft run, until its guest is ready", Some(15.0), &|n| until_ready(n, &run));
    beside_true(c, "weft run of an application of one guest, to its end", Some(15.0), &|n| timed(n, &run));
}

fn config() -> Criterion {
    Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! { name = starts; config = config(); targets = start }
criterion_main!(starts);
