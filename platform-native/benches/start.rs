//! From exec to ready: how long the command takes until it has said what this machine can do, and until an
//! application of one guest has run to its end. By the clock, each beside the start of `true`.

use criterion::{Criterion, criterion_group, criterion_main};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const WEFT: &str = env!("CARGO_BIN_EXE_weft");
const ECHO: &[u8] = include_bytes!("../../tests/fixtures/guests/echo.wasm");
const MANIFEST: &str = "[app]\nname = \"trivial\"\nversion = \"0.1.0\"\n\n[[agent]]\nname = \"echo\"\n\
                        program = { wasm = \"echo.wasm\" }\n";
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

fn beside_true(c: &mut Criterion, what: &str, most: f64, command: &dyn Fn() -> Command) {
    let (mut works, mut floors) = (Vec::new(), Vec::new());
    c.bench_function(what, |b| {
        b.iter_custom(|n| {
            floors.push(timed(n, &|| Command::new("true")).as_secs_f64() * 1e3 / n as f64);
            let spent = timed(n, command);
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
    let met = if work <= most { "met" } else { "MISSED" };
    println!("bar: {what}: {work:.2} ms; floor {floor:.2} ms (start of `true`); bar at most {most} ms: {met}\n");
}

fn start(c: &mut Criterion) {
    beside_true(c, "weft --version", 15.0, &|| {
        let mut command = Command::new(WEFT);
        command.arg("--version");
        command
    });
    let folder = tempfile::tempdir().expect("a folder");
    let app = folder.path().join("app");
    std::fs::create_dir(&app).expect("a folder");
    std::fs::write(app.join("weft.toml"), MANIFEST).expect("a manifest");
    std::fs::write(app.join("echo.wasm"), ECHO).expect("a component");
    let run = |data: &Path| {
        let mut command = Command::new(WEFT);
        command.arg("run").arg(&app).arg("--data-dir").arg(data).arg("--json");
        command
    };
    // The compiled form of the guest is kept in the data directory, so the first run is another one.
    let data = folder.path().join("data");
    timed(1, &|| run(&data));
    beside_true(c, "weft run of an application of one guest, to its end", 15.0, &|| run(&data));
}

fn config() -> Criterion {
    Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! { name = starts; config = config(); targets = start }
criterion_main!(starts);
