//! What a budget counts.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that is counted. All but [`Meter::Memory`] only grow: what is used is gone. Memory is a level: it is
/// held and given back.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Meter {
    /// Acts, refused ones too.
    #[n(0)]
    Acts,
    /// Messages sent and published.
    #[n(1)]
    Messages,
    /// Calls of tools.
    #[n(2)]
    ToolCalls,
    /// Wall time, nanoseconds.
    #[n(3)]
    Wall,
    /// Bytes of memory held now.
    #[n(4)]
    Memory,
    /// Units of fuel.
    #[n(5)]
    Fuel,
    /// Tokens of language models, in and out together.
    #[n(6)]
    Tokens,
    /// Millionths of the currency that the configuration names.
    #[n(7)]
    Money,
    /// The sum of the scores of performed acts.
    #[n(8)]
    Risk,
}

impl Meter {
    /// All of them, in order.
    pub const ALL: [Meter; 9] = [
        Meter::Acts,
        Meter::Messages,
        Meter::ToolCalls,
        Meter::Wall,
        Meter::Memory,
        Meter::Fuel,
        Meter::Tokens,
        Meter::Money,
        Meter::Risk,
    ];

    /// The name as written in manifests, records and explanations.
    pub fn as_str(self) -> &'static str {
        match self {
            Meter::Acts => "acts",
            Meter::Messages => "messages",
            Meter::ToolCalls => "tool_calls",
            Meter::Wall => "wall",
            Meter::Memory => "memory",
            Meter::Fuel => "fuel",
            Meter::Tokens => "tokens",
            Meter::Money => "money",
            Meter::Risk => "risk",
        }
    }

    /// Whether what is used can be given back.
    pub fn is_level(self) -> bool {
        self == Meter::Memory
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
