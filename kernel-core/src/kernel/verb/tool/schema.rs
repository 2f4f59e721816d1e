//! What arguments have to be: a part of JSON Schema (draft 2020-12) that a person takes in at a glance.
//!
//! `type`, `properties`, `required`, `additionalProperties`, `items`, `enum`, `const`, `minimum`, `maximum`,
//! `minLength`, `maxLength`, `minItems`, `maxItems`, each as the standard has it, and `true` and `false` for schemas.
//! `title`, `description`, `default`, `examples` and `$schema` say something to people and are not looked at. Any other
//! keyword is an error: a schema that was read in part would let pass what its author meant to keep out.

mod work;

use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use work::{VALUE, Work};

/// The keywords that only speak to people.
const NOTES: [&str; 5] = ["title", "description", "default", "examples", "$schema"];

/// How much of a key or a value an error quotes, in characters.
const QUOTED: usize = 40;

/// What an entry of a map takes beside its value: the first takes a node of the tree at once.
const ENTRY: usize = 640;

/// A schema, ready to be held against arguments. Both nest at most as deep as JSON may here, 128 levels.
#[derive(Clone, Debug, PartialEq)]
pub enum Schema {
    /// `true`: any value fits.
    Any,
    /// `false`: none does.
    Never,
    /// All that is said must hold.
    Rules(Box<Rules>),
}

/// The keywords of one schema; what is left out says nothing.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Rules {
    types: Option<Vec<Type>>,
    properties: BTreeMap<String, Schema>,
    required: Vec<String>,
    additional: Option<Schema>,
    items: Option<Schema>,
    one_of: Option<Vec<Value>>,
    constant: Option<Value>,
    minimum: Option<Number>,
    maximum: Option<Number>,
    length: Range,
    count: Range,
}

/// At least and at most.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
struct Range {
    least: Option<u64>,
    most: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// Where in it what stands that is no schema, or a keyword that is not one of those above.
    pub fn parse(schema: &Value) -> Result<Schema, String> {
        parse(schema, &mut String::new())
    }

    /// Whether the arguments that `payload` spells fit; where it is empty, those are an object without any.
    ///
    /// # Errors
    /// The first thing that does not, by its place: a JSON pointer. Or that they are no JSON, have a key twice, or take
    /// more to be held against this than a check may cost.
    pub fn check(&self, payload: &[u8]) -> Result<(), String> {
        let mut work = Work::new();
        let arguments = match payload.is_empty() {
            true => Value::Object(Map::new()),
            false => work::arguments(payload, &mut work)?,
        };
        check(self, &arguments, &mut String::new(), &mut work)
    }

    /// About how many bytes it takes to keep it.
    pub fn weight(&self) -> usize {
        let Schema::Rules(rules) = self else { return size_of::<Schema>() };
        let texts = |texts: &[String]| texts.iter().map(|text| size_of::<String>() + text.len()).sum::<usize>();
        let properties = rules.properties.iter().map(|(name, schema)| ENTRY + name.len() + schema.weight());
        let within = rules.additional.iter().chain(&rules.items).map(Schema::weight);
        let values = rules.one_of.iter().flatten().chain(&rules.constant).map(value_weight);
        let types = rules.types.as_ref().map_or(0, Vec::len);
        size_of::<Rules>() + texts(&rules.required) + types + properties.chain(within).chain(values).sum::<usize>()
    }
}

