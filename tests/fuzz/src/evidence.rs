//! Receipts and other files of evidence: what `weft verify FILE` reads, from whoever sends it.

use crate::sample;
use kernel_core::chain::{Evidence, MAX_EVENTS, MAX_EVIDENCE, Receipt, VerifierKey};
use kernel_core::kernel::{verify_node, verify_receipt};

/// What is read is written again as it was meant; what holds, holds only as it is, and only with the key.
pub fn body(data: &[u8]) -> bool {
    let evidence = match Evidence::parse(data) {
        Ok(evidence) => evidence,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    assert!(data.len() <= MAX_EVIDENCE);
    assert_eq!(Evidence::parse(evidence.to_json().as_bytes()).as_ref(), Ok(&evidence), "one meaning per file");
    let key = sample::key();
    match &evidence {
        Evidence::Receipt(receipt) => of_receipt(receipt, &key),
        Evidence::Inclusion(inclusion) => {
            assert!(inclusion.verify(None).is_err());
            if let Ok((checkpoint, event)) = inclusion.verify(Some(&key)) {
                assert!(event.seq < checkpoint.size);
                let mut changed = inclusion.clone();
                changed.event.event.push(0);
                assert!(changed.verify(Some(&key)).is_err(), "an event that was changed is proved");
            }
        }
        Evidence::Consistency(consistency) => {
            assert!(consistency.verify(None).is_err());
            if let Ok(checkpoint) = consistency.verify(Some(&key)) {
                assert!(consistency.size <= checkpoint.size);
                let mut changed = consistency.clone();
                changed.root.0[0] ^= 1;
                assert!(changed.verify(Some(&key)).is_err(), "a state that was changed is proved");
            }
        }
        Evidence::Node(proof) => {
            assert!(verify_node(proof, None).is_err());
            if let Ok(proven) = verify_node(proof, Some(&key)) {
                assert!(proven.seq < proven.checkpoint.size);
                let mut changed = proof.clone();
                changed.record = match changed.record {
                    Some(_) => None,
                    None => Some(vec![0xa0]),
                };
                assert!(verify_node(&changed, Some(&key)).is_err(), "a node that was changed is proved");
            }
        }
    }
    true
}

fn of_receipt(receipt: &Receipt, key: &VerifierKey) {
    assert!(receipt.events.len() <= MAX_EVENTS);
    assert_eq!(verify_receipt(receipt, None).expect_err("nobody is trusted").code(), "key_untrusted");
    match verify_receipt(receipt, Some(key)) {
        Ok(proven) => {
            assert!(!proven.events.is_empty());
            let told = proven.explain();
            assert!(!told.intended.is_empty() && !told.outcome.is_empty() && !told.decided.is_empty(), "{told:?}");
            for at in 0..receipt.events.len() {
                let mut changed = receipt.clone();
                if let Some(byte) = changed.events[at].event.last_mut() {
                    *byte ^= 1;
                }
                assert!(verify_receipt(&changed, Some(key)).is_err(), "an event that was changed is proved");
            }
            if let Some(body) = &receipt.body {
                let mut changed = receipt.clone();
                let mut other = body.clone();
                other.salt[0] ^= 1;
                changed.body = Some(other);
                assert!(verify_receipt(&changed, Some(key)).is_err(), "a body that was changed is proved");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.code().is_empty()),
    }
}
