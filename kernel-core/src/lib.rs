//! The Weft kernel: processes, authority, one gate, and evidence, without a host of its own.
//!
//! Start at `kernel-core/ARCHITECTURE.md`.
#![forbid(unsafe_code)]
#![deny(clippy::iter_over_hash_type)]

pub mod agency;
pub mod app;
pub mod budget;
pub mod capability;
pub mod chain;
pub mod codec;
pub mod environment;
pub mod governance;
pub mod id;
pub mod ipc;
pub mod kernel;
pub mod label;
pub mod meter;
pub mod path;
pub mod platform;
pub mod process;
pub mod refusal;
#[cfg(feature = "sim")]
pub mod sim;
pub mod time;
pub mod tree;