fn parse(schema: &Value, at: &mut String) -> Result<Schema, String> {
    let rules = match schema {
        Value::Bool(true) => return Ok(Schema::Any),
        Value::Bool(false) => return Ok(Schema::Never),
        Value::Object(rules) => rules,
        _ => return Err(format!("{} has to be an object, `true` or `false`", place(at))),
    };
    let mut out = Rules::default();
    for (key, value) in rules {
        let wants = |what: &str| format!("`{key}` of {} has to be {what}", place(at));
        match key.as_str() {
            "type" => out.types = Some(types(value).ok_or_else(|| wants("a type of JSON, or a list of them"))?),
            "properties" => {
                let all = value.as_object().ok_or_else(|| wants("an object of schemas"))?;
                for (name, value) in all {
                    let schema = within(at, name, |at| parse(value, at))?;
                    out.properties.insert(name.clone(), schema);
                }
            }
            "required" => out.required = texts(value).ok_or_else(|| wants("a list of names"))?,
            "additionalProperties" => out.additional = Some(within(at, key, |at| parse(value, at))?),
            "items" => out.items = Some(within(at, key, |at| parse(value, at))?),
            "enum" => out.one_of = Some(value.as_array().cloned().ok_or_else(|| wants("a list of values"))?),
            "const" => out.constant = Some(value.clone()),
            "minimum" => out.minimum = Some(value.as_number().cloned().ok_or_else(|| wants("a number"))?),
            "maximum" => out.maximum = Some(value.as_number().cloned().ok_or_else(|| wants("a number"))?),
            "minLength" => out.length.least = Some(value.as_u64().ok_or_else(|| wants("a whole number"))?),
            "maxLength" => out.length.most = Some(value.as_u64().ok_or_else(|| wants("a whole number"))?),
            "minItems" => out.count.least = Some(value.as_u64().ok_or_else(|| wants("a whole number"))?),
            "maxItems" => out.count.most = Some(value.as_u64().ok_or_else(|| wants("a whole number"))?),
            note if NOTES.contains(&note) => {}
            _ => return Err(format!("{} has the keyword `{}`, which is not known here", place(at), quoted(key))),
        }
    }
    Ok(Schema::Rules(Box::new(out)))
}

