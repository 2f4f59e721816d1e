//! The effect vector: how much an act may do, in five dimensions, in fixed point.
//!
//! Each dimension is a share of 10,000. All arithmetic is on integers and rounds *up*, so that a result is the
//! same bits on every host and never understates. Only the score rounds down.
//!
//! Laws (each has a property test beside this file):
//! - [`join`](Effect::join) is commutative, associative and idempotent; [`ZERO`](Effect::ZERO) is its identity
//!   and [`MAX`](Effect::MAX) absorbs.
//! - [`then`](Effect::then) is commutative and monotone, has the same identity and absorbing element, is at least
//!   the join of the two, and distributes over join. It is *not* idempotent, and because it rounds it is *not*
//!   associative: the two ways to bracket three effects may differ by 1 in a dimension.
//! - [`scale`](Effect::scale) is monotone and distributes over join. Scaling down twice gives at least what scaling
//!   once by the product gives, and may give more by rounding. Scaling up and down again may give less, because the
//!   way up is capped.
//! - [`score`](Effect::score) is monotone, at least the largest dimension, and at most the sum of the dimensions.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One dimension of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// What may break or be lost.
    Risk,
    /// Who may be treated worse than others.
    Fairness,
    /// What may become known to whom it should not.
    Privacy,
    /// How new this is for this agent; falls with uses that went well.
    Novelty,
    /// What may be opened to an attacker.
    Security,
}

impl Dimension {
    /// All, in the order in which vectors are written.
    pub const ALL: [Dimension; 5] =
        [Dimension::Risk, Dimension::Fairness, Dimension::Privacy, Dimension::Novelty, Dimension::Security];

    /// The name as written in rules, records and explanations.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::Risk => "risk",
            Dimension::Fairness => "fairness",
            Dimension::Privacy => "privacy",
            Dimension::Novelty => "novelty",
            Dimension::Security => "security",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Five numbers, each 0..=[`Effect::FULL`]. No value outside that range can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Effect([u16; 5]);

/// How an effect is written in JSON: by name, nothing left out, nothing added.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    risk: u16,
    fairness: u16,
    privacy: u16,
    novelty: u16,
    security: u16,
}

impl Effect {
    /// The largest value of a dimension.
    pub const FULL: u16 = 10_000;
    /// No effect: what changes nothing when joined.
    pub const ZERO: Effect = Effect([0; 5]);
    /// Everything at its highest: what is assumed of an act that nobody described.
    pub const MAX: Effect = Effect([Effect::FULL; 5]);
    /// The score of [`Effect::MAX`]: the integer part of 10,000 times the root of five.
    pub const MAX_SCORE: u16 = 22_360;

    /// An effect from its dimensions; a value above [`Effect::FULL`] becomes [`Effect::FULL`].
    pub const fn new(risk: u16, fairness: u16, privacy: u16, novelty: u16, security: u16) -> Effect {
        Effect([capped(risk), capped(fairness), capped(privacy), capped(novelty), capped(security)])
    }

    /// An effect in one dimension alone; capped as [`Effect::new`] does.
    pub const fn only(dimension: Dimension, value: u16) -> Effect {
        let mut parts = [0; 5];
        parts[dimension as usize] = capped(value);
        Effect(parts)
    }

    /// One dimension, 0..=10,000.
    pub const fn get(self, dimension: Dimension) -> u16 {
        self.0[dimension as usize]
    }

    /// What may break or be lost, 0..=10,000.
    pub const fn risk(self) -> u16 {
        self.get(Dimension::Risk)
    }

    /// Who may be treated worse, 0..=10,000.
    pub const fn fairness(self) -> u16 {
        self.get(Dimension::Fairness)
    }

    /// What may become known, 0..=10,000.
    pub const fn privacy(self) -> u16 {
        self.get(Dimension::Privacy)
    }

    /// How new it is, 0..=10,000.
    pub const fn novelty(self) -> u16 {
        self.get(Dimension::Novelty)
    }

