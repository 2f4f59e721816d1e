//! A map in deterministic order, for `#[cbor(with = "crate::codec::map")]`.
//!
//! A `BTreeMap` walks its keys in the order of their values; RFC 8949 4.2.1 asks for the order of their
//! encoded bytes, in which a shorter text comes before a longer one.

use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};
use std::collections::BTreeMap;

/// Writes `map` with its keys in deterministic order.
pub fn encode<C, W, K, V>(map: &BTreeMap<K, V>, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>>
where
    W: Write,
    K: Encode<C>,
    V: Encode<C>,
{
    write(map.iter(), e, ctx, |value, e, ctx| value.encode(e, ctx))
}

/// Reads a map of definite length; a repeated key is an error.
pub fn decode<'b, C, K, V>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<BTreeMap<K, V>, DecodeError>
where
    K: Decode<'b, C> + Ord,
    V: Decode<'b, C>,
{
    read(d, ctx, V::decode)
}

/// Writes entries whose values are encoded by `put`.
pub(super) fn write<'a, C, W, K, V>(
    entries: impl ExactSizeIterator<Item = (&'a K, &'a V)>,
    e: &mut Encoder<W>,
    ctx: &mut C,
    put: impl Fn(&V, &mut Encoder<W>, &mut C) -> Result<(), EncodeError<W::Error>>,
) -> Result<(), EncodeError<W::Error>>
where
    W: Write,
    K: Encode<C> + 'a,
    V: 'a,
{
    let mut sorted = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let mut bytes = Encoder::new(Vec::new());
        key.encode(&mut bytes, ctx).map_err(EncodeError::message)?;
        sorted.push((bytes.into_writer(), value));
    }
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    e.map(sorted.len() as u64)?;
    for (key, value) in sorted {
        e.writer_mut().write_all(&key).map_err(EncodeError::write)?;
        put(value, e, ctx)?;
    }
    Ok(())
}

/// Reads entries whose values are decoded by `get`.
pub(super) fn read<'b, C, K, V>(
    d: &mut Decoder<'b>,
    ctx: &mut C,
    mut get: impl FnMut(&mut Decoder<'b>, &mut C) -> Result<V, DecodeError>,
) -> Result<BTreeMap<K, V>, DecodeError>
where
    K: Decode<'b, C> + Ord,
{
    let at = d.position();
    let Some(pairs) = d.map()? else {
        return Err(DecodeError::message("a map of indefinite length").at(at));
    };
    let mut map = BTreeMap::new();
    for _ in 0..pairs {
        let at = d.position();
        let key = K::decode(d, ctx)?;
        if map.insert(key, get(d, ctx)?).is_some() {
            return Err(DecodeError::message("a map key is repeated").at(at));
        }
    }
    Ok(map)
}
