//! The three scans of repo-audit: pure, streaming, without imports from any kernel.
//!
//! Each scan takes files one after the other: `begin(path)`, then `push(bytes, last)` with chunks of any
//! size, in order. What it finds does not depend on the chunking, and its memory does not grow with the
//! size of a file. Paths are only looked at for their names; nothing here opens anything.

#![forbid(unsafe_code)]

#[cfg(feature = "hygiene")]
pub mod hygiene;
pub mod inventory;
#[cfg(feature = "secrets")]
pub mod secrets;

pub mod address;
pub mod feed;
pub mod text;
mod work;