    /// What may be opened to an attacker, 0..=10,000.
    pub const fn security(self) -> u16 {
        self.get(Dimension::Security)
    }

    /// The worst of both in each dimension: two descriptions of one act.
    #[must_use]
    pub fn join(self, other: Effect) -> Effect {
        self.zip(other, |a, b| a.max(b))
    }

    /// One act after the other: 1-(1-a)(1-b) in each dimension, rounded up.
    #[must_use]
    pub fn then(self, other: Effect) -> Effect {
        let full = u32::from(Effect::FULL);
        self.zip(other, |a, b| a + b - a * b / full)
    }

    /// `numerator / denominator` of each dimension, rounded up and capped. A denominator of 0 is an unknown share
    /// and gives [`Effect::MAX`].
    #[must_use]
    pub fn scale(self, numerator: u32, denominator: u32) -> Effect {
        if denominator == 0 {
            return Effect::MAX;
        }
        Effect(self.0.map(|part| {
            let scaled = (u64::from(part) * u64::from(numerator)).div_ceil(u64::from(denominator));
            u16::try_from(scaled).map_or(Effect::FULL, capped)
        }))
    }

    /// The Euclidean length, rounded down: 0..=[`Effect::MAX_SCORE`]. Environments set thresholds on it.
    pub fn score(self) -> u16 {
        let squares: u32 = self.0.iter().map(|&part| u32::from(part) * u32::from(part)).sum();
        // At most 22,360, so the conversion cannot fail; if it could, the highest score is the safe answer.
        u16::try_from(squares.isqrt()).unwrap_or(Effect::MAX_SCORE)
    }

    /// Whether each dimension is at most that of `other`.
    pub fn is_within(self, other: Effect) -> bool {
        self.0.iter().zip(other.0).all(|(&a, b)| a <= b)
    }

    /// The dimension that weighs most; the first of equals.
    pub fn largest(self) -> (Dimension, u16) {
        let mut found = (Dimension::Risk, self.risk());
        for dimension in Dimension::ALL {
            if self.get(dimension) > found.1 {
                found = (dimension, self.get(dimension));
            }
        }
        found
    }

    fn zip(self, other: Effect, f: impl Fn(u32, u32) -> u32) -> Effect {
        let mut parts = [0; 5];
        for (part, (a, b)) in parts.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            *part = u16::try_from(f(a.into(), b.into())).map_or(Effect::FULL, capped);
        }
        Effect(parts)
    }
}

const fn capped(value: u16) -> u16 {
    if value > Effect::FULL { Effect::FULL } else { value }
}

impl fmt::Display for Effect {
    /// The dimensions that are not zero: `risk 3000, privacy 2500`; `none` if there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for dimension in Dimension::ALL {
            if self.get(dimension) > 0 {
                write!(f, "{separator}{dimension} {}", self.get(dimension))?;
                separator = ", ";
            }
        }
        if separator.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

impl From<Effect> for Parts {
    fn from(effect: Effect) -> Parts {
        let Effect([risk, fairness, privacy, novelty, security]) = effect;
        Parts { risk, fairness, privacy, novelty, security }
    }
}

impl TryFrom<Parts> for Effect {
    type Error = String;

    fn try_from(parts: Parts) -> Result<Effect, String> {
        Effect::checked([parts.risk, parts.fairness, parts.privacy, parts.novelty, parts.security])
    }
}

impl Effect {
    fn checked(parts: [u16; 5]) -> Result<Effect, String> {
        match Dimension::ALL.iter().zip(parts).find(|(_, part)| *part > Effect::FULL) {
            Some((dimension, part)) => Err(format!("{dimension} is {part}; a dimension is at most 10000")),
            None => Ok(Effect(parts)),
        }
    }
}

/// An array of the five dimensions in order.
impl<C> minicbor::Encode<C> for Effect {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.0.encode(e, ctx)
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Effect {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Effect, minicbor::decode::Error> {
        let at = d.position();
        Effect::checked(<[u16; 5]>::decode(d, ctx)?).map_err(|e| minicbor::decode::Error::message(e).at(at))
    }
}
