//! Governance: what an act may do, the rules about it, and the one decision.
//!
//! [`decide`] is the public item: a pure function of a [`Charter`] and [`Facts`]. Everything else is what goes in
//! and what comes out. Nothing here knows the verb table, the state or the time; the kernel gathers the facts.

mod bucket;
mod charter;
mod decide;
mod derive;
mod effect;
mod explain;
mod facts;
mod index;
mod rule;
mod verdict;

pub use charter::{Charter, CharterError, MAX_RULES};
pub use decide::decide;
pub use derive::{
    Contribution, Contributions, Derived, FIRST_USE, LABEL_PRIVACY, Source, UNTRUSTED_SECURITY, derive, label_effect,
    novelty,
};
pub use effect::{Dimension, Effect};
pub use explain::explain;
pub use facts::{Facts, MAX_AUDIT, audit};
pub use rule::{NameMatch, Rule, Test, Then, When};
pub use verdict::{Decision, Reason, ReasonCode, Verdict};

#[cfg(test)]
mod tests;
