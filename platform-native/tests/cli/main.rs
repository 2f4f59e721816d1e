//! The `weft` command as its user runs it: a process, its streams, its exit code and what it leaves behind.
//!
//! Every test has a home of its own. The guests are real components from `tests/fixtures/guests`.

mod audit;
mod chain;
mod consent;
mod harness;
mod input;
mod interrupted;
mod running;
mod terminal;
