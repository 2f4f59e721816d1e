//! The contract of `Keys` on WebCrypto: a key is made once, stays, signs, and does not leave.

use super::*;
use crate::storage::tests::clear;
use ed25519_dalek::{Signature, VerifyingKey};
use wasm_bindgen_test::wasm_bindgen_test;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

#[wasm_bindgen_test]
async fn a_key_is_made_once_and_stays_and_signs() {
    let kernel = name("keys-stay");
    clear(&kernel).await;
    let first = WebKeys::open(&kernel).await.unwrap();
    assert_eq!(first.find(KeyPurpose::Log).await.unwrap(), None);
    // Looking makes no key: the next that looks finds none either.
    assert_eq!(WebKeys::open(&kernel).await.unwrap().find(KeyPurpose::Log).await.unwrap(), None);
    let public = first.public(KeyPurpose::Log).await.unwrap();
    let signature = first.sign(KeyPurpose::Log, b"checkpoint").await.unwrap();
    let key = VerifyingKey::from_bytes(&public).unwrap();
    key.verify_strict(b"checkpoint", &Signature::from_bytes(&signature)).unwrap();
    drop(first);
    let again = WebKeys::open(&kernel).await.unwrap();
    assert_eq!(again.find(KeyPurpose::Log).await.unwrap(), Some(public));
    let signature = again.sign(KeyPurpose::Log, b"another").await.unwrap();
    key.verify_strict(b"another", &Signature::from_bytes(&signature)).unwrap();
}

#[wasm_bindgen_test]
async fn two_kernels_have_two_keys_and_one_in_memory_is_its_own() {
    let mut all = Vec::new();
    for kernel in ["keys-a", "keys-b"] {
        clear(&name(kernel)).await;
        all.push(WebKeys::open(&name(kernel)).await.unwrap().public(KeyPurpose::Log).await.unwrap());
    }
    all.push(WebKeys::in_memory().await.unwrap().public(KeyPurpose::Log).await.unwrap());
    all.dedup();
    assert_eq!(all.len(), 3);
}

#[wasm_bindgen_test]
async fn the_private_half_is_not_shown_to_anybody() {
    let keys = WebKeys::in_memory().await.unwrap();
    let shown = match keys.subtle.export_key("pkcs8", &keys.pair.private) {
        Ok(promise) => JsFuture::from(promise).await,
        Err(e) => Err(e),
    };
    assert_eq!(name_of(&shown.unwrap_err()), "InvalidAccessError");
}

#[wasm_bindgen_test]
async fn a_key_that_was_stored_first_is_not_written_over() {
    let kernel = name("keys-race");
    clear(&kernel).await;
    let (one, other) = (WebKeys::open(&kernel).await.unwrap(), WebKeys::open(&kernel).await.unwrap());
    let public = one.public(KeyPurpose::Log).await.unwrap();
    other.public(KeyPurpose::Log).await.unwrap_err();
    assert_eq!(WebKeys::open(&kernel).await.unwrap().find(KeyPurpose::Log).await.unwrap(), Some(public));
}
