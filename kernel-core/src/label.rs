//! Labels: what rides on data so that a secret is known to be one wherever it goes.
//!
//! A [`Labels`] is a small sorted set that clones for the price of a counter. Labels only ever join;
//! taking one away is the act `declassify` or `endorse`, which is done by building a new set.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The most labels that one set may hold.
pub const MAX_LABELS: usize = 64;

/// A join would hold more than [`MAX_LABELS`]; there is no such set, and whoever joins refuses. Its text does not say
/// how many: who is refused may know of its own labels only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more labels would come together than the {MAX_LABELS} that a set may hold")]
pub struct TooManyLabels(pub usize);

/// A sorted set of label names, without duplicates.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(Option<Arc<[Arc<str>]>>);

/// A label is 1 to 64 of `a-z 0-9 - _ .`, starting with a letter.
pub fn is_label(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
}

impl Labels {
    /// The empty set.
    pub const NONE: Labels = Labels(None);

    /// The set of `names`, or the first of them that is not a label.
    pub fn parse<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Labels, String> {
        let mut all: Vec<Arc<str>> = Vec::new();
        for name in names {
            let name = name.as_ref();
            if !is_label(name) {
                return Err(name.to_owned());
            }
            all.push(name.into());
        }
        if all.len() > MAX_LABELS {
            return Err(format!("more than {MAX_LABELS} labels"));
        }
        Ok(Labels::from_sorted(all))
    }

    fn from_sorted(mut all: Vec<Arc<str>>) -> Labels {
        all.sort_unstable();
        all.dedup();
        if all.is_empty() { Labels(None) } else { Labels(Some(all.into())) }
    }

    /// Whether nothing is labelled.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The labels in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|all| all.iter().map(|l| &**l))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |all| all.len())
    }

    /// Whether `name` is among them.
    pub fn contains(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|all| all.binary_search_by(|l| (**l).cmp(name)).is_ok())
    }

    /// Everything in either: the least set that holds both.
    ///
    /// # Errors
    /// [`TooManyLabels`], where no set can hold both: nothing may be let go of to make it fit.
    pub fn join(&self, other: &Labels) -> Result<Labels, TooManyLabels> {
        match (&self.0, &other.0) {
            (None, _) => Ok(other.clone()),
            (_, None) => Ok(self.clone()),
            (Some(a), Some(b)) if Arc::ptr_eq(a, b) || other.is_subset(self) => Ok(self.clone()),
            (Some(a), Some(b)) => {
                let both = Labels::from_sorted(a.iter().chain(b.iter()).cloned().collect());
                if both.len() > MAX_LABELS { Err(TooManyLabels(both.len())) } else { Ok(both) }
            }
        }
    }

    /// What is here and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Labels) -> Labels {
        match &self.0 {
            None => Labels::NONE,
            Some(a) => Labels::from_sorted(a.iter().filter(|l| !other.contains(l)).cloned().collect()),
        }
    }

    /// Whether every label here is in `other` too.
    pub fn is_subset(&self, other: &Labels) -> bool {
        self.iter().all(|l| other.contains(l))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, label) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(label)?;
        }
        Ok(())
    }
}

impl Serialize for Labels {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Labels, D::Error> {
        let names = Vec::<String>::deserialize(d)?;
        Labels::parse(names).map_err(|bad| serde::de::Error::custom(format!("`{bad}` is not a label")))
    }
}

/// An array of text in ascending order.
impl<C> minicbor::Encode<C> for Labels {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(self.len() as u64)?;
        for label in self.iter() {
            e.str(label)?;
        }
        Ok(())
    }
}

/// Takes only what encoding makes: at most [`MAX_LABELS`] labels, ascending, none twice.
impl<'b, C> minicbor::Decode<'b, C> for Labels {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Labels, minicbor::decode::Error> {
        let at = d.position();
        let no = |why: &str| minicbor::decode::Error::message(why).at(at);
        let count = d.array()?.ok_or_else(|| no("labels have no stated number"))?;
        if count > MAX_LABELS as u64 {
            return Err(no("more labels than a set may hold"));
        }
        let mut all: Vec<Arc<str>> = Vec::new();
        for _ in 0..count {
            let label = d.str()?;
            if !is_label(label) || all.last().is_some_and(|last| **last >= *label) {
                return Err(no("labels are not labels in ascending order"));
            }
            all.push(label.into());
        }
        Ok(if all.is_empty() { Labels::NONE } else { Labels(Some(all.into())) })
    }
}

#[cfg(test)]
mod tests;
