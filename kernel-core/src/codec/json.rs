//! A JSON value as CBOR, for `#[cbor(with = "crate::codec::json")]`.
//!
//! Null, booleans, text, arrays and objects map to their CBOR counterparts, whole numbers from -2^63 to
//! 2^64 - 1 to integers and all others to floats, so that a value comes back as it went. What JSON has
//! no word for (byte strings, tags, text-less keys, NaN) is refused on reading.

use super::{get_f64, map, put_f64};
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decoder, Encoder, data::Type};
use serde_json::{Number, Value};

/// The deepest nesting that is read, the same as that of the JSON parser.
const MAX_DEPTH: u32 = 128;

/// Writes `value` in deterministic form.
pub fn encode<C, W: Write>(value: &Value, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
    match value {
        Value::Null => e.null()?.ok(),
        Value::Bool(x) => e.bool(*x)?.ok(),
        Value::Number(x) => number(x, e),
        Value::String(x) => e.str(x)?.ok(),
        Value::Array(items) => {
            e.array(items.len() as u64)?;
            items.iter().try_for_each(|item| encode(item, e, ctx))
        }
        Value::Object(entries) => {
            let entries: Vec<(&String, &Value)> = entries.iter().collect();
            map::write(entries.into_iter(), e, ctx, encode)
        }
    }
}

/// Reads a value that [`encode`] can write.
pub fn decode<'b, C>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Value, DecodeError> {
    read(d, ctx, 0)
}

fn number<W: Write>(x: &Number, e: &mut Encoder<W>) -> Result<(), EncodeError<W::Error>> {
    if let Some(x) = x.as_u64() {
        e.u64(x)?.ok()
    } else if let Some(x) = x.as_i64() {
        e.i64(x)?.ok()
    } else {
        match x.as_f64() {
            Some(x) => put_f64(e, x),
            None => Err(EncodeError::message("a JSON number outside the range of a double")),
        }
    }
}

fn read<'b, C>(d: &mut Decoder<'b>, ctx: &mut C, depth: u32) -> Result<Value, DecodeError> {
    let at = d.position();
    let refuse = |what: &'static str| DecodeError::message(what).at(at);
    match d.datatype()? {
        Type::Null => d.null().map(|()| Value::Null),
        Type::Bool => d.bool().map(Value::Bool),
        Type::String => d.str().map(Value::from),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => d.u64().map(Value::from),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => d.i64().map(Value::from),
        Type::F16 | Type::F32 | Type::F64 => {
            Number::from_f64(get_f64(d)?).map(Value::Number).ok_or_else(|| refuse("JSON has no such number"))
        }
        Type::Array | Type::Map if depth == MAX_DEPTH => Err(refuse("nested too deeply")),
        Type::Array => {
            let len = d.array()?.ok_or_else(|| refuse("an array of indefinite length"))?;
            (0..len).map(|_| read(d, ctx, depth + 1)).collect::<Result<_, _>>().map(Value::Array)
        }
        Type::Map => {
            let entries = map::read::<C, String, Value>(d, ctx, |d, ctx| read(d, ctx, depth + 1))?;
            Ok(Value::Object(entries.into_iter().collect()))
        }
        _ => Err(refuse("JSON has no such value")),
    }
}
