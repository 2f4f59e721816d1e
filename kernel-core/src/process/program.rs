//! What a process runs and within which ceilings: plain data, which the sandbox of a host obeys.

use crate::path::Name;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What to run. The bytes of a component arrive with the request; hosts cache what they compile by `hash`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// A component, named by the SHA-256 of its bytes. The sandbox asks its `load` for the bytes.
    Wasm {
        /// SHA-256 of the component.
        hash: [u8; 32],
    },
    /// A handler that the host registered under this name.
    Native {
        /// The registered name.
        name: Name,
    },
}

/// Ceilings that the host enforces while the program runs. Zero means that nothing is allowed, never "no limit".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of all linear memories and tables of the instance together. Default 64 MiB.
    pub memory: u64,
    /// CPU time of one `handle`. Default 10 s.
    pub handle: Duration,
    /// Units of the fuel meter of one `handle`. Default: not limited, only counted.
    pub fuel: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { memory: 64 << 20, handle: Duration::from_secs(10), fuel: None }
    }
}
