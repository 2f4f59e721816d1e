//! The API of a kernel that stays: `weft ps` over very many processes, and requests one after the other.
//!
//! The kernel is in this process, in `dev`, where no answer waits for the log, and nobody observes it: `weft up` is in `prod`
//! unless it is told otherwise, and keeps events. What serves is what serves there; `weft ps` is the program. What a request
//! costs is CPU time of this process, with that of the client, which does no more than write and read.

#[allow(dead_code)]
mod rig;

use cpu_time::ProcessTime;
use kernel_core::capability::{Capabilities, Right};
use kernel_core::environment::Environment;
use kernel_core::platform::Programs;
use platform_native::cli::Measured;
use rig::{idle, name};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const AGENTS: u64 = 100_000;
const REQUESTS: u64 = 20_000;
const SAMPLES: usize = 11;

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn tell(what: &str, number: f64, unit: &str, most: f64) {
    let met = if number <= most { "met" } else { "MISSED" };
    println!("bar: {what}: {number:.2} {unit}; bar at most {most} {unit}: {met}");
}

/// One `weft ps` into a pipe that somebody reads: how long it takes from its start to its end, and what it prints.
fn ps(socket: &Path, more: &[&str]) -> (Duration, String) {
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
    command.arg("ps").args(more).arg("--at").arg(socket).stdout(Stdio::piped());
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (begun.elapsed(), String::from_utf8(output.stdout).expect("text"))
}

/// Sends a request and reads the answer, whose length its head says.
fn ask(stream: &mut UnixStream, request: &[u8], bytes: &mut Vec<u8>) {
    stream.write_all(request).expect("sent");
    bytes.clear();
    let mut chunk = [0; 16 << 10];
    loop {
        let n = stream.read(&mut chunk).expect("an answer");
        assert!(n > 0, "it broke off");
        bytes.extend_from_slice(&chunk[..n]);
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&bytes[..head]).expect("a head");
        let length =
            text.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if bytes.len() >= head + 4 + length.unwrap_or(0usize) {
            assert!(text.starts_with("HTTP/1.1 200"), "{text}");
            return;
        }
    }
}

fn main() {
    let test = std::env::args().any(|arg| arg == "--test");
    let (agents, requests, samples) = if test { (100, 10, 1) } else { (AGENTS, REQUESTS, SAMPLES) };
    let runtime = platform_native::runtime().expect("tokio");
    let directory = tempfile::tempdir().expect("a directory");
    let held = Capabilities::new(vec![Right::parse("spawn /agent/*").expect("a right")], Vec::new()).expect("few");
    let programs = Programs::new().with(name("idle"), idle);
    let names = [name("idle")];
    let start = Measured::start(directory.path(), Environment::dev(), &names, programs, held);
    let kernel = runtime.block_on(start);
    let socket = directory.path().join("run/api.sock");

    let act = "{\"verb\":\"read\",\"resource\":\"/proc/self\"}";
    let health = "GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n".to_owned();
    let acts = format!(
        "POST /v1/acts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{act}",
        act.len()
    );
    for (what, request) in [("request of the API (GET /v1/health)", health), ("request of the API (an act)", acts)] {
        let told = (0..samples).map(|_| {
            let mut stream = UnixStream::connect(&socket).expect("it listens");
            let mut bytes = Vec::new();
            let begun = ProcessTime::now();
            (0..requests).for_each(|_| ask(&mut stream, request.as_bytes(), &mut bytes));
            begun.elapsed().as_secs_f64() * 1e6 / requests as f64
        });
        let micros = median(told.collect());
        tell(what, micros, "CPU-us, client and all", 200.0);
        println!("     {:.0} requests/s on one core", 1e6 / micros);
    }

    runtime.block_on(async {
        for number in 0..agents {
            let body = format!("{{\"name\":\"a{number}\",\"use\":[]}}");
            kernel.session.act("spawn", "/agent/idle", body).await.expect("spawned");
        }
        kernel.flushed().await.expect("written");
    });
    let rows = ps(&socket, &[]).1.lines().count() as u64;
    assert!(rows > agents, "{rows} lines for {agents} agents");
    let whole = |more: &[&str]| median((0..samples).map(|_| ps(&socket, more).0.as_secs_f64() * 1e3).collect());
    tell(&format!("`weft ps` on {agents} processes"), whole(&[]), "ms", 200.0);
    tell(&format!("`weft ps --tree` on {agents} processes"), whole(&["--tree"]), "ms", 400.0);
    let request = b"GET /v1/processes?brief HTTP/1.1\r\nhost: x\r\n\r\n";
    let asked = (0..samples).map(|_| {
        let mut stream = UnixStream::connect(&socket).expect("it listens");
        let begun = Instant::now();
        ask(&mut stream, request, &mut Vec::new());
        begun.elapsed().as_secs_f64() * 1e3
    });
    println!("     of it, the answer of the kernel: {:.2} ms", median(asked.collect()));
}
