//! Deterministic CBOR: one encoding per value.

use kernel_core::codec::{check, decode, encode, item};
use kernel_core::label::Labels;
use serde_json::Value;

/// Bytes are accepted only where they are what encoding makes.
pub fn body(data: &[u8]) -> bool {
    let whole = check(data).is_ok();
    match item(data) {
        Ok(len) => {
            assert!(len <= data.len());
            assert!(check(&data[..len]).is_ok(), "an item by itself is whole");
            assert_eq!(whole, len == data.len());
        }
        Err(_) => assert!(!whole),
    }
    let json = decode::<Json>(data);
    if let Ok(Json(value)) = &json {
        assert!(whole);
        assert_eq!(encode(&Json(value.clone())).expect("it encodes"), data, "one encoding per value");
    }
    if let Ok(labels) = decode::<Labels>(data) {
        assert_eq!(encode(&labels).expect("it encodes"), data);
    }
    // What JSON can say, CBOR can keep.
    if let Ok(value) = serde_json::from_slice::<Value>(data)
        && let Ok(bytes) = encode(&Json(value.clone()))
    {
        let back = decode::<Json>(&bytes).expect("what was encoded decodes").0;
        assert_eq!(encode(&Json(back)).expect("it encodes"), bytes, "{value}");
        return true;
    }
    whole
}

/// A JSON value in CBOR.
struct Json(Value);

impl<C> minicbor::Encode<C> for Json {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        kernel_core::codec::json::encode(&self.0, e, ctx)
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Json {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        kernel_core::codec::json::decode(d, ctx).map(Json)
    }
}
