//! What a decision is: one word, and the sentences that say why.

use crate::path::Name;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What becomes of an act. The order is that of strictness: the strictest of all that is said counts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Decision {
    /// It is performed.
    #[n(0)]
    Permit,
    /// It is performed and marked.
    #[n(1)]
    Warn,
    /// An operator is asked; no answer is a refusal.
    #[n(2)]
    Escalate,
    /// It is refused.
    #[n(3)]
    Deny,
}

impl Decision {
    /// The word as written in records and explanations.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Permit => "permit",
            Decision::Warn => "warn",
            Decision::Escalate => "escalate",
            Decision::Deny => "deny",
        }
    }

    /// Whether the act is performed without anybody being asked.
    pub fn passes(self) -> bool {
        self <= Decision::Warn
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The kinds of reason.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
#[non_exhaustive]
pub enum ReasonCode {
    /// The facts are of a form that this kernel does not know.
    #[n(0)]
    UnknownFacts,
    /// No right permits the act, or the one that is named does not.
    #[n(1)]
    NoGrant,
    /// A label may not reach the target.
    #[n(2)]
    Flow,
    /// A rule speaks.
    #[n(3)]
    Rule,
    /// A rule could not be evaluated.
    #[n(4)]
    Undecidable,
    /// The score is above the threshold of the environment.
    #[n(5)]
    OverThreshold,
    /// The score is near it.
    #[n(6)]
    NearThreshold,
    /// A budget is used up, and a person may allow more. Never said by `decide`.
    #[n(7)]
    Budget,
}

impl ReasonCode {
    /// The word as written in records and explanations.
    pub fn as_str(self) -> &'static str {
        match self {
            ReasonCode::UnknownFacts => "unknown_facts",
            ReasonCode::NoGrant => "no_grant",
            ReasonCode::Flow => "flow",
            ReasonCode::Rule => "rule",
            ReasonCode::Undecidable => "undecidable",
            ReasonCode::OverThreshold => "over_threshold",
            ReasonCode::NearThreshold => "near_threshold",
            ReasonCode::Budget => "budget",
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that stands in the way of an act, or marks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Reason {
    /// What kind of reason it is.
    #[n(0)]
    pub code: ReasonCode,
    /// What it would make of the act if it were the only one.
    #[n(1)]
    pub weight: Decision,
    /// The rule that speaks, where one does.
    #[n(2)]
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<Name>,
    /// One sentence for a person who knows nothing of the kernel: what, why, and what to do.
    #[n(3)]
    pub text: String,
}

/// A decision with all that was said for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Verdict {
    /// What becomes of the act.
    #[n(0)]
    pub decision: Decision,
    /// Every reason, the strictest first, then in the order authority, flow, rules as the charter lists them, score.
    /// Empty exactly when the decision is [`Decision::Permit`].
    #[n(1)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// The highest score that the environment lets pass.
    #[n(2)]
    pub threshold: u16,
    /// The score of the act.
    #[n(3)]
    pub score: u16,
}

impl Verdict {
    /// What to tell the caller: the reasons that make the decision what it is, joined; empty for a permit.
    pub fn sentence(&self) -> String {
        let binding = self.reasons.iter().filter(|reason| reason.weight == self.decision);
        binding.map(|reason| reason.text.as_str()).collect::<Vec<_>>().join("; ")
    }
}
