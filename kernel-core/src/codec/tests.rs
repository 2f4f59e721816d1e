//! Tests of the codec: the deterministic form against examples of RFC 8949 and by property.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json as j};
use std::collections::BTreeMap;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn float(x: f64) -> Vec<u8> {
    let mut e = minicbor::Encoder::new(Vec::new());
    put_f64(&mut e, x).unwrap();
    e.into_writer()
}

#[derive(Debug, PartialEq, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
struct Json(#[cbor(with = "crate::codec::json")] Value);

#[derive(Debug, PartialEq, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
struct Map(#[cbor(with = "crate::codec::map")] BTreeMap<String, u64>);

#[derive(Debug, PartialEq, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
struct JsonMap(#[cbor(with = "crate::codec::json_map")] BTreeMap<String, Value>);

#[test]
fn deterministic_items_are_accepted() {
    let good = [
        "00",
        "17",
        "1818",
        "18ff",
        "190100",
        "19ffff",
        "1a00010000",
        "1b0000000100000000",
        "1bffffffffffffffff",
        "20",
        "3863",
        "3bffffffffffffffff",
        "40",
        "4401020304",
        "60",
        "62c3bc",
        "80",
        "83010203",
        "a0",
        "a201020304",
        "a2616102616202",
        "a10a81a0",
        "c11a514b67b0",
        "d82045646c696765",
        "f4",
        "f5",
        "f6",
        "f7",
        "f0",
        "f820",
        "f8ff",
        "f90000",
        "f98000",
        "f93c00",
        "f97bff",
        "f90001",
        "f97c00",
        "f9fc00",
        "f97e00",
        "fa47c35000",
        "fa7f7fffff",
        "fb3ff199999999999a",
        "fb7e37e43c8800759c",
        "fbc010666666666666",
    ];
    for text in good {
        assert_eq!(check(&hex(text)), Ok(()), "{text}");
    }
}

#[test]
fn other_forms_are_refused() {
    let bad = [
        ("", "missing"),
        ("1817", "shortest"),
        ("190017", "shortest"),
        ("1900ff", "shortest"),
        ("1a0000ffff", "shortest"),
        ("1b00000000ffffffff", "shortest"),
        ("3817", "shortest"),
        ("5801aa", "shortest"),
        ("780161", "shortest"),
        ("9800", "shortest"),
        ("b800", "shortest"),
        ("d80001", "shortest"),
        ("9fff", "indefinite"),
        ("bfff", "indefinite"),
        ("5fff", "indefinite"),
        ("7fff", "indefinite"),
        ("ff", "break"),
        ("1c", "reserved"),
        ("5d", "reserved"),
        ("fc", "reserved"),
        ("f818", "shortest"),
        ("f800", "shortest"),
        ("f81f", "shortest"),
        ("f97e01", "shortest"),
        ("f9fe00", "shortest"),
        ("fa00000000", "shortest"),
        ("fa3f800000", "shortest"),
        ("fa7fc00000", "shortest"),
        ("fa7f800000", "shortest"),
        ("fb3ff0000000000000", "shortest"),
        ("fb7ff8000000000000", "shortest"),
        ("fb40f86a0000000000", "shortest"),
        ("61ff", "UTF-8"),
        ("a201020102", "repeated"),
        ("a202010102", "order"),
        ("a262616101616102", "order"),
        ("18", "cut"),
        ("19ff", "cut"),
        ("43aabb", "cut"),
        ("5bffffffffffffffff", "cut"),
        ("8101ff", "follow"),
        ("82", "missing"),
        ("a1", "missing"),
        ("a101", "missing"),
        ("c1", "missing"),
        ("fb00", "cut"),
        ("9bffffffffffffffff", "missing"),
    ];
    for (text, why) in bad {
        match check(&hex(text)) {
            Err(CborError::Form { what, .. }) => assert!(what.contains(why), "{text}: {what}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
    assert_eq!(check(&nested(MAX_DEPTH as usize)), Ok(()));
    assert!(check(&nested(MAX_DEPTH as usize + 1)).is_err());
    assert!(check(&vec![0xc1; 1 << 20]).is_err());
}

#[test]
fn every_half_comes_back() {
    for bits in 0..=u16::MAX {
        let bytes = [0xf9, bits.to_be_bytes()[0], bits.to_be_bytes()[1]];
        let x = get_f64(&mut minicbor::Decoder::new(&bytes)).unwrap();
        assert_eq!(check(&bytes).is_ok(), !x.is_nan() || bits == 0x7e00, "{bits:04x}");
        if !x.is_nan() {
            assert_eq!(float(x), bytes, "{bits:04x}");
        }
    }
    assert_eq!(get_f64(&mut minicbor::Decoder::new(&[0xf9, 0x3e, 0x00])).unwrap(), 1.5);
    assert_eq!(get_f64(&mut minicbor::Decoder::new(&[0xf9, 0x00, 0x01])).unwrap(), 5.960464477539063e-8);
    assert!(get_f64(&mut minicbor::Decoder::new(&[0xf9, 0x3e])).is_err());
}

#[test]
fn map_order_is_that_of_the_encoded_keys() {
    let map = Map(BTreeMap::from([("aa".into(), 1), ("b".into(), 2), ("".into(), 3)]));
    let bytes = encode(&map).unwrap();
    assert_eq!(bytes, hex("a3 60 03 6162 02 626161 01"));
    assert_eq!(decode::<Map>(&bytes).unwrap(), map);
    let plain = encode(&map.0);
    assert!(matches!(plain, Err(CborError::Form { .. })), "{plain:?}");
}

#[test]
fn json_comes_back_as_it_went() {
    let value = j!({"zz": [null, true, 1, -1, 1.5, 1.0, u64::MAX, i64::MIN, 0.1], "a": {"b": "ü", "": {}}});
    let bytes = encode(&Json(value.clone())).unwrap();
    assert_eq!(decode::<Json>(&bytes).unwrap().0, value);
    let named = JsonMap(BTreeMap::from([("long".to_owned(), value), ("x".to_owned(), j!(null))]));
    assert_eq!(decode::<JsonMap>(&encode(&named).unwrap()).unwrap(), named);
    for text in ["4100", "c100", "a10000", "f97e00", "f97c00", "3bffffffffffffffff", "f7"] {
        assert!(matches!(decode::<Json>(&hex(text)), Err(CborError::Shape(_))), "{text}");
    }
}

#[test]
fn a_value_fills_its_item() {
    assert_eq!(decode::<u64>(&hex("1864")), Ok(100));
    assert!(decode::<u64>(&hex("6161")).is_err());
    assert!(decode::<u64>(&hex("0000")).is_err());
}

#[test]
fn keys_sort_as_their_parts() {
    let key = KeyWriter::new(0x41).u8(3).u64(0x0102).bytes(b"tail");
    assert_eq!(&key[..], hex("41 03 0000000000000102 7461696c"));
    let mut parts = KeyReader::new(&key, 0x41).unwrap();
    assert_eq!((parts.u8(), parts.u64(), parts.clone().finish()), (Some(3), Some(0x0102), None));
    assert_eq!(parts.bytes(), b"tail");
    assert!(KeyReader::new(&key, 0x42).is_none());
    assert!(KeyReader::new(&[0x41, 0], 0x41).unwrap().u64().is_none());
    let (from, to) = table_range(0x41);
    assert!(from <= key && key < to);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<f32>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn json_has_one_form(value in any_json()) {
        let bytes = encode(&Json(value.clone())).unwrap();
        prop_assert_eq!(decode::<Json>(&bytes).unwrap().0, value);
    }

    /// No two accepted encodings decode to one value: what is accepted re-encodes to itself.
    #[test]
    fn accepted_bytes_are_the_only_form(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        if let Ok(Json(value)) = decode(&bytes) {
            prop_assert_eq!(encode(&Json(value)).unwrap(), bytes);
        }
    }

    #[test]
    fn a_flipped_bit_is_refused_or_another_value(value in any_json(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut bytes = encode(&Json(value.clone())).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(Json(other)) = decode(&bytes) {
            prop_assert_ne!(other.to_string(), value.to_string());
        }
    }

    #[test]
    fn floats_take_the_shortest_width(x in any::<f64>()) {
        let bytes = float(x);
        prop_assert_eq!(check(&bytes), Ok(()));
        let back = get_f64(&mut minicbor::Decoder::new(&bytes)).unwrap();
        prop_assert!(back == x || (back.is_nan() && x.is_nan()));
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = check(&bytes);
        let _ = decode::<Json>(&bytes);
        if let Ok(len) = item(&bytes) {
            prop_assert_eq!(check(&bytes[..len]), Ok(()));
        }
    }
}
