//! Weft in a browser tab. The kernel lives in a dedicated worker: this crate fills its roles with what a
//! worker has (timers, WebCrypto, the origin's private file system, `fetch`), and `kernel` is the class
//! that JavaScript drives. It assumes one worker and no threads.
//!
//! Start at `Host::open`. Everything of the kernel itself is re-exported as `kernel_core`.
#![cfg(target_arch = "wasm32")]

pub use host::{Host, HostError, HostOptions, StorageKind, WebPlatform};
pub use kernel_core;

pub mod devices;
pub mod kernel;
pub mod keys;
pub mod sandbox;
pub mod storage;

mod clock;
mod crash;
mod database;
mod entropy;
mod host;
mod js;
mod profile;
mod spawn;
mod tools;

#[cfg(test)]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
