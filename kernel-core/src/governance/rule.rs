//! Rules: what a charter says, as data. A rule can only make a verdict stricter.

use super::effect::{Dimension, Effect};
use super::facts::Facts;
use super::verdict::Decision;
use crate::path::{Name, Pattern, Verb, text_codec};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What a rule makes of an act that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The act is marked.
    Warn,
    /// An operator is asked.
    Escalate,
    /// The act is refused.
    Deny,
}

impl Then {
    /// The decision it comes to when nothing stricter is said.
    pub fn decision(self) -> Decision {
        match self {
            Then::Warn => Decision::Warn,
            Then::Escalate => Decision::Escalate,
            Then::Deny => Decision::Deny,
        }
    }
}

/// One rule: for acts like these, that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is called; unique in its charter.
    pub id: Name,
    /// What it says, in a sentence for those whom it stops. 1 to 500 bytes.
    pub text: String,
    /// Which acts it speaks about.
    #[serde(default)]
    pub when: When,
    /// What becomes of them.
    pub then: Then,
}

/// Which acts a rule speaks about: those for which every condition holds. A condition that is left out holds for
/// all, so leaving one out makes the rule stricter.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// The verb is one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verbs: Vec<Verb>,
    /// The resource is in one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Pattern>,
    /// The agent's name in the catalog is one of these; its processes cannot get out by other names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<NameMatch>,
    /// The process belongs to one of these applications.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<Name>,
    /// One of these labels is carried, whatever the target is cleared for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Each of these dimensions has at least this value, 0..=10,000.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub effect: BTreeMap<Dimension, u16>,
    /// The score is at least this, 0..=22,360.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<u16>,
    /// Each of these fields of the body, which its schema must mark for audit, passes its test.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, Test>,
}

/// A test of one field of a body. A field that was not given passes none of them but `given = false`; one that was
/// not kept, or is of a type that the test does not know, makes the rule undecidable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Whether the body gives it at all. What a spawn leaves out the manifest gives.
    Given(bool),
    /// It is this.
    Equals(Value),
    /// It is one of these.
    OneOf(Vec<Value>),
    /// It is a number, and this or more.
    AtLeast(i64),
    /// It is a number, and this or less.
    AtMost(i64),
    /// It is a text that begins so.
    StartsWith(String),
    /// It is a list that has this in it.
    Contains(Value),
}

/// Names: one (`scanner`), all that begin so (`scan-*`), or all (`*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameMatch {
    text: String,
    prefix: bool,
}

/// What a condition comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome<'a> {
    No,
    Yes,
    /// It cannot be told, because of this field.
    Unknown(&'a str),
}

impl When {
    /// Every condition but verb and resource, which the charter's index has matched already. One condition that fails
    /// decides, even beside one that cannot be evaluated. Allocates nothing.
    pub(super) fn holds(&self, facts: &Facts, score: u16) -> Outcome<'_> {
        let fits = (self.agents.is_empty() || self.agents.iter().any(|agent| agent.matches(&facts.agent)))
            && (self.apps.is_empty() || facts.app.as_ref().is_some_and(|app| self.apps.contains(app)))
            && (self.labels.is_empty() || self.labels.iter().any(|label| facts.labels.contains(label)))
            && self.effect.iter().all(|(&dimension, &least)| facts.effect.get(dimension) >= least)
            && self.score.is_none_or(|least| score >= least);
        if !fits {
            return Outcome::No;
        }
        let mut outcome = Outcome::Yes;
        for (field, test) in &self.arguments {
            match facts.audit.get(field).and_then(|value| test.passes(value)) {
                Some(true) => {}
                Some(false) => return Outcome::No,
                None => outcome = Outcome::Unknown(field),
            }
        }
        outcome
    }

    /// Every mistake in the conditions.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for pattern in self.resources.iter().filter(|pattern| pattern.is_self()) {
            problems.push(format!("`{pattern}` names nobody in a rule; write /proc/* for every process"));
        }
        for label in self.labels.iter().filter(|label| !crate::label::is_label(label)) {
            problems.push(format!("`{label}` is not a label"));
        }
        for (dimension, &least) in &self.effect {
            if least > Effect::FULL {
                problems.push(format!("{dimension} is at most 10000, so it never reaches {least}"));
            }
        }
        if let Some(least) = self.score.filter(|&least| least > Effect::MAX_SCORE) {
            problems.push(format!("a score is at most 22360, so it never reaches {least}"));
        }
        for (field, test) in &self.arguments {
            match test {
                Test::Equals(Value::Null) | Test::Contains(Value::Null) => {
                    problems.push(format!("`{field}` is never null; test an absent field with given = false"));
                }
                Test::OneOf(values) if values.is_empty() || values.contains(&Value::Null) => {
                    problems.push(format!("`{field}` needs values to be one of, and none of them null"));
                }
                _ => {}
            }
        }
        problems
    }
}

