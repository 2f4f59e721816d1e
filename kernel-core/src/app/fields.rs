//! Reads typed values out of a parsed table, with the place and the key of everything that is wrong.
//!
//! A reader never stops at a problem: it notes it, answers nothing, and goes on to the next key. No
//! key goes unread: what a table may hold is listed when it is opened, and anything else is a problem.

use super::problem::{Problems, closest, quoted, suggestion, told};
use super::units::{parse_duration, parse_size};
use crate::capability::Right;
use crate::label::Labels;
use crate::path::{Name, PathError, Verb};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The most entries of one list or one kind of section.
pub(super) const MAX_LIST: usize = 256;

/// A value and the byte of the manifest at which it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Offset in bytes; [`super::Source::position`] makes a line and a column of it.
    pub at: usize,
}

impl<T> Deref for Placed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Placed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, f)
    }
}

/// One table of the manifest.
pub(super) struct Fields<'t> {
    table: &'t DeTable<'t>,
    /// How its keys begin in messages: "agent.walker"; empty for the whole file.
    pub(super) key: String,
    /// Where it stands.
    pub(super) at: usize,
}

/// One value of the manifest.
pub(super) struct Field<'t> {
    value: &'t DeValue<'t>,
    /// Its key in messages: "agent.walker.use".
    pub(super) key: String,
    /// Where it stands.
    pub(super) at: usize,
}

impl<'t> Fields<'t> {
    /// The whole document.
    pub(super) fn document(document: &'t Spanned<DeTable<'t>>, known: &[&str], problems: &mut Problems) -> Fields<'t> {
        Fields::open(document.get_ref(), String::new(), 0, known, problems)
    }

    fn open(table: &'t DeTable<'t>, key: String, at: usize, known: &[&str], problems: &mut Problems) -> Fields<'t> {
        let fields = Fields { table, key, at };
        for (name, _) in table {
            let (at, name) = (name.span().start, name.get_ref());
            if !known.contains(&&**name) {
                problems.push(at, &fields.key, || {
                    (format!("unknown key {}", quoted(name)), suggestion(name, known.iter().copied()))
                });
            }
        }
        fields
    }

    /// The key of `name` in messages.
    pub(super) fn key_of(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }

    /// The value of `name`, if it is there.
    pub(super) fn find(&self, name: &str) -> Option<Field<'t>> {
        let value = self.table.get(name)?;
        Some(Field { value: value.get_ref(), key: self.key_of(name), at: value.span().start })
    }

    /// The value of `name`, or a problem that shows an example of it.
    pub(super) fn need(&self, name: &str, example: &str, problems: &mut Problems) -> Option<Field<'t>> {
        let found = self.find(name);
        if found.is_none() {
            problems.add_with_help(
                self.at,
                &self.key_of(name),
                "is missing",
                format!("for example: {name} = {example}"),
            );
        }
        found
    }

    /// The entries of the section `[[name]]`, each called by its own name where it has one.
    pub(super) fn entries(&self, name: &str, known: &[&str], problems: &mut Problems) -> Vec<Fields<'t>> {
        let Some(section) = self.find(name) else { return Vec::new() };
        let items: Vec<Field<'t>> = match section.value {
            DeValue::Array(_) => section.items(problems),
            DeValue::Table(_) => {
                let (message, help) =
                    (format!("is a list: each entry begins with `[[{name}]]`"), "double the brackets");
                problems.add_with_help(section.at, &section.key, message, help);
                vec![section]
            }
            _ => {
                section.wrong(&format!("a list of tables, each begun with `[[{name}]]`"), problems);
                Vec::new()
            }
        };
        let called = |item: &Field<'t>| match item.value {
            DeValue::Table(table) => {
                let given = table.get("name").or_else(|| table.get("id")).and_then(|value| value.get_ref().as_str());
                given.and_then(|given| Name::parse(given).ok()).map(|given| format!("{name}.{given}"))
            }
            _ => None,
        };
        let named = items.into_iter().map(|item| Field { key: called(&item).unwrap_or(item.key.clone()), ..item });
        named.filter_map(|item| item.table(known, problems)).collect()
    }
}

impl<'t> Field<'t> {
    /// Notes that the value is not `wanted`.
    pub(super) fn wrong(&self, wanted: &str, problems: &mut Problems) {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        problems.add(self.at, &self.key, format!("must be {wanted}, and is {found}"));
    }

    /// A place for a value made from this one.
    pub(super) fn placed<T>(&self, value: T) -> Placed<T> {
        Placed { value, at: self.at }
    }

