//! What is written as text everywhere: serde and CBOR for types with `Display` and `FromStr`.

use serde::de::{Error, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// Parses a `T` from a string of any format, without a copy of it.
pub(crate) struct TextVisitor<T>(pub(crate) PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// Counts the bytes that a text will have, so that CBOR can say its length first.
#[derive(Default)]
pub(crate) struct Count(pub(crate) u64);

impl fmt::Write for Count {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0 += s.len() as u64;
        Ok(())
    }
}

/// Writes text straight into a CBOR writer; keeps the writer's own error.
pub(crate) struct Sink<'a, W: minicbor::encode::Write>(pub(crate) &'a mut W, pub(crate) Option<W::Error>);

impl<W: minicbor::encode::Write> fmt::Write for Sink<'_, W> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0.write_all(s.as_bytes()).map_err(|e| {
            self.1 = Some(e);
            fmt::Error
        })
    }
}

/// Encodes `value` as one CBOR text string of exactly its `Display` form, without a `String` between.
pub(crate) fn encode_text<W: minicbor::encode::Write>(
    value: &impl fmt::Display,
    e: &mut minicbor::Encoder<W>,
) -> Result<(), minicbor::encode::Error<W::Error>> {
    use fmt::Write;
    let mut count = Count::default();
    let unprintable = |_| minicbor::encode::Error::message("a text could not be printed");
    write!(count, "{value}").map_err(unprintable)?;
    e.str_len(count.0)?;
    let mut sink = Sink(e.writer_mut(), None);
    match write!(sink, "{value}") {
        Ok(()) => Ok(()),
        Err(err) => Err(sink.1.map_or_else(|| unprintable(err), minicbor::encode::Error::write)),
    }
}

/// Implements serde and minicbor as text by `Display` and `FromStr`.
macro_rules! text_codec {
    ($($type:ty),* $(,)?) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_str($crate::path::TextVisitor(std::marker::PhantomData))
            }
        }

        impl<C> minicbor::Encode<C> for $type {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                $crate::path::encode_text(self, e)
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $type {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let at = d.position();
                d.str()?.parse().map_err(|e| minicbor::decode::Error::message(e).at(at))
            }
        }
    )*};
}

pub(crate) use text_codec;
