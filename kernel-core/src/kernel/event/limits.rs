//! What the log says of limits.

use minicbor::{Decode, Encode};
use serde::Serialize;

/// Kind 20.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct LimitNear {
    /// The process whose limit it is.
    #[n(0)]
    pub pid: u64,
    /// Its name.
    #[n(1)]
    pub name: String,
    /// Its application; empty for none.
    #[n(2)]
    pub app: String,
    /// What is limited, as a manifest calls it.
    #[n(3)]
    pub meter: String,
    /// How much is used: times in nanoseconds, memory in bytes.
    #[n(4)]
    pub used: u64,
    /// The most that may be.
    #[n(5)]
    pub limit: u64,
}

/// Kind 21: a person allowed more.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct LimitRaised {
    /// The process whose limit it is.
    #[n(0)]
    pub pid: u64,
    /// Its name.
    #[n(1)]
    pub name: String,
    /// Its application; empty for none.
    #[n(2)]
    pub app: String,
    /// What is limited, as a manifest calls it.
    #[n(3)]
    pub meter: String,
    /// How much more there is: as much as it began with.
    #[n(4)]
    pub by: u64,
    /// The most that may be used now.
    #[n(5)]
    pub limit: u64,
}
