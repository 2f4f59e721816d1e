//! The host seam: everything the kernel needs from the machine that it runs on.
//!
//! Small roles, each a trait with its contract in its docs, then [`Platform`], which names one
//! implementation of each. A host implements roles and nothing else; kernel logic is never here.

pub mod bounds;
mod clock;
mod devices;
mod entropy;
mod gauge;
mod handler;
mod keys;
mod profile;
mod sandbox;
mod spawn;
mod storage;

pub use crate::process::{Limits, Program};
pub use bounds::{BoxFuture, MaybeSend, MaybeSync};
pub use clock::Clock;
pub use devices::{DeviceError, DeviceReply, DeviceRequest, Devices, Entry, EntryKind, Meta, WriteMode};
pub use entropy::Entropy;
pub use gauge::Gauge;
pub use handler::{Handler, Programs};
pub use keys::{KeyPurpose, Keys};
pub use profile::{Durability, KeyCustody, Profile, ProgramKind, Suspension};
pub use sandbox::{ActReply, Fault, FaultKind, Guest, Handled, LogLevel, Port, Sandbox, StartRequest, Syscalls, Usage};
pub use spawn::Spawn;
pub use storage::{Batch, HostError, Key, Page, Storage, StorageError, said};

/// One host: the umbrella over its roles.
///
/// A `Platform` is a cheap handle; clones share the same clock, entropy and executor. The roles that
/// own something (storage, sandbox, devices, keys) are opened apart and handed to the kernel at boot.
pub trait Platform: Clock + Entropy + Spawn + Clone + MaybeSend + MaybeSync + 'static {
    /// Where rows live.
    type Storage: Storage;
    /// What runs programs.
    type Sandbox: Sandbox;
    /// What reaches files and networks.
    type Devices: Devices;
    /// What signs.
    type Keys: Keys;

    /// What this host can and cannot do. Constant for the life of the process.
    fn profile(&self) -> &Profile;
}
