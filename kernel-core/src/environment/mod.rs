//! Environments: how much effect passes without being asked, and what happens above that.
//!
//! An environment never widens authority: what lacks a grant is denied in every one of them. It says only how
//! high a score may be, whether a higher one is put to an operator or refused, and whether acts wait for the log.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// The share of the threshold, in percent, from which a permitted act is marked as a warning.
pub const WARN_PERCENT: u32 = 60;

/// The highest score that any effect has, and so the highest threshold that means anything.
pub const MAX_THRESHOLD: u16 = 22_360;

/// What becomes of an act whose score is above the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Over {
    /// An operator is asked; no answer is a refusal.
    #[n(0)]
    Escalate,
    /// It is refused.
    #[n(1)]
    Deny,
}

/// Where an application runs. Immutable; share it in an `Arc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Environment {
    name: Arc<str>,
    threshold: u16,
    over: Over,
    output_commit: bool,
}

/// The fields before they are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    threshold: u16,
    over: Over,
    output_commit: bool,
}

impl Environment {
    /// For building: threshold 9,000, above it refused; outward acts do not wait for the log.
    pub fn dev() -> Environment {
        Environment { name: "dev".into(), threshold: 9_000, over: Over::Deny, output_commit: false }
    }

    /// For rehearsal: threshold 6,000, above it escalated; nothing leaves before its record is durable.
    pub fn staging() -> Environment {
        Environment { name: "staging".into(), threshold: 6_000, over: Over::Escalate, output_commit: true }
    }

    /// For real: threshold 3,000, above it escalated; nothing leaves before its record is durable.
    pub fn prod() -> Environment {
        Environment { name: "prod".into(), threshold: 3_000, over: Over::Escalate, output_commit: true }
    }

    /// The three that always exist, in the order dev, staging, prod.
    pub fn standard() -> [Environment; 3] {
        [Environment::dev(), Environment::staging(), Environment::prod()]
    }

    /// The standard environment of that name.
    pub fn named(name: &str) -> Option<Environment> {
        Environment::standard().into_iter().find(|environment| &*environment.name == name)
    }

    /// An environment of one's own. `name` is 1 to 64 of `a-z 0-9 -`, starting with a letter, and not one of the
    /// standard three; `threshold` is a score, 0..=22,360, where 22,360 lets every effect pass that is granted.
    pub fn custom(
        name: &str,
        threshold: u16,
        over: Over,
        output_commit: bool,
    ) -> Result<Environment, EnvironmentError> {
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=64).contains(&name.len())
            || !name.starts_with(|c: char| c.is_ascii_lowercase())
            || !name.bytes().all(letters)
        {
            return Err(EnvironmentError::Name(name.to_owned()));
        }
        if Environment::named(name).is_some() {
            return Err(EnvironmentError::Standard(name.to_owned()));
        }
        if threshold > MAX_THRESHOLD {
            return Err(EnvironmentError::Threshold(threshold));
        }
        Ok(Environment { name: name.into(), threshold, over, output_commit })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The highest score that passes, 0..=22,360.
    pub fn threshold(&self) -> u16 {
        self.threshold
    }

    /// What happens above it.
    pub fn over(&self) -> Over {
        self.over
    }

    /// Whether nothing may leave the kernel before the flush that holds its record.
    pub fn output_commit(&self) -> bool {
        self.output_commit
    }

    /// The lowest score that is marked as a warning: 60 % of the threshold, rounded up.
    pub fn warn_at(&self) -> u16 {
        // At most 60 % of a u16, so the conversion cannot fail; 0 would warn about everything.
        u16::try_from((u32::from(self.threshold) * WARN_PERCENT).div_ceil(100)).unwrap_or(0)
    }
}

impl TryFrom<Raw> for Environment {
    type Error = EnvironmentError;

    /// One of the standard three exactly as it is, or a valid custom one.
    fn try_from(raw: Raw) -> Result<Environment, EnvironmentError> {
        match Environment::named(&raw.name) {
            Some(standard)
                if standard.threshold == raw.threshold
                    && standard.over == raw.over
                    && standard.output_commit == raw.output_commit =>
            {
                Ok(standard)
            }
            _ => Environment::custom(&raw.name, raw.threshold, raw.over, raw.output_commit),
        }
    }
}

/// An array: name, threshold, over, output commit. Records keep what an environment was when it was used, so a
/// standard name with other values decodes; only configuration may not redefine one.
impl<C> minicbor::Encode<C> for Environment {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(4)?.str(&self.name)?.u16(self.threshold)?.encode_with(self.over, ctx)?.bool(self.output_commit)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Environment {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Environment, minicbor::decode::Error> {
        let at = d.position();
        if d.array()? != Some(4) {
            return Err(minicbor::decode::Error::message("an environment is an array of 4").at(at));
        }
        Ok(Environment {
            name: d.str()?.into(),
            threshold: d.u16()?,
            over: d.decode_with(ctx)?,
            output_commit: d.bool()?,
        })
    }
}

/// Why something is not an environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// The name is empty, too long or uses other characters.
    #[error("`{0}` is not a name for an environment: use 1 to 64 of a-z, 0-9 and -, starting with a letter")]
    Name(String),
    /// The name belongs to a standard environment, which cannot be redefined.
    #[error("`{0}` is a standard environment and cannot be redefined; choose another name")]
    Standard(String),
    /// The threshold is higher than any score.
    #[error("the threshold {0} is higher than any score; the highest is 22360")]
    Threshold(u16),
}
