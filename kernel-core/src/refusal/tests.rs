//! Codes are one word in JSON, in CBOR and in messages.

use super::*;

#[test]
fn a_code_is_its_word_everywhere() {
    for &code in Code::ALL {
        assert_eq!(serde_json::to_value(code).expect("JSON"), code.as_str());
        let cbor = minicbor::to_vec(code).expect("CBOR");
        assert_eq!(cbor, minicbor::to_vec(code.as_str()).expect("CBOR"));
        assert_eq!(minicbor::decode::<Code>(&cbor).expect("a code"), code);
    }
    assert!(Code::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(Code::ALL.last() == Some(&Code::Failed));
    for wrong in ["Denied", "", "not-found"] {
        assert!(minicbor::decode::<Code>(&minicbor::to_vec(wrong).expect("CBOR")).is_err(), "{wrong}");
    }
}
