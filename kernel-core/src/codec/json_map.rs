//! JSON values by name, for `#[cbor(with = "crate::codec::json_map")]`.

use super::{json, map};
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decoder, Encoder};
use serde_json::Value;
use std::collections::BTreeMap;

/// Writes `values` in deterministic form.
pub fn encode<C, W: Write>(
    values: &BTreeMap<String, Value>,
    e: &mut Encoder<W>,
    ctx: &mut C,
) -> Result<(), EncodeError<W::Error>> {
    map::write(values.iter(), e, ctx, json::encode)
}

/// Reads what [`encode`] wrote.
pub fn decode<'b, C>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<BTreeMap<String, Value>, DecodeError> {
    map::read(d, ctx, json::decode)
}
