//! What a process is and holds, and its timers.

use crate::Refusal;
use crate::acts::{act, unexpected};
use serde::Deserialize;

/// What `read /proc/self` answers, as far as guests here use it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// The agent's name.
    pub name: String,
    /// Rights to use, each "verb pattern".
    #[serde(rename = "use", default)]
    pub rights: Vec<String>,
    /// Labels that it carries.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// Reads the caller's own entry.
pub fn identity() -> Result<Identity, Refusal> {
    let reply = act("read", "/proc/self", "{}")?;
    serde_json::from_slice(&reply).map_err(|_| unexpected("read of /proc/self"))
}

/// Starts a timer of one's own that fires once. Starting it again sets it anew.
pub fn start_timer(name: &str, after_ms: u64) -> Result<(), Refusal> {
    act("start", &format!("/timer/{name}"), &format!("{{\"after_ms\":{after_ms}}}")).map(drop)
}

/// Stops it.
pub fn stop_timer(name: &str) -> Result<(), Refusal> {
    act("stop", &format!("/timer/{name}"), "{}").map(drop)
}
