//! What one check may cost, and arguments as they are read for it.
//!
//! A check happens where nothing else can: schema and arguments are other people's, and each alone says little about
//! what both together take. So steps are counted, of reading and of comparing alike, and a check that would take more
//! than [`STEPS`] is a refusal, the same one on every host.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// The most steps of one check. To compare two values takes one.
const STEPS: usize = 1 << 18;

/// What it takes to read a value, and to go to where it stands.
pub(super) const VALUE: usize = 4;

/// How much text is read or compared in one step, bytes.
const TEXT: usize = 32;

/// The steps that are left.
#[derive(Debug)]
pub(super) struct Work {
    left: usize,
}

impl Work {
    pub(super) fn new() -> Work {
        Work { left: STEPS }
    }

    /// Takes so many steps.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), String> {
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(format!("to hold them against it takes more than {STEPS} steps")),
        }
    }

    /// Looks at a text.
    pub(super) fn text(&mut self, text: &str) -> Result<(), String> {
        self.spend(text.len() / TEXT)
    }
}

/// Reads `payload`. A key that stands twice in one object is an error: whoever is handed it may take either.
pub(super) fn arguments(payload: &[u8], work: &mut Work) -> Result<Value, String> {
    let mut from = serde_json::Deserializer::from_slice(payload);
    let read = Counted(work).deserialize(&mut from).and_then(|value| from.end().map(|()| value));
    read.map_err(|e| if e.is_data() { e.to_string() } else { format!("they are not JSON: {e}") })
}

/// One value, with what it takes to read it.
struct Counted<'a>(&'a mut Work);

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        self.0.spend(VALUE).map_err(D::Error::custom)?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counted<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.0.text(text).map_err(E::custom)?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Counted(self.0))? {
            all.push(item);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            self.0.spend(VALUE).and_then(|()| self.0.text(&key)).map_err(A::Error::custom)?;
            if all.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key `{}` stands there twice", super::quoted(&key))));
            }
            let value = fields.next_value_seed(Counted(self.0))?;
            all.insert(key, value);
        }
        Ok(all.into())
    }
}
