//! The third host: one seed decides the schedule, the faults and every random byte.
//!
//! [`Sim`] runs futures on one stack and picks what runs next at random; time is virtual and passes only
//! when nothing can run. The other roles keep everything in memory. The same seed gives the same run on
//! every machine, also in a browser, which is what the pinned digests of the suite compare.
//!
//! Host roles only: no kernel logic is here, and nothing outside this folder knows that it exists.

mod devices;
mod executor;
mod keys;
mod platform;
mod sandbox;
mod storage;

pub use devices::{Plan, SimDevices};
pub use executor::{Sim, turn};
pub use keys::SimKeys;
pub use platform::SimPlatform;
pub use sandbox::{SimGuest, SimSandbox};
pub use storage::{Faults, SimStorage, Tear};

use crate::kernel::Parts;
use crate::platform::Programs;

impl Sim {
    /// A host, opened, on this executor: `storage` and `devices` are taken over with all that they hold.
    pub fn parts(&self, storage: SimStorage, programs: Programs, devices: SimDevices) -> Parts<SimPlatform> {
        let platform = self.platform();
        Parts {
            storage: storage.moved(&platform),
            sandbox: SimSandbox::new(&platform, programs),
            devices: devices.moved(&platform),
            keys: SimKeys,
            platform,
        }
    }
}

#[cfg(test)]
mod tests;