    /// A table with the known keys.
    pub(super) fn table(self, known: &[&str], problems: &mut Problems) -> Option<Fields<'t>> {
        match self.value {
            DeValue::Table(table) => Some(Fields::open(table, self.key, self.at, known, problems)),
            _ => {
                self.wrong("a table", problems);
                None
            }
        }
    }

    /// A table whose keys are names, at most [`MAX_LIST`] of them: each with its value.
    pub(super) fn named(&self, problems: &mut Problems) -> Vec<(Name, Field<'t>)> {
        let DeValue::Table(table) = self.value else {
            self.wrong("a table", problems);
            return Vec::new();
        };
        if table.len() > MAX_LIST {
            problems.add(self.at, &self.key, format!("has {} entries; the limit is {MAX_LIST}", table.len()));
        }
        let mut found = Vec::new();
        for (name, value) in table.iter().take(MAX_LIST) {
            match Name::parse(name.get_ref()) {
                Ok(name) => {
                    let key = format!("{}.{name}", self.key);
                    found.push((name, Field { value: value.get_ref(), key, at: value.span().start }));
                }
                Err(error) => problems.push(name.span().start, &self.key, || (told(error), None)),
            }
        }
        found
    }

    /// A list of at most [`MAX_LIST`] values.
    pub(super) fn items(&self, problems: &mut Problems) -> Vec<Field<'t>> {
        let DeValue::Array(array) = self.value else {
            self.wrong("a list", problems);
            return Vec::new();
        };
        if array.len() > MAX_LIST {
            problems.add(self.at, &self.key, format!("has {} entries; the limit is {MAX_LIST}", array.len()));
        }
        let items = array.iter().take(MAX_LIST).enumerate();
        items
            .map(|(i, item)| Field {
                value: item.get_ref(),
                key: format!("{}[{}]", self.key, i + 1),
                at: item.span().start,
            })
            .collect()
    }

    /// A string.
    pub(super) fn text(&self, problems: &mut Problems) -> Option<&'t str> {
        if let DeValue::String(text) = self.value {
            return Some(text);
        }
        self.wrong("a string", problems);
        None
    }

    /// A string that `parse` understands.
    pub(super) fn parsed<T, E: fmt::Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
        problems: &mut Problems,
    ) -> Option<Placed<T>> {
        match parse(self.text(problems)?) {
            Ok(value) => Some(self.placed(value)),
            Err(error) => {
                problems.push(self.at, &self.key, || (told(error), None));
                None
            }
        }
    }

    /// A name.
    pub(super) fn name(&self, problems: &mut Problems) -> Option<Placed<Name>> {
        self.parsed(Name::parse, problems)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, words: &[(&str, T)], problems: &mut Problems) -> Option<Placed<T>> {
        let text = self.text(problems)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            problems.push(self.at, &self.key, || {
                let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                (format!("{} is none of: {}", quoted(text), known.join(", ")), suggestion(text, known))
            });
        }
        found.map(|(_, value)| self.placed(*value))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, problems: &mut Problems) -> Option<bool> {
        let value = self.value.as_bool();
        if value.is_none() {
            self.wrong("true or false", problems);
        }
        value
    }

    /// A whole number, zero or more.
    pub(super) fn count(&self, problems: &mut Problems) -> Option<u64> {
        let number = match self.value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            match self.value {
                DeValue::Integer(_) => problems.add(self.at, &self.key, "must be zero or more, and less than 2^64"),
                _ => self.wrong("a whole number", problems),
            }
        }
        number
    }

    /// A duration ("30s").
    pub(super) fn duration(&self, problems: &mut Problems) -> Option<Duration> {
        self.parsed(parse_duration, problems).map(|placed| placed.value)
    }

    /// A size in bytes ("64MiB").
    pub(super) fn size(&self, problems: &mut Problems) -> Option<u64> {
        self.parsed(parse_size, problems).map(|placed| placed.value)
    }

    /// A list of labels.
    pub(super) fn labels(&self, problems: &mut Problems) -> Labels {
        let items = self.items(problems);
        let texts: Vec<&str> = items.iter().filter_map(|item| item.text(problems)).collect();
        Labels::parse(&texts).unwrap_or_else(|bad| {
            let form = "a label is 1 to 64 of a-z 0-9 - _ . and starts with a letter; a list has at most 64";
            problems.add_with_help(self.at, &self.key, format!("{} is not a label", quoted(&bad)), form);
            Labels::NONE
        })
    }

    /// A list of rights.
    pub(super) fn rights(&self, problems: &mut Problems) -> Vec<Placed<Right>> {
        let mut rights = Vec::new();
        for item in self.items(problems) {
            let item = Field { key: self.key.clone(), ..item };
            let Some(text) = item.text(problems) else { continue };
            match Right::parse(text) {
                Ok(right) => rights.push(item.placed(right)),
                Err(error) => problems.push(item.at, &item.key, || {
                    let help = match &error {
                        PathError::Verb(word) => closest(word, Verb::ALL.iter().map(|verb| verb.as_str())),
                        _ => None,
                    };
                    (told(error), help.map(|verb| format!("did you mean `{verb}`?")))
                }),
            }
        }
        rights
    }

    /// A list of names.
    pub(super) fn names(&self, problems: &mut Problems) -> Vec<Placed<Name>> {
        let mut names = Vec::new();
        for item in self.items(problems) {
            names.extend(Field { key: self.key.clone(), ..item }.name(problems));
        }
        names
    }

    /// Any value as JSON; dates become strings, and keys are in order on every host.
    pub(super) fn json(&self, problems: &mut Problems) -> Option<Value> {
        Some(match self.value {
            DeValue::String(text) => Value::from(&**text),
            DeValue::Boolean(value) => Value::from(*value),
            DeValue::Datetime(value) => Value::from(value.to_string()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::from(number),
                Err(_) => {
                    problems.add(self.at, &self.key, "must be between -2^63 and 2^63 - 1");
                    return None;
                }
            },
            DeValue::Float(number) => {
                let finite = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
                let Some(number) = finite else {
                    problems.add(self.at, &self.key, "must be a finite number: JSON has no other");
                    return None;
                };
                Value::Number(number)
            }
            DeValue::Array(array) => {
                let items = array.iter().map(|item| self.inside(item).json(problems));
                Value::Array(items.collect::<Option<_>>()?)
            }
            DeValue::Table(table) => {
                let mut sorted = BTreeMap::new();
                for (key, value) in table {
                    sorted.insert(&**key.get_ref(), self.inside(value).json(problems)?);
                }
                Value::Object(sorted.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }
        })
    }

    fn inside(&self, value: &'t Spanned<DeValue<'t>>) -> Field<'t> {
        Field { value: value.get_ref(), key: self.key.clone(), at: value.span().start }
    }
}
