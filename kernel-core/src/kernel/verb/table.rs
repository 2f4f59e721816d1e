//! The verb table: everything that can be asked of the kernel, in one place.
//!
//! The parser, the gate, the documentation (`VERBS.md`) and the tests all read these rows. What has no row cannot be
//! asked. A row or field that says `missing` belongs to the design and is refused as unsupported, by name, until a
//! version brings it. The table is data; what a verb does is in the file named after it.

mod body;
mod render;
mod rows;

#[cfg(test)]
mod tests;

pub use body::{BodyError, unkept_arguments};
pub use render::render;
pub use rows::{INFER_LOCAL, ROWS};

use crate::governance::Effect;
use crate::path::{Kind, Verb};

/// One verb on one or more kinds of resource.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What is done.
    pub verb: Verb,
    /// To what; a verb may have several rows, of different kinds.
    pub kinds: &'static [Kind],
    /// How it is recorded.
    pub class: Class,
    /// Whether labels that the target is not cleared for weigh on its effect. They do where the act changes something
    /// and what it carries is not kept with its labels; where they are kept, or come along, there is nothing to weigh.
    pub weighs: bool,
    /// The effect before novelty, labels and what is declared.
    pub base: Effect,
    /// Whether the caller may wait for another process or a peer; if so, `deadline_ms` says for how long.
    pub blocking: bool,
    /// What the JSON line of the body may hold.
    pub fields: &'static [Field],
    /// Whether raw bytes may follow the JSON line.
    pub payload: bool,
    /// What comes back.
    pub reply: &'static str,
    /// What it does, for `VERBS.md`.
    pub doc: &'static str,
    /// What has to come first, where this version cannot do it.
    pub missing: Option<&'static str>,
}

/// How acts are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It changes something beyond messages: an intent before, an outcome after.
    Outward,
    /// It learns something: one event.
    Observing,
    /// It stays between processes: one event when the route opens, then counts.
    Inner,
}

/// One field of a body.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What its value is.
    pub ty: Type,
    /// Whether its value is kept with the facts, so that rules can speak about it.
    pub audit: bool,
    /// What it means, with unit, range and default.
    pub doc: &'static str,
}

/// What the value of a field is. Null is the same as leaving the field out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A whole number from 0 to this.
    Int(u64),
    /// Text of at most so many bytes.
    Text(usize),
    /// A list of at most so many texts, each of at most 4,200 bytes.
    Texts(usize),
    /// Any JSON value.
    Json,
}

/// Why there is nothing to do for a verb on a kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRow {
    /// The design has no such act. An `invalid` request.
    #[error("`{0}` is not something that can be done to a /{1} resource; VERBS.md lists what is")]
    DoesNotApply(Verb, Kind),
    /// The design has it and this version does not. `unsupported`.
    #[error("`{0}` on a /{1} resource is not supported in this version: it has no {2} yet")]
    Missing(Verb, Kind, &'static str),
}

/// The row of `verb` on resources of `kind`, also where it says `missing`. Two array look-ups.
pub fn row(verb: Verb, kind: Kind) -> Option<&'static Row> {
    let position = *INDEX.get(verb as usize)?.get(kind as usize)?;
    ROWS.get(usize::from(position))
}

/// The row of what this version can do, or why it cannot.
pub fn lookup(verb: Verb, kind: Kind) -> Result<&'static Row, NoRow> {
    match row(verb, kind) {
        Some(Row { missing: Some(what), .. }) => Err(NoRow::Missing(verb, kind, what)),
        Some(row) => Ok(row),
        // What is on another node may be anything that is here.
        None if kind == Kind::Node => Err(NoRow::Missing(verb, kind, "clusters")),
        None => Err(NoRow::DoesNotApply(verb, kind)),
    }
}

impl Class {
    /// The word as written in the documentation and in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Outward => "outward",
            Class::Observing => "observing",
            Class::Inner => "inner",
        }
    }
}

impl Row {
    /// The names of the fields that are kept with the facts.
    pub fn audited(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().filter(|field| field.audit).map(|field| field.name)
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// Where no row is.
const NONE: u8 = u8::MAX;

/// By verb and kind, the position of the row. Made by the compiler, which also finds a pair that has two rows.
static INDEX: [[u8; Kind::ALL.len()]; Verb::ALL.len()] = {
    assert!(ROWS.len() < NONE as usize);
    let mut index = [[NONE; Kind::ALL.len()]; Verb::ALL.len()];
    let mut position = 0;
    while position < ROWS.len() {
        let row = &ROWS[position];
        let mut i = 0;
        while i < row.kinds.len() {
            let cell = &mut index[row.verb as usize][row.kinds[i] as usize];
            assert!(*cell == NONE, "two rows for one verb and kind");
            *cell = position as u8;
            i += 1;
        }
        position += 1;
    }
    index
};
