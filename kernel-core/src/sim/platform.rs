//! The handle that the kernel holds: virtual clocks, seeded entropy, the executor's queue.

use super::executor::{Shared, Sleep};
use super::{SimDevices, SimKeys, SimSandbox, SimStorage};
use crate::platform::{
    Clock, Durability, Entropy, KeyCustody, MaybeSend, Platform, Profile, ProgramKind, Spawn, Suspension,
};
use crate::time::{Instant, WallTime};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// 2026-01-01T00:00:00Z, when every simulation begins, in nanoseconds since 1970.
const EPOCH: u64 = 1_767_225_600 * 1_000_000_000;

/// A handle of a simulated machine; clones are the same machine.
#[derive(Clone)]
pub struct SimPlatform {
    shared: Arc<Shared>,
    profile: Arc<Profile>,
}

impl SimPlatform {
    pub(super) fn new(shared: Arc<Shared>) -> SimPlatform {
        // A guest that is suspended goes on the same from wherever it was held, so both are tried.
        let suspension = if shared.fault().is_multiple_of(2) { Suspension::Anywhere } else { Suspension::NextAct };
        SimPlatform { shared, profile: Arc::new(profile(suspension)) }
    }

    /// A draw for faults and delays; it shifts neither schedule nor entropy.
    pub(super) fn fault(&self) -> u64 {
        self.shared.fault()
    }

    /// Waits for a random time of at most `most`; not at all where that is zero.
    pub(super) async fn dawdle(&self, most: Duration) {
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        if most > 0 {
            let wait = Duration::from_nanos(self.fault() % most.saturating_add(1));
            self.sleep_until(self.now().after(wait)).await;
        }
    }
}

fn profile(suspension: Suspension) -> Profile {
    let missing = |what: &str, why: &str| (what.to_owned(), why.to_owned());
    Profile {
        host: "sim".to_owned(),
        programs: vec![ProgramKind::Wasm, ProgramKind::Native],
        net: false,
        mounts: true,
        durability: Durability::Memory,
        atomic_commits: false,
        parallelism: 1,
        suspension,
        key_custody: KeyCustody::Fixed,
        missing: vec![
            missing("containers", "a simulation starts no other program"),
            missing("net", "a simulation reaches no other machine"),
        ],
    }
}

impl Clock for SimPlatform {
    fn now(&self) -> Instant {
        self.shared.now()
    }

    fn wall(&self) -> WallTime {
        WallTime(EPOCH.saturating_add(self.now().0))
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + MaybeSend + 'static {
        Sleep::new(self.shared.clone(), at)
    }
}

impl Entropy for SimPlatform {
    fn fill(&self, out: &mut [u8]) {
        self.shared.fill(out);
    }
}

/// A panic in a task passes through to whoever runs the simulation: in a test that is what is wanted.
impl Spawn for SimPlatform {
    fn spawn(&self, _: &'static str, future: impl Future<Output = ()> + MaybeSend + 'static) {
        self.shared.spawn(Box::pin(future));
    }
}

impl Platform for SimPlatform {
    type Storage = SimStorage;
    type Sandbox = SimSandbox;
    type Devices = SimDevices;
    type Keys = SimKeys;

    fn profile(&self) -> &Profile {
        &self.profile
    }
}

impl fmt::Debug for SimPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimPlatform").finish_non_exhaustive()
    }
}
