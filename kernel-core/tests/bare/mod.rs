//! A state that is stepped by itself: no host, no log, nothing stored.

use kernel_core::environment::Environment;
use kernel_core::kernel::State;
use kernel_core::kernel::effects::Effects;
use kernel_core::kernel::input::{Boot, Counters, Input};
use kernel_core::path::Name;
use kernel_core::platform::{Durability, KeyCustody, Profile, ProgramKind, Suspension};
use kernel_core::process::InstanceKind;
use kernel_core::time::{Instant, Now, WallTime};
use std::collections::BTreeMap;

/// One that has booted, with these handlers.
pub(crate) fn boot(handlers: &[(Name, InstanceKind)], fx: &mut Effects) -> State {
    let profile = Profile {
        host: "bare".to_owned(),
        programs: vec![ProgramKind::Native],
        net: false,
        mounts: false,
        durability: Durability::Memory,
        atomic_commits: true,
        parallelism: 1,
        suspension: Suspension::Anywhere,
        key_custody: KeyCustody::Fixed,
        missing: Vec::new(),
    };
    let boot = Boot {
        cut_short: Vec::new(),
        seed: [7; 32],
        host: "bare".to_owned(),
        version: "0".to_owned(),
        environment: "dev".to_owned(),
        last: Counters::default(),
        profile,
        repair: String::new(),
        unsigned: 0,
        verified_from: 0,
        interrupted: Vec::new(),
        labelled: BTreeMap::new(),
        letters: Vec::new(),
        waited: None,
        inboxes: Vec::new(),
        tree: kernel_core::tree::Node::EMPTY,
        snapshots: Vec::new(),
        held: Vec::new(),
    };
    let mut state = State::new(&boot, Environment::dev(), handlers);
    step(&mut state, &Input::Boot(boot), fx);
    state
}

/// One input, at a time at which nothing is due.
pub(crate) fn step(state: &mut State, input: &Input, fx: &mut Effects) {
    let now = Now { at: Instant(1), wall: WallTime(1) };
    while let Err(need) = state.step(input, now, fx) {
        need.keys.into_iter().for_each(|key| state.load(key, None));
    }
}
