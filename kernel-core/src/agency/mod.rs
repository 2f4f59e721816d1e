//! Agency: who may start whom, and where the rights of each process come from.
//!
//! Authority comes from the operator and only narrows on its way: a child holds what its parent may grant, and whoever is
//! given a right while it runs holds it for as long as its giver could give it. Nothing here keeps a table of processes.

mod holdings;
mod role;

pub use holdings::{Given, Holdings, MAX_FROM_ONE, MAX_GIFT, MAX_GIVEN, Source};
pub(crate) use role::lower;
pub use role::{Ceilings, CustomRole, OF_AGENTS, Role};
