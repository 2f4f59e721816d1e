//! The verbs.

pub mod table;