fn types(value: &Value) -> Option<Vec<Type>> {
    let one = |value: &Value| {
        Some(match value.as_str()? {
            "null" => Type::Null,
            "boolean" => Type::Boolean,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "string" => Type::String,
            "array" => Type::Array,
            "object" => Type::Object,
            _ => return None,
        })
    };
    match value {
        Value::Array(all) => all.iter().map(one).collect(),
        single => Some(vec![one(single)?]),
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// About how many bytes it takes to keep a value.
fn value_weight(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(value_weight).sum(),
            Value::Object(fields) => fields.iter().map(|(key, value)| ENTRY + key.len() + value_weight(value)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

fn check(schema: &Schema, value: &Value, at: &mut String, work: &mut Work) -> Result<(), String> {
    work.spend(VALUE)?;
    let rules = match schema {
        Schema::Any => return Ok(()),
        Schema::Never => return Err(format!("{} may not be given", place(at))),
        Schema::Rules(rules) => rules,
    };
    let wanted = |what: String| Err(format!("{} has to be {what}", place(at)));
    work.spend(rules.types.as_ref().map_or(0, Vec::len))?;
    if let Some(types) = &rules.types
        && !types.iter().any(|one| one.is_of(value))
    {
        let names: Vec<&str> = types.iter().map(|one| one.as_str()).collect();
        return wanted(format!("of type {}", names.join(" or ")));
    }
    if let Some(values) = &rules.one_of
        && !any_same(values, value, work)?
    {
        let all: Vec<String> = values.iter().map(|one| quoted(&one.to_string())).collect();
        return wanted(format!("one of {}", quoted(&all.join(", "))));
    }
    if let Some(constant) = &rules.constant
        && !same(constant, value, work)?
    {
        return wanted(quoted(&constant.to_string()));
    }
    match value {
        Value::Number(number) => {
            let below = |least: &&Number| compare(number, least).is_lt();
            let above = |most: &&Number| compare(number, most).is_gt();
            if let Some(least) = rules.minimum.as_ref().filter(below) {
                return wanted(format!("at least {least}"));
            }
            if let Some(most) = rules.maximum.as_ref().filter(above) {
                return wanted(format!("at most {most}"));
            }
        }
        Value::String(text) => rules.length.check(text.chars().count(), "characters", at)?,
        Value::Array(items) => {
            rules.count.check(items.len(), "items", at)?;
            if let Some(schema) = &rules.items {
                for (index, item) in items.iter().enumerate() {
                    within(at, &index.to_string(), |at| check(schema, item, at, work))?;
                }
            }
        }
        Value::Object(fields) => rules.check_fields(fields, at, work)?,
        Value::Null | Value::Bool(_) => {}
    }
    Ok(())
}

impl Rules {
    fn check_fields(&self, fields: &Map<String, Value>, at: &mut String, work: &mut Work) -> Result<(), String> {
        for name in &self.required {
            work.spend(VALUE)?;
            work.text(name)?;
        }
        if let Some(missing) = self.required.iter().find(|name| !fields.contains_key(*name)) {
            return within(at, missing, |at| Err(format!("{} is missing", place(at))));
        }
        for (name, value) in fields {
            if let Some(schema) = self.properties.get(name).or(self.additional.as_ref()) {
                within(at, name, |at| check(schema, value, at, work))?;
            }
        }
        Ok(())
    }
}

impl Range {
    fn check(self, found: usize, of: &str, at: &str) -> Result<(), String> {
        match (self.least.filter(|least| (found as u64) < *least), self.most.filter(|most| found as u64 > *most)) {
            (Some(least), _) => Err(format!("{} has to have at least {least} {of}", place(at))),
            (_, Some(most)) => Err(format!("{} has to have at most {most} {of}", place(at))),
            (None, None) => Ok(()),
        }
    }
}

impl Type {
    fn as_str(self) -> &'static str {
        match self {
            Type::Null => "null",
            Type::Boolean => "boolean",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::String => "string",
            Type::Array => "array",
            Type::Object => "object",
        }
    }

    fn is_of(self, value: &Value) -> bool {
        match self {
            Type::Null => value.is_null(),
            Type::Boolean => value.is_boolean(),
            // 1.0 is an integer, as the standard has it.
            Type::Integer => match value {
                Value::Number(n) => n.is_i64() || n.is_u64() || n.as_f64().is_some_and(|n| n.fract() == 0.0),
                _ => false,
            },
            Type::Number => value.is_number(),
            Type::String => value.is_string(),
            Type::Array => value.is_array(),
            Type::Object => value.is_object(),
        }
    }
}

/// Whole numbers by their value, all others as the nearest that 64 bits can say.
fn compare(a: &Number, b: &Number) -> std::cmp::Ordering {
    let whole = |n: &Number| n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().unwrap_or(f64::NAN).total_cmp(&b.as_f64().unwrap_or(f64::NAN)),
    }
}

/// Equal as JSON Schema has it: numbers by their value, objects whatever the order.
fn same(a: &Value, b: &Value, work: &mut Work) -> Result<bool, String> {
    work.spend(1)?;
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Ok(compare(a, b).is_eq()),
        (Value::String(a), Value::String(b)) => {
            work.text(a)?;
            Ok(a == b)
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (a, b) in a.iter().zip(b) {
                if !same(a, b, work)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            for (key, a) in a {
                work.text(key)?;
                if !b.get(key).map_or(Ok(false), |b| same(a, b, work))? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Null, Value::Null) => Ok(true),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        _ => Ok(false),
    }
}

fn any_same(values: &[Value], value: &Value, work: &mut Work) -> Result<bool, String> {
    for one in values {
        if same(one, value, work)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Goes one step down and comes back.
fn within<T>(at: &mut String, step: &str, f: impl FnOnce(&mut String) -> T) -> T {
    let length = at.len();
    // A JSON pointer escapes its own two characters. Writing to a text cannot fail.
    let _ = write!(at, "/{}", quoted(&step.replace('~', "~0").replace('/', "~1")));
    let out = f(at);
    at.truncate(length);
    out
}

/// A JSON pointer as an error names it.
fn place(at: &str) -> &str {
    if at.is_empty() { "the whole" } else { at }
}

fn quoted(text: &str) -> String {
    let mut out: String = text.chars().take(QUOTED).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests;
