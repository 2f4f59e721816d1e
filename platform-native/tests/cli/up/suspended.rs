//! Processes that are suspended, resumed and looked at from another terminal.

use super::{PATIENCE, Up};
use crate::harness::Home;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// What the component `counter` answers.
fn counted(steps: u64) -> u64 {
    (0..steps).fold(0, |n, _| black_box(n.wrapping_mul(6_364_136_223_846_793_005_u64).wrapping_add(1)))
}

/// The CPU time that the threads of a process have used, in seconds.
fn cpu(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| -> Option<f64> {
        // One may have ended meanwhile.
        let used = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        used.split(' ').next()?.parse().ok()
    };
    threads.filter_map(of_thread).sum::<f64>() / 1e9
}

impl Up<'_> {
    /// The CPU time that it uses within `time`, as a part of that.
    fn load(&self, time: Duration) -> f64 {
        let pid = self.child.as_ref().unwrap().id();
        let (begun, before) = (Instant::now(), cpu(pid));
        std::thread::sleep(time);
        (cpu(pid) - before) / begun.elapsed().as_secs_f64()
    }

    /// The state and the number of the living process called `name`.
    fn state(&self, name: &str) -> (String, String) {
        let rows = self.weft(&["ps", "--json"]).exits(0).json();
        let row = rows["processes"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
        (row["state"].as_str().unwrap().to_owned(), row["pid"].to_string())
    }
}

/// A component that computes without asking for anything stops while it is suspended, wherever it is, uses nothing of the
/// processor and of its limit, and goes on to the right answer.
#[test]
fn what_computes_stops_and_goes_on() {
    let limits = "limits = { handle = \"60s\" }";
    let agent =
        "[[agent]]\nname = \"counter\"\nprogram = { wasm = \"counter.wasm\" }\nuse = [\"register /svc/counter\"]";
    let service = "[[service]]\nname = \"counter\"\nowner = \"counter\"";
    let home = Home::new(&format!("{agent}\n{limits}\n{service}\n"));
    let up = Up::start(&home, &["--env", "dev"]).with_play();
    let steps = 500_000_000;
    std::thread::scope(|scope| {
        let call = scope.spawn(|| up.weft(&["call", "/svc/counter", &steps.to_string(), "--deadline", "60s"]));
        let begun = Instant::now();
        while up.load(Duration::from_millis(100)) < 0.2 {
            assert!(begun.elapsed() < PATIENCE, "it never computes");
        }
        let (state, pid) = up.state("counter");
        assert_eq!(state, "running");
        up.weft(&["suspend", &pid]).exits(0).says(&[&format!("/proc/{pid} is suspended")]);
        let load = up.load(Duration::from_secs(1));
        assert!(load < 0.05, "{load}");
        assert_eq!(up.state("counter").0, "suspended");
        assert!(!call.is_finished(), "it was done too early to tell");
        let json = up.weft(&["resume", &pid, "--json"]).exits(0).json();
        assert_eq!(json["pid"].to_string(), pid);
        assert_eq!(up.state("counter").0, "running");
        assert_eq!(call.join().unwrap().exits(0).out, counted(steps).to_string());
    });
    up.weft(&["suspend", "999999"]).exits(1).tells(&["there is no process /proc/999999"]);
    up.weft(&["suspend", "x"]).exits(2);
    // What is suspended can be ended, and what is interrupted goes on.
    let (_, pid) = up.state("counter");
    up.weft(&["signal", &pid, "interrupt"]).exits(0).says(&[&format!("/proc/{pid} was signalled interrupt")]);
    let json = up.weft(&["signal", &pid, "interrupt", "--json"]).exits(0).json();
    assert_eq!(json["signal"], "interrupt");
    up.weft(&["signal", &pid, "hangup"]).exits(2);
    up.weft(&["suspend", &pid]).exits(0);
    up.weft(&["kill", &pid]).exits(0).says(&["counter"]);
}
