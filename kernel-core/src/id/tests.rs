//! Ids and times are plain numbers in JSON and CBOR.

use super::*;
use crate::time::{Instant, WallTime};

#[test]
fn ids_and_times_are_plain_numbers() {
    for n in [0, 23, 24, u64::MAX] {
        let plain = minicbor::to_vec(n).expect("CBOR");
        assert_eq!(minicbor::to_vec(Pid(n)).expect("CBOR"), plain);
        assert_eq!(minicbor::to_vec(Instant(n)).expect("CBOR"), plain);
        assert_eq!(minicbor::decode::<ActionId>(&plain).expect("a number"), ActionId(n));
        assert_eq!(minicbor::decode::<WallTime>(&plain).expect("a number"), WallTime(n));
        assert_eq!(serde_json::to_value(MessageId(n)).expect("JSON"), n);
    }
    assert!(minicbor::decode::<StreamId>(b"\x20").is_err());
}
