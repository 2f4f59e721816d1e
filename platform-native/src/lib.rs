//! Weft on an ordinary machine: tokio runs futures, redb keeps rows, wasmtime runs components,
//! folders and sockets are reached through handles that cannot leave what they were opened for.
//!
//! Start at [`Host::open`]. Everything of the kernel itself is re-exported as [`kernel_core`].
#![cfg(not(target_arch = "wasm32"))]
#![deny(unsafe_code)]

pub use host::{Host, HostError, HostOptions, NativePlatform, runtime};
pub use kernel_core;

#[doc(hidden)]
pub mod cli;
pub mod devices;
pub mod keys;
pub mod sandbox;
pub mod storage;

mod clock;
mod data_dir;
mod entropy;
mod host;
mod memory;
mod pace;
mod profile;
mod shared;
mod spawn;

pub use data_dir::DataDir;
