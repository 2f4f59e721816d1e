//! What lies still: memory of a kernel without agents, of each idle agent, and the size of the binary.
//!
//! Memory is what the operating system holds for the process (`VmRSS`), so pages of the program and the
//! allocator's slack are in it. Not by criterion: a second round would find the first one's memory.

mod rig;

use kernel_core::environment::Environment;
use rig::Rig;
use std::process::Command;
use tokio::sync::oneshot;

const AGENTS: u64 = 100_000;

/// How this program is asked for its floor.
const FLOOR: &str = "--floor-of";

/// Bytes of memory that this process holds, as Linux says.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells of its processes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the resident size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
}

fn tell(what: &str, number: f64, unit: &str, floor: Option<(f64, &str)>, most: f64) {
    let met = if number <= most { "met" } else { "MISSED" };
    let floor = floor.map_or(String::new(), |(floor, name)| format!("; floor {floor:.2} {unit} ({name})"));
    println!("bar: {what}: {number:.2} {unit}{floor}; bar at most {most} {unit}: {met}");
}

/// In a process of its own: the memory of a runtime that does nothing, and of each task in it that waits.
fn tell_floor(tasks: u64) {
    let runtime = platform_native::runtime().expect("tokio");
    runtime.block_on(async { tokio::spawn(async {}).await }).expect("no panic");
    let empty = resident();
    let mut waited_for = Vec::with_capacity(tasks as usize);
    for _ in 0..tasks {
        let (sender, waiting) = oneshot::channel::<u64>();
        runtime.spawn(waiting);
        waited_for.push(sender);
    }
    println!("{empty} {}", (resident() - empty) / tasks);
}

/// What [`tell_floor`] tells, in bytes.
fn floor(tasks: u64) -> (f64, f64) {
    let me = std::env::current_exe().expect("its own path");
    let output = Command::new(me).arg(FLOOR).arg(tasks.to_string()).output().expect("it starts");
    let told = String::from_utf8(output.stdout).expect("text");
    let numbers: Vec<f64> = told.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    (numbers[0], numbers[1])
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != FLOOR).skip(1);
    if let Some(tasks) = arguments.next() {
        return tell_floor(tasks.parse().expect("a number"));
    }
    // What `cargo test --benches` asks for is whether it runs, and a hundredth shows that.
    let agents = if std::env::args().any(|arg| arg == "--test") { AGENTS / 100 } else { AGENTS };
    let (empty, task) = floor(agents);
    let before = resident();
    let rig = Rig::new(Environment::dev());
    let idle = resident();
    let runtime = Some((empty / 1e6, "an empty tokio runtime"));
    tell("idle memory of a kernel", idle as f64 / 1e6, "MB", runtime, 15.0);
    println!("     of these {:.2} MB were there before it booted", before as f64 / 1e6);

    for number in 0..agents {
        let body = format!("{{\"name\":\"a{number}\",\"use\":[]}}");
        rig.runtime.block_on(rig.session.act("spawn", "/agent/idle", body)).expect("spawned");
    }
    // What the log still holds of their spawns is not theirs.
    rig.runtime.block_on(rig.kernel.checkpoint()).expect("a checkpoint");
    let each = (resident() - idle) as f64 / agents as f64;
    tell("memory of each idle agent", each / 1e3, "kB", Some((task / 1e3, "a tokio task that waits")), 2.6);
    tell(
        &format!("1,000,000 idle agents, from {agents}"),
        each * 1e6 / 1e9,
        "GB",
        Some((task * 1e6 / 1e9, "as many tasks")),
        3.0,
    );

    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_weft")).expect("the binary").len();
    tell("size of the binary", binary as f64 / 1e6, "MB", None, 40.0);
}
