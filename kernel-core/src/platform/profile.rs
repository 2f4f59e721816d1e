//! What a host can do, as data: what is missing here is refused before the host is asked.

use serde::{Deserialize, Serialize};

/// The kinds of program that a process may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramKind {
    /// A WebAssembly component.
    Wasm,
    /// A handler compiled into the host and registered by name: part of the trusted base.
    Native,
    /// A container image.
    Container,
}

/// What survives the loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// A commit that returned is on disk.
    Disk,
    /// Gone with the process.
    Memory,
}

/// Who could take the signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyCustody {
    /// A file that only its owner may read.
    File,
    /// Held by the platform, not exportable.
    NonExtractable,
    /// A constant; for tests only.
    Fixed,
}

/// Where a guest stops when its process is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspension {
    /// Wherever it is, within milliseconds: it computes only inside of polls of [`super::Guest::handle`], and yields.
    Anywhere,
    /// At its next act: it computes in a thread that nothing can hold.
    NextAct,
}

/// What one host can do. `weft doctor` and the page print this very list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// "native", "web" or "sim".
    pub host: String,
    /// The kinds of program that can be started here.
    pub programs: Vec<ProgramKind>,
    /// Whether `/net` can be connected to.
    pub net: bool,
    /// Whether folders can be mounted under `/fs`.
    pub mounts: bool,
    /// What survives.
    pub durability: Durability,
    /// Whether a commit that was cut short leaves nothing behind. Where it may leave a part, that is removed at the
    /// next boot; where it does not, whatever lies beyond the head of the log says that an older head was put back.
    pub atomic_commits: bool,
    /// How many things really run at once.
    pub parallelism: u32,
    /// Where a guest stops when its process is suspended.
    pub suspension: Suspension,
    /// Where the key lies.
    pub key_custody: KeyCustody,
    /// What is missing here, each with the reason in words for a person: ("containers", "not built in").
    pub missing: Vec<(String, String)>,
}
