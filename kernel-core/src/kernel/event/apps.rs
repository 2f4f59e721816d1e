//! What the log says of applications.

use minicbor::{Decode, Encode};
use serde::Serialize;

/// Kind 14.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct AppEnded {
    /// The application.
    #[n(0)]
    pub app: String,
    /// Whether nothing went wrong.
    #[n(1)]
    pub ok: bool,
    /// Why.
    #[n(2)]
    pub reason: String,
}

/// Kind 19.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Restarting {
    /// The application.
    #[n(0)]
    pub app: String,
    /// The agent that ended, or could not be started again.
    #[n(1)]
    pub agent: String,
    /// How it ended.
    #[n(2)]
    pub reason: String,
    /// Whom else that starts again.
    #[n(3)]
    pub others: Vec<String>,
    /// How many restarts there were within the window, with this one.
    #[n(4)]
    pub restarts: u64,
    /// How long it waits, nanoseconds.
    #[n(5)]
    pub wait: u64,
}

/// Kind 23: the end of the application, kind 14, may not come into the log where the kernel ends before.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Failing {
    /// Which.
    #[n(0)]
    pub app: String,
    /// What it has failed by.
    #[n(1)]
    pub reason: String,
}
