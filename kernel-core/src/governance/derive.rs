//! How the kernel comes to the effect of an act, and what it came from.
//!
//! A derivation starts at the base table's row and only ever joins, so whatever is said about an act - by its
//! caller, by a tool's author - can raise its effect and never lower it.

use super::effect::{Dimension, Effect};
use crate::label::Labels;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::fmt;

/// Privacy joined for a label that the target is not cleared for.
pub const LABEL_PRIVACY: u16 = 9_000;
/// Security joined for the label `untrusted` when the target is not cleared for it.
pub const UNTRUSTED_SECURITY: u16 = 6_000;
/// Novelty of a first use.
pub const FIRST_USE: u16 = 1_000;

/// The novelty of the next use after `uses` that were let pass: 1,000 for the first, halved whenever the number of
/// uses, this one included, doubles.
pub fn novelty(uses: u64) -> u16 {
    FIRST_USE.checked_shr(uses.saturating_add(1).ilog2()).unwrap_or(0)
}

/// What one label adds to an act that takes it to where labels are not kept and it is not cleared.
pub fn label_effect(label: &str) -> Effect {
    match label {
        "untrusted" => Effect::only(Dimension::Security, UNTRUSTED_SECURITY),
        _ => Effect::only(Dimension::Privacy, LABEL_PRIVACY),
    }
}

/// Where a part of an effect comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// The row of the verb table.
    Base,
    /// How new the act is for this agent.
    Novelty,
    /// A label that the process carries and the target is not cleared for.
    Label(&'a str),
    /// What the caller, or the author of a tool, said.
    Declared,
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Base => f.write_str("base"),
            Source::Novelty => f.write_str("novelty"),
            Source::Label(label) => write!(f, "label {label}"),
            Source::Declared => f.write_str("declared"),
        }
    }
}

/// One part of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution<'a> {
    /// Where it comes from.
    pub source: Source<'a>,
    /// What it joins.
    pub effect: Effect,
}

impl Serialize for Contribution<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Contribution", 2)?;
        fields.serialize_field("source", &self.source.to_string())?;
        fields.serialize_field("effect", &self.effect)?;
        fields.end()
    }
}

/// All that an effect was joined from, kept as the inputs so that it costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, serde::Deserialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Contributions {
    /// The verb table's row.
    #[n(0)]
    pub base: Effect,
    /// The novelty, 0..=1,000.
    #[n(1)]
    pub novelty: u16,
    /// The labels that were not cleared, where labels weigh on the act; none where they do not.
    #[n(2)]
    #[cbor(skip_if = "Labels::is_empty")]
    pub labels: Labels,
    /// What was declared.
    #[n(3)]
    pub declared: Option<Effect>,
}

impl Contributions {
    /// The parts, those that are zero left out.
    pub fn iter(&self) -> impl Iterator<Item = Contribution<'_>> {
        let base = Contribution { source: Source::Base, effect: self.base };
        let novelty = Contribution { source: Source::Novelty, effect: Effect::only(Dimension::Novelty, self.novelty) };
        let labels =
            self.labels.iter().map(|label| Contribution { source: Source::Label(label), effect: label_effect(label) });
        let declared = self.declared.map(|effect| Contribution { source: Source::Declared, effect });
        [base, novelty].into_iter().chain(labels).chain(declared).filter(|part| part.effect != Effect::ZERO)
    }

    /// The join of all parts.
    pub fn effect(&self) -> Effect {
        self.iter().fold(Effect::ZERO, |sum, part| sum.join(part.effect))
    }

    /// The first part that sets `dimension` to the value that it has in the whole; none where that is zero.
    pub fn sets(&self, dimension: Dimension) -> Option<Source<'_>> {
        let value = self.effect().get(dimension);
        self.iter().find(|part| value > 0 && part.effect.get(dimension) == value).map(|part| part.source)
    }
}

/// An effect and what it was joined from.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Derived {
    /// The join of all contributions.
    pub effect: Effect,
    /// Where it comes from.
    pub contributions: Contributions,
}

/// Derives the effect of an act.
///
/// `base` is the verb table's row, `novelty` what [`novelty`] gave, `weighs` whether that row says that labels weigh. `clearance` is what the target may receive. `declared` is the join of all that
/// others said about the act. Allocates only where some labels are cleared and some are not.
pub fn derive(
    base: Effect,
    novelty: u16,
    weighs: bool,
    labels: &Labels,
    clearance: &Labels,
    declared: Option<Effect>,
) -> Derived {
    let labels = match weighs {
        true if clearance.is_empty() => labels.clone(),
        true => labels.minus(clearance),
        false => Labels::NONE,
    };
    let contributions = Contributions { base, novelty, labels, declared };
    Derived { effect: contributions.effect(), contributions }
}
