//! What a host has to give the suite, and the simulated host.

use super::puppet::{Trap, puppet};
use bytes::Bytes;
use kernel_core::app::ProgramPlan;
use kernel_core::codec::hex;
use kernel_core::kernel::Parts;
use kernel_core::path::Name;
use kernel_core::platform::{Platform, Programs};
use kernel_core::sim::{Faults, Sim, SimDevices, SimPlatform, SimStorage, Tear};
use sha2::{Digest, Sha256};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// The puppet as a component, for the hosts that run components.
pub const COMPONENT: &[u8] = include_bytes!("../../fixtures/guests/puppet.wasm");

/// The mounts that every host of the suite binds.
pub const MOUNTS: [&str; 2] = ["in", "out"];

/// What the puppets of a world run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The handler that is registered as `puppet`.
    Handler,
    /// The component.
    Component,
}

impl Kind {
    /// As a plan names it.
    pub fn program(self) -> ProgramPlan {
        match self {
            Kind::Handler => ProgramPlan::Native(name("puppet")),
            Kind::Component => ProgramPlan::Wasm(hash()),
        }
    }
}

/// The name `text`.
pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// What the component is called by.
pub fn hash() -> [u8; 32] {
    Sha256::digest(COMPONENT).into()
}

/// The handlers that every host of the suite registers.
pub fn programs(trap: Trap) -> Programs {
    Programs::new().with(name("puppet"), move |port| puppet(port, trap))
}

/// What the simulated sandbox takes for the end of the instance.
fn sim_trap() -> String {
    "trap: told to".to_owned()
}

/// A host under test. What is stored outlives the parts that were opened over it.
pub trait Host {
    /// Its roles.
    type Platform: Platform;

    /// Opens every role over what is stored, with [`programs`] registered and [`MOUNTS`] bound. The roles that
    /// were opened before are closed.
    fn open(&self) -> impl Future<Output = Parts<Self::Platform>>;

    /// What puppets run here.
    fn kind(&self) -> Kind;

    /// Puts a file into a mount, behind the kernel's back.
    fn put(&self, mount: &str, path: &str, body: &[u8]) -> impl Future<Output = ()>;

    /// The file in a mount, if there is one.
    fn get(&self, mount: &str, path: &str) -> impl Future<Output = Option<Bytes>>;

    /// Whether a few dozen components are the most that it keeps at once, so that a clause can fill it. A tab keeps
    /// 256, and is not filled.
    fn is_soon_full(&self) -> bool {
        false
    }

    /// Whether it sees what a message uses before that is over. A handler of the host is not looked into, nor is a worker of
    /// a tab.
    fn sees_usage(&self) -> bool {
        false
    }

    /// Lets all else that is ready here have its turn, however little time passes.
    fn turn(&self) -> impl Future<Output = ()> {
        kernel_core::sim::turn()
    }
}

/// The simulated host: a machine of its own, whose storage and devices outlive a reboot.
#[derive(Debug)]
pub struct SimHost {
    sim: Arc<Sim>,
    storage: SimStorage,
    devices: SimDevices,
    kind: Kind,
}

impl SimHost {
    /// A machine with its seed. Where puppets are components, the simulation runs the handler in their place.
    pub fn new(seed: u64, kind: Kind) -> SimHost {
        let sim = Arc::new(Sim::new(seed));
        let (storage, devices) = (sim.storage(), sim.devices());
        MOUNTS.iter().for_each(|mount| devices.mount(mount));
        SimHost { sim, storage, devices, kind }
    }

    /// One with handlers where the seed is even, and with a component where it is odd.
    pub fn seeded(seed: u64) -> SimHost {
        SimHost::new(seed, if seed.is_multiple_of(2) { Kind::Handler } else { Kind::Component })
    }

    /// The machine.
    pub fn sim(&self) -> Arc<Sim> {
        self.sim.clone()
    }

    /// Its disk.
    pub fn storage(&self) -> &SimStorage {
        &self.storage
    }

    /// From now on its disk is slow, by less than `slow` milliseconds, and in every other draw fails within `soon` commits:
    /// it is full from there on, or the power fails within that commit, before or after it is stored.
    pub fn ails(&self, slow: u64, soon: u64) {
        let mut faults = Faults { slow: Duration::from_millis(self.sim.random() % slow), ..Faults::default() };
        if self.sim.random().is_multiple_of(2) {
            let commit = self.storage.next_commit() + self.sim.random() % soon;
            // A host keeps a batch whole or not at all, whether or not it came to say so.
            match self.sim.random() % 3 {
                0 => faults.fail_from = Some(commit),
                1 => faults.tear = Some(Tear { commit, changes: 0, bytes: None }),
                _ => faults.tear = Some(Tear { commit, changes: usize::MAX, bytes: None }),
            }
        }
        self.storage.set_faults(faults);
    }

    /// From now on its disk is as good as any; where the power has failed, once it is booted again.
    pub fn heals(&self) {
        self.storage.set_faults(Faults::default());
    }
}

impl Host for SimHost {
    type Platform = SimPlatform;

    async fn open(&self) -> Parts<SimPlatform> {
        let digits = hex(&hash());
        let programs = programs(sim_trap).with(name(&digits), |port| puppet(port, sim_trap));
        self.sim.parts(self.storage.clone(), programs, self.devices.clone())
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn is_soon_full(&self) -> bool {
        self.kind == Kind::Component
    }

    fn sees_usage(&self) -> bool {
        self.kind == Kind::Component
    }

    async fn put(&self, mount: &str, path: &str, body: &[u8]) {
        self.devices.put(mount, path, body);
    }

    async fn get(&self, mount: &str, path: &str) -> Option<Bytes> {
        self.devices.get(mount, path).map(Bytes::from)
    }
}
