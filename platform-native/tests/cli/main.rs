//! The `weft` command as its user runs it: a process, its streams, its exit code and what it leaves behind.
//!
//! Every test has a home of its own. The guests are real components from `tests/fixtures/guests`.

mod audit;
mod backup;
mod chain;
mod chance;
mod component;
mod consent;
mod crashed;
mod disk;
mod flags;
mod full;
mod harness;
mod input;
mod interrupted;
mod killed;
mod limits;
mod manifest;
mod mounts;
mod receipts;
mod rules;
mod running;
mod signals;
mod terminal;
mod trees;
mod up;
mod web;
