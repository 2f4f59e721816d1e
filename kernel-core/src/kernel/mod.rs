//! The kernel itself.

pub mod verb;