impl Test {
    /// Whether `value` passes; `None` where the test does not know such a value.
    fn passes(&self, value: &Value) -> Option<bool> {
        if let Test::Given(given) = self {
            return Some(*given != value.is_null());
        }
        if value.is_null() {
            return Some(false);
        }
        match self {
            Test::Given(_) => None,
            Test::Equals(wanted) => Some(same(value, wanted)),
            Test::OneOf(wanted) => Some(wanted.iter().any(|wanted| same(value, wanted))),
            Test::AtLeast(least) => value.as_number().and_then(|n| compare(n, *least)).map(Ordering::is_ge),
            Test::AtMost(most) => value.as_number().and_then(|n| compare(n, *most)).map(Ordering::is_le),
            Test::StartsWith(beginning) => value.as_str().map(|text| text.starts_with(beginning)),
            Test::Contains(wanted) => value.as_array().map(|items| items.iter().any(|item| same(item, wanted))),
        }
    }
}

/// Equality in which 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || b.as_i64().or_else(|| whole(b)).is_some_and(|b| compare(a, b) == Some(Ordering::Equal))
        }
        _ => a == b,
    }
}

/// The integer that a float is exactly, where there is one.
fn whole(n: &Number) -> Option<i64> {
    let x = n.as_f64()?;
    // Below 2^53 every whole float is its integer, without rounding.
    (x.fract() == 0.0 && x.abs() < 9_007_199_254_740_992.0).then_some(x as i64)
}

/// Compares exactly: no integer is rounded to a float.
fn compare(n: &Number, bound: i64) -> Option<Ordering> {
    if let Some(n) = n.as_i64() {
        return Some(n.cmp(&bound));
    }
    if n.is_u64() {
        return Some(Ordering::Greater);
    }
    let x = n.as_f64()?;
    if x >= 9_223_372_036_854_775_808.0 {
        Some(Ordering::Greater)
    } else if x < -9_223_372_036_854_775_808.0 {
        Some(Ordering::Less)
    } else {
        // Within i64, so the whole part converts exactly; the fraction breaks a tie.
        let fraction = x - x.floor();
        Some((x.floor() as i64).cmp(&bound).then(if fraction > 0.0 { Ordering::Greater } else { Ordering::Equal }))
    }
}

impl NameMatch {
    /// `name`, `beginning*` or `*`.
    pub fn parse(text: &str) -> Result<NameMatch, String> {
        let (stem, prefix) = match text.strip_suffix('*') {
            Some(stem) => (stem, true),
            None => (text, false),
        };
        // A beginning is valid exactly if it can be continued to a name.
        let probe = if prefix { format!("{stem}x") } else { stem.to_owned() };
        match Name::parse(&probe) {
            Ok(_) => Ok(NameMatch { text: stem.to_owned(), prefix }),
            Err(e) => Err(format!("`{text}` is neither a name nor the beginning of one and `*`: {e}")),
        }
    }

    /// The name, if it is only one.
    pub(super) fn literal(&self) -> Option<&str> {
        (!self.prefix).then_some(&self.text)
    }

    /// Whether `name` is one of them.
    pub fn matches(&self, name: &Name) -> bool {
        match self.prefix {
            true => name.as_str().starts_with(&self.text),
            false => name.as_str() == self.text,
        }
    }
}

impl fmt::Display for NameMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.prefix { "*" } else { "" })
    }
}

impl FromStr for NameMatch {
    type Err = String;

    fn from_str(text: &str) -> Result<NameMatch, String> {
        NameMatch::parse(text)
    }
}

text_codec!(NameMatch);
