//! How the body of an act is framed, and envelopes as JSON.

use bytes::Bytes;
use kernel_core::ipc::Envelope;
use kernel_core::ipc::body::{FrameError, MAX_HEADER, MAX_PAYLOAD, join, split};

/// Taking apart loses nothing and keeps to the limits; what was joined splits into its parts.
pub fn body(data: &[u8]) -> bool {
    let bytes = Bytes::copy_from_slice(data);
    let accepted = match split(&bytes) {
        Ok(framed) => {
            assert!(framed.header.len() <= MAX_HEADER && framed.payload.len() <= MAX_PAYLOAD);
            assert!(!framed.header.contains(&b'\n'));
            let rest = data.len() - framed.header.len();
            assert!(rest == 0 && framed.payload.is_empty() || rest == framed.payload.len() + 1);
            true
        }
        Err(FrameError::HeaderTooLong) => {
            assert!(!data[..MAX_HEADER + 1].contains(&b'\n'));
            false
        }
        Err(FrameError::PayloadTooLarge) => {
            assert!(data.len() > MAX_PAYLOAD);
            false
        }
        Err(other) => panic!("another refusal: {other}"),
    };
    if data.len() <= MAX_PAYLOAD {
        let header = serde_json::json!({ "text": String::from_utf8_lossy(&data[..data.len().min(1_000)]) });
        let framed = split(&join(&header, data)).expect("what was joined is framed");
        assert_eq!(&framed.payload[..], data);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&framed.header).ok(), Some(header));
    }
    envelope(data) || accepted
}

fn envelope(data: &[u8]) -> bool {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(data) else { return false };
    let json = serde_json::to_vec(&envelope).expect("an envelope is JSON");
    assert_eq!(serde_json::from_slice::<Envelope>(&json).ok().as_ref(), Some(&envelope));
    true
}
