//! Budgets: hierarchical accounts that are drawn on before an act and settled after it.
//!
//! [`Ledger`] is the public item. Nothing here knows what an account stands for; the kernel gives the ids.

mod ledger;
mod meter;
mod over;

pub use ledger::{AccountId, CloseError, Exhausted, Ledger, Level, Line, NEAR, OpenError, nearly};
pub use meter::Meter;
pub use over::OnExhausted;

#[cfg(test)]
mod tests;
