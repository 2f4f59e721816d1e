//! Facts: all that a decision may depend on, in a form that is stored with it and can be decided again.

use super::derive::Contributions;
use super::effect::Effect;
use crate::budget::Level;
use crate::capability::Right;
use crate::environment::Environment;
use crate::id::Pid;
use crate::label::Labels;
use crate::path::{Name, Resource, Verb};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most that one audited field of a body may take, in bytes of text and 8 for each other value. A larger one is
/// not kept, and a rule about it cannot be evaluated.
pub const MAX_AUDIT: usize = 1_024;

/// What is known about one act when it is decided. The kernel gathers it; nothing in it is the caller's word,
/// except where that can only make the verdict stricter.
#[derive(Clone, Debug, PartialEq, Serialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Facts {
    /// The form of these facts: [`Facts::VERSION`]. Facts of a form that this kernel does not know are denied.
    #[n(0)]
    pub version: u8,
    /// The process that acts.
    #[n(1)]
    pub pid: Pid,
    /// Its own name, which whoever spawned it chose.
    #[n(2)]
    pub name: Name,
    /// The application that it belongs to; none for the kernel and for sessions.
    #[n(3)]
    pub app: Option<Name>,
    /// What is done.
    #[n(4)]
    pub verb: Verb,
    /// What it is done to.
    #[n(5)]
    pub resource: Resource,
    /// The use right that permits it; none where there is none.
    #[n(6)]
    pub grant: Option<Right>,
    /// What the process carries, joined with what the caller said of the payload.
    #[n(7)]
    #[cbor(skip_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The labels that the target may receive without weighing on the effect.
    #[n(8)]
    #[cbor(skip_if = "Labels::is_empty")]
    pub clearance: Labels,
    /// The labels that may not reach the target at all: those above its ceiling. Any of them denies.
    #[n(9)]
    #[cbor(skip_if = "Labels::is_empty")]
    pub blocked: Labels,
    /// The derived effect.
    #[n(10)]
    pub effect: Effect,
    /// Where it comes from.
    #[n(11)]
    pub contributions: Contributions,
    /// The environment, as it was.
    #[cbor(n(12), with = "shared")]
    pub environment: Arc<Environment>,
    /// The version of the charter in force.
    #[n(13)]
    pub charter: u64,
    /// What the limits that bind the process still leave, where something is limited.
    #[n(14)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub accounts: Vec<Level>,
    /// Length of the body with its payload, bytes.
    #[n(15)]
    pub body_len: u64,
    // Number 16 was never written.
    /// Every field of the body that its schema marks for audit: null where the body does not give it. A field that
    /// is not here was not kept.
    #[cbor(n(17), with = "crate::codec::json_map", skip_if = "BTreeMap::is_empty")]
    pub audit: BTreeMap<String, Value>,
    /// The agent that it is, as the catalog names it: what rules and novelty go by. For whatever is no agent (a
    /// session, an application's own process, the kernel) its own name.
    #[n(18)]
    pub agent: Name,
}

impl Facts {
    /// The form that this kernel writes.
    pub const VERSION: u8 = 2;
}

/// The audited part of a body: for each of `fields` its value in `body`, null where it is not given. What is larger
/// than [`MAX_AUDIT`] is left out. Allocates nothing where `fields` is empty.
pub fn audit<'a>(body: &Map<String, Value>, fields: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, Value> {
    let values = fields.into_iter().map(|field| (field.to_owned(), body.get(field).unwrap_or(&Value::Null)));
    values.filter(|(_, value)| size(value) <= MAX_AUDIT).map(|(field, value)| (field, value.clone())).collect()
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| 8 + size(item)).sum(),
        Value::Object(entries) => entries.iter().map(|(key, value)| 8 + key.len() + size(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// An `Arc` as what it holds: sharing is not recorded.
mod shared {
    use minicbor::decode::Error as DecodeError;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decode, Decoder, Encode, Encoder};
    use std::sync::Arc;

    pub(super) fn encode<C, T: Encode<C>, W: Write>(
        value: &Arc<T>,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        T::encode(value, e, ctx)
    }

    pub(super) fn decode<'b, C, T: Decode<'b, C>>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Arc<T>, DecodeError> {
        T::decode(d, ctx).map(Arc::new)
    }
}
