//! Capabilities: what a process may do, and what it may let others do.
//!
//! A [`Right`] is a verb and a pattern; [`Capabilities`] are two lists of them, `use` and `grant`.
//! Authority begins at the roots that the operator made and only narrows: [`attenuate`] is the one way in
//! which a process comes by capabilities from another. Nothing here asks who is who or keeps a table.

mod attenuate;
mod right;
mod set;

pub use attenuate::{List, Widened, attenuate};
pub use right::Right;
pub use set::{Capabilities, MAX_RIGHTS, TooManyRights};

#[cfg(test)]
mod tests;
