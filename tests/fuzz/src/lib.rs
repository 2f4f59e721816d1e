//! Everything in Weft that reads bytes from outside, each as a function from bytes to a verdict.
//!
//! A body takes any bytes, holds the code under test to what it promises, and says whether the bytes were
//! accepted; it panics where a promise is broken. libFuzzer calls the bodies through `fuzz_targets/`
//! (`tests/ci.sh long`), and every ordinary test run calls them with the seeds in `seeds/` and with a fixed
//! number of mutations of those, the same in each run ([`mutate`]).
//!
//! To add a target: a module with `pub fn body`, a line in [`TARGETS`], a file in `fuzz_targets/` with its
//! `[[bin]]`, and at least one seed that is accepted.

pub mod acts;
pub mod body;
pub mod cbor;
pub mod component;
pub mod config;
pub mod edits;
pub mod event;
pub mod evidence;
pub mod journal;
pub mod manifest;
pub mod meter;
pub mod mutate;
pub mod note;
pub mod paths;
pub mod plan;
pub mod request;
pub mod rows;
pub mod rules;
pub mod sample;
pub mod store;

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called, in `seeds/` and for `cargo fuzz run`.
    pub name: &'static str,
    /// Holds the code to its promises; whether the bytes were accepted.
    pub body: fn(&[u8]) -> bool,
    /// How many mutations an ordinary test run tries: what takes some tenths of a second.
    pub rounds: u32,
}

const fn target(name: &'static str, body: fn(&[u8]) -> bool, rounds: u32) -> Target {
    Target { name, body, rounds }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    target("acts", acts::body, 150),
    target("body", body::body, 20_000),
    target("cbor", cbor::body, 20_000),
    target("component", component::body, 400),
    target("config", config::body, 3_000),
    target("edits", edits::body, 150),
    target("event", event::body, 10_000),
    target("evidence", evidence::body, 5_000),
    target("journal", journal::body, 300),
    target("manifest", manifest::body, 600),
    target("meter", meter::body, 400),
    target("note", note::body, 5_000),
    target("paths", paths::body, 20_000),
    target("plan", plan::body, 2_000),
    target("request", request::body, 5_000),
    target("rows", rows::body, 150),
    target("rules", rules::body, 600),
    target("store", store::body, 500),
];

/// Runs the body of the target `name`.
///
/// # Panics
/// Where a promise is broken, and for a name that is not in [`TARGETS`].
pub fn run(name: &str, data: &[u8]) -> bool {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of that name");
    (target.body)(data)
}
