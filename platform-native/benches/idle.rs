//! What lies still: memory of a kernel without agents, of each idle agent, and the size of the binary.
//!
//! Memory is what the operating system holds for the process (`VmRSS`), so pages of the program and the
//! allocator's slack are in it. Not by criterion: a second round would find the first one's memory.

mod rig;

use kernel_core::environment::Environment;
use rig::Rig;

const AGENTS: u64 = 100_000;

/// Bytes of memory that this process holds, as Linux says.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells of its processes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the resident size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
}

fn tell(what: &str, number: f64, unit: &str, most: f64) {
    let met = if number <= most { "met" } else { "MISSED" };
    println!("bar: {what}: {number:.2} {unit}; bar at most {most} {unit}: {met}");
}

fn main() {
    // What `cargo test --benches` asks for is whether it runs, and a tenth shows that.
    let agents = if std::env::args().any(|arg| arg == "--test") { AGENTS / 100 } else { AGENTS };
    let before = resident();
    let rig = Rig::new(Environment::dev());
    let idle = resident();
    tell("idle memory of a kernel", idle as f64 / 1e6, "MB", 15.0);
    println!("     of these {:.2} MB were there before it booted", before as f64 / 1e6);

    for number in 0..agents {
        let body = format!("{{\"name\":\"a{number}\",\"use\":[]}}");
        rig.runtime.block_on(rig.session.act("spawn", "/agent/idle", body)).expect("spawned");
    }
    // What the log still holds of their spawns is not theirs.
    rig.runtime.block_on(rig.kernel.checkpoint()).expect("a checkpoint");
    let each = (resident() - idle) as f64 / agents as f64;
    tell("memory of each idle agent", each / 1e3, "kB", 2.6);
    tell("1,000,000 idle agents, by that", each * 1e6 / 1e9, "GB", 3.0);

    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_weft")).expect("the binary").len();
    tell("size of the binary", binary as f64 / 1e6, "MB", 40.0);
}
