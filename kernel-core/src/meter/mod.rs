//! The fuel meter: rewrites a component so that it counts what it executes, in units that are the same on every host.
//!
//! [`meter`] is the public item. What comes out behaves as what went in, only that each straight piece of code first
//! takes its cost from one number that all core modules of an instance share, and ends the instance where that number
//! would fall below zero. While a function runs it holds the number itself (`module.rs`). The number lives in a small core module (`instance.rs`) that is instantiated before all others.
//! Hosts reach it by the export [`EXPORT`]; a guest cannot name it: indices are moved so that all that it wrote means
//! what it meant, and a component that uses one of the meter's names is refused.
//!
//! What instructions cost stands in `FUEL.md`. [`VERSION`] changes with any of it.
//!
//! Function bodies are not validated here. A host validates what comes out of here when it compiles it, and nothing
//! that is invalid becomes valid: indices that lie behind a module's own are refused where the meter adds some.

mod component;
mod cost;
mod instance;
mod module;

#[cfg(test)]
mod tests;

pub use instance::MODULE;

use crate::app::{ComponentError, weigh};
use wasm_encoder::reencode;

/// The version of the meter. Code and glue that were made of components carry it in their names.
pub const VERSION: u32 = 2;

/// How the names begin of the functions of a metered component that hosts call between activations, see [`export`].
pub const EXPORT: &str = "weft-fuel";

/// The name of the function of the `n`th meter: `(fuel: s64) -> s64` takes what there is to use from now on and answers
/// what was left. A component without others in it that have code has one meter, the first.
pub fn export(n: u32) -> String {
    format!("{EXPORT}{n}")
}

/// Units that instantiating a component may use. What it is given for messages is another account.
pub const INSTANTIATION: u64 = 100_000_000;

/// The declared maximum of the table that a metered component grows when its fuel is used up, and right after that it
/// traps: how a host that sees growth, and cannot see the number any more, tells this end from others. No table of a
/// guest has this maximum.
pub const SIGNAL: u64 = 99_991;

/// The core module that the meter's instance is imported as.
const IMPORT: &str = "weft:fuel";

/// The number: what is left.
const LEFT: &str = "left";

/// The function that is called when the number has fallen below zero. It does not return.
const OUT: &str = "out";

/// A component with the meter built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metered {
    /// Its bytes.
    pub component: Vec<u8>,
    /// How many meters an instance of it has, at least one if it has code: as many as components that have.
    pub meters: u32,
    /// Bytes that its instances take beside their memories and tables, at most.
    pub state: u64,
}

/// Why a component is not metered, and so not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeterError {
    /// It is no component, damaged, or larger than any compiler makes it.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// It is made of something whose cost is not known.
    #[error("it uses {0}, which cannot be metered: build it without")]
    Unmetered(String),
    /// It uses a name that the meter needs for itself.
    #[error("it uses the name `{0}`, which belongs to the fuel meter: choose another")]
    Name(&'static str),
}

/// Builds the meter into a component. Pure; takes time and memory in the size.
///
/// # Errors
///
/// [`MeterError`]: what cannot be metered, by name.
pub fn meter(bytes: &[u8]) -> Result<Metered, MeterError> {
    // Before all that takes more than its length.
    let state = weigh(bytes)?.state;
    let (component, meters) = component::rewrite(bytes)?;
    let state = state.saturating_add(instance::STATE.saturating_mul(meters.into()));
    Ok(Metered { component, meters, state })
}

fn unmetered<T>(what: impl Into<String>) -> Result<T, MeterError> {
    Err(MeterError::Unmetered(what.into()))
}

fn broken(error: wasmparser::BinaryReaderError) -> MeterError {
    damaged(error.offset(), error.message())
}

fn damaged(at: usize, why: impl Into<String>) -> MeterError {
    ComponentError::Broken { at, why: why.into() }.into()
}

impl From<reencode::Error<MeterError>> for MeterError {
    fn from(error: reencode::Error<MeterError>) -> MeterError {
        match error {
            reencode::Error::UserError(error) => error,
            reencode::Error::ParseError(error) => broken(error),
            other => damaged(0, other.to_string()),
        }
    }
}
