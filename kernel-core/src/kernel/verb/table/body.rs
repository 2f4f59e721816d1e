//! The JSON line of a body against its row.

use super::{Row, Type};
use crate::governance::Rule;
use crate::path::Kind;
use serde_json::{Map, Value};

/// The most bytes of one text in a list: a right is a verb and a pattern of 4,096.
const MAX_ITEM: usize = 4_200;

/// Why a body does not fit its row. All are `invalid`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// There is no such field.
    #[error("the body has a field `{field}`, which {act} does not know; {help}")]
    Unknown {
        /// The key.
        field: String,
        /// `write /fs`.
        act: String,
        /// What to write instead.
        help: String,
    },
    /// A value is not what the field takes.
    #[error("the field `{field}` of the body takes {wanted}")]
    Type {
        /// The key.
        field: &'static str,
        /// What it takes.
        wanted: String,
    },
}

impl Row {
    /// Whether `body` has only fields of this row, each of its type. None has to be there. Says the first thing that
    /// is wrong; allocates nothing when all is well.
    pub fn check(&self, body: &Map<String, Value>) -> Result<(), BodyError> {
        for (key, value) in body {
            let field = self.field(key).ok_or_else(|| self.unknown(key))?;
            if value.is_null() {
                continue;
            }
            if !field.ty.takes(value) {
                return Err(BodyError::Type { field: field.name, wanted: field.ty.wanted() });
            }
        }
        Ok(())
    }

    /// The act as messages name it: `write /fs`; of several kinds, the first.
    fn act(&self) -> String {
        format!("`{} /{}`", self.verb, self.kinds.first().map_or("", |kind| kind.as_str()))
    }

    fn unknown(&self, key: &str) -> BodyError {
        let near = self.fields.iter().map(|field| (strsim::osa_distance(key, field.name), field.name));
        let help = match near.filter(|&(distance, _)| distance <= 2).min() {
            Some((_, name)) => format!("did you mean `{name}`?"),
            None if self.fields.is_empty() => "it takes none".to_owned(),
            None => format!("it takes {}", self.fields.iter().map(|f| f.name).collect::<Vec<_>>().join(", ")),
        };
        // What a caller sends may be anything; the message quotes only its beginning.
        BodyError::Unknown { field: key.chars().take(40).collect(), act: self.act(), help }
    }
}

impl Type {
    fn takes(self, value: &Value) -> bool {
        match self {
            Type::Bool => value.is_boolean(),
            Type::Int(most) => value.as_u64().is_some_and(|n| n <= most),
            Type::Text(most) => value.as_str().is_some_and(|text| text.len() <= most),
            Type::Texts(most) => value.as_array().is_some_and(|items| {
                items.len() <= most && items.iter().all(|item| item.as_str().is_some_and(|text| text.len() <= MAX_ITEM))
            }),
            Type::Json => true,
        }
    }

    /// What it takes, in words.
    pub fn wanted(self) -> String {
        match self {
            Type::Bool => "true or false".to_owned(),
            Type::Int(u64::MAX) => "a whole number, 0 or more".to_owned(),
            Type::Int(most) => format!("a whole number from 0 to {most}"),
            Type::Text(most) => format!("text of at most {most} bytes"),
            Type::Texts(most) => format!("a list of at most {most} texts"),
            Type::Json => "any JSON value".to_owned(),
        }
    }
}

/// Every argument of `rule` that some act it speaks about does not keep, in words. Such a rule could never be evaluated
/// for those acts and would refuse all of them, so it is refused itself: by a check of its application, and by the
/// `start` that would put it in force.
pub fn unkept_arguments(rule: &Rule) -> Vec<String> {
    let when = &rule.when;
    let speaks = |row: &Row, kind: Kind| {
        row.missing.is_none()
            && (when.verbs.is_empty() || when.verbs.contains(&row.verb))
            && (when.resources.is_empty() || when.resources.iter().any(|pattern| pattern.covers(kind)))
    };
    let mut problems = Vec::new();
    for field in when.arguments.keys() {
        let acts = super::ROWS.iter().flat_map(|row| row.kinds.iter().map(move |&kind| (row, kind)));
        let without = acts.filter(|&(row, kind)| speaks(row, kind) && !row.audited().any(|name| name == field));
        for (row, kind) in without {
            problems.push(format!(
                "rule {} asks for the argument `{field}`, which `{} /{kind}` does not keep; name the verbs and \
                 resources that have it",
                rule.id, row.verb
            ));
        }
    }
    problems
}
