//! What a message to 100,000 subscribers costs, and how long one step of it holds the kernel at most.
//!
//! The state is stepped by itself: no host, no log. Each subscriber is a session, which takes the message and does
//! nothing with it; between two messages its mailbox is emptied.

#![allow(clippy::disallowed_macros)] // A bench prints.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // A bench measures.

#[path = "../tests/bare/mod.rs"]
mod bare;

use bytes::Bytes;
use cpu_time::ProcessTime;
use kernel_core::agency::Role;
use kernel_core::capability::{Capabilities, Right};
use kernel_core::id::{CallId, Pid};
use kernel_core::kernel::effects::Effects;
use kernel_core::kernel::input::Input;
use kernel_core::kernel::request::Request;
use kernel_core::kernel::state::State;
use kernel_core::path::Name;
use std::time::Duration;

/// How many listen.
const SUBSCRIBERS: u64 = 100_000;
/// How often it is measured.
const SAMPLES: usize = 11;

struct Stepped {
    state: State,
    fx: Effects,
    call: u64,
    /// The longest step since it was last looked at.
    longest: Duration,
}

impl Stepped {
    fn new() -> Stepped {
        let mut fx = Effects::default();
        let state = bare::boot(&[], &mut fx);
        Stepped { state, fx, call: 0, longest: Duration::ZERO }
    }

    fn step(&mut self, input: &Input) {
        let begun = std::time::Instant::now();
        bare::step(&mut self.state, input, &mut self.fx);
        self.longest = self.longest.max(begun.elapsed());
        self.fx = Effects::default();
    }

    fn act(&mut self, pid: u64, verb: &str, resource: &str, body: &'static [u8]) {
        self.call += 1;
        let request = Request::parse(Pid(pid), verb, resource, Bytes::from_static(body));
        self.step(&Input::Act { pid: Pid(pid), call: CallId(self.call), request });
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut kernel = Stepped::new();
    let rights = ["publish /topic/**", "subscribe /topic/**"].map(|text| Right::parse(text).expect("a right"));
    let held = Capabilities::new(rights.to_vec(), Vec::new()).expect("few rights");
    for n in 0..=SUBSCRIBERS {
        let (name, capabilities) = (Name::parse(&format!("s{n}")).expect("a name"), held.clone());
        kernel.step(&Input::Attach { call: CallId(0), name, role: Role::User, capabilities });
        if n > 0 {
            kernel.act(n + 1, "subscribe", "/topic/news.all", b"");
        }
    }
    let (mut each, mut longest, mut steps) = (Vec::new(), Vec::new(), 0);
    for _ in 0..SAMPLES {
        kernel.longest = Duration::ZERO;
        let begun = ProcessTime::now();
        kernel.act(1, "publish", "/topic/news.all", b"\nsomething to say");
        steps = 1;
        while kernel.state.goes_on() {
            kernel.step(&Input::Continue);
            steps += 1;
        }
        each.push(begun.elapsed().as_secs_f64() * 1e6 / SUBSCRIBERS as f64);
        longest.push(kernel.longest.as_secs_f64() * 1e6);
        for n in 1..=SUBSCRIBERS {
            kernel.act(n + 1, "read", &format!("/proc/{}/inbox", n + 1), b"{\"deadline_ms\":0}");
        }
    }
    let median = |samples: &mut Vec<f64>| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2]
    };
    let (each, longest) = (median(&mut each), median(&mut longest));
    println!(
        "publish to {SUBSCRIBERS} subscribers: {each:.3} us of CPU time each, in {steps} steps, of which the longest took \
         {longest:.0} us"
    );
}
